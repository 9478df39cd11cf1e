import { decodeTransfer, encodeTransfer, type MessageIes } from '#ngap';
import type { Node } from '../../node.ts';
import type { PduSession, UeContext } from '../../ue/context.ts';
import { readTunnel, writeTunnel } from '../tunnels.ts';

type Confirm = MessageIes<'PDUSessionResourceModifyConfirm'>;

/**
 * Asks the SMF to send a session's downlink to another TEID of ours. Both are heard until the SMF answers, so that no
 * packet is lost on the way [TS38413 8.2.5].
 *
 * @returns false when the session is not there, is moving already, or no TEID is left
 */
export function moveDownlinkTunnel(node: Node, ue: UeContext, pduSessionId: number): boolean {
  const session = ue.sessions.get(pduSessionId);
  if (session === undefined || ue.amfUeNgapId === undefined || ue.tunnelMoves.has(pduSessionId)) return false;
  const teid = node.teids.allocate();
  if (teid === undefined) return false;
  ue.tunnelMoves.set(pduSessionId, teid);
  node.plane.addDownlinkTeid(ue.id, pduSessionId, teid);
  node.awaitAnswer(ue, 'PDUSessionResourceModifyConfirm');
  const transfer = encodeTransfer('PDUSessionResourceModifyIndicationTransfer', {
    dlQosFlowPerTnlInformation: {
      upTransportLayerInformation: writeTunnel({ address: session.n3Address, teid }),
      associatedQosFlowList: [...session.flows.keys()].map((qosFlowIdentifier) => ({ qosFlowIdentifier })),
    },
  });
  node.sendN2({
    message: 'PDUSessionResourceModifyIndication',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      pduSessionResourceModifyListModInd: [
        { pduSessionId, pduSessionResourceModifyIndicationTransfer: transfer },
      ],
      userLocationInformation: node.locate(ue.remote),
    },
  });
  return true;
}

/** The SMF's word on each session: the new tunnel from now on, or the one from before [TS38413 8.2.5.2]. */
export function onPduSessionResourceModifyConfirm(node: Node, ue: UeContext, ies: Confirm): void {
  node.answered(ue, 'PDUSessionResourceModifyConfirm');
  for (const item of ies.pduSessionResourceModifyListModCfm ?? []) confirmed(node, ue, item);
  // a session that the answer names as failed, or not at all, keeps its tunnel
  keepDownlinkTunnels(node, ue);
}

/** Gives up every move that is under way: the sessions keep the tunnels that they had. */
export function keepDownlinkTunnels(node: Node, ue: UeContext): void {
  for (const [pduSessionId, teid] of ue.tunnelMoves) {
    node.log.warn({ ue: ue.id, pduSession: pduSessionId }, 'the downlink tunnel of the session stays');
    node.plane.removeDownlinkTeid(teid);
    node.teids.release(teid);
  }
  ue.tunnelMoves.clear();
}

type ConfirmItem = NonNullable<Confirm['pduSessionResourceModifyListModCfm']>[number];

/** An answer that cannot be read, or names a tunnel out of reach, is none: the move is given up [TS38413 10.4]. */
function confirmed(node: Node, ue: UeContext, item: ConfirmItem): void {
  const { pduSessionId, pduSessionResourceModifyConfirmTransfer } = item;
  const session = ue.sessions.get(pduSessionId);
  const teid = ue.tunnelMoves.get(pduSessionId);
  const transfer = decodeTransfer(
    'PDUSessionResourceModifyConfirmTransfer',
    pduSessionResourceModifyConfirmTransfer,
  );
  if (session === undefined || teid === undefined || !transfer.ok) return;
  const ulTunnel = readTunnel(transfer.value.ulNguUpTnlInformation, session.n3Address);
  if (ulTunnel === undefined) return;
  ue.tunnelMoves.delete(pduSessionId);
  moveTo(node, ue, session, teid, ulTunnel);
}

function moveTo(
  node: Node,
  ue: UeContext,
  session: PduSession,
  teid: number,
  ulTunnel: PduSession['ulTunnel'],
): void {
  const old = session.dlTeid;
  session.dlTeid = teid;
  session.ulTunnel = ulTunnel;
  node.plane.updatePduSession(ue.id, session.id, { dlTeid: teid, ulTunnel });
  node.teids.release(old);
}
