// needs: postgres

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ENDED_STATES, type KeyRow, KeyStore, MemoryKeyStorage, Secret, verifyAudit } from '#qkd';
import { PostgresKeyStorage } from '../../../n3iwf/io/postgres-key-storage.ts';
import { FakeKme, keyIdOf } from '../../qkd/store/fixtures.ts';
import { crashRounds } from '../../support/crash-rounds.ts';
import { TestPostgres } from '../../support/postgres.ts';
import { attempt, change, view } from './storage-model.ts';

let server: TestPostgres;
let databases = 0;

const fresh = () => server.database(`keys${databases++}`);

beforeAll(async () => {
  server = await TestPostgres.start();
}, 60_000);

afterAll(() => server.stop());

function storeOver(storage: PostgresKeyStorage, kme: FakeKme): Promise<KeyStore> {
  return KeyStore.open({
    source: kme,
    storage,
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    random: (length) => new Uint8Array(randomBytes(length)),
    keyEncryptionKey: Secret.own(new Uint8Array(32).fill(9)),
    pool: { low: 1, high: 200, maxPerRequest: 200 },
    later: setImmediate,
  });
}

function waiting(number: number): KeyRow {
  return {
    keyId: keyIdOf(number),
    peer: 'p',
    role: 'master',
    state: 'stored',
    sealed: Uint8Array.of(number),
    epoch: 'e',
    receivedAtMs: 1,
    changedAtMs: 1,
  };
}

describe('the PostgreSQL key storage', () => {
  it('does what the storage in memory does, before and after it is opened again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 }),
        async (transactions) => {
          const url = fresh();
          const model = new MemoryKeyStorage();
          let storage = await PostgresKeyStorage.open(url);
          for (const [index, changes] of transactions.entries()) {
            expect(await attempt(storage, changes)).toEqual(await attempt(model, changes));
            if (index === 4) {
              await storage.close();
              storage = await PostgresKeyStorage.open(url);
            }
          }
          expect(await view(storage)).toEqual(await view(model));
          await storage.close();
        },
      ),
      { numRuns: 12 },
    );
  }, 60_000);

  it('passes over what another transaction holds, instead of waiting for it', async () => {
    const url = fresh();
    const [one, two] = [await PostgresKeyStorage.open(url), await PostgresKeyStorage.open(url)];
    await one.commit([{ do: 'insert', rows: [1, 2, 3, 4].map(waiting) }], () => []);
    const take = {
      do: 'move',
      where: { states: ['stored'], peer: 'p', role: 'master', limit: 2 },
      to: 'delivered',
      atMs: 2,
    } as const;
    const taken = await Promise.all([one.commit([take], () => []), two.commit([take], () => [])]);
    const ids = taken.flatMap(([rows]) => rows?.map((row) => row.keyId));
    expect([...ids].sort()).toEqual([1, 2, 3, 4].map(keyIdOf));
    await Promise.all([one.close(), two.close()]);
  });

  it('writes nothing of a transaction whose record fails', async () => {
    const storage = await PostgresKeyStorage.open(fresh());
    const failing = storage.commit([{ do: 'insert', rows: [waiting(1)] }], () => {
      throw new Error('no record');
    });
    await expect(failing).rejects.toThrow('no record');
    expect(await storage.find(keyIdOf(1))).toBeUndefined();
    await storage.close();
  });
});

describe('the PostgreSQL key storage of several nodes', () => {
  it('gives each key to one of several nodes, and chains what all of them did into one record', async () => {
    const url = fresh();
    const storages = await Promise.all([1, 2, 3].map(() => PostgresKeyStorage.open(url)));
    const stores: KeyStore[] = [];
    for (const [index, storage] of storages.entries())
      stores.push(await storeOver(storage, new FakeKme(1 + index * 1_000_000)));
    const given: string[] = [];
    const node = async (store: KeyStore): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) {
        const replies = await Promise.all(Array.from({ length: 20 }, () => store.obtain('peer')));
        for (const reply of replies) if (reply.status === 'ok') given.push(reply.keyId);
      }
    };
    await Promise.all(stores.map(node));
    expect(given).toHaveLength(600);
    expect(new Set(given).size).toBe(600);
    const [storage] = storages;
    expect(await verifyAudit(storage!)).toMatchObject({ ok: true });
    const counts = await stores[0]!.counts();
    expect(counts.used).toBe(600);
    expect(counts.stored + counts.used).toBe(counts.delivered);
    for (const each of storages) await each.close();
  }, 60_000);
});

describe('forms of database of the PostgreSQL key storage', () => {
  it('makes its form of the one before, and keeps what is in it; a look changes nothing', async () => {
    const url = fresh();
    expect(await PostgresKeyStorage.examine(url)).toBeUndefined();
    const storage = await PostgresKeyStorage.open(url);
    const key: KeyRow = { ...waiting(1), state: 'retired', sealed: undefined };
    await storage.commit([{ do: 'insert', rows: [key] }], () => []);
    await storage.close();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(
      'SET search_path = qn3iwf; DROP INDEX keys_ended, keys_used; DROP TABLE tombstones, pruned, incidents, audit_base; UPDATE form SET form = 1',
    );
    await client.end();
    expect(await PostgresKeyStorage.examine(url)).toBe(1);
    const upgraded = await PostgresKeyStorage.open(url);
    expect(await PostgresKeyStorage.examine(url)).toBe(2);
    expect(await upgraded.commit([{ do: 'prune', where: { states: ENDED_STATES } }], () => [])).toEqual([
      [key],
    ]);
    expect([await upgraded.find(key.keyId), await upgraded.wasPruned(key.keyId)]).toEqual([undefined, true]);
    await upgraded.close();
  });

  it('refuses a database of another form', async () => {
    const url = fresh();
    const storage = await PostgresKeyStorage.open(url);
    await storage.close();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query('UPDATE qn3iwf.form SET form = 99');
    await client.end();
    await expect(PostgresKeyStorage.open(url)).rejects.toThrow('its form is 99, not 2');
  });
});

describe('databases that the PostgreSQL key storage cannot use', () => {
  it('says which database it cannot reach, and not the password', async () => {
    const opening = PostgresKeyStorage.open('postgres://user:secret@127.0.0.1:1/keys');
    await expect(opening).rejects.toMatchObject({
      fault: 'unreachable',
      message: expect.stringMatching(/^key storage postgres:\/\/user@127\.0\.0\.1:1\/keys: /),
    });
  });

  it('refuses keys while the database is down, gives none twice after its crash, and goes on', async () => {
    const storage = await PostgresKeyStorage.open(fresh());
    const store = await storeOver(storage, new FakeKme());
    const given: string[] = [];
    const take = async (count: number): Promise<string[]> => {
      const replies = await Promise.all(Array.from({ length: count }, () => store.obtain('peer')));
      for (const reply of replies) if (reply.status === 'ok') given.push(reply.keyId);
      return replies.flatMap((reply) => (reply.status === 'refused' ? [reply.reason] : []));
    };
    expect(await take(20)).toEqual([]);
    const meanwhile = take(20);
    await server.crash();
    await meanwhile;
    expect(new Set(await take(3))).toEqual(new Set(['storage-unreachable']));
    await server.resume();
    // connections come back by themselves, each in its own time
    await vi.waitFor(async () => expect(await take(5)).toEqual([]), { timeout: 30_000, interval: 200 });
    expect(await take(20)).toEqual([]);
    expect(new Set(given).size).toBe(given.length);
    for (const keyId of given) expect((await storage.find(keyId))?.state).toBe('delivered');
    expect(await verifyAudit(storage)).toMatchObject({ ok: true });
    await storage.close();
  }, 60_000);
});

describe('nodes that are killed at any step, several at a time', () => {
  it('use no key twice, and the record agrees with the rows', async () => {
    const url = fresh();
    const result = await crashRounds(url, () => PostgresKeyStorage.open(url), 60, 1);
    expect(result.given).toBeGreaterThan(60);
    expect(result.received).toBeGreaterThan(result.given);
  }, 120_000);
});
