/** CREATE_CHILD_SA that replaces the IKE SA: new SPIs, keys and message IDs under the same handle. [RFC7296 1.3.2] */

import { createKeyExchange } from '../../crypto/dh.ts';
import type { KeyInputs } from '../../crypto/keymat.ts';
import { acceptIke, chooseIke, offerIke, withoutAdditional } from '../../crypto/proposals.ts';
import { describeIkeSuite, KE_ALGORITHMS, keNameOf } from '../../crypto/suites.ts';
import type { IkeProposalConfig, IkeSuite, KeyExchange } from '../../crypto/types.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY, nameOf } from '../../wire/registry.ts';
import type { Payload } from '../../wire/types.ts';
import { Channel } from '../channel.ts';
import { freshKeys } from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { dueOf } from '../lifetimes.ts';
import { isLower, lowestNonce } from '../nonces.ts';
import { find, findError } from '../payloads.ts';
import { type FreshTask, PpkOffer } from './fresh-ppk.ts';
import { reportKeys } from './init.ts';
import { ppkIdentityNotify } from './ppk.ts';
import type { NamedPpk } from './ppk-candidates.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/** Our rekey of the IKE SA. While it is under way nothing else is begun on the SA. */
export class RekeyIkeTask implements FreshTask {
  readonly exchange = EXCHANGE.CREATE_CHILD_SA;
  readonly replacesIkeSa = true;
  private readonly spi: Uint8Array;
  private readonly nonce: Uint8Array;
  private keyExchange: KeyExchange;
  /** Fresh PPKs that the request offers. */
  readonly ppks = new PpkOffer();
  readonly purpose = { kind: 'ikeSaRekey' } as const;
  private retried = false;

  constructor(sa: IkeSa) {
    const ke = ikeConfigs(sa)[0]?.ke[0];
    if (ke === undefined) throw new Error('no proposal has a key exchange');
    this.spi = sa.node.newIkeSpi();
    this.nonce = Uint8Array.from(sa.node.random(NONCE_LENGTH));
    this.keyExchange = createKeyExchange(ke, (length) => sa.node.random(length));
  }

  build(sa: IkeSa): Payload[] | undefined {
    if (sa.state !== 'established') return undefined;
    return [
      { type: 'SA', proposals: offerIke(ikeConfigs(sa), this.spi) },
      { type: 'Nonce', data: this.nonce },
      { type: 'KE', method: this.keyExchange.method, data: this.keyExchange.publicValue },
      ...this.ppks.notifies(sa, this.nonce),
    ];
  }

  process(sa: IkeSa, payloads: readonly Payload[]): void {
    const error = findError(payloads);
    if (error !== undefined) {
      if (error.notifyType === NOTIFY.INVALID_KE_PAYLOAD && this.retry(sa, error.data)) return;
      this.fail(sa, `the peer refused to rekey the IKE SA: ${nameOf('notify', error.notifyType)}`);
      return;
    }
    const answer = find(payloads, 'SA')?.proposals ?? [];
    const suite = acceptIke(ikeConfigs(sa), answer);
    const spiResponder = Uint8Array.from(answer[0]?.spi ?? NO_OCTETS);
    const nonceResponder = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
    const ke = find(payloads, 'KE');
    const fits = suite !== undefined && suite.ke === this.keyExchange.name && spiResponder.length === 8;
    const secret = fits && ke !== undefined ? this.keyExchange.computeSecret(ke.data) : undefined;
    if (suite === undefined || secret?.ok !== true || nonceResponder.length < 16) {
      this.fail(sa, 'the answer to the rekey of the IKE SA fits no proposal of ours');
      return;
    }
    const inputs = {
      nonceInitiator: this.nonce,
      nonceResponder,
      spiInitiator: this.spi,
      spiResponder,
    };
    const ppk = this.ppks.taken(sa, payloads);
    if (ppk instanceof Error) {
      // The peer has gone over to keys that we do not take.
      sa.close('protocol', ppk.message);
      return;
    }
    const ours = rekeyedChannel(sa, true, suite, inputs, secret.value, ppk);
    this.ppks.wipe();
    this.settle(sa, ours, lowestNonce(this.nonce, nonceResponder));
  }

  /**
   * Ours takes over unless the peer's own rekey crossed it and ours has the lowest nonce of the four. Whoever made the
   * channel that stays deletes the old one, whoever made the other that. [RFC7296 2.8.2]
   */
  private settle(sa: IkeSa, ours: Channel, nonce: Uint8Array): void {
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

  /** The SA ended, or there was no PPK for it. */
  abandon(sa: IkeSa, reason: string): void {
    this.ppks.wipe();
    if (sa.state !== 'closed') sa.reject(`the IKE SA was not rekeyed: ${reason}`, sa.remote);
  }

  /** Ours came to nothing; the peer's, if it crossed ours, counts. */
  private fail(sa: IkeSa, reason: string): void {
    this.ppks.wipe();
    if (adoptRival(sa)) return;
    sa.reject(reason, sa.remote);
  }

  /** [RFC7296 1.3] once more with the group that the peer wants, if it is one of ours. */
  private retry(sa: IkeSa, data: Uint8Array): boolean {
    const name = keNameOf(((data[0] ?? 0) << 8) | (data[1] ?? 0));
    if (this.retried || name === undefined || !ikeConfigs(sa).some(({ ke }) => ke.includes(name)))
      return false;
    this.retried = true;
    this.keyExchange = createKeyExchange(name, (length) => sa.node.random(length));
    sa.request(this, true);
    return true;
  }
}

/**
 * The peer's rekey of the IKE SA. One that crosses ours is answered as usual and waits for the answer to ours.
 * Throws the refusal that the standard prescribes. [RFC7296 2.25.2]
 */
export function answerRekeyIke(sa: IkeSa, payloads: readonly Payload[], ppk?: NamedPpk): void {
  // [RFC7296 2.25.1] not while anything else of ours is under way on the old SA.
  if (sa.busy && !sa.replacing) throw new IkeError('an exchange is under way', NOTIFY.TEMPORARY_FAILURE);
  const chosen = chooseIke(ikeConfigs(sa), find(payloads, 'SA')?.proposals ?? []);
  const spiInitiator = Uint8Array.from(chosen?.proposal.spi ?? NO_OCTETS);
  if (chosen === undefined || spiInitiator.length !== 8) {
    throw new IkeError('no common IKE proposal', NOTIFY.NO_PROPOSAL_CHOSEN);
  }
  const { suite, proposal } = chosen;
  const { id } = KE_ALGORITHMS[suite.ke];
  const ke = find(payloads, 'KE');
  if (ke === undefined || ke.method !== id) {
    throw new IkeError('another group is wanted', NOTIFY.INVALID_KE_PAYLOAD, Uint8Array.of(id >> 8, id));
  }
  const nonceInitiator = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
  if (nonceInitiator.length < 16) throw new IkeError('the nonce is too short');
  const exchange = sa.node.answerKeyExchange(suite.ke, ke.data);
  if (!exchange.ok) throw new IkeError(exchange.error.message);
  const { method, publicValue, secret } = exchange.value;
  const spiResponder = sa.node.newIkeSpi();
  const nonceResponder = Uint8Array.from(sa.node.random(NONCE_LENGTH));
  sa.respond(EXCHANGE.CREATE_CHILD_SA, [
    { type: 'SA', proposals: [{ ...proposal, spi: spiResponder }] },
    { type: 'Nonce', data: nonceResponder },
    { type: 'KE', method, data: publicValue },
    ...(ppk === undefined ? [] : [ppkIdentityNotify(ppk.identity)]),
  ]);
  const inputs = { nonceInitiator, nonceResponder, spiInitiator, spiResponder };
  const channel = rekeyedChannel(sa, false, suite, inputs, secret, ppk);
  if (sa.replacing) sa.beside.challenge(channel, lowestNonce(nonceInitiator, nonceResponder));
  else sa.beside.retire(replaceChannel(sa, channel));
}

/** The channel that may take over, with its keys. */
function rekeyedChannel(
  sa: IkeSa,
  initiator: boolean,
  suite: IkeSuite,
  inputs: KeyInputs,
  secret: Uint8Array,
  ppk: NamedPpk | undefined,
): Channel {
  const channel = new Channel(initiator, inputs.spiInitiator, inputs.spiResponder);
  const old = ppk === undefined ? sa.keymat : freshKeys(sa, ppk.secret);
  channel.protect(old.deriveRekeyed(suite, inputs, secret));
  if (old !== sa.keymat) old.wipe();
  channel.ppkIdentity = ppk?.identity;
  return channel;
}

/**
 * The peer's rekey counts, ours is forgotten: ours was refused, or the peer, which never heard of it, deletes the old
 * SA. False when there is none. [RFC7296 2.8.2]
 */
export function adoptRival(sa: IkeSa): boolean {
  const rival = sa.beside.settle();
  if (rival === undefined) return false;
  if (rival.deleted) {
    sa.beside.retire(rival.channel);
    return false;
  }
  if (sa.replacing) sa.requests.finish();
  sa.beside.retire(replaceChannel(sa, rival.channel));
  // What waited for our rekey goes on under the new SPIs.
  sa.requests.startNext();
  return true;
}

/** Puts the new SPIs and keys in place; gives the old channel, which lives until it is deleted. */
function replaceChannel(sa: IkeSa, channel: Channel): Channel {
  const { keymat, spiInitiator, spiResponder } = channel;
  if (keymat === undefined) throw new Error('a channel takes over before it has keys');
  const old = sa.adopt(channel);
  sa.suite = describeIkeSuite(keymat.suite);
  sa.ppkIdentity = channel.ppkIdentity ?? sa.ppkIdentity;
  const ppk = sa.ppkIdentity === undefined ? {} : { ppkIdentity: sa.ppkIdentity };
  sa.emit({
    type: 'ikeSaRekeyed',
    ikeSaId: sa.id,
    spiInitiator,
    spiResponder,
    suite: sa.suite,
    ...ppk,
    ...dueOf(sa.life),
  });
  reportKeys(sa, keymat);
  return old;
}

function ikeConfigs(sa: IkeSa): readonly IkeProposalConfig[] {
  return withoutAdditional(sa.profile?.proposals ?? sa.node.config.proposals);
}
