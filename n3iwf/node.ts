import type { EspSuite, IkeEndpoint, Output } from '#ikev2';
import type { NgapPdu } from '#ngap';
import type { KeyReply } from '#qkd';
import type { Journal } from './journal/journal.ts';
import type { KeyingWatch } from './keying-watch.ts';
import type { Log } from './log.ts';
import type { Amf } from './n2/amf/amf.ts';
import type { AmfTable } from './n2/amf/table.ts';
import type { AwaitedAnswer } from './n2/awaited.ts';
import type { N2Counters } from './n2/counters.ts';
import type { Locate } from './n2/profile.ts';
import type { Teids } from './n3/teids.ts';
import type { SessionPolicy } from './nwu/child-sa-policy.ts';
import type { HeldNas } from './nwu/held-nas.ts';
import type { KeyUses } from './nwu/key-uses.ts';
import type { ReleaseReason, UeContext } from './ue/context.ts';
import type { InnerNetwork } from './ue/inner-network.ts';
import type { UeRegistry } from './ue/registry.ts';
import type { UserspacePlane } from './userplane/plane.ts';

/** Where QKD keys come from. */
export interface KeySource {
  /** A key of our own choice: the node is the master SAE of ETSI GS QKD 014. */
  obtain(peerSae: string): Promise<KeyReply>;
  /** The key of this ID, which the UE drew: the node is the slave SAE. */
  fetch(peerSae: string, keyId: string): Promise<KeyReply>;
  /** For the books: what the key protects is up. False when it was not delivered; absent where nobody keeps books. */
  confirm?(keyId: string): Promise<boolean>;
  /** For the books: what the key protected is gone. */
  retire?(keyId: string): Promise<boolean>;
}

/** What this node is called and where it stands, as its UEs and the AMF see it. */
export interface NodeIdentity {
  /** Of IPv4: NAS listener and end of GRE. */
  readonly innerAddress: string;
  readonly nasPort: number;
  readonly n3Address: string;
  /** Further ends of GTP-U tunnels. */
  readonly moreN3Addresses?: readonly string[];
  readonly ueSaeId: string;
  /** Secret for `psk` authentication of a UE, or undefined when there is none. */
  preSharedKey(peerId: string): Uint8Array | undefined;
}

/** The node as its procedures see it: cores, registries and the few things they may ask of the composition. */
export interface Node {
  readonly identity: NodeIdentity;
  readonly log: Log;
  /** Hears of what the node does, for its views. */
  readonly journal: Journal;
  /** It takes no more UEs. */
  readonly draining: boolean;
  readonly plane: UserspacePlane;
  readonly keys: KeySource | undefined;
  /** Which keys the live IKE SAs rest on. */
  readonly keyUses: KeyUses;
  /** Which SAs get quantum keys. */
  readonly keying: KeyingWatch;
  readonly ues: UeRegistry;
  readonly innerAddresses: InnerNetwork;
  readonly teids: Teids;
  readonly amfs: AmfTable;
  readonly n2Counters: N2Counters;
  readonly sessionPolicy: SessionPolicy;
  /** Which UEs get their NAS a little later. */
  readonly heldNas: HeldNas;
  /** Where a UE is, as AMFs are told it [TS38413 9.3.1.16]. */
  readonly locate: Locate;
  /** What Child SAs may be protected with, by the configuration. */
  readonly espSuites: readonly Pick<EspSuite, 'encr' | 'integ'>[];
  now(): number;
  /** Random octets; every one that the node needs is drawn here. */
  random(length: number): Uint8Array;
  /** Runs commands on the IKE engine and carries out what it answers. */
  ike(command: (engine: IkeEndpoint, now: number) => Output[]): void;
  /** Sends to `amf` or, without one, to the AMF of the UE that the message names; dropped when that is not there. */
  sendN2(pdu: NgapPdu, amf?: Amf): void;
  /** The AMF owes `answer` for the UE; its silence has the consequence that goes with it. */
  awaitAnswer(ue: UeContext, answer: AwaitedAnswer): void;
  /** That answer came, or does not matter any more. */
  answered(ue: UeContext, answer: AwaitedAnswer): void;
  /** The IKE SA of the UE ended, for whatever reason. */
  ikeSaGone(ue: UeContext, reason: string): void;
  /** The UE's IKE SA is gone and so is the AMF's interest: answers what the AMF is owed and drops the context. */
  forget(ue: UeContext): void;
  /** Ends a UE from this side: tells the UE and, when the AMF knows it, asks the AMF to release it. */
  release(ue: UeContext, reason: ReleaseReason): void;
}
