/** Message IDs in both directions, with windows of one request. [RFC7296 2.2] */

import { hash } from 'node:crypto';
import type { TimerConfig } from '../output.ts';

/** Names a datagram for recognising a repetition; not a security function. */
export function fingerprint(datagram: Uint8Array): string {
  return hash('sha1', datagram, 'base64');
}

/** `repeated` brings the octets of the first answer; a `pending` request is still being worked on. */
export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'repeated'; readonly response: Uint8Array };

const NEW: Verdict = { kind: 'new' };
const PENDING: Verdict = { kind: 'pending' };
const STALE: Verdict = { kind: 'stale' };

/** The peer's requests: which message ID is next, and the answer to the last one. */
export class PeerWindow {
  private expected = 0;
  private current: string | undefined;
  private answered: { readonly mark: string; readonly response: Uint8Array } | undefined;

  /**
   * What to do with a request. Changes nothing, so that it may be asked before the request is authenticated:
   * only the very octets that were answered before bring the answer again. [RFC7296 2.1]
   */
  judge(messageId: number, datagram: Uint8Array): Verdict {
    if (messageId === this.expected) return this.current === undefined ? NEW : PENDING;
    if (messageId !== this.expected - 1 || this.answered === undefined) return STALE;
    if (this.answered.mark !== fingerprint(datagram)) return STALE;
    return { kind: 'repeated', response: this.answered.response };
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
  respond(response: Uint8Array): void {
    this.answered = { mark: this.current ?? '', response };
    this.current = undefined;
    this.expected++;
  }
}

interface InFlight {
  readonly messageId: number;
  readonly exchange: number;
  readonly datagram: Uint8Array;
  transmissions: number;
}

/** Our own requests: one in flight, sent again with back-off until it is answered or given up. [RFC7296 2.4] */
export class OwnExchange {
  private next = 0;
  private inFlight: InFlight | undefined;

  get idle(): boolean {
    return this.inFlight === undefined;
  }

  /** The ID that the next request has to carry. */
  get nextMessageId(): number {
    return this.next;
  }

  start(exchange: number, datagram: Uint8Array): void {
    this.inFlight = { messageId: this.next, exchange, datagram, transmissions: 1 };
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

  /** Octets to send once more, or undefined when the peer has had its chances. */
  again(timers: TimerConfig): Uint8Array | undefined {
    if (this.inFlight === undefined || this.inFlight.transmissions >= timers.retransmitTries)
      return undefined;
    this.inFlight.transmissions++;
    return this.inFlight.datagram;
  }

  /** Wait, in ms, after the latest transmission: it grows by a constant factor. */
  backOff(timers: TimerConfig): number {
    const earlier = (this.inFlight?.transmissions ?? 1) - 1;
    return timers.retransmit * timers.retransmitFactor ** earlier;
  }
}
