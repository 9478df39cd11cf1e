import { type Cause, encodeTransfer } from '#ngap';
import type { Node } from '../../node.ts';
import type { PduSession, UeContext } from '../../ue/context.ts';
import type { TunnelLoss } from '../../userplane/types.ts';
import { closeSession } from './pdu-session-resource-release.ts';

/** Sessions that cannot go on end here, at the UE too, and their SMFs hear of it by the AMF in one message [TS38413 8.2.4]. */
export function releaseSessions(node: Node, ue: UeContext, ids: readonly number[], cause: Cause): void {
  const gone = ids.filter((id) => ue.sessions.has(id));
  for (const id of gone) closeSession(node, ue, id, true);
  if (gone.length === 0 || ue.amfUeNgapId === undefined || ue.releaseCommanded) return;
  const transfer = encodeTransfer('PDUSessionResourceNotifyReleasedTransfer', { cause });
  node.sendN2({
    message: 'PDUSessionResourceNotify',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      pduSessionResourceReleasedListNot: gone.map((pduSessionId) => ({
        pduSessionId,
        pduSessionResourceNotifyReleasedTransfer: transfer,
      })),
      userLocationInformation: node.locate(ue.remote),
    },
  });
}

/**
 * What the UPF has forgotten, or cannot be reached for, the SMF must set up anew: the sessions end here and the AMF is
 * told, so that the UE does not keep what carries nothing [TS29281 7.3.1] [TS23527 5.2.2].
 */
export function tunnelsLost(node: Node, ue: UeContext, ids: readonly number[], loss: TunnelLoss): void {
  node.log.error({ ue: ue.id, pduSessions: ids, loss }, 'sessions have lost their tunnels to the UPF');
  releaseSessions(node, ue, ids, { choice: 'transport', value: 'transport-resource-unavailable' });
}

/** The UE took a Child SA away that carried flows of its own: those end, and with the last of them the session [TS38413 8.2.4]. */
export function releaseFlows(
  node: Node,
  ue: UeContext,
  session: PduSession,
  qfis: readonly number[],
  cause: Cause,
): void {
  const gone = qfis.filter((qfi) => session.flows.has(qfi));
  if (gone.length === 0) return;
  if (gone.length === session.flows.size) {
    releaseSessions(node, ue, [session.id], cause);
    return;
  }
  session.flows = new Map([...session.flows].filter(([qfi]) => !gone.includes(qfi)));
  node.plane.updatePduSession(ue.id, session.id, { qfis: [...session.flows.keys()] });
  if (ue.amfUeNgapId === undefined || ue.releaseCommanded) return;
  const transfer = encodeTransfer('PDUSessionResourceNotifyTransfer', {
    qosFlowReleasedList: gone.map((qosFlowIdentifier) => ({ qosFlowIdentifier, cause })),
  });
  node.sendN2({
    message: 'PDUSessionResourceNotify',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      pduSessionResourceNotifyList: [
        { pduSessionId: session.id, pduSessionResourceNotifyTransfer: transfer },
      ],
      userLocationInformation: node.locate(ue.remote),
    },
  });
}
