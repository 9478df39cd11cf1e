/** An AMF that has forgotten UEs of this node: they end here, too, and start anew. */
import type { MessageIes } from '#ngap';
import type { Node } from '../node.ts';
import type { Amf } from './amf/amf.ts';

/** The AMF is gone and has forgotten its UEs: they go too, those of other AMFs stay. */
export function amfLost(node: Node, amf: Amf): void {
  amf.ready = false;
  for (const ue of [...node.ues]) {
    if (ue.amf !== amf) continue;
    ue.amfUeNgapId = undefined;
    node.release(ue, {
      group: 'transport',
      cause: 'unspecified',
      text: 'the association with the AMF is lost',
    });
  }
}

/** The AMF reset UEs, all of its own or those named by either number: they end here too [TS38413 8.7.4.2]. */
export function resetByAmf(node: Node, amf: Amf, { resetType }: MessageIes<'NGReset'>): void {
  const named = resetType.choice === 'partOfNgInterface' ? resetType.value : undefined;
  for (const ue of [...node.ues]) {
    if (ue.amf !== amf) continue;
    const isNamed = named?.some(
      ({ amfUeNgapId, ranUeNgapId }) =>
        (amfUeNgapId !== undefined && amfUeNgapId === ue.amfUeNgapId) || ranUeNgapId === ue.ranUeNgapId,
    );
    if (isNamed === false) continue;
    ue.amfUeNgapId = undefined;
    node.release(ue, { group: 'transport', cause: 'unspecified', text: 'the AMF reset the NG interface' });
  }
}
