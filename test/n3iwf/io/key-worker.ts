/** Takes keys from a store on disk as fast as it can and prints the ID of each: to be killed. Arguments: file, round. */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { KeyStore, Secret } from '#qkd';
import { SqliteKeyStorage } from '../../../n3iwf/io/sqlite-key-storage.ts';
import { FakeKme } from '../../qkd/store/fixtures.ts';

const [path = '', round = '0'] = process.argv.slice(2);
const store = await KeyStore.open({
  source: new FakeKme(1 + Number(round) * 1_000_000),
  storage: new SqliteKeyStorage(path),
  clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  random: (length) => new Uint8Array(randomBytes(length)),
  keyEncryptionKey: Secret.own(new Uint8Array(32).fill(9)),
  pool: { low: 20, high: 40 },
});
for (;;) {
  const replies = await Promise.all([store.obtain('peer'), store.obtain('peer'), store.obtain('peer')]);
  for (const reply of replies) if (reply.status === 'ok') writeSync(1, `${reply.keyId}\n`);
  await new Promise((resolve) => setImmediate(resolve));
}
