/**
 * Key exchange methods: ML-KEM from its own file, X25519 (RFC 8031), ECP-256 and ECP-384 (RFC 5903), MODP-2048 and MODP-3072 (RFC 3526).
 * Private values come from the handed-in source, so that a run replays byte for byte.
 */

import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  getDiffieHellman,
  type KeyObject,
} from 'node:crypto';
import { DecodeError, type Result } from '../wire/cursor.ts';
import { der, derContents, derInteger, derSequence } from './der.ts';
import { answerMlKem, createMlKem } from './ml-kem.ts';
import { asBuffer, concatOctets, hexOctets } from './octets.ts';
import { rawPrivateKey, rawPublicKey, rawPublicOctets } from './raw-keys.ts';
import { KE_ALGORITHMS } from './suites.ts';
import type {
  DhName,
  Encapsulate,
  KeName,
  KeyAnswer,
  KeyExchange,
  MlKemName,
  RandomSource,
} from './types.ts';

type Maker = (random: RandomSource) => KeyExchange;

/** How each method's private value is drawn. */
const MAKERS: Readonly<Record<KeName, Maker>> = {
  x25519: (random) => makeX25519('x25519', random),
  ecp256: (random) => makeEcp('ecp256', 'prime256v1', random),
  ecp384: (random) => makeEcp('ecp384', 'secp384r1', random),
  modp2048: (random) => makeModp('modp2048', 'modp14', 40, random),
  modp3072: (random) => makeModp('modp3072', 'modp15', 52, random),
  mlkem512: (random) => createMlKem('mlkem512', random),
  mlkem768: (random) => createMlKem('mlkem768', random),
  mlkem1024: (random) => createMlKem('mlkem1024', random),
};

/** Draws a private value and computes the public one. */
export function createKeyExchange(name: KeName, random: RandomSource): KeyExchange {
  return MAKERS[name](random);
}

/**
 * The responder's half: what it answers to the initiator's value, and the secret; an error for a value that the
 * method's standard refuses. A Diffie-Hellman value owes nothing to the peer's, a KEM's ciphertext does.
 */
export function answerKeyExchange(
  name: KeName,
  peer: Uint8Array,
  random: RandomSource,
  encapsulate?: Encapsulate,
): Result<KeyAnswer> {
  if (isMlKem(name)) return answerMlKem(name, peer, encapsulate);
  const { method, publicValue, computeSecret } = createKeyExchange(name, random);
  const secret = computeSecret(peer);
  return secret.ok ? { ok: true, value: { method, publicValue, secret: secret.value } } : secret;
}

function isMlKem(name: KeName): name is MlKemName {
  return name.startsWith('mlkem');
}

/** `compute` may throw: OpenSSL refuses points off the curve and all-zero X25519 results. [RFC6989 2.3] */
function makeKeyExchange(
  name: DhName,
  publicValue: Uint8Array,
  compute: (peer: Uint8Array) => Uint8Array,
): KeyExchange {
  const { id, publicLength } = KE_ALGORITHMS[name];
  return {
    name,
    method: id,
    publicValue,
    computeSecret(peer) {
      if (peer.length !== publicLength) return refuse(`${name} value has ${peer.length} octets`);
      try {
        return { ok: true, value: compute(peer) };
      } catch {
        return refuse(`${name} value is not valid`);
      }
    },
  };
}

function refuse(reason: string): Result<Uint8Array> {
  return { ok: false, error: new DecodeError('KE', 0, reason) };
}

function makeX25519(name: DhName, random: RandomSource): KeyExchange {
  const octets = Uint8Array.from(random(32));
  const privateKey = rawPrivateKey('x25519', octets);
  octets.fill(0);
  return makeKeyExchange(name, rawPublicOctets(privateKey), (peer) =>
    diffieHellman({ privateKey, publicKey: rawPublicKey('x25519', peer) }),
  );
}

/** The KE payload holds x | y without the point format octet; the secret is x alone. [RFC5903 7] */
function makeEcp(name: DhName, curve: string, random: RandomSource): KeyExchange {
  const ecdh = createECDH(curve);
  const { secretLength } = KE_ALGORITHMS[name];
  drawEcpPrivate(ecdh, secretLength, random);
  return makeKeyExchange(name, ecdh.getPublicKey().subarray(1), (peer) =>
    leftPad(ecdh.computeSecret(concatOctets(Uint8Array.of(4), peer)), secretLength),
  );
}

const DRAWS = 64;

/** Draws until the value is in 1..n-1, which OpenSSL checks; a source that never gets there is broken. */
function drawEcpPrivate(ecdh: ReturnType<typeof createECDH>, length: number, random: RandomSource): void {
  for (let draw = 0; draw < DRAWS; draw++) {
    try {
      ecdh.setPrivateKey(random(length));
      return;
    } catch {
      // Out of range: probability 2^-32 for P-256.
    }
  }
  throw new RangeError('no private value in range was drawn');
}

/**
 * `privateLength`: octets of the exponent, well above twice the group's strength (RFC 3526 section 8). Keys go in as
 * DER (PKCS #3): node's DiffieHellman object would test the prime anew, for 0.2 s and more, at every exchange.
 */
function makeModp(name: DhName, group: string, privateLength: number, random: RandomSource): KeyExchange {
  const { prime, algorithm } = modpGroup(group);
  const { publicLength, secretLength } = KE_ALGORITHMS[name];
  const privateKey = modpPrivate(algorithm, random(privateLength));
  return makeKeyExchange(name, leftPad(modpPublicValue(privateKey, algorithm), publicLength), (peer) => {
    assertInRange(peer, prime);
    return leftPad(diffieHellman({ privateKey, publicKey: modpPublic(algorithm, peer) }), secretLength);
  });
}

interface ModpGroup {
  readonly prime: Uint8Array;
  /** AlgorithmIdentifier: dhKeyAgreement with the prime and generator 2. */
  readonly algorithm: Uint8Array;
}

const DH_KEY_AGREEMENT = hexOctets('06092a864886f70d010301');
const GROUPS = new Map<string, ModpGroup>();

function modpGroup(group: string): ModpGroup {
  const known = GROUPS.get(group);
  if (known !== undefined) return known;
  const prime = getDiffieHellman(group).getPrime();
  const parameters = derSequence(derInteger(prime), derInteger(Uint8Array.of(2)));
  const made = { prime, algorithm: derSequence(DH_KEY_AGREEMENT, parameters) };
  GROUPS.set(group, made);
  return made;
}

function modpPrivate(algorithm: Uint8Array, exponent: Uint8Array): KeyObject {
  const pkcs8 = derSequence(derInteger(Uint8Array.of(0)), algorithm, der(4, derInteger(exponent)));
  const key = createPrivateKey({ key: asBuffer(pkcs8), format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  return key;
}

function modpPublic(algorithm: Uint8Array, value: Uint8Array): KeyObject {
  const spki = derSequence(algorithm, der(3, Uint8Array.of(0), derInteger(value)));
  return createPublicKey({ key: asBuffer(spki), format: 'der', type: 'spki' });
}

/** SubjectPublicKeyInfo is a SEQUENCE of the algorithm and a BIT STRING, which holds the INTEGER y. */
function modpPublicValue(privateKey: KeyObject, algorithm: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const bits = derContents(derContents(spki).subarray(algorithm.length));
  const y = derContents(bits.subarray(1));
  return y[0] === 0 ? y.subarray(1) : y;
}

/** 1 < value < p - 1; both have the same length. [RFC6989 2.1] */
function assertInRange(value: Uint8Array, prime: Uint8Array): void {
  const number = BigInt(`0x${Buffer.from(value).toString('hex')}`);
  const limit = BigInt(`0x${Buffer.from(prime).toString('hex')}`) - 1n;
  if (number <= 1n || number >= limit) throw new RangeError('out of range');
}

/** Public values and secrets keep the group's length, with zeros in front. [RFC7296 2.14] */
function leftPad(octets: Uint8Array, length: number): Uint8Array {
  if (octets.length === length) return octets;
  const padded = new Uint8Array(length);
  padded.set(octets, length - octets.length);
  return padded;
}
