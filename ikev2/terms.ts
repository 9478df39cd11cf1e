/** What commands, ports and events of the engine speak of: its SAs, quantum keys, gateways. */

/** Local handle of an IKE SA, never reused in a process. */
export type IkeSaId = number;

/** Who sent the IKE_SA_INIT request; a rekey of the IKE SA does not change it. */
export type Role = 'initiator' | 'responder';

/** A name for a post-quantum preshared key: type 1 opaque, 2 fixed [RFC8784 5.1]. */
export interface PpkIdentity {
  readonly type: number;
  readonly data: Uint8Array;
}

/** A post-quantum preshared key as the owner hands it in; it stays the owner's to wipe. */
export interface Ppk {
  readonly secret: Uint8Array;
  /** Needed from an initiator, which names the key to its peer. */
  readonly identity?: PpkIdentity;
}

/** What a fresh PPK, or a QKD key to be exchanged, is wanted for: a new Child SA, or the successor of a Child SA or of the IKE SA. */
export type PpkPurpose =
  | { readonly kind: 'newChildSa'; readonly tag?: string }
  | { readonly kind: 'childSaRekey'; readonly childSaId: number }
  | { readonly kind: 'ikeSaRekey' };

/** Another gateway: an address as text, or a name to be resolved. [RFC5685 7.2] */
export interface GatewayIdentity {
  readonly type: 'ipv4' | 'ipv6' | 'fqdn';
  readonly name: string;
}
