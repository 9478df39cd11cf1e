/** What a key goes through beside being fetched and used: reservation, confirmation, epochs, and storage faults by kind. */
import { describe, expect, it } from 'vitest';
import { type KeyReply, KeyStorageError, MemoryKeyStorage, Secret, type StorageFault } from '#qkd';
import { bench, FakeClock, FakeKme, keyIdOf } from './fixtures.ts';

const kek = (): Secret => Secret.own(new Uint8Array(32).fill(7));

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A store with six keys in its pool. */
async function filled(parts: Parameters<typeof bench>[0] = {}) {
  const world = await bench({ pool: { low: 1, high: 6 }, keyEncryptionKey: kek(), ...parts });
  world.store.prefetch('peer');
  await settled();
  return world;
}

function grantedId(reply: KeyReply): string {
  if (reply.status !== 'ok') throw new Error(`${reply.reason}: ${reply.detail}`);
  return reply.keyId;
}

const eventsOf = (storage: MemoryKeyStorage) =>
  storage.auditRows(1, 100).map((row) => JSON.parse(row.event) as { event: string; reason: string });

describe('reserved keys', () => {
  it('are the oldest, are given to nobody else, and each is delivered once', async () => {
    const { store, clock } = await filled();
    clock.pass(700);
    const reserved = await store.reserve('peer', 2);
    expect(reserved).toEqual([1, 2].map((number) => ({ keyId: keyIdOf(number), ageMs: 700 })));
    expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(3));
    expect(grantedId(await store.deliver('peer', keyIdOf(2)))).toBe(keyIdOf(2));
    expect(await store.deliver('peer', keyIdOf(2))).toMatchObject({ reason: 'already-used' });
    expect(await store.deliver('other', keyIdOf(1))).toMatchObject({ reason: 'unknown-key' });
    expect(await store.deliver('peer', keyIdOf(99))).toMatchObject({ reason: 'unknown-key' });
    expect(await store.counts()).toMatchObject({ reserved: 1, used: 2, stored: 3 });
  });

  it('go back to the front of the pool', async () => {
    const { store } = await filled();
    await store.reserve('peer', 1);
    expect(await store.release(keyIdOf(1))).toBe(true);
    expect(await store.release(keyIdOf(1))).toBe(false);
    expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(1));
  });

  it('are given back when they are forgotten, and expire as stored ones do', async () => {
    const { store, clock } = await filled({ reserveMs: 1000, maxAgeMs: 5000 });
    await store.reserve('peer', 2);
    clock.pass(1000);
    await store.maintain();
    expect(await store.counts()).toMatchObject({ reserved: 2 });
    clock.pass(1);
    await store.maintain();
    expect(await store.counts()).toMatchObject({ reserved: 0, stored: 6 });
    await store.reserve('peer', 2);
    clock.pass(4000);
    expect(await store.deliver('peer', keyIdOf(1))).toMatchObject({ reason: 'expired', ageMs: 5001 });
    expect(await store.reserve('peer', 2)).toEqual([]);
  });

  it('are none when the store is closed', async () => {
    const { store } = await filled();
    store.close();
    expect(await store.reserve('peer', 2)).toEqual([]);
    expect(await store.deliver('peer', keyIdOf(1))).toMatchObject({ reason: 'closed' });
  });
});

describe('a delivered key', () => {
  it('is in use once confirmed, then retired; each step once', async () => {
    const { store, storage } = await filled();
    const keyId = grantedId(await store.obtain('peer'));
    expect([await store.confirm(keyId), await store.confirm(keyId)]).toEqual([true, false]);
    expect(storage.find(keyId)?.state).toBe('in-use');
    expect([await store.retire(keyId), await store.confirm(keyId)]).toEqual([true, false]);
    expect(await store.counts()).toMatchObject({ used: 1, stored: 5 });
  });

  it('that was never confirmed can be quarantined and retired all the same', async () => {
    const { store, storage } = await filled();
    const [one, two] = [grantedId(await store.obtain('peer')), grantedId(await store.obtain('peer'))];
    await store.retire(one);
    await store.confirm(two);
    expect((await store.quarantine(0, store.now() + 1, 'drill')).used).toEqual([two]);
    expect(storage.find(one)?.state).toBe('retired');
  });
});

describe('epochs', () => {
  it('last over a restart under the same key-encryption key', async () => {
    const { storage, store } = await filled();
    store.close();
    const again = await bench({ storage, keyEncryptionKey: kek() });
    expect(grantedId(await again.store.obtain('peer'))).toBe(keyIdOf(1));
    expect(storage.epochs()).toHaveLength(1);
  });

  it('change without a loss, and the destruction of one ends its waiting keys only', async () => {
    const { store, storage } = await filled();
    const first = storage.find(keyIdOf(1))?.epoch ?? '';
    const second = await store.beginEpoch();
    await store.reserve('peer', 1);
    for (let taken = 0; taken < 5; taken++) grantedId(await store.obtain('peer'));
    await settled();
    expect(storage.find(keyIdOf(7))?.epoch).toBe(second);
    expect(await store.destroyEpoch(first, 'rotation')).toBe(1);
    expect(storage.find(keyIdOf(1))).toMatchObject({ state: 'destroyed', sealed: undefined });
    expect(await store.deliver('peer', keyIdOf(1))).toMatchObject({ reason: 'destroyed' });
    expect(storage.epochs().find(({ epoch }) => epoch === first)?.wrapped).toBeUndefined();
    expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(7));
    expect(eventsOf(storage).map(({ event }) => event)).toContain('epoch-destroyed');
  });

  it('that are destroyed stay so, for copies of the storage and for other nodes', async () => {
    const { store, storage } = await filled();
    const sealed = storage.find(keyIdOf(1))?.sealed;
    const [row] = storage.epochs();
    const other = await bench({ storage, keyEncryptionKey: kek(), kme: new FakeKme(100) });
    await store.destroyEpoch(row?.epoch ?? '', 'drill');
    storage.commit([{ do: 'epoch', row: row ?? { epoch: '', wrapped: undefined } }], () => []);
    expect(storage.epochs()[0]?.wrapped).toBeUndefined();
    expect(sealed).toBeDefined();
    await other.store.maintain();
    expect(grantedId(await other.store.obtain('peer'))).toBe(keyIdOf(100));
  });

  it('that another node began are known when one of its keys comes', async () => {
    const storage = new MemoryKeyStorage();
    const late = await bench({ storage, keyEncryptionKey: kek(), kme: new FakeKme(100) });
    await filled({ storage });
    expect(grantedId(await late.store.obtain('peer'))).toBe(keyIdOf(1));
  });
});

describe('a step of the wall clock', () => {
  it('is written down once, and changes no age', async () => {
    const clock = new FakeClock();
    const { store, storage } = await filled({ fakeClock: clock });
    await store.maintain();
    clock.wall += 3_600_000;
    await store.maintain();
    await store.maintain();
    const steps = eventsOf(storage).filter(({ event }) => event === 'clock-step');
    expect(steps.map(({ reason }) => reason)).toEqual(["the wall clock is 3600000 ms ahead of the store's"]);
    expect(await store.obtain('peer')).toMatchObject({ status: 'ok', ageMs: 0 });
  });
});

describe('each fault of the storage', () => {
  it.each([
    ['full', 'storage-full'],
    ['damaged', 'storage-damaged'],
    ['busy', 'storage-busy'],
    ['unreachable', 'storage-unreachable'],
    ['failed', 'storage-failed'],
  ] as const satisfies readonly (readonly [StorageFault, string])[])(
    '%s: is a refusal with a reason of its own, and costs no stored key',
    async (fault, reason) => {
      const { store, storage } = await filled();
      const commit = storage.commit.bind(storage);
      storage.commit = () => {
        throw new KeyStorageError('here', 'what it said', fault);
      };
      const refusal = { reason, detail: 'the storage: key storage here: what it said' };
      expect(await store.obtain('peer')).toMatchObject(refusal);
      // A look is not a use, but nothing is looked up in what is damaged.
      const looked = fault === 'damaged' ? refusal : { reason: 'unknown-key' };
      expect(await store.fetch('peer', keyIdOf(1))).toMatchObject(looked);
      expect(await store.deliver('peer', keyIdOf(1))).toMatchObject(refusal);
      expect([await store.confirm(keyIdOf(1)), await store.retire(keyIdOf(1))]).toEqual([false, false]);
      await expect(store.quarantine(0, 1, 'drill')).rejects.toThrow('what it said');
      await store.maintain();
      expect(store.trouble).toMatchObject({ reason, detail: 'key storage here: what it said' });
      storage.commit = commit;
      if (fault === 'damaged') return expect(await store.obtain('peer')).toMatchObject(refusal);
      expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(1));
      expect(store.trouble).toBeUndefined();
    },
  );
});
