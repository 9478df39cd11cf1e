/** CREATE_CHILD_SA of ours that replaces the IKE SA: new SPIs, keys and message IDs under the same handle. [RFC7296 1.3.2] */

import type { KeyInputs } from '../../crypto/keymat.ts';
import { acceptIke, offerIke } from '../../crypto/proposals.ts';
import type { IkeProposalConfig, IkeSuite } from '../../crypto/types.ts';
import { EXCHANGE, NOTIFY, nameOf } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import { type Channel, isZero } from '../channel.ts';
import type { IkeSa } from '../ike-sa.ts';
import { isLower, lowestNonce } from '../nonces.ts';
import { find, findError } from '../payloads.ts';
import { type FreshTask, PpkOffer } from './fresh-ppk.ts';
import { KeyRounds } from './key-rounds.ts';
import type { NamedPpk } from './ppk-candidates.ts';
import { noteLostState } from './state-lost.ts';
import { adoptRival, rekeyedChannel, replaceChannel } from './take-over.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/** What the answer to CREATE_CHILD_SA settled. */
interface Agreed {
  readonly suite: IkeSuite;
  readonly inputs: KeyInputs;
  readonly ppk: NamedPpk | undefined;
}

/**
 * Our rekey of the IKE SA, with an IKE_FOLLOWUP_KE for each additional key exchange. While it is under way nothing else
 * is begun on the SA.
 */
export class RekeyIkeTask implements FreshTask {
  readonly replacesIkeSa = true;
  /** The key exchanges that it offers, and what they have agreed on so far. */
  readonly rounds: KeyRounds<IkeProposalConfig>;
  /** Fresh PPKs that the request offers. */
  readonly ppks = new PpkOffer();
  readonly purpose = { kind: 'ikeSaRekey' } as const;
  private readonly replaced: Channel;
  private readonly spi: Uint8Array;
  private readonly nonce: Uint8Array;
  private agreed: Agreed | undefined;

  constructor(sa: IkeSa) {
    this.rounds = new KeyRounds(sa.profile?.proposals ?? sa.node.config.proposals);
    this.replaced = sa.channel;
    this.spi = sa.node.newIkeSpi();
    this.nonce = Uint8Array.from(sa.node.random(NONCE_LENGTH));
  }

  /** The first round goes in CREATE_CHILD_SA, the others in IKE_FOLLOWUP_KE. */
  get exchange(): number {
    return this.rounds.underWay ? EXCHANGE.IKE_FOLLOWUP_KE : EXCHANGE.CREATE_CHILD_SA;
  }

  /** The next round; none on an SA that the peer has replaced while this waited its turn. */
  build(sa: IkeSa): Payload[] | undefined {
    // The peer has replaced it meanwhile.
    if (sa.state !== 'established' || sa.channel !== this.replaced) {
      this.wipe();
      return undefined;
    }
    if (this.rounds.underWay) return this.rounds.build(sa);
    return [
      { type: 'SA', proposals: offerIke(this.rounds.configs, this.spi) },
      { type: 'Nonce', data: this.nonce },
      ...this.rounds.payloads(sa),
      ...this.ppks.notifies(sa, this.nonce),
    ];
  }

  /**
   * A refusal, or an answer that fits nothing before the last round, leaves the old SA as it is. After the last round the peer
   * has gone over to the new one, so there is no way back.
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
      if (sa.state === 'closed') this.wipe();
      else if (isFirst || this.rounds.underWay) this.fail(sa, agreed.message);
      // The peer has gone over to keys that we do not have.
      else sa.close('protocol', agreed.message);
    } else if (!this.rounds.underWay) {
      this.complete(sa, agreed);
    } else if (!isFirst || this.winsCollision(sa, agreed)) {
      sa.request(this, true);
    } else {
      this.wipe();
    }
  }

  /** The SA ended, or there was no key for it. */
  abandon(sa: IkeSa, reason: string): void {
    this.wipe();
    if (sa.state !== 'closed') sa.reject(`the IKE SA was not rekeyed: ${reason}`, sa.remote);
  }

  /** The answer to CREATE_CHILD_SA; an error for one that fits nothing of ours. */
  private open(sa: IkeSa, payloads: readonly Payload[]): Agreed | Error {
    const answer = find(payloads, 'SA')?.proposals ?? [];
    const suite = acceptIke(this.rounds.configs, answer);
    const spiResponder = Uint8Array.from(answer[0]?.spi ?? NO_OCTETS);
    const nonceResponder = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
    const isNamed = spiResponder.length === 8 && !isZero(spiResponder);
    if (suite === undefined || !isNamed || nonceResponder.length < 16) {
      return new Error('the answer to the rekey of the IKE SA fits no proposal of ours');
    }
    const breach = this.rounds.open(suite, payloads);
    const ppk = this.ppks.taken(sa, payloads);
    if (breach !== undefined) return breach;
    if (ppk instanceof Error && !this.rounds.underWay) {
      // The peer has gone over to keys that we do not take.
      sa.close('protocol', ppk.message);
    }
    if (ppk instanceof Error) return ppk;
    const inputs = {
      nonceInitiator: this.nonce,
      nonceResponder,
      spiInitiator: this.spi,
      spiResponder,
    };
    this.agreed = { suite, inputs, ppk };
    return this.agreed;
  }

  /** One round more. */
  private goOn(payloads: readonly Payload[]): Agreed | Error {
    return this.rounds.take(payloads) ?? this.agreed ?? new Error('nothing was agreed on');
  }

  /**
   * The peer's own rekey crossed ours, and keys are still to be exchanged: the one with the lowest nonce of the four
   * stops, as there is nothing to delete yet. [RFC9370 2.2.4]
   */
  private winsCollision(sa: IkeSa, { inputs: { nonceResponder } }: Agreed): boolean {
    const { rival } = sa.beside;
    const series = sa.series.ike;
    const theirs = rival?.deleted === true ? undefined : (rival?.nonce ?? series?.agreement.nonce);
    if (theirs !== undefined && isLower(lowestNonce(this.nonce, nonceResponder), theirs)) {
      adoptRival(sa);
      return false;
    }
    if (series !== undefined) sa.series.drop(series);
    const lost = sa.beside.settle();
    if (lost !== undefined) sa.beside.retire(lost.channel);
    return true;
  }

  /** Derives the new keys and decides which SA stays. */
  private complete(sa: IkeSa, { suite, inputs, ppk }: Agreed): void {
    const { first = NO_OCTETS, further, key } = this.rounds.secrets;
    const ours = rekeyedChannel(sa, true, { suite, inputs, secret: first, further, ppk, key });
    this.wipe();
    sa.statesLost = 0;
    this.settle(sa, ours, lowestNonce(this.nonce, inputs.nonceResponder));
  }

  /**
   * Ours takes over unless the peer's own rekey crossed it and ours has the lowest nonce of the four. Whoever made the
   * channel that stays deletes the old one, whoever made the other that. [RFC7296 2.8.2]
   */
  private settle(sa: IkeSa, ours: Channel, nonce: Uint8Array): void {
    const series = sa.series.ike;
    if (series !== undefined && isLower(nonce, series.agreement.nonce)) {
      // The peer goes on with its key exchanges on the old SA.
      sa.beside.delete(ours);
      return;
    }
    const rival = sa.beside.settle();
    if (rival !== undefined && !rival.deleted && isLower(nonce, rival.nonce)) {
      sa.beside.retire(replaceChannel(sa, rival.channel));
      sa.beside.delete(ours);
      return;
    }
    // [RFC7296 2.8] who rekeyed deletes the old SA; its Child SAs live on with the new one.
    sa.beside.delete(replaceChannel(sa, ours));
    if (rival !== undefined) sa.beside.retire(rival.channel);
  }

  /** Tries the peer's group once, else leaves things as they are. */
  private refused(sa: IkeSa, { notifyType, data }: NotifyPayload): void {
    const isFirst = this.agreed === undefined;
    if (isFirst && notifyType === NOTIFY.INVALID_KE_PAYLOAD && this.rounds.retry(sa, data)) {
      // [RFC7296 1.3] once more with the group that the peer wants.
      sa.request(this, true);
      return;
    }
    this.fail(sa, `the peer refused to rekey the IKE SA: ${nameOf('notify', notifyType)}`);
    noteLostState(sa, notifyType);
  }

  /** Ours came to nothing; the peer's, if it crossed ours, counts. */
  private fail(sa: IkeSa, reason: string): void {
    this.wipe();
    if (adoptRival(sa)) return;
    sa.reject(reason, sa.remote);
  }

  /** Secrets of rounds and PPKs, used or not. */
  private wipe(): void {
    this.ppks.wipe();
    this.rounds.wipe();
  }
}
