/** CREATE_CHILD_SA of the peer that replaces the IKE SA. [RFC7296 1.3.2] */

import { chooseIke } from '../../crypto/proposals.ts';
import { KE_ALGORITHMS } from '../../crypto/suites.ts';
import type { PpkIdentity } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import type { Payload } from '../../wire/types.ts';
import { isZero } from '../channel.ts';
import type { IkeSa } from '../ike-sa.ts';
import { lowestNonce } from '../nonces.ts';
import { find } from '../payloads.ts';
import { ppkIdentityNotify } from './ppk.ts';
import type { NamedPpk } from './ppk-candidates.ts';
import { rekeyedChannel, replaceChannel } from './take-over.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/**
 * The peer's rekey of the IKE SA. One that crosses ours is answered as usual and waits for the answer to ours.
 * Throws the refusal that the standard prescribes. [RFC7296 2.25.2]
 */
export function answerRekeyIke(sa: IkeSa, payloads: readonly Payload[], ppk?: NamedPpk): void {
  checkIdle(sa);
  // An SA that we started has its own proposals.
  const chosen = chooseIke(
    sa.profile?.proposals ?? sa.node.config.proposals,
    find(payloads, 'SA')?.proposals ?? [],
  );
  const spiInitiator = Uint8Array.from(chosen?.proposal.spi ?? NO_OCTETS);
  if (chosen === undefined || spiInitiator.length !== 8 || isZero(spiInitiator)) {
    throw new IkeError('no common IKE proposal', NOTIFY.NO_PROPOSAL_CHOSEN);
  }
  const { suite, proposal } = chosen;
  const nonceInitiator = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
  if (nonceInitiator.length < 16) throw new IkeError('the nonce is too short');
  const { method, publicValue, secret } = ownHalf(sa, suite.ke, payloads);
  const spiResponder = sa.node.newIkeSpi();
  const nonceResponder = Uint8Array.from(sa.node.random(NONCE_LENGTH));
  const inputs = { nonceInitiator, nonceResponder, spiInitiator, spiResponder };
  const nonce = lowestNonce(nonceInitiator, nonceResponder);
  const kept = ppk === undefined ? undefined : { ...ppk, secret: Uint8Array.from(ppk.secret) };
  const complete = (further: readonly Uint8Array[], key: PpkIdentity | undefined) => {
    const channel = rekeyedChannel(sa, false, { suite, inputs, secret, further, ppk: kept, key });
    kept?.secret.fill(0);
    if (sa.replacing) sa.beside.challenge(channel, nonce);
    else {
      sa.beside.retire(replaceChannel(sa, channel));
      sa.requests.startNext();
    }
  };
  const abandon = () => {
    secret.fill(0);
    kept?.secret.fill(0);
  };
  const { additional = [] } = suite;
  // [RFC9370 2.2.4] the keys follow with the last of the key exchanges.
  const agreement = { replaces: 'ike', nonce, complete, abandon } as const;
  const link = additional.length === 0 ? [] : [sa.series.begin(agreement, additional)];
  sa.respond(EXCHANGE.CREATE_CHILD_SA, [
    { type: 'SA', proposals: [{ ...proposal, spi: spiResponder }] },
    { type: 'Nonce', data: nonceResponder },
    { type: 'KE', method, data: publicValue },
    ...(ppk === undefined ? [] : [ppkIdentityNotify(ppk.identity)]),
    ...link,
  ]);
  if (additional.length === 0) complete([], undefined);
}

/**
 * Not while anything else of ours is under way on the old SA [RFC7296 2.25.1], nor when our own rekey is through but for
 * its further key exchanges. [RFC9370 2.2.4]
 */
function checkIdle(sa: IkeSa): void {
  const { current } = sa.requests;
  if (current === undefined) return;
  if (current.replacesIkeSa === true && current.exchange === EXCHANGE.CREATE_CHILD_SA) return;
  throw new IkeError('an exchange is under way', NOTIFY.TEMPORARY_FAILURE);
}

/** Our half, or INVALID_KE_PAYLOAD with the group that we want. [RFC7296 1.3] */
function ownHalf(sa: IkeSa, name: keyof typeof KE_ALGORITHMS, payloads: readonly Payload[]) {
  const { id } = KE_ALGORITHMS[name];
  const ke = find(payloads, 'KE');
  if (ke === undefined || ke.method !== id) {
    throw new IkeError('another group is wanted', NOTIFY.INVALID_KE_PAYLOAD, Uint8Array.of(id >> 8, id));
  }
  const exchange = sa.node.answerKeyExchange(name, ke.data);
  if (!exchange.ok) throw new IkeError(exchange.error.message);
  return exchange.value;
}
