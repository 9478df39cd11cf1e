import { decapsulate, diffieHellman, encapsulate } from 'node:crypto';
import { expect, test } from 'vitest';
import { hexOctets } from '../../../ikev2/crypto/octets.ts';
import { rawPrivateKey, rawPublicKey, rawPublicOctets } from '../../../ikev2/crypto/raw-keys.ts';

test('X25519 of RFC 7748 section 5.2: scalar, u-coordinate and result', () => {
  const privateKey = rawPrivateKey(
    'x25519',
    hexOctets('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
  );
  const publicKey = rawPublicKey(
    'x25519',
    hexOctets('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
  );
  expect(diffieHellman({ privateKey, publicKey }).toString('hex')).toBe(
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  );
});

test.each([
  ['x25519', 32, 32],
  ['ml-kem-512', 64, 800],
  ['ml-kem-768', 64, 1184],
  ['ml-kem-1024', 64, 1568],
] as const)('%s: %i octets make a private key, whose public one has %i', (type, length, publicLength) => {
  const octets = new Uint8Array(length).fill(7);
  const publicOctets = rawPublicOctets(rawPrivateKey(type, octets));
  expect(publicOctets).toHaveLength(publicLength);
  expect(publicOctets).not.toBeInstanceOf(Buffer);
  expect(octets).toEqual(new Uint8Array(length).fill(7));
  expect(() => rawPrivateKey(type, octets.subarray(1))).toThrow();
  expect(() => rawPublicKey(type, publicOctets.subarray(1))).toThrow();
});

test('what is encapsulated to the public octets comes out with the private key', () => {
  const privateKey = rawPrivateKey('ml-kem-768', new Uint8Array(64).fill(9));
  const { sharedKey, ciphertext } = encapsulate(rawPublicKey('ml-kem-768', rawPublicOctets(privateKey)));
  expect(decapsulate(privateKey, ciphertext)).toEqual(sharedKey);
});

test('stack traces are collected again afterwards, also after a refusal', () => {
  const { stackTraceLimit } = Error;
  rawPrivateKey('x25519', new Uint8Array(32).fill(1));
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  expect(() => rawPublicKey('x25519', new Uint8Array(31))).toThrow();
  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});
