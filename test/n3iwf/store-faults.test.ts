// needs: root
/** A node whose key store fails under it: a disk that is full, a second process on the file, a file written over. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyStore } from '#qkd';
import { openKeyStorage } from '../../n3iwf/cli/key-storage.ts';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';
import type { KeyPolicy } from '../../n3iwf/nwu/key-policy.ts';
import { FakeKme } from '../qkd/store/fixtures.ts';
import { attachedOver } from '../support/stored-world.ts';
import type { World } from '../support/world.ts';

let folder: string;
let storage: SqliteKeyStorage;
let kme: FakeKme;
let store: KeyStore;
const path = () => join(folder, 'keys.db');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'store-faults-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { encoding: 'utf8' });
  if (mounted.status !== 0) throw new Error(mounted.stderr);
  storage = new SqliteKeyStorage(path(), 50);
  kme = new FakeKme();
  const clock = { wallMs: Date.now, monotonicMs };
  store = await KeyStore.open({ source: kme, storage, clock, random: randomOctets });
});

afterEach(() => {
  store.close();
  try {
    storage.close();
  } catch {
    // A file that was written over cannot be closed in order.
  }
  spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true });
});

/** Fills what is left of the disk. */
function fillDisk(): void {
  const piece = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(join(folder, 'filler'), piece);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
}

/** Another process that writes, and does not end its transaction. */
async function secondWriter(): Promise<() => Promise<void>> {
  const script = `
    const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1]);
    database.exec('BEGIN IMMEDIATE');
    process.stdout.write('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', script, path()], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
}

/** Writes over every page, the log's too. */
function writeOver(): void {
  for (const name of ['keys.db', 'keys.db-wal']) {
    const { size } = statSync(join(folder, name));
    if (size > 0) writeFileSync(join(folder, name), Buffer.alloc(size, 0x5a), { flag: 'r+' });
  }
}

const attached = (policy: KeyPolicy): Promise<World> => attachedOver(store, kme, policy);

/** Rekeys the UE's Child SAs from the node; gives how many have a key of their own afterwards. */
async function rekeyed(world: World): Promise<number> {
  const ikeSaId = world.gateway.ues.ofId(1)?.ikeSaId ?? -1;
  const before = new Set(world.gateway.keyUses.keysOf(ikeSaId));
  for (const childSaId of world.gateway.ues.ofId(1)?.childUses.keys() ?? [])
    world.gateway.ike((engine, now) => engine.rekeyChildSa(now, ikeSaId, childSaId));
  await world.pass(1000);
  return world.gateway.keyUses.keysOf(ikeSaId).filter((keyId) => !before.has(keyId)).length;
}

const faults = [
  ['a full disk', 'storage-full', async () => fillDisk(), async () => unlinkSync(join(folder, 'filler'))],
  ['a second process', 'storage-busy', secondWriter, async (end: unknown) => (end as () => Promise<void>)()],
] as const;

describe('a node whose key store fails under it', () => {
  it.each(faults)(
    'by %s gives no key, says %s, and gives keys again after it',
    async (_, reason, begin, end) => {
      const good = await store.obtain('peer');
      expect(good.status).toBe('ok');
      const handle = await begin();
      const asked = kme.given.length;
      expect(await store.obtain('peer')).toMatchObject({ status: 'refused', reason });
      // What came from the KME and could not be written down is gone, and nobody has it.
      for (const secret of kme.given.slice(asked)) expect(secret.wiped).toBe(true);
      await end(handle);
      const after = await store.obtain('peer');
      expect(after.status).toBe('ok');
      expect(after.keyId).not.toBe(good.keyId);
    },
  );

  it.each(faults)(
    'by %s (%s) goes on with ML-KEM where the policy allows it, and comes back',
    async (_, _reason, begin, end) => {
      const world = await attached('qkd-preferred');
      const handle = await begin();
      expect(await rekeyed(world)).toBe(0);
      expect(await world.ping()).toBe(true);
      await end(handle);
      expect(await rekeyed(world)).toBe(2);
      expect(await world.ping()).toBe(true);
    },
  );

  it.each(faults)(
    'by %s (%s) rekeys nothing where the policy wants a quantum key, and the SAs live on',
    async (_, _reason, begin, end) => {
      const world = await attached('qkd-required');
      const handle = await begin();
      expect(await rekeyed(world)).toBe(0);
      expect(await world.ping()).toBe(true);
      await end(handle);
      expect(await rekeyed(world)).toBe(2);
    },
  );
});

describe('a node whose key store is written over or cut', () => {
  it.each(['qkd-preferred', 'qkd-required'] as const)(
    'by a file that is written over notices it, gives no key any more, and goes on by its policy: %s',
    async (policy) => {
      const world = await attached(policy);
      const used = (await store.counts()).used;
      expect(used).toBeGreaterThan(0);
      writeOver();
      await store.maintain();
      expect(store.trouble).toMatchObject({ reason: 'storage-damaged', usable: false });
      expect(store.trouble?.detail).toContain(path());
      const asked = kme.asked.length;
      expect(await store.obtain('peer')).toMatchObject({ status: 'refused', reason: 'storage-damaged' });
      expect(await store.fetch('peer', '0a782fb5-3434-48fe-aa4d-14f41d499999')).toMatchObject({
        reason: 'storage-damaged',
      });
      expect(await rekeyed(world)).toBe(0);
      expect(await world.ping()).toBe(true);
      // No key is taken from the KME that could not be used.
      expect(kme.asked).toHaveLength(asked);
    },
  );

  it('by a file that is written over does not start on it again', async () => {
    expect((await store.obtain('peer')).status).toBe('ok');
    writeOver();
    expect(() => new SqliteKeyStorage(path(), 50)).toThrow(expect.objectContaining({ fault: 'damaged' }));
    await expect(openKeyStorage(path())).rejects.toThrow(/^key storage .*: /);
  });

  it('by a file that is cut short is refused at the next start', () => {
    store.close();
    storage.close();
    truncateSync(path(), 5000);
    expect(() => new SqliteKeyStorage(path(), 50)).toThrow(expect.objectContaining({ fault: 'damaged' }));
    unlinkSync(path());
    storage = new SqliteKeyStorage(path(), 50);
  });
});
