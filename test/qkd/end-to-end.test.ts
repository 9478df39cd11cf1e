/** The whole key part: a KME pair on loopback with mutual TLS, two clients, two stores on disk. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeyReply, KeyStore, type Secret, verifyAudit } from '#qkd';
import { type RunningKmes, startKmes } from '../../n3iwf/cli/kme.ts';
import { kmeSchema } from '../../n3iwf/cli/kme-config.ts';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';

const CLOCK = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
const folder = mkdtempSync(join(tmpdir(), 'keys-'));
let kmes: RunningKmes;
const open: SqliteKeyStorage[] = [];

async function storeOf(saeId: string, file: string, pool = {}): Promise<KeyStore> {
  const storage = new SqliteKeyStorage(join(folder, file));
  open.push(storage);
  const source = await kmes.client(saeId);
  return await KeyStore.open({
    source,
    storage,
    clock: CLOCK,
    random: (length) => new Uint8Array(randomBytes(length)),
    pool,
  });
}

function granted(reply: KeyReply): { keyId: string; secret: Secret } {
  if (reply.status !== 'ok') throw new Error(`${reply.reason}: ${reply.detail}`);
  return reply;
}

beforeAll(async () => {
  kmes = await startKmes(
    kmeSchema.parse({
      seed: 'end to end',
      nodes: [
        { kmeId: 'kme-ue', saeIds: ['ue-1', 'ue-2'] },
        { kmeId: 'kme-n3iwf', saeIds: ['n3iwf-1'] },
      ],
      links: [{ between: ['kme-ue', 'kme-n3iwf'], initialBits: 256 * 1000 }],
    }),
  );
});

afterAll(async () => {
  for (const storage of open) storage.close();
  await kmes.close();
  rmSync(folder, { recursive: true });
});

describe('a KME pair with two stores', () => {
  it('[ETSI014 5.1] gives both ends the same key by its ID, once', async () => {
    const ue = await storeOf('ue-1', 'ue.db');
    const n3iwf = await storeOf('n3iwf-1', 'n3iwf.db');
    const drawn = granted(await ue.obtain('n3iwf-1'));
    const fetched = granted(await n3iwf.fetch('ue-1', drawn.keyId));
    expect(fetched.keyId).toBe(drawn.keyId);
    expect(fetched.secret.length).toBe(32);
    expect(fetched.secret.equals(drawn.secret)).toBe(true);
    expect(await n3iwf.fetch('ue-1', drawn.keyId)).toMatchObject({
      status: 'refused',
      reason: 'already-used',
      keyId: drawn.keyId,
    });
    expect(await ue.counts()).toMatchObject({ delivered: 1, used: 1, burnt: 0 });
    expect(await n3iwf.counts()).toMatchObject({ delivered: 1, used: 1, burnt: 0 });
  });

  it('refuses a key ID used in an earlier life of the store', async () => {
    const ue = await storeOf('ue-1', 'ue-b.db');
    const before = await storeOf('n3iwf-1', 'again.db');
    const drawn = granted(await ue.obtain('n3iwf-1'));
    granted(await before.fetch('ue-1', drawn.keyId));
    before.close();
    open.at(-1)?.close();
    const after = await storeOf('n3iwf-1', 'again.db');
    expect(await after.fetch('ue-1', drawn.keyId)).toMatchObject({ reason: 'already-used' });
    expect(await verifyAudit(open.at(-1)!)).toMatchObject({ ok: true });
  });

  it('prefetches for many who ask at once, and no key goes to two', async () => {
    const ue = await storeOf('ue-1', 'pool.db', { low: 10, high: 20 });
    const replies = await Promise.all(Array.from({ length: 50 }, () => ue.obtain('n3iwf-1')));
    const keyIds = replies.map((reply) => granted(reply).keyId);
    expect(new Set(keyIds).size).toBe(50);
    const { delivered, used, stored } = await ue.counts();
    expect({ used, sum: used + stored }).toEqual({ used: 50, sum: delivered });
  });

  it('gives a key that the peer drew for another SAE to nobody else', async () => {
    const ue = await storeOf('ue-1', 'ue-c.db');
    const other = await storeOf('ue-2', 'other.db');
    const drawn = granted(await ue.obtain('n3iwf-1'));
    expect(await other.fetch('ue-1', drawn.keyId)).toMatchObject({ reason: 'unauthorised' });
    const n3iwf = await storeOf('n3iwf-1', 'n3iwf-c.db');
    expect(await n3iwf.fetch('ue-2', drawn.keyId)).toMatchObject({ reason: 'unauthorised' });
    expect(granted(await n3iwf.fetch('ue-1', drawn.keyId)).secret.equals(drawn.secret)).toBe(true);
  });

  it('says that an ID is unknown when no KME ever made it', async () => {
    const n3iwf = await storeOf('n3iwf-1', 'unknown.db');
    const keyId = '6d3f6a0e-7c57-4f0a-9b5e-0d9c4f2c8a11';
    expect(await n3iwf.fetch('ue-1', keyId)).toMatchObject({ reason: 'unknown-key', keyId });
    expect(await n3iwf.fetch('ue-1', 'no uuid')).toMatchObject({ reason: 'unknown-key' });
    expect(await n3iwf.counts()).toMatchObject({ delivered: 0, used: 0, burnt: 0, suspected: 0 });
  });
});
