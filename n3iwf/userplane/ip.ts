import { attempt, OctetReader, type Result } from '#ikev2';
import { finishChecksum, sumWords } from './checksum.ts';

export const IP_PROTOCOL = {
  ICMP: 1,
  IPV4: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  GRE: 47,
  ESP: 50,
  ICMPV6: 58,
  NONE: 59,
} as const;

/** One IP packet. Addresses are 4 or 16 octets; `payload` is a view into the packet. */
export interface IpPacket {
  readonly version: 4 | 6;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly payload: Uint8Array;
  readonly ttl: number;
  /** Not the whole packet: its payload cannot be read on its own. */
  readonly isFragment: boolean;
}

/** Reads the outermost IP header; octets after the packet's own length are padding and left out [RFC791 3.1]. */
export function decodeIp(octets: Uint8Array): Result<IpPacket> {
  return attempt(() => {
    const reader = new OctetReader(octets);
    const version = reader.u8('IP version') >>> 4;
    if (version === 4) return decodeIpv4(octets);
    if (version === 6) return decodeIpv6(octets);
    return reader.fail('IP version', `${version} is not 4 or 6`);
  });
}

function decodeIpv4(octets: Uint8Array): IpPacket {
  const reader = new OctetReader(octets);
  const headerLength = (reader.u8('IPv4 header length') & 0x0f) * 4;
  reader.skip(1, 'type of service');
  const totalLength = reader.u16('IPv4 length');
  if (headerLength < 20 || totalLength < headerLength || totalLength > octets.length) {
    reader.fail('IPv4 length', `header ${headerLength}, packet ${totalLength}, octets ${octets.length}`);
  }
  if (finishChecksum(sumWords(octets, 0, headerLength)) !== 0) reader.fail('IPv4 checksum', 'is wrong');
  reader.skip(2, 'identification');
  const fragment = reader.u16('fragment') & 0x3fff;
  const ttl = reader.u8('TTL');
  const protocol = reader.u8('protocol');
  reader.skip(2, 'checksum');
  const source = reader.take(4, 'source');
  const destination = reader.take(4, 'destination');
  const payload = octets.subarray(headerLength, totalLength);
  return { version: 4, source, destination, protocol, payload, ttl, isFragment: fragment !== 0 };
}

const ipv6FragmentHeader = 44;

function decodeIpv6(octets: Uint8Array): IpPacket {
  const reader = new OctetReader(octets);
  reader.skip(4, 'version, class and label');
  const length = reader.u16('IPv6 payload length');
  const protocol = reader.u8('next header');
  const ttl = reader.u8('hop limit');
  const source = reader.take(16, 'source');
  const destination = reader.take(16, 'destination');
  const payload = reader.take(length, 'IPv6 payload');
  return {
    version: 6,
    source,
    destination,
    protocol,
    payload,
    ttl,
    isFragment: protocol === ipv6FragmentHeader,
  };
}

/** Builds an IPv4 or IPv6 packet by the length of the addresses, with Don't Fragment set. */
export function encodeIp(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const headerLength = source.length === 4 ? 20 : 40;
  const packet = new Uint8Array(headerLength + payload.length);
  writeIpHeader(packet, 0, source, destination, protocol, payload.length);
  packet.set(payload, headerLength);
  return packet;
}

export function ipHeaderLength(address: Uint8Array): number {
  return address.length === 4 ? 20 : 40;
}

/** Writes an IP header at `at` of a buffer of zeros, in front of `payloadLength` octets; `tos` has code point and ECN. */
export function writeIpHeader(
  buffer: Uint8Array,
  at: number,
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  payloadLength: number,
  tos = 0,
): void {
  if (source.length !== 4) {
    buffer[at] = 0x60 | (tos >>> 4);
    buffer[at + 1] = tos << 4;
    buffer[at + 4] = payloadLength >>> 8;
    buffer[at + 5] = payloadLength;
    buffer[at + 6] = protocol;
    buffer[at + 7] = 64;
    buffer.set(source, at + 8);
    buffer.set(destination, at + 24);
    return;
  }
  const total = 20 + payloadLength;
  buffer[at] = 0x45;
  buffer[at + 1] = tos;
  buffer[at + 2] = total >>> 8;
  buffer[at + 3] = total;
  buffer[at + 6] = 0x40;
  buffer[at + 8] = 64;
  buffer[at + 9] = protocol;
  buffer.set(source, at + 12);
  buffer.set(destination, at + 16);
  const checksum = finishChecksum(sumWords(buffer, at, at + 20));
  buffer[at + 10] = checksum >>> 8;
  buffer[at + 11] = checksum;
}

/**
 * The parts of a decrypted packet's header that the plane decides by: one object is used for all packets, so nothing
 * of a packet outlives the next `read`.
 */
export class InnerHeader {
  version = 0;
  protocol = 0;
  /** Type of service or traffic class. */
  tos = 0;
  /** Payload from `payloadAt` up to `end`; octets behind it are padding against traffic analysis [RFC4303 2.7]. */
  payloadAt = 0;
  end = 0;

  /** Reads the header at the start of `octets`; false for a header that does not fit them, and for a fragment. */
  read(octets: Uint8Array): boolean {
    const first = octets[0] ?? 0;
    this.version = first >>> 4;
    if (this.version === 4) return this.readV4(octets, (first & 0x0f) * 4);
    return this.version === 6 && this.readV6(octets, first);
  }

  private readV4(octets: Uint8Array, headerLength: number): boolean {
    if (headerLength < 20 || octets.length < headerLength) return false;
    this.tos = octets[1] as number;
    this.end = ((octets[2] as number) << 8) | (octets[3] as number);
    this.protocol = octets[9] as number;
    this.payloadAt = headerLength;
    const isFragment = (((octets[6] as number) & 0x3f) | (octets[7] as number)) !== 0;
    if (this.end < headerLength || this.end > octets.length || isFragment) return false;
    return finishChecksum(sumWords(octets, 0, headerLength)) === 0;
  }

  private readV6(octets: Uint8Array, first: number): boolean {
    if (octets.length < 40) return false;
    this.tos = ((first & 0x0f) << 4) | ((octets[1] as number) >>> 4);
    this.protocol = octets[6] as number;
    this.payloadAt = 40;
    this.end = 40 + (((octets[4] as number) << 8) | (octets[5] as number));
    return this.end <= octets.length && this.protocol !== ipv6FragmentHeader;
  }

  /** True when the source of the packet last read is `address`. */
  isFrom(octets: Uint8Array, address: Uint8Array): boolean {
    return this.hasAddress(octets, this.version === 4 ? 12 : 8, address);
  }

  /** True when its destination is `address`. */
  isTo(octets: Uint8Array, address: Uint8Array): boolean {
    return this.hasAddress(octets, this.version === 4 ? 16 : 24, address);
  }

  private hasAddress(octets: Uint8Array, at: number, address: Uint8Array): boolean {
    if (address.length !== (this.version === 4 ? 4 : 16)) return false;
    for (let i = 0; i < address.length; i++) if (octets[at + i] !== address[i]) return false;
    return true;
  }
}

/** Constant-shape comparison of two addresses. */
export function sameAddress(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** Four octets as an unsigned number. */
export function u32(octets: Uint8Array, at: number): number {
  return (
    (octets[at] as number) * 0x1000000 +
    (((octets[at + 1] as number) << 16) | ((octets[at + 2] as number) << 8) | (octets[at + 3] as number))
  );
}

export function putU32(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >>> 24;
  octets[at + 1] = value >>> 16;
  octets[at + 2] = value >>> 8;
  octets[at + 3] = value;
}
