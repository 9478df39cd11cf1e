/** The life of a node as a process: started, told to end, killed, started again, and without anywhere to write. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askControl } from '../../../n3iwf/io/control-http.ts';
import { NodeFolder } from '../../support/node-process.ts';

const main = new URL('../../../n3iwf/main.ts', import.meta.url).pathname;
let node: NodeFolder;
beforeEach(() => {
  node = new NodeFolder();
});
afterEach(() => node.close());
const slow = { timeout: 60_000 };

describe('a node that is told to end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('by %s does so in order', slow, async (signal) => {
    const { child, ended, log } = await node.start();
    child.kill(signal);
    expect(await ended).toBe(0);
    expect(log()).toContain(`"why":"${signal}","msg":"the node ends"`);
    expect(log()).toContain('"msg":"UEs are released"');
    expect(await node.ask('/status')).toBeUndefined();
  });

  it('by n3iwf drain does the same', slow, async () => {
    const { ended, log } = await node.start();
    const answer = await askControl(node.socket, 'POST', '/drain', { reason: 'moved' });
    expect(answer).toMatchObject({ status: 200, body: { draining: true } });
    expect(await ended).toBe(0);
    expect(log()).toContain('"why":"moved"');
  });
});

describe('a node that ended without a word', () => {
  it('is in nobody’s way at its next start', slow, async () => {
    const first = await node.start();
    first.child.kill('SIGKILL');
    expect(await first.ended).toBe('SIGKILL');
    const second = await node.start();
    expect(await node.ask('/status')).toMatchObject({ name: 'n3iwf', draining: false });
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  it('but one that runs is: a second one says so and leaves it alone', slow, async () => {
    const first = await node.start();
    const second = await node.start();
    expect(await Promise.race([second.ended, first.ended])).toBe(3);
    expect(second.log()).toContain('another process serves it');
    expect(await node.ask('/status')).toMatchObject({ name: 'n3iwf' });
  });
});

describe('a node that cannot write', () => {
  /** Makes it log, and looks whether it still answers. */
  async function survivesReloads(outputs: Parameters<NodeFolder['start']>[0], cut = false): Promise<void> {
    const { child, ended } = await node.start(outputs);
    if (cut) for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    for (let times = 0; times < 5; times++) {
      node.configure({ n2: { name: `renamed-${times}` } });
      child.kill('SIGHUP');
      await vi.waitFor(async () => {
        const names = (await node.ask('/events')) as { name: string }[];
        expect(names.filter(({ name }) => name === 'reloaded').length).toBeGreaterThan(times);
      });
    }
    expect(await node.ask('/status')).toMatchObject({ draining: false, name: 'renamed-4' });
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  }

  it('for want of space goes on', slow, async () => {
    const full = openSync('/dev/full', 'w');
    await survivesReloads([full, full]);
  });

  it('since whoever read it is gone goes on', slow, async () => {
    await survivesReloads(['pipe', 'pipe'], true);
  });
});

describe('calls in progress', () => {
  /** A whole lab in a process: attach, session, pings, rekeys, detach, with every step logged. */
  function lab(outputs: readonly ['pipe' | number, 'pipe' | number]): Promise<number | string> {
    const words = [main, 'lab', '--once', '--verbose'];
    const child = spawn(process.execPath, words, { stdio: ['ignore', ...outputs] });
    for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    return new Promise((resolve) => {
      child.once('exit', (status, signal) => resolve(status ?? signal ?? 'gone'));
    });
  }

  it('go on when there is no space for what is said of them', slow, async () => {
    const full = openSync('/dev/full', 'w');
    expect(await lab([full, full])).toBe(0);
    closeSync(full);
  });

  it('go on when nobody reads it', slow, async () => {
    expect(await lab(['pipe', 'pipe'])).toBe(0);
  });
});
