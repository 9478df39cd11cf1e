import { constants, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  OFFERED_SIGNATURE_HASHES,
  parseSignatureHashes,
  signAuth,
  verifyAuth,
} from '../../../ikev2/crypto/sign.ts';
import { NOTIFY } from '../../../ikev2/wire/registry.ts';
import { hex, toHex } from './vectors.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const P256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const P384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const P521 = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
const ED25519 = generateKeyPairSync('ed25519');
const OCTETS = hex('0123456789abcdef');
const ALL_HASHES = [1, 2, 3, 4, 5];

const KEYS = [
  { name: 'RSA', pair: RSA, old: 1, identifier: '300d06092a864886f70d01010b0500' },
  { name: 'P-256', pair: P256, old: 9, identifier: '300a06082a8648ce3d040302' },
  { name: 'P-384', pair: P384, old: 10, identifier: '300a06082a8648ce3d040303' },
];

describe.each(KEYS)('$name', ({ pair, old, identifier }) => {
  it('[RFC7427 3] signs by method 14 with the algorithm identifier in front', () => {
    const auth = signAuth(pair.privateKey, OCTETS, ALL_HASHES);
    expect(auth.method).toBe(14);
    expect(toHex(auth.data).slice(2, 2 + identifier.length)).toBe(identifier);
    expect(auth.data[0]).toBe(identifier.length / 2);
    expect(verifyAuth(pair.publicKey, auth, OCTETS).ok).toBe(true);
  });

  it('falls back to the older method for a peer that announces no hash, or SHA-1 alone', () => {
    for (const hashes of [[], [1]]) {
      const auth = signAuth(pair.privateKey, OCTETS, hashes);
      expect(auth.method).toBe(old);
      expect(verifyAuth(pair.publicKey, auth, OCTETS).ok).toBe(true);
    }
  });

  it('takes a hash that the peer announced', () => {
    const auth = signAuth(pair.privateKey, OCTETS, [4]);
    expect(auth.method).toBe(14);
    expect(verifyAuth(pair.publicKey, auth, OCTETS).ok).toBe(true);
  });

  it('refuses other octets, other keys and every other method with AUTHENTICATION_FAILED', () => {
    const auth = signAuth(pair.privateKey, OCTETS, ALL_HASHES);
    const attempts = [
      verifyAuth(pair.publicKey, auth, hex('00')),
      ...KEYS.filter((other) => other.pair !== pair).map((other) =>
        verifyAuth(other.pair.publicKey, auth, OCTETS),
      ),
      ...[0, 1, 2, 3, 9, 10, 11, 12, 13, 255].map((method) =>
        verifyAuth(pair.publicKey, { ...auth, method }, OCTETS),
      ),
    ];
    for (const result of attempts) {
      expect(!result.ok && result.error.notifyType).toBe(NOTIFY.AUTHENTICATION_FAILED);
    }
  });

  it('answers any AUTH data with a value, never a throw', () => {
    const methods = fc.constantFrom(1, 9, 10, 14, 200);
    fc.assert(
      fc.property(methods, fc.uint8Array({ maxLength: 300 }), (method, data) => {
        expect(verifyAuth(pair.publicKey, { method, data }, OCTETS).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('[RFC7427 A.4] method 14', () => {
  it.each([
    ['sha256', '0b'],
    ['sha384', '0c'],
    ['sha512', '0d'],
  ])('[RFC7427 A] verifies RSA PKCS #1 with %s', (hash, octet) => {
    const identifier = hex(`300d06092a864886f70d0101${octet}0500`);
    const data = Buffer.concat([hex('0f'), identifier, sign(hash, OCTETS, RSA.privateKey)]);
    expect(verifyAuth(RSA.publicKey, { method: 14, data }, OCTETS).ok).toBe(true);
  });

  it.each([
    ['sha256', '01', '20'],
    ['sha384', '02', '30'],
    ['sha512', '03', '40'],
  ])(
    '[RFC7427 A.4] verifies RSA-PSS with %s, and only with a salt as long as the hash',
    (hash, oid, salt) => {
      const hashIdentifier = `300d06096086480165030402${oid}0500`;
      const mgf = `301a06092a864886f70d010108${hashIdentifier}`;
      const parameters = `3034a00f${hashIdentifier}a11c${mgf}a2030201${salt}`;
      const identifier = hex(`304106092a864886f70d01010a${parameters}`);
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const signed = (saltLength: number) => {
        const signature = sign(hash, OCTETS, { key: RSA.privateKey, padding, saltLength });
        return { method: 14, data: Buffer.concat([hex('43'), identifier, signature]) };
      };
      expect(verifyAuth(RSA.publicKey, signed(constants.RSA_PSS_SALTLEN_DIGEST), OCTETS).ok).toBe(true);
      expect(verifyAuth(RSA.publicKey, signed(0), OCTETS).ok).toBe(false);
    },
  );

  it('[RFC7427 A] refuses SHA-1 identifiers', () => {
    const identifier = hex('300d06092a864886f70d0101050500');
    const data = Buffer.concat([hex('0f'), identifier, sign('sha1', OCTETS, RSA.privateKey)]);
    expect(verifyAuth(RSA.publicKey, { method: 14, data }, OCTETS).ok).toBe(false);
  });
});

describe('keys and hashes', () => {
  it('throws for keys that have no method: it is the configuration that is wrong', () => {
    expect(() => signAuth(ED25519.privateKey, OCTETS, ALL_HASHES)).toThrow(RangeError);
    expect(() => signAuth(P521.privateKey, OCTETS, [])).toThrow(RangeError);
  });

  it('[RFC7427 4] reads and announces hashes as 16-bit numbers', () => {
    expect(parseSignatureHashes(hex('0001000200030004'))).toEqual([1, 2, 3, 4]);
    expect(parseSignatureHashes(hex('000200'))).toEqual([2]);
    expect(parseSignatureHashes(OFFERED_SIGNATURE_HASHES)).toEqual([2, 3, 4]);
  });
});
