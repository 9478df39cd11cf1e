import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { eapNasRequest } from './eap5g.ts';
import { encodeNasEnvelope } from './nas-envelope.ts';

/** Brings a NAS message to the UE by the way that is open: EAP-5G while it authenticates, its NAS connection after. */
export function sendNasToUe(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  if (ue.state === 'starting' || ue.state === 'registering') {
    sendNasInEap(node, ue, nasPdu);
  } else if (ue.nasConnected) {
    node.plane.sendNas(node.now(), ue.id, encodeNasEnvelope(nasPdu));
  } else {
    ue.nasQueue.push(nasPdu);
  }
}

/**
 * EAP has one request under way at a time [RFC3748 2]: what comes while the UE has not answered waits, and an AMF that
 * only repeats itself because the UE is slow adds nothing to the request that the UE holds already.
 */
function sendNasInEap(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  if (ue.nasInEap !== undefined) {
    const isRepeat = [ue.nasInEap, ...ue.nasQueue].some((other) => Buffer.compare(other, nasPdu) === 0);
    if (!isRepeat) ue.nasQueue.push(nasPdu);
    return;
  }
  ue.nasInEap = nasPdu;
  ue.eapIdentifier = (ue.eapIdentifier + 1) & 0xff;
  const packet = eapNasRequest(ue.eapIdentifier, nasPdu);
  node.ike((engine, now) => engine.sendEap(now, ue.ikeSaId, packet));
}

/** The UE answered the EAP request: the next NAS message that waited, if any, is its turn. */
export function onEapAnswered(node: Node, ue: UeContext): void {
  ue.nasInEap = undefined;
  const next = ue.nasQueue.shift();
  if (next !== undefined) sendNasInEap(node, ue, next);
}

/** The UE opened its NAS connection: what waited goes first, in order [TS24502 7.3A]. */
export function onNasOpened(node: Node, ue: UeContext): void {
  ue.nasConnected = true;
  for (const nasPdu of ue.nasQueue.splice(0)) {
    node.plane.sendNas(node.now(), ue.id, encodeNasEnvelope(nasPdu));
  }
}
