/** CREATE_CHILD_SA that replaces the IKE SA: new SPIs, keys and message IDs under the same handle. [RFC7296 1.3.2] */

import { createKeyExchange } from '../../crypto/dh.ts';
import type { Keymat } from '../../crypto/keymat.ts';
import { acceptIke, chooseIke, offerIke } from '../../crypto/proposals.ts';
import { describeIkeSuite, KE_ALGORITHMS, keNameOf } from '../../crypto/suites.ts';
import type { IkeProposalConfig, KeyExchange } from '../../crypto/types.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY, nameOf } from '../../wire/registry.ts';
import type { Payload } from '../../wire/types.ts';
import { Channel } from '../channel.ts';
import type { IkeSa } from '../ike-sa.ts';
import { find, findError } from '../payloads.ts';
import { deleteRetired } from '../retired.ts';
import type { Task } from '../task.ts';
import { reportKeys } from './init.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/** Our rekey of the IKE SA. While it is under way nothing else is begun on the SA. */
export class RekeyIkeTask implements Task {
  readonly exchange = EXCHANGE.CREATE_CHILD_SA;
  readonly replacesIkeSa = true;
  private readonly spi: Uint8Array;
  private readonly nonce: Uint8Array;
  private keyExchange: KeyExchange;
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
    ];
  }

  process(sa: IkeSa, payloads: readonly Payload[]): void {
    const error = findError(payloads);
    if (error !== undefined) {
      if (error.notifyType === NOTIFY.INVALID_KE_PAYLOAD && this.retry(sa, error.data)) return;
      sa.reject(`the peer refused to rekey the IKE SA: ${nameOf('notify', error.notifyType)}`, sa.remote);
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
      sa.reject('the answer to the rekey of the IKE SA fits no proposal of ours', sa.remote);
      return;
    }
    const inputs = {
      nonceInitiator: this.nonce,
      nonceResponder,
      spiInitiator: this.spi,
      spiResponder,
    };
    const keymat = sa.keymat.deriveRekeyed(suite, inputs, secret.value);
    const old = replaceChannel(sa, new Channel(true, this.spi, spiResponder), keymat);
    // [RFC7296 2.8] who rekeyed deletes the old SA; its Child SAs live on with the new one.
    deleteRetired(sa, old);
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

/** The peer's rekey of the IKE SA. Throws the refusal that the standard prescribes. */
export function answerRekeyIke(sa: IkeSa, payloads: readonly Payload[]): void {
  // [RFC7296 2.25.2] not while something of ours is under way on the old SA.
  if (sa.busy) throw new IkeError('an exchange is under way', NOTIFY.TEMPORARY_FAILURE);
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
  const exchange = createKeyExchange(suite.ke, (length) => sa.node.random(length));
  const secret = exchange.computeSecret(ke.data);
  if (!secret.ok) throw new IkeError(secret.error.message);
  const spiResponder = sa.node.newIkeSpi();
  const nonceResponder = Uint8Array.from(sa.node.random(NONCE_LENGTH));
  sa.respond(EXCHANGE.CREATE_CHILD_SA, [
    { type: 'SA', proposals: [{ ...proposal, spi: spiResponder }] },
    { type: 'Nonce', data: nonceResponder },
    { type: 'KE', method: exchange.method, data: exchange.publicValue },
  ]);
  const inputs = { nonceInitiator, nonceResponder, spiInitiator, spiResponder };
  const keymat = sa.keymat.deriveRekeyed(suite, inputs, secret.value);
  replaceChannel(sa, new Channel(false, spiInitiator, spiResponder), keymat);
}

/** Puts the new SPIs and keys in place; gives the old channel, which lives until it is deleted. */
function replaceChannel(sa: IkeSa, channel: Channel, keymat: Keymat): Channel {
  channel.protect(keymat);
  const old = sa.adopt(channel);
  sa.suite = describeIkeSuite(keymat.suite);
  const { spiInitiator, spiResponder } = channel;
  sa.emit({ type: 'ikeSaRekeyed', ikeSaId: sa.id, spiInitiator, spiResponder, suite: sa.suite });
  reportKeys(sa, keymat);
  return old;
}

function ikeConfigs(sa: IkeSa): readonly IkeProposalConfig[] {
  return sa.profile?.proposals ?? sa.node.config.proposals;
}
