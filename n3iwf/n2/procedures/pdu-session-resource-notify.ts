import { type Cause, encodeTransfer } from '#ngap';
import type { Node } from '../../node.ts';
import type { UeContext } from '../../ue/context.ts';
import { userLocation } from '../user-location.ts';
import { closeSession } from './pdu-session-resource-release.ts';

/** The UE took the session's Child SA away: the session ends here, and the SMF hears of it by the AMF [TS38413 8.2.4]. */
export function releaseSession(node: Node, ue: UeContext, pduSessionId: number, cause: Cause): void {
  closeSession(node, ue, pduSessionId, true);
  if (ue.amfUeNgapId === undefined || ue.releaseCommanded) return;
  const transfer = encodeTransfer('PDUSessionResourceNotifyReleasedTransfer', { cause });
  node.sendN2({
    message: 'PDUSessionResourceNotify',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      pduSessionResourceReleasedListNot: [
        { pduSessionId, pduSessionResourceNotifyReleasedTransfer: transfer },
      ],
      userLocationInformation: userLocation(ue),
    },
  });
}
