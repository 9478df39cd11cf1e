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
    expect(closed).toEqual(['other: the peer closed the association']);
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
