/**
 * Uses a key store until it kills itself at the n-th boundary between two steps of it, and prints the ID of each key that
 * was given. Arguments: a path or a database, a folder for segments of the record, the number of the first key, n. Nothing
 * is flushed or closed on the way out. Rows and segments have short lives, so that pruning and rotation are among the steps.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import {
  type AuditArchive,
  AuditRotation,
  type AuditRow,
  type Change,
  type Done,
  type KeyReply,
  type KeyStorage,
  KeyStore,
  Secret,
} from '#qkd';
import { AuditFolder } from '../../n3iwf/io/audit-archive.ts';
import { PostgresKeyStorage } from '../../n3iwf/io/postgres-key-storage.ts';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';
import { FakeKme, keyIdOf } from '../qkd/store/fixtures.ts';

const [place = '', archive = '', first = '1', lastBoundary = '1'] = process.argv.slice(2);
let boundary = 0;

/** One boundary: the process may end here as if its power were cut. */
function step(): void {
  if (++boundary === Number(lastBoundary)) process.kill(process.pid, 'SIGKILL');
}

/** Has a boundary before, within and after each transaction. */
function watched(storage: KeyStorage): KeyStorage {
  const commit = storage.commit.bind(storage);
  storage.commit = async (
    changes: readonly Change[],
    record: (done: Done, last: AuditRow | undefined) => readonly AuditRow[],
  ) => {
    step();
    const done = await commit(changes, (given, last) => {
      step();
      const rows = record(given, last);
      step();
      return rows;
    });
    step();
    return done;
  };
  return storage;
}

/** Has a boundary before and after each answer of the KME. */
class WatchedKme extends FakeKme {
  override async encKeys(slave: string, number: number) {
    step();
    const answer = await super.encKeys(slave, number);
    step();
    return answer;
  }

  override async decKeys(master: string, keyIds: readonly string[]) {
    step();
    const answer = await super.decKeys(master, keyIds);
    step();
    return answer;
  }
}

/** Has a boundary before and after each file. */
class WatchedFolder extends AuditFolder {
  override async write(...parameters: Parameters<AuditArchive['write']>): Promise<void> {
    step();
    await super.write(...parameters);
    step();
  }
}

function report(reply: KeyReply): string | undefined {
  step();
  if (reply.status !== 'ok') return undefined;
  writeSync(1, `${reply.keyId}\n`);
  step();
  return reply.keyId;
}

const kme = new WatchedKme(Number(first));
const storage = place.startsWith('postgres:')
  ? await PostgresKeyStorage.open(place)
  : new SqliteKeyStorage(place);
const store = await KeyStore.open({
  source: kme,
  storage: watched(storage),
  clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  random: (length) => new Uint8Array(randomBytes(length)),
  keyEncryptionKey: Secret.own(new Uint8Array(32).fill(9)),
  pool: { low: 4, high: 8 },
  retention: { endedMs: 300, unendedMs: 3_600_000 },
});
const rotation = new AuditRotation({
  storage,
  archive: new WatchedFolder(archive),
  segmentRows: 100,
  now: () => store.now(),
  wallMs: Date.now,
});
for (let turn = 0; ; turn++) {
  const named = [0, 1].map((index) => keyIdOf(Number(first) + 5000 + 2 * turn + index));
  for (const keyId of named) kme.waiting.add(keyId);
  const [ahead = '', asked = ''] = named;
  const replies = await Promise.all([
    store.obtain('peer'),
    store.obtain('peer'),
    store.fetch('peer', asked),
    store.announce('peer', [ahead]).then(() => store.fetch('peer', ahead)),
    store.reserve('peer', 1).then(([key]) => key && store.deliver('peer', key.keyId)),
  ]);
  const given = replies.map((reply) => reply && report(reply));
  for (const keyId of given.slice(0, 2)) if (keyId !== undefined) await store.confirm(keyId);
  step();
  for (const keyId of given.slice(0, 1)) if (keyId !== undefined) await store.retire(keyId);
  await store.maintain();
  // Another worker may have cut the same rows.
  await rotation.turn().catch(() => false);
}
