import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { IP_PROTOCOL } from './ip.ts';

export const TCP_FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** One TCP segment without its IP header [RFC9293 3.1]. */
export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** Of the option, where it is there. */
  readonly maximumSegmentSize?: number;
  readonly data: Uint8Array;
}

/** Reads a segment and checks its checksum against the addresses of its IP packet. */
export function decodeTcp(
  octets: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
): Result<TcpSegment> {
  return attempt(() => {
    const reader = new OctetReader(octets);
    const sourcePort = reader.u16('source port');
    const destinationPort = reader.u16('destination port');
    const sequence = reader.u32('sequence number');
    const acknowledgment = reader.u32('acknowledgment number');
    const headerLength = (reader.u8('data offset') >>> 4) * 4;
    const flags = reader.u8('flags') & 0x3f;
    const window = reader.u16('window');
    reader.skip(4, 'checksum and urgent pointer');
    if (headerLength < 20) reader.fail('data offset', `${headerLength} octets are less than the header`);
    const sum = pseudoHeaderSum(source, destination, IP_PROTOCOL.TCP, octets.length);
    if (finishChecksum(sumWords(octets, 0, octets.length, sum)) !== 0)
      reader.fail('TCP checksum', 'is wrong');
    const maximumSegmentSize = decodeMss(reader.sub(headerLength - 20, 'TCP options'));
    const segment = {
      sourcePort,
      destinationPort,
      sequence,
      acknowledgment,
      flags,
      window,
      data: reader.rest(),
    };
    return maximumSegmentSize === undefined ? segment : { ...segment, maximumSegmentSize };
  });
}

function decodeMss(options: OctetReader): number | undefined {
  while (options.remaining > 0) {
    const kind = options.u8('option kind');
    if (kind === 0) return undefined;
    if (kind === 1) continue;
    const length = options.u8('option length');
    if (length < 2) options.fail('option length', `${length} is too short`);
    const value = options.sub(length - 2, 'option');
    if (kind === 2 && length === 4) return value.u16('MSS');
  }
  return undefined;
}

export function encodeTcp(segment: TcpSegment, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const optionLength = segment.maximumSegmentSize === undefined ? 0 : 4;
  const length = 20 + optionLength + segment.data.length;
  const writer = new OctetWriter(length)
    .u16(segment.sourcePort)
    .u16(segment.destinationPort)
    .u32(segment.sequence)
    .u32(segment.acknowledgment)
    .u8(((20 + optionLength) / 4) << 4)
    .u8(segment.flags)
    .u16(segment.window)
    .u32(0);
  if (segment.maximumSegmentSize !== undefined) writer.u16(0x0204).u16(segment.maximumSegmentSize);
  writer.bytes(segment.data);
  const octets = writer.finish();
  const sum = pseudoHeaderSum(source, destination, IP_PROTOCOL.TCP, length);
  writer.patchU16(16, finishChecksum(sumWords(octets, 0, length, sum)));
  return octets;
}
