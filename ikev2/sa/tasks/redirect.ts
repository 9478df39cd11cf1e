/** REDIRECT: an initiator is sent to another gateway, at first sight, when it is authenticated, or later. [RFC5685 3] */

import { equalOctets } from '../../crypto/octets.ts';
import type { GatewayIdentity } from '../../terms.ts';
import { EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload, SocketAddress } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { armLifetimes } from '../lifetimes.ts';
import type { Node } from '../node.ts';
import { find, findNotify, notify } from '../payloads.ts';
import type { Task } from '../task.ts';
import { addressOctets } from './natd.ts';

/** Gateway identity types, with the octets that an address of the type has. [RFC5685 7.2] */
const GATEWAY_TYPES = [
  { type: 'ipv4', number: 1, length: 4 },
  { type: 'ipv6', number: 2, length: 16 },
  { type: 'fqdn', number: 3, length: undefined },
] as const;
const HEADER = 2;
/** An initiator that was redirected and is still there after so long is deleted, in ms. */
const GRACE = 30_000;

/** Type, length and name of a gateway, and the initiator's nonce where nothing else proves the sender. [RFC5685 7.2] */
export function encodeGateway(
  { type, name }: GatewayIdentity,
  nonce: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const row = GATEWAY_TYPES.find((each) => each.type === type);
  const octets = type === 'fqdn' ? new TextEncoder().encode(name) : addressOctets(name);
  return Uint8Array.from([row?.number ?? 0, octets.length, ...octets, ...nonce]);
}

/** The gateway and what follows it; undefined when it is none that we know how to reach. [RFC5685 7.2] */
export function decodeGateway(data: Uint8Array): { gateway: GatewayIdentity; nonce: Uint8Array } | undefined {
  const [number, length = 0] = data;
  const row = GATEWAY_TYPES.find((each) => each.number === number);
  const octets = data.subarray(HEADER, HEADER + length);
  const fits = length > 0 && octets.length === length && (row?.length ?? length) === length;
  if (row === undefined || !fits) return undefined;
  return {
    gateway: { type: row.type, name: nameOf(row.type, octets) },
    nonce: data.subarray(HEADER + length),
  };
}

/** Whether the sender of a first request can be redirected. [RFC5685 3] */
export function isRedirectable(payloads: readonly Payload[]): boolean {
  return (
    findNotify(payloads, NOTIFY.REDIRECT_SUPPORTED) !== undefined ||
    findNotify(payloads, NOTIFY.REDIRECTED_FROM) !== undefined
  );
}

/** Initiator: that it can be redirected, or from where it was. [RFC5685 4] */
export function redirectNotifies(sa: IkeSa): Payload[] {
  const { redirectedFrom, redirect } = sa.profile ?? {};
  if (redirectedFrom !== undefined) return [notify(NOTIFY.REDIRECTED_FROM, encodeGateway(redirectedFrom))];
  return redirect === true ? [notify(NOTIFY.REDIRECT_SUPPORTED)] : [];
}

/** The owner's word on a first request: the notify that answers it, before anything is kept. [RFC5685 3] */
export function redirectAtOnce(
  node: Node,
  payloads: readonly Payload[],
  remote: SocketAddress,
): NotifyPayload | undefined {
  const nonce = find(payloads, 'Nonce')?.data;
  if (node.ports.redirect === undefined || nonce === undefined || !isRedirectable(payloads)) return undefined;
  const from = findNotify(payloads, NOTIFY.REDIRECTED_FROM)?.data;
  const before = from === undefined ? undefined : decodeGateway(from)?.gateway;
  const gateway = node.ports.redirect(remote, before);
  return gateway === undefined ? undefined : notify(NOTIFY.REDIRECT, encodeGateway(gateway, nonce));
}

/**
 * Initiator: a redirection in answer to our first request ends the attempt, if it knows our nonce: who has not seen the
 * request cannot send us away. [RFC5685 3] False when it is to be ignored.
 */
export function takeRedirect(sa: IkeSa, payloads: readonly Payload[], ownNonce: Uint8Array): boolean {
  const data = findNotify(payloads, NOTIFY.REDIRECT)?.data;
  const decoded = data === undefined ? undefined : decodeGateway(data);
  if (decoded === undefined || sa.profile?.redirect !== true || !equalOctets(decoded.nonce, ownNonce))
    return false;
  sa.emit({ type: 'redirected', ikeSaId: sa.id, gateway: decoded.gateway });
  sa.close('peer', 'the responder sends us to another gateway', NOTIFY.REDIRECT);
  return true;
}

/** Initiator: an authentic redirection, of which the owner hears. [RFC5685 5] */
export function noteRedirect(sa: IkeSa, payloads: readonly Payload[]): boolean {
  const data = findNotify(payloads, NOTIFY.REDIRECT)?.data;
  const decoded = data === undefined ? undefined : decodeGateway(data);
  if (decoded === undefined || sa.profile?.redirect !== true) return false;
  sa.emit({ type: 'redirected', ikeSaId: sa.id, gateway: decoded.gateway });
  return true;
}

/** Responder: sends the initiator of a standing IKE SA elsewhere; it is deleted if the initiator does not. [RFC5685 5] */
export function redirectTask(gateway: GatewayIdentity): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: (sa) =>
      sa.state === 'established' ? [notify(NOTIFY.REDIRECT, encodeGateway(gateway))] : undefined,
    process: (sa) => endSoon(sa),
  };
}

/** Responder: gives a redirected initiator time to leave by itself. */
export function endSoon(sa: IkeSa): void {
  sa.life = { rekeyAt: Number.POSITIVE_INFINITY, expireAt: sa.now + GRACE };
  armLifetimes(sa);
}

/** Text of an address or a name; IPv6 without shortening. */
function nameOf(type: GatewayIdentity['type'], octets: Uint8Array): string {
  if (type === 'fqdn') return new TextDecoder().decode(octets);
  if (type === 'ipv4') return octets.join('.');
  const groups = Array.from(
    { length: 8 },
    (_, at) => ((octets[2 * at] ?? 0) << 8) | (octets[2 * at + 1] ?? 0),
  );
  return groups.map((group) => group.toString(16)).join(':');
}
