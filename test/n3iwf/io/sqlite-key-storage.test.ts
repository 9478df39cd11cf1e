import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ENDED_STATES, type KeyRow, MemoryKeyStorage } from '#qkd';
import { selectionSql } from '../../../n3iwf/io/key-selection-sql.ts';
import { SqliteKeyStorage } from '../../../n3iwf/io/sqlite-key-storage.ts';
import { crashRounds } from '../../support/crash-rounds.ts';
import { attempt, change, view } from './storage-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'storage-'));
let files = 0;

function fresh(): string {
  return join(folder, `${files++}.db`);
}

afterAll(() => rmSync(folder, { recursive: true }));

describe('the SQLite key storage', () => {
  it('does what the storage in memory does, before and after it is opened again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }),
        async (transactions) => {
          const path = fresh();
          const model = new MemoryKeyStorage();
          let storage = new SqliteKeyStorage(path);
          for (const [index, changes] of transactions.entries()) {
            expect(await attempt(storage, changes)).toEqual(await attempt(model, changes));
            if (index % 5 === 4) {
              storage.close();
              storage = new SqliteKeyStorage(path);
            }
            expect(await view(storage)).toEqual(await view(model));
          }
          storage.close();
          storage.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('syncs each transaction and logs ahead', () => {
    const path = fresh();
    new SqliteKeyStorage(path).close();
    const database = new DatabaseSync(path);
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
  });

  it('keeps two who write apart: one ID is inserted once', () => {
    const path = fresh();
    const [one, two] = [new SqliteKeyStorage(path), new SqliteKeyStorage(path)];
    const key: KeyRow = {
      keyId: 'k',
      peer: 'p',
      role: 'slave',
      state: 'delivered',
      sealed: undefined,
      epoch: 'e',
      receivedAtMs: 1,
      changedAtMs: 1,
    };
    expect(one.commit([{ do: 'insert', rows: [key] }], () => [])).toEqual([[key]]);
    expect(two.commit([{ do: 'insert', rows: [key] }], () => [])).toEqual([[]]);
    expect(two.find('k')).toEqual(key);
    one.close();
    two.close();
  });
});

describe('files that the SQLite key storage takes, or leaves as they are', () => {
  it.each([
    ['text', 'this is no database, only text that is long enough to be taken for one'.repeat(20)],
    ['a cut header', 'SQLite format 3\0'],
  ])('refuses a file of %s and leaves it as it is', (_what, content) => {
    const path = fresh();
    writeFileSync(path, content);
    expect(() => new SqliteKeyStorage(path)).toThrow(`key storage ${path}: `);
    expect(statSync(path).size).toBe(content.length);
  });

  it('refuses a database of another form', () => {
    const path = fresh();
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => new SqliteKeyStorage(path)).toThrow('its form is 99, not 3');
  });

  it('makes its form of the one before, and keeps what is in it', () => {
    const path = fresh();
    const storage = new SqliteKeyStorage(path);
    const key: KeyRow = {
      keyId: 'k',
      peer: 'p',
      role: 'slave',
      state: 'retired',
      sealed: undefined,
      epoch: 'e',
      receivedAtMs: 1,
      changedAtMs: 1,
    };
    storage.commit([{ do: 'insert', rows: [key] }], () => []);
    storage.close();
    const old = new DatabaseSync(path);
    old.exec(
      'DROP INDEX keys_ended; DROP INDEX keys_used; DROP TABLE tombstones; DROP TABLE pruned; DROP TABLE incidents; DROP TABLE audit_base; PRAGMA user_version = 2',
    );
    old.close();
    const upgraded = new SqliteKeyStorage(path);
    expect(upgraded.find('k')).toEqual(key);
    expect(upgraded.commit([{ do: 'prune', where: { states: ENDED_STATES } }], () => [])).toEqual([[key]]);
    expect([upgraded.find('k'), upgraded.wasPruned('k')]).toEqual([undefined, true]);
    upgraded.close();
  });

  it('finds what is due to leave by an index', () => {
    const path = fresh();
    new SqliteKeyStorage(path).close();
    const database = new DatabaseSync(path);
    for (const [states, index] of [
      [ENDED_STATES, 'keys_ended'],
      [['delivered', 'in-use'], 'keys_used'],
    ] as const) {
      const { text, values } = selectionSql({ states, changedBeforeMs: 5, limit: 10 }, () => '?');
      const plan = database.prepare(`EXPLAIN QUERY PLAN SELECT * FROM keys WHERE ${text}`).all(...values);
      expect(JSON.stringify(plan)).toContain(index);
    }
    database.close();
  });
});

describe('the SQLite key storage and files that it cannot use', () => {
  it('refuses a damaged database', () => {
    const path = fresh();
    const storage = new SqliteKeyStorage(path);
    const rows = Array.from({ length: 2000 }, (_, index) => index + 1);
    storage.commit([], () =>
      rows.map((sequence) => ({ sequence, atMs: 1, event: 'x'.repeat(40), hash: new Uint8Array(32) })),
    );
    storage.close();
    const size = statSync(path).size;
    const database = Buffer.alloc(size, 0x5a);
    writeFileSync(path, database.subarray(8192), { flag: 'r+' });
    expect(() => new SqliteKeyStorage(path)).toThrow(`key storage ${path}: `);
  });

  it('says that another process holds it, that it failed, and that it is damaged, each as such', () => {
    const path = fresh();
    const storage = new SqliteKeyStorage(path, 20);
    const other = new DatabaseSync(path);
    const note = () =>
      storage.commit([], (_done, last) => [
        { sequence: (last?.sequence ?? 0) + 1, atMs: 1, event: 'x'.repeat(20_000), hash: new Uint8Array(32) },
      ]);
    other.exec('BEGIN IMMEDIATE');
    expect(note).toThrow(expect.objectContaining({ fault: 'busy' }));
    other.exec('ROLLBACK');
    note();
    other.exec('DROP TABLE audit');
    expect(note).toThrow(
      expect.objectContaining({ fault: 'failed', message: expect.stringContaining(path) }),
    );
    other.close();
    storage.close();
    writeFileSync(path, 'no database any more'.repeat(1000));
    expect(() => new SqliteKeyStorage(path)).toThrow(expect.objectContaining({ fault: 'damaged' }));
  });

  it('names a folder that is not there', () => {
    const path = join(folder, 'absent', 'keys.db');
    expect(() => new SqliteKeyStorage(path)).toThrow(`key storage ${path}: unable to open`);
  });
});

describe('processes that are killed at any step, several at a time', () => {
  it('use no key twice, and the record agrees with the rows', async () => {
    const path = fresh();
    const result = await crashRounds(path, () => Promise.resolve(new SqliteKeyStorage(path)), 100, 1);
    expect(result.given).toBeGreaterThan(100);
    expect(result.received).toBeGreaterThan(result.given);
  }, 120_000);
});
