/** As much DER (X.690) as algorithm identifiers and raw Diffie-Hellman keys need. */

import { concatOctets } from './octets.ts';

const LONG_FORM = 0x80;

/** Tag, definite length, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = concatOctets(...contents);
  return concatOctets(Uint8Array.of(tag, ...lengthOctets(body.length)), body);
}

/** A SEQUENCE of these encodings, in their order. */
export function derSequence(...contents: readonly Uint8Array[]): Uint8Array {
  return der(0x30, ...contents);
}

/** A non-negative INTEGER from its big-endian octets: no needless zeros, no sign bit. */
export function derInteger(magnitude: Uint8Array): Uint8Array {
  const start = magnitude.findIndex((octet) => octet !== 0);
  const digits = start < 0 ? Uint8Array.of(0) : magnitude.subarray(start);
  return ((digits[0] ?? 0) & 0x80) !== 0 ? der(2, Uint8Array.of(0), digits) : der(2, digits);
}

/** The contents of the element that `element` starts with; for DER that we or OpenSSL wrote. */
export function derContents(element: Uint8Array): Uint8Array {
  const first = element[1] ?? 0;
  const digits = first < LONG_FORM ? 0 : first & 0x7f;
  let length = digits === 0 ? first : 0;
  for (const digit of element.subarray(2, 2 + digits)) length = length * 256 + digit;
  return element.subarray(2 + digits, 2 + digits + length);
}

function lengthOctets(length: number): number[] {
  if (length < LONG_FORM) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return [LONG_FORM | digits.length, ...digits];
}
