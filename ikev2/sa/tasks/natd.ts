/** NAT detection and the move to the NAT-T port. [RFC7296 2.23] */

import { hash } from 'node:crypto';
import { NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload, SocketAddress } from '../../wire/types.ts';
import { findNotify, notify } from '../payloads.ts';

/** SHA-1 of SPIs, address and port, as the standard fixes it whatever the suite is. */
export function natDetectionHash(spiI: Uint8Array, spiR: Uint8Array, at: SocketAddress): Uint8Array {
  const address = addressOctets(at.address);
  const input = new Uint8Array(18 + address.length);
  input.set(spiI);
  input.set(spiR, 8);
  input.set(address, 16);
  input[16 + address.length] = at.port >> 8;
  input[17 + address.length] = at.port;
  return hash('sha1', input, 'buffer');
}

/** The two notifies of our IKE_SA_INIT message. With `force` the source fits no address, so the peer sees a NAT. */
export function natDetectionNotifies(
  spiI: Uint8Array,
  spiR: Uint8Array,
  local: SocketAddress,
  remote: SocketAddress,
  force: boolean,
): NotifyPayload[] {
  const source = natDetectionHash(spiI, spiR, force ? { address: '0.0.0.0', port: 0 } : local);
  return [
    notify(NOTIFY.NAT_DETECTION_SOURCE_IP, source),
    notify(NOTIFY.NAT_DETECTION_DESTINATION_IP, natDetectionHash(spiI, spiR, remote)),
  ];
}

/** Who sits behind a NAT, by the peer's IKE_SA_INIT message; nobody when it does not detect. */
export function detectNat(
  payloads: readonly Payload[],
  spiI: Uint8Array,
  spiR: Uint8Array,
  local: SocketAddress,
  remote: SocketAddress,
): { local: boolean; remote: boolean } {
  const destination = findNotify(payloads, NOTIFY.NAT_DETECTION_DESTINATION_IP);
  const sources = payloads.filter(
    (each) => each.type === 'Notify' && each.notifyType === NOTIFY.NAT_DETECTION_SOURCE_IP,
  ) as NotifyPayload[];
  const expected = natDetectionHash(spiI, spiR, remote);
  return {
    local: destination !== undefined && !equal(destination.data, natDetectionHash(spiI, spiR, local)),
    // A peer with several addresses may send several hashes of them.
    remote: sources.length > 0 && !sources.some(({ data }) => equal(data, expected)),
  };
}

/** 4 or 16 octets of a textual address; an IPv4-mapped IPv6 address counts as IPv4. */
export function addressOctets(address: string): Uint8Array {
  const mapped = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  if (!mapped.includes(':')) return Uint8Array.from(mapped.split('.', 4), Number);
  const [head = '', tail] = (mapped.split('%')[0] ?? '').split('::');
  const groups = (part: string): number[] =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = groups(tail ?? '');
  const all = [...front, ...new Array(Math.max(0, 8 - front.length - back.length)).fill(0), ...back];
  return Uint8Array.from(all.slice(0, 8).flatMap((group) => [group >> 8, group & 0xff]));
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
