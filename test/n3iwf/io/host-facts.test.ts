import { createSocket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as host from '../../../n3iwf/io/host-facts.ts';

/** Three lines as Linux prints them: charon on 500 and 4500, and a closed one without an inode. */
const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  384: 00000000:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31337 2 0000000000000000 0
  384: 00000000:1194 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 31338 2 0000000000000000 0
  999: 0100007F:0868 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0000000000000000 0
`;

const folder = mkdtempSync(join(tmpdir(), 'host-facts-'));
const files = { proc: join(folder, 'proc'), sys: join(folder, 'sys') };
beforeAll(() => {
  for (const path of ['net', '812/fd', '900/fd', 'self', 'sys/net/ipv4'])
    mkdirSync(join(files.proc, path), { recursive: true });
  mkdirSync(join(files.sys, 'class/net/lo'), { recursive: true });
  writeFileSync(join(files.proc, 'net/udp'), table);
  writeFileSync(join(files.proc, '812/cmdline'), '/usr/lib/ipsec/charon\0--use-syslog\0');
  writeFileSync(join(files.proc, '900/cmdline'), '');
  writeFileSync(join(files.proc, '900/comm'), 'kworker\n');
  symlinkSync('socket:[31337]', join(files.proc, '812/fd/5'));
  symlinkSync('/dev/null', join(files.proc, '812/fd/0'));
  symlinkSync('socket:[31338]', join(files.proc, '900/fd/3'));
  writeFileSync(join(files.proc, 'self/status'), 'Name:\tnode\nCapEff:\t0000000000000400\n');
  writeFileSync(join(files.proc, 'sys/net/ipv4/ip_unprivileged_port_start'), '80\n');
  writeFileSync(join(files.sys, 'class/net/lo/mtu'), '65536\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('who holds a port', () => {
  it('is the process with the inode of its row', () => {
    expect(host.holderOfUdp(500, files)).toEqual({ pid: 812, command: '/usr/lib/ipsec/charon --use-syslog' });
    expect(host.holderOfUdp(4500, files)).toEqual({ pid: 900, command: 'kworker' });
  });

  it('is nobody known for a free port, a row without an inode, and a machine that tells nothing', () => {
    expect(host.holderOfUdp(501, files)).toBeUndefined();
    expect(host.holderOfUdp(0x868, files)).toBeUndefined();
    expect(host.holderOfUdp(500, { ...files, proc: '/nonexistent' })).toBeUndefined();
  });

  it('is read from any text without a fault', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 65_535 }), (text, port) => {
        expect(Array.isArray(host.udpInodes(`head\n${text}`, port))).toBe(true);
      }),
    );
  });
});

it('reads capabilities and the lowest free port, with what holds where the system is silent', () => {
  expect(host.effectiveCapabilities(files)).toBe(1n << 10n);
  expect(host.lowestUnprivilegedPort(files)).toBe(80);
  const silent = { proc: '/nonexistent', sys: '/nonexistent' };
  expect(host.effectiveCapabilities(silent)).toBeUndefined();
  expect(host.lowestUnprivilegedPort(silent)).toBe(1024);
});

it('finds the interface of an address', () => {
  expect(host.interfaceOf('127.0.0.1', files)).toEqual({ name: 'lo', mtu: 65_536 });
  expect(host.interfaceOf('127.0.0.1', { ...files, sys: '/nonexistent' })?.mtu).toBeUndefined();
  expect(host.interfaceOf('192.0.2.77')).toBeUndefined();
});

it('binds a port and gives it back, or says why not', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  expect(await host.tryBindUdp('127.0.0.1', port)).toMatchObject({ kind: 'taken' });
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  expect(await host.tryBindUdp('127.0.0.1', port)).toEqual({ kind: 'free' });
  expect(await host.tryBindUdp('127.0.0.1', port)).toEqual({ kind: 'free' });
  expect(await host.tryBindUdp('192.0.2.77', 0)).toEqual({ kind: 'noAddress' });
});

it('says whether there is SCTP, and reads files whole', () => {
  const sctp = host.haveSctp();
  if (!sctp.ok) expect(sctp.reason).toContain('SCTP');
  else expect(host.haveSctp()).toEqual(sctp);
  expect(host.readWhole('/nonexistent')).toMatchObject({
    ok: false,
    reason: expect.stringContaining('ENOENT'),
  });
  expect(host.readWhole(join(files.proc, 'self/status')).ok).toBe(true);
});

describe('what the machine says of itself', () => {
  it('has the networks of its interfaces', () => {
    expect(host.ipv4Networks()).toContainEqual({ name: 'lo', address: '127.0.0.1', prefixLength: 8 });
  });

  it('tells a folder that takes files from one that is not there and one that is none', () => {
    expect(host.folderState(folder)).toBe('writable');
    expect(host.folderState(join(folder, 'none'))).toBe('missing');
    expect(host.folderState(join(files.proc, 'net/udp/below'))).toBe('denied');
  });

  it('says by the state of the kernel whether the clock is kept', () => {
    expect([0, 5, -1].map((state) => host.clockKept(() => state))).toEqual([true, false, undefined]);
    const broken = () => {
      throw new Error('no such call');
    };
    expect(host.clockKept(broken)).toBeUndefined();
    expect([true, false, undefined]).toContain(host.clockKept());
  });
});
