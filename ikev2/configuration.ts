/** How a node answers, and how an IKE SA that it starts shall be. Nothing here runs. */

import type { KeyObject } from 'node:crypto';
import type { FreshPpkFormula } from './crypto/keymat.ts';
import type { ChildProposalConfig, IkeProposalConfig } from './crypto/types.ts';
import type { GatewayIdentity } from './terms.ts';
import type { HalfOpenLimits, Lifetimes, TimerConfig } from './timing.ts';
import type { CpAttribute, Identity, Notify, TrafficSelector } from './wire/types.ts';

/** Certificate chain in DER, leaf first, and the private key of the leaf. */
export interface CertificateConfig {
  readonly chain: readonly Uint8Array[];
  readonly privateKey: KeyObject;
}

/** Whether SAs are made with a post-quantum preshared key: never, where both sides have one, or not without. [RFC8784 3] */
export type PpkMode = 'off' | 'optional' | 'required';

/** Where a PPK comes in: with AUTH [RFC8784 3], before it and afresh for each SA [RFC9867 3.1], or where both can. */
export type PpkExchange = 'auth' | 'intermediate' | 'any';

/**
 * Whether AUTH proves both messages of IKE_SA_INIT instead of the signer's own, where the peer does so, too: nobody can then
 * show each side another negotiation. 'required' does without such peers. [draft-ikev2-downgrade-prevention notify]
 */
export type TranscriptAuth = 'off' | 'on' | 'required';

/**
 * How a responder proves itself: by a signature, by a PSK, by a QKD key that the initiator names (a shared-key AUTH, too), or
 * not at all but by an EAP method that authenticates both sides. [RFC5998 3]
 */
export type ResponderAuth = 'certificate' | 'psk' | 'qkd' | 'eap-only';

/** How an initiator proves itself: by an EAP method that the owner speaks, by a PSK, or by a signature. [RFC7296 2.16] */
export type InitiatorAuth = 'eap' | 'psk' | 'certificate';

/**
 * 'all' ESP proposals, or 'as-first': the algorithms of the oldest Child SA alone, for peers that choose nothing and
 * send the offer back whole, as free5GC's UE does.
 */
export type ChildOffer = 'all' | 'as-first';

/**
 * How a node answers, and what all of its IKE SAs share. An SA that it starts has an {@link InitiatorProfile} beside it,
 * whose proposals and keys count for whatever either side begins on that SA.
 */
export interface EndpointConfig {
  /** Port on which IKE carries the non-ESP marker: 4500. */
  readonly natTraversalPort: number;
  /** Port on which it does not: 500. */
  readonly ikePort: number;
  /** IKE proposals in order of preference. */
  readonly proposals: readonly IkeProposalConfig[];
  /** ESP proposals in order of preference. */
  readonly childProposals: readonly ChildProposalConfig[];
  /** What is offered for Child SAs that we start on a peer's IKE SA; 'all' by default. */
  readonly childOffer?: ChildOffer;
  readonly localId: Identity;
  readonly responderAuth: ResponderAuth;
  readonly initiatorAuth: InitiatorAuth;
  readonly certificate?: CertificateConfig;
  readonly ppk: PpkMode;
  /** 'auth' by default. */
  readonly ppkExchange?: PpkExchange;
  /** How a fresh PPK enters the keys of CREATE_CHILD_SA; 'sk-d' by default. */
  readonly freshPpkFormula?: FreshPpkFormula;
  /** 'off' by default. */
  readonly transcriptAuth?: TranscriptAuth;
  /** Tells peers by which methods they may prove themselves. [RFC9593 3.1] Off by default; theirs are always heeded. */
  readonly announceAuthMethods?: boolean;
  readonly vendorId?: Uint8Array;
  readonly timers?: Partial<TimerConfig>;
  readonly halfOpen?: Partial<HalfOpenLimits>;
  readonly lifetimes?: Lifetimes;
  /** Responder: lets initiators move, which it does unless this is false. [RFC4555 3.1] */
  readonly mobike?: boolean;
  /** Responder: lets an initiator do without a first Child SA. [RFC6023 3] */
  readonly childless?: boolean;
  /**
   * Octets of an IP datagram that carries IKE; what is longer goes in fragments where the peer can do them. By default
   * 1280, which fits everywhere; 0 agrees to no fragments. [RFC7383 2.5.1]
   */
  readonly datagramSize?: number;
  /** Makes every peer see a NAT, so that ESP runs in UDP where a process may not send it bare. */
  readonly forceUdpEncapsulation?: boolean;
  /** Lets `ikeKeysDerived` out, for captures in the lab. Never in production. */
  readonly exposeKeys: boolean;
}

/** How one IKE SA that we start shall be; see {@link EndpointConfig} for the fields of the same name. */
export interface InitiatorProfile {
  readonly localId: Identity;
  /** Sent as IDr. For AUTH `qkd` it is an ID_KEY_ID with the key ID as text, unless {@link authKeyId} is there. */
  readonly expectedRemoteId?: Identity;
  /**
   * For AUTH `qkd`: the key ID as text, so that IDr is free for a name, which the responder then proves by that key. A
   * private notify carries it, which responders of others do not know.
   */
  readonly authKeyId?: Uint8Array;
  readonly remoteAuth: ResponderAuth;
  readonly localAuth: InitiatorAuth;
  readonly proposals: readonly IkeProposalConfig[];
  readonly childProposals: readonly ChildProposalConfig[];
  readonly ppk: PpkMode;
  /** 'auth' by default. */
  readonly ppkExchange?: PpkExchange;
  /** 'off' by default. */
  readonly transcriptAuth?: TranscriptAuth;
  /** Tells a responder that does so, too, by which methods it may prove itself. [RFC9593 3.1] Off by default. */
  readonly announceAuthMethods?: boolean;
  /** Attributes of the CFG_REQUEST; without them none is sent. */
  readonly attributes?: readonly CpAttribute[];
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  readonly certificate?: CertificateConfig;
  /** Announces that we go to another gateway when told so, by `redirected`. [RFC5685 3] */
  readonly redirect?: boolean;
  /** The gateway that sent us to this one. [RFC5685 4] */
  readonly redirectedFrom?: GatewayIdentity;
  /** Announces that we may move; then `changeAddress` may be used where the responder knows it, too. [RFC4555 3.1] */
  readonly mobike?: boolean;
  /** Asks for no first Child SA; the attempt ends where the responder cannot do without. [RFC6023 3] */
  readonly childless?: boolean;
  /** Sent with the first IKE_AUTH request. */
  readonly notifies?: readonly Notify[];
}
