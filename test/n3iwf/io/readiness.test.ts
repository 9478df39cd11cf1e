import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { EPOLLIN, EPOLLOUT, Readiness } from '../../../n3iwf/io/readiness.ts';

const folder = mkdtempSync(join(tmpdir(), 'readiness-'));
afterAll(() => rmSync(folder, { recursive: true }));

let pipes = 0;
/** A named pipe, open both ways: what is written can be read. */
function pipe(): number {
  const path = join(folder, `${pipes++}`);
  execFileSync('mkfifo', [path]);
  return openSync(path, 'r+');
}

const soon = (ms = 50) => new Promise((resolve) => setTimeout(resolve, ms));

describe('readiness', () => {
  it('tells again while something is left, and no more once it is read', async () => {
    const readiness = new Readiness();
    const fd = pipe();
    const octets: number[] = [];
    readiness.watch(fd, EPOLLIN, (events) => {
      const one = new Uint8Array(1);
      readSync(fd, one);
      octets.push(...one, events & EPOLLIN);
    });
    writeSync(fd, Uint8Array.of(7, 8));
    await vi.waitFor(() => expect(octets).toEqual([7, 1, 8, 1]), 5_000);
    await soon();
    expect(octets).toHaveLength(4);
    readiness.forget(fd);
    closeSync(fd);
  });

  it('watches others when the first is forgotten, takes new events, and starts again after a rest', async () => {
    const readiness = new Readiness();
    const [one, other] = [pipe(), pipe()];
    const told: string[] = [];
    readiness.watch(one, EPOLLIN, () => told.push('one'));
    readiness.watch(other, EPOLLIN, () => told.push('other'));
    readiness.forget(one);
    writeSync(one, Uint8Array.of(1));
    readiness.watch(other, EPOLLOUT, () => {
      told.push('other can write');
      readiness.forget(other);
    });
    await vi.waitFor(() => expect(told).toEqual(['other can write']), 5_000);
    await soon();
    readiness.watch(one, EPOLLIN, () => {
      told.push('one');
      readiness.forget(one);
    });
    await vi.waitFor(() => expect(told).toEqual(['other can write', 'one']), 5_000);
    readiness.forget(one);
    closeSync(one);
    closeSync(other);
  });
});

describe('readiness and the life of a process', () => {
  it('keeps a process alive while something is watched, and lets it end after', async () => {
    const module = new URL('../../../n3iwf/io/readiness.ts', import.meta.url).href;
    const script = `
      const { readiness, EPOLLIN } = await import(${JSON.stringify(module)});
      readiness.watch(0, EPOLLIN, () => { console.log('ready'); readiness.forget(0); });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data;
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await soon(500);
    expect(child.exitCode).toBeNull();
    child.stdin.write('x');
    expect(await ended).toBe(0);
    expect(output).toBe('ready\n');
  });

  it('lets a process exit, or fail, while something is watched', async () => {
    const module = new URL('../../../n3iwf/io/udp.ts', import.meta.url).href;
    const ends = ['process.exit(7)', "throw new Error('no more')", 'setImmediate(() => process.exit(7))'];
    const statuses = ends.map((end) => {
      const script = `
        const { UdpSocket } = await import(${JSON.stringify(module)});
        await UdpSocket.open({ address: '127.0.0.1', port: 0 }, () => {});
        setTimeout(() => { ${end}; }, 100);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
      const limit = setTimeout(() => child.kill('SIGKILL'), 40_000);
      return new Promise((resolve) =>
        child.on('close', (status) => {
          clearTimeout(limit);
          resolve(status);
        }),
      );
    });
    expect(await Promise.all(statuses)).toEqual([7, 1, 7]);
  }, 60_000);
});
