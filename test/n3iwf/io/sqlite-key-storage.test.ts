import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { KEY_STATES, type KeyRow, type KeyStorage, MemoryKeyStorage, verifyAudit } from '#qkd';
import { SqliteKeyStorage } from '../../../n3iwf/io/sqlite-key-storage.ts';

const folder = mkdtempSync(join(tmpdir(), 'storage-'));
let files = 0;

function fresh(): string {
  return join(folder, `${files++}.db`);
}

afterAll(() => rmSync(folder, { recursive: true }));

const row = fc.record<KeyRow>({
  keyId: fc.integer({ min: 1, max: 8 }).map((number) => `key-${number}`),
  peer: fc.constantFrom('a', "b'; --", ''),
  role: fc.constantFrom('master', 'slave'),
  state: fc.constantFrom(...KEY_STATES),
  sealed: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined }),
  epoch: fc.string({ unit: 'grapheme-ascii' }),
  receivedAtMs: fc.nat({ max: 100 }),
  changedAtMs: fc.nat(),
});
const change = fc.oneof(
  row.map((value) => (storage: KeyStorage) => storage.insert(value)),
  row.map((value) => (storage: KeyStorage) => {
    // A key never goes back to `stored`, so neither storage has to keep an order for that.
    if (value.state !== 'stored') storage.update(value.keyId, value.state, value.changedAtMs, value.sealed);
  }),
  fc.nat({ max: 50 }).map((atMs) => (storage: KeyStorage) => {
    const sequence = (storage.lastAudit()?.sequence ?? 0) + 1;
    storage.appendAudit({ sequence, atMs, event: `e ${atMs}`, hash: Uint8Array.of(atMs) });
  }),
);

/** Everything that can be seen of a storage. */
function view(storage: KeyStorage): unknown {
  const plain = (value: KeyRow | undefined): unknown =>
    value && { ...value, sealed: value.sealed && Array.from(value.sealed) };
  return {
    rows: Array.from({ length: 8 }, (_, index) => plain(storage.find(`key-${index + 1}`))),
    oldest: ['a', "b'; --", ''].map((peer) => plain(storage.oldestStored(peer, 'master'))),
    counts: ['a', ''].map((peer) => storage.storedCount(peer, 'slave')),
    before: storage.storedBefore(50, 3).map((value) => value.keyId),
    between: storage.receivedBetween(10, 60, 'a').map((value) => value.keyId),
    all: storage.receivedBetween(10, 60).map((value) => value.keyId),
    states: [...storage.countsByState()].sort(),
    audit: storage.auditRows(2, 2).map((value) => ({ ...value, hash: Array.from(value.hash) })),
    last: storage.lastAudit()?.sequence,
  };
}

function attempt(storage: KeyStorage, changes: readonly ((storage: KeyStorage) => void)[]): boolean {
  try {
    storage.transact(() => {
      for (const next of changes) next(storage);
    });
    return true;
  } catch {
    return false;
  }
}

describe('the SQLite key storage', () => {
  it('does what the storage in memory does, before and after it is opened again', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (transactions) => {
        const path = fresh();
        const model = new MemoryKeyStorage();
        let storage = new SqliteKeyStorage(path);
        for (const [index, changes] of transactions.entries()) {
          expect(attempt(storage, changes)).toBe(attempt(model, changes));
          if (index % 5 === 4) {
            storage.close();
            storage = new SqliteKeyStorage(path);
          }
          expect(comparable(view(storage))).toEqual(comparable(view(model)));
        }
        storage.close();
        storage.close();
      }),
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
      state: 'used',
      sealed: undefined,
      epoch: 'e',
      receivedAtMs: 1,
      changedAtMs: 1,
    };
    one.transact(() => one.insert(key));
    expect(() => two.transact(() => two.insert(key))).toThrow('UNIQUE');
    expect(two.find('k')).toEqual(key);
    one.close();
    two.close();
  });

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
    expect(() => new SqliteKeyStorage(path)).toThrow('its form is 99, not 1');
  });

  it('refuses a damaged database', () => {
    const path = fresh();
    const storage = new SqliteKeyStorage(path);
    storage.transact(() => {
      for (let sequence = 1; sequence <= 2000; sequence++)
        storage.appendAudit({ sequence, atMs: 1, event: 'x'.repeat(40), hash: new Uint8Array(32) });
    });
    storage.close();
    const size = statSync(path).size;
    const database = Buffer.alloc(size, 0x5a);
    writeFileSync(path, database.subarray(8192), { flag: 'r+' });
    expect(() => new SqliteKeyStorage(path)).toThrow(`key storage ${path}: `);
  });

  it('names a folder that is not there', () => {
    const path = join(folder, 'absent', 'keys.db');
    expect(() => new SqliteKeyStorage(path)).toThrow(`key storage ${path}: unable to open`);
  });
});

/** One that is killed at any moment: what it reported as given is marked used for good. */
describe('a process that is killed', () => {
  it('has given no key that its successor gives again', async () => {
    const path = fresh();
    const given: string[] = [];
    for (let round = 0; round < 12; round++) {
      const worker = spawn(process.execPath, [workerPath, path, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      given.push(...(await killedAfter(worker, 3 + ((round * 7) % 40))));
    }
    expect(given.length).toBeGreaterThan(100);
    expect(new Set(given).size).toBe(given.length);
    const storage = new SqliteKeyStorage(path);
    for (const keyId of given) expect(storage.find(keyId)?.state).toBe('used');
    expect(verifyAudit(storage)).toBeUndefined();
    storage.close();
  }, 60_000);
});

const workerPath = fileURLToPath(new URL('key-worker.ts', import.meta.url));

/** Reads whole lines, one key ID each, and kills the worker once there are `count`. */
async function killedAfter(worker: ChildProcess, count: number): Promise<string[]> {
  let text = '';
  worker.stdout?.on('data', (piece: Buffer) => {
    text += piece.toString();
    if (text.split('\n').length > count) worker.kill('SIGKILL');
  });
  await once(worker, 'close');
  return text.split('\n').slice(0, -1);
}

function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
