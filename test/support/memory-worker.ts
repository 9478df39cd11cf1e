/**
 * Takes one key through its whole life and stops at each stage until it is told to go on, so that its memory can be looked
 * at. Arguments: file with the KME's answer, database, key ID. The key comes as octets and never becomes a string here.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Etsi014Client, KeyStore } from '#qkd';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';

const [answer = '', database = '', keyId = ''] = process.argv.slice(2);
const go = new Uint8Array(1);

/** Says which stage is reached and waits for one octet. */
function stage(name: string): void {
  writeSync(1, `${name}\n`);
  readSync(0, go);
}

/** Into a buffer of its own: what HTTPS hands over, without what TLS and the HTTP parser keep. */
function body(): Uint8Array {
  const file = openSync(answer, 'r');
  const octets = new Uint8Array(fstatSync(file).size);
  readSync(file, octets);
  closeSync(file);
  return octets;
}

const source = new Etsi014Client(
  { request: () => Promise.resolve({ status: 200, body: body() }) },
  { keySizeBits: 256 },
);
const storage = new SqliteKeyStorage(database);
const store = await KeyStore.open({
  source,
  storage,
  clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  random: (length) => new Uint8Array(randomBytes(length)),
});
if ((await store.announce('peer', [keyId])) !== 1) throw new Error('the key did not come');
stage('stored');
const reply = await store.fetch('peer', keyId);
if (reply.status !== 'ok') throw new Error(reply.detail);
stage('delivered');
reply.secret.wipe();
await store.retire(keyId);
store.close();
storage.close();
stage('destroyed');
