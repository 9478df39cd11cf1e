/** Random operations on a store, with crashes: no key is given twice and every key received is in one state. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyReply, KeyStore, Secret, verifyAudit } from '#qkd';
import { bytesOf, errorOf, FailingStorage, FakeClock, FakeKme, keyIdOf, random } from './fixtures.ts';

type Operation =
  | { readonly do: 'obtain' | 'prefetch' | 'maintain' | 'crash' | 'kmeFails' | 'diskFails' }
  | { readonly do: 'fetch' | 'announce' | 'retire'; readonly number: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'quarantine'; readonly agoMs: number };

const number = fc.integer({ min: 500, max: 520 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'obtain' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fetch' as const), number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('announce' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('retire' as const), number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 2000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('quarantine' as const), agoMs: fc.nat({ max: 1500 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
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
  store: KeyStore;

  constructor() {
    for (let next = 500; next <= 520; next++) this.kme.waiting.add(keyIdOf(next));
    this.store = this.open();
  }

  open(): KeyStore {
    return new KeyStore({
      source: this.kme,
      storage: this.storage,
      clock: this.clock,
      random,
      keyEncryptionKey: Secret.own(new Uint8Array(32).fill(3)),
      maxAgeMs: 3000,
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
      case 'retire':
        return store.retire(keyIdOf(operation.number));
      case 'quarantine':
        return store.quarantine(store.now() - operation.agoMs, store.now(), 'drill');
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
        this.store = this.open();
        return Promise.resolve();
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

  check(): void {
    expect(new Set(this.granted).size).toBe(this.granted.length);
    for (const keyId of this.granted)
      expect(['used', 'retired', 'quarantined']).toContain(this.storage.find(keyId)?.state);
    const { delivered, used, burnt, stored, expired, quarantined } = this.store.counts();
    expect(used + burnt + stored + expired + quarantined).toBe(delivered);
    expect(verifyAudit(this.storage)).toBeUndefined();
  }
}

async function rest(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('any sequence of operations', () => {
  it('gives no key twice and loses no key from the books, one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const world = new World();
        for (const next of operations) {
          if (next.do === 'diskFails' || next.do === 'crash') await rest();
          await world.start(next);
        }
        world.storage.failures = 0;
        await rest();
        world.check();
      }),
      { numRuns: 150 },
    );
  });

  it('gives no key twice and loses no key from the books, all at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const world = new World();
        await Promise.all(operations.map((next) => world.start(next)));
        world.storage.failures = 0;
        await rest();
        world.check();
      }),
      { numRuns: 150 },
    );
  });
});
