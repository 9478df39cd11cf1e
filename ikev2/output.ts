/**
 * What goes into the engine and what comes out of it: configuration, ports, output and events. Nothing here runs.
 * All times are milliseconds of the caller's clock; octet strings are handed over as they are on the wire.
 */

import type { KeyObject } from 'node:crypto';
import type { FreshPpkFormula } from './crypto/keymat.ts';
import type {
  ChildKeys,
  ChildProposalConfig,
  Encapsulated,
  EspSuite,
  IkeProposalConfig,
  MlKemName,
  PrfName,
} from './crypto/types.ts';
import type { CpAttribute, Identity, Notify, SocketAddress, TrafficSelector } from './wire/types.ts';

/** Local handle of an IKE SA, never reused in a process. */
export type IkeSaId = number;

export type Role = 'initiator' | 'responder';

/** What the caller has to do, in this order. */
export type Output = TransmitOutput | EventOutput;

export interface TransmitOutput {
  readonly kind: 'transmit';
  /** A whole UDP payload; the non-ESP marker is in front already where it belongs. */
  readonly data: Uint8Array;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** A NAT keepalive: never with a marker. */
  readonly bare?: true;
}

export interface EventOutput {
  readonly kind: 'event';
  readonly event: IkeEvent;
}

/** The timers of an IKE SA; each is one row of its timer table. */
export type TimerName =
  /** The request in flight got no response: send its octets again, or give the SA up. */
  | 'retransmit'
  /** An initiator that never got past IKE_SA_INIT is forgotten. */
  | 'halfOpen'
  /** The whole set-up, EAP and key look-ups included, took too long. */
  | 'setUp'
  /** Nothing authentic was heard for a while: ask whether the peer lives. */
  | 'liveness'
  /** The Delete of a rekeyed SA's predecessor is sent again, or the predecessor is forgotten. */
  | 'retired'
  /** The NAT in front of us may forget its mapping. */
  | 'keepalive'
  /** A soft or hard limit of some key, or of the authentication, is reached. */
  | 'lifetime'
  /** A message in fragments that never became whole is forgotten. */
  | 'reassembly'
  /** The peer began key exchanges and does not go on with them: they are forgotten. [RFC9370 2.2.4] */
  | 'followUp'
  /** A closed SA stays long enough to answer a repeated last request. */
  | 'linger';

/** All in ms but `retransmitFactor` and `retransmitTries`. */
export interface TimerConfig {
  /** First wait for a response; the n-th is `retransmitFactor ** n` as long. */
  readonly retransmit: number;
  readonly retransmitFactor: number;
  /** Transmissions of one request, the first included, before the peer is given up. */
  readonly retransmitTries: number;
  readonly halfOpen: number;
  readonly setUp: number;
  /** Silence after which liveness is checked; 0 turns it off. */
  readonly liveness: number;
  readonly linger: number;
  /** Between two keepalives of a side behind a NAT; 0 turns them off. [RFC3948 4] */
  readonly keepalive: number;
  /** As long as a peer may go on repeating the rekey whose answer it missed. */
  readonly retired: number;
  /** Between two key exchanges of one series, before the peer's is forgotten: 5 to 20 s are advised. [RFC9370 2.2.4] */
  readonly followUp: number;
}

/** Bounds for IKE SAs that peers opened and whose set-up is not over. [RFC7296 2.6] */
export interface HalfOpenLimits {
  /** As many in all, and every opener has to show a cookie; 0 demands it always. */
  readonly cookiesAbove: number;
  /** As many from one source (an IPv4 address, an IPv6 /64), and its openers have to. */
  readonly cookiesAbovePerSource: number;
  /** As many, and further openers get no answer. */
  readonly most: number;
  readonly mostPerSource: number;
}

/** How long keys are used. At the soft limit a rekey begins, at the hard one what was not rekeyed is deleted. */
export interface Lifetime {
  readonly softMs?: number;
  readonly hardMs?: number;
  /** Share by which a soft limit may come earlier, at random; 0.1 by default. */
  readonly jitter?: number;
}

/** A Child SA's keys also wear by what they carry; see `noteUsage`. */
export interface ChildLifetime extends Lifetime {
  readonly softOctets?: number;
  readonly hardOctets?: number;
  readonly softPackets?: number;
  readonly hardPackets?: number;
}

/** Limits that are absent do not exist. */
export interface Lifetimes {
  readonly ike?: Lifetime;
  readonly child?: ChildLifetime;
  /** Responder: as long an authentication counts; the initiator is told, and the SA ends with it. [RFC4478 3] */
  readonly authenticationMs?: number;
}

/** Certificate chain in DER, leaf first, and the private key of the leaf. */
export interface CertificateConfig {
  readonly chain: readonly Uint8Array[];
  readonly privateKey: KeyObject;
}

export type PpkMode = 'off' | 'optional' | 'required';
/** Where a PPK comes in: with AUTH [RFC8784 3], before it and afresh for each SA [RFC9867 3.1], or where both can. */
export type PpkExchange = 'auth' | 'intermediate' | 'any';
/**
 * Whether AUTH proves both messages of IKE_SA_INIT instead of the signer's own, where the peer does so, too: nobody can then
 * show each side another negotiation. 'required' does without such peers. [draft-ikev2-downgrade-prevention notify]
 */
export type TranscriptAuth = 'off' | 'on' | 'required';
export type ResponderAuth = 'certificate' | 'psk' | 'qkd' | 'eap-only';
export type InitiatorAuth = 'eap' | 'psk' | 'certificate';

/**
 * 'all' ESP proposals, or 'as-first': the algorithms of the oldest Child SA alone, for peers that choose nothing and
 * send the offer back whole, as free5GC's UE does.
 */
export type ChildOffer = 'all' | 'as-first';

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
  /** Sent as IDr. For AUTH `qkd` it is an ID_KEY_ID with the key ID as text. */
  readonly expectedRemoteId?: Identity;
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

/** What a fresh PPK, or a QKD key to be exchanged, is wanted for: a new Child SA, or the successor of a Child SA or of the IKE SA. */
export type PpkPurpose =
  | { readonly kind: 'newChildSa'; readonly tag?: string }
  | { readonly kind: 'childSaRekey'; readonly childSaId: number }
  | { readonly kind: 'ikeSaRekey' };

/** A name for a post-quantum preshared key: type 1 opaque, 2 fixed [RFC8784 5.1]. */
export interface PpkIdentity {
  readonly type: number;
  readonly data: Uint8Array;
}

export interface Ppk {
  readonly secret: Uint8Array;
  /** Needed from an initiator, which names the key to its peer. */
  readonly identity?: PpkIdentity;
}

export interface AuthorizeRequest {
  readonly ikeSaId: IkeSaId;
  readonly peerId: Identity;
  readonly remote: SocketAddress;
  /** Of the CFG_REQUEST, when there was one. */
  readonly attributes: readonly CpAttribute[] | undefined;
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
}

export interface AdmitChildSaRequest {
  readonly ikeSaId: IkeSaId;
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
  readonly notifies: readonly Notify[];
}

/** What the peer gets, or the notify type of the refusal. */
export type AuthorizeAnswer = Admission | { readonly refuse: number };

export interface Admission {
  readonly attributes?: readonly CpAttribute[];
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
  readonly notifies?: readonly Notify[];
}

/** Another gateway: an address as text, or a name to be resolved. [RFC5685 7.2] */
export interface GatewayIdentity {
  readonly type: 'ipv4' | 'ipv6' | 'fqdn';
  readonly name: string;
}

/** What the engine asks of its owner and gets at once; everything slow is an event and a command. */
export interface EndpointPorts {
  /** SPIs, nonces, IVs, private values of key exchanges, padding: all randomness. */
  random(length: number): Uint8Array;
  /** Encapsulation of a KEM, whose randomness node:crypto keeps to itself; by node:crypto without this port. */
  encapsulate?(name: MlKemName, peer: Uint8Array): Encapsulated;
  /** Responder, once, when the initiator is authenticated and the final IKE_AUTH answer is being built. */
  authorize(request: AuthorizeRequest): AuthorizeAnswer | { readonly redirect: GatewayIdentity };
  /**
   * Where the sender of a first request shall go instead, before anything is known about it but where it was sent
   * from; without this port nobody is sent away at once. Asked only for initiators that understand it. [RFC5685 3]
   */
  redirect?(remote: SocketAddress, redirectedFrom: GatewayIdentity | undefined): GatewayIdentity | undefined;
  /** A CREATE_CHILD_SA of the peer for a new Child SA. Without this port none is admitted. */
  admitChildSa?(request: AdmitChildSaRequest): AuthorizeAnswer;
  /** The peer told something by an INFORMATIONAL of notifies alone; what is returned answers it. */
  informed?(ikeSaId: IkeSaId, notifies: readonly Notify[]): readonly Notify[];
  /** Whether an initiator may move to this address; without this port it may go anywhere. [RFC4555 3.5] */
  admitAddress?(ikeSaId: IkeSaId, remote: SocketAddress): boolean;
  /** The public key of the leaf when the chain is trusted and belongs to `peerId`. */
  verifyCertificate?(chain: readonly Uint8Array[], peerId: Identity): KeyObject | undefined;
}

export interface ChildSaRequest {
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  readonly notifies?: readonly Notify[];
  /** Comes back in the events about this request. */
  readonly tag?: string;
}

/** A Child SA as the user plane needs it. The keys are handed over: the engine keeps no copy. */
export interface ChildSa {
  readonly id: number;
  readonly ikeSaId: IkeSaId;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly suite: EspSuite;
  readonly suiteName: string;
  readonly keysIn: ChildKeys;
  readonly keysOut: ChildKeys;
  /** This side began the exchange that made it: the peer, which has answered, hears it already [RFC7296 2.8]. */
  readonly startedHere?: true;
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  readonly udpEncapsulation: boolean;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly ppkIdentity?: PpkIdentity;
  /** When its keys are due for a rekey by their age; absent where no such limit is set. */
  readonly rekeyAt?: number;
}

export interface IkeSaSummary {
  readonly ikeSaId: IkeSaId;
  readonly role: Role;
  readonly state: string;
  readonly spiInitiator: Uint8Array;
  readonly spiResponder: Uint8Array;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly peerId: Identity | undefined;
  readonly suite: string | undefined;
  readonly childSas: readonly { readonly id: number; readonly spiIn: number; readonly spiOut: number }[];
}

/** `fault` is one of ours, or of an owner's port: an exception that nobody expected. */
export type CloseCause = 'local' | 'peer' | 'timeout' | 'authentication' | 'protocol' | 'fault';

/** What happened. Every event but an unattributable `messageRejected` names its IKE SA. */
export type IkeEvent =
  | {
      readonly type: 'ikeSaInitCompleted';
      readonly ikeSaId: IkeSaId;
      readonly role: Role;
      readonly spiInitiator: Uint8Array;
      readonly spiResponder: Uint8Array;
      readonly suite: string;
      /** Which side sits behind a NAT. */
      readonly natDetected: { readonly local: boolean; readonly remote: boolean };
      readonly local: SocketAddress;
      readonly remote: SocketAddress;
    }
  | {
      readonly type: 'ikeKeysDerived';
      readonly ikeSaId: IkeSaId;
      readonly spiInitiator: Uint8Array;
      readonly spiResponder: Uint8Array;
      readonly skEi: Uint8Array;
      readonly skEr: Uint8Array;
      readonly skAi: Uint8Array;
      readonly skAr: Uint8Array;
      readonly skPi: Uint8Array;
      readonly skPr: Uint8Array;
      readonly prf: PrfName;
      readonly encr: string;
      readonly integ: string;
    }
  /** Responder: an IKE_AUTH request without AUTH asks for EAP. Answer with `sendEap` or `failEap`. */
  | {
      readonly type: 'eapStarted';
      readonly ikeSaId: IkeSaId;
      readonly peerId: Identity;
      readonly local: SocketAddress;
      readonly remote: SocketAddress;
    }
  /** Responder: an EAP Response. Initiator: a Request, Success or Failure. */
  | { readonly type: 'eapReceived'; readonly ikeSaId: IkeSaId; readonly packet: Uint8Array }
  /**
   * Answer with `providePpk`. Who answers an exchange gets the identity that the peer named, who starts one picks some.
   * `request` tells questions of one SA apart.
   */
  | {
      readonly type: 'ppkRequested';
      readonly ikeSaId: IkeSaId;
      readonly role: Role;
      readonly request: number;
      readonly identity?: PpkIdentity;
      /** For a CREATE_CHILD_SA of ours: what it is to make. */
      readonly purpose?: PpkPurpose;
    }
  /** Both sides have a key of that name, and not the same one. */
  | { readonly type: 'ppkMismatch'; readonly ikeSaId: IkeSaId; readonly identity: PpkIdentity }
  /** Key of a shared-key AUTH, `psk` or `qkd`. Answer with `provideSharedSecret`. */
  | {
      readonly type: 'sharedSecretRequested';
      readonly ikeSaId: IkeSaId;
      readonly role: Role;
      readonly localId: Identity;
      readonly peerId: Identity;
    }
  | {
      readonly type: 'ikeSaEstablished';
      readonly ikeSaId: IkeSaId;
      readonly role: Role;
      readonly peerId: Identity;
      readonly suite: string;
      readonly auth: string;
      /** The IKE SA that this one takes over from; it is deleted next. */
      readonly supersedes?: IkeSaId;
      readonly ppkIdentity?: PpkIdentity;
      /** Both sides can take a fresh PPK for each SA that follows. [RFC9867 3.2] */
      readonly freshPpks: boolean;
      /** When the keys are due for a rekey by their age; absent where no such limit is set. */
      readonly rekeyAt?: number;
      /** Initiator: of the CFG_REPLY. Responder: what it gave. */
      readonly attributes?: readonly CpAttribute[];
      /** The peer's, of its final IKE_AUTH message. */
      readonly notifies: readonly Notify[];
      readonly local: SocketAddress;
      readonly remote: SocketAddress;
    }
  | {
      readonly type: 'childSaEstablished';
      readonly ikeSaId: IkeSaId;
      readonly child: ChildSa;
      /** The Child SA that this one replaces; it goes by its own `childSaDeleted`. */
      readonly rekeyed?: number;
      /** Both sides rekeyed at once and this one lost: nothing is sent by it, its `childSaDeleted` follows. */
      readonly redundant?: true;
      readonly tag?: string;
      readonly notifies: readonly Notify[];
    }
  | {
      readonly type: 'childSaFailed';
      readonly ikeSaId: IkeSaId;
      /** It was to replace this Child SA, which goes on. */
      readonly rekeyed?: number;
      readonly tag?: string;
      readonly notifyType?: number;
      readonly reason: string;
    }
  | {
      readonly type: 'childSaDeleted';
      readonly ikeSaId: IkeSaId;
      readonly childSaId: number;
      readonly reason: string;
      /** The IKE SA ends as well: its `ikeSaClosed` follows. */
      readonly withIkeSa?: true;
    }
  /** New SPIs and keys took over under the same handle. */
  | {
      readonly type: 'ikeSaRekeyed';
      readonly ikeSaId: IkeSaId;
      /** Of the rekey itself, or of the SA that it replaced. */
      readonly ppkIdentity?: PpkIdentity;
      readonly spiInitiator: Uint8Array;
      readonly spiResponder: Uint8Array;
      readonly suite: string;
      /** As of `ikeSaEstablished`. */
      readonly rekeyAt?: number;
    }
  | {
      readonly type: 'ikeSaClosed';
      readonly ikeSaId: IkeSaId;
      readonly reason: string;
      readonly cause: CloseCause;
      readonly notifyType?: number;
      readonly established: boolean;
    }
  | {
      readonly type: 'addressChanged';
      readonly ikeSaId: IkeSaId;
      readonly local: SocketAddress;
      readonly remote: SocketAddress;
      /** Whether ESP goes in UDP from now on. */
      readonly udpEncapsulation: boolean;
    }
  /** Initiator: the responder does not accept the address of `changeAddress`. [RFC4555 3.5] */
  | { readonly type: 'addressRefused'; readonly ikeSaId: IkeSaId; readonly notifyType: number }
  /** The peer's answer to `inform`: no error notify among `notifies` means that it agrees. */
  | {
      readonly type: 'informed';
      readonly ikeSaId: IkeSaId;
      readonly tag: string;
      readonly notifies: readonly Notify[];
    }
  | { readonly type: 'livenessConfirmed'; readonly ikeSaId: IkeSaId }
  /** Initiator: connect to this gateway instead; an IKE SA that stands is yours to delete. [RFC5685 5] */
  | { readonly type: 'redirected'; readonly ikeSaId: IkeSaId; readonly gateway: GatewayIdentity }
  /** Initiator: the responder soon wants to see us authenticated again; see `reauthenticate`. [RFC4478 3] */
  | { readonly type: 'reauthenticationDue'; readonly ikeSaId: IkeSaId }
  | {
      readonly type: 'messageRejected';
      readonly ikeSaId?: IkeSaId;
      readonly reason: string;
      readonly remote: SocketAddress;
    };
