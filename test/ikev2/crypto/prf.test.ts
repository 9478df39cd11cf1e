import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prf, prfPlus } from '../../../ikev2/crypto/prf.ts';
import { PRF_ALGORITHMS } from '../../../ikev2/crypto/suites.ts';
import type { PrfName } from '../../../ikev2/crypto/types.ts';
import { hex, toHex, vectors } from './vectors.ts';

const NAMES = Object.keys(PRF_ALGORITHMS) as PrfName[];

describe('prf', () => {
  it.each(
    vectors<{ name: string; origin: string; prf: PrfName; key: string; data: string; mac: string }[]>('hmac'),
  )('$name ($origin)', (vector) => {
    expect(toHex(prf(vector.prf, hex(vector.key), hex(vector.data)))).toBe(vector.mac);
    const parts = [hex(vector.data.slice(0, 6)), hex(vector.data.slice(6))];
    expect(toHex(prf(vector.prf, hex(vector.key), ...parts))).toBe(vector.mac);
  });
});

describe('prf+', () => {
  const kdf = vectors('keymat');
  const seed = hex(`${kdf.nonceInitiator}${kdf.nonceResponder}${kdf.spiInitiator}${kdf.spiResponder}`);

  it.each([132, 32, 15])(
    `[RFC7296 2.13] gives %i octets of the published stream (${kdf.origin})`,
    (length) => {
      const octets = prfPlus('hmac-sha2-256', hex(kdf.skeyseed as string), seed, length);
      expect(toHex(octets)).toBe((kdf.keys as string).slice(0, 2 * length));
    },
  );

  it.each(NAMES)('[RFC7296 2.13] chains blocks as T(n) = prf(key, T(n-1) | seed | n) with %s', (name) => {
    const { length } = PRF_ALGORITHMS[name];
    const key = hex('0102');
    const first = prf(name, key, seed, Uint8Array.of(1));
    const second = prf(name, key, first, seed, Uint8Array.of(2));
    const octets = prfPlus(name, key, seed, 2 * length);
    expect(toHex(octets)).toBe(toHex(first) + toHex(second));
  });

  it('gives a prefix of the longer stream', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(400), (a, b) => {
        const [short, long] = [Math.min(a, b), Math.max(a, b)];
        const stream = toHex(prfPlus('hmac-sha2-384', seed, seed, long));
        expect(toHex(prfPlus('hmac-sha2-384', seed, seed, short))).toBe(stream.slice(0, 2 * short));
      }),
    );
  });

  it('refuses more than 255 blocks', () => {
    expect(prfPlus('hmac-sha1', seed, seed, 255 * 20)).toHaveLength(255 * 20);
    expect(() => prfPlus('hmac-sha1', seed, seed, 255 * 20 + 1)).toThrow(RangeError);
  });
});
