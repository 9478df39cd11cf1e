/** Random operations on a store, with crashes: no key is given twice and every key received is in one state. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyReply, KeyStore, Secret, verifyAudit } from '#qkd';
import { bytesOf, errorOf, FailingStorage, FakeClock, FakeKme, keyIdOf, random } from './fixtures.ts';

type Operation =
  | {
      readonly do:
        | 'obtain'
        | 'reserve'
        | 'beginEpoch'
        | 'prefetch'
        | 'maintain'
        | 'crash'
        | 'kmeFails'
        | 'diskFails';
    }
  | { readonly do: 'fetch' | 'announce' | 'retire' | 'confirm'; readonly number: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'quarantine'; readonly agoMs: number };

const number = fc.integer({ min: 500, max: 520 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'obtain' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fetch' as const), number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('announce' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('retire' as const, 'confirm' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 12_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('quarantine' as const), agoMs: fc.nat({ max: 1500 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'reserve' as const,
        'beginEpoch' as const,
        'prefetch' as const,
        'maintain' as const,
        'crash' as const,
        'kmeFails' as const,
        'diskFails' as const,
      ),
    }),
  },
);

/** A store that is reopened over the same storage after each crash, by the same KME. */
class World {
  readonly storage = new FailingStorage();
  readonly kme = new FakeKme();
  readonly clock = new FakeClock();
  readonly granted: string[] = [];
  /** Keys that earlier lives of the store received and could not write down. */
  store!: KeyStore;

  static async make(): Promise<World> {
    const world = new World();
    for (let next = 500; next <= 520; next++) world.kme.waiting.add(keyIdOf(next));
    world.store = await world.open();
    return world;
  }

  open(): Promise<KeyStore> {
    return KeyStore.open({
      source: this.kme,
      storage: this.storage,
      clock: this.clock,
      random,
      keyEncryptionKey: Secret.own(new Uint8Array(32).fill(3)),
      maxAgeMs: 3000,
      retention: { endedMs: 1500, unendedMs: 4000 },
      pool: { low: 2, high: 5, maxPerRequest: 3, backOffMs: 10 },
    });
  }

  /** Starts an operation; a crash forgets what the store's memory holds and what is under way. */
  start(operation: Operation): Promise<unknown> {
    const { store, clock, kme, storage } = this;
    switch (operation.do) {
      case 'obtain':
        return store.obtain('peer').then((reply) => this.take(reply));
      case 'fetch':
        return store.fetch('peer', keyIdOf(operation.number)).then((reply) => this.take(reply));
      case 'announce':
        return store.announce('peer', [keyIdOf(operation.number), keyIdOf(operation.number - 1)]);
      case 'reserve':
        return store
          .reserve('peer', 2)
          .then(([first]) => first && store.deliver('peer', first.keyId))
          .then((reply) => reply && this.take(reply))
          .catch(() => undefined);
      case 'beginEpoch':
        return store.beginEpoch().catch(() => undefined);
      case 'confirm':
        return store.confirm(keyIdOf(operation.number));
      case 'retire':
        return store.retire(keyIdOf(operation.number));
      case 'quarantine':
        return store.quarantine(store.now() - operation.agoMs, store.now(), 'drill').catch(() => []);
      case 'maintain':
        return store.maintain();
      case 'prefetch':
        return Promise.resolve(store.prefetch('peer'));
      case 'pass':
        return Promise.resolve(clock.pass(operation.ms));
      case 'kmeFails':
        return Promise.resolve(kme.fail.push(errorOf('unreachable', { mayHaveBurnt: true })));
      case 'diskFails':
        storage.failures++;
        return Promise.resolve();
      case 'crash':
        return this.open().then((store) => {
          this.store = store;
        });
    }
  }

  take(reply: KeyReply): void {
    if (reply.status !== 'ok') return;
    expect(reply.ageMs).toBeLessThanOrEqual(3000);
    expect(Buffer.from(reply.secret.use((bytes) => bytes.slice()))).toEqual(
      Buffer.from(bytesOf(reply.keyId)),
    );
    reply.secret.wipe();
    this.granted.push(reply.keyId);
  }

  async check(): Promise<void> {
    expect(new Set(this.granted).size).toBe(this.granted.length);
    for (const keyId of this.granted.filter((id) => !this.storage.wasPruned(id)))
      expect(['delivered', 'in-use', 'retired', 'quarantined']).toContain(this.storage.find(keyId)?.state);
    const { delivered, suspected, ...states } = await this.store.counts();
    expect(suspected).toBeGreaterThanOrEqual(0);
    expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(delivered);
    expect(await verifyAudit(this.storage)).toMatchObject({ ok: true });
  }
}

async function rest(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('any sequence of operations', () => {
  it('gives no key twice and loses no key from the books, one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const world = await World.make();
        for (const next of operations) {
          if (next.do === 'diskFails' || next.do === 'crash') await rest();
          await world.start(next);
        }
        world.storage.failures = 0;
        await rest();
        await world.check();
      }),
      { numRuns: 150 },
    );
  });

  it('gives no key twice and loses no key from the books, all at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const world = await World.make();
        await Promise.all(operations.map((next) => world.start(next)));
        world.storage.failures = 0;
        await rest();
        await world.check();
      }),
      { numRuns: 150 },
    );
  });
});
