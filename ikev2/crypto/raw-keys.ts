/**
 * Key objects from and to the octets that the KE payload carries (RFC 7748, FIPS 203), without DER around them. Making
 * them is a third of what a handshake costs a responder.
 */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { asBuffer } from './octets.ts';

/** Key types of OpenSSL whose keys are plain octets. */
export type RawKeyType = 'x25519' | 'ml-kem-512' | 'ml-kem-768' | 'ml-kem-1024';

/**
 * A private key of its raw octets or, for ML-KEM, of its seed d | z. `octets` are the caller's to wipe.
 * Throws what OpenSSL throws for a wrong length.
 */
export function rawPrivateKey(type: RawKeyType, octets: Uint8Array): KeyObject {
  const format = type === 'x25519' ? 'raw-private' : 'raw-seed';
  return withoutTraces(() => createPrivateKey({ key: asBuffer(octets), format, asymmetricKeyType: type }));
}

/** A public key of its raw octets. Throws what OpenSSL throws for octets that are none. */
export function rawPublicKey(type: RawKeyType, octets: Uint8Array): KeyObject {
  return withoutTraces(() =>
    createPublicKey({ key: asBuffer(octets), format: 'raw-public', asymmetricKeyType: type }),
  );
}

/** The raw octets of a private key's public half. */
export function rawPublicOctets(privateKey: KeyObject): Uint8Array {
  const { buffer, byteOffset, length } = createPublicKey(privateKey).export({ format: 'raw-public' });
  return new Uint8Array(buffer, byteOffset, length);
}

/**
 * Node finds out what its argument is by catching up to four errors of its own; collecting their stack traces, which nobody
 * reads, takes as long as making the key.
 */
function withoutTraces<T>(make: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
