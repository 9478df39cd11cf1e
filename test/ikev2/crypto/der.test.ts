import { generateKeyPairSync } from 'node:crypto';
import { fromBER, type Integer, Sequence } from 'asn1js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { der, derContents, derInteger, derSequence } from '../../../ikev2/crypto/der.ts';
import { concatOctets, equalOctets, hexOctets } from '../../../ikev2/crypto/octets.ts';
import { hex, toHex } from './vectors.ts';

describe('DER', () => {
  it.each([
    ['', '020100'],
    ['00', '020100'],
    ['0000', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0001', '020101'],
    ['00ff', '020200ff'],
  ])('writes the magnitude %s as INTEGER %s', (magnitude, encoded) => {
    expect(toHex(derInteger(hex(magnitude)))).toBe(encoded);
  });

  it.each([
    [127, '047f'],
    [128, '048180'],
    [256, '04820100'],
    [65536, '0483010000'],
  ])('writes a length of %i in the shortest form', (length, head) => {
    const encoded = der(4, new Uint8Array(length));
    expect(toHex(encoded.subarray(0, head.length / 2))).toBe(head);
    expect(derContents(encoded)).toHaveLength(length);
  });

  it('is read by another implementation as it was meant', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }),
        (magnitudes) => {
          const encoded = Uint8Array.from(derSequence(...magnitudes.map(derInteger)));
          const { result } = fromBER(encoded);
          expect(result).toBeInstanceOf(Sequence);
          const values = (result as Sequence).valueBlock.value.map((value) => (value as Integer).toBigInt());
          expect(values).toEqual(magnitudes.map((magnitude) => BigInt(`0x${toHex(magnitude)}`)));
        },
      ),
    );
  });

  it('opens what OpenSSL wrote', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    expect(derContents(spki)).toHaveLength(spki.length - 2);
  });
});

describe('octets', () => {
  it('compare by content and length', () => {
    expect(equalOctets(hex('0102'), hex('0102'))).toBe(true);
    expect(equalOctets(hex('0102'), hex('0103'))).toBe(false);
    expect(equalOctets(hex('0102'), hex('010200'))).toBe(false);
    expect(equalOctets(hex(''), hex(''))).toBe(true);
  });

  it('are spelled in hexadecimal digits', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        expect(hexOctets(toHex(octets))).toEqual(octets);
      }),
    );
  });

  it('join into memory of their own', () => {
    const part = hex('0102');
    const joined = concatOctets(part, hex(''), hex('03'));
    part.fill(9);
    expect(toHex(joined)).toBe('010203');
    expect(joined.buffer.byteLength).toBe(3);
  });
});
