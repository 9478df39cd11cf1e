import type { ChildSa } from '#ikev2';
import { greHeaderLength } from '../nwu/gre.ts';
import { requireAddress } from './address.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { IP_PROTOCOL, ipHeaderLength, writeIpHeader } from './ip.ts';
import type { EspSizes } from './nwu-side.ts';

const udpHeader = 8;
const espHeader = 8;
const espTrailer = 2;

/**
 * Octets of the largest packet that fits with its ESP trailer into an IP packet of `mtu`: tunnel mode, in UDP or not.
 * `outer` is an address of the path, 4 or 16 octets.
 */
export function largestEspPayload(mtu: number, cipher: EspSizes, outer: Uint8Array, udp: boolean): number {
  const room =
    mtu - ipHeaderLength(outer) - (udp ? udpHeader : 0) - espHeader - cipher.ivLength - cipher.icvLength;
  const block = Math.max(4, cipher.blockSize);
  return Math.max(0, Math.floor(room / block) * block - espTrailer);
}

/**
 * Octets of the largest user packet that fits the path to a UE in ESP and GRE; infinite where no MTU is known. `inner`
 * is an address of the UE inside its tunnels, 4 or 16 octets.
 */
export function largestUserPacket(
  mtu: number | undefined,
  { remote, udpEncapsulation }: Pick<ChildSa, 'remote' | 'udpEncapsulation'>,
  sizes: EspSizes,
  inner: Uint8Array,
): number {
  if (mtu === undefined) return Number.POSITIVE_INFINITY;
  const payload = largestEspPayload(mtu, sizes, requireAddress(remote.address), udpEncapsulation);
  return payload - ipHeaderLength(inner) - greHeaderLength;
}

/** Least MTUs of the two versions: no answer may ask for less [RFC791 3.2], [RFC8200 5]. */
const leastMtu = { 4: 68, 6: 1280 } as const;

/** Octets of the offending packet that an answer repeats: all answers stay below the least IPv6 MTU. */
const quotedOctets = 548;

/** ICMP types that report errors, to which no error may answer [RFC1122 3.2.2]. */
const icmpErrors: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);

/**
 * The ICMP message that tells a packet's sender that only `mtu` octets fit: "fragmentation needed" [RFC1191 4] or
 * "packet too big" [RFC4443 3.2]. It comes from where the packet was headed, as this node has no address in the user's
 * network. Undefined where no answer is due: to errors, later fragments, groups and what is no whole IP header.
 */
export function tooBigAnswer(packet: Uint8Array, mtu: number): Uint8Array | undefined {
  const version = (packet[0] ?? 0) >>> 4;
  if (version === 4) return tooBigV4(packet, Math.max(mtu, leastMtu[4]));
  if (version === 6) return tooBigV6(packet, Math.max(mtu, leastMtu[6]));
  return undefined;
}

function tooBigV4(packet: Uint8Array, mtu: number): Uint8Array | undefined {
  const headerLength = ((packet[0] ?? 0) & 0x0f) * 4;
  if (headerLength < 20 || packet.length < headerLength + 8) return undefined;
  const isLaterFragment = (((packet[6] ?? 0) & 0x1f) | (packet[7] ?? 0)) !== 0;
  const isError = packet[9] === IP_PROTOCOL.ICMP && icmpErrors.has(packet[headerLength] ?? 0);
  if (isLaterFragment || isError || (packet[16] ?? 0) >= 224) return undefined;
  const quoted = packet.subarray(0, quotedOctets);
  const answer = new Uint8Array(28 + quoted.length);
  writeIpHeader(
    answer,
    0,
    packet.subarray(16, 20),
    packet.subarray(12, 16),
    IP_PROTOCOL.ICMP,
    8 + quoted.length,
  );
  answer[20] = 3;
  answer[21] = 4;
  answer[26] = mtu >>> 8;
  answer[27] = mtu;
  answer.set(quoted, 28);
  putChecksum(answer, 22, finishChecksum(sumWords(answer, 20, answer.length)));
  return answer;
}

function tooBigV6(packet: Uint8Array, mtu: number): Uint8Array | undefined {
  if (packet.length < 48) return undefined;
  const isError = packet[6] === IP_PROTOCOL.ICMPV6 && (packet[40] ?? 0) < 128;
  // "Packet too big" does answer groups, but the group is no address to answer from.
  if (isError || packet[24] === 0xff || packet[8] === 0xff) return undefined;
  const quoted = packet.subarray(0, quotedOctets);
  const answer = new Uint8Array(48 + quoted.length);
  const [source, destination] = [packet.subarray(24, 40), packet.subarray(8, 24)];
  writeIpHeader(answer, 0, source, destination, IP_PROTOCOL.ICMPV6, 8 + quoted.length);
  answer[40] = 2;
  answer[46] = mtu >>> 8;
  answer[47] = mtu;
  answer.set(quoted, 48);
  const pseudo = pseudoHeaderSum(source, destination, IP_PROTOCOL.ICMPV6, 8 + quoted.length);
  putChecksum(answer, 42, finishChecksum(sumWords(answer, 40, answer.length, pseudo)));
  return answer;
}

/**
 * Cuts an IPv4 packet whose sender allows it into fragments of at most `mtu` octets [RFC791 3.2]. Undefined where it
 * must not be cut: Don't Fragment, IPv6, or no whole header.
 */
export function fragmentsOf(packet: Uint8Array, mtu: number): Uint8Array[] | undefined {
  const headerLength = ((packet[0] ?? 0) & 0x0f) * 4;
  const flags = packet[6] ?? 0;
  const isCuttable = (packet[0] ?? 0) >>> 4 === 4 && (flags & 0x40) === 0;
  // Options that must not be in every fragment would have to be taken out: such packets are not worth it.
  const step = (mtu - headerLength) & ~7;
  if (!isCuttable || headerLength !== 20 || packet.length < headerLength || step < 8) return undefined;
  const total = Math.min(packet.length, ((packet[2] ?? 0) << 8) | (packet[3] ?? 0));
  const firstOffset = ((flags & 0x1f) << 8) | (packet[7] ?? 0);
  const fragments: Uint8Array[] = [];
  for (let at = headerLength; at < total; at += step) {
    const end = Math.min(total, at + step);
    const hasMore = end < total || (flags & 0x20) !== 0;
    fragments.push(fragment(packet, headerLength, at, end, firstOffset + (at - headerLength) / 8, hasMore));
  }
  return fragments;
}

function fragment(
  packet: Uint8Array,
  headerLength: number,
  start: number,
  end: number,
  offset: number,
  hasMore: boolean,
): Uint8Array {
  const octets = new Uint8Array(headerLength + end - start);
  octets.set(packet.subarray(0, headerLength));
  octets.set(packet.subarray(start, end), headerLength);
  octets[2] = octets.length >>> 8;
  octets[3] = octets.length;
  octets[6] = (hasMore ? 0x20 : 0) | (offset >>> 8);
  octets[7] = offset;
  octets[10] = 0;
  octets[11] = 0;
  putChecksum(octets, 10, finishChecksum(sumWords(octets, 0, headerLength)));
  return octets;
}

function putChecksum(octets: Uint8Array, at: number, checksum: number): void {
  octets[at] = checksum >>> 8;
  octets[at + 1] = checksum;
}
