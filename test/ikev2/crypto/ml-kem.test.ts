import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerKeyExchange, createKeyExchange } from '../../../ikev2/crypto/dh.ts';
import { KE_ALGORITHMS, keNameOf } from '../../../ikev2/crypto/suites.ts';
import type { MlKemName } from '../../../ikev2/crypto/types.ts';
import { counting, hex, toHex, vectors } from './vectors.ts';

interface MlKemVector {
  name: string;
  origin: string;
  ke: MlKemName;
  seed: string;
  encapsulationKey: string;
  ciphertext: string;
  secret: string;
}

const NAMES = ['mlkem512', 'mlkem768', 'mlkem1024'] as const;

describe('[FIPS203 7.3] published vectors', () => {
  it.each(vectors<MlKemVector[]>('ml-kem'))('[FIPS203 7.3] $name ($origin)', (vector) => {
    const own = createKeyExchange(vector.ke, () => hex(vector.seed));
    expect(toHex(own.publicValue)).toBe(vector.encapsulationKey);
    const secret = own.computeSecret(hex(vector.ciphertext));
    expect(secret.ok && toHex(secret.value)).toBe(vector.secret);
  });
});

describe.each(NAMES)('%s', (name) => {
  const { id, publicLength, answerLength, secretLength } = KE_ALGORITHMS[name];
  const own = createKeyExchange(name, counting(3));

  it('agrees between two sides, in fixed lengths', () => {
    const answer = answerKeyExchange(name, own.publicValue, counting(5));
    if (!answer.ok) throw answer.error;
    const { method, publicValue, secret } = answer.value;
    const back = own.computeSecret(publicValue);
    expect(back.ok && toHex(back.value)).toBe(toHex(secret));
    expect([method, own.method, keNameOf(id)]).toEqual([id, id, name]);
    const lengths = [own.publicValue.length, publicValue.length, secret.length];
    expect(lengths).toEqual([publicLength, answerLength, secretLength]);
  });

  it('[FIPS203 7.2] refuses a key of another length or with coefficients that are not reduced', () => {
    for (const length of [0, publicLength - 1, publicLength + 1]) {
      expect(answerKeyExchange(name, new Uint8Array(length), counting()).ok).toBe(false);
    }
    const wrong = Uint8Array.from(own.publicValue);
    wrong.fill(0xff, 0, 3);
    expect(answerKeyExchange(name, wrong, counting()).ok).toBe(false);
  });

  it('[FIPS203 7.3] answers any ciphertext with a secret or an error, never a throw, and never with the right secret', () => {
    const answer = answerKeyExchange(name, own.publicValue, counting(5));
    if (!answer.ok) throw answer.error;
    const { publicValue, secret } = answer.value;
    fc.assert(
      fc.property(fc.nat({ max: answerLength - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const forged = Uint8Array.from(publicValue);
        forged[at] = (forged[at] ?? 0) ^ flip;
        const result = own.computeSecret(forged);
        expect(result.ok && toHex(result.value)).not.toBe(toHex(secret));
      }),
      { numRuns: 30 },
    );
    expect(own.computeSecret(publicValue.subarray(1)).ok).toBe(false);
    expect(own.computeSecret(new Uint8Array(0)).ok).toBe(false);
  });

  it('makes the same key pair from the same octets, and another from others', () => {
    expect(toHex(createKeyExchange(name, counting(3)).publicValue)).toBe(toHex(own.publicValue));
    expect(toHex(createKeyExchange(name, counting(4)).publicValue)).not.toBe(toHex(own.publicValue));
  });
});
