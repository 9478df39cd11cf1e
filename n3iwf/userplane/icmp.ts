import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';
import { finishChecksum, sumWords } from './checksum.ts';

/** ICMP echo request or reply [RFC792 echo]. */
export interface IcmpEcho {
  readonly kind: 'request' | 'reply';
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

const types = { request: 8, reply: 0 } as const;

/** Reads an ICMPv4 message; undefined inside the result when it is no echo. */
export function decodeIcmpEcho(octets: Uint8Array): Result<IcmpEcho | undefined> {
  return attempt(() => {
    const reader = new OctetReader(octets);
    const type = reader.u8('ICMP type');
    reader.skip(3, 'ICMP code and checksum');
    if (finishChecksum(sumWords(octets, 0, octets.length)) !== 0) reader.fail('ICMP checksum', 'is wrong');
    if (type !== types.request && type !== types.reply) return undefined;
    return {
      kind: type === types.request ? 'request' : 'reply',
      identifier: reader.u16('identifier'),
      sequence: reader.u16('sequence'),
      data: reader.rest(),
    };
  });
}

export function encodeIcmpEcho({ kind, identifier, sequence, data }: IcmpEcho): Uint8Array {
  const writer = new OctetWriter(8 + data.length);
  writer.u8(types[kind]).u8(0).u16(0).u16(identifier).u16(sequence).bytes(data);
  const octets = writer.finish();
  writer.patchU16(2, finishChecksum(sumWords(octets, 0, octets.length)));
  return octets;
}
