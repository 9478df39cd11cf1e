/** What the engine asks of its owner and gets at once; everything slow is an event and a command. */

import type { KeyObject } from 'node:crypto';
import type { Encapsulated, MlKemName } from './crypto/types.ts';
import type { GatewayIdentity, IkeSaId } from './terms.ts';
import type { CpAttribute, Identity, Notify, SocketAddress, TrafficSelector } from './wire/types.ts';

/** What an authenticated initiator asks for. Octets are views into its message: copy what is kept. */
export interface AuthorizeRequest {
  readonly ikeSaId: IkeSaId;
  readonly peerId: Identity;
  readonly remote: SocketAddress;
  /** Of the CFG_REQUEST, when there was one. */
  readonly attributes: readonly CpAttribute[] | undefined;
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
}

/** A further Child SA that the peer wants; the selectors are named by who began the exchange, that is the peer first. */
export interface AdmitChildSaRequest {
  readonly ikeSaId: IkeSaId;
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
  readonly notifies: readonly Notify[];
}

/** What the peer gets, or the notify type of the refusal. */
export type AuthorizeAnswer = Admission | { readonly refuse: number };

/** What the peer gets. Selectors lie within those asked for, the initiator's first; attributes go only where some were asked for. */
export interface Admission {
  readonly attributes?: readonly CpAttribute[];
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
  readonly notifies?: readonly Notify[];
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

/** A Child SA that the owner wants from the peer, which may narrow the selectors. [RFC7296 2.9] */
export interface ChildSaRequest {
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  readonly notifies?: readonly Notify[];
  /** Comes back in the events about this request. */
  readonly tag?: string;
}
