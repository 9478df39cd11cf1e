/** The encrypted payloads: SK (RFC 7296 section 3.14) and SKF, its fragments (RFC 7383 section 2.5). */

import { decodePayloads, firstPayloadType, writeChain } from './chain.ts';
import { DecodeError, OctetWriter, type Result } from './cursor.ts';
import { HEADER_LENGTH, patchLength, writeHeader } from './header.ts';
import { PAYLOAD } from './registry.ts';
import type { DecodedMessage, IkeCipher, MessageHeader, Payload } from './types.ts';

const SK_HEADER = 4;
const SKF_HEADER = 8;

/** A message whose payloads are in one SK. `iv` has the cipher's `ivLength` octets and is never used twice. */
export function sealMessage(
  header: MessageHeader,
  payloads: readonly Payload[],
  cipher: IkeCipher,
  iv: Uint8Array,
): Uint8Array {
  return sealPart(header, encodeChain(payloads), firstPayloadType(payloads), cipher, iv);
}

/**
 * The same message as SKF fragments of at most `maxLength` octets each; `nextIv` gives a fresh IV for each of them.
 * The first fragment alone names the first payload inside. [RFC7383 2.5]
 */
export function sealFragments(
  header: MessageHeader,
  payloads: readonly Payload[],
  cipher: IkeCipher,
  nextIv: () => Uint8Array,
  maxLength: number,
): Uint8Array[] {
  return cutFragments(header, encodeChain(payloads), firstPayloadType(payloads), cipher, nextIv, maxLength);
}

/** The message as a whole where it fits into `maxLength` octets, else in fragments that do. [RFC7383 2.5] */
export function sealWithin(
  header: MessageHeader,
  payloads: readonly Payload[],
  cipher: IkeCipher,
  nextIv: () => Uint8Array,
  maxLength: number,
): Uint8Array[] {
  const inner = encodeChain(payloads);
  const first = firstPayloadType(payloads);
  const padded = paddedLength(inner.length, cipher.blockSize);
  const whole = HEADER_LENGTH + SK_HEADER + cipher.ivLength + padded + cipher.icvLength;
  if (whole <= maxLength) return [sealPart(header, inner, first, cipher, nextIv())];
  return cutFragments(header, inner, first, cipher, nextIv, maxLength);
}

function cutFragments(
  header: MessageHeader,
  inner: Uint8Array,
  firstPayload: number,
  cipher: IkeCipher,
  nextIv: () => Uint8Array,
  maxLength: number,
): Uint8Array[] {
  const overhead = HEADER_LENGTH + SKF_HEADER + cipher.ivLength + cipher.icvLength + cipher.blockSize;
  const step = Math.max(1, maxLength - overhead);
  const total = Math.max(1, Math.ceil(inner.length / step));
  return Array.from({ length: total }, (_, i) => {
    const part = inner.subarray(i * step, (i + 1) * step);
    const first = i === 0 ? firstPayload : PAYLOAD.NONE;
    return sealPart(header, part, first, cipher, nextIv(), { number: i + 1, total });
  });
}

/**
 * What IntAuth is computed over: the message as one SK that is neither encrypted nor padded, with lengths to match,
 * whether it travelled whole or in fragments. `inner` is the chain of payloads. [RFC9242 3.3.2]
 */
export function intermediateOctets(
  header: MessageHeader,
  firstPayload: number,
  inner: Uint8Array,
): Uint8Array {
  const writer = new OctetWriter(HEADER_LENGTH + SK_HEADER + inner.length);
  writeHeader(writer, header, PAYLOAD.SK);
  writer
    .u8(firstPayload)
    .u8(0)
    .u16(SK_HEADER + inner.length)
    .bytes(inner);
  patchLength(writer, writer.length);
  return writer.finish();
}

/** A chain of payloads as it stands inside SK, and the type of its first one. */
export function plainChain(payloads: readonly Payload[]): { firstPayload: number; inner: Uint8Array } {
  return { firstPayload: firstPayloadType(payloads), inner: encodeChain(payloads) };
}

/**
 * The payloads inside SK. An IntegrityError means that nobody with the keys sent the message; any other error that
 * its sender, who has the keys, broke the syntax.
 */
export function openMessage(
  datagram: Uint8Array,
  message: DecodedMessage,
  cipher: IkeCipher,
): Result<Payload[]> {
  const opened = openPlaintext(datagram, message, cipher);
  if (!opened.ok) return opened;
  return decodePayloads(opened.value, 0, opened.value.length, message.encrypted?.innerFirstPayload ?? 0);
}

/** The octets inside SK or one SKF, without padding; the fragments' octets in a row are a payload chain. */
export function openPlaintext(
  datagram: Uint8Array,
  { encrypted }: DecodedMessage,
  cipher: Pick<IkeCipher, 'ivLength' | 'icvLength' | 'open'>,
): Result<Uint8Array> {
  if (encrypted === undefined) return { ok: false, error: new DecodeError('SK', 0, 'is missing') };
  const { bodyAt, end } = encrypted;
  const textAt = bodyAt + cipher.ivLength;
  if (end - textAt < cipher.icvLength + 1) {
    return { ok: false, error: new DecodeError('SK', bodyAt, 'is too short for IV, padding and ICV') };
  }
  const iv = datagram.subarray(bodyAt, textAt);
  const opened = cipher.open(iv, datagram.subarray(0, bodyAt), datagram.subarray(textAt, end));
  return opened.ok ? withoutPadding(opened.value, bodyAt) : opened;
}

function withoutPadding(plaintext: Uint8Array, at: number): Result<Uint8Array> {
  const padding = plaintext.at(-1);
  if (padding === undefined || padding >= plaintext.length) {
    return { ok: false, error: new DecodeError('Pad Length', at, 'is longer than the payload') };
  }
  return { ok: true, value: plaintext.subarray(0, plaintext.length - 1 - padding) };
}

function encodeChain(payloads: readonly Payload[]): Uint8Array {
  const writer = new OctetWriter(512);
  writeChain(writer, payloads);
  return writer.finish();
}

function sealPart(
  header: MessageHeader,
  inner: Uint8Array,
  innerFirst: number,
  cipher: IkeCipher,
  iv: Uint8Array,
  fragment?: { readonly number: number; readonly total: number },
): Uint8Array {
  if (iv.length !== cipher.ivLength) throw new RangeError(`an IV of ${cipher.ivLength} octets is needed`);
  const plaintext = pad(inner, cipher.blockSize);
  const skLength =
    (fragment === undefined ? SK_HEADER : SKF_HEADER) + iv.length + plaintext.length + cipher.icvLength;
  const writer = new OctetWriter(HEADER_LENGTH + skLength);
  writeHeader(writer, header, fragment === undefined ? PAYLOAD.SK : PAYLOAD.SKF);
  writer.u8(innerFirst).u8(0).u16(skLength);
  if (fragment !== undefined) writer.u16(fragment.number).u16(fragment.total);
  const aadLength = writer.length;
  writer.bytes(iv);
  const textAt = writer.length;
  writer.zeros(plaintext.length + cipher.icvLength);
  patchLength(writer, writer.length);
  const message = writer.finish();
  cipher.sealInto(message, textAt, iv, message.subarray(0, aadLength), plaintext);
  plaintext.fill(0);
  return message;
}

function paddedLength(length: number, blockSize: number): number {
  return Math.ceil((length + 1) / blockSize) * blockSize;
}

/** Payloads, zero padding and the Pad Length octet. */
function pad(inner: Uint8Array, blockSize: number): Uint8Array {
  const length = paddedLength(inner.length, blockSize);
  const plaintext = new Uint8Array(length);
  plaintext.set(inner);
  plaintext[length - 1] = length - 1 - inner.length;
  return plaintext;
}
