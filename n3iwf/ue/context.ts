import type { SocketAddress } from '#ikev2';
import type { Amf } from '../n2/amf/amf.ts';
import type { Guami } from '../n2/amf/guami.ts';
import type { AmfWish } from '../n2/amf/selection.ts';
import type { ChildUse } from '../userplane/plane.ts';
import { nextState, type UeInput, type UeState } from './states.ts';

/** One PDU session as the N3IWF holds it. TEIDs are 32-bit numbers. */
export interface PduSession {
  readonly id: number;
  readonly qfis: readonly number[];
  readonly dlTeid: number;
  readonly ulTunnel: { readonly address: string; readonly teid: number };
  readonly nasPdu: Uint8Array | undefined;
  childSaId: number | undefined;
}

/** A session on its way: `decided` takes the one result that the AMF will see. */
export interface SessionSetup {
  readonly session: PduSession;
  readonly decided: (result: { ok: boolean; pduSessionId: number; transfer: Uint8Array }) => void;
}

/** One PDU session of an Initial Context Setup Request. */
export interface SessionInContext {
  readonly pduSessionId: number;
  readonly nasPdu?: Uint8Array;
  readonly pduSessionResourceSetupRequestTransfer: Uint8Array;
}

/** Why a UE's context ends: what the AMF is told and what the log says. */
export interface ReleaseReason {
  readonly group: 'radioNetwork' | 'transport' | 'nas' | 'protocol' | 'misc';
  readonly cause: string;
  readonly text: string;
}

/** Everything the N3IWF knows of one UE. It lives from EAP-5G Start until its IKE SA and its NGAP context are both gone. */
export class UeContext {
  readonly id: number;
  readonly remote: SocketAddress;
  ikeSaId: number;
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
  /** Downlink NAS in the EAP request that the UE has yet to answer. */
  nasInEap: Uint8Array | undefined;
  /** Downlink NAS that came before the UE could take it, in EAP or on its NAS connection, oldest first. */
  readonly nasQueue: Uint8Array[] = [];
  nasConnected = false;
  readonly sessions = new Map<number, PduSession>();
  /** Sessions whose Child SA the UE has been asked for, by their PDU session ID. */
  readonly sessionSetups = new Map<number, SessionSetup>();
  /** What each of the UE's Child SAs carries, by the engine's handle. */
  readonly childUses = new Map<number, ChildUse>();
  /** Sessions that came in an Initial Context Setup Request and wait for the signalling SA. */
  pendingSessions: readonly SessionInContext[] = [];
  /** The AMF was asked to release the UE; a second request would meet an AMF that has forgotten it. */
  releaseRequested = false;
  /** The AMF said to release: it is owed a UE Context Release Complete. */
  releaseCommanded = false;
  /** Sessions the UE had when its IKE SA went, for the AMF to end. */
  closedSessionIds: readonly number[] = [];
  readonly startedMs: number;

  constructor(id: number, ikeSaId: number, remote: SocketAddress, eapIdentifier: number, startedMs: number) {
    this.id = id;
    this.ikeSaId = ikeSaId;
    this.remote = remote;
    this.eapIdentifier = eapIdentifier;
    this.startedMs = startedMs;
  }

  /** RAN-UE-NGAP-ID is this node's own number for the UE. */
  get ranUeNgapId(): number {
    return this.id;
  }

  /** Takes the table's step for `input`; false when it has none. */
  advance(input: UeInput): boolean {
    const next = nextState(this.state, input);
    if (next === undefined) return false;
    this.state = next;
    return true;
  }
}
