/** Rows of keys of no more use leave the books: their IDs stay refused, and the sums stay what they were. */
import { describe, expect, it } from 'vitest';
import { type KeyStore, MemoryKeyStorage, Secret, verifyAudit } from '#qkd';
import { type Bench, bench, FailingStorage, FakeClock, FakeKme, keyIdOf } from './fixtures.ts';

const DAY = 86_400_000;
const retention = { endedMs: 10 * DAY, unendedMs: 30 * DAY };
const kek = () => Secret.own(new Uint8Array(32).fill(3));

async function aged(parts: Parameters<typeof bench>[0] = {}): Promise<Bench> {
  return await bench({ retention, keyEncryptionKey: kek(), ...parts });
}

async function takenId(store: KeyStore): Promise<string> {
  const reply = await store.obtain('peer');
  if (reply.status !== 'ok') throw new Error(reply.detail);
  reply.secret.wipe();
  return reply.keyId;
}

/** A key that was used, is retired, and whose time is over. */
async function prunedKey({ store, clock, storage }: Bench): Promise<string> {
  const keyId = await takenId(store);
  await store.confirm(keyId);
  await store.retire(keyId);
  clock.pass(10 * DAY + 1);
  await store.maintain();
  expect(storage.find(keyId)).toBeUndefined();
  expect(storage.wasPruned(keyId)).toBe(true);
  return keyId;
}

describe('a key whose life has ended', () => {
  it('keeps its row as long as it is told to, and its ID after that', async () => {
    const { store, clock, storage } = await aged();
    const keyId = await takenId(store);
    await store.retire(keyId);
    clock.pass(10 * DAY - 1000);
    await store.maintain();
    expect(storage.find(keyId)?.state).toBe('retired');
    clock.pass(20_000);
    await store.maintain();
    expect([storage.find(keyId), storage.wasPruned(keyId)]).toEqual([undefined, true]);
    expect(await store.isKnown(keyId.toUpperCase())).toBe(true);
    expect(storage.lastAudit()?.event).toContain('"event":"pruned","reason":"retired 1"');
  });

  it('is for ever refused after it, whoever names it, and the KME is not asked', async () => {
    const world = await aged();
    const keyId = await prunedKey(world);
    const { store, kme } = world;
    kme.waiting.add(keyId);
    const asked = kme.asked.length;
    const refusal = {
      status: 'refused',
      reason: 'already-used',
      detail: 'the life of this key ended long ago',
    };
    expect(await store.fetch('peer', keyId.toUpperCase())).toMatchObject(refusal);
    expect(await store.fetch('another', keyId)).toMatchObject(refusal);
    expect(await store.announce('peer', [keyId])).toBe(0);
    expect(await store.deliver('peer', keyId)).toMatchObject({ reason: 'unknown-key' });
    expect(kme.asked).toHaveLength(asked);
  });

  it('is not taken from a KME that draws it anew, for use or for the pool', async () => {
    const world = await aged();
    const keyId = await prunedKey(world);
    // A KME that begins to count from the start again gives the same IDs once more.
    const again = await aged({ storage: world.storage, fakeClock: world.clock, kme: new FakeKme(1) });
    expect(await again.store.obtain('peer')).toMatchObject({ status: 'refused', reason: 'already-used' });
    for (const secret of again.kme.given) expect(secret.wiped).toBe(true);
    const pooled = await aged({
      storage: world.storage,
      fakeClock: world.clock,
      kme: new FakeKme(1),
      pool: { low: 1, high: 3 },
    });
    const replies = await Promise.all([1, 2, 3].map(() => pooled.store.obtain('peer')));
    const granted = replies.flatMap((reply) => (reply.status === 'ok' ? [reply.keyId] : []));
    expect(granted.length).toBeGreaterThan(0);
    expect(granted).not.toContain(keyId);
  });
});

describe('what is kept of a key whose life has ended', () => {
  it.each(['retired', 'burnt', 'expired', 'quarantined', 'destroyed'] as const)(
    'is counted where it was, when %s',
    async (state) => {
      const storage = new MemoryKeyStorage();
      const row = {
        keyId: keyIdOf(1),
        peer: 'p',
        role: 'slave',
        state,
        sealed: undefined,
        epoch: '',
        receivedAtMs: 0,
        changedAtMs: 0,
      } as const;
      storage.commit([{ do: 'insert', rows: [row] }], () => []);
      const { store } = await aged({ storage });
      const before = await store.counts();
      await store.maintain();
      expect(storage.find(keyIdOf(1))).toBeUndefined();
      expect(await store.counts()).toEqual(before);
      expect(before.delivered).toBe(1);
    },
  );

  it('goes by store time: a step of the wall clock ends nothing', async () => {
    const { store, clock, storage } = await aged();
    const keyId = await takenId(store);
    await store.retire(keyId);
    clock.wall += 1000 * DAY;
    await store.maintain();
    expect(storage.find(keyId)?.state).toBe('retired');
  });

  it('stays for ever where no retention is set', async () => {
    const { store, clock, storage } = await bench();
    const keyId = await takenId(store);
    await store.retire(keyId);
    clock.pass(10_000 * DAY);
    await store.maintain();
    expect(storage.find(keyId)?.state).toBe('retired');
  });
});

describe('a key of which nobody told an end', () => {
  it('counts as retired after its time, and leaves after that of ended keys', async () => {
    const { store, clock, storage } = await aged();
    const [used, given] = [await takenId(store), await takenId(store)];
    await store.confirm(used);
    clock.pass(30 * DAY + 1);
    await store.maintain();
    expect([used, given].map((keyId) => storage.find(keyId)?.state)).toEqual(['retired', 'retired']);
    clock.pass(10 * DAY + 1);
    await store.maintain();
    expect([used, given].map((keyId) => storage.wasPruned(keyId))).toEqual([true, true]);
  });

  it('is not touched while it waits', async () => {
    const { store, clock, storage } = await aged({ pool: { low: 1, high: 3 } });
    await takenId(store);
    await store.reserve('peer', 1);
    clock.pass(30_000);
    clock.pass(200 * DAY);
    await store.maintain();
    expect(storage.storedCount('peer', 'master')).toBeGreaterThan(0);
  });
});

describe('pruning', () => {
  it('takes up a long time ago by and by, without a turn that takes long', async () => {
    const storage = new MemoryKeyStorage();
    const rows = Array.from({ length: 4500 }, (_, index) => ({
      keyId: keyIdOf(index + 1),
      peer: 'p',
      role: 'slave' as const,
      state: 'retired' as const,
      sealed: undefined,
      epoch: '',
      receivedAtMs: 0,
      changedAtMs: 0,
    }));
    storage.commit([{ do: 'insert', rows }], () => []);
    const { store } = await aged({ storage });
    const left = () => storage.select({ states: ['retired'] }).length;
    const seen: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      await store.maintain();
      seen.push(left());
    }
    expect(seen).toEqual([2500, 500, 0]);
    expect(await store.counts()).toMatchObject({ delivered: 4500, used: 4500 });
  });

  it('that cannot be written leaves everything as it is, and is made up for', async () => {
    const storage = new FailingStorage();
    const clock = new FakeClock();
    const { store } = await aged({ storage, fakeClock: clock });
    const keyId = await takenId(store);
    await store.retire(keyId);
    clock.pass(10 * DAY + 1);
    storage.failures = 10;
    await store.maintain();
    expect([storage.find(keyId)?.state, storage.wasPruned(keyId)]).toEqual(['retired', false]);
    storage.failures = 0;
    clock.pass(11_000);
    await store.maintain();
    expect(storage.wasPruned(keyId)).toBe(true);
    expect(await verifyAudit(storage)).toMatchObject({ ok: true });
  });
});
