import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Etsi004Source, STREAM_STATUS, streamIdOf } from '#qkd';
import { KeyStreamSocket, listenKeyStreams } from '../../../n3iwf/io/key-stream-socket.ts';
import { FakeManager } from '../../qkd/etsi004/fake-manager.ts';

const QOS = { keyChunkSize: 32, minBps: 0, maxBps: 1000, timeoutMs: 500, ttlS: 60 };
const stream = streamIdOf('a', 'b');
let folder: string;
let path: string;
let manager: FakeManager;
let closers: (() => Promise<void> | void)[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'streams-'));
  path = join(folder, 'streams.sock');
  manager = new FakeManager();
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  rmSync(folder, { recursive: true });
});

async function serving(end = 'a'): Promise<KeyStreamSocket> {
  const listener = await listenKeyStreams(path, manager.at(end));
  const socket = new KeyStreamSocket(path, 500);
  closers.push(
    () => listener.close(),
    () => socket.disconnect(),
  );
  return socket;
}

/** A manager that answers every request with these octets. */
async function answering(octets: string | Buffer): Promise<KeyStreamSocket> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => void socket.write(octets));
    closers.push(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closers.unshift(() => void server.close());
  const socket = new KeyStreamSocket(path, 300);
  closers.push(() => socket.disconnect());
  return socket;
}

describe('ETSI 004 at a Unix socket', () => {
  it('[ETSI004 6] carries the three calls, and chunks as they are', async () => {
    const socket = await serving();
    expect(await socket.open('a', 'b', QOS, stream)).toBe(STREAM_STATUS.ok);
    const [one, two] = await Promise.all([socket.getKey(stream, undefined), socket.getKey(stream, 40)]);
    expect([one?.index, two?.index]).toEqual([0, 40]);
    const [first, second] = [one, two].map((each) => each?.chunk?.use((octets) => Buffer.from(octets)));
    expect(first).toHaveLength(32);
    expect(second).toHaveLength(32);
    expect(first).not.toEqual(second);
    manager.getStatus = STREAM_STATUS.insufficientKey;
    expect(await socket.getKey(stream, undefined)).toEqual({ status: 2, index: expect.any(Number) });
    expect(await socket.close(stream)).toBe(STREAM_STATUS.ok);
    expect(manager.calls).toEqual([`a open a b ${stream}`, `a close ${stream}`]);
  });

  it('[ETSI004 6] gives a source the same keys at both ends', async () => {
    const a = new Etsi004Source(await serving('a'), { saeId: 'a', qos: QOS });
    const b = new Etsi004Source(manager.at('b'), { saeId: 'b', qos: QOS });
    expect(await a.connect('b')).toEqual({ ok: true, value: undefined });
    const drawn = await a.encKeys('b', 3);
    const fetched = await b.decKeys('a', drawn.ok ? drawn.value.map(({ keyId }) => keyId) : []);
    const octets = (answer: typeof drawn) =>
      answer.ok
        ? answer.value.map(({ secret }) => secret.use((bytes) => Buffer.from(bytes).toString('hex')))
        : [];
    expect(octets(drawn)).toHaveLength(3);
    expect(octets(drawn)).toEqual(octets(fetched));
  });

  it('is connected to again after the manager was away', async () => {
    const socket = new KeyStreamSocket(path, 300);
    await expect(socket.open('a', 'b', QOS, stream)).rejects.toThrow(/ENOENT/);
    const listener = await listenKeyStreams(path, manager.at('a'));
    expect(await socket.open('a', 'b', QOS, stream)).toBe(0);
    await listener.close();
    await expect(socket.getKey(stream, 0)).rejects.toThrow(/hung up|ENOENT|ECONNREFUSED|EPIPE/);
    socket.disconnect();
  });

  it.each([
    ['HTML', '<html>\n'],
    ['no status', '{}\n'],
    ['a line without end', Buffer.alloc(10_000, 0x61)],
    ['an enormous chunk', '{"status":0,"index":0,"octets":1000000}\n'],
    ['half a chunk', '{"status":0,"index":0,"octets":32}\nabc'],
    ['nothing', ''],
  ])('takes %s for no answer', async (_, octets) => {
    const socket = await answering(octets);
    await expect(socket.getKey(stream, 0)).rejects.toThrow(/none|in time/);
  });

  it('ends a connection that asks for nothing known, and no other', async () => {
    const good = await serving();
    const bad = new KeyStreamSocket(path, 500);
    closers.push(() => bad.disconnect());
    await expect(bad.open('a', 'b', { ...QOS, keyChunkSize: -1 }, stream)).rejects.toThrow(/hung up/);
    expect(await good.open('a', 'b', QOS, stream)).toBe(0);
  });
});
