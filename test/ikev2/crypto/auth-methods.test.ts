import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acceptedMethods,
  encodeAnnouncements,
  parseAnnouncements,
} from '../../../ikev2/crypto/auth-methods.ts';
import { signAuth, verifyAuth } from '../../../ikev2/crypto/sign.ts';
import { hex, toHex } from './vectors.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const P256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const P384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
const OCTETS = hex('0123');
const HASHES = [2, 3, 4];
const ECDSA_SHA256 = hex('300a06082a8648ce3d040302');
const PKCS1_SHA512 = hex('300d06092a864886f70d01010d0500');

describe('announcements', () => {
  it('[RFC9593 3.2] [RFC9593 3.2.1] of a shared key have two octets', () => {
    expect(toHex(encodeAnnouncements(acceptedMethods('shared')))).toBe('0202');
    expect(parseAnnouncements(hex('0202'))).toEqual([{ method: 2 }]);
  });

  it('[RFC9593 3.2.2] of a signature method have a third for the link to a CERTREQ', () => {
    expect(toHex(encodeAnnouncements([{ method: 1 }, { method: 9 }]))).toBe('030100030900');
    expect(parseAnnouncements(hex('030102030900'))).toEqual([{ method: 1 }, { method: 9 }]);
  });

  it('[RFC9593 3.2.3] of a digital signature go on with its AlgorithmIdentifier', () => {
    const octets = encodeAnnouncements([{ method: 14, algorithm: ECDSA_SHA256 }]);
    expect(toHex(octets)).toBe(`0f0e00${toHex(ECDSA_SHA256)}`);
    expect(parseAnnouncements(octets)).toEqual([{ method: 14, algorithm: ECDSA_SHA256 }]);
  });

  it('[RFC9593 3.2] go over and come back, all of ours', () => {
    for (const kind of ['shared', 'certificate'] as const) {
      expect(parseAnnouncements(encodeAnnouncements(acceptedMethods(kind)))).toEqual(acceptedMethods(kind));
    }
    const methods = acceptedMethods('certificate').map(({ method }) => method);
    expect(new Set(methods)).toEqual(new Set([14, 9, 10, 1]));
    expect(methods.filter((method) => method === 14)).toHaveLength(9);
  });

  it('[RFC9593 3.2] that end early or have no length are no list, whatever the octets', () => {
    for (const bad of ['00', '0002', '01', '0102', '0302', '02', '040e00', '02020301']) {
      expect(parseAnnouncements(hex(bad))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
        const list = parseAnnouncements(octets);
        expect(list === undefined || list.length <= octets.length / 2).toBe(true);
      }),
    );
  });
});

describe('a signature for a peer that announced what it takes', () => {
  it('[RFC9593 3.1] is by the first of them that the key can do', () => {
    const auth = signAuth(RSA.privateKey, OCTETS, HASHES, [{ method: 14, algorithm: PKCS1_SHA512 }]);
    expect(toHex(auth.data).slice(2, 2 + 2 * PKCS1_SHA512.length)).toBe(toHex(PKCS1_SHA512));
    expect(verifyAuth(RSA.publicKey, auth, OCTETS).ok).toBe(true);
    const everything = signAuth(P384.privateKey, OCTETS, HASHES, acceptedMethods('certificate'));
    expect(verifyAuth(P384.publicKey, everything, OCTETS).ok).toBe(true);
  });

  it('[RFC9593 3.1] is RSASSA-PSS where that is all that it takes', () => {
    const pss = acceptedMethods('certificate').filter(({ algorithm }) => (algorithm?.length ?? 0) > 60);
    expect(pss).toHaveLength(3);
    for (const one of pss) {
      const auth = signAuth(RSA.privateKey, OCTETS, HASHES, [one]);
      expect([auth.method, auth.data[0]]).toEqual([14, one.algorithm?.length]);
      expect(verifyAuth(RSA.publicKey, auth, OCTETS).ok).toBe(true);
    }
  });

  it('[RFC9593 3.1] is by an older method where that is all', () => {
    for (const [pair, method] of [
      [RSA, 1],
      [P256, 9],
      [P384, 10],
    ] as const) {
      const auth = signAuth(pair.privateKey, OCTETS, HASHES, [{ method }]);
      expect(auth.method).toBe(method);
      expect(verifyAuth(pair.publicKey, auth, OCTETS).ok).toBe(true);
    }
  });

  it('[RFC9593 3.1] is not made where it takes none of the key', () => {
    const impossible = [
      [],
      [{ method: 2 }],
      [{ method: 10 }],
      [{ method: 14, algorithm: PKCS1_SHA512 }],
      [{ method: 14 }],
    ];
    for (const announced of impossible) {
      expect(() => signAuth(P256.privateKey, OCTETS, HASHES, announced)).toThrow(
        'takes no signature of our key',
      );
    }
  });
});
