/** The chain of payloads, each named by the one before it, and the critical bit. [RFC7296 3.2] [RFC7296 2.5] */

import { attempt, OctetReader, type OctetWriter, type Result } from './cursor.ts';
import { LIMITS } from './payloads/codec.ts';
import { codecFor, codecOf } from './payloads/table.ts';
import { PAYLOAD } from './registry.ts';
import type { EncryptedPart, Payload } from './types.ts';

const CRITICAL = 0x80;
const GENERIC_HEADER = 4;

/** Reads a chain that fills `bytes` from `at` to `end`; SK or SKF inside it is an error. */
export function decodePayloads(
  bytes: Uint8Array,
  at: number,
  end: number,
  firstPayload: number,
): Result<Payload[]> {
  return attempt(() => {
    const reader = new OctetReader(bytes, at, end);
    const chain = readChain(reader, firstPayload);
    if (chain.encrypted !== undefined) reader.fail('SK', 'inside an encrypted payload');
    return chain.payloads;
  });
}

/** Reads a chain up to its end or to the SK or SKF that ends it. Throws DecodeError. */
export function readChain(
  reader: OctetReader,
  firstPayload: number,
): { payloads: Payload[]; encrypted?: EncryptedPart } {
  const payloads: Payload[] = [];
  let type = firstPayload;
  while (type !== PAYLOAD.NONE) {
    if (payloads.length === LIMITS.payloads) reader.fail('Payloads', 'too many');
    const next = reader.u8('Next Payload');
    const critical = (reader.u8('Critical') & CRITICAL) !== 0;
    const body = reader.sub(reader.u16('Payload Length') - GENERIC_HEADER, 'Payload');
    if (type === PAYLOAD.SK || type === PAYLOAD.SKF) {
      return { payloads, encrypted: readEncrypted(reader, body, type, next) };
    }
    payloads.push(readPayload(body, type, critical));
    type = next;
  }
  if (reader.remaining > 0) reader.fail('Payloads', 'octets after the last one');
  return { payloads };
}

/** The Next Payload field of SK names the first payload inside, so SK ends the chain. [RFC7296 3.14] */
function readEncrypted(reader: OctetReader, body: OctetReader, type: 46 | 53, inner: number): EncryptedPart {
  if (reader.remaining > 0) reader.fail('SK', 'is not the last payload');
  if (type === PAYLOAD.SK) return { type, innerFirstPayload: inner, bodyAt: body.at, end: body.end };
  const number = body.u16('Fragment Number');
  const total = body.u16('Total Fragments');
  if (number === 0 || number > total) body.fail('Fragment Number', `${number} of ${total}`);
  return { type, innerFirstPayload: inner, bodyAt: body.at, end: body.end, fragment: { number, total } };
}

/** The critical bit counts only for types we do not know. [RFC7296 2.5] */
function readPayload(body: OctetReader, type: number, critical: boolean): Payload {
  const codec = codecOf(type);
  if (codec === undefined) return { type: 'Unknown', payloadType: type, critical, data: body.rest() };
  const payload = codec.decode(body);
  if (body.remaining > 0) body.fail(codec.name, 'has octets after its last field');
  return payload;
}

/** The Next Payload value that announces this chain. */
export function firstPayloadType(payloads: readonly Payload[]): number {
  const first = payloads[0];
  return first === undefined ? PAYLOAD.NONE : typeNumber(first);
}

/** Writes the chain; the critical bit is 0 for all types of RFC 7296. */
export function writeChain(writer: OctetWriter, payloads: readonly Payload[]): void {
  payloads.forEach((payload, i) => {
    const start = writer.length;
    const critical = payload.type === 'Unknown' && payload.critical;
    writer
      .u8(firstPayloadType(payloads.slice(i + 1, i + 2)))
      .u8(critical ? CRITICAL : 0)
      .u16(0);
    if (payload.type === 'Unknown') writer.bytes(payload.data);
    else codecFor(payload).encode(writer, payload);
    writer.patchU16(start + 2, writer.length - start);
  });
}

/** The type's number as it stands in Next Payload. */
function typeNumber(payload: Payload): number {
  return payload.type === 'Unknown' ? payload.payloadType : codecFor(payload).number;
}
