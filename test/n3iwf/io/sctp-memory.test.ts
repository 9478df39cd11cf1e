import { describe, expect, it } from 'vitest';
import { MemoryAssociation } from '../../../n3iwf/io/sctp-memory.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function pair() {
  const [one, other] = MemoryAssociation.pair();
  const heard: { one: number[]; other: number[] } = { one: [], other: [] };
  const closed: string[] = [];
  one.onMessage((data) => void heard.one.push(...data));
  other.onMessage((data) => void heard.other.push(...data));
  one.onClosed((reason) => void closed.push(`one: ${reason}`));
  other.onClosed((reason) => void closed.push(`other: ${reason}`));
  return { one, other, heard, closed };
}

describe('association in memory', () => {
  it('carries messages both ways, in order and in a later turn', async () => {
    const { one, other, heard } = pair();
    for (const octet of [1, 2, 3]) one.send(0, Uint8Array.of(octet));
    other.send(1, Uint8Array.of(4));
    expect(heard).toEqual({ one: [], other: [] });
    await turn();
    expect(heard).toEqual({ one: [4], other: [1, 2, 3] });
  });

  it('delivers what was sent before its end, then tells the peer once', async () => {
    const { one, other, heard, closed } = pair();
    one.send(0, Uint8Array.of(1));
    one.close();
    one.close();
    one.send(0, Uint8Array.of(2));
    await turn();
    await turn();
    expect(heard.other).toEqual([1]);
    expect(closed).toEqual(['other: the peer shut the association down']);
    other.send(0, Uint8Array.of(3));
    await turn();
    expect(heard.one).toEqual([]);
  });

  it('drops what is under way to an end that closes, and tells nobody when both do', async () => {
    const { one, other, heard, closed } = pair();
    one.send(0, Uint8Array.of(1));
    other.close();
    one.close();
    await turn();
    await turn();
    expect(heard.other).toEqual([]);
    expect(closed).toEqual([]);
  });

  it('needs no listeners', async () => {
    const [one, other] = MemoryAssociation.pair();
    one.send(0, Uint8Array.of(1));
    await turn();
    other.close();
    await turn();
    await turn();
    expect(() => one.send(0, Uint8Array.of(1))).not.toThrow();
  });
});

describe('association in memory, told as the kernel tells it', () => {
  it('hands on the stream, and refuses as an event what the kernel would refuse', async () => {
    const [one, other] = MemoryAssociation.pair(3);
    const told: unknown[] = [];
    one.onEvent((event) => void told.push(event));
    other.onMessage((_data, stream) => void told.push(stream));
    one.send(2, Uint8Array.of(1));
    one.send(3, Uint8Array.of(1));
    one.send(1, new Uint8Array(262_145));
    await turn();
    expect(one.streams).toBe(3);
    expect(told).toEqual([
      { type: 'sendFailed', stream: 3, reason: 'no such stream' },
      { type: 'sendFailed', stream: 1, reason: 'too long' },
      { type: 'established', outboundStreams: 3, inboundStreams: 3 },
      2,
    ]);
  });

  it('tells paths, the beginning of a shutdown, and a loss to both ends', async () => {
    const [one, other] = MemoryAssociation.pair();
    await turn();
    const told: unknown[] = [];
    other.onEvent((event) => void told.push(event));
    other.path('192.0.2.1', 'unreachable');
    one.close();
    await turn();
    expect(told).toEqual([
      { type: 'pathChanged', address: '192.0.2.1', state: 'unreachable' },
      { type: 'peerShuttingDown' },
    ]);
    const { one: left, heard, closed } = pair();
    left.send(0, Uint8Array.of(1));
    left.fail();
    await turn();
    expect(heard.other).toEqual([]);
    expect(closed).toEqual(['one: the association was lost', 'other: the association was lost']);
  });
});
