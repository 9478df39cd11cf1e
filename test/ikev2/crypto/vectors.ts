import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../vectors/crypto/', import.meta.url);

/** The published vectors of one file of test/vectors/crypto; each says its origin. */
export function vectors<T = Record<string, string>>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as T;
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

export function toHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

/** A repeatable source: a counter through every octet. */
export function counting(start = 1): (length: number) => Uint8Array {
  let next = start;
  return (length) => Uint8Array.from({ length }, () => (next++ * 167) & 0xff);
}
