/** A process that had a key is searched for it, from outside: by /proc/PID/mem, which shows all that it can write to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'memory-'));
const worker = fileURLToPath(new URL('../../support/memory-worker.ts', import.meta.url));
afterAll(() => rmSync(folder, { recursive: true }));

const CHUNK = 1 << 20;

/** Occurrences of each pattern in everything that the process can write to. */
function search(pid: number, patterns: readonly Buffer[]): number[] {
  const found = patterns.map(() => 0);
  const overlap = Math.max(...patterns.map((pattern) => pattern.length)) - 1;
  const chunk = Buffer.alloc(CHUNK + overlap);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  for (const [from, until] of writableRegions(pid))
    for (let at = from; at < until; at += CHUNK) {
      const length = readAt(memory, chunk, at, Math.min(CHUNK + overlap, until - at));
      const octets = chunk.subarray(0, length);
      for (const [index, pattern] of patterns.entries())
        for (
          let hit = octets.indexOf(pattern);
          hit >= 0 && hit < CHUNK;
          hit = octets.indexOf(pattern, hit + 1)
        )
          found[index]!++;
    }
  closeSync(memory);
  return found;
}

function writableRegions(pid: number): [number, number][] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
  return lines.flatMap((line) => {
    const [, from, until, name = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (from === undefined || until === undefined || name.startsWith('[v')) return [];
    return [[Number.parseInt(from, 16), Number.parseInt(until, 16)]];
  });
}

/** A region may go while it is read. */
function readAt(file: number, into: Buffer, position: number, length: number): number {
  try {
    return readSync(file, into, 0, length, position);
  } catch {
    return 0;
  }
}

async function reached(child: ChildProcess, stage: string): Promise<void> {
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  expect(line.toString()).toBe(`${stage}\n`);
}

describe('a key in memory', () => {
  it('is there in clear only while it is used, and nowhere once it is destroyed', async () => {
    const key = randomBytes(32);
    const keyId = randomUUID();
    const answer = join(folder, 'answer');
    writeFileSync(answer, JSON.stringify({ keys: [{ key_ID: keyId, key: key.toString('base64') }] }));
    const child = spawn(process.execPath, [worker, answer, join(folder, 'keys.db'), keyId], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const patterns = [key, Buffer.from(key.toString('hex')), Buffer.from(key.toString('base64'))];
    const wide = patterns.slice(1).map((text) => Buffer.from(text.toString(), 'utf16le'));
    const found = () => search(child.pid!, [...patterns, ...wide]);
    await reached(child, 'stored');
    expect(found()).toEqual([0, 0, 0, 0, 0]);
    child.stdin!.write('.');
    await reached(child, 'delivered');
    const [clear, ...texts] = found();
    expect(clear).toBe(1);
    expect(texts).toEqual([0, 0, 0, 0]);
    child.stdin!.write('.');
    await reached(child, 'destroyed');
    expect(found()).toEqual([0, 0, 0, 0, 0]);
    const ended = once(child, 'exit');
    child.stdin!.end('.');
    await ended;
    for (const file of ['keys.db', 'keys.db-wal'])
      expect(readOptional(join(folder, file)).includes(key)).toBe(false);
  }, 60_000);
});

function readOptional(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
