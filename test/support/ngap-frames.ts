/** NGAP messages taken apart into their IEs and put together again, to make faulty ones. */
import { encodeNgap, type NgapPdu } from '../../ngap/index.ts';
import { example } from './ngap-examples.ts';

/** One IE as it stands in a message: its criticality by its index on the wire. */
export interface Frame {
  readonly id: number;
  readonly criticality: number;
  readonly value: Buffer;
}

/** Takes a short message apart into the octets before its IEs and the IEs. */
export function apart(octets: Uint8Array): { head: Buffer; frames: Frame[] } {
  const bytes = Buffer.from(octets);
  const start = bytes[3]! < 0x80 ? 4 : 5;
  const frames: Frame[] = [];
  for (let at = start + 3; at < bytes.length; ) {
    const long = bytes[at + 3]! >= 0x80;
    const length = long ? bytes.readUInt16BE(at + 3) & 0x3fff : bytes[at + 3]!;
    const from = at + (long ? 5 : 4);
    frames.push({
      id: bytes.readUInt16BE(at),
      criticality: bytes[at + 2]! >> 6,
      value: bytes.subarray(from, from + length),
    });
    at = from + length;
  }
  return { head: bytes.subarray(0, 3), frames };
}

const counted = (octets: Buffer) => {
  if (octets.length < 128) return Buffer.concat([Buffer.of(octets.length), octets]);
  return Buffer.concat([Buffer.of(0x80 | (octets.length >> 8), octets.length & 255), octets]);
};

function together(head: Buffer, frames: readonly Frame[]): Uint8Array {
  const ies = frames.map(({ id, criticality, value }) =>
    Buffer.concat([Buffer.of(id >> 8, id & 255, criticality << 6), counted(value)]),
  );
  return Buffer.concat([head, counted(Buffer.concat([Buffer.of(0, 0, frames.length), ...ies]))]);
}

/** The message with its IEs changed. */
export function changed(message: NgapPdu['message'], change: (frames: Frame[]) => Frame[]): Uint8Array {
  const { head, frames } = apart(encodeNgap(example(message)));
  return together(head, change(frames));
}
