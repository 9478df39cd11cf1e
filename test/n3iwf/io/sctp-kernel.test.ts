import { describe, expect, it } from 'vitest';
import { type AssociationCalls, KernelAssociation } from '../../../n3iwf/io/sctp-kernel.ts';
import type { Received } from '../../../n3iwf/io/sctp-receive.ts';

const EAGAIN = 11;
const EINVAL = 22;
const EPIPE = 32;
const ECONNRESET = 104;

/** A kernel whose reads and refusals a test puts in. */
function association(options: { acceptSwappedPpid?: boolean } = {}) {
  const reads: (Received | 'ended' | number)[] = [];
  const sent: string[] = [];
  const calls: string[] = [];
  const told: unknown[] = [];
  const refusals: number[] = [];
  let ready = (_events: number) => {};
  let watched = 0;
  const kernel: AssociationCalls = {
    receive: () => reads.shift() ?? 'empty',
    send: (_fd, stream, data) => {
      const refusal = refusals.shift() ?? 0;
      if (refusal === 0) sent.push(`${stream}:${Buffer.from(data).toString('hex')}`);
      return refusal;
    },
    watch: (_fd, events, listener) => {
      watched = events;
      ready = listener;
    },
    shutdown: () => void calls.push('shutdown'),
    close: () => void calls.push('close'),
  };
  const one = new KernelAssociation(7, 3, options, kernel);
  one.onMessage((data, stream) => void told.push([stream, ...data]));
  one.onEvent((event) => void told.push(event));
  one.onClosed((reason) => void told.push(reason));
  const read = (...parts: (Received | 'ended' | number)[]) => {
    reads.push(...parts);
    ready(1);
  };
  return {
    one,
    read,
    ready: (events: number) => ready(events),
    sent,
    calls,
    told,
    refusals,
    events: () => watched,
  };
}

const data = (octets: number[], last = true, ppid = 60): Received => ({
  data: Uint8Array.from(octets),
  isNotification: false,
  last,
  stream: 2,
  ppid,
});
const notification = (type: number, ...words: number[]): Received => ({
  data: new Uint8Array(Uint16Array.of(type, 0, 0, 0, ...words).buffer),
  isNotification: true,
  last: true,
  stream: 0,
  ppid: 0,
});

describe('messages of a kernel association', () => {
  it("[TS38412 7] takes NGAP with the identifier's octets swapped only where it is told to", () => {
    const swapped = data([1], true, 0x3c000000);
    const strict = association();
    strict.read(swapped, data([2]));
    expect(strict.told).toEqual([
      { type: 'messageDropped', stream: 2, reason: expect.stringContaining('see n2.sctp.acceptSwappedPpid') },
      [2, 2],
    ]);
    const tolerant = association({ acceptSwappedPpid: true });
    tolerant.read(swapped, data([2]), data([3], true, 61));
    expect(tolerant.told).toEqual([[2, 1], [2, 2], expect.objectContaining({ type: 'messageDropped' })]);
  });

  it('[RFC6458 3.1.4] tells data from notifications, and passes whole messages on with their stream', () => {
    const { read, told } = association();
    read(data([1], false), notification(0x8001, 0, 0, 3, 5), data([2]), notification(0x8005));
    expect(told).toEqual([
      { type: 'established', outboundStreams: 3, inboundStreams: 5 },
      [2, 1, 2],
      { type: 'peerShuttingDown' },
    ]);
  });

  it('tells what it drops: another payload protocol, a message cut off half way', () => {
    const { read, told } = association();
    read(data([1], true, 61), data([1], false), notification(0x8006, 0, 0, 0, 0), data([9]));
    expect(told).toMatchObject([{ type: 'messageDropped' }, { type: 'messageDropped' }, [2, 9]]);
  });
});

describe('the end of a kernel association', () => {
  it.each([
    ['ended' as const, /shut the association down/],
    [ECONNRESET, /receiving/],
    [notification(0x8001, 1, 0, 0, 0), /lost/],
  ])('ends once, with the reason, and closes: %j', (last, reason) => {
    const { read, told, calls, one } = association();
    read(last, 'ended');
    one.close();
    one.send(0, Uint8Array.of(1));
    expect(told).toEqual([expect.stringMatching(reason)]);
    expect(calls).toEqual(['close']);
  });

  it.each([8, 16])('ends on event %i that no read explains, and not on one without', (event) => {
    const { ready, told, calls } = association();
    ready(1);
    expect(told).toEqual([]);
    ready(event);
    expect(told).toEqual(['the association is closed']);
    expect(calls).toEqual(['close']);
  });
});

describe('what a kernel association does not send at once', () => {
  it('waits in order for the kernel to take more, and for that only', () => {
    const { one, refusals, sent, ready, events } = association();
    refusals.push(EAGAIN);
    one.send(1, Uint8Array.of(1));
    one.send(2, Uint8Array.of(2));
    expect([sent, events()]).toEqual([[], 5]);
    ready(4);
    expect([sent, events()]).toEqual([['1:01', '2:02'], 1]);
  });

  it('loses a message that the kernel refuses, and not the association', () => {
    const { one, refusals, sent, told, calls } = association();
    refusals.push(EINVAL);
    one.send(9, Uint8Array.of(1));
    one.send(1, Uint8Array.of(2));
    expect(told).toMatchObject([{ type: 'sendFailed', stream: 9 }]);
    expect([sent, calls]).toEqual([['1:02'], []]);
  });

  it('ends when a send finds it gone', () => {
    const { one, refusals, told, calls } = association();
    refusals.push(EPIPE);
    one.send(1, Uint8Array.of(1));
    expect(told).toEqual([expect.stringMatching(/sending/)]);
    expect(calls).toEqual(['close']);
  });

  it('ends when a peer takes nothing for 16 MiB', () => {
    const { one, refusals, told } = association();
    refusals.push(EAGAIN);
    for (let at = 0; at < 65; at++) one.send(1, new Uint8Array(262_144));
    expect(told).toEqual(['the peer takes no messages']);
  });

  it('shuts down in order: first what waits, then SHUTDOWN, then the end of the peer', () => {
    const { one, refusals, sent, calls, ready, read, told } = association();
    refusals.push(EAGAIN);
    one.send(1, Uint8Array.of(1));
    one.close();
    expect(calls).toEqual([]);
    ready(4);
    expect([sent, calls]).toEqual([['1:01'], ['shutdown']]);
    read(data([5]), 'ended');
    expect(calls).toEqual(['shutdown', 'close']);
    expect(told).toEqual([]);
  });

  it('reads a bounded number of messages in one turn', () => {
    const { read, told, ready } = association();
    read(...Array.from({ length: 100 }, () => data([1])));
    expect(told).toHaveLength(64);
    ready(1);
    expect(told).toHaveLength(100);
  });
});
