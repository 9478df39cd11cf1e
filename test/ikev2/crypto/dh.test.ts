import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeyExchange } from '../../../ikev2/crypto/dh.ts';
import { KE_ALGORITHMS, keNameOf } from '../../../ikev2/crypto/suites.ts';
import type { KeName } from '../../../ikev2/crypto/types.ts';
import { counting, hex, toHex, vectors } from './vectors.ts';

interface DhVector {
  name: string;
  origin: string;
  ke: KeName;
  privateA: string;
  publicA: string;
  privateB: string;
  publicB: string;
  secret: string;
}

const NAMES = (Object.keys(KE_ALGORITHMS) as KeName[]).filter((name) => !name.startsWith('mlkem'));

describe('[RFC5903 7] published vectors', () => {
  it.each(vectors<DhVector[]>('dh'))('[RFC5903 7] $name ($origin)', (vector) => {
    const a = createKeyExchange(vector.ke, () => hex(vector.privateA));
    const b = createKeyExchange(vector.ke, () => hex(vector.privateB));
    expect(toHex(a.publicValue)).toBe(vector.publicA);
    expect(toHex(b.publicValue)).toBe(vector.publicB);
    for (const result of [a.computeSecret(b.publicValue), b.computeSecret(a.publicValue)]) {
      expect(result.ok && toHex(result.value)).toBe(vector.secret);
    }
  });
});

describe.each(NAMES)('%s', (name) => {
  const { publicLength, secretLength, id } = KE_ALGORITHMS[name];
  const own = createKeyExchange(name, counting(3));

  it('agrees between two sides, in fixed lengths', () => {
    const peer = createKeyExchange(name, counting(99));
    const [a, b] = [own.computeSecret(peer.publicValue), peer.computeSecret(own.publicValue)];
    expect(a.ok && b.ok && toHex(a.value) === toHex(b.value)).toBe(true);
    expect(a.ok && a.value.length).toBe(secretLength);
    expect(own.publicValue).toHaveLength(publicLength);
    expect(own.method).toBe(id);
    expect(keNameOf(id)).toBe(name);
  });

  it('replays from the same random octets', () => {
    expect(toHex(createKeyExchange(name, counting(3)).publicValue)).toBe(toHex(own.publicValue));
    expect(toHex(createKeyExchange(name, counting(4)).publicValue)).not.toBe(toHex(own.publicValue));
  });

  it('[RFC6989 2.3] answers any octets with a value, never a throw', () => {
    expect(own.computeSecret(new Uint8Array(publicLength)).ok).toBe(false);
    expect(own.computeSecret(new Uint8Array(0)).ok).toBe(false);
    expect(own.computeSecret(new Uint8Array(publicLength + 1).fill(2)).ok).toBe(false);
    const octets = fc.uint8Array({ minLength: publicLength, maxLength: publicLength });
    fc.assert(
      fc.property(octets, (value) => {
        const secret = own.computeSecret(value);
        if (secret.ok) expect(secret.value).toHaveLength(secretLength);
      }),
      { numRuns: 20 },
    );
  });

  it('shows no private value when printed', () => {
    const fixed = createKeyExchange(name, (length) => new Uint8Array(length).fill(0x5a));
    expect(JSON.stringify(fixed)).not.toContain('90,90,90');
  });
});

describe('[RFC6989 2.1] weak values', () => {
  it.each(['modp2048', 'modp3072'] as const)('[RFC6989 2.1] %s refuses 0, 1 and p - 1 and above', (name) => {
    const { publicLength } = KE_ALGORITHMS[name];
    const own = createKeyExchange(name, counting());
    for (const low of [0, 1]) {
      const value = new Uint8Array(publicLength);
      value[publicLength - 1] = low;
      expect(own.computeSecret(value).ok).toBe(false);
    }
    expect(own.computeSecret(new Uint8Array(publicLength).fill(255)).ok).toBe(false);
    // p of RFC 3526 ends with 64 one bits, so p - 1 is p with its last bit cleared.
    expect(own.computeSecret(new Uint8Array(publicLength).fill(3)).ok).toBe(true);
  });

  it('[RFC6989 2.3] X25519 refuses points of small order', () => {
    const own = createKeyExchange('x25519', counting());
    for (const point of ['00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`]) {
      expect(own.computeSecret(hex(point)).ok).toBe(false);
    }
  });

  it.each(['ecp256', 'ecp384'] as const)('[RFC6989 2.3] %s refuses points off the curve', (name) => {
    const own = createKeyExchange(name, counting());
    const value = Uint8Array.from(own.publicValue);
    value[value.length - 1] = (value.at(-1) as number) ^ 1;
    expect(own.computeSecret(value).ok).toBe(false);
  });

  it('draws an ECP private value again when it is out of range, and gives up on a broken source', () => {
    let draws = 0;
    const source = (length: number) => new Uint8Array(length).fill(draws++ === 0 ? 0xff : 0x11);
    expect(createKeyExchange('ecp256', source).publicValue).toHaveLength(64);
    expect(draws).toBe(2);
    expect(() => createKeyExchange('ecp256', (length) => new Uint8Array(length).fill(0xff))).toThrow(
      RangeError,
    );
  });

  it('[RFC7296 2.14] MODP secrets and public values keep the length of the prime', () => {
    // The shortest exponent makes small values: 2^2 and 4^2.
    const two = (length: number) => Uint8Array.from({ length }, (_, i) => (i === length - 1 ? 2 : 0));
    const own = createKeyExchange('modp2048', two);
    expect(toHex(own.publicValue)).toBe(`${'00'.repeat(255)}04`);
    const secret = own.computeSecret(own.publicValue);
    expect(secret.ok && toHex(secret.value)).toBe(`${'00'.repeat(255)}10`);
  });
});
