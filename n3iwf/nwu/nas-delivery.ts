import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { eapNasRequest } from './eap5g.ts';
import { encodeNasEnvelope } from './nas-envelope.ts';

/** Brings a NAS message to the UE by the way that is open: EAP-5G while it authenticates, its NAS connection after. */
export function sendNasToUe(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  if (ue.state === 'starting' || ue.state === 'registering') {
    ue.eapIdentifier = (ue.eapIdentifier + 1) & 0xff;
    const packet = eapNasRequest(ue.eapIdentifier, nasPdu);
    node.ike((engine, now) => engine.sendEap(now, ue.ikeSaId, packet));
  } else if (ue.nasConnected) {
    node.plane.sendNas(node.now(), ue.id, encodeNasEnvelope(nasPdu));
  } else {
    ue.nasQueue.push(nasPdu);
  }
}

/** The UE opened its NAS connection: what waited goes first, in order [TS24502 7.3A]. */
export function onNasOpened(node: Node, ue: UeContext): void {
  ue.nasConnected = true;
  for (const nasPdu of ue.nasQueue.splice(0)) {
    node.plane.sendNas(node.now(), ue.id, encodeNasEnvelope(nasPdu));
  }
}
