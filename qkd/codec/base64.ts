/**
 * Base64 (RFC 4648 4) between octets and octets. Node's own decoder wants a string, and a string that holds a key can
 * never be wiped; so keys go from the body's octets straight into the key's buffer, and back the same way.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 0x3d;
/** Six bits to their letter, and back; -1 stands for what is no letter. */
const ENCODE = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const DECODE = new Int8Array(256).fill(-1);
for (const [value, code] of ENCODE.entries()) DECODE[code] = value;

/** Octets that `length` octets take in Base64, padding included. */
export function base64Length(length: number): number {
  return Math.ceil(length / 3) * 4;
}

/**
 * Decodes `text[start, end)` into a new buffer that is not part of any pool. Padding is required and unused bits must be
 * zero, so that one key has one spelling. Gives undefined for anything else; the partial result is zeroed.
 */
export function decodeBase64(text: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const length = end - start;
  if (length < 0 || length % 4 !== 0 || start < 0 || end > text.length) return undefined;
  const padding = length === 0 ? 0 : text[end - 1] !== PAD ? 0 : text[end - 2] !== PAD ? 1 : 2;
  const out = new Uint8Array((length / 4) * 3 - padding);
  if (decodeInto(out, text, start, end - padding)) return out;
  out.fill(0);
  return undefined;
}

/** Writes six bits at a time; `bits` never holds more than 12. */
function decodeInto(out: Uint8Array, text: Uint8Array, start: number, end: number): boolean {
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let index = start; index < end; index++) {
    const value = DECODE[text[index] ?? 0] ?? -1;
    if (value < 0) return false;
    bits = ((bits << 6) | value) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out[at++] = bits >> held;
  }
  return (bits & ((1 << held) - 1)) === 0;
}

/** Writes the Base64 text of `bytes` into `out` from `at` on and gives the place after it. `out` must have room. */
export function encodeBase64Into(out: Uint8Array, at: number, bytes: Uint8Array): number {
  let place = at;
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const word = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    out[place++] = ENCODE[word >> 18] ?? 0;
    out[place++] = ENCODE[(word >> 12) & 63] ?? 0;
    out[place++] = left > 1 ? (ENCODE[(word >> 6) & 63] ?? 0) : PAD;
    out[place++] = left > 2 ? (ENCODE[word & 63] ?? 0) : PAD;
  }
  return place;
}
