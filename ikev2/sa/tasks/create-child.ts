/** CREATE_CHILD_SA of ours for Child SAs, new or in place of an old one. [RFC7296 1.3] */

import { acceptEsp, likeSuite, offerEsp } from '../../crypto/proposals.ts';
import type { ChildProposalConfig, EspSuite } from '../../crypto/types.ts';
import type { ChildSaRequest } from '../../ports.ts';
import type { PpkPurpose } from '../../terms.ts';
import { EXCHANGE, NOTIFY, PROTOCOL } from '../../wire/registry.ts';
import type { Notify, NotifyPayload, Payload, TrafficSelector } from '../../wire/types.ts';
import {
  type ChildRecord,
  disownTask,
  establishChild,
  isNarrowed,
  noteReplaced,
  type Replacement,
  reportChildFailure,
} from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { fromUint32, toUint32 } from '../node.ts';
import { isLower, lowestNonce } from '../nonces.ts';
import { asPayloads, find, findAll, findError } from '../payloads.ts';
import { type FreshTask, PpkOffer } from './fresh-ppk.ts';
import { deleteChildTask } from './informational.ts';
import { KeyRounds } from './key-rounds.ts';
import type { NamedPpk } from './ppk-candidates.ts';
import { noteLostState } from './state-lost.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/** What the answer to CREATE_CHILD_SA settled; only keys may be missing yet. */
interface Agreed {
  readonly suite: EspSuite;
  readonly spiOut: number;
  readonly nonceResponder: Uint8Array;
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  readonly ppk: NamedPpk | undefined;
  readonly notifies: readonly Notify[];
}

/**
 * One Child SA that we begin: CREATE_CHILD_SA, then an IKE_FOLLOWUP_KE for each additional key exchange. With `rekeyed` the
 * new SA takes that one's place, which is deleted afterwards.
 */
export class CreateChildTask implements FreshTask {
  /** The key exchanges that it offers, and what they have agreed on so far. */
  readonly rounds: KeyRounds<ChildProposalConfig>;
  /** Fresh PPKs that the request offers. */
  readonly ppks = new PpkOffer();
  readonly purpose: PpkPurpose;
  private readonly request: ChildSaRequest;
  private readonly rekeyed: ChildRecord | undefined;
  private readonly nonce: Uint8Array;
  private readonly spiIn: number;
  private agreed: Agreed | undefined;

  constructor(sa: IkeSa, request: ChildSaRequest, rekeyed?: ChildRecord) {
    this.request = request;
    this.rekeyed = rekeyed;
    if (rekeyed !== undefined) rekeyed.busy = 'rekeying';
    this.purpose = purposeOf(request, rekeyed);
    this.nonce = Uint8Array.from(sa.node.random(NONCE_LENGTH));
    this.spiIn = sa.node.reserveEspSpi();
    this.rounds = new KeyRounds(offeredConfigs(sa));
  }

  /** The first round goes in CREATE_CHILD_SA, the others in IKE_FOLLOWUP_KE. */
  get exchange(): number {
    return this.rounds.underWay ? EXCHANGE.IKE_FOLLOWUP_KE : EXCHANGE.CREATE_CHILD_SA;
  }

  /** The peer's own rekey of this Child SA is refused while we exchange keys for ours. [RFC9370 2.2.4] */
  isRekeying(child: ChildRecord): boolean {
    return this.rounds.underWay && this.rekeyed === child;
  }

  /** The next round; none for a Child SA that has gone, or that the peer has replaced, while this waited its turn. */
  build(sa: IkeSa): Payload[] | undefined {
    const { rekeyed, request } = this;
    const isGone = rekeyed !== undefined && sa.children.get(rekeyed.id) !== rekeyed;
    if (isGone || (!this.rounds.underWay && rekeyed?.replaced !== undefined)) {
      this.fail(sa, 'the Child SA is gone');
      return undefined;
    }
    if (this.rounds.underWay) return this.rounds.build(sa);
    return [
      ...(rekeyed === undefined ? [] : [rekeyNotify(rekeyed)]),
      ...asPayloads(request.notifies),
      { type: 'SA', proposals: offerEsp(this.rounds.configs, fromUint32(this.spiIn), true) },
      { type: 'Nonce', data: this.nonce },
      ...this.rounds.payloads(sa),
      { type: 'TSi', selectors: request.trafficSelectorsLocal },
      { type: 'TSr', selectors: request.trafficSelectorsRemote },
      ...this.ppks.notifies(sa, this.nonce),
    ];
  }

  /**
   * Either settles what the SA will be and goes on with its key exchanges, or makes it. Of an answer that cannot be used the
   * peer has to be told where it has made the SA by it.
   */
  process(sa: IkeSa, payloads: readonly Payload[]): void {
    const error = findError(payloads);
    if (error !== undefined) {
      this.refused(sa, error);
      return;
    }
    const isFirst = this.agreed === undefined;
    const agreed = isFirst ? this.open(sa, payloads) : this.goOn(payloads);
    if (agreed instanceof Error) {
      const isMade = !this.rounds.underWay;
      this.fail(sa, agreed.message);
      // Without further rounds to come the peer has it already.
      if (isMade) sa.request(disownTask(this.spiIn), true);
    } else if (sa.deletedEarly.has(agreed.spiOut)) {
      this.fail(sa, 'the peer deleted it at once');
    } else if (this.rounds.underWay) {
      if (!isFirst || this.winsCollision(sa, agreed)) sa.request(this, true);
      else this.release(sa);
    } else {
      this.complete(sa, agreed);
      this.ppks.wipe();
    }
  }

  /** The IKE SA ended, or there was no key for it. */
  abandon(sa: IkeSa, reason: string): void {
    this.fail(sa, reason);
  }

  /** The answer to CREATE_CHILD_SA; an error for one that fits nothing of ours. */
  private open(sa: IkeSa, payloads: readonly Payload[]): Agreed | Error {
    const answer = find(payloads, 'SA')?.proposals ?? [];
    const suite = acceptEsp(this.rounds.configs, answer, true);
    const spiOut = toUint32(answer[0]?.spi ?? NO_OCTETS);
    const nonceResponder = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
    const trafficSelectorsLocal = find(payloads, 'TSi')?.selectors ?? [];
    const trafficSelectorsRemote = find(payloads, 'TSr')?.selectors ?? [];
    const narrowed =
      isNarrowed(trafficSelectorsLocal, this.request.trafficSelectorsLocal) &&
      isNarrowed(trafficSelectorsRemote, this.request.trafficSelectorsRemote);
    if (suite === undefined || spiOut === 0 || nonceResponder.length < 16 || !narrowed) {
      return new Error('the peer’s answer fits nothing that we asked for');
    }
    const breach = this.rounds.open(suite, payloads);
    const ppk = this.ppks.taken(sa, payloads);
    if (breach !== undefined) return breach;
    if (ppk instanceof Error) return ppk;
    const notifies = findAll(payloads, 'Notify');
    const selectors = { trafficSelectorsLocal, trafficSelectorsRemote };
    this.agreed = { suite, spiOut, nonceResponder, ...selectors, ppk, notifies };
    return this.agreed;
  }

  /** One round more. */
  private goOn(payloads: readonly Payload[]): Agreed | Error {
    return this.rounds.take(payloads) ?? this.agreed ?? new Error('nothing was agreed on');
  }

  /**
   * The peer rekeys it, too. Of two exchanges whose SAs are not made yet the one with the lowest nonce simply stops.
   * [RFC9370 2.2.4]
   */
  private winsCollision(sa: IkeSa, { nonceResponder }: Agreed): boolean {
    const { rekeyed } = this;
    if (rekeyed === undefined) return true;
    const series = sa.series.of(rekeyed);
    const theirs = series?.agreement.nonce ?? rekeyed.replaced?.nonce;
    if (theirs !== undefined && isLower(lowestNonce(this.nonce, nonceResponder), theirs)) return false;
    if (series !== undefined) sa.series.drop(series);
    return true;
  }

  /** Keys the new SA, then sees the old one off. */
  private complete(sa: IkeSa, agreed: Agreed): void {
    const { rekeyed, request } = this;
    const { nonceResponder } = agreed;
    const lowest = lowestNonce(this.nonce, nonceResponder);
    const rival = this.rival(sa);
    const redundant = rival !== undefined && isLower(lowest, rival.nonce);
    const { first, further, key } = this.rounds.secrets;
    const made = establishChild(sa, {
      ...agreed,
      spiIn: this.spiIn,
      started: true,
      nonceInitiator: this.nonce,
      sharedSecret: first,
      further,
      key,
      rekeyed: rekeyed?.id,
      redundant,
      tag: request.tag,
    });
    sa.statesLost = 0;
    if (rekeyed === undefined) return;
    rekeyed.busy = 'no';
    // [RFC7296 2.8.1] the peer rekeyed it, too: the one made with the lowest nonce goes, by the side that made it.
    const loser = redundant ? made : rekeyed;
    const { replaced } = rekeyed;
    if (redundant) made.replaced = replaced;
    else if (replaced !== undefined) noteReplaced(sa, replaced.by, made, this.nonce);
    // [RFC7296 2.8] make before break: whoever made the one that stays deletes the old one.
    sa.request(deleteChildTask(loser, 'rekeyed'), true);
  }

  /** The peer's rekey of the same Child SA, done or not; one that is not done and loses is forgotten. */
  private rival(sa: IkeSa): Pick<Replacement, 'nonce'> | undefined {
    const { rekeyed, agreed } = this;
    const series = rekeyed === undefined ? undefined : sa.series.of(rekeyed);
    if (series === undefined || agreed === undefined) return rekeyed?.replaced;
    const { nonce } = series.agreement;
    if (!isLower(lowestNonce(this.nonce, agreed.nonceResponder), nonce)) sa.series.drop(series);
    return { nonce };
  }

  /** The IKE SA lives on whatever the refusal is. */
  private refused(sa: IkeSa, { notifyType, data }: NotifyPayload): void {
    const isFirst = this.agreed === undefined;
    if (isFirst && notifyType === NOTIFY.INVALID_KE_PAYLOAD && this.rounds.retry(sa, data)) {
      sa.request(this, true);
      return;
    }
    this.fail(sa, 'the peer refused the Child SA', notifyType);
    const { rekeyed } = this;
    // [RFC7296 2.25] the peer has lost it, so it is of no use to us; unless its own rekey of it had just ended. Not silently,
    // as the standard would have it: the answer by which the peer learns of it may still be on its way.
    if (notifyType === NOTIFY.CHILD_SA_NOT_FOUND && rekeyed !== undefined && rekeyed.replaced === undefined) {
      sa.request(deleteChildTask(rekeyed, 'the peer does not know it'), true);
    }
    noteLostState(sa, notifyType);
  }

  /** Leaves everything as it was before the request. */
  private fail(sa: IkeSa, reason: string, notifyType?: number): void {
    this.release(sa);
    const { rekeyed, request } = this;
    // [RFC7296 2.8.1] the peer's own rekey of it succeeded, so nothing failed.
    if (rekeyed?.replaced !== undefined && sa.children.has(rekeyed.replaced.by.id)) return;
    // The peer's own is gone again, as it lost: the old one serves on.
    if (rekeyed !== undefined) rekeyed.replaced = undefined;
    reportChildFailure(sa, reason, request.tag, notifyType, rekeyed?.id);
  }

  /** What the request held: keys, SPI, and the old Child SA, with which something else may be begun. */
  private release(sa: IkeSa): void {
    this.ppks.wipe();
    this.rounds.wipe();
    sa.node.releaseEspSpi(this.spiIn);
    if (this.rekeyed !== undefined) this.rekeyed.busy = 'no';
  }
}

/** What we offer for a Child SA that we start: something at least, whatever the oldest one has. */
function offeredConfigs(sa: IkeSa): readonly ChildProposalConfig[] {
  const configs = sa.profile?.childProposals ?? sa.node.config.childProposals;
  const [oldest] = sa.children.values();
  if (sa.node.config.childOffer !== 'as-first' || oldest === undefined) return configs;
  const like = likeSuite(configs, oldest.suite);
  return like.length === 0 ? configs : like;
}

/** What the owner is told when it is asked for a key. */
function purposeOf({ tag }: ChildSaRequest, rekeyed: ChildRecord | undefined): PpkPurpose {
  if (rekeyed !== undefined) return { kind: 'childSaRekey', childSaId: rekeyed.id };
  return { kind: 'newChildSa', ...(tag === undefined ? {} : { tag }) };
}

/** Whether we may begin to replace it: it is there, and nobody has replaced it. */
export function mayRekey(sa: IkeSa, child: ChildRecord): boolean {
  return sa.children.get(child.id) === child && child.replaced === undefined;
}

/** A rekey asks for what the old Child SA had. */
export function rekeyChildTask(sa: IkeSa, child: ChildRecord): CreateChildTask {
  const { trafficSelectorsLocal, trafficSelectorsRemote, tag } = child;
  const request = { trafficSelectorsLocal, trafficSelectorsRemote, ...(tag === undefined ? {} : { tag }) };
  return new CreateChildTask(sa, request, child);
}

/** [RFC7296 1.3.3] the SPI is the one at which the sender receives. */
function rekeyNotify({ spiIn }: ChildRecord): NotifyPayload {
  return {
    type: 'Notify',
    protocol: PROTOCOL.ESP,
    spi: fromUint32(spiIn),
    notifyType: NOTIFY.REKEY_SA,
    data: NO_OCTETS,
  };
}
