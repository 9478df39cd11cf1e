import type { Cause } from '#ngap';
import type { Node } from '../node.ts';
import type { Amf } from './amf/amf.ts';

/** The numbers of a UE, as far as a message told them. */
export interface UeIds {
  readonly amfUeNgapId?: number;
  readonly ranUeNgapId?: number;
}

/** Tells an AMF that a message of it could not be obeyed [TS38413 8.7.5]. */
export function sendErrorIndication(node: Node, amf: Amf, ids: UeIds, cause: Cause): void {
  node.log.warn({ ...ids, cause: cause.value }, 'sending an error indication to the AMF');
  const { amfUeNgapId, ranUeNgapId } = ids;
  const ies = {
    ...(amfUeNgapId === undefined ? {} : { amfUeNgapId }),
    ...(ranUeNgapId === undefined ? {} : { ranUeNgapId }),
    cause,
  };
  node.sendN2({ message: 'ErrorIndication', ies }, amf);
}
