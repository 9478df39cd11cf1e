/**
 * Requests that this side starts on an IKE SA: those that wait, the one in flight, and its repetition until it is
 * answered or the peer is given up. The window is one. [RFC7296 2.3]
 */

import { EXCHANGE, NOTIFY } from '../wire/registry.ts';
import { narrow } from './fragments.ts';
import type { IkeSa } from './ike-sa.ts';
import { leastRoom } from './path-mtu.ts';
import { notify } from './payloads.ts';
import type { Task } from './task.ts';

/** An IKE SA has one. What a request means is its task's; message IDs and octets in flight are the channel's. */
export class Requests {
  private readonly sa: IkeSa;
  private readonly queue: Task[] = [];
  private active: Task | undefined;

  constructor(sa: IkeSa) {
    this.sa = sa;
  }

  /** One is under way or waits. */
  get busy(): boolean {
    return this.active !== undefined || this.queue.length > 0;
  }

  /** The one in flight. */
  get current(): Task | undefined {
    return this.active;
  }

  /** Queues a request, with `first` before all that wait; it goes out when those before it are answered. */
  add(task: Task, first: boolean): void {
    if (first) this.queue.unshift(task);
    else this.queue.push(task);
    this.startNext();
  }

  /**
   * Sends the oldest waiting request when none is in flight. Those that can wait do while the peer replaces the IKE SA:
   * it would refuse them, and they would not survive the change of SPIs. [RFC7296 2.25.2]
   */
  startNext(): void {
    const { sa } = this;
    while (this.active === undefined && sa.channel.own.idle && sa.state !== 'closed') {
      if (sa.series.ike !== undefined && this.queue[0]?.atOnce !== true) return;
      const task = this.queue.shift();
      if (task === undefined) return;
      const payloads = task.build(sa);
      if (payloads === undefined) continue;
      const { own } = sa.channel;
      const sent = sa.seal(task.exchange, false, own.nextMessageId, payloads);
      this.active = task;
      if (sent.datagrams[0] !== undefined) task.sent?.(sent.datagrams[0]);
      own.start(task.exchange, sent);
      this.armRetransmit();
      sa.transmit(sent.datagrams);
    }
  }

  /** The task whose request this response answers; undefined when it answers nothing. */
  answeredBy(messageId: number, exchange: number): Task | undefined {
    return this.sa.channel.own.matches(messageId, exchange) ? this.active : undefined;
  }

  /** The request in flight is done with; `sameMessageId` when its successor takes its number. */
  finish(sameMessageId = false): void {
    this.sa.channel.own.finish(sameMessageId);
    this.active = undefined;
    this.sa.timers.clear('retransmit');
  }

  /** The request in flight again, or the end of an SA whose peer is silent. [RFC7296 2.4] */
  retransmit(): void {
    const { sa } = this;
    const { own } = sa.channel;
    const least = leastRoom(sa.remote.address);
    const datagrams = own.again(sa.node.timers, least);
    if (datagrams === undefined) {
      const deleting = sa.state === 'deleting';
      sa.close(
        deleting ? 'local' : 'timeout',
        deleting ? 'deleted; the peer did not confirm' : 'the peer does not answer',
      );
      return;
    }
    if (own.refitted) narrow(sa, least);
    this.armRetransmit();
    sa.transmit(datagrams);
  }

  /** The request in flight once more, out of turn. */
  repeat(): void {
    this.sa.transmit(this.sa.channel.own.datagrams);
  }

  /** The IKE SA is at its end: no request has an answer any more. */
  abandon(reason: string): void {
    const tasks = this.active === undefined ? this.queue : [this.active, ...this.queue];
    for (const task of tasks.splice(0)) task.abandon?.(this.sa, reason);
    this.active = undefined;
    this.queue.length = 0;
  }

  /**
   * Tells the peer once, unasked for an answer, that its IKE_AUTH was not accepted: it may believe that the SA
   * stands. [RFC7296 2.21.2]
   */
  reportFailure(): void {
    const { channel } = this.sa;
    if (channel.keymat === undefined || !channel.own.idle) return;
    const payloads = [notify(NOTIFY.AUTHENTICATION_FAILED)];
    const { datagrams } = this.sa.seal(EXCHANGE.INFORMATIONAL, false, channel.own.nextMessageId, payloads);
    this.sa.transmit(datagrams);
  }

  /** One timer for the request in flight: the pause grows with each transmission. [RFC7296 2.4] */
  private armRetransmit(): void {
    const { sa } = this;
    sa.timers.set('retransmit', sa.now + sa.channel.own.backOff(sa.node.timers));
  }
}
