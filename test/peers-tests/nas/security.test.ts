import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isProtected, NasSecurity, SECURITY_HEADER } from '../../peers/nas/index.ts';

function pair(ciphering: 0 | 2 = 2) {
  const shared = {
    knasInt: new Uint8Array(16).fill(1),
    knasEnc: new Uint8Array(16).fill(2),
    integrity: 2,
    ciphering,
    bearer: 2,
  } as const;
  return {
    ue: new NasSecurity({ ...shared, role: 'ue' }),
    network: new NasSecurity({ ...shared, role: 'network' }),
  };
}
const { integrity, integrityAndCiphering, newContext, newContextCiphered } = SECURITY_HEADER;
const plain = Uint8Array.of(0x7e, 0, 0x43, 1, 2, 3);

describe('NAS security', () => {
  it('opens what the other side protects, with every header and both ciphers', () => {
    const headers = fc.constantFrom(integrity, integrityAndCiphering, newContext, newContextCiphered);
    const messages = fc.array(fc.tuple(headers, fc.uint8Array({ minLength: 1, maxLength: 100 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(messages, fc.constantFrom(0 as const, 2 as const), (list, ciphering) => {
        const { ue, network } = pair(ciphering);
        for (const [header, message] of list) {
          const sent = ue.protect(message, header);
          expect(isProtected(sent)).toBe(true);
          expect(network.unprotect(sent)).toEqual({ ok: true, plain: message, header });
        }
      }),
    );
  });

  it('[TS24501 4.4.3.1] counts past 255 and takes no message twice', () => {
    const { ue, network } = pair();
    for (let count = 0; count < 600; count++) {
      const sent = ue.protect(plain, integrityAndCiphering);
      expect(network.unprotect(sent).ok).toBe(true);
      expect(network.uplinkCount).toBe(count);
      expect(network.unprotect(sent).ok).toBe(false);
    }
  });

  it('[TS24501 4.4.3.2] tells a copy of an earlier message from one that nobody with the keys has made', () => {
    const { ue, network } = pair();
    const copies = [ue.protect(plain, integrity), ue.protect(plain, integrityAndCiphering)];
    for (const copy of copies) network.unprotect(copy);
    for (const copy of copies) expect(network.unprotect(copy)).toMatchObject({ ok: false, repeated: true });
    const forged = Uint8Array.from(copies[0]!);
    forged[3]! ^= 1;
    expect(network.unprotect(forged)).toMatchObject({ ok: false, repeated: false });
    expect(network.unprotect(ue.protect(plain, integrity)).ok).toBe(true);
  });

  it('[TS24501 4.4.3.1] goes on after lost messages', () => {
    const { ue, network } = pair();
    for (let lost = 0; lost < 200; lost++) ue.protect(plain, integrity);
    expect(network.unprotect(ue.protect(plain, integrity)).ok).toBe(true);
    expect(network.uplinkCount).toBe(200);
  });

  it('has the same COUNT on both sides for the key of the access', () => {
    const { ue, network } = pair();
    const before = ue.uplinkCount;
    network.unprotect(ue.protect(plain, newContextCiphered));
    expect(network.uplinkCount).toBe(before);
  });
});

describe('NAS security against other octets', () => {
  it('refuses a message with any bit turned, and its own', () => {
    const { ue, network } = pair();
    const sent = ue.protect(plain, integrityAndCiphering);
    for (let bit = 16; bit < sent.length * 8; bit++) {
      const wrong = Uint8Array.from(sent);
      wrong[bit >>> 3]! ^= 1 << (bit & 7);
      expect(network.unprotect(wrong).ok).toBe(false);
    }
    expect(ue.unprotect(sent).ok).toBe(false);
    expect(network.unprotect(sent).ok).toBe(true);
  });

  it('returns a reason for any octets', () => {
    const { network } = pair();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (octets) => {
        expect(network.unprotect(octets).ok).toBe(false);
      }),
    );
  });
});
