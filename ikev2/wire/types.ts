/**
 * Wire values of IKEv2 (RFC 7296 section 3): plain readonly objects without lengths, chain types or reserved
 * fields, which the encoder derives. Octet fields of decoded values are views into the datagram.
 */

import type { Result } from './cursor.ts';

/** Textual IPv4 or IPv6 address and UDP port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** Body of an IDi or IDr payload: ID type (1 IPv4, 2 FQDN, 3 RFC822, 5 IPv6, 9 DER_ASN1_DN, 11 KEY_ID) and data. */
export interface Identity {
  readonly type: number;
  readonly data: Uint8Array;
}

/** Notify payload; `protocol` 0 and an empty `spi` unless it speaks of a Child SA. */
export interface Notify {
  readonly protocol: number;
  readonly spi: Uint8Array;
  readonly notifyType: number;
  readonly data: Uint8Array;
}

/** `value` is empty in a request that leaves it to the peer. */
export interface CpAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A range of addresses (4 or 16 octets each) and ports; ICMP type and code sit in the ports. */
export interface TrafficSelector {
  readonly protocol: number;
  readonly startPort: number;
  readonly endPort: number;
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/**
 * `keyLength` in bits, only for algorithms whose key length varies. `unknownAttributes` marks a received transform
 * that must not be chosen, as it says something that we do not understand. It is not encoded.
 */
export interface Transform {
  readonly type: number;
  readonly id: number;
  readonly keyLength?: number;
  readonly unknownAttributes?: true;
}

/** `protocol` 1 IKE, 3 ESP; `spi` empty in a first IKE_SA_INIT, 8 octets in an IKE rekey, 4 for ESP. */
export interface Proposal {
  readonly number: number;
  readonly protocol: number;
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

/** What is offered, or the one proposal that was chosen. [RFC7296 3.3] */
export type SaPayload = { readonly type: 'SA'; readonly proposals: readonly Proposal[] };
/** One side's half of a key exchange; `method` is a transform id of type 4. [RFC7296 3.4] */
export type KePayload = { readonly type: 'KE'; readonly method: number; readonly data: Uint8Array };
/** [RFC7296 3.5] */
export type IdPayload<T extends 'IDi' | 'IDr'> = { readonly type: T; readonly id: Identity };
/** One certificate of a chain, the leaf in the first such payload. [RFC7296 3.6] */
export type CertPayload = { readonly type: 'CERT'; readonly encoding: number; readonly data: Uint8Array };
/** Authorities that the sender trusts. [RFC7296 3.7] */
export type CertRequestPayload = {
  readonly type: 'CERTREQ';
  readonly encoding: number;
  readonly data: Uint8Array;
};
/** The sender's proof. [RFC7296 3.8] */
export type AuthPayload = { readonly type: 'AUTH'; readonly method: number; readonly data: Uint8Array };
/** [RFC7296 3.9] */
export type NoncePayload = { readonly type: 'Nonce'; readonly data: Uint8Array };
/** [RFC7296 3.10] */
export type NotifyPayload = { readonly type: 'Notify' } & Notify;
/** `spis` is empty for an IKE SA. [RFC7296 3.11] */
export type DeletePayload = {
  readonly type: 'Delete';
  readonly protocol: number;
  readonly spis: readonly Uint8Array[];
};
/** [RFC7296 3.12] */
export type VendorIdPayload = { readonly type: 'VendorId'; readonly data: Uint8Array };
/** [RFC7296 3.13] */
export type TsPayload<T extends 'TSi' | 'TSr'> = {
  readonly type: T;
  readonly selectors: readonly TrafficSelector[];
};
/** [RFC7296 3.15] */
export type CpPayload = {
  readonly type: 'CP';
  readonly cfgType: number;
  readonly attributes: readonly CpAttribute[];
};
/** A whole EAP packet, from its code on. [RFC7296 3.16] */
export type EapPayload = { readonly type: 'EAP'; readonly packet: Uint8Array };
/** A payload type that the table does not know; `critical` decides whether the message must be refused. */
export type UnknownPayload = {
  readonly type: 'Unknown';
  readonly payloadType: number;
  readonly critical: boolean;
  readonly data: Uint8Array;
};

/** Every payload but SK and SKF, which frame a message and never appear as a value. */
export type Payload =
  | SaPayload
  | KePayload
  | IdPayload<'IDi'>
  | IdPayload<'IDr'>
  | CertPayload
  | CertRequestPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorIdPayload
  | TsPayload<'TSi'>
  | TsPayload<'TSr'>
  | CpPayload
  | EapPayload
  | UnknownPayload;

/** Names of all that may stand in a message. */
export type PayloadName = Payload['type'];
/** Payloads that have a codec. */
export type KnownPayload = Exclude<Payload, UnknownPayload>;

/** What the writer of a message chooses; the version defaults to 2.0. */
export interface MessageHeader {
  readonly spiInitiator: Uint8Array;
  readonly spiResponder: Uint8Array;
  readonly majorVersion?: number;
  readonly minorVersion?: number;
  readonly exchange: number;
  readonly initiator: boolean;
  readonly response: boolean;
  readonly messageId: number;
}

/** A header as read: SPIs of 8 octets; `initiator` and `response` are the I and R flags. */
export interface IkeHeader extends MessageHeader {
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly nextPayload: number;
  readonly length: number;
}

/** Place of the SK (46) or SKF (53) payload in the datagram: its IV starts at `bodyAt`, its ICV ends at `end`. */
export interface EncryptedPart {
  readonly type: 46 | 53;
  readonly innerFirstPayload: number;
  readonly bodyAt: number;
  readonly end: number;
  readonly fragment?: { readonly number: number; readonly total: number };
}

/** A datagram as far as it can be read without keys: in IKE_SA_INIT its payloads, in all others where SK or SKF stands. */
export interface DecodedMessage {
  readonly header: IkeHeader;
  /** The payloads in clear. */
  readonly payloads: readonly Payload[];
  readonly encrypted?: EncryptedPart;
}

/**
 * Encryption with integrity for SK payloads and ESP: an AEAD, or a block cipher followed by a MAC.
 * An AEAD authenticates `aad` and the text; the other kind authenticates `aad | iv | ciphertext | trailer`, so that
 * for both `aad` is what stands before the IV. `trailer` is the high half of an ESP extended sequence number and is
 * only for non-AEAD suites; an AEAD takes the 64-bit number inside `aad` (RFC 4303 2.2.1, RFC 4106 5).
 */
export interface IkeCipher {
  /** Octets of the explicit IV. */
  readonly ivLength: number;
  readonly icvLength: number;
  /** What the padded plaintext must be a multiple of; 1 for AEADs. */
  readonly blockSize: number;
  readonly aead: boolean;
  /** Ciphertext followed by the ICV. */
  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, trailer?: Uint8Array): Uint8Array;
  /** Writes ciphertext and ICV into `out` from `at`; returns how many octets. `out` may hold the IV and the AAD. */
  sealInto(
    out: Uint8Array,
    at: number,
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    trailer?: Uint8Array,
  ): number;
  /** The padded plaintext of `body` (ciphertext | ICV); an IntegrityError if the ICV does not fit. */
  open(iv: Uint8Array, aad: Uint8Array, body: Uint8Array, trailer?: Uint8Array): Result<Uint8Array>;
}
