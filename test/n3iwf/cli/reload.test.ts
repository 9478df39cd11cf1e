import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { AmfLinks } from '../../../n3iwf/cli/amf-links.ts';
import { changedKeys, reload } from '../../../n3iwf/cli/reload.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { silentLog } from '../../../n3iwf/log.ts';
import type { QkdConfig } from '../../../n3iwf/qkd-config.ts';

const example = readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8');
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reload-'));
  path = join(folder, 'n3iwf.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A node that does all it is told, and whose certificates are never others. */
const idleNode = () => ({
  updateN2: vi.fn(),
  setAmfs: vi.fn(),
  reconfigure: vi.fn(),
  setLogLevel: vi.fn(),
  renewKeySource: vi.fn((_: QkdConfig) => () => false),
});

type Sections = Record<string, Record<string, unknown>>;

/** Starts with the example, changes the file and reloads; returns what the node and the log were told. */
function reloaded(change: (document: Sections) => void) {
  const running = readConfig(parse(example), path);
  const document = parse(example);
  change(document);
  writeFileSync(path, stringify(document));
  const node = idleNode();
  const log = { ...silentLog, info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const again = () => reload(path, running, node, log);
  return { running, node, log, again, done: again() };
}

describe('reload', () => {
  it('[TS38413 8.7.2.2] tells the AMFs a new name and new slices, once', () => {
    const { node, running, log, again } = reloaded(({ n2 }) => {
      Object.assign(n2!, { name: 'renamed', slices: [{ sst: 7 }] });
    });
    expect(node.updateN2).toHaveBeenCalledWith(
      expect.objectContaining({ name: 'renamed', slices: [{ sst: 7 }] }),
    );
    expect(running.n2.name).toBe('renamed');
    again();
    expect(node.updateN2).toHaveBeenCalledTimes(1);
    expect(log.warn).not.toHaveBeenCalled();
    expect(log.info.mock.calls[0]?.[0]).toEqual({ changed: ['n2.name', 'n2.slices'] });
  });

  it('says which keys need a restart, and does nothing about them', () => {
    const { node, log, running } = reloaded(({ inner, ike }) => {
      Object.assign(inner!, { nasPort: 20001, dns: ['192.0.2.53'] });
      Object.assign(ike!, { auth: 'eap-only' });
    });
    expect(log.warn.mock.calls[0]?.[0]).toEqual({ keys: ['ike.auth', 'inner.nasPort'] });
    expect(running).toMatchObject({ ike: { auth: 'qkd' }, inner: { nasPort: 20000, dns: ['192.0.2.53'] } });
    expect(node.reconfigure.mock.calls[0]?.[0]).toMatchObject({
      ike: { responderAuth: 'qkd' },
      inner: { dns: ['192.0.2.53'] },
    });
    expect(node.updateN2).not.toHaveBeenCalled();
  });
});

describe('reload of what runs', () => {
  it('gives suites, policy, lifetimes and limits to the engine, and the policy to keying', () => {
    const { node } = reloaded(({ ike, timers }) => {
      Object.assign(ike!, {
        policy: 'qkd-preferred',
        espProposals: ['aes256-sha256'],
        childSaMinutes: 30,
        cookiesAbove: 7,
      });
      Object.assign(timers!, { livenessMs: 9000 });
    });
    expect(node.reconfigure.mock.calls[0]?.[0]).toMatchObject({
      ike: {
        ppk: 'optional',
        childProposals: [{ encr: ['aes256-cbc'] }],
        lifetimes: { child: { softMs: 1_800_000 } },
        halfOpen: { cookiesAbove: 7 },
        timers: { liveness: 9000 },
      },
      keying: { policy: 'qkd-preferred' },
    });
    expect(node.reconfigure.mock.calls[0]?.[0]).not.toHaveProperty('inner');
  });

  it('[RFC5685 3] names other nodes for the next drain', () => {
    const { node, log } = reloaded(({ ike }) => {
      Object.assign(ike!, { redirectTo: ['192.0.2.11'] });
    });
    expect(node.reconfigure.mock.calls[0]?.[0]).toMatchObject({ redirectTo: ['192.0.2.11'] });
    expect(log.info.mock.calls[0]?.[0]).toEqual({ changed: ['ike.redirectTo'] });
  });

  it('changes AMFs and the level of the log only when they are others', () => {
    const { node, again } = reloaded((document) => {
      Object.assign(document, { log: 'debug' });
      document.n2!.amfs = [{ addresses: ['192.0.2.21'] }];
    });
    expect(node.setLogLevel).toHaveBeenCalledWith('debug');
    expect(node.setAmfs).toHaveBeenCalledWith([{ addresses: ['192.0.2.21'], port: 38412 }]);
    again();
    expect(node.setAmfs).toHaveBeenCalledTimes(1);
    expect(node.setLogLevel).toHaveBeenCalledTimes(1);
  });
});

describe('reload of what is wrong', () => {
  it.each([
    ['n2.tac', ({ n2 }: Sections) => Object.assign(n2!, { tac: 'none', name: 'renamed' })],
    [
      'ike.proposals',
      ({ ike, n2 }: Sections) => [
        Object.assign(ike!, { proposals: ['rot13'] }),
        Object.assign(n2!, { name: 'renamed' }),
      ],
    ],
  ])('a wrong %s changes nothing, not even what is right', (key, change) => {
    const { node, log, running, done } = reloaded(change);
    expect(done).toBe(false);
    expect(node.reconfigure).not.toHaveBeenCalled();
    expect(node.updateN2).not.toHaveBeenCalled();
    expect(running.n2.name).toBe('qn3iwf');
    expect(String(log.error.mock.calls[0]?.[0]?.error)).toContain(key);
  });

  it('does nothing more when the node refuses the inner network', () => {
    const { running } = reloaded(() => {});
    const document = parse(example);
    Object.assign(document.inner, { dns: ['192.0.2.53'] });
    writeFileSync(path, stringify(document));
    const refuse = () => {
      throw new RangeError('no');
    };
    const node = { ...idleNode(), reconfigure: refuse };
    expect(reload(path, running, node, silentLog)).toBe(false);
    expect(running.inner.dns).toEqual([]);
  });
});

describe('certificates towards the KME', () => {
  const renewing = (renewed: boolean) => {
    writeFileSync(path, example);
    const node = { ...idleNode(), renewKeySource: vi.fn((_: QkdConfig) => () => renewed) };
    const log = { ...silentLog, info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    expect(reload(path, readConfig(parse(example), path), node, log)).toBe(true);
    return { node, log };
  };

  it('are read again each time, and told when they are others', () => {
    const { node, log } = renewing(true);
    expect(node.renewKeySource.mock.calls).toMatchObject([[{ certificate: '/etc/n3iwf/sae.pem' }]]);
    expect(log.info.mock.calls.at(-1)?.[1]).toMatch(/new certificates/);
    expect(renewing(false).log.info).toHaveBeenCalledTimes(1);
  });

  it('that cannot be used change nothing', () => {
    const running = readConfig(parse(example), path);
    const document = parse(example);
    Object.assign(document.n2, { name: 'renamed' });
    writeFileSync(path, stringify(document));
    const refuse = vi.fn(() => {
      throw new Error('key values mismatch');
    });
    const node = { ...idleNode(), renewKeySource: refuse };
    const log = { ...silentLog, error: vi.fn() };
    expect(reload(path, running, node, log)).toBe(false);
    expect(node.updateN2).not.toHaveBeenCalled();
    expect(node.reconfigure).not.toHaveBeenCalled();
    expect(String(log.error.mock.calls[0]?.[0]?.error)).toContain('mismatch');
  });

  it('stay where another kind of source takes their place in the file, which takes a restart', () => {
    const { running, log, node } = reloaded(({ qkd }) => {
      for (const key of ['kme', 'kmeId', 'kmeKind', 'ca', 'certificate', 'key']) delete qkd![key];
      qkd!.skip = { url: 'https://192.0.2.31:8444', preSharedKeyFile: '/etc/n3iwf/skip.psk' };
    });
    expect(running.qkd).toMatchObject({ kmeId: 'kme-n3iwf', ca: '/etc/n3iwf/kme-ca.pem' });
    expect(node.renewKeySource.mock.calls).toMatchObject([[{ ca: '/etc/n3iwf/kme-ca.pem' }]]);
    expect(log.warn.mock.calls[0]?.[0]?.keys).toEqual(expect.arrayContaining(['qkd.kme', 'qkd.skip']));
  });
});

describe('differences', () => {
  it('are named by path; lists and what is on one side only count as one', () => {
    expect(changedKeys({ a: { b: 1, c: [1] }, d: 1 }, { a: { b: 2, c: [2] }, d: 1, e: { f: 1 } })).toEqual([
      'a.b',
      'a.c',
      'e',
    ]);
    expect(changedKeys({ a: 1 }, { a: 1 })).toEqual([]);
  });
});

describe('AMFs of a configuration that changes', () => {
  const amf = (last: number) => ({ addresses: [`192.0.2.${last}`] as [string], port: 38412 });

  it('are connected once, and let go of when they are gone', () => {
    const retireN2 = vi.fn();
    const connectN2 = vi.fn().mockRejectedValue(new Error('absent'));
    const links = new AmfLinks({ connectN2, retireN2 }, () => Promise.reject(new Error('absent')), silentLog);
    links.set([amf(1), amf(2)]);
    links.set([amf(1), amf(2)]);
    expect([connectN2.mock.calls.length, retireN2.mock.calls]).toEqual([2, []]);
    links.set([amf(2), amf(3)]);
    expect([connectN2.mock.calls.length, retireN2.mock.calls]).toEqual([3, [[0]]]);
    links.set([amf(1), amf(2), amf(3)]);
    expect([connectN2.mock.calls.length, retireN2.mock.calls]).toEqual([4, [[0]]]);
    links.set([amf(2)]);
    expect(retireN2.mock.calls).toEqual([[0], [2], [3]]);
  });
});
