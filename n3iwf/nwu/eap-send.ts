import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { eapSuccess } from './eap5g.ts';

/** Sends an EAP packet to a UE that authenticates; `msk` goes with EAP-Success, and only into the engine. */
export function sendEapToUe(node: Node, ue: UeContext, packet: Uint8Array, msk?: Uint8Array): void {
  node.journal.eapSent(ue.ikeSaId, packet);
  node.ike((engine, now) => engine.sendEap(now, ue.ikeSaId, packet, msk));
}

/** Ends EAP with K_N3IWF, 32 octets, as its key [TS24502 7.3.3]; they are copied. */
export function sendEapSuccess(node: Node, ue: UeContext, key: Uint8Array): void {
  sendEapToUe(node, ue, eapSuccess(ue.eapIdentifier), key);
}
