import type { UserPacketType } from '../../../n3iwf/userplane/plane.ts';
import type { NasSecurity } from '../nas/index.ts';
import type { Subscriber } from './config.ts';

/** How far a UE has come at the AMF. */
export type AmfUeState =
  | 'authenticating'
  | 'securing'
  | 'contextSetup'
  | 'accepting'
  | 'registered'
  | 'deregistering'
  | 'released';

/** A PDU session at the SMF. */
export interface CoreSession {
  readonly id: number;
  readonly pti: number;
  readonly type: UserPacketType;
  /** Number of the session among all: the last octet of its addresses. */
  readonly host: number;
  /** IPv4. */
  readonly address?: Uint8Array;
  /** First 8 octets of its IPv6 addresses. */
  readonly prefix?: Uint8Array;
  readonly ulTeid: number;
  readonly qfi: number;
  active: boolean;
}

/** One UE at the simulated AMF. */
export interface AmfUe {
  readonly amfUeNgapId: number;
  readonly ranUeNgapId: number;
  readonly subscriber: Subscriber;
  readonly capability: Uint8Array;
  readonly sessions: Map<number, CoreSession>;
  state: AmfUeState;
  rand: Uint8Array;
  xresStar: Uint8Array;
  kAmf: Uint8Array;
  kN3iwf: Uint8Array;
  security: NasSecurity | undefined;
  /** The N3IWF asked for a context with the UE's first message. */
  wantsContext: boolean;
  /** Times that T3550 ran out. */
  retries: number;
  /** When the AMF goes on without the UE's answer, in ms of its clock. */
  deadline: number | undefined;
}
