import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { sendEapToUe } from './eap-send.ts';
import { eapNasRequest } from './eap5g.ts';
import { encodeNasEnvelope } from './nas-envelope.ts';

/** NAS messages kept for a UE that takes none yet; an AMF has three or four under way at the most. */
export const mostQueuedNas = 32;

/**
 * Brings a NAS message to the UE by the way that is open: EAP-5G while it authenticates, its NAS connection after. One
 * of no octets is dropped: free5GC sends such a thing after each Initial Context Setup.
 */
export function sendNasToUe(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  if (nasPdu.length === 0) {
    node.n2Counters.count('emptyNas');
  } else if (ue.state === 'starting' || ue.state === 'registering') {
    sendNasInEap(node, ue, nasPdu);
  } else if (ue.nasConnected && !node.heldNas.holds(ue)) {
    sendNasOnConnection(node, ue, nasPdu);
  } else {
    queueNas(node, ue, nasPdu);
  }
}

/** Keeps a NAS message until the UE can take it; beyond the most, the newest is the one that is lost. */
export function queueNas(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  if (nasPdu.length === 0) return;
  if (ue.nasQueue.length < mostQueuedNas) {
    ue.nasQueue.push(nasPdu);
    return;
  }
  node.n2Counters.count('nasQueueFull');
  node.log.warn({ ue: ue.id }, 'downlink NAS dropped: the UE takes none');
}

/** A copy of what the UE has just answered crossed that answer on its way: later it would be a question of its own. */
const crossingMs = 2000;

/**
 * EAP has one request under way at a time [RFC3748 2]: what comes while the UE has not answered waits. An AMF that only
 * repeats itself because the UE is slow adds nothing: neither while the UE holds the request, nor when the copy crosses
 * the answer. There the UE would drop it as seen, and an EAP request that nobody answers stops everything.
 */
function sendNasInEap(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  const { nasInEap, eapAnsweredMs } = ue;
  const isFresh = eapAnsweredMs === undefined || node.now() - eapAnsweredMs < crossingMs;
  const earlier = nasInEap !== undefined && isFresh ? [nasInEap, ...ue.nasQueue] : ue.nasQueue;
  if (earlier.some((other) => Buffer.compare(other, nasPdu) === 0)) return;
  if (ue.owesEapAnswer) {
    queueNas(node, ue, nasPdu);
    return;
  }
  ue.nasInEap = nasPdu;
  ue.eapAnsweredMs = undefined;
  ue.eapIdentifier = (ue.eapIdentifier + 1) & 0xff;
  sendEapToUe(node, ue, eapNasRequest(ue.eapIdentifier, nasPdu));
}

/** The UE answered the EAP request: the next NAS message that waited, if any, is its turn. */
export function onEapAnswered(node: Node, ue: UeContext): void {
  ue.eapAnsweredMs = node.now();
  const next = ue.nasQueue.shift();
  if (next !== undefined) sendNasInEap(node, ue, next);
}

/** The UE opened its NAS connection: what waited goes first, in order [TS24502 7.3A]. */
export function onNasOpened(node: Node, ue: UeContext): void {
  ue.nasConnected = true;
  for (const nasPdu of ue.nasQueue.splice(0)) sendNasOnConnection(node, ue, nasPdu);
}

/** By the TCP connection, behind its length [TS24502 9.4]. */
function sendNasOnConnection(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  node.journal.nas(ue.id, nasPdu, 'N3IWF');
  node.plane.sendNas(node.now(), ue.id, encodeNasEnvelope(nasPdu));
}
