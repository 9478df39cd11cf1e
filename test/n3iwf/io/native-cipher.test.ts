import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCipher, type EspSuite } from '#ikev2';
import { nativeCipherFactory } from '../../../n3iwf/io/native-cipher.ts';
import { type EspCipherFactory, EspReceiver, EspSender } from '../../../n3iwf/userplane/esp.ts';

const factory: EspCipherFactory = nativeCipherFactory() ?? createCipher;
const random = (length: number) => randomFillSync(new Uint8Array(length));
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const none = new Uint8Array(0);
const suites = [
  { encr: 'aes128-gcm16', key: 20 },
  { encr: 'aes256-gcm16', key: 36 },
  { encr: 'chacha20-poly1305', key: 36 },
] as const;

describe('the ciphers of the OpenSSL inside Node', () => {
  it('are there on this machine', () => {
    expect(nativeCipherFactory()).toBeDefined();
  });

  it.each(suites)(
    '[RFC4106 3.1] $encr gives the octets that node:crypto gives, at any place',
    ({ encr, key }) => {
      const suite: EspSuite = { encr, integ: 'none', esn: false };
      const octets = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: most });
      fc.assert(
        fc.property(
          octets(key, key),
          octets(8, 8),
          fc.constantFrom(8, 12),
          octets(1, 3000),
          fc.nat(40),
          (keyOctets, iv, aadLength, plaintext, at) => {
            const aad = new Uint8Array(aadLength).fill(3);
            const [ours, theirs] = [factory, createCipher as EspCipherFactory].map((make) =>
              make(suite, keyOctets, none),
            );
            const out = new Uint8Array(at + plaintext.length + 20).fill(0xee);
            const before = hexOf(plaintext);
            expect(ours?.sealInto(out, at, iv, aad, plaintext)).toBe(plaintext.length + 16);
            const expected = hexOf(theirs?.seal(iv, aad, plaintext) as Uint8Array);
            expect(hexOf(out)).toBe('ee'.repeat(at) + expected + 'ee'.repeat(4));
            expect(hexOf(ours?.seal(iv, aad, plaintext) as Uint8Array)).toBe(expected);
            expect(hexOf(plaintext)).toBe(before);
            const opened = ours?.open(iv, aad, out.subarray(at, at + plaintext.length + 16));
            expect(opened?.ok === true && hexOf(opened.value)).toBe(before);
            expect(hexOf(out.subarray(0, at))).toBe('ee'.repeat(at));
            ours?.dispose?.();
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it.each(suites)('$encr refuses every changed octet, and what is too short', ({ encr, key }) => {
    const cipher = factory({ encr, integ: 'none', esn: false }, random(key), none);
    const [iv, aad, plaintext] = [random(8), random(8), random(32)];
    const sealed = cipher.seal(iv, aad, plaintext);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] as number) ^ 1;
      expect(cipher.open(iv, aad, changed).ok).toBe(false);
    }
    expect(cipher.open(random(8), aad, Uint8Array.from(sealed)).ok).toBe(false);
    expect(cipher.open(iv, random(8), Uint8Array.from(sealed)).ok).toBe(false);
    expect(cipher.open(iv, aad, sealed.slice(0, 15)).ok).toBe(false);
    expect(cipher.open(iv.subarray(1), aad, Uint8Array.from(sealed)).ok).toBe(false);
    expect(cipher.open(iv, aad, sealed).ok).toBe(true);
  });
});

describe('the ciphers of the OpenSSL inside Node, at their limits', () => {
  it('writes nothing where there is no room, and nothing once its SA is gone', () => {
    const cipher = factory({ encr: 'aes256-gcm16', integ: 'none', esn: false }, random(36), none);
    expect(() => cipher.sealInto(new Uint8Array(40), 0, random(8), random(8), random(25))).toThrow(
      RangeError,
    );
    expect(() => cipher.sealInto(new Uint8Array(99), 0, random(7), random(8), random(25))).toThrow(
      RangeError,
    );
    const sealed = cipher.seal(random(8), random(8), random(10));
    cipher.dispose?.();
    cipher.dispose?.();
    expect(() => cipher.seal(random(8), random(8), random(10))).toThrow(RangeError);
    expect(cipher.open(random(8), random(8), sealed).ok).toBe(false);
  });

  it('leaves other suites to the IKE engine, and keys of a wrong length to nobody', () => {
    const cbc: EspSuite = { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128', esn: false };
    expect(factory(cbc, random(32), random(32)).aead).toBe(false);
    expect(() => factory({ encr: 'aes256-gcm16', integ: 'none', esn: false }, random(35), none)).toThrow(
      RangeError,
    );
  });

  it('a sender of one kind and a receiver of the other understand each other, ESN included', () => {
    for (const esn of [false, true]) {
      for (const [one, other] of [
        [factory, createCipher],
        [createCipher, factory],
      ] as const) {
        const suite = { encr: 'aes256-gcm16', integ: 'none', esn } as const;
        const keys = { encr: random(36), integ: none };
        const sender = new EspSender(7, suite, keys, random, 0, one);
        const receiver = new EspReceiver(7, suite, keys, undefined, other);
        for (let i = 0; i < 5; i++) {
          const opened = receiver.open(Uint8Array.from(sender.seal(4, Uint8Array.of(0x45, i)) as Uint8Array));
          expect(opened.ok && [...opened.payload]).toEqual([0x45, i]);
        }
      }
    }
  });
});
