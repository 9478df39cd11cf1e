import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { AmfLinks } from '../../../n3iwf/cli/amf-links.ts';
import { changedKeys, reload } from '../../../n3iwf/cli/reload.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { silentLog } from '../../../n3iwf/log.ts';

const example = readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8');
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reload-'));
  path = join(folder, 'n3iwf.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

type Sections = Record<string, Record<string, unknown>>;

/** Starts with the example, changes the file and reloads; returns what the node and the log were told. */
function reloaded(change: (document: Sections) => void) {
  const running = readConfig(parse(example), path);
  const document = parse(example);
  change(document);
  writeFileSync(path, stringify(document));
  const node = { updateN2: vi.fn(), setAmfs: vi.fn(), reconfigure: vi.fn(), setLogLevel: vi.fn() };
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
    const node = { updateN2: vi.fn(), setAmfs: vi.fn(), reconfigure: refuse, setLogLevel: vi.fn() };
    expect(reload(path, running, node, silentLog)).toBe(false);
    expect(running.inner.dns).toEqual([]);
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
