import { IP_PROTOCOL } from './ip.ts';

const syn = 0x02;
const endOfOptions = 0;
const noOperation = 1;
const maximumSegmentSize = 2;

/**
 * Lowers the segment size that a TCP SYN of an IP packet offers to what fits into packets of `mtu` octets, in place and
 * with the checksum updated [RFC1624 3]. Every other packet, and every option that does not add up, stays as it is.
 */
export function clampMss(packet: Uint8Array, mtu: number): void {
  const tcpAt = tcpOffset(packet);
  if (tcpAt < 0 || packet.length < tcpAt + 20 || ((packet[tcpAt + 13] ?? 0) & syn) === 0) return;
  const at = mssOffset(packet, tcpAt);
  if (at < 0) return;
  const offered = word(packet, at);
  const largest = mtu - tcpAt - 20;
  if (offered <= largest || largest < 1) return;
  putWord(packet, at, largest);
  // The option may begin at an odd octet: then its halves count in swapped places.
  const isOdd = (at - tcpAt) % 2 === 1;
  const [old, now] = isOdd ? [swapped(offered), swapped(largest)] : [offered, largest];
  putWord(packet, tcpAt + 16, updatedChecksum(word(packet, tcpAt + 16), old, now));
}

/** Where TCP begins in an unfragmented IPv4 packet, or an IPv6 packet without extension headers; -1 elsewhere. */
function tcpOffset(packet: Uint8Array): number {
  const first = packet[0] ?? 0;
  if (first >>> 4 === 6) return packet[6] === IP_PROTOCOL.TCP ? 40 : -1;
  const isFragment = (((packet[6] ?? 0) & 0x1f) | (packet[7] ?? 0)) !== 0;
  if (first >>> 4 !== 4 || packet[9] !== IP_PROTOCOL.TCP || isFragment) return -1;
  return (first & 0x0f) * 4;
}

/** Where the value of the MSS option stands; -1 without one. Each step is at least one octet. */
function mssOffset(packet: Uint8Array, tcpAt: number): number {
  const end = Math.min(packet.length, tcpAt + ((packet[tcpAt + 12] ?? 0) >>> 4) * 4);
  for (let at = tcpAt + 20; at + 3 < end; ) {
    const kind = packet[at];
    const length = packet[at + 1] ?? 0;
    if (kind === endOfOptions) return -1;
    if (kind === maximumSegmentSize) return length === 4 ? at + 2 : -1;
    if (kind !== noOperation && length < 2) return -1;
    at += kind === noOperation ? 1 : length;
  }
  return -1;
}

function word(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

function putWord(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 8;
  octets[at + 1] = value;
}

function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

/** HC' = ~(~HC + ~m + m') [RFC1624 3]. */
function updatedChecksum(checksum: number, old: number, now: number): number {
  let sum = (~checksum & 0xffff) + (~old & 0xffff) + now;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
