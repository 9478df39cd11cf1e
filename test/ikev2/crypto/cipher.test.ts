import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCipher } from '../../../ikev2/crypto/cipher.ts';
import { nobleAead, nobleCbc } from '../../../ikev2/crypto/noble-provider.ts';
import { nodeAead, nodeCbc } from '../../../ikev2/crypto/node-provider.ts';
import { ENCR_ALGORITHMS, INTEG_ALGORITHMS, isAead } from '../../../ikev2/crypto/suites.ts';
import type { EncrName, IntegName } from '../../../ikev2/crypto/types.ts';
import { DecodeError } from '../../../ikev2/wire/cursor.ts';
import { IntegrityError } from '../../../ikev2/wire/errors.ts';
import { counting, hex, toHex, vectors } from './vectors.ts';

const PROVIDERS = ['node', 'noble'] as const;
const NONE = new Uint8Array(0);

interface AeadVector {
  name: string;
  origin: string;
  encr: EncrName;
  key: string;
  salt: string;
  iv: string;
  aad: string;
  plaintext: string;
  sealed: string;
}

describe.each(PROVIDERS)('[RFC5282 4] published vectors, provider %s', (provider) => {
  it.each(vectors<AeadVector[]>('aead'))('[RFC5282 4] $name ($origin)', (vector) => {
    const cipher = createCipher(
      { encr: vector.encr, integ: 'none' },
      hex(vector.key + vector.salt),
      NONE,
      provider,
    );
    const sealed = cipher.seal(hex(vector.iv), hex(vector.aad), hex(vector.plaintext));
    expect(toHex(sealed)).toBe(vector.sealed);
    const opened = cipher.open(hex(vector.iv), hex(vector.aad), sealed);
    expect(opened.ok && toHex(opened.value)).toBe(vector.plaintext);
  });

  it.each(vectors<(AeadVector & { nonce: string })[]>('ccm'))('$name ($origin)', (vector) => {
    const make = provider === 'node' ? nodeAead : nobleAead;
    const aead = make(ENCR_ALGORITHMS[vector.encr], hex(vector.key));
    const out = new Uint8Array(vector.sealed.length / 2);
    aead.seal(hex(vector.nonce), hex(vector.aad), hex(vector.plaintext), out, 0);
    expect(toHex(out)).toBe(vector.sealed);
    const opened = aead.open(hex(vector.nonce), hex(vector.aad), out);
    expect(opened && toHex(opened)).toBe(vector.plaintext);
  });

  it.each(vectors<(AeadVector & { ciphertext: string })[]>('cbc'))('$name ($origin)', (vector) => {
    const make = provider === 'node' ? nodeCbc : nobleCbc;
    const block = make(ENCR_ALGORITHMS[vector.encr], hex(vector.key));
    const out = new Uint8Array(vector.ciphertext.length / 2);
    block.encrypt(hex(vector.iv), hex(vector.plaintext), out, 0);
    expect(toHex(out)).toBe(vector.ciphertext);
    expect(toHex(block.decrypt(hex(vector.iv), out))).toBe(vector.plaintext);
  });
});

const ENCR_NAMES = Object.keys(ENCR_ALGORITHMS) as EncrName[];
const INTEG_NAMES = (Object.keys(INTEG_ALGORITHMS) as IntegName[]).filter((name) => name !== 'none');
const SUITES = ENCR_NAMES.flatMap((encr) =>
  (isAead(encr) ? (['none'] as const) : INTEG_NAMES).map((integ) => ({ encr, integ })),
);

function makeCipher(suite: { encr: EncrName; integ: IntegName }, provider: 'node' | 'noble' = 'node') {
  const random = counting();
  const { keyLength, saltLength } = ENCR_ALGORITHMS[suite.encr];
  const keyInteg = random(INTEG_ALGORITHMS[suite.integ].keyLength);
  return createCipher(suite, random(keyLength + saltLength), keyInteg, provider);
}

describe.each(SUITES)('$encr with $integ', (suite) => {
  const node = makeCipher(suite);
  const noble = makeCipher(suite, 'noble');
  const iv = counting(7)(node.ivLength);
  const text = fc
    .uint8Array({ maxLength: 300 })
    .map((octets) => octets.subarray(0, octets.length - (octets.length % node.blockSize)));

  it('seals alike with both providers, and each opens the other', () => {
    fc.assert(
      fc.property(text, fc.uint8Array({ maxLength: 40 }), (plaintext, aad) => {
        const sealed = node.seal(iv, aad, plaintext);
        expect(toHex(noble.seal(iv, aad, plaintext))).toBe(toHex(sealed));
        expect(sealed).toHaveLength(plaintext.length + node.icvLength);
        for (const cipher of [node, noble]) {
          const opened = cipher.open(iv, aad, sealed);
          expect(opened.ok && toHex(opened.value)).toBe(toHex(plaintext));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('refuses every change of one bit', () => {
    const aad = hex('0102030400000001');
    const sealed = node.seal(iv, aad, new Uint8Array(32));
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.nat(7), (at, bit) => {
        const bad = Uint8Array.from(sealed);
        bad[at] = (bad[at] as number) ^ (1 << bit);
        for (const cipher of [node, noble]) {
          const opened = cipher.open(iv, aad, bad);
          expect(!opened.ok && opened.error).toBeInstanceOf(IntegrityError);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses other associated data, a short body and an IV of another length', () => {
    const sealed = node.seal(iv, hex('01'), new Uint8Array(16));
    expect(node.open(iv, hex('02'), sealed).ok).toBe(false);
    expect(node.open(iv, hex('01'), sealed.subarray(0, node.icvLength - 1)).ok).toBe(false);
    expect(node.open(iv, hex('01'), NONE).ok).toBe(false);
    expect(node.open(new Uint8Array(iv.length + 1), hex('01'), sealed).ok).toBe(false);
  });

  it('writes in place behind the IV', () => {
    const out = new Uint8Array(8 + iv.length + 32 + node.icvLength);
    out.set(hex('0102030400000001'));
    out.set(iv, 8);
    const written = node.sealInto(out, 8 + iv.length, iv, out.subarray(0, 8), new Uint8Array(32));
    expect(8 + iv.length + written).toBe(out.length);
    expect(toHex(out.subarray(8 + iv.length))).toBe(
      toHex(node.seal(iv, out.subarray(0, 8), new Uint8Array(32))),
    );
  });
});

describe('cipher followed by MAC', () => {
  const cipher = makeCipher({ encr: 'aes128-cbc', integ: 'hmac-sha2-256-128' });
  const iv = new Uint8Array(16);

  it('[RFC7296 3.14] authenticates the trailer behind the ciphertext, for extended sequence numbers', () => {
    const sealed = cipher.seal(iv, NONE, new Uint8Array(16), hex('00000001'));
    expect(cipher.open(iv, NONE, sealed, hex('00000001')).ok).toBe(true);
    expect(cipher.open(iv, NONE, sealed, hex('00000002')).ok).toBe(false);
    expect(cipher.open(iv, NONE, sealed).ok).toBe(false);
  });

  it('reports authentic text of a partial block as an error of syntax, not of integrity', () => {
    const nullCipher = makeCipher({ encr: 'null', integ: 'hmac-sha2-256-128' });
    const random = counting();
    const key = random(32);
    const sealed = createCipher({ encr: 'null', integ: 'hmac-sha2-256-128' }, NONE, key).seal(
      NONE,
      iv,
      hex('aabbcc'),
    );
    const cbc = createCipher({ encr: 'aes128-cbc', integ: 'hmac-sha2-256-128' }, new Uint8Array(16), key);
    const opened = cbc.open(iv, NONE, sealed);
    expect(nullCipher.ivLength).toBe(0);
    expect(!opened.ok && opened.error).toBeInstanceOf(DecodeError);
    expect(!opened.ok && opened.error).not.toBeInstanceOf(IntegrityError);
  });

  it('throws on our own faults: unpadded text, wrong key lengths, no integrity', () => {
    const suite = { encr: 'aes128-cbc', integ: 'hmac-sha2-256-128' } as const;
    expect(() => cipher.seal(iv, NONE, new Uint8Array(15))).toThrow(RangeError);
    expect(() => createCipher(suite, new Uint8Array(17), new Uint8Array(32))).toThrow(RangeError);
    expect(() => createCipher(suite, new Uint8Array(16), new Uint8Array(31))).toThrow(RangeError);
    expect(() => createCipher({ encr: 'aes128-cbc', integ: 'none' }, new Uint8Array(16), NONE)).toThrow(
      RangeError,
    );
  });

  it('shows no key when printed', () => {
    const made = createCipher(
      { encr: 'aes128-cbc', integ: 'hmac-sha2-256-128' },
      hex('ab'.repeat(16)),
      hex('cd'.repeat(32)),
    );
    expect(JSON.stringify(made)).not.toContain('171');
    expect(Object.values(made).some((value) => value instanceof Uint8Array)).toBe(false);
  });
});
