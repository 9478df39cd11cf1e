import { encodeTransfer, type PDUSessionResourceReleaseCommand } from '#ngap';
import type { Node } from '../../node.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import type { UeContext } from '../../ue/context.ts';
import { userLocation } from '../user-location.ts';

/** Ends sessions: the UE gets the NAS command, then loses the Child SA; every session named is answered [TS38413 8.2.2]. */
export function onPduSessionResourceReleaseCommand(
  node: Node,
  ue: UeContext,
  ies: PDUSessionResourceReleaseCommand,
): void {
  if (ies.nasPdu !== undefined && ies.nasPdu.length > 0) sendNasToUe(node, ue, ies.nasPdu);
  const ids = ies.pduSessionResourceToReleaseListRelCmd.map((item) => item.pduSessionId);
  for (const id of ids) closeSession(node, ue, id, true);
  node.sendN2({
    message: 'PDUSessionResourceReleaseResponse',
    ies: {
      amfUeNgapId: ies.amfUeNgapId,
      ranUeNgapId: ies.ranUeNgapId,
      pduSessionResourceReleasedListRelRes: ids.map((pduSessionId) => ({
        pduSessionId,
        pduSessionResourceReleaseResponseTransfer: encodeTransfer(
          'PDUSessionResourceReleaseResponseTransfer',
          {},
        ),
      })),
      userLocationInformation: userLocation(ue),
    },
  });
}

/** Takes a session out of the user plane; `tellUe` also deletes its Child SA. */
export function closeSession(node: Node, ue: UeContext, pduSessionId: number, tellUe: boolean): void {
  const session = ue.sessions.get(pduSessionId);
  if (session === undefined) return;
  ue.sessions.delete(pduSessionId);
  node.plane.removePduSession(ue.id, pduSessionId);
  node.teids.release(session.dlTeid);
  const { childSaId } = session;
  if (childSaId === undefined) return;
  node.plane.removeChildSa(childSaId);
  if (tellUe) node.ike((engine, now) => engine.deleteChildSa(now, ue.ikeSaId, childSaId));
}
