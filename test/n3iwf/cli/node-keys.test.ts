/** The operator's and the alarm's way into a running node: real store, real KMEs, real sockets; only the SAs are a list. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { KeyStore, verifyAudit } from '#qkd';
import type { KeySupply } from '../../../n3iwf/admin/metrics.ts';
import { readMoment } from '../../../n3iwf/cli/keys-quarantine.ts';
import { type RunningKmes, startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { NodeControl } from '../../../n3iwf/cli/node-control.ts';
import { watchKeys } from '../../../n3iwf/cli/node-keys.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { askControl } from '../../../n3iwf/io/control-http.ts';
import { monotonicMs, randomOctets } from '../../../n3iwf/io/machine.ts';
import { SqliteKeyStorage } from '../../../n3iwf/io/sqlite-key-storage.ts';
import { KeyingWatch } from '../../../n3iwf/keying-watch.ts';
import { silentLog } from '../../../n3iwf/log.ts';
import { cli } from '../../support/command-line.ts';

const UE = 'sae-ue';
let folder: string;
let socket: string;
let configFile: string;
let kmes: RunningKmes;
let storage: SqliteKeyStorage;
let store: KeyStore;
let stop: () => Promise<void>;
const ended: string[] = [];
const supplies: KeySupply[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'node-keys-'));
  socket = join(folder, 'control.sock');
  configFile = join(folder, 'n3iwf.yaml');
  ended.length = 0;
  kmes = await startKmes(
    readKmeConfig(
      {
        nodes: [
          { kmeId: 'kme-n3iwf', saeIds: ['sae-n3iwf'] },
          { kmeId: 'kme-ue', saeIds: [UE] },
        ],
        links: [{ between: ['kme-n3iwf', 'kme-ue'], profile: 'laboratory', initialBits: 256 * 1000 }],
      },
      'f',
    ),
  );
  const example = parse(readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'));
  const qkd = { ...example.qkd, store: join(folder, 'keys.db'), tamperFile: join(folder, 'tamper') };
  writeFileSync(configFile, stringify({ ...example, qkd, control: { path: socket } }));
  storage = new SqliteKeyStorage(qkd.store);
  const client = await kmes.client('sae-n3iwf');
  const clock = { wallMs: Date.now, monotonicMs };
  store = await KeyStore.open({ source: client, storage, clock, random: randomOctets });
  const config = readConfig(parse(readFileSync(configFile, 'utf8')), configFile);
  const end = (what: string): number => ended.push(what);
  const watch = new KeyingWatch({ policy: 'qkd-required' }, silentLog);
  const lookAtSupply = (seen: { storedKeys: number | undefined; trusted: boolean }) =>
    watch.observe(monotonicMs(), { ...seen, usedKeys: 0 });
  const node = {
    lookAtSupply,
    rekeySasOf: (ids: readonly string[]) => end(ids.join(' ')),
    endAllSas: () => end('all'),
  };
  supplies.length = 0;
  const looked = (supply: KeySupply) => void supplies.push(supply);
  const source = {
    look: async () => {
      const status = await client.status(UE);
      if (!status.ok) return { reachable: false };
      const { storedKeyCount: storedKeys, linkQber: qber = 0 } = status.value;
      return { reachable: true, storedKeys, qber };
    },
  };
  const control = await NodeControl.open({ path: socket });
  const endWatch = watchKeys({
    peer: config.qkd?.ueSaeId ?? '',
    tamperFile: config.qkd?.tamperFile,
    store,
    source,
    node,
    looked,
    control,
    log: silentLog,
  });
  stop = async () => {
    endWatch();
    await control.close();
  };
});

afterEach(async () => {
  await stop();
  store.close();
  storage.close();
  await kmes.close();
  rmSync(folder, { recursive: true });
});

/** A key that the UE drew and the node fetched and uses. */
async function usedKey(): Promise<string> {
  const drawn = await (await kmes.client(UE)).encKeys('sae-n3iwf');
  if (!drawn.ok) throw new Error(drawn.error.detail);
  const reply = await store.fetch(UE, drawn.value[0]!.keyId);
  expect(reply.status).toBe('ok');
  return drawn.value[0]!.keyId;
}

async function drawnIds(number: number): Promise<string[]> {
  const drawn = await (await kmes.client(UE)).encKeys('sae-n3iwf', number);
  if (!drawn.ok) throw new Error(drawn.error.detail);
  return drawn.value.map((key) => key.keyId);
}

/** What the command line prints, parsed. */
async function command(...words: string[]): Promise<{ status: number; printed: Record<string, unknown> }> {
  const { status, output } = await cli(...words);
  return { status, printed: output === '' ? {} : JSON.parse(output) };
}

it('tells each look at the link, and a KME that is gone, for the metrics', { timeout: 15_000 }, async () => {
  await vi.waitFor(() => expect(supplies.length).toBeGreaterThan(0), { timeout: 6_000 });
  expect(supplies[0]).toMatchObject({ reachable: true, qber: expect.any(Number), fallback: false });
  expect(supplies[0]?.storedKeys).toBeGreaterThan(0);
  await kmes.close();
  await vi.waitFor(() => expect(supplies.at(-1)).toMatchObject({ reachable: false }), { timeout: 6_000 });
  expect(supplies.at(-1)?.storedKeys).toBeUndefined();
});

describe('an operator', () => {
  it('distrusts keys of the running node by n3iwf keys quarantine, and its SAs get others', async () => {
    const keyId = await usedKey();
    const [waiting = ''] = await drawnIds(1);
    await store.announce(UE, [waiting]);
    const { status, printed } = await command(
      'keys',
      'quarantine',
      '-c',
      configFile,
      '--since',
      '10m',
      '--link',
      UE,
    );
    expect(status).toBe(0);
    expect(printed).toMatchObject({ usedKeys: 1, rekeyedSas: 1, incident: expect.any(String) });
    expect(ended).toEqual([`${keyId} ${waiting}`]);
    expect(await store.fetch(UE, waiting)).toMatchObject({ status: 'refused', reason: 'quarantined' });
    const rows = await storage.auditRows(1, 100);
    const noted = rows.filter((row) => row.event.includes(String(printed.incident)));
    expect(noted.length).toBeGreaterThan(0);
  });

  it('leaves keys of other links and of before alone', async () => {
    await usedKey();
    const other = await command(
      'keys',
      'quarantine',
      '-c',
      configFile,
      '--since',
      '10m',
      '--link',
      'sae-other',
    );
    expect(other.printed).toMatchObject({ usedKeys: 0 });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const later = await command('keys', 'quarantine', '-c', configFile, '--since', '1s');
    expect(later.printed).toMatchObject({ usedKeys: 0 });
    expect((await store.counts()).quarantined).toBe(0);
  });

  it('does so in the store itself when the node is not there', async () => {
    await usedKey();
    await stop();
    const { status, printed } = await command('keys', 'quarantine', '-c', configFile, '--since', '1h');
    expect(status).toBe(0);
    expect(printed).toMatchObject({ usedKeys: 1, rekeyedSas: 0, endedSas: 0 });
    expect((await store.counts()).quarantined).toBe(1);
  });
});

describe('an operator and keys that are still to come', () => {
  it('announces keys over the control socket, so that they are there when they are named', async () => {
    const ids = await drawnIds(3);
    const announced = await askControl(socket, 'POST', '/keys/announce', { peer: UE, keyIds: ids });
    expect(announced).toEqual({ status: 200, body: { stored: 3 } });
    kmes.manners.get('kme-n3iwf')!.down = true;
    expect((await store.fetch(UE, ids[1]!)).status).toBe('ok');
    expect((await askControl(socket, 'GET', '/keys')).body).toMatchObject({ stored: 2, used: 1 });
  });
});

describe('an operator who looks or errs', () => {
  it('sees how the supply stands', async () => {
    await vi.waitFor(
      async () =>
        expect((await askControl(socket, 'GET', '/keys/supply')).body).toMatchObject({
          mode: 'qkd',
          reason: 'enough',
          storedKeys: expect.any(Number),
        }),
      { timeout: 5000, interval: 100 },
    );
  });

  it.each([
    ['POST', '/keys/quarantine', {}, 400],
    ['POST', '/keys/quarantine', { sinceMs: 'now' }, 400],
    ['POST', '/keys/announce', { peer: UE, keyIds: ['17'] }, 400],
    ['GET', '/keys/quarantine', undefined, 404],
  ])('is told what is wrong: %s %s %j', async (method, path, body, status) => {
    expect((await askControl(socket, method, path, body)).status).toBe(status);
  });

  it.each(['yesterday', '10x', '', '2999-01-01'])('is told that "%s" is no past time', async (text) => {
    expect(() => readMoment(text, 1_800_000_000_000)).toThrow('--since');
  });

  it('may say when in two ways', () => {
    expect(readMoment('90s', 1_000_000)).toBe(910_000);
    expect(readMoment('2026-11-21T13:00:00Z', 1_800_000_000_000)).toBe(Date.UTC(2026, 10, 21, 13));
  });
});

describe('an eavesdropper', () => {
  it('raises an alarm, and keys of that time are no longer used', { timeout: 60_000 }, async () => {
    const before = await usedKey();
    // Long enough for the link to have been seen to be good after that key.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    kmes.links[0]!.inject({ kind: 'intrusion', durationMs: 60_000, qber: 0.2 });
    const meanwhile = await usedKey();
    await vi.waitFor(() => expect(ended).toHaveLength(1), { timeout: 30_000, interval: 50 });
    expect(ended[0]).toContain(meanwhile);
    expect(ended[0]).not.toContain(before);
  });
});

describe('tampering', () => {
  it('destroys every key once the file is there', async () => {
    const ids = await drawnIds(50);
    await store.announce(UE, ids);
    writeFileSync(join(folder, 'tamper'), '');
    await vi.waitFor(() => expect(ended).toEqual(['all']), { timeout: 10_000, interval: 2 });
    await vi.waitFor(async () => expect(await store.counts()).toMatchObject({ stored: 0, destroyed: 50 }));
    expect(await store.fetch(UE, ids[0]!)).toMatchObject({ status: 'refused', reason: 'closed' });
    expect(await verifyAudit(storage)).toMatchObject({ ok: true });
  });

  it('is also a signal', async () => {
    process.emit('SIGUSR2');
    expect(ended).toEqual(['all']);
    process.emit('SIGUSR2');
    expect(ended).toEqual(['all']);
  });
});
