/** N2 towards one AMF as a state machine: when NG Setup goes out, what answers what, and when to try again. */
import { answerTo, notUnderstood, reportsInResponse, ueIdsOf } from './answers.ts';
import { criticalityDiagnosticsOf, type Diagnosis, type Reaction } from './check.ts';
import { type OwnRequest, type OwnRequestName, OwnRequests } from './own-requests.ts';
import { type DecodedPdu, decodeNgap, encodeNgap, type NgapPdu } from './pdu.ts';
import type { Cause, CriticalityDiagnostics } from './schema/ies.ts';
import type { MessageIes } from './schema/messages.ts';

/**
 * Times in milliseconds; `retry` bounds the growing pause between attempts, each with up to a quarter of jitter;
 * `answerMs` is how long an NG Reset or a RAN Configuration Update waits for its answer.
 */
export interface N2Timers {
  readonly setupTimeoutMs: number;
  readonly retryFirstMs: number;
  readonly retryMostMs: number;
  readonly answerMs: number;
}

/** What the node says of itself in NG Setup, and how patient it is. */
export interface N2Config {
  readonly setup: MessageIes<'NGSetupRequest'>;
  readonly timers?: Partial<N2Timers>;
}

/** What the association needs from outside besides time. */
export interface N2Ports {
  /** A number from 0 up to 1, for jitter. */
  random(): number;
  /**
   * True when another association to the same AMF is up: this one then joins the NG interface that is there, where an
   * NG Setup would make the AMF forget every UE on it. Never, when absent.
   */
  joins?(): boolean;
}

/** `connecting`: the transport was asked for. `settingUp`: NG Setup is under way. `waiting`: a pause before the next try. */
export type N2State = 'idle' | 'connecting' | 'settingUp' | 'waiting' | 'ready';

/** What happened on an association, in the past tense; `connectDue` and `disconnectDue` ask the transport for it. */
export type N2Event =
  /** The transport is wanted; `connected` or `disconnected` tells what came of it. */
  | { readonly type: 'connectDue' }
  /** The transport is of no use any more and is to be closed. */
  | { readonly type: 'disconnectDue'; readonly reason: string }
  | { readonly type: 'setupCompleted'; readonly amf: MessageIes<'NGSetupResponse'> }
  /** Up beside another association to the same AMF, whose NG Setup counts for this one. */
  | { readonly type: 'joined' }
  /** Refused or unanswered; the next try comes by itself. */
  | {
      readonly type: 'setupFailed';
      readonly reason: string;
      readonly cause?: Cause;
      readonly retryInMs: number;
    }
  /** With `wasReady` the AMF has forgotten its UEs here. */
  | { readonly type: 'associationLost'; readonly reason: string; readonly wasReady: boolean }
  /** A message for the node or one UE; its `diagnosis` is what the node's own response has to report. */
  | { readonly type: 'messageReceived'; readonly pdu: DecodedPdu; readonly stream: number }
  /** Answered already, where an answer was due. */
  | { readonly type: 'messageRejected'; readonly reason: string; readonly diagnosis: Diagnosis }
  /** The UEs that it names are to go at once: the acknowledgement follows in the same outputs. */
  | { readonly type: 'resetReceived'; readonly ies: MessageIes<'NGReset'> }
  /** Acknowledged already, unless it has addresses to add: then `acknowledgeUpdate` is due. */
  | { readonly type: 'amfConfigurationUpdated'; readonly ies: MessageIes<'AMFConfigurationUpdate'> }
  | { readonly type: 'overloadStarted'; readonly ies: MessageIes<'OverloadStart'> }
  | { readonly type: 'amfStatusIndicated'; readonly ies: MessageIes<'AMFStatusIndication'> }
  | { readonly type: 'requestAnswered'; readonly request: OwnRequest }
  /** Comes again by itself where the AMF named a time to wait. */
  | { readonly type: 'requestRefused'; readonly request: OwnRequestName; readonly cause?: Cause }
  /** Sent as often as it may be, and given up. */
  | { readonly type: 'requestUnanswered'; readonly request: OwnRequest }
  | { readonly type: 'overloadStopped' };

/** What the owner carries out, in this order. */
export type N2Output =
  | { readonly kind: 'transmit'; readonly stream: number; readonly data: Uint8Array }
  | { readonly kind: 'event'; readonly event: N2Event };

const defaults: N2Timers = {
  setupTimeoutMs: 5_000,
  retryFirstMs: 1_000,
  retryMostMs: 60_000,
  answerMs: 5_000,
};
/** How often an NG Reset or a RAN Configuration Update goes out at the most. */
const requestTries = 3;
/** Time to Wait in ms. */
const waits: Readonly<Record<string, number>> = {
  v1s: 1_000,
  v2s: 2_000,
  v5s: 5_000,
  v10s: 10_000,
  v20s: 20_000,
  v60s: 60_000,
};

type ResetConnections = Extract<MessageIes<'NGReset'>['resetType'], { choice: 'partOfNgInterface' }>['value'];
/** Part of an answer that reports passed-over IEs; empty where there is nothing to report. */
type Report = { readonly criticalityDiagnostics?: CriticalityDiagnostics };
type SetupRefusal = MessageIes<'NGSetupFailure'> | MessageIes<'RANConfigurationUpdateFailure'>;

/** Before NG Setup is done nothing else has a place. */
const notReady: Cause = { choice: 'protocol', value: 'message-not-compatible-with-receiver-state' };

/**
 * One NG association to one AMF, without I/O. Handled: `receive`, `tick`, `connected`, `disconnected`. Commands:
 * `connect`, `send`, `reset`, `updateRanConfiguration`, `acknowledgeUpdate`. Polled: `deadline`, `state`. Every call
 * returns what to transmit and what happened, in order.
 *
 * `connect` leads to `connectDue`; the transport answers with `connected` or `disconnected`. The association comes back
 * by itself for ever after it is lost.
 */
export class N2Association {
  private readonly config: N2Config;
  private readonly timers: N2Timers;
  private readonly ports: N2Ports;
  private stateNow: N2State = 'idle';
  /** Outbound streams of the transport at hand. */
  private streams = 1;
  /** Tries in a row that led to no association: what the pause grows by. */
  private attempts = 0;
  /** When the opening of the association has something to do; requests have deadlines of their own. */
  private due: number | undefined;
  /** The transport is there. */
  private up = false;
  private joining = false;
  /** What the answer to the message at hand must report of IEs that were passed over [TS38413 10.3.4.2]. */
  private reported: Report = {};
  /** The same for an update whose acknowledgement waits for the transport. */
  private updateReport: Report = {};
  private readonly requests: OwnRequests;

  /** How many received PDUs had a fault, by the reaction that it asked for; over all the life of the association. */
  readonly faults: Record<Reaction, number> = {
    transferSyntax: 0,
    reject: 0,
    notify: 0,
    ignore: 0,
    falselyConstructed: 0,
  };
  /** How many received messages were of procedures that this node has no part in. */
  foreign = 0;

  constructor(config: N2Config, ports: N2Ports) {
    this.config = config;
    this.timers = { ...defaults, ...config.timers };
    this.ports = ports;
    this.requests = new OwnRequests(this.timers.answerMs, requestTries);
  }

  get state(): N2State {
    return this.stateNow;
  }

  /** When `tick` has something to do. */
  deadline(): number | undefined {
    const request = this.requests.deadline();
    if (request === Number.POSITIVE_INFINITY) return this.due;
    return Math.min(this.due ?? request, request);
  }

  /** Asks for the transport. */
  connect(_now: number): N2Output[] {
    if (this.stateNow !== 'idle') return [];
    return this.dial();
  }

  /** The transport is up with `streams` outbound streams: NG Setup goes first [TS38413 8.7.1.1]. */
  connected(now: number, streams: number): N2Output[] {
    this.streams = Math.max(1, streams);
    this.up = true;
    return this.setUp(now);
  }

  /** The transport is gone, or could not be had. */
  disconnected(now: number, reason: string): N2Output[] {
    const wasReady = this.stateNow === 'ready';
    this.up = false;
    this.requests.clear();
    this.wait(now, this.backOff());
    return [event({ type: 'associationLost', reason, wasReady })];
  }

  /** Sends a message: on stream 0 what concerns no UE, else on the stream that the UE's number picks for good. */
  send(_now: number, pdu: NgapPdu): N2Output[] {
    if (!this.up) return [];
    const { ranUeNgapId } = ueIdsOf(pdu.ies);
    return [{ kind: 'transmit', stream: this.streamOf(ranUeNgapId), data: encodeNgap(pdu) }];
  }

  /**
   * Makes the AMF forget UEs: all, or those of `connections` [TS38413 8.7.4.2.2]. A later reset waits for the answer to
   * an earlier one. Ends in `requestAnswered` or `requestUnanswered`.
   */
  reset(now: number, cause: Cause, connections?: ResetConnections): N2Output[] {
    const resetType: MessageIes<'NGReset'>['resetType'] =
      connections === undefined
        ? { choice: 'ngInterface', value: 'reset-all' }
        : { choice: 'partOfNgInterface', value: connections };
    return this.request(now, { message: 'NGReset', ies: { cause, resetType } });
  }

  /** Tells the AMF what changed at this node [TS38413 8.7.2.2]. Ends in `requestAnswered`, `requestRefused` or `requestUnanswered`. */
  updateRanConfiguration(now: number, ies: MessageIes<'RANConfigurationUpdate'>): N2Output[] {
    return this.request(now, { message: 'RANConfigurationUpdate', ies });
  }

  /** Answers an AMF Configuration Update that named addresses to add, once each was tried [TS38413 8.7.3.2]. */
  acknowledgeUpdate(now: number, ies: MessageIes<'AMFConfigurationUpdateAcknowledge'>): N2Output[] {
    const reported = this.updateReport;
    this.updateReport = {};
    return this.send(now, { message: 'AMFConfigurationUpdateAcknowledge', ies: { ...ies, ...reported } });
  }

  /** One SCTP message of PPID 60. Whatever it holds, it ends in outputs and not in an exception. */
  receive(now: number, stream: number, octets: Uint8Array): N2Output[] {
    if (!this.up) return [];
    const decoded = decodeNgap(octets);
    const fault = decoded.ok ? decoded.value.diagnosis : decoded.error.diagnosis;
    if (fault !== undefined) this.faults[fault.reaction]++;
    if (!decoded.ok) return this.rejected(now, decoded.error.message, decoded.error.diagnosis);
    const pdu = decoded.value;
    const foreign = notUnderstood(pdu);
    if (foreign !== undefined) {
      this.foreign++;
      return this.rejected(now, `${pdu.message} is not for this node`, foreign);
    }
    const told =
      pdu.diagnosis?.reaction === 'notify' && !reportsInResponse(pdu.message)
        ? this.answer(now, { ...pdu.diagnosis, ies: pdu.ies })
        : [];
    this.reported = reportOf(pdu);
    return [...this.dispatch(now, pdu, stream), ...told];
  }

  /** Does what is due: gives NG Setup up, or tries again after a pause. Call it at `deadline`. */
  tick(now: number): N2Output[] {
    const requests = this.requests.deadline() <= now ? this.requestsDue(now) : [];
    return [...requests, ...this.openingDue(now)];
  }

  /** What is due before the association is ready. */
  private openingDue(now: number): N2Output[] {
    if (this.due === undefined || now < this.due) return [];
    this.due = undefined;
    if (this.stateNow === 'settingUp') return this.setupTimedOut(now);
    if (this.stateNow !== 'waiting') return [];
    return this.up ? this.setUp(now) : this.dial();
  }

  private dial(): N2Output[] {
    this.stateNow = 'connecting';
    return [event({ type: 'connectDue' })];
  }

  /** NG Setup; or the node's name on an association that joins others to the same AMF [TS38413 8.7.2.2]. */
  private setUp(now: number): N2Output[] {
    this.stateNow = 'settingUp';
    this.due = now + this.timers.setupTimeoutMs;
    this.joining = this.ports.joins?.() ?? false;
    const { setup } = this.config;
    if (!this.joining) return this.send(now, { message: 'NGSetupRequest', ies: setup });
    const { globalRanNodeId } = setup;
    return this.send(now, { message: 'RANConfigurationUpdate', ies: { globalRanNodeId } });
  }

  private request(now: number, pdu: OwnRequest): N2Output[] {
    if (this.stateNow !== 'ready') return [];
    const first = this.requests.start(now, pdu);
    return first === undefined ? [] : this.send(now, first);
  }

  /** Requests of ours that the AMF keeps waiting: told as given up, or sent again. */
  private requestsDue(now: number): N2Output[] {
    const { again, givenUp } = this.requests.tick(now);
    return [
      ...givenUp.map((request) => event({ type: 'requestUnanswered', request })),
      ...again.flatMap((pdu) => this.send(now, pdu)),
    ];
  }

  private requestAnswered(now: number, message: OwnRequestName): N2Output[] {
    const { settled, next } = this.requests.answered(now, message);
    return [
      ...(settled === undefined ? [] : [event({ type: 'requestAnswered', request: settled })]),
      ...(next === undefined ? [] : this.send(now, next)),
    ];
  }

  /** An update that the AMF refused goes out again after its Time to Wait, if it named one [TS38413 8.7.2.3]. */
  private updateRefused(now: number, ies: MessageIes<'RANConfigurationUpdateFailure'>): N2Output[] {
    const told = event({ type: 'requestRefused', request: 'RANConfigurationUpdate', cause: ies.cause });
    const waitMs = waits[ies.timeToWait ?? ''];
    if (waitMs !== undefined) {
      this.requests.postpone(now, 'RANConfigurationUpdate', waitMs);
      return [told];
    }
    const { next } = this.requests.answered(now, 'RANConfigurationUpdate');
    return next === undefined ? [told] : [told, ...this.send(now, next)];
  }

  /** No answer: an AMF that could not read the request may keep silent, so the association starts afresh. */
  private setupTimedOut(now: number): N2Output[] {
    const retryInMs = this.backOff();
    this.wait(now, retryInMs);
    const reason = 'the AMF did not answer NG Setup';
    this.up = false;
    return [event({ type: 'setupFailed', reason, retryInMs }), event({ type: 'disconnectDue', reason })];
  }

  private wait(now: number, forMs: number): void {
    this.stateNow = 'waiting';
    this.due = now + forMs;
  }

  /** Doubles from attempt to attempt up to the most, with jitter on top so that nodes do not come in step. */
  private backOff(): number {
    const { retryFirstMs, retryMostMs } = this.timers;
    const base = Math.min(retryMostMs, retryFirstMs * 2 ** Math.min(this.attempts, 20));
    this.attempts++;
    return Math.round(base * (1 + this.ports.random() / 4));
  }

  /** Stream 0 is kept for messages that concern no UE [TS38412 7]. */
  private streamOf(ranUeNgapId: number | undefined): number {
    if (ranUeNgapId === undefined || this.streams < 2) return 0;
    return 1 + (ranUeNgapId % (this.streams - 1));
  }

  /** A message that was taken for a fault. While NG Setup is under way, an answer to it that is one counts as a refusal. */
  private rejected(now: number, reason: string, diagnosis: Diagnosis): N2Output[] {
    const outputs = [event({ type: 'messageRejected', reason, diagnosis }), ...this.answer(now, diagnosis)];
    const setupAnswer = diagnosis.procedureCode === 21 && diagnosis.triggeringMessage !== 'initiating';
    if (!setupAnswer || this.stateNow !== 'settingUp') return outputs;
    return [...outputs, ...this.setupRefused(now, reason, this.backOff())];
  }

  private answer(now: number, diagnosis: Diagnosis): N2Output[] {
    const pdu = answerTo(diagnosis);
    return pdu === undefined ? [] : this.send(now, pdu);
  }

  /** Sorts what was understood: answers to NG Setup first, as they have no place later. */
  private dispatch(now: number, pdu: DecodedPdu, stream: number): N2Output[] {
    if (pdu.message === 'NGSetupResponse') return this.setupDone(now, pdu.ies);
    if (pdu.message === 'NGSetupFailure') return this.setupFailed(now, pdu.ies);
    if (this.joining && this.stateNow === 'settingUp') {
      if (pdu.message === 'RANConfigurationUpdateAcknowledge') return this.opened({ type: 'joined' });
      if (pdu.message === 'RANConfigurationUpdateFailure') return this.setupFailed(now, pdu.ies);
    }
    if (pdu.message === 'ErrorIndication' && this.stateNow === 'settingUp')
      return this.setupRefused(now, 'the AMF answered NG Setup with an Error Indication', this.backOff());
    if (this.stateNow !== 'ready') return this.notYet(now, pdu);
    return this.dispatchReady(now, pdu, stream);
  }

  /** Messages of the interface are dealt with here, all others are the owner's. */
  private dispatchReady(now: number, pdu: DecodedPdu, stream: number): N2Output[] {
    switch (pdu.message) {
      case 'NGReset':
        return this.resetByAmf(now, pdu.ies);
      case 'AMFConfigurationUpdate':
        return this.configurationUpdated(now, pdu.ies);
      case 'OverloadStart':
        return [event({ type: 'overloadStarted', ies: pdu.ies })];
      case 'NGResetAcknowledge':
        return this.requestAnswered(now, 'NGReset');
      case 'RANConfigurationUpdateAcknowledge':
        return this.requestAnswered(now, 'RANConfigurationUpdate');
      case 'RANConfigurationUpdateFailure':
        return this.updateRefused(now, pdu.ies);
      case 'AMFStatusIndication':
        return [event({ type: 'amfStatusIndicated', ies: pdu.ies })];
      case 'OverloadStop':
        return [event({ type: 'overloadStopped' })];
      default:
        return [event({ type: 'messageReceived', pdu, stream })];
    }
  }

  private setupDone(now: number, amf: MessageIes<'NGSetupResponse'>): N2Output[] {
    if (this.stateNow !== 'settingUp') return this.notYet(now, { message: 'NGSetupResponse', ies: amf });
    return this.opened({ type: 'setupCompleted', amf });
  }

  private opened(happened: N2Event): N2Output[] {
    this.stateNow = 'ready';
    this.attempts = 0;
    this.due = undefined;
    return [event(happened)];
  }

  /** The AMF's Time to Wait is the least pause before NG Setup is tried again [TS38413 8.7.1.3]. */
  private setupFailed(now: number, ies: SetupRefusal): N2Output[] {
    if (this.stateNow !== 'settingUp') return this.notYet(now, { message: 'NGSetupFailure', ies });
    const told = waits[ies.timeToWait ?? ''] ?? 0;
    const reason = this.joining
      ? 'the AMF refused another association of this node'
      : 'the AMF refused NG Setup';
    return this.setupRefused(now, reason, Math.max(told, this.backOff()), ies.cause);
  }

  private setupRefused(now: number, reason: string, retryInMs: number, cause?: Cause): N2Output[] {
    this.wait(now, retryInMs);
    return [event({ type: 'setupFailed', reason, retryInMs, ...(cause === undefined ? {} : { cause }) })];
  }

  /** A message that has no place now: told and answered, except an Error Indication, which is never answered. */
  private notYet(now: number, pdu: NgapPdu): N2Output[] {
    if (pdu.message === 'ErrorIndication') return [];
    const diagnosis: Diagnosis = { reaction: 'ignore' };
    const rejected = event({ type: 'messageRejected', reason: `${pdu.message} out of place`, diagnosis });
    return [
      rejected,
      ...this.send(now, { message: 'ErrorIndication', ies: { ...ueIdsOf(pdu.ies), cause: notReady } }),
    ];
  }

  /** The UEs go first, then the acknowledgement with the same list [TS38413 8.7.4.2.1]. */
  private resetByAmf(now: number, ies: MessageIes<'NGReset'>): N2Output[] {
    const part = ies.resetType.choice === 'partOfNgInterface' ? ies.resetType.value : undefined;
    const list = part === undefined ? {} : { ueAssociatedLogicalNgConnectionList: part };
    return [
      event({ type: 'resetReceived', ies }),
      ...this.send(now, { message: 'NGResetAcknowledge', ies: { ...list, ...this.reported } }),
    ];
  }

  /** Answered here unless it names transport addresses to add: only the transport knows whether it could. */
  private configurationUpdated(now: number, ies: MessageIes<'AMFConfigurationUpdate'>): N2Output[] {
    const happened = event({ type: 'amfConfigurationUpdated', ies });
    this.updateReport = this.reported;
    if (ies.amfTnlAssociationToAddList !== undefined) return [happened];
    return [happened, ...this.acknowledgeUpdate(now, {})];
  }
}

/** What the response to a message must say of its IEs, for those messages whose response can. */
function reportOf({ message, ies, diagnosis }: DecodedPdu): Report {
  if (diagnosis?.reaction !== 'notify' || !reportsInResponse(message)) return {};
  return { criticalityDiagnostics: criticalityDiagnosticsOf({ ...diagnosis, ies }) };
}

function event(happened: N2Event): N2Output {
  return { kind: 'event', event: happened };
}
