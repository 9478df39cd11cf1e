import { type Cause, encodeTransfer } from '#ngap';
import type { Node } from '../../node.ts';
import type { PduSession, UeContext } from '../../ue/context.ts';
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
      userLocationInformation: node.locate(ue.remote),
    },
  });
}

/** What the UPF has forgotten, the SMF must set up anew: the session ends here and the AMF is told [TS29281 7.3.1]. */
export function tunnelLost(node: Node, ue: UeContext, pduSession: number): void {
  node.log.error({ ue: ue.id, pduSession }, 'the UPF has lost the tunnel of a session');
  releaseSession(node, ue, pduSession, { choice: 'transport', value: 'transport-resource-unavailable' });
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
    releaseSession(node, ue, session.id, cause);
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
