/** Fragments that come in for one IKE SA. [RFC7383 2.6] */

import type { DecodedMessage, SocketAddress } from '../wire/types.ts';
import type { Channel } from './channel.ts';
import type { IkeSa } from './ike-sa.ts';
import { leastRoom } from './path-mtu.ts';
import type { Opened } from './reassembly.ts';

/** The message that this fragment completes; undefined while others are missing, or when it is of no use. */
export function collectFragment(
  sa: IkeSa,
  datagram: Uint8Array,
  message: DecodedMessage,
  remote: SocketAddress,
): Opened | undefined {
  if (!sa.fragments) {
    sa.reject('fragments were not agreed on', remote);
    return undefined;
  }
  if (!sa.established && !sa.node.fragments.allows(datagram.length)) {
    sa.reject('too many messages of strangers are incomplete', remote);
    return undefined;
  }
  const opened = sa.channel.collect(sa.now, datagram, message);
  noteHeld(sa);
  // [RFC7383 2.5.2] the peer may know that the path is narrow: the first of several fragments is as long as it dares.
  if (opened !== undefined) narrow(sa, Math.max(opened.datagram.length, leastRoom(remote.address)));
  return opened;
}

/** From here on no message of ours is longer in one datagram. */
export function narrow(sa: IkeSa, room: number): void {
  if (sa.fragments) sa.room = Math.min(sa.room, room);
}

/**
 * The peer cut an answered request anew, as the path may be narrow: the answer goes out again, no longer than that, if
 * it was the peer. [RFC7383 2.5.2]
 */
export function answerDivided(
  sa: IkeSa,
  channel: Channel,
  datagram: Uint8Array,
  message: DecodedMessage,
  { local, remote }: { readonly local: SocketAddress; readonly remote: SocketAddress },
): void {
  if (!sa.fragments || !channel.authenticates(datagram, message)) return;
  const room = Math.max(datagram.length, leastRoom(remote.address));
  narrow(sa, room);
  sa.transmit(channel.window.answerWithin(room), local, remote);
}

/** Gives up messages that never came to an end. */
export function dropIncomplete(sa: IkeSa): void {
  sa.channel.dropIncomplete(sa.now);
  noteHeld(sa);
}

/** The SA is closed, or its peer has proved who it is: what it sends in fragments no longer counts for strangers. */
export function leaveBudget(sa: IkeSa): void {
  sa.node.fragments.set(sa.id, 0);
}

/** What the SA keeps, for the budget of strangers, and until when. */
function noteHeld(sa: IkeSa): void {
  if (!sa.established) sa.node.fragments.set(sa.id, sa.channel.heldFragments);
  const at = sa.channel.reassemblyDeadline;
  if (at === undefined) sa.timers.clear('reassembly');
  else sa.timers.set('reassembly', at);
}
