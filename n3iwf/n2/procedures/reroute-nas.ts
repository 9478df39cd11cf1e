import { decodeNgap, type MessageIes } from '#ngap';
import type { Node } from '../../node.ts';
import type { Amf } from '../amf/amf.ts';
import { bitsToNumber } from '../amf/guami.ts';
import { sendErrorIndication } from '../error-indication.ts';

/**
 * The AMF cannot serve a UE and names an AMF set that can: the UE's first message goes on to one of that set, with what
 * the first AMF found out about its slices [TS38413 8.6.5.2]. Without such an AMF the UE ends.
 */
export function onRerouteNasRequest(node: Node, from: Amf, ies: MessageIes<'RerouteNASRequest'>): void {
  const ids = { ranUeNgapId: ies.ranUeNgapId };
  const ue = node.ues.ofId(ies.ranUeNgapId);
  if (ue === undefined || ue.amf !== from) {
    sendErrorIndication(node, from, ids, { choice: 'radioNetwork', value: 'unknown-local-UE-NGAP-ID' });
    return;
  }
  const initial = decodeNgap(ies.ngapMessage);
  if (!initial.ok || initial.value.message !== 'InitialUEMessage') {
    sendErrorIndication(node, from, ids, { choice: 'protocol', value: 'semantic-error' });
    node.release(ue, {
      group: 'protocol',
      cause: 'semantic-error',
      text: 'a rerouted message is unreadable',
    });
    return;
  }
  // The first AMF may have given the UE a number; it is none of the next one's.
  ue.amfUeNgapId = undefined;
  const setId = bitsToNumber(ies.amfSetId);
  const { guami: _, ...wish } = ue.amfWish ?? { cause: 'mo-Signalling', slices: [] };
  const choice = node.amfs.select({ ...wish, setId, not: [from] });
  if (!('amf' in choice)) {
    node.release(ue, { group: 'misc', cause: 'unspecified', text: `no AMF of set ${setId}: ${choice.none}` });
    return;
  }
  ue.amf = choice.amf;
  node.log.info({ ue: ue.id, from: from.name, to: choice.amf.name }, 'the UE was sent on to another AMF');
  const { amfSetId, allowedNssai, sourceToTargetAmfInformationReroute: reroute } = ies;
  node.sendN2({
    message: 'InitialUEMessage',
    ies: {
      ...initial.value.ies,
      ranUeNgapId: ue.ranUeNgapId,
      amfSetId,
      ...(allowedNssai === undefined ? {} : { allowedNssai }),
      ...(reroute === undefined ? {} : { sourceToTargetAmfInformationReroute: reroute }),
    },
  });
}
