/**
 * AUTH by signature: method 1 (RSA), 9 and 10 (ECDSA of RFC 4754) and 14 (RFC 7427), with keys that node:crypto holds.
 */

import { constants, type KeyObject, sign, verify } from 'node:crypto';
import type { Result } from '../wire/cursor.ts';
import { IkeError } from '../wire/errors.ts';
import { AUTH_METHOD, NOTIFY, SIGNATURE_HASH } from '../wire/registry.ts';
import { concatOctets, equalOctets, hexOctets } from './octets.ts';

/** Contents of an AUTH payload. */
export interface AuthValue {
  readonly method: number;
  readonly data: Uint8Array;
}

type Scheme = 'pkcs1' | 'pss' | 'ecdsa';

/** An algorithm of RFC 7427: its hash number in SIGNATURE_HASH_ALGORITHMS and the DER AlgorithmIdentifier. */
interface SignatureAlgorithm {
  readonly scheme: Scheme;
  readonly hash: string;
  readonly hashId: number;
  readonly identifier: Uint8Array;
}

function row(scheme: Scheme, hash: string, hashId: number, identifierHex: string): SignatureAlgorithm {
  return { scheme, hash, hashId, identifier: hexOctets(identifierHex) };
}

/** RSASSA-PSS-params with MGF1 and a salt as long as the hash; DER. [RFC7427 A.4] */
function pssIdentifier(hashOid: string, saltLength: string): string {
  const hash = `300d0609608648016503040${hashOid}0500`;
  const mgf = `301a06092a864886f70d010108${hash}`;
  return `304106092a864886f70d01010a3034a00f${hash}a11c${mgf}a2030201${saltLength}`;
}

const { SHA1, SHA2_256, SHA2_384, SHA2_512 } = SIGNATURE_HASH;

/** Strongest first among equals; SHA-1 rows are only verified. [RFC7427 A] */
const ALGORITHMS: readonly SignatureAlgorithm[] = [
  row('pkcs1', 'sha256', SHA2_256, '300d06092a864886f70d01010b0500'),
  row('pkcs1', 'sha384', SHA2_384, '300d06092a864886f70d01010c0500'),
  row('pkcs1', 'sha512', SHA2_512, '300d06092a864886f70d01010d0500'),
  row('ecdsa', 'sha256', SHA2_256, '300a06082a8648ce3d040302'),
  row('ecdsa', 'sha384', SHA2_384, '300a06082a8648ce3d040303'),
  row('ecdsa', 'sha512', SHA2_512, '300a06082a8648ce3d040304'),
  row('pss', 'sha256', SHA2_256, pssIdentifier('201', '20')),
  row('pss', 'sha384', SHA2_384, pssIdentifier('202', '30')),
  row('pss', 'sha512', SHA2_512, pssIdentifier('203', '40')),
  row('pkcs1', 'sha1', SHA1, '300d06092a864886f70d0101050500'),
  row('ecdsa', 'sha1', SHA1, '300906072a8648ce3d0401'),
];

/** AlgorithmIdentifiers of method 14 that {@link verifyAuth} takes. */
export const VERIFIED_SIGNATURES: readonly Uint8Array[] = ALGORITHMS.filter(
  ({ hashId }) => hashId !== SHA1,
).map(({ identifier }) => identifier);

/** Methods of RFC 4754: one curve, one hash, signature as r | s. */
const ECDSA_METHODS = [
  { method: AUTH_METHOD.ECDSA_SHA256_P256, curve: 'prime256v1', hash: 'sha256' },
  { method: AUTH_METHOD.ECDSA_SHA384_P384, curve: 'secp384r1', hash: 'sha384' },
] as const;

/** What we announce in SIGNATURE_HASH_ALGORITHMS, as the data of that Notify. [RFC7427 4] */
export const OFFERED_SIGNATURE_HASHES: Uint8Array = Uint8Array.of(0, SHA2_256, 0, SHA2_384, 0, SHA2_512);

/** The hash numbers in a SIGNATURE_HASH_ALGORITHMS Notify; an odd octet at the end is dropped. */
export function parseSignatureHashes(data: Uint8Array): number[] {
  const hashes: number[] = [];
  for (let at = 0; at + 1 < data.length; at += 2) {
    hashes.push(((data[at] as number) << 8) | (data[at + 1] as number));
  }
  return hashes;
}

/** A method that the peer announced; of digital signatures with its algorithm. [RFC9593 3.2] */
interface Announced {
  readonly method: number;
  readonly algorithm?: Uint8Array;
}

/**
 * Signs with an RSA or EC (P-256, P-384) key: method 14 with a hash that the peer announced, or, if it announced
 * none, the older method of the key. [RFC7427 3] Of the methods that it announced, where it did, the first that the key
 * can do, else AUTHENTICATION_FAILED. [RFC9593 3.1] Throws RangeError for a key of another kind.
 */
export function signAuth(
  key: KeyObject,
  octets: Uint8Array,
  peerHashes: readonly number[],
  announced?: readonly Announced[],
): AuthValue {
  const schemes = schemesOf(key, announced !== undefined);
  const isTaken = (row: SignatureAlgorithm) =>
    announced?.some(
      ({ method, algorithm }) =>
        method === AUTH_METHOD.DIGITAL_SIGNATURE &&
        algorithm !== undefined &&
        equalOctets(algorithm, row.identifier),
    ) ?? true;
  const algorithm = ALGORITHMS.find(
    (row) =>
      schemes.includes(row.scheme) &&
      row.hashId !== SHA1 &&
      row.hashId >= leastHash(key) &&
      peerHashes.includes(row.hashId) &&
      isTaken(row),
  );
  if (algorithm === undefined) return signByOldMethod(key, octets, announced);
  const signature = sign(algorithm.hash, octets, keyOptions(algorithm, key));
  const length = Uint8Array.of(algorithm.identifier.length);
  return {
    method: AUTH_METHOD.DIGITAL_SIGNATURE,
    data: concatOctets(length, algorithm.identifier, signature),
  };
}

/** Checks an AUTH value of methods 1, 9, 10 or 14; `AUTHENTICATION_FAILED` in every bad case. */
export function verifyAuth(key: KeyObject, auth: AuthValue, octets: Uint8Array): Result<undefined, IkeError> {
  const check = checkOf(key, auth);
  if (check === undefined) return failed(`AUTH method ${auth.method} does not fit the certificate's key`);
  try {
    return check(octets) ? { ok: true, value: undefined } : failed('signature is wrong');
  } catch {
    return failed('signature cannot be checked');
  }
}

function failed(reason: string): { ok: false; error: IkeError } {
  return { ok: false, error: new IkeError(reason, NOTIFY.AUTHENTICATION_FAILED) };
}

type Check = (octets: Uint8Array) => boolean;

function checkOf(key: KeyObject, { method, data }: AuthValue): Check | undefined {
  const isRsa = key.asymmetricKeyType === 'rsa';
  if (method === AUTH_METHOD.RSA) return isRsa ? (octets) => verify('sha1', octets, key, data) : undefined;
  if (method === AUTH_METHOD.DIGITAL_SIGNATURE) return checkOfIdentifier(key, data);
  const ecdsa = ECDSA_METHODS.find((row) => row.method === method && row.curve === curveOf(key));
  if (ecdsa === undefined) return undefined;
  return (octets) => verify(ecdsa.hash, octets, { key, dsaEncoding: 'ieee-p1363' }, data);
}

/** Length octet, AlgorithmIdentifier, signature; ECDSA signatures are DER here. [RFC7427 3] */
function checkOfIdentifier(key: KeyObject, data: Uint8Array): Check | undefined {
  const identifierEnd = 1 + (data[0] ?? 0);
  const identifier = data.subarray(1, identifierEnd);
  const signature = data.subarray(identifierEnd);
  const algorithm = ALGORITHMS.find((row) => equalOctets(row.identifier, identifier));
  if (algorithm === undefined || algorithm.hashId === SHA1) return undefined;
  if (algorithm.scheme === 'ecdsa' && key.asymmetricKeyType !== 'ec') return undefined;
  if (algorithm.scheme !== 'ecdsa' && key.asymmetricKeyType !== 'rsa') return undefined;
  const options = keyOptions(algorithm, key);
  return (octets) => verify(algorithm.hash, octets, options, signature);
}

function keyOptions({ scheme }: SignatureAlgorithm, key: KeyObject) {
  if (scheme !== 'pss') return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

/** Method 1 hashes with SHA-1, as RFC 7296 section 3.8 says; methods 9 and 10 go by the curve. */
function signByOldMethod(
  key: KeyObject,
  octets: Uint8Array,
  announced: readonly Announced[] | undefined,
): AuthValue {
  const ecdsa = ECDSA_METHODS.find(({ curve }) => curve === curveOf(key));
  const own = key.asymmetricKeyType === 'rsa' ? AUTH_METHOD.RSA : ecdsa?.method;
  if (announced !== undefined && !announced.some(({ method }) => method === own)) {
    throw new IkeError('the peer takes no signature of our key', NOTIFY.AUTHENTICATION_FAILED);
  }
  if (own === AUTH_METHOD.RSA) return { method: own, data: sign('sha1', octets, key) };
  if (ecdsa === undefined) throw new RangeError(`no AUTH method for a key of curve ${curveOf(key)}`);
  return { method: ecdsa.method, data: sign(ecdsa.hash, octets, { key, dsaEncoding: 'ieee-p1363' }) };
}

/** RSASSA-PSS only for a peer that says that it can. */
function schemesOf(key: KeyObject, isAnnounced: boolean): readonly Scheme[] {
  if (key.asymmetricKeyType === 'rsa') return isAnnounced ? ['pkcs1', 'pss'] : ['pkcs1'];
  if (key.asymmetricKeyType === 'ec') return ['ecdsa'];
  throw new RangeError(`no AUTH method for a key of type ${key.asymmetricKeyType}`);
}

/** P-384 deserves SHA-384 at least. */
function leastHash(key: KeyObject): number {
  return curveOf(key) === 'secp384r1' ? SHA2_384 : SHA2_256;
}

function curveOf(key: KeyObject): string | undefined {
  return key.asymmetricKeyDetails?.namedCurve;
}
