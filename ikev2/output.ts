/**
 * What comes out of the engine: datagrams and events. All times are milliseconds of the caller's clock; octet strings are
 * handed over as they are on the wire.
 */

import type { ChildKeys, EspSuite, PrfName } from './crypto/types.ts';
import type { GatewayIdentity, IkeSaId, PpkIdentity, PpkPurpose, Role } from './terms.ts';
import type { CpAttribute, Identity, Notify, SocketAddress, TrafficSelector } from './wire/types.ts';

/** What the caller has to do, in this order. */
export type Output = TransmitOutput | EventOutput;

/** A datagram to be sent. Events before it have to be carried out first: they may set up what its receiver uses at once. */
export interface TransmitOutput {
  readonly kind: 'transmit';
  /** A whole UDP payload; the non-ESP marker is in front already where it belongs. */
  readonly data: Uint8Array;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  /** A NAT keepalive: never with a marker. */
  readonly bare?: true;
}

/** Something that happened; what of it needs an answer is in the table of the folder's README. */
export interface EventOutput {
  readonly kind: 'event';
  readonly event: IkeEvent;
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

/** An IKE SA as operators and tests see it: no secrets, a snapshot. `suite` is undefined before IKE_SA_INIT is done. */
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
  /** Key of a shared-key AUTH: a PSK, or with `keyId` the QKD key of that ID, as text. Answer with `provideSharedSecret`. */
  | {
      readonly type: 'sharedSecretRequested';
      readonly ikeSaId: IkeSaId;
      readonly role: Role;
      readonly localId: Identity;
      readonly peerId: Identity;
      readonly keyId?: Uint8Array;
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
