/**
 * The channels of an IKE SA beside the one in use: those that were replaced or lost against another and are on their
 * way out, and the rival that the peer's own rekey made while ours was under way. [RFC7296 2.8] [RFC7296 2.8.2]
 */

import { decodePayloads } from '../wire/chain.ts';
import { EXCHANGE, NOTIFY, PROTOCOL } from '../wire/registry.ts';
import type { DecodedMessage, Payload, SocketAddress } from '../wire/types.ts';
import { type Channel, spiKey } from './channel.ts';
import { answerDivided } from './fragments.ts';
import type { IkeSa } from './ike-sa.ts';
import { find, notify } from './payloads.ts';
import type { Opened } from './reassembly.ts';

/** Rekeys in a row whose predecessors are not deleted yet; beyond it the oldest is forgotten. */
const MOST_LEAVING = 4;

/** Whatever is asked on a channel that is on its way out, by exchange type; others are left unanswered. */
const LATE_ANSWERS: ReadonlyMap<number, () => Payload[]> = new Map([
  [EXCHANGE.INFORMATIONAL, () => []],
  [EXCHANGE.CREATE_CHILD_SA, () => [notify(NOTIFY.TEMPORARY_FAILURE)]],
  [EXCHANGE.IKE_FOLLOWUP_KE, () => [notify(NOTIFY.STATE_NOT_FOUND)]],
]);

/** A channel on its way out. */
interface Leaving {
  readonly channel: Channel;
  /** From then on nobody can still need an answer on it. */
  readonly forgetAt: number;
  /** When our Delete is to be sent again; undefined where the peer is the one to delete. */
  resendAt: number | undefined;
}

/** What the peer's rekey made while the answer to ours is awaited: nothing is decided before that comes. */
export interface Rival {
  readonly channel: Channel;
  /** The lower nonce of the peer's exchange. */
  readonly nonce: Uint8Array;
  /** The peer found out first that ours stays, and deleted its own. */
  deleted: boolean;
}

/** Where a message came from and to. */
interface Path {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
}

/** See the head of this file. Every channel in here is found by its SPI like the one in use. */
export class SideChannels {
  private readonly sa: IkeSa;
  private leaving: Leaving[] = [];
  private challenger: Rival | undefined;

  constructor(sa: IkeSa) {
    this.sa = sa;
  }

  /** All of them, so that a header can be matched. */
  *channels(): Iterable<Channel> {
    if (this.challenger !== undefined) yield this.challenger.channel;
    for (const { channel } of this.leaving) yield channel;
  }

  /** The undecided one. */
  get rival(): Rival | undefined {
    return this.challenger;
  }

  /**
   * Keeps what the peer's rekey made until ours is answered; `nonce` is the lower one of the peer's exchange. A peer that
   * rekeys once more meanwhile has no use for what its first rekey made.
   */
  challenge(channel: Channel, nonce: Uint8Array): void {
    const former = this.settle();
    if (former !== undefined) this.forget(former.channel);
    this.challenger = { channel, nonce, deleted: false };
    this.sa.node.byLocalSpi.set(spiKey(channel.localSpi), this.sa);
  }

  /** The contest is over; the rival is the caller's now. */
  settle(): Rival | undefined {
    const rival = this.challenger;
    this.challenger = undefined;
    return rival;
  }

  /** Listens on a channel until the peer has deleted it. */
  retire(channel: Channel): void {
    const { sa } = this;
    this.leaving.push({ channel, forgetAt: sa.now + sa.node.timers.retired, resendAt: undefined });
    sa.node.byLocalSpi.set(spiKey(channel.localSpi), sa);
    if (this.leaving.length > MOST_LEAVING) this.drop(this.leaving[0]);
    this.arm();
  }

  /** Deletes a channel: the request goes out now, and again until it is answered. [RFC7296 2.8] */
  delete(channel: Channel): void {
    const { sa } = this;
    const payloads: Payload[] = [{ type: 'Delete', protocol: PROTOCOL.IKE, spis: [] }];
    const { nextMessageId } = channel.own;
    const random = (length: number) => sa.node.random(length);
    const datagrams = channel.write(EXCHANGE.INFORMATIONAL, false, nextMessageId, payloads, random);
    channel.own.start(EXCHANGE.INFORMATIONAL, { datagrams });
    const resendAt = sa.now + channel.own.backOff(sa.node.timers);
    sa.node.byLocalSpi.set(spiKey(channel.localSpi), sa);
    this.leaving.push({ channel, forgetAt: Number.POSITIVE_INFINITY, resendAt });
    if (this.leaving.length > MOST_LEAVING) this.drop(this.leaving[0]);
    this.arm();
    sa.transmit(datagrams);
  }

  /** A message on one of these channels. What is not authentic changes nothing. */
  receive(channel: Channel, datagram: Uint8Array, message: DecodedMessage, path: Path): void {
    if (message.header.response) this.receiveResponse(channel, datagram, message);
    else this.receiveRequest(channel, datagram, message, path);
  }

  /** Sends again or forgets what is due. */
  expire(): void {
    const { sa } = this;
    for (const each of [...this.leaving]) {
      if (each.forgetAt <= sa.now) this.drop(each);
      else if (each.resendAt !== undefined && each.resendAt <= sa.now) this.resend(each);
    }
    this.arm();
  }

  /**
   * The SA in use is closed. What lost against it is an IKE SA of its own to the peer: its Delete is repeated and the
   * peer's is answered, as long as the closed SA lingers.
   */
  outlive(): void {
    this.arm();
  }

  /** All keys and SPIs go. */
  clear(): void {
    for (const channel of this.channels()) this.forget(channel);
    this.leaving = [];
    this.challenger = undefined;
  }

  /** Our Delete again, or an end to it: the peer has forgotten the SA or is gone, and the SA in use finds that out itself. */
  private resend(each: Leaving): void {
    const { sa } = this;
    const { own } = each.channel;
    const datagrams = own.again(sa.node.timers);
    if (datagrams === undefined) {
      this.drop(each);
      return;
    }
    each.resendAt = sa.now + own.backOff(sa.node.timers);
    sa.transmit(datagrams);
  }

  /** Only the answer to our Delete is expected. */
  private receiveResponse(channel: Channel, datagram: Uint8Array, message: DecodedMessage): void {
    const { messageId, exchange } = message.header;
    const each = this.leaving.find((leaving) => leaving.channel === channel);
    if (each?.resendAt === undefined || !channel.own.matches(messageId, exchange)) return;
    if (channel.open(datagram, message) === undefined) return;
    this.drop(each);
    this.arm();
  }

  /** Late requests are answered as by an SA that is being deleted. [RFC7296 2.25.2] */
  private receiveRequest(
    channel: Channel,
    datagram: Uint8Array,
    message: DecodedMessage,
    { local, remote }: Path,
  ): void {
    const { sa } = this;
    const { messageId, exchange } = message.header;
    const verdict = channel.window.judge(messageId, datagram, message.encrypted?.fragment?.number);
    // The last request on it may have been long, with a KEM's key in it, and be cut shorter for its repetition.
    if (verdict.kind === 'divided') answerDivided(sa, channel, datagram, message, { local, remote });
    if (verdict.kind === 'repeated') sa.transmit(verdict.answer.datagrams, local, remote);
    if (verdict.kind !== 'new') return;
    const opened = channel.open(datagram, message);
    if (opened === undefined) {
      sa.reject('not authentic', remote);
      return;
    }
    const answer = this.answer(channel, exchange, opened);
    if (answer === undefined) return;
    channel.window.accept(datagram);
    const random = (length: number) => sa.node.random(length);
    const datagrams = channel.write(exchange, true, messageId, answer, random);
    channel.window.respond({ datagrams });
    sa.transmit(datagrams, local, remote);
  }

  /**
   * A Delete is confirmed. A rekey that comes too late is told so. [RFC7296 2.25.2] All else on a rival waits for the
   * decision: the peer repeats it.
   */
  private answer(channel: Channel, exchange: number, { inner, firstPayload }: Opened): Payload[] | undefined {
    const rival = this.challenger?.channel === channel ? this.challenger : undefined;
    if (rival === undefined) return LATE_ANSWERS.get(exchange)?.();
    const decoded = decodePayloads(inner, 0, inner.length, firstPayload);
    const deletes = decoded.ok && find(decoded.value, 'Delete')?.protocol === PROTOCOL.IKE;
    if (!deletes) return undefined;
    rival.deleted = true;
    return [];
  }

  /** It is over with this one. */
  private drop(each: Leaving | undefined): void {
    if (each === undefined) return;
    this.leaving = this.leaving.filter((leaving) => leaving !== each);
    this.forget(each.channel);
  }

  /** Keys and the way by which the peer's messages find it. */
  private forget(channel: Channel): void {
    channel.wipe();
    this.sa.node.byLocalSpi.delete(spiKey(channel.localSpi));
  }

  /** One timer for all: the earliest repetition or end. */
  private arm(): void {
    const times = this.leaving.map(({ forgetAt, resendAt }) => Math.min(forgetAt, resendAt ?? forgetAt));
    if (times.length === 0) this.sa.timers.clear('retired');
    else this.sa.timers.set('retired', Math.min(...times));
  }
}
