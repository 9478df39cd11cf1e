import type { NgapPdu } from './pdu.ts';

/** Requests of the interface, as opposed to those of one UE, that this node starts and the AMF answers. */
export type OwnRequest = Extract<NgapPdu, { message: 'NGReset' | 'RANConfigurationUpdate' }>;
/** Name of such a request; one of each waits for its answer at a time. */
export type OwnRequestName = OwnRequest['message'];

/** A request that was sent, or waits for its turn. */
interface Pending {
  readonly pdu: OwnRequest;
  triesLeft: number;
  /** When it is sent again, or given up, in ms of the caller's clock. */
  at: number;
}

/** What falls due: requests to send again, and those that the AMF never answered. */
export interface Due {
  readonly again: readonly OwnRequest[];
  readonly givenUp: readonly OwnRequest[];
}

/**
 * Requests of this node that wait for their answers, one of a kind at a time: some AMFs work on messages of one
 * association side by side and may overtake, so a second NG Reset goes out only after the first was acknowledged.
 *
 * Lossless transport does not mean an answer: a request is sent `tries` times, `answerMs` apart, then given up.
 */
export class OwnRequests {
  private readonly queues = new Map<OwnRequestName, Pending[]>();
  private readonly answerMs: number;
  private readonly tries: number;

  constructor(answerMs: number, tries: number) {
    this.answerMs = answerMs;
    this.tries = tries;
  }

  /** Takes a request in; returns it when it may go out now, undefined when it waits for one of its kind. */
  start(now: number, pdu: OwnRequest): OwnRequest | undefined {
    const queue = this.queues.get(pdu.message) ?? [];
    this.queues.set(pdu.message, queue);
    queue.push({ pdu, triesLeft: this.tries, at: Number.POSITIVE_INFINITY });
    return queue.length === 1 ? this.send(now, queue) : undefined;
  }

  /** The request of that kind which an answer settles, and the one that may go out in its place. */
  answered(now: number, message: OwnRequestName): { settled?: OwnRequest; next?: OwnRequest } {
    const queue = this.queues.get(message) ?? [];
    const settled = queue.shift()?.pdu;
    const next = this.send(now, queue);
    return { ...(settled === undefined ? {} : { settled }), ...(next === undefined ? {} : { next }) };
  }

  /** The AMF wants the request of that kind again, but not before `afterMs`. */
  postpone(now: number, message: OwnRequestName, afterMs: number): void {
    const first = this.queues.get(message)?.[0];
    if (first !== undefined) first.at = now + afterMs;
  }

  /** What is due at `now`, in ms: the first of each kind again, or given up, and then the next of its kind. */
  tick(now: number): Due {
    const again: OwnRequest[] = [];
    const givenUp: OwnRequest[] = [];
    for (const queue of this.queues.values()) {
      const first = queue[0];
      if (first === undefined || first.at > now) continue;
      if (first.triesLeft === 0) {
        givenUp.push(first.pdu);
        queue.shift();
      }
      const pdu = this.send(now, queue);
      if (pdu !== undefined) again.push(pdu);
    }
    return { again, givenUp };
  }

  /** When {@link tick} has something to do next; infinity when nothing waits. */
  deadline(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const [first] of this.queues.values()) least = Math.min(least, first?.at ?? least);
    return least;
  }

  /** The association is lost: what the AMF was to do, it has forgotten. */
  clear(): void {
    this.queues.clear();
  }

  private send(now: number, queue: readonly Pending[]): OwnRequest | undefined {
    const first = queue[0];
    if (first === undefined) return undefined;
    first.triesLeft--;
    first.at = now + this.answerMs;
    return first.pdu;
  }
}
