import type { ChildSa, EspSuite, SocketAddress } from '#ikev2';
import type { Cause, MessageIes, SNssai, Transfer } from '#ngap';
import type { Amf } from '../n2/amf/amf.ts';
import type { Guami } from '../n2/amf/guami.ts';
import type { AmfWish } from '../n2/amf/selection.ts';
import type { SliceKey } from '../n2/amf/slices.ts';
import type { FailedFlow, Flows } from '../n2/qos-flows.ts';
import type { Report } from '../n2/report.ts';
import type { SessionResult } from '../n2/session-results.ts';
import type { TunnelEnd } from '../n2/tunnels.ts';
import type { SecurityIndication } from '../n2/up-security.ts';
import type { ChildSaPlan } from '../nwu/child-sa-policy.ts';
import type { UeName } from '../nwu/ue-identity.ts';
import type { ChildUse, UserPacketType } from '../userplane/plane.ts';
import { nextState, type UeInput, type UeState } from './states.ts';

/** Bit rates of a session's non-guaranteed flows together, in bit/s. */
export type SessionBitRate = NonNullable<
  Transfer<'PDUSessionResourceSetupRequestTransfer'>['pduSessionAggregateMaximumBitRate']
>;

/** One PDU session as the N3IWF holds it. TEIDs are 32-bit numbers. */
export interface PduSession {
  readonly id: number;
  readonly nasPdu: Uint8Array | undefined;
  /** The QoS flows by QFI, never none. */
  flows: Flows;
  /** Our end of the tunnel, named to the SMF. */
  dlTeid: number;
  /** The UPF's end. */
  ulTunnel: TunnelEnd;
  bitRate: SessionBitRate | undefined;
  /** The address of our end, of the family of the UPF's. */
  readonly n3Address: string;
  readonly type: UserPacketType;
  readonly security: SecurityIndication | undefined;
  /** Its slice, as `1` or `1-010203`. */
  readonly slice: SliceKey | undefined;
  /** Its Child SAs, by the engine's handles; what each carries is in {@link UeContext.childUses}. */
  readonly childSaIds: Set<number>;
}

/** A change of a session that the UE has been told of and has not answered yet. */
export interface SessionChange {
  readonly pduSessionId: number;
  /** Called once, with the UE's consent, or with false when it refuses or is gone. */
  readonly decided: (accepted: boolean) => void;
}

/** A Child SA of a session that the UE was asked for. One of the two is called, once, unless the wish is called off. */
export interface ChildSaWish {
  readonly session: PduSession;
  readonly plan: ChildSaPlan;
  /** The UE has it; it is in use already. */
  readonly taken: (child: ChildSa) => void;
  /** The UE refused it or never answered, or it is not as secure as the session must be. */
  readonly refused: (cause: Cause) => void;
}

/** An Initial Context Setup Request on its way: the sessions in it and what its response must report. */
export interface ContextSetup {
  readonly sessions: readonly SessionInContext[];
  readonly report: Report;
}

/** A session on its way: `decided` takes the one result that the AMF will see. */
export interface SessionSetup {
  readonly session: PduSession;
  /** Flows of the request that are not part of the session. */
  readonly failedFlows: FailedFlow[];
  /** The Child SAs that it is to have, the default one first. */
  readonly plans: readonly [ChildSaPlan, ...ChildSaPlan[]];
  /** How many of them the UE has not answered for. */
  awaited: number;
  /** What was agreed on for the default one. */
  suite: EspSuite | undefined;
  readonly decided: (result: SessionResult) => void;
}

/** One PDU session of an Initial Context Setup Request. */
export interface SessionInContext {
  readonly pduSessionId: number;
  readonly nasPdu?: Uint8Array;
  readonly sNssai: SNssai;
  readonly pduSessionResourceSetupRequestTransfer: Uint8Array;
}

/** Bit rates of a UE, in bit/s. */
export type UeBitRate = NonNullable<MessageIes<'InitialContextSetupRequest'>['ueAggregateMaximumBitRate']>;

/** Why a UE's context ends: what the AMF is told and what the log says. */
export interface ReleaseReason {
  readonly group: 'radioNetwork' | 'transport' | 'nas' | 'protocol' | 'misc';
  readonly cause: string;
  readonly text: string;
}

/** Everything the N3IWF knows of one UE. It lives from EAP-5G Start until its IKE SA and its NGAP context are both gone. */
export class UeContext {
  readonly id: number;
  /** Where the UE is heard, its outer address; follows a NAT that changes its mind. */
  remote: SocketAddress;
  ikeSaId: number;
  /** What the UE called itself in its first NAS message, for operators. */
  name: UeName | undefined;
  /** What it calls itself in IKE, as text; an N3IWF does not learn its SUPI. */
  readonly identity: string;
  /** The AMF that the UE's messages go to, from its first NAS message on. */
  amf: Amf | undefined;
  /** What that AMF was chosen by, for when another one must be. */
  amfWish: AmfWish | undefined;
  /** GUAMI of the AMF that registered the UE. */
  guami: Guami | undefined;
  amfUeNgapId: number | undefined;
  state: UeState = 'starting';
  eapIdentifier: number;
  innerAddress: Uint8Array | undefined;
  /** Downlink NAS in the last EAP request. */
  nasInEap: Uint8Array | undefined;
  /** When the UE answered that request, in ms of the clock; undefined while it has not. */
  eapAnsweredMs: number | undefined;
  /** K_N3IWF that came while the UE had not answered that request: EAP-Success waits for it, and zeroes this. */
  waitingKey: Uint8Array | undefined;
  /** Downlink NAS that came before the UE could take it, in EAP or on its NAS connection, oldest first. */
  readonly nasQueue: Uint8Array[] = [];
  nasConnected = false;
  readonly sessions = new Map<number, PduSession>();
  /** Sessions whose Child SA the UE has been asked for, by their PDU session ID. */
  readonly sessionSetups = new Map<number, SessionSetup>();
  /** Changes of sessions that wait for the UE's word, by the tag of the exchange. */
  readonly sessionChanges = new Map<string, SessionChange>();
  /** Child SAs that the UE was asked for and has not answered, by the tag of the exchange. */
  readonly childSaWishes = new Map<string, ChildSaWish>();
  /** How many it was ever asked for: no two exchanges have the same tag. */
  childSaWishCount = 0;
  /** TEIDs under which a session's downlink shall come once the SMF confirms, by PDU session ID. */
  readonly tunnelMoves = new Map<number, number>();
  /** What each of the UE's Child SAs carries, by the engine's handle. */
  readonly childUses = new Map<number, ChildUse>();
  /** The Initial Context Setup Request that waits for the signalling SA. */
  contextSetup: ContextSetup | undefined;
  /** Bit rates of all non-guaranteed flows together, as the AMF told last. */
  bitRate: UeBitRate | undefined;
  /** The request by which the AMF wants to hear of every change of the UE's outer address. */
  locationRequest: MessageIes<'LocationReportingControl'>['locationReportingRequestType'] | undefined;
  /** When the UE was told to go to another node, in ms of the clock. */
  redirectedMs: number | undefined;
  /** The AMF was asked to release the UE; a second request would meet an AMF that has forgotten it. */
  releaseRequested = false;
  /** The AMF said to release: it is owed a UE Context Release Complete. */
  releaseCommanded = false;
  /** IEs of the release command that were ignored, for its Complete. */
  releaseReport: Report = {};
  /** Sessions the UE had when its IKE SA went, for the AMF to end. */
  closedSessionIds: readonly number[] = [];
  readonly startedMs: number;

  constructor(
    id: number,
    ikeSaId: number,
    remote: SocketAddress,
    eapIdentifier: number,
    startedMs: number,
    identity = '',
  ) {
    this.id = id;
    this.ikeSaId = ikeSaId;
    this.identity = identity;
    this.remote = remote;
    this.eapIdentifier = eapIdentifier;
    this.startedMs = startedMs;
  }

  /** RAN-UE-NGAP-ID is this node's own number for the UE. */
  get ranUeNgapId(): number {
    return this.id;
  }

  /** The UE holds an EAP request that it has not answered: there is nothing else that it could be sent in EAP. */
  get owesEapAnswer(): boolean {
    return this.nasInEap !== undefined && this.eapAnsweredMs === undefined;
  }

  /** Zeroes the key that will not be used any more. */
  forgetKey(): void {
    this.waitingKey?.fill(0);
    this.waitingKey = undefined;
  }

  /** Takes the table's step for `input`; false when it has none. */
  advance(input: UeInput): boolean {
    const next = nextState(this.state, input);
    if (next === undefined) return false;
    this.state = next;
    return true;
  }
}
