/**
 * What views of the running node show, as values that JSON can carry. Times are ISO 8601 in UTC or seconds, SPIs and TEIDs
 * hexadecimal, octets and packets numbers. Key IDs name keys; no key is ever in a view.
 */
import type { Alarm } from '../journal/alarms.ts';
import type { KeyMode } from '../journal/sa-book.ts';
import type { UeState } from '../ue/states.ts';

/** One AMF. */
export interface AmfView {
  /** Its place in the configuration, from 0. */
  readonly number: number;
  /** Empty before its first NG Setup. */
  readonly name: string;
  /** `up`: takes UEs; `overloaded`: takes some; `withdrawn`: up, but serves no GUAMI now; `down`: no association. */
  readonly state: 'up' | 'overloaded' | 'withdrawn' | 'down';
  readonly capacity: number;
  readonly ues: number;
}

/** User packets and octets each way. */
export interface TrafficView {
  readonly uplinkPackets: number;
  readonly uplinkOctets: number;
  readonly downlinkPackets: number;
  readonly downlinkOctets: number;
}

/** The node as a whole. */
export interface StatusView {
  readonly version: string;
  readonly name: string;
  readonly started: string;
  readonly uptimeSeconds: number;
  readonly draining: boolean;
  /** Why no UE would be taken now; left out when one would be. */
  readonly obstacle?: string;
  readonly amfs: readonly AmfView[];
  /** States without a UE are there with 0. */
  readonly ues: Readonly<Record<UeState, number>>;
  readonly counts: {
    readonly ues: number;
    readonly sessions: number;
    readonly ikeSas: number;
    readonly childSas: number;
    readonly innerAddresses: number;
  };
  /** IKE SAs that stand, by what their keys rest on. */
  readonly keyModes: Readonly<Record<KeyMode, number>>;
  readonly policy: string;
  /** Left out for a node without a KME, and before its first look. */
  readonly keying?: 'qkd' | 'fallback';
  readonly packets: { readonly uplink: number; readonly downlink: number; readonly dropped: number };
  readonly alarms: number;
}

/** One UE in a list. */
export interface UeView {
  /** This node's number for it, the RAN-UE-NGAP-ID. */
  readonly id: number;
  /** Its SUPI, or what it showed instead of one; empty before its first NAS message. */
  readonly name: string;
  readonly state: UeState;
  /** Where its IKE messages come from, with port. */
  readonly peer: string;
  readonly innerAddress?: string;
  /** Name of its AMF. */
  readonly amf?: string;
  /** PDU session IDs. */
  readonly sessions: readonly number[];
  readonly mode?: KeyMode;
  readonly since: string;
  readonly ageSeconds: number;
}

/** What every SA shows of its keys. */
export interface SaKeysView {
  readonly suite: string;
  /** ID of the quantum key behind its keys; left out without one. */
  readonly keyId?: string;
  readonly mode: KeyMode;
  /** Since its keys were made. */
  readonly keyAgeSeconds: number;
  readonly rekeys: number;
}

/** An IKE SA. */
export interface IkeSaView extends SaKeysView {
  /** The engine's handle; events name it. */
  readonly ikeSa: number;
  readonly spiInitiator: string;
  readonly spiResponder: string;
  readonly local: string;
  readonly peer: string;
  readonly nat: { readonly local: boolean; readonly remote: boolean };
  readonly established: boolean;
  /** How the node proved itself; empty before. */
  readonly auth: string;
  /** ID of the quantum key behind that proof, which protects no traffic. */
  readonly authKeyId?: string;
  readonly ageSeconds: number;
}

/** A Child SA with what it carried; octets are those of ESP. */
export interface ChildSaView extends SaKeysView {
  readonly id: number;
  readonly use: 'signalling' | 'session' | 'unused';
  /** PDU session ID. */
  readonly session?: number;
  /** Flows whose downlink it takes; a default one takes the others, too. */
  readonly qfis?: readonly number[];
  readonly isDefault?: boolean;
  readonly spiIn: string;
  readonly spiOut: string;
  readonly udpEncapsulation: boolean;
  readonly packetsIn: number;
  readonly octetsIn: number;
  readonly packetsOut: number;
  readonly octetsOut: number;
}

/** A QoS flow. */
export interface FlowView extends TrafficView {
  readonly qfi: number;
  /** Left out for a dynamic one without it. */
  readonly fiveQi?: number;
  readonly guaranteed: boolean;
  /** The Child SA that its downlink takes. */
  readonly childSa?: number;
}

/** A PDU session. */
export interface SessionView extends TrafficView {
  readonly ueId: number;
  /** As {@link UeView.name}. */
  readonly ue: string;
  readonly session: number;
  readonly type: string;
  /** Our end of the tunnel and the UPF's. */
  readonly n3Address: string;
  readonly dlTeid: string;
  readonly upf: string;
  readonly ulTeid: string;
  readonly flows: readonly FlowView[];
}

/** Everything about one UE. */
export interface UeDetailView extends UeView {
  readonly amfUeNgapId?: number;
  readonly nasConnected: boolean;
  /** Left out once the IKE SA is gone. */
  readonly ikeSa?: IkeSaView;
  readonly childSas: readonly ChildSaView[];
  readonly sessionDetails: readonly SessionView[];
  readonly traffic: TrafficView;
  /** User packets of it that were dropped, by cause. */
  readonly drops: Readonly<Record<string, number>>;
}

/** Quantum keys: what waits, what comes, what is asked. */
export interface KeysView {
  readonly policy: string;
  /** Left out without a KME, and before the first look at it. */
  readonly supply?: SupplyView;
  /** The store's books: keys by what became of them. Left out without a store, or one that cannot be read. */
  readonly pool?: Readonly<Record<string, number>>;
  /** Keys handed to SAs since the start. */
  readonly handed: number;
  /** IKE SAs that stand, by what their keys rest on. */
  readonly keyModes: Readonly<Record<KeyMode, number>>;
}

/** The KME and the link behind it, as last seen. */
export interface SupplyView {
  readonly reachable: boolean;
  readonly storedKeys?: number;
  /** Error rate of the link, 0 to 0.5. */
  readonly qber?: number;
  /** Photon detections per second. */
  readonly countsPerSecond?: number;
  /** Part of the time for which the link gave key, 0 to 1. */
  readonly availability?: number;
  readonly keysPerSecond: number;
  readonly mode: 'qkd' | 'fallback';
  /** Why it is in this mode, in a word. */
  readonly reason?: string;
  /** Keys wanted within the horizon of the policy, and keys that can be had within it. */
  readonly needKeys?: number;
  readonly supplyKeys?: number;
}

/** An alarm that stands. */
export interface AlarmView extends Omit<Alarm, 'sinceMs'> {
  readonly since: string;
}

/** One row of the audit record. */
export interface AuditRowView {
  readonly sequence: number;
  readonly at: string;
  /** The event as it was written, parsed. */
  readonly event: unknown;
  /** SHA-256 of the chain up to here, hexadecimal. */
  readonly hash: string;
}

/** The end of the audit record. */
export interface AuditView {
  /** Newest last. */
  readonly rows: readonly AuditRowView[];
  readonly length: number;
  /**
   * `ok`: each of the rows shown follows from the one before it; `broken`: one does not, named by `brokenAt`. Whether the
   * record as a whole is as it was written, `n3iwf keys audit verify` tells.
   */
  readonly chain: 'ok' | 'broken';
  readonly brokenAt?: number;
}
