/** Damage of a key store's file is found while a node works on it. */
import { mkdtempSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeyStore, Secret } from '#qkd';
import { SqliteKeyStorage } from '../../../n3iwf/io/sqlite-key-storage.ts';
import { examineKeyFile } from '../../../n3iwf/io/sqlite-scrub.ts';
import { linkEvents } from '../../../qkd/store/audit.ts';
import { FakeClock, FakeKme, keyIdOf, random } from '../../qkd/store/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'scrub-'));
let files = 0;
let path: string;
let storage: SqliteKeyStorage;
let store: KeyStore;
let clock: FakeClock;

beforeEach(async () => {
  path = join(folder, `${files++}.db`);
  storage = new SqliteKeyStorage(path, 200);
  clock = new FakeClock();
  store = await KeyStore.open({
    source: new FakeKme(),
    storage,
    clock,
    random,
    keyEncryptionKey: Secret.own(new Uint8Array(32).fill(4)),
    pool: { low: 1, high: 20, maxPerRequest: 20 },
  });
  store.prefetch('peer');
  await store.obtain('peer');
});
afterEach(() => {
  store.close();
  storage.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What another process does to the file. */
function elsewhere(sql: string): void {
  const other = new DatabaseSync(path);
  other.exec(sql);
  other.close();
}

describe('a key file that is sound', () => {
  it('is found to be so, turn after turn, while it grows', async () => {
    for (let turn = 0; turn < 40; turn++) {
      storage.scrub();
      const reply = await store.obtain('peer');
      expect(reply.status).toBe('ok');
      clock.pass(6000);
      await store.maintain();
    }
    expect(store.trouble).toBeUndefined();
    expect(examineKeyFile(path)).toBe(3);
  });

  it('is no reason for a word while another process holds it', async () => {
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    storage.scrub();
    other.exec('ROLLBACK');
    other.close();
    expect(store.trouble).toBeUndefined();
  });
});

const damages: readonly (readonly [what: string, act: () => void, says: RegExp])[] = [
  [
    'a state that is none',
    () => elsewhere("UPDATE keys SET state = 'new' WHERE sequence = 5"),
    /unknown state new/,
  ],
  [
    'sealed octets gone',
    () => elsewhere('UPDATE keys SET sealed = NULL WHERE sequence = 5'),
    /stored and sealed, or neither/,
  ],
  [
    'a used key that waits again',
    () => elsewhere("UPDATE keys SET state = 'stored' WHERE state = 'delivered'"),
    /stored and sealed, or neither/,
  ],
  [
    'an edited row of the record',
    () => elsewhere("UPDATE audit SET event = replace(event, 'peer', 'pear') WHERE sequence = 2"),
    /row 2 of the audit record/,
  ],
  ['a table gone', () => elsewhere('DROP TABLE epochs; DROP TABLE audit'), /no such table/],
  ['the file gone', () => unlinkSync(path), /cannot be opened any more/],
  [
    'an older copy in its place',
    () => {
      elsewhere(`VACUUM INTO '${path}.copy'`);
      storage.commit([], (_done, last) => linkEvents(last, [{ atMs: 1, event: 'note' }], undefined));
      for (const log of [`${path}-wal`, `${path}-shm`]) unlinkSync(log);
      renameSync(`${path}.copy`, path);
    },
    /another stands in its place/,
  ],
];

describe('a key file that is damaged at run time', () => {
  it.each(damages)(
    'by %s is noticed within a few seconds, and no key leaves it any more',
    async (what, act, says) => {
      act();
      for (let turn = 0; turn < 3 && store.trouble === undefined; turn++) {
        clock.pass(6000);
        await store.maintain();
      }
      expect(store.trouble?.detail).toMatch(says);
      expect(store.trouble?.detail).toContain(path);
      if (what === 'a table gone') return;
      expect(store.trouble?.reason).toBe('storage-damaged');
      expect(await store.obtain('peer')).toMatchObject({ status: 'refused', reason: 'storage-damaged' });
    },
  );

  it('in the sealed octets of one key is noticed when it is taken; the others are given', async () => {
    elsewhere("UPDATE keys SET sealed = zeroblob(61) WHERE state = 'stored' AND sequence = 3");
    const keyId = keyIdOf(3);
    const replies = [await store.obtain('peer'), await store.obtain('peer')];
    expect(replies.map(({ status }) => status)).toEqual(['ok', 'ok']);
    expect(replies.map((reply) => reply.keyId)).not.toContain(keyId);
    expect(storage.find(keyId)?.state).toBe('burnt');
    expect(store.trouble).toMatchObject({ reason: 'storage-damaged', usable: true });
    elsewhere("UPDATE keys SET sealed = zeroblob(61) WHERE state = 'stored' AND sequence = 6");
    const [reserved] = await store.reserve('peer', 1);
    elsewhere("UPDATE keys SET sealed = zeroblob(61) WHERE state = 'reserved'");
    expect(await store.deliver('peer', reserved?.keyId ?? '')).toMatchObject({
      status: 'refused',
      reason: 'storage-damaged',
    });
  });
});

describe('a look at a key file that changes nothing', () => {
  it('says that there is none, of which form it is, and what is wrong', () => {
    expect(examineKeyFile(join(folder, 'none.db'))).toBeUndefined();
    const old = join(folder, 'old.db');
    const database = new DatabaseSync(old);
    database.exec('PRAGMA user_version = 2');
    database.close();
    expect(examineKeyFile(old)).toBe(2);
    elsewhere("UPDATE keys SET key_id = 'x' WHERE sequence = 1; PRAGMA writable_schema = ON");
    expect(examineKeyFile(path)).toBe(3);
    expect(() => examineKeyFile(folder)).toThrow(expect.objectContaining({ name: 'KeyStorageError' }));
  });
});
