/** Small helpers on octet strings. */

import { timingSafeEqual } from 'node:crypto';

/** Equality in time that depends on the lengths only. */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The octets that `text` spells, two hexadecimal digits each; for constants. */
export function hexOctets(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** The parts in a row, in memory of their own (not of Buffer's shared pool), so that it can be wiped. */
export function concatOctets(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The same memory as a Buffer, where an API wants that type. */
export function asBuffer(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length);
}
