import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyStore, Secret } from '#qkd';
import { readYaml } from '../../../n3iwf/cli/configuration-file.ts';
import {
  openCheckpointer,
  openKeyStorage,
  openRotation,
  readKeyEncryptionKey,
  readKeyPolicy,
} from '../../../n3iwf/cli/key-storage.ts';
import { runCli } from '../../../n3iwf/cli/program.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { linkEvents } from '../../../qkd/store/audit.ts';
import { FakeClock, FakeKme, keyIdOf, random } from '../../qkd/store/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'books-'));
const at = (name: string) => join(folder, name);
let printed: string[] = [];
let said: string[] = [];
let number = 0;

beforeEach(() => {
  printed = [];
  said = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(String(text));
    return true;
  });
  vi.spyOn(console, 'error').mockImplementation((text: unknown) => void said.push(String(text)));
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true }));

/** A configuration over a store of its own, with the checkpoints and keys that commands look for. */
function configured(
  more = '',
  audit = '',
): {
  readonly path: string;
  readonly store: string;
  readonly checkpoints: string;
} {
  const name = `n${number++}`;
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(at(`${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(at(`${name}.kek`), `${'5a'.repeat(32)}\n`);
  const example = readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8');
  const store = at(`${name}.db`);
  const checkpoints = at(`${name}.checkpoints`);
  const own = [
    `  store: ${store}`,
    `  keyEncryptionKey: { file: ${at(`${name}.kek`)} }`,
    `  audit: { signingKey: ${at(`${name}.pem`)}, checkpoints: ${checkpoints}, everyEvents: 2${audit && `, ${audit}`} }`,
    more,
  ];
  writeFileSync(at(`${name}.yaml`), example.replace(/^ {2}store: .*$/m, own.join('\n')));
  return { path: at(`${name}.yaml`), store, checkpoints };
}

/** A node that has prefetched six keys, used two, signed its record, and is gone. */
async function worked(path: string): Promise<void> {
  const { qkd } = readConfig(readYaml(path), path);
  const storage = await openKeyStorage(qkd!.store);
  const source = new FakeKme();
  const pool = { low: 1, high: 6 };
  const policy = readKeyPolicy(qkd!);
  const store = await KeyStore.open({ source, storage, clock: new FakeClock(), random, pool, ...policy });
  for (let taken = 0; taken < 3; taken++) {
    const reply = await store.obtain('sae-ue');
    if (reply.status === 'ok') await store.confirm(reply.keyId);
  }
  await openCheckpointer(qkd!, storage)?.follow(true);
  store.close();
  await storage.close();
}

const lastPrinted = (): unknown => JSON.parse(printed.at(-1) ?? '');

describe('n3iwf keys', () => {
  it('status: counts keys by state and pair', async () => {
    const { path } = configured();
    await worked(path);
    expect(await runCli(['keys', 'status', '-c', path])).toBe(0);
    expect(lastPrinted()).toMatchObject({
      received: 7,
      states: { 'in-use': 3, stored: 4 },
      waiting: { 'master sae-ue': 4 },
      epochs: [{ destroyed: false }],
      audit: { rows: expect.any(Number), lastAt: expect.stringMatching(/^20/) },
    });
  });

  it('list: shows what the books say of keys, and no key', async () => {
    const { path } = configured();
    await worked(path);
    expect(await runCli(['keys', 'list', '-c', path, '--state', 'stored', '--limit', '2'])).toBe(0);
    expect(printed).toHaveLength(2);
    expect(Object.keys(lastPrinted() as object)).toEqual([
      'keyId',
      'peer',
      'role',
      'state',
      'epoch',
      'received',
      'changed',
    ]);
    printed = [];
    expect(await runCli(['keys', 'list', '-c', path, '--peer', 'nobody'])).toBe(0);
    expect(printed).toEqual([]);
    expect(await runCli(['keys', 'list', '-c', path, '--state', 'lost'])).toBe(2);
    expect(said.at(-1)).toContain('--state lost: must be one of stored, reserved');
  });

  it('audit verify: holds the record against its checkpoints', async () => {
    const { path } = configured();
    await worked(path);
    expect(await runCli(['keys', 'audit', 'verify', '-c', path])).toBe(0);
    expect(lastPrinted()).toMatchObject({ status: 'ok', checkpoints: expect.any(Number) });
  });
});

const edits: readonly [string, string, object][] = [
  [
    'an edit',
    "UPDATE audit SET event = replace(event, 'sae-ue', 'sae-xx') WHERE sequence = 3",
    { row: 3, problem: 'changed' },
  ],
  ['a deletion', 'DELETE FROM audit WHERE sequence = 2', { row: 2, problem: 'gap' }],
  [
    'a swap',
    'UPDATE audit SET sequence = -3 WHERE sequence = 3; UPDATE audit SET sequence = 3 WHERE sequence = 4; UPDATE audit SET sequence = 4 WHERE sequence = -3',
    { row: 3, problem: 'changed' },
  ],
  ['a truncation', 'DELETE FROM audit WHERE sequence > 3', { row: 4, problem: 'truncated' }],
];

describe('n3iwf keys, where the books were tampered with', () => {
  it.each(edits)('audit verify: finds and locates %s', async (_what, sql, fault) => {
    const { path, store } = configured();
    await worked(path);
    const database = new DatabaseSync(store);
    database.exec(sql);
    database.close();
    expect(await runCli(['keys', 'audit', 'verify', '-c', path])).toBe(1);
    const found = lastPrinted() as { problem: string };
    // Rows that changed places hold the same time here or not; either way the first of them is named.
    if (found.problem === 'moved') found.problem = 'changed';
    expect(found).toMatchObject({ status: 'broken', ...fault });
  });

  it('audit verify: trusts no checkpoint that another key signed', async () => {
    const { path, checkpoints } = configured();
    await worked(path);
    const text = readFileSync(checkpoints, 'utf8');
    writeFileSync(checkpoints, text.replace(/^(\d+)$/m, '1$1'));
    expect(await runCli(['keys', 'audit', 'verify', '-c', path])).toBe(1);
    expect(lastPrinted()).toEqual({ status: 'broken', checkpoint: 1, problem: 'wrongly signed' });
  });
});

describe('n3iwf keys, and a record in segments', () => {
  it('audit find: prints the events of one key, plainly or by what stands for it', async () => {
    writeFileSync(at('id-secret'), '5b'.repeat(32));
    const hidden = `keyIds: hashed, keyIdSecret: { file: ${at('id-secret')} }`;
    for (const audit of ['', hidden]) {
      const { path, store } = configured('', audit);
      await worked(path);
      const database = new DatabaseSync(store);
      const rows = database.prepare('SELECT event FROM audit').all();
      database.close();
      expect(rows.some(({ event }) => String(event).includes(keyIdOf(1)))).toBe(audit === '');
      printed = [];
      expect(await runCli(['keys', 'audit', 'find', '-c', path, '--key', keyIdOf(1).toUpperCase()])).toBe(0);
      const events = printed.map((line) => JSON.parse(line) as { event: string });
      expect(events.map(({ event }) => event)).toEqual(['delivered', 'in-use']);
      expect(await runCli(['keys', 'audit', 'verify', '-c', path])).toBe(0);
      expect(await runCli(['keys', 'audit', 'find', '-c', path, '--key', keyIdOf(99)])).toBe(1);
      expect(await runCli(['keys', 'audit', 'find', '-c', path, '--key', '17'])).toBe(2);
    }
  });

  it('audit verify and find: read segments, of the configuration or of folders that are named', async () => {
    const folder = at(`segments${number}`);
    const { path } = configured('', `archive: { folder: ${folder}, segmentRows: 100 }`);
    const { qkd } = readConfig(readYaml(path), path);
    const storage = await openKeyStorage(qkd!.store);
    const events = Array.from({ length: 250 }, (_, index) => ({
      atMs: index,
      event: 'burnt',
      keyIds: [keyIdOf(index)],
    }));
    await storage.commit([], (_done, last) => linkEvents(last, events, undefined));
    const rotation = openRotation(qkd!, storage, () => 300, openCheckpointer(qkd!, storage));
    expect([await rotation?.turn(), await rotation?.turn()]).toEqual([true, false]);
    await storage.close();
    const verify = (...words: string[]) => runCli(['keys', 'audit', 'verify', '-c', path, ...words]);
    expect(await verify()).toBe(0);
    expect(lastPrinted()).toMatchObject({ status: 'ok', first: 1, rows: 251, segments: 1, checkpoints: 1 });
    expect(await runCli(['keys', 'audit', 'find', '-c', path, '--key', keyIdOf(5)])).toBe(0);
    expect(lastPrinted()).toMatchObject({ event: 'burnt', seq: 6 });
    expect(await verify('--archive', at('nowhere'))).toBe(1);
    expect(lastPrinted()).toMatchObject({ status: 'broken', row: 1, problem: 'gap' });
    const file = join(folder, 'audit-000000000001-000000000100.log');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"at":41,', '"at":42,'));
    expect(await verify('--archive', folder)).toBe(1);
    expect(lastPrinted()).toMatchObject({ status: 'broken', row: 42, problem: 'changed' });
  });
});

describe('n3iwf keys, and a store that is at its end', () => {
  it('destroy-epoch: ends what waits under its key, for good', async () => {
    const { path, store } = configured();
    await worked(path);
    await runCli(['keys', 'status', '-c', path]);
    const { epochs } = lastPrinted() as { epochs: { epoch: string }[] };
    const epoch = epochs[0]!.epoch;
    expect(await runCli(['keys', 'destroy-epoch', '-c', path, '--epoch', epoch])).toBe(0);
    expect(lastPrinted()).toEqual({ epoch, destroyed: 4 });
    const database = new DatabaseSync(store);
    expect(database.prepare('SELECT wrapped FROM epochs').all()).toEqual([{ wrapped: null }]);
    expect(database.prepare('SELECT count(*) AS n FROM keys WHERE sealed IS NOT NULL').get()).toEqual({
      n: 0,
    });
    database.close();
    expect(await runCli(['keys', 'destroy-epoch', '-c', path, '--epoch', 'none'])).toBe(2);
    expect(said.at(-1)).toContain('the store has no such epoch');
  });

  it('says what is wrong with the store', async () => {
    const { path, store } = configured();
    writeFileSync(store, 'this is no database'.repeat(100));
    expect(await runCli(['keys', 'status', '-c', path])).toBe(7);
    expect(said.at(-1)).toContain(`key storage ${store}: file is not a database`);
  });
});

describe('the key-encryption key', () => {
  const raw = new Uint8Array(32).fill(0x5a);
  const same = (secret: ReturnType<typeof readKeyEncryptionKey>) =>
    secret instanceof Secret && secret.use((octets) => Buffer.from(octets).equals(raw));

  it('is read from a file, raw or in digits', () => {
    for (const [name, content] of [
      ['raw', raw],
      ['digits', '5a'.repeat(32)],
      ['capitals', `${'5A'.repeat(32)}\r\n`],
    ] as const) {
      writeFileSync(at(name), content);
      expect(same(readKeyEncryptionKey({ store: 'x', keyEncryptionKey: { file: at(name) } }, {}))).toBe(true);
    }
  });

  it('is read from a credential of the service manager', () => {
    writeFileSync(at('n3iwf-kek'), raw);
    const config = { store: 'x', keyEncryptionKey: { credential: 'n3iwf-kek' } };
    expect(same(readKeyEncryptionKey(config, { CREDENTIALS_DIRECTORY: folder }))).toBe(true);
    expect(() => readKeyEncryptionKey(config, {})).toThrow('CREDENTIALS_DIRECTORY is not set');
  });

  it.each([
    ['short', '5a'.repeat(31)],
    ['long', '5a'.repeat(33)],
    ['no digits', 'zz'.repeat(32)],
    ['empty', ''],
  ])('is refused when it is %s, without telling it', (_what, content) => {
    writeFileSync(at('bad'), content);
    const read = () => readKeyEncryptionKey({ store: 'x', keyEncryptionKey: { file: at('bad') } }, {});
    expect(read).toThrow('must hold 32 octets or 64 hexadecimal digits');
    expect(read).not.toThrow('5a5a');
  });

  it('is needed where several nodes share a store', () => {
    expect(readKeyEncryptionKey({ store: '/keys.db' }, {})).toBeUndefined();
    expect(() => readKeyEncryptionKey({ store: 'postgres://db/keys' }, {})).toThrow('need the same one');
  });
});
