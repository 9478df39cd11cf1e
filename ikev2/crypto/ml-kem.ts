/**
 * ML-KEM (FIPS 203) as key exchange method 35 to 37 of draft-ietf-ipsecme-ikev2-mlkem: the exchange's initiator
 * publishes an encapsulation key, its responder answers with a ciphertext, and both have a secret of 32 octets.
 */

import { decapsulate, encapsulate } from 'node:crypto';
import { DecodeError, type Result } from '../wire/cursor.ts';
import { type RawKeyType, rawPrivateKey, rawPublicKey, rawPublicOctets } from './raw-keys.ts';
import { KE_ALGORITHMS } from './suites.ts';
import type { Encapsulate, Encapsulated, KeyAnswer, KeyExchange, MlKemName, RandomSource } from './types.ts';

/** FIPS 203's d | z, from which the key pair follows. */
const SEED_LENGTH = 64;

const KEY_TYPES = {
  mlkem512: 'ml-kem-512',
  mlkem768: 'ml-kem-768',
  mlkem1024: 'ml-kem-1024',
} as const satisfies Record<MlKemName, RawKeyType>;

/** A key pair from 64 octets of the source; `computeSecret` decapsulates the responder's ciphertext. */
export function createMlKem(name: MlKemName, random: RandomSource): KeyExchange {
  const { id, answerLength } = KE_ALGORITHMS[name];
  const seed = Uint8Array.from(random(SEED_LENGTH));
  const privateKey = rawPrivateKey(KEY_TYPES[name], seed);
  seed.fill(0);
  return {
    name,
    method: id,
    publicValue: rawPublicOctets(privateKey),
    computeSecret(ciphertext) {
      // [FIPS203 7.3] the one check of a decapsulating side; a forged ciphertext gives a secret that nobody else has.
      if (ciphertext.length !== answerLength) return refuse(`ciphertext has ${ciphertext.length} octets`);
      return { ok: true, value: Uint8Array.from(decapsulate(privateKey, ciphertext)) };
    },
  };
}

/**
 * The responder's half: a fresh secret and its ciphertext by `encapsulateTo`. An error for a key of the wrong length or with
 * coefficients that are not reduced. [FIPS203 7.2]
 */
export function answerMlKem(
  name: MlKemName,
  peer: Uint8Array,
  encapsulateTo: Encapsulate = encapsulateByNode,
): Result<KeyAnswer> {
  const { id, publicLength } = KE_ALGORITHMS[name];
  if (peer.length !== publicLength) return refuse(`encapsulation key has ${peer.length} octets`);
  try {
    const { secret, ciphertext } = encapsulateTo(name, peer);
    return { ok: true, value: { method: id, publicValue: ciphertext, secret } };
  } catch {
    return refuse('encapsulation key is not valid');
  }
}

/**
 * Encapsulation by node:crypto. Its randomness is OpenSSL's own, as node:crypto takes none: to repeat an exchange octet
 * for octet, hand in what came of it the first time.
 */
export function encapsulateByNode(name: MlKemName, peer: Uint8Array): Encapsulated {
  const { sharedKey, ciphertext } = encapsulate(rawPublicKey(KEY_TYPES[name], peer));
  return { secret: Uint8Array.from(sharedKey), ciphertext: Uint8Array.from(ciphertext) };
}

function refuse(reason: string): { ok: false; error: DecodeError } {
  return { ok: false, error: new DecodeError('KE', 0, reason) };
}
