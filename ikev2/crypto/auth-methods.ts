/** Announcements of authentication methods: the data of SUPPORTED_AUTH_METHODS. [RFC9593 3.2] */

import { AUTH_METHOD } from '../wire/registry.ts';
import { concatOctets } from './octets.ts';
import { VERIFIED_SIGNATURES } from './sign.ts';

/** A method by its IANA number; of digital signatures the DER AlgorithmIdentifier, too. */
export interface AuthAnnouncement {
  readonly method: number;
  readonly algorithm?: Uint8Array;
}

/** What a peer proves itself by. */
export type ProofKind = 'shared' | 'certificate';

/** Methods whose announcement has two octets: nothing but the method. [RFC9593 3.2.1] */
const BARE: ReadonlySet<number> = new Set([
  AUTH_METHOD.SHARED_KEY,
  AUTH_METHOD.GENERIC_SECURE_PASSWORD,
  AUTH_METHOD.NULL,
]);

/** All that this engine verifies of a peer of that kind. */
export function acceptedMethods(kind: ProofKind): readonly AuthAnnouncement[] {
  if (kind === 'shared') return [{ method: AUTH_METHOD.SHARED_KEY }];
  return [
    ...VERIFIED_SIGNATURES.map((algorithm) => ({ method: AUTH_METHOD.DIGITAL_SIGNATURE, algorithm })),
    { method: AUTH_METHOD.ECDSA_SHA256_P256 },
    { method: AUTH_METHOD.ECDSA_SHA384_P384 },
    { method: AUTH_METHOD.RSA },
  ];
}

/**
 * Length, method, then for signatures the number of the CERTREQ that it goes with, 0 for none, and the algorithm.
 * [RFC9593 3.2.2] [RFC9593 3.2.3]
 */
export function encodeAnnouncements(list: readonly AuthAnnouncement[]): Uint8Array {
  const items = list.map(({ method, algorithm = new Uint8Array(0) }) => {
    const rest = BARE.has(method) ? algorithm : concatOctets(Uint8Array.of(0), algorithm);
    return concatOctets(Uint8Array.of(2 + rest.length, method), rest);
  });
  return concatOctets(...items);
}

/** What a peer announces; undefined where the octets are no such list. Links to CERTREQ are passed over. */
export function parseAnnouncements(data: Uint8Array): AuthAnnouncement[] | undefined {
  const list: AuthAnnouncement[] = [];
  for (let at = 0; at < data.length; ) {
    const length = data[at] ?? 0;
    const method = data[at + 1];
    if (length < 2 || at + length > data.length || method === undefined) return undefined;
    const algorithm = Uint8Array.from(data.subarray(at + 3, at + length));
    list.push(length > 3 ? { method, algorithm } : { method });
    at += length;
  }
  return list;
}
