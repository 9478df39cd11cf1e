/** GRE between UE and N3IWF: its key tells the QoS flow of a user packet. */
import { attempt, OctetReader, type Result } from '#ikev2';

/** Octets of GRE in front of a user packet: flags, protocol type, key. */
export const greHeaderLength = 8;

/** What the key of a GRE packet on NWu says [TS24502 9.3.3]. */
export interface GrePacket {
  /** Absent when the packet has no key. */
  readonly qfi?: number;
  readonly rqi: boolean;
  readonly payload: Uint8Array;
}

/** The header variants UEs understand: of the standard, or of free5GC's UE (IPv4 as protocol type, no RQI). */
export const greVariants = ['standard', 'free5gc'] as const;

/** One of these headers. */
export type GreVariant = (typeof greVariants)[number];

const keyPresent = 0x2000;
const unsupportedFlags = 0xdfff; // checksum, routing, sequence, recursion, version other than 0
const ipv4 = 0x0800;

/** The protocol type is not looked at [TS24502 9.3.3]. */
export function decodeGre(octets: Uint8Array): Result<GrePacket> {
  return attempt(() => {
    const reader = new OctetReader(octets);
    const flags = reader.u16('GRE flags');
    if ((flags & unsupportedFlags) !== 0) reader.fail('GRE flags', `0x${flags.toString(16)} are not taken`);
    reader.skip(2, 'protocol type');
    if ((flags & keyPresent) === 0) return { rqi: false, payload: reader.rest() };
    const key = reader.u32('GRE key');
    return { qfi: (key >>> 24) & 0x3f, rqi: (key & 0x80) !== 0, payload: reader.rest() };
  });
}

/** What {@link GreHeader.read} found wrong. */
export type GreFault = 'malformed' | 'noKey';

/**
 * The header of a packet that the user plane relays: one object is used for all packets, so that none is made per packet.
 * The free5GC variant differs in fields that are not looked at here.
 */
export class GreHeader {
  qfi = 0;
  /** Where the user packet begins. */
  payloadAt = 0;

  /** Reads the header at `at`; undefined when it is whole and has a key. */
  read(octets: Uint8Array, at: number, end: number): GreFault | undefined {
    if (at + 4 > end) return 'malformed';
    const flags = ((octets[at] as number) << 8) | (octets[at + 1] as number);
    if ((flags & unsupportedFlags) !== 0) return 'malformed';
    if ((flags & keyPresent) === 0) return 'noKey';
    if (at + greHeaderLength > end) return 'malformed';
    this.qfi = (octets[at + 4] as number) & 0x3f;
    this.payloadAt = at + greHeaderLength;
    return undefined;
  }
}

/** Writes the header at `at`: QFI in bits 29 to 24 of the key, RQI in bit 7. */
export function writeGreHeader(
  buffer: Uint8Array,
  at: number,
  qfi: number,
  rqi: boolean,
  variant: GreVariant = 'standard',
): void {
  const type = variant === 'free5gc' ? ipv4 : 0;
  buffer[at] = keyPresent >>> 8;
  buffer[at + 1] = 0;
  buffer[at + 2] = type >>> 8;
  buffer[at + 3] = type & 0xff;
  buffer[at + 4] = qfi & 0x3f;
  buffer[at + 5] = 0;
  buffer[at + 6] = 0;
  buffer[at + 7] = rqi && variant === 'standard' ? 0x80 : 0;
}

/** A whole GRE packet around a user packet, in octets of its own. */
export function encodeGre(
  qfi: number,
  payload: Uint8Array,
  rqi = false,
  variant: GreVariant = 'standard',
): Uint8Array {
  const octets = new Uint8Array(greHeaderLength + payload.length);
  writeGreHeader(octets, 0, qfi, rqi, variant);
  octets.set(payload, greHeaderLength);
  return octets;
}
