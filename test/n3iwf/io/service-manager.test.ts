/** What systemd would hear: a real datagram socket in its place. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { libc } from '../../../n3iwf/io/libc.ts';
import { serviceManager, unixAddress, watchdogMs } from '../../../n3iwf/io/service-manager.ts';

const recv = koffi.load('libc.so.6').func('long recv(int, _Out_ void *, size_t, int)');
const nonBlockingDatagrams = 2 | 0o2004000;
let folder: string;
let path: string;
let fd: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'notify-'));
  path = join(folder, 'notify');
  fd = libc().socket(1, nonBlockingDatagrams, 0);
  const address = unixAddress(path);
  expect(libc().bind(fd, address, address.length)).toBe(0);
});
afterEach(() => {
  libc().close(fd);
  rmSync(folder, { recursive: true });
});

/** Every datagram that waits. */
function heard(): string[] {
  const all: string[] = [];
  for (;;) {
    const octets = new Uint8Array(new ArrayBuffer(1024));
    const length = Number(recv(fd, octets, octets.length, 0));
    if (length < 0) return all;
    all.push(new TextDecoder().decode(octets.subarray(0, length)));
  }
}

describe('the service manager', () => {
  it('hears that the node is ready, reloads and stops, each with a line of status', () => {
    const manager = serviceManager({ NOTIFY_SOCKET: path });
    manager.ready('serves');
    manager.status('two\nlines');
    manager.reloading();
    manager.stopping('releases 3 UEs');
    manager.close();
    expect(heard()).toEqual([
      'READY=1\nSTATUS=serves',
      'STATUS=two lines',
      expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
      'STOPPING=1\nSTATUS=releases 3 UEs',
    ]);
  });

  it('hears signs of life twice in the time that it waits, until the end', async () => {
    const manager = serviceManager({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' });
    await vi.waitFor(() => expect(heard()).toContain('WATCHDOG=1'));
    manager.close();
    heard();
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(heard()).toEqual([]);
  });

  it('may be away, or never have been there', () => {
    const manager = serviceManager({ NOTIFY_SOCKET: join(folder, 'gone') });
    manager.ready('serves');
    manager.close();
    for (const environment of [{}, { NOTIFY_SOCKET: '' }]) {
      const nobody = serviceManager(environment);
      nobody.ready('serves');
      nobody.reloading();
      nobody.status('on');
      nobody.stopping('ends');
      nobody.close();
    }
    expect(heard()).toEqual([]);
  });

  it('is found in the abstract namespace, too', () => {
    expect([...unixAddress('@ab')]).toEqual([1, 0, 0, 0x61, 0x62]);
    expect([...unixAddress('/a')]).toEqual([1, 0, 0x2f, 0x61, 0]);
  });

  it.each([
    [{}, undefined],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: 'soon' }, undefined],
    [{ WATCHDOG_USEC: '20000000' }, 10_000],
    [{ WATCHDOG_USEC: '20000000', WATCHDOG_PID: '1' }, undefined],
    [{ WATCHDOG_USEC: '20000000', WATCHDOG_PID: String(process.pid) }, 10_000],
  ])('watches by %j', (environment, everyMs) => {
    expect(watchdogMs(environment)).toBe(everyMs);
  });
});
