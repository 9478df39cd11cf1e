/**
 * One table per transform type: name, registered id, lengths in octets, and what node:crypto calls it.
 * Adding an algorithm is adding a row.
 */

import { ENCR, INTEG, KE, PRF, TRANSFORM } from '../wire/registry.ts';
import type {
  AdditionalKe,
  AdditionalKeName,
  EncrName,
  EspSuite,
  IkeSuite,
  IntegName,
  KeName,
  PrfName,
} from './types.ts';

/** `keyLength` without the salt; `blockSize` is what the padded plaintext is a multiple of. */
export interface EncrAlgorithm {
  readonly id: number;
  readonly keyLength: number;
  /** Whether the proposal carries the Key Length attribute. */
  readonly variableKey: boolean;
  readonly saltLength: number;
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockSize: number;
  readonly mode: 'gcm' | 'ccm' | 'chacha' | 'cbc' | 'null';
  /** OpenSSL's name. */
  readonly cipher: string;
}

const aead = { saltLength: 4, ivLength: 8, icvLength: 16, blockSize: 1 } as const;
const cbc = { saltLength: 0, ivLength: 16, icvLength: 0, blockSize: 16 } as const;
const gcm = { id: ENCR.AES_GCM_16, variableKey: true, mode: 'gcm', ...aead } as const;
const ccm = { id: ENCR.AES_CCM_16, variableKey: true, mode: 'ccm', ...aead, saltLength: 3 } as const;
const aesCbc = { id: ENCR.AES_CBC, variableKey: true, mode: 'cbc', ...cbc } as const;

/** Transform type 1. The AEADs' keys end with a salt that no proposal speaks of. [RFC5282 4] */
export const ENCR_ALGORITHMS: Readonly<Record<EncrName, EncrAlgorithm>> = {
  'aes128-gcm16': { ...gcm, keyLength: 16, cipher: 'aes-128-gcm' },
  'aes256-gcm16': { ...gcm, keyLength: 32, cipher: 'aes-256-gcm' },
  'aes128-ccm16': { ...ccm, keyLength: 16, cipher: 'aes-128-ccm' },
  'aes256-ccm16': { ...ccm, keyLength: 32, cipher: 'aes-256-ccm' },
  'aes128-cbc': { ...aesCbc, keyLength: 16, cipher: 'aes-128-cbc' },
  'aes256-cbc': { ...aesCbc, keyLength: 32, cipher: 'aes-256-cbc' },
  'chacha20-poly1305': {
    id: ENCR.CHACHA20_POLY1305,
    variableKey: false,
    mode: 'chacha',
    ...aead,
    keyLength: 32,
    cipher: 'chacha20-poly1305',
  },
  null: {
    id: ENCR.NULL,
    variableKey: false,
    mode: 'null',
    keyLength: 0,
    saltLength: 0,
    ivLength: 0,
    icvLength: 0,
    blockSize: 1,
    cipher: 'null',
  },
};

/** `hash` undefined stands for NONE. */
export interface IntegAlgorithm {
  readonly id: number;
  readonly keyLength: number;
  readonly icvLength: number;
  readonly hash: string | undefined;
}

/** Transform type 3; the MACs are truncated to half, but for SHA-1. (RFC 4868 section 2.3) */
export const INTEG_ALGORITHMS: Readonly<Record<IntegName, IntegAlgorithm>> = {
  none: { id: INTEG.NONE, keyLength: 0, icvLength: 0, hash: undefined },
  'hmac-sha1-96': { id: INTEG.HMAC_SHA1_96, keyLength: 20, icvLength: 12, hash: 'sha1' },
  'hmac-sha2-256-128': { id: INTEG.HMAC_SHA2_256_128, keyLength: 32, icvLength: 16, hash: 'sha256' },
  'hmac-sha2-384-192': { id: INTEG.HMAC_SHA2_384_192, keyLength: 48, icvLength: 24, hash: 'sha384' },
  'hmac-sha2-512-256': { id: INTEG.HMAC_SHA2_512_256, keyLength: 64, icvLength: 32, hash: 'sha512' },
};

/** `length` is both the output's and the preferred key's. */
export interface PrfAlgorithm {
  readonly id: number;
  readonly hash: string;
  readonly length: number;
}

/** Transform type 2. */
export const PRF_ALGORITHMS: Readonly<Record<PrfName, PrfAlgorithm>> = {
  'hmac-sha1': { id: PRF.HMAC_SHA1, hash: 'sha1', length: 20 },
  'hmac-sha2-256': { id: PRF.HMAC_SHA2_256, hash: 'sha256', length: 32 },
  'hmac-sha2-384': { id: PRF.HMAC_SHA2_384, hash: 'sha384', length: 48 },
  'hmac-sha2-512': { id: PRF.HMAC_SHA2_512, hash: 'sha512', length: 64 },
};

/** Lengths of the KE payload's data, from the initiator and from the responder, and of the shared secret. */
export interface KeAlgorithm {
  readonly id: number;
  readonly publicLength: number;
  readonly answerLength: number;
  readonly secretLength: number;
}

/** Transform type 4, and 6 to 12 where several are combined. [RFC9370 2.2.1] */
export const KE_ALGORITHMS: Readonly<Record<KeName, KeAlgorithm>> = {
  x25519: { id: KE.CURVE25519, publicLength: 32, answerLength: 32, secretLength: 32 },
  ecp256: { id: KE.ECP_256, publicLength: 64, answerLength: 64, secretLength: 32 },
  ecp384: { id: KE.ECP_384, publicLength: 96, answerLength: 96, secretLength: 48 },
  modp2048: { id: KE.MODP_2048, publicLength: 256, answerLength: 256, secretLength: 256 },
  modp3072: { id: KE.MODP_3072, publicLength: 384, answerLength: 384, secretLength: 384 },
  mlkem512: { id: KE.ML_KEM_512, publicLength: 800, answerLength: 768, secretLength: 32 },
  mlkem768: { id: KE.ML_KEM_768, publicLength: 1184, answerLength: 1088, secretLength: 32 },
  mlkem1024: { id: KE.ML_KEM_1024, publicLength: 1568, answerLength: 1568, secretLength: 32 },
};

/** Key ID out, nothing back; a private number, which peers have to agree on. */
export const QKD_METHOD = 1025;

/** Transform ids of all that may stand in ADDKE1 to ADDKE7. */
export const ADDITIONAL_KE: Readonly<Record<AdditionalKeName, { readonly id: number }>> = {
  ...KE_ALGORITHMS,
  qkd: { id: QKD_METHOD },
};

/** Whether the cipher needs no separate integrity algorithm. */
export function isAead(encr: EncrName): boolean {
  return ENCR_ALGORITHMS[encr].icvLength > 0;
}

/** Name of a key exchange by its transform id; undefined if this engine does not know it. */
export function keNameOf(method: number): AdditionalKeName | undefined {
  return (Object.keys(ADDITIONAL_KE) as AdditionalKeName[]).find((name) => ADDITIONAL_KE[name].id === method);
}

/** One line for logs and events, e.g. `aes256-gcm16/hmac-sha2-256/x25519/ke1_mlkem768`. */
export function describeIkeSuite(suite: IkeSuite): string {
  return [
    suite.encr,
    ...integPart(suite.integ),
    suite.prf,
    suite.ke,
    ...additionalPart(suite.additional),
  ].join('/');
}

/** One line for logs and events, e.g. `aes128-cbc/hmac-sha2-256-128` or `aes256-gcm16/esn`. */
export function describeEspSuite(suite: EspSuite): string {
  const ke = suite.ke === undefined ? [] : [suite.ke];
  return [
    suite.encr,
    ...integPart(suite.integ),
    ...ke,
    ...additionalPart(suite.additional),
    ...(suite.esn ? ['esn'] : []),
  ].join('/');
}

function integPart(integ: IntegName): string[] {
  return integ === 'none' ? [] : [integ];
}

/** As strongSwan writes them: the slot's number, then the method. */
function additionalPart(additional: readonly AdditionalKe[] = []): string[] {
  return additional.map(({ slot, ke }) => `ke${slot - TRANSFORM.ADDKE1 + 1}_${ke}`);
}
