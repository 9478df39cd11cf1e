import { createPublicKey, randomBytes, sign, verify, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as der from '../../../n3iwf/io/der-writer.ts';
import { TestAuthority } from '../../../n3iwf/io/test-authority.ts';

describe('the test authority', () => {
  it.each([
    ['ecdsa-p256', 'ec', 'prime256v1'],
    ['ecdsa-p384', 'ec', 'secp384r1'],
    ['rsa-2048', 'rsa', 2048],
  ] as const)('issues a certificate for a key of kind %s', async (key, type, detail) => {
    const authority = await TestAuthority.create();
    const issued = await authority.issue({
      commonName: 'n3iwf',
      dnsNames: ['n3iwf.example'],
      ipAddresses: ['192.0.2.1'],
      key,
    });
    const root = new X509Certificate(authority.certificate);
    const leaf = new X509Certificate(issued.certificate);
    expect(leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.checkIssued(root)).toBe(true);
    expect(leaf.checkPrivateKey(issued.privateKey)).toBe(true);
    expect([leaf.ca, root.ca]).toEqual([false, true]);
    expect(leaf.subject).toBe('CN=n3iwf');
    expect(leaf.checkHost('n3iwf.example')).toBe('n3iwf.example');
    expect(leaf.checkIP('192.0.2.1')).toBe('192.0.2.1');
    expect(leaf.publicKey.asymmetricKeyType).toBe(type);
    const details = leaf.publicKey.asymmetricKeyDetails;
    expect(details?.namedCurve ?? details?.modulusLength).toBe(detail);
    expect(issued.chain).toEqual([issued.certificate]);
    const message = randomBytes(40);
    const signature = sign('sha256', message, issued.privateKey);
    expect(verify('sha256', message, createPublicKey(issued.pem.certificate), signature)).toBe(true);
    expect(issued.pem.authority).toBe(authority.pem);
  });

  it('issues what it is asked for, even expired', async () => {
    const authority = await TestAuthority.create();
    const notAfter = new Date('2001-02-03T04:05:06Z');
    const { certificate } = await authority.issue({ commonName: 'old', notAfter });
    const leaf = new X509Certificate(certificate);
    expect(new Date(leaf.validTo)).toEqual(notAfter);
    expect(new Date(leaf.validFrom).getTime()).toBeLessThan(notAfter.getTime());
    expect(leaf.subjectAltName).toBeUndefined();
    await expect(authority.issue({ commonName: 'x', ipAddresses: ['here'] })).rejects.toThrow('here');
  });

  it('gives each certificate a serial number of its own', async () => {
    const authority = await TestAuthority.create();
    const issued = await Promise.all(Array.from({ length: 5 }, () => authority.issue({ commonName: 'x' })));
    const serials = issued.map(({ certificate }) => new X509Certificate(certificate).serialNumber);
    expect(new Set(serials).size).toBe(5);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });
});

describe('DER', () => {
  it('writes lengths in the short and the long form', () => {
    fc.assert(
      fc.property(fc.nat({ max: 70_000 }), (length) => {
        const value = der.octetString(new Uint8Array(length));
        const head = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5;
        expect(value.length).toBe(head + length);
        if (length >= 0x80) expect(Buffer.from(value).readUIntBE(2, head - 2)).toBe(length);
      }),
      { numRuns: 50 },
    );
  });

  it('writes the values of X.690 and RFC 5280', () => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    expect(hex(der.objectIdentifier('1.2.840.113549'))).toBe('06062a864886f70d');
    expect(hex(der.integer(Uint8Array.of(0x80)))).toBe('02020080');
    expect(hex(der.boolean(true))).toBe('0101ff');
    expect(hex(der.bitString(Uint8Array.of(0x06), 1))).toBe('03020106');
    expect(Buffer.from(der.time(new Date('2049-12-31T23:59:59Z'))).toString('latin1')).toBe(
      '\x17\r491231235959Z',
    );
    expect(Buffer.from(der.time(new Date('2050-01-01T00:00:00Z'))).toString('latin1')).toBe(
      '\x18\x0f20500101000000Z',
    );
  });
});
