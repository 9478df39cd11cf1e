/** Message IDs in both directions, with windows of one request. [RFC7296 2.2] */

import { hash } from 'node:crypto';
import type { TimerConfig } from '../timing.ts';

/** Names a datagram for recognising a repetition; not a security function. */
export function fingerprint(datagram: Uint8Array): string {
  return hash('sha1', datagram, 'base64');
}

/** The datagrams of one message, and how to make them shorter if that can be done. */
export interface Sent {
  readonly datagrams: readonly Uint8Array[];
  /** The same message in datagrams of at most `maxLength` octets. */
  readonly refit?: ((maxLength: number) => readonly Uint8Array[]) | undefined;
}

/**
 * `repeated` brings the datagrams of the first answer; a `pending` request is still being worked on. `divided` is a
 * first fragment of an answered request that is cut in another way: if it is authentic, the answer is due again.
 */
export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'divided' }
  | { readonly kind: 'repeated'; readonly answer: Sent };

const NEW: Verdict = { kind: 'new' };
const PENDING: Verdict = { kind: 'pending' };
const STALE: Verdict = { kind: 'stale' };
const DIVIDED: Verdict = { kind: 'divided' };

/** The peer's requests: which message ID is next, and the answer to the last one. */
export class PeerWindow {
  private expected = 0;
  private current: string | undefined;
  private answered: { readonly mark: string; answer: Sent } | undefined;

  /**
   * What to do with a request. Changes nothing, so that it may be asked before the request is authenticated:
   * only the very octets that were answered before bring the answer again [RFC7296 2.1], and of fragments only the
   * first. [RFC7383 2.6.1]
   */
  judge(messageId: number, datagram: Uint8Array, fragment = 0): Verdict {
    if (messageId === this.expected) return this.current === undefined ? NEW : PENDING;
    if (messageId !== this.expected - 1 || this.answered === undefined) return STALE;
    if (fragment > 1) return STALE;
    const { mark, answer } = this.answered;
    if (mark === fingerprint(datagram)) return { kind: 'repeated', answer };
    return fragment === 1 ? DIVIDED : STALE;
  }

  /** The last answer in datagrams of at most `maxLength` octets, where it can be cut so. [RFC7383 2.5.2] */
  answerWithin(maxLength: number): readonly Uint8Array[] {
    if (this.answered === undefined) return [];
    this.answered.answer = shortened(this.answered.answer, maxLength);
    return this.answered.answer.datagrams;
  }

  /** The request is authentic and is being worked on until {@link respond}. */
  accept(datagram: Uint8Array): void {
    this.current = fingerprint(datagram);
  }

  /** Message ID of the request that is being worked on. */
  get openRequest(): number | undefined {
    return this.current === undefined ? undefined : this.expected;
  }

  /** Keeps the answer for repetitions and opens the window for the next request. */
  respond(answer: Sent): void {
    this.answered = { mark: this.current ?? '', answer };
    this.current = undefined;
    this.expected++;
  }
}

/** Transmissions of a request in its first form. */
const TRIES_BEFORE_REFIT = 3;

/** Cuts a message shorter where that can be done and is of use. */
function shortened(sent: Sent, maxLength: number): Sent {
  const { datagrams, refit } = sent;
  if (refit === undefined || datagrams.every(({ length }) => length <= maxLength)) return sent;
  return { datagrams: refit(maxLength), refit };
}

/** The request that waits for its answer. */
interface InFlight {
  readonly messageId: number;
  readonly exchange: number;
  sent: Sent;
  transmissions: number;
}

/** Our own requests: one in flight, sent again with back-off until it is answered or given up. [RFC7296 2.4] */
export class OwnExchange {
  private next = 0;
  private inFlight: InFlight | undefined;

  /** Nothing waits for an answer, so that a request may go out. */
  get idle(): boolean {
    return this.inFlight === undefined;
  }

  /** The ID that the next request has to carry. */
  get nextMessageId(): number {
    return this.next;
  }

  /** The request is out: its number is in use until {@link finish}. */
  start(exchange: number, sent: Sent): void {
    this.inFlight = { messageId: this.next, exchange, sent, transmissions: 1 };
  }

  /** Whether a response with this ID and exchange type answers the request in flight. */
  matches(messageId: number, exchange: number): boolean {
    return this.inFlight?.messageId === messageId && this.inFlight.exchange === exchange;
  }

  /** The answer is there; the next request gets the next ID, or the same for a repeated IKE_SA_INIT. */
  finish(sameMessageId = false): void {
    this.inFlight = undefined;
    if (!sameMessageId) this.next++;
  }

  /**
   * Datagrams to send once more, or undefined when the peer has had its chances. What was lost a few times may be too
   * long for the path, so it is cut to `leastRoom` octets from then on. [RFC7383 2.5.2]
   */
  again(timers: TimerConfig, leastRoom = Number.POSITIVE_INFINITY): readonly Uint8Array[] | undefined {
    const { inFlight } = this;
    if (inFlight === undefined || inFlight.transmissions >= timers.retransmitTries) return undefined;
    inFlight.transmissions++;
    if (inFlight.transmissions > TRIES_BEFORE_REFIT) inFlight.sent = shortened(inFlight.sent, leastRoom);
    return inFlight.sent.datagrams;
  }

  /** Those of the request in flight, none without one. */
  get datagrams(): readonly Uint8Array[] {
    return this.inFlight?.sent.datagrams ?? [];
  }

  /** Whether the request in flight had to be cut shorter than it was at first. */
  get refitted(): boolean {
    return this.inFlight !== undefined && this.inFlight.transmissions > TRIES_BEFORE_REFIT;
  }

  /** Wait, in ms, after the latest transmission: it grows by a constant factor. */
  backOff(timers: TimerConfig): number {
    const earlier = (this.inFlight?.transmissions ?? 1) - 1;
    return timers.retransmit * timers.retransmitFactor ** earlier;
  }
}
