import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';

/** Sends an EAP packet to a UE that authenticates; `msk` goes with EAP-Success, and only into the engine. */
export function sendEapToUe(node: Node, ue: UeContext, packet: Uint8Array, msk?: Uint8Array): void {
  node.journal.eapSent(ue.ikeSaId, packet);
  node.ike((engine, now) => engine.sendEap(now, ue.ikeSaId, packet, msk));
}
