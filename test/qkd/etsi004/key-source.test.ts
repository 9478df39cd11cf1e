import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Etsi004Source, isKeyId, type Secret, STREAM_STATUS, streamIdOf } from '#qkd';
import { FakeManager } from './fake-manager.ts';

const QOS = { keyChunkSize: 32, minBps: 0, maxBps: 0, timeoutMs: 1000, ttlS: 3600 };

function ends(manager = new FakeManager()): { manager: FakeManager; a: Etsi004Source; b: Etsi004Source } {
  const of = (saeId: string) => new Etsi004Source(manager.at(saeId), { saeId, qos: QOS });
  return { manager, a: of('a'), b: of('b') };
}

async function drawn(source: Etsi004Source, number: number): Promise<{ keyId: string; secret: Secret }[]> {
  const keys = await source.encKeys('b', number);
  if (!keys.ok) throw new Error(keys.error.detail);
  return [...keys.value];
}

describe('streams of ETSI 004 as keys', () => {
  it('[ETSI004 6] both ends read the same chunk by one key ID, once', async () => {
    const { a, b, manager } = ends();
    const keys = await drawn(a, 3);
    expect(keys.every((key) => isKeyId(key.keyId))).toBe(true);
    const ids = keys.map((key) => key.keyId);
    const fetched = await b.decKeys('a', ids.toReversed());
    if (!fetched.ok) throw new Error(fetched.error.detail);
    for (const [index, key] of fetched.value.entries())
      expect(key.secret.equals(keys[2 - index]!.secret)).toBe(true);
    expect((await b.decKeys('a', ids.slice(0, 1))).ok).toBe(false);
    const streamId = streamIdOf('a', 'b');
    expect(manager.calls).toEqual([`a open a b ${streamId}`, `b open a b ${streamId}`]);
  });

  it('have a stream for each direction, so that both ends may draw', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(isKeyId(streamIdOf(one, other))).toBe(true);
        expect(streamIdOf(one, other) === streamIdOf(other, one)).toBe(one === other);
      }),
    );
    expect(streamIdOf('a', 'bc')).not.toBe(streamIdOf('ab', 'c'));
  });

  it('give what there is when the stream runs dry, and then refuse', async () => {
    const { a, manager } = ends();
    manager.available = 2;
    expect(await drawn(a, 5)).toHaveLength(2);
    expect(await a.encKeys('b', 1)).toMatchObject({ error: { kind: 'unavailable', mayHaveBurnt: false } });
  });

  it('know an ID of another stream, and never ask for it', async () => {
    const { b, manager } = ends();
    const foreign = streamIdOf('x', 'b');
    expect(await b.decKeys('a', [foreign])).toMatchObject({
      error: { kind: 'unknown-key', mayHaveBurnt: false },
    });
    expect(await b.decKeys('a', ['no ID'])).toMatchObject({ error: { kind: 'unknown-key' } });
    expect(manager.calls).toEqual([]);
  });
});

describe('streams of ETSI 004 that fail', () => {
  it.each([
    [STREAM_STATUS.peerNotConnected, 'unavailable'],
    [STREAM_STATUS.insufficientKey, 'unavailable'],
    [STREAM_STATUS.timeout, 'unavailable'],
    [STREAM_STATUS.metadataTooSmall, 'bad-answer'],
    [99, 'bad-answer'],
  ])('GET_KEY status %i is %s', async (status, kind) => {
    const { a, manager } = ends();
    manager.getStatus = status;
    expect(await a.encKeys('b', 1)).toMatchObject({ error: { kind } });
  });

  it.each([
    [STREAM_STATUS.streamInUse, 'bad-request'],
    [STREAM_STATUS.qosNotMet, 'unavailable'],
    [STREAM_STATUS.noConnection, 'unavailable'],
  ])('OPEN_CONNECT status %i is %s, and is tried again at the next need', async (status, kind) => {
    const { a, manager } = ends();
    manager.openStatus = status;
    expect(await a.encKeys('b', 1)).toMatchObject({ error: { kind } });
    manager.openStatus = STREAM_STATUS.peerNotConnected;
    expect(await drawn(a, 1)).toHaveLength(1);
    expect(manager.calls).toHaveLength(2);
  });

  it('of the wrong size are burnt', async () => {
    const { a, manager } = ends();
    manager.chunkOctets = 31;
    expect(await a.encKeys('b', 1)).toMatchObject({ error: { kind: 'bad-answer', mayHaveBurnt: true } });
  });

  it('are burnt too when the manager is lost on the way, and the stream is opened again', async () => {
    const { a, b, manager } = ends();
    const keys = await drawn(a, 2);
    manager.fails = true;
    expect(await b.decKeys('a', [keys[0]!.keyId])).toMatchObject({
      error: { kind: 'unreachable', mayHaveBurnt: true, detail: expect.stringContaining('ECONNREFUSED') },
    });
    manager.fails = false;
    expect((await b.decKeys('a', [keys[1]!.keyId])).ok).toBe(true);
    await b.close();
    expect(manager.calls.at(-1)).toBe(`b close ${streamIdOf('a', 'b')}`);
  });
});
