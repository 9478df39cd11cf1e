/**
 * ML-KEM (FIPS 203) as key exchange method 35 to 37 of draft-ietf-ipsecme-ikev2-mlkem: the exchange's initiator
 * publishes an encapsulation key, its responder answers with a ciphertext, and both have a secret of 32 octets.
 */

import { createPrivateKey, createPublicKey, decapsulate, encapsulate, type KeyObject } from 'node:crypto';
import { DecodeError, type Result } from '../wire/cursor.ts';
import { der, derSequence } from './der.ts';
import { concatOctets, hexOctets } from './octets.ts';
import { KE_ALGORITHMS } from './suites.ts';
import type { Encapsulate, Encapsulated, KeyAnswer, KeyExchange, MlKemName, RandomSource } from './types.ts';

/** FIPS 203's d | z, from which the key pair follows. */
const SEED_LENGTH = 64;

/** Octets at the end of a SubjectPublicKeyInfo are the encapsulation key itself. */
const ALGORITHMS: Readonly<Record<MlKemName, Uint8Array>> = {
  mlkem512: algorithm(1),
  mlkem768: algorithm(2),
  mlkem1024: algorithm(3),
};

/** AlgorithmIdentifier id-alg-ml-kem-…, 2.16.840.1.101.3.4.4.x without parameters. */
function algorithm(last: number): Uint8Array {
  return derSequence(concatOctets(hexOctets('06096086480165030404'), Uint8Array.of(last)));
}

/** A key pair from 64 octets of the source; `computeSecret` decapsulates the responder's ciphertext. */
export function createMlKem(name: MlKemName, random: RandomSource): KeyExchange {
  const { id, publicLength, answerLength } = KE_ALGORITHMS[name];
  const privateKey = privateKeyOf(name, random(SEED_LENGTH));
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    name,
    method: id,
    publicValue: Uint8Array.from(spki.subarray(spki.length - publicLength)),
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
  const { sharedKey, ciphertext } = encapsulate(publicKeyOf(name, peer));
  return { secret: Uint8Array.from(sharedKey), ciphertext: Uint8Array.from(ciphertext) };
}

/** PKCS #8 with the seed alone: `[0] IMPLICIT OCTET STRING`. */
function privateKeyOf(name: MlKemName, seed: Uint8Array): KeyObject {
  const pkcs8 = derSequence(hexOctets('020100'), ALGORITHMS[name], der(4, der(0x80, seed)));
  const key = createPrivateKey({ key: Buffer.from(pkcs8.buffer), format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  return key;
}

function publicKeyOf(name: MlKemName, raw: Uint8Array): KeyObject {
  const spki = derSequence(ALGORITHMS[name], der(3, Uint8Array.of(0), raw));
  return createPublicKey({ key: Buffer.from(spki.buffer), format: 'der', type: 'spki' });
}

function refuse(reason: string): { ok: false; error: DecodeError } {
  return { ok: false, error: new DecodeError('KE', 0, reason) };
}
