/** Hexadecimal between octets and octets, for the same reason as Base64: a string that holds a key cannot be wiped. */
const DIGITS = new TextEncoder().encode('0123456789abcdef');
/** Octet to its value, -1 for what is no digit; both cases are read. */
const VALUES = new Int8Array(256).fill(-1);
for (const [value, code] of DIGITS.entries()) VALUES[code] = value;
for (const [offset, code] of new TextEncoder().encode('ABCDEF').entries()) VALUES[code] = 10 + offset;

/** Decodes `text[start, end)` into a buffer of its own; undefined, with nothing left behind, for anything else. */
export function decodeHex(text: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const length = end - start;
  if (start < 0 || end > text.length || length < 0 || length % 2 !== 0) return undefined;
  const out = new Uint8Array(length / 2);
  for (let index = 0; index < out.length; index++) {
    const high = VALUES[text[start + 2 * index] ?? 0] ?? -1;
    const low = VALUES[text[start + 2 * index + 1] ?? 0] ?? -1;
    if (high < 0 || low < 0) {
      out.fill(0);
      return undefined;
    }
    out[index] = (high << 4) | low;
  }
  return out;
}

/** Writes the digits of `bytes` into `out` from `at` on and gives the place after them. `out` must have room. */
export function encodeHexInto(out: Uint8Array, at: number, bytes: Uint8Array): number {
  let place = at;
  for (const octet of bytes) {
    out[place++] = DIGITS[octet >> 4] ?? 0;
    out[place++] = DIGITS[octet & 15] ?? 0;
  }
  return place;
}
