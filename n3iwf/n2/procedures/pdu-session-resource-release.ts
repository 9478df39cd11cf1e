import { encodeTransfer, type PDUSessionResourceReleaseCommand } from '#ngap';
import type { Node } from '../../node.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import { endSessionChange } from '../../nwu/session-change.ts';
import { callOffChildSas, removeChildSas } from '../../nwu/session-child-sas.ts';
import type { UeContext } from '../../ue/context.ts';
import type { Report } from '../report.ts';
import { abandonSetup, setupCauses } from './pdu-session-resource-setup.ts';

/**
 * Ends sessions: the UE gets the NAS command, then loses the Child SAs. Every session named is answered once, whether it
 * was there or not, so that the SMF can let go of it [TS38413 8.2.2].
 */
export function onPduSessionResourceReleaseCommand(
  node: Node,
  ue: UeContext,
  ies: PDUSessionResourceReleaseCommand,
  report: Report,
): void {
  if (ies.nasPdu !== undefined) sendNasToUe(node, ue, ies.nasPdu);
  const ids = new Set(ies.pduSessionResourceToReleaseListRelCmd.map((item) => item.pduSessionId));
  for (const id of ids) {
    abandonSetup(node, ue, id, setupCauses.interrupted);
    closeSession(node, ue, id, true);
  }
  const transfer = encodeTransfer('PDUSessionResourceReleaseResponseTransfer', {});
  node.sendN2({
    message: 'PDUSessionResourceReleaseResponse',
    ies: {
      amfUeNgapId: ies.amfUeNgapId,
      ranUeNgapId: ies.ranUeNgapId,
      pduSessionResourceReleasedListRelRes: [...ids].map((pduSessionId) => ({
        pduSessionId,
        pduSessionResourceReleaseResponseTransfer: transfer,
      })),
      userLocationInformation: node.locate(ue.remote),
      ...report,
    },
  });
}

/** Takes a session out of the user plane with all that was under way for it; `tellUe` also deletes its Child SAs. */
export function closeSession(node: Node, ue: UeContext, pduSessionId: number, tellUe: boolean): void {
  const session = ue.sessions.get(pduSessionId);
  if (session === undefined) return;
  ue.sessions.delete(pduSessionId);
  node.plane.removePduSession(ue.id, pduSessionId);
  node.teids.release(session.dlTeid);
  const moving = ue.tunnelMoves.get(pduSessionId);
  ue.tunnelMoves.delete(pduSessionId);
  if (moving !== undefined) {
    node.plane.removeDownlinkTeid(moving);
    node.teids.release(moving);
  }
  callOffChildSas(ue, session);
  for (const [tag, change] of ue.sessionChanges)
    if (change.pduSessionId === pduSessionId) endSessionChange(ue, tag, true);
  removeChildSas(node, ue, session.childSaIds, tellUe);
}
