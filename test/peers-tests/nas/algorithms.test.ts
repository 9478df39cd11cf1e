import { cmac } from '@noble/ciphers/aes.js';
import { describe, expect, it } from 'vitest';
import { type Direction, nea2, nia2 } from '../../peers/nas/index.ts';
import { hex, toHex, vectors } from '../vectors.ts';

interface Set {
  readonly set: number;
  readonly key: string;
  readonly count: number;
  readonly bearer: number;
  readonly direct: Direction;
  readonly data: string;
  readonly bitlen: number;
  readonly output: string;
}
const algorithms = vectors<{ nea2: Set[]; nia2: Set[] }>('nas-algorithms');

describe('NAS algorithms', () => {
  it.each(algorithms.nea2)(
    '[TS33501 D.2.1.3] ciphers and deciphers test set $set of TS 33.401 C.1',
    (vector) => {
      const { count, bearer, direct, bitlen } = vector;
      const key = hex(vector.key);
      const ciphered = nea2(key, count, bearer, direct, hex(vector.data));
      expect(firstBits(ciphered, bitlen)).toBe(firstBits(hex(vector.output), bitlen));
      expect(toHex(nea2(key, count, bearer, direct, ciphered))).toBe(vector.data);
    },
  );

  const whole = algorithms.nia2.filter(({ bitlen }) => bitlen % 8 === 0);
  it.each(whole)('[TS33501 D.3.1.3] computes the MAC of test set $set of TS 33.401 C.2', (vector) => {
    const { count, bearer, direct, bitlen } = vector;
    const message = hex(vector.data).subarray(0, bitlen / 8);
    expect(toHex(nia2(hex(vector.key), count, bearer, direct, message))).toBe(vector.output);
  });

  it('[TS33501 D.2.1.1] takes the direction into both algorithms', () => {
    const [key, message] = [new Uint8Array(16), new Uint8Array(8)];
    expect(nia2(key, 0, 2, 0, message)).not.toEqual(nia2(key, 0, 2, 1, message));
    expect(nea2(key, 0, 2, 0, message)).not.toEqual(nea2(key, 0, 2, 1, message));
  });

  const rfc4493Key = hex('2b7e151628aed2a6abf7158809cf4f3c');
  const rfc4493Text = hex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
      '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  );
  it.each([
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ])('AES-CMAC of RFC 4493 section 4 over %i octets', (length, mac) => {
    expect(toHex(cmac(rfc4493Text.subarray(0, length), rfc4493Key))).toBe(mac);
  });
});

/** The first `bits` bits in hexadecimal, what follows zeroed. */
function firstBits(octets: Uint8Array, bits: number): string {
  const cut = octets.slice(0, Math.ceil(bits / 8));
  const spare = cut.length * 8 - bits;
  cut[cut.length - 1] = (cut.at(-1) ?? 0) & (0xff << spare);
  return toHex(cut);
}
