/**
 * Series of key exchanges that the peer began by a CREATE_CHILD_SA: what is agreed on and what is still to come, until
 * the last IKE_FOLLOWUP_KE makes the SA or the peer does not go on. [RFC9370 2.2.4]
 */

import type { AdditionalKe } from '../crypto/types.ts';
import type { PpkIdentity } from '../terms.ts';
import { IkeError } from '../wire/errors.ts';
import { NOTIFY } from '../wire/registry.ts';
import type { NotifyPayload } from '../wire/types.ts';
import type { ChildRecord } from './child-sa.ts';
import type { IkeSa } from './ike-sa.ts';
import { notify } from './payloads.ts';

/** Series of one IKE SA at the same time; a peer of one request at a time needs no more than one. */
const MOST_SERIES = 4;
const LINK_LENGTH = 8;

/** What the answer to CREATE_CHILD_SA has left open. */
export interface Agreement {
  /** The Child SA that goes when the new one is there, 'ike' for the IKE SA itself, undefined for a further Child SA. */
  readonly replaces: ChildRecord | 'ike' | undefined;
  /** The lower nonce of the CREATE_CHILD_SA, which decides a collision. [RFC7296 2.8.1] */
  readonly nonce: Uint8Array;
  /** Makes the SA of SK(1) to SK(n), which it wipes; `key` names the QKD key among them. */
  complete(further: readonly Uint8Array[], key: PpkIdentity | undefined): void;
  /** It came to nothing: secrets are wiped, the SPI is free. */
  abandon(): void;
}

/** A series under way. */
export class Series {
  readonly agreement: Agreement;
  /** Rounds that are left, the next one first. */
  readonly steps: AdditionalKe[];
  /** SK(1) and so on, as far as they are agreed on. */
  readonly secrets: Uint8Array[] = [];
  key: PpkIdentity | undefined;
  link: Uint8Array = new Uint8Array(0);
  /** Nobody asked for the next round until then; never while a request of it is being worked on. */
  expireAt = Number.POSITIVE_INFINITY;

  constructor(agreement: Agreement, steps: readonly AdditionalKe[]) {
    this.agreement = agreement;
    this.steps = [...steps];
  }
}

/** An IKE SA has one. */
export class PeerSeries {
  private readonly sa: IkeSa;
  private open: Series[] = [];

  constructor(sa: IkeSa) {
    this.sa = sa;
  }

  /** The peer is about to replace the IKE SA. */
  get ike(): Series | undefined {
    return this.open.find(({ agreement }) => agreement.replaces === 'ike');
  }

  /** The one by which the peer rekeys this Child SA. */
  of(child: ChildRecord): Series | undefined {
    return this.open.find(({ agreement }) => agreement.replaces === child);
  }

  /** Refuses a further one where there are too many: they end by themselves. */
  checkRoom(): void {
    if (this.open.length < MOST_SERIES) return;
    throw new IkeError('too many key exchanges are not at their end', NOTIFY.TEMPORARY_FAILURE);
  }

  /** Keeps a series; gives what the answer says to have it continued. A former one for the same SA is forgotten. */
  begin(agreement: Agreement, steps: readonly AdditionalKe[]): NotifyPayload {
    const { replaces } = agreement;
    for (const each of this.open)
      if (replaces !== undefined && each.agreement.replaces === replaces) this.drop(each);
    const series = new Series(agreement, steps);
    this.open.push(series);
    return this.next(series);
  }

  /** Waits for the next round, under a link of its own. */
  next(series: Series): NotifyPayload {
    const { sa } = this;
    series.link = Uint8Array.from(sa.node.random(LINK_LENGTH));
    series.expireAt = sa.now + sa.node.timers.followUp;
    this.arm();
    return notify(NOTIFY.ADDITIONAL_KEY_EXCHANGE, series.link);
  }

  /** The series that the peer goes on with, if there is one; it does not expire until {@link next}. */
  take(link: Uint8Array | undefined): Series | undefined {
    const found = this.open.find((each) => link !== undefined && Buffer.compare(each.link, link) === 0);
    if (found !== undefined) found.expireAt = Number.POSITIVE_INFINITY;
    return found;
  }

  /** Whether it was neither ended nor dropped since {@link take}. */
  stands(series: Series): boolean {
    return this.open.includes(series);
  }

  /** The last round is done: it is the caller's to complete. */
  finish(series: Series): void {
    this.open = this.open.filter((each) => each !== series);
    this.arm();
  }

  /** The series counts for nothing any more. */
  drop(series: Series): void {
    if (!this.stands(series)) return;
    this.finish(series);
    for (const secret of series.secrets) secret.fill(0);
    series.agreement.abandon();
  }

  /** The same between two exchanges: requests of ours that waited for it go out. */
  forget(series: Series): void {
    this.drop(series);
    this.sa.requests.startNext();
  }

  /** Forgets what the peer does not go on with. [RFC9370 2.2.4] */
  expire(): void {
    for (const each of this.open.filter(({ expireAt }) => expireAt <= this.sa.now)) this.forget(each);
    this.arm();
  }

  /** All of them end with the keys on which they rest. */
  clear(): void {
    for (const each of [...this.open]) this.drop(each);
  }

  /** One timer for all series: the earliest end. */
  private arm(): void {
    const times = this.open.map(({ expireAt }) => expireAt).filter(Number.isFinite);
    if (times.length === 0) this.sa.timers.clear('followUp');
    else this.sa.timers.set('followUp', Math.min(...times));
  }
}
