/** The channel with which a rekeyed IKE SA goes on. [RFC7296 2.18] [RFC7296 2.8.2] */

import type { KeyInputs } from '../../crypto/keymat.ts';
import { describeIkeSuite } from '../../crypto/suites.ts';
import type { IkeSuite } from '../../crypto/types.ts';
import type { PpkIdentity } from '../../terms.ts';
import { Channel } from '../channel.ts';
import { freshKeys } from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { dueOf } from '../lifetimes.ts';
import { reportKeys } from './init.ts';
import type { NamedPpk } from './ppk-candidates.ts';

/** What the exchanges of a rekey agreed on. The secrets are wiped. */
export interface RekeyResult {
  readonly suite: IkeSuite;
  readonly inputs: KeyInputs;
  /** SK(0), of the CREATE_CHILD_SA. */
  readonly secret: Uint8Array;
  /** SK(1) to SK(n). [RFC9370 2.2.4] */
  readonly further: readonly Uint8Array[];
  /** Fresh PPK. */
  readonly ppk: NamedPpk | undefined;
  /** The QKD key that was one of the key exchanges. */
  readonly key: PpkIdentity | undefined;
}

/** The channel that may take over, with its keys; `initiator` tells whether we began it. */
export function rekeyedChannel(
  sa: IkeSa,
  initiator: boolean,
  { suite, inputs, secret, further, ppk, key }: RekeyResult,
): Channel {
  const channel = new Channel(initiator, inputs.spiInitiator, inputs.spiResponder);
  const old = ppk === undefined ? sa.keymat : freshKeys(sa, ppk.secret);
  channel.protect(old.deriveRekeyed(suite, inputs, secret, further));
  if (old !== sa.keymat) old.wipe();
  channel.ppkIdentity = key ?? ppk?.identity;
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
export function replaceChannel(sa: IkeSa, channel: Channel): Channel {
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
