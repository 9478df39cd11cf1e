/** Interfaces of the algorithms, and the names by which suites speak of them. */

import type { Result } from '../wire/cursor.ts';

/** Ciphers, by the names of our own tables; keys of `crypto/suites.ts`. */
export type EncrName =
  | 'aes128-gcm16'
  | 'aes256-gcm16'
  | 'aes128-ccm16'
  | 'aes256-ccm16'
  | 'aes128-cbc'
  | 'aes256-cbc'
  | 'chacha20-poly1305'
  | 'null';
/** Integrity algorithms; `none` beside an AEAD. */
export type IntegName =
  | 'none'
  | 'hmac-sha1-96'
  | 'hmac-sha2-256-128'
  | 'hmac-sha2-384-192'
  | 'hmac-sha2-512-256';
/** Pseudo-random functions. */
export type PrfName = 'hmac-sha1' | 'hmac-sha2-256' | 'hmac-sha2-384' | 'hmac-sha2-512';
/** Key exchanges in which both sides do the same. */
export type DhName = 'x25519' | 'ecp256' | 'ecp384' | 'modp2048' | 'modp3072';
/** Key encapsulations, in which the responder's value depends on the initiator's. */
export type MlKemName = 'mlkem512' | 'mlkem768' | 'mlkem1024';
/** All that IKE_SA_INIT may carry. */
export type KeName = DhName | MlKemName;
/** What may stand in a further slot, or be a Child SA's own: 'qkd' takes its secret from the owner. */
export type AdditionalKeName = KeName | 'qkd';

/** A slot of additional key exchanges: transform type 6 to 12, and the method agreed on for it. [RFC9370 2.2.1] */
export interface AdditionalKe {
  readonly slot: number;
  readonly ke: AdditionalKeName;
}

/** The algorithms of an IKE SA; `integ` is 'none' with an AEAD. */
export interface IkeSuite {
  readonly encr: EncrName;
  readonly integ: IntegName;
  readonly prf: PrfName;
  readonly ke: KeName;
  /** Key exchanges after the first, in the order of their slots. */
  readonly additional?: readonly AdditionalKe[];
}

/** The algorithms of a Child SA; `ke` only where keys were exchanged for it (PFS). */
export interface EspSuite {
  readonly encr: EncrName;
  readonly integ: IntegName;
  readonly esn: boolean;
  readonly ke?: AdditionalKeName;
  /** Key exchanges after the first, in the order of their slots. */
  readonly additional?: readonly AdditionalKe[];
}

/** Choices for ADDKE1, ADDKE2, …; 'none' among them lets the peer leave that slot out. [RFC9370 2.2.1] */
export type AdditionalChoices = readonly (readonly (AdditionalKeName | 'none')[])[];

/** One proposal of an IKE SA: choices in order of preference. */
export interface IkeProposalConfig {
  readonly encr: readonly EncrName[];
  readonly integ: readonly IntegName[];
  readonly prf: readonly PrfName[];
  readonly ke: readonly KeName[];
  readonly additional?: AdditionalChoices;
}

/** One ESP proposal: `ke` empty means no PFS; `esn` lists the accepted choices, preferred first. */
export interface ChildProposalConfig {
  readonly encr: readonly EncrName[];
  readonly integ: readonly IntegName[];
  readonly ke: readonly AdditionalKeName[];
  readonly esn: readonly boolean[];
  readonly additional?: AdditionalChoices;
}

/** Keys of one direction of a Child SA: `encr` ends with the salt of an AEAD, `integ` is empty with an AEAD. */
export interface ChildKeys {
  readonly encr: Uint8Array;
  readonly integ: Uint8Array;
}

/** Who computes the ciphers: OpenSSL by node:crypto, or `@noble/ciphers`. */
export type CipherProvider = 'node' | 'noble';

/** Source of fresh octets, handed in so that a run replays byte for byte. */
export type RandomSource = (length: number) => Uint8Array;

/** A KEM's fresh secret, and the ciphertext that brings it to the owner of the encapsulation key. */
export interface Encapsulated {
  readonly secret: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Encapsulates to `peer`, an encapsulation key of the right length; throws for one that is not valid. */
export type Encapsulate = (name: MlKemName, peer: Uint8Array) => Encapsulated;

/** What the responder of a key exchange sends and keeps. */
export interface KeyAnswer {
  readonly method: number;
  readonly publicValue: Uint8Array;
  readonly secret: Uint8Array;
}

/** The initiator's side of a key exchange with its private value. */
export interface KeyExchange {
  readonly name: KeName;
  /** Transform id, as in the KE payload. */
  readonly method: number;
  /** What the KE payload carries. */
  readonly publicValue: Uint8Array;
  /** The shared secret g^ir in its fixed length; an error for values that RFC 6989 or RFC 7748 refuse. */
  computeSecret(peer: Uint8Array): Result<Uint8Array>;
}
