import { describe, expect, it } from 'vitest';
import { type KeyReply, MemoryKeyStorage, REFUSAL_REASONS, Secret, verifyAudit } from '#qkd';
import { bench, bytesOf, errorOf, FailingStorage, FakeClock, FakeKme, keyIdOf, random } from './fixtures.ts';

const ID = keyIdOf(0xabc);

function grantedId(reply: KeyReply): string {
  if (reply.status !== 'ok') throw new Error(`${reply.reason}: ${reply.detail}`);
  expect(reply.secret.use((bytes) => Buffer.compare(bytes, bytesOf(reply.keyId)))).toBe(0);
  return reply.keyId;
}

describe('fetching a key by its ID', () => {
  it('asks the KME once, gives the key once, and refuses ever after', async () => {
    const { store, kme, storage } = await bench();
    kme.waiting.add(ID);
    expect(grantedId(await store.fetch('peer', ID.toUpperCase()))).toBe(ID);
    for (let time = 0; time < 3; time++)
      expect(await store.fetch('peer', ID)).toMatchObject({
        status: 'refused',
        reason: 'already-used',
        keyId: ID,
      });
    expect(kme.asked).toEqual([`dec peer ${ID}`]);
    expect(storage.find(ID)).toMatchObject({
      state: 'delivered',
      role: 'slave',
      peer: 'peer',
      sealed: undefined,
    });
  });

  it('gives it to one of many who ask at the same time', async () => {
    const { store, kme } = await bench();
    kme.waiting.add(ID);
    const replies = await Promise.all(Array.from({ length: 20 }, () => store.fetch('peer', ID)));
    expect(replies.filter((reply) => reply.status === 'ok')).toHaveLength(1);
    expect(
      replies.filter((reply) => reply.status === 'refused' && reply.reason === 'already-used'),
    ).toHaveLength(19);
    expect(kme.asked).toHaveLength(1);
  });

  it('tells all who wait when the KME fails, and lets the next one try', async () => {
    const { store, kme } = await bench();
    kme.waiting.add(ID);
    kme.fail = [errorOf('unreachable')];
    const replies = await Promise.all([store.fetch('peer', ID), store.fetch('peer', ID)]);
    for (const reply of replies)
      expect(reply).toMatchObject({ reason: 'unreachable', keyId: ID, detail: 'the KME: unreachable' });
    grantedId(await store.fetch('peer', ID));
  });

  it('passes no text that is no key ID on to the KME', async () => {
    const { store, kme } = await bench();
    for (const text of ['', 'x', `${ID} `, `{${ID}}`, ID.replaceAll('-', '')])
      expect(await store.fetch('peer', text)).toMatchObject({ reason: 'unknown-key' });
    expect(kme.asked).toEqual([]);
  });

  it('knows a key only for the pair and the side it came for', async () => {
    const { store, kme } = await bench();
    kme.waiting.add(ID);
    expect(await store.announce('peer', [ID])).toBe(1);
    expect(await store.fetch('other', ID)).toMatchObject({ reason: 'unknown-key' });
    const mine = grantedId(await store.obtain('peer'));
    expect(await store.fetch('peer', mine)).toMatchObject({ reason: 'unknown-key' });
    grantedId(await store.fetch('peer', ID));
  });
});

describe('fetching a key by its ID from a KME that fails', () => {
  it.each(['unauthorised', 'unavailable', 'wrong-kme', 'bad-request', 'unknown-key'] as const)(
    'passes on that the KME said %s',
    async (kind) => {
      const { store, kme } = await bench();
      kme.fail = [errorOf(kind)];
      expect(await store.fetch('peer', ID)).toMatchObject({ reason: kind, keyId: ID });
      expect(await store.counts()).toMatchObject({ delivered: 0, burnt: 0, suspected: 0 });
    },
  );

  it('writes down keys that came but cannot be used, and never takes them later', async () => {
    const { store, kme } = await bench();
    const other = keyIdOf(7);
    kme.fail = [errorOf('bad-answer', { mayHaveBurnt: true, burntKeyIds: [ID, other] })];
    expect(await store.fetch('peer', ID)).toMatchObject({ reason: 'bad-answer' });
    expect(await store.counts()).toMatchObject({ delivered: 2, burnt: 2, used: 0, suspected: 0 });
    kme.waiting.add(ID);
    expect(await store.fetch('peer', ID)).toMatchObject({ reason: 'already-used' });
  });

  it('counts what may be lost on the way, in the audit too', async () => {
    const { store, kme, storage } = await bench();
    kme.fail = [errorOf('unreachable', { mayHaveBurnt: true })];
    await store.fetch('peer', ID);
    expect(await store.counts()).toMatchObject({ delivered: 0, suspected: 1 });
    expect(storage.auditRows(1, 10).map((row) => JSON.parse(row.event).event)).toEqual(['suspected-burn']);
  });
});

describe('announced keys', () => {
  it('are fetched ahead, in one request, so that their use asks the KME nothing', async () => {
    const { store, kme, clock } = await bench();
    const keyIds = [1, 2, 3].map(keyIdOf);
    for (const keyId of keyIds) kme.waiting.add(keyId);
    expect(await store.announce('peer', [...keyIds, 'nonsense', ...keyIds])).toBe(3);
    clock.pass(1500);
    expect(await store.fetch('peer', keyIdOf(2))).toMatchObject({ status: 'ok', ageMs: 1500 });
    expect(kme.asked).toHaveLength(1);
    expect(await store.counts()).toMatchObject({ delivered: 3, used: 1, stored: 2 });
    expect(await store.announce('peer', keyIds)).toBe(0);
  });

  it('are waited for by a fetch that comes meanwhile', async () => {
    const { store, kme } = await bench();
    kme.waiting.add(ID);
    const [announced, reply] = await Promise.all([store.announce('peer', [ID]), store.fetch('peer', ID)]);
    expect(announced).toBe(1);
    grantedId(reply);
    expect(kme.asked).toHaveLength(1);
  });

  it('lie sealed in the storage and leave no copy in memory', async () => {
    const { store, kme, storage } = await bench();
    kme.waiting.add(ID);
    await store.announce('peer', [ID]);
    const row = storage.find(ID);
    expect(row?.sealed).toHaveLength(1 + 12 + 32 + 16);
    expect(Buffer.from(row?.sealed ?? []).includes(Buffer.from(bytesOf(ID)))).toBe(false);
    expect(kme.given.every((secret) => secret.wiped)).toBe(true);
  });

  it('are none when the KME refuses one of them', async () => {
    const { store, kme } = await bench();
    kme.waiting.add(ID);
    expect(await store.announce('peer', [ID, keyIdOf(9)])).toBe(0);
    grantedId(await store.fetch('peer', ID));
  });
});

describe('obtaining a key to share', () => {
  it('asks for one when there is no pool', async () => {
    const { store, kme } = await bench();
    grantedId(await store.obtain('peer'));
    expect(kme.asked).toEqual(['enc peer 1']);
    expect(await store.counts()).toMatchObject({ delivered: 1, used: 1, stored: 0 });
  });

  it('takes the oldest of the pool first and fills it between the marks', async () => {
    const { store, kme } = await bench({ pool: { low: 2, high: 5 } });
    store.prefetch('peer');
    await settled();
    expect((await store.counts()).stored).toBe(5);
    for (let number = 1; number <= 3; number++)
      expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(number));
    expect(kme.asked).toEqual(['enc peer 5']);
    expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(4));
    await settled();
    expect(kme.asked).toEqual(['enc peer 5', 'enc peer 4']);
    expect(await store.counts()).toMatchObject({ stored: 5, used: 4, delivered: 9 });
  });

  it('keeps the pools of two peers apart', async () => {
    const { store, storage } = await bench({ pool: { low: 2, high: 3 } });
    store.prefetch('one');
    store.prefetch('two');
    await settled();
    const keyId = grantedId(await store.obtain('one'));
    expect(storage.find(keyId)?.peer).toBe('one');
    expect([storage.storedCount('one', 'master'), storage.storedCount('two', 'master')]).toEqual([2, 3]);
  });

  it('has one request under way per peer, which those who wait share', async () => {
    const { store, kme } = await bench();
    let open = (): void => {};
    kme.gate = new Promise((resolve) => {
      open = resolve;
    });
    const first = [store.obtain('peer'), store.obtain('peer')];
    await settled();
    const second = [store.obtain('peer'), store.obtain('peer'), store.obtain('peer')];
    await settled();
    expect(kme.asked).toEqual(['enc peer 2']);
    open();
    const keyIds = (await Promise.all([...first, ...second])).map(grantedId);
    expect(new Set(keyIds).size).toBe(5);
    expect(kme.asked).toEqual(['enc peer 2', 'enc peer 3']);
  });
});

describe('obtaining a key to share from a KME that has few', () => {
  it('asks for fewer when the KME has not so many, and no more often than that', async () => {
    const { store, kme } = await bench({ pool: { low: 4, high: 15 } });
    kme.limit = 3;
    grantedId(await store.obtain('peer'));
    await settled();
    expect(kme.asked.slice(0, 4)).toEqual(['enc peer 16', 'enc peer 8', 'enc peer 4', 'enc peer 2']);
    expect((await store.counts()).stored).toBeGreaterThan(0);
  });

  it('backs off from filling after a failure, and tells who waits at once', async () => {
    const { store, kme, clock } = await bench({ pool: { low: 2, high: 4, backOffMs: 1000 } });
    kme.fail = [errorOf('unreachable'), errorOf('unreachable')];
    store.prefetch('peer');
    await settled();
    await store.maintain();
    await settled();
    expect(kme.asked).toHaveLength(1);
    expect(await store.obtain('peer')).toMatchObject({ reason: 'unreachable', keyId: undefined });
    expect(kme.asked).toEqual(['enc peer 4', 'enc peer 1']);
    clock.pass(3001);
    await store.maintain();
    await settled();
    expect((await store.counts()).stored).toBe(4);
  });

  it('counts a lost answer as suspected and does not ask again by itself', async () => {
    const { store, kme } = await bench();
    kme.fail = [errorOf('unreachable', { mayHaveBurnt: true })];
    const replies = await Promise.all([store.obtain('peer'), store.obtain('peer')]);
    expect(replies.map((reply) => reply.status)).toEqual(['refused', 'refused']);
    expect(kme.asked).toEqual(['enc peer 2']);
    expect(await store.counts()).toMatchObject({ suspected: 2, delivered: 0 });
  });

  it('never uses a key that the KME gives a second time', async () => {
    const kme = new FakeKme(1);
    const { store, storage } = await bench({ kme });
    grantedId(await store.obtain('peer'));
    const again = await bench({ kme: new FakeKme(1), storage });
    expect(await again.store.obtain('peer')).toMatchObject({ reason: 'already-used', keyId: keyIdOf(1) });
    expect(await store.counts()).toMatchObject({ delivered: 1, used: 1 });
  });
});

describe('age', () => {
  it('is told with each key and limits its use', async () => {
    const { store, kme, clock } = await bench({ maxAgeMs: 1000 });
    for (const number of [1, 2]) kme.waiting.add(keyIdOf(number));
    await store.announce('peer', [keyIdOf(1), keyIdOf(2)]);
    clock.pass(1000);
    expect(await store.fetch('peer', keyIdOf(1))).toMatchObject({ status: 'ok', ageMs: 1000 });
    clock.pass(1);
    expect(await store.fetch('peer', keyIdOf(2))).toMatchObject({ reason: 'expired', ageMs: 1001 });
    expect(await store.counts()).toMatchObject({ used: 1, expired: 1, delivered: 2 });
  });

  it('is not changed by a step of the wall clock, either way', async () => {
    const { store, kme, clock } = await bench({ maxAgeMs: 1000 });
    for (const number of [1, 2]) kme.waiting.add(keyIdOf(number));
    await store.announce('peer', [keyIdOf(1), keyIdOf(2)]);
    clock.wall += 3_600_000;
    expect(await store.fetch('peer', keyIdOf(1))).toMatchObject({ status: 'ok', ageMs: 0 });
    clock.pass(1001);
    clock.wall -= 7_200_000;
    expect(await store.fetch('peer', keyIdOf(2))).toMatchObject({ reason: 'expired' });
  });

  it('does not start anew with a process whose wall clock was set back', async () => {
    const kek = (): Secret => Secret.own(new Uint8Array(32).fill(7));
    const first = await bench({ maxAgeMs: 10_000, keyEncryptionKey: kek(), pool: { low: 1, high: 3 } });
    first.store.prefetch('peer');
    await settled();
    first.clock.pass(6000);
    grantedId(await first.store.obtain('peer'));
    first.store.close();
    const clock = new FakeClock();
    clock.wall -= 86_400_000;
    const second = await bench({
      storage: first.storage,
      fakeClock: clock,
      maxAgeMs: 10_000,
      keyEncryptionKey: kek(),
    });
    expect(await second.store.obtain('peer')).toMatchObject({ status: 'ok', ageMs: 6000 });
    clock.pass(4001);
    await second.store.maintain();
    expect(await second.store.counts()).toMatchObject({ expired: 1, stored: 0, used: 2 });
  });

  it('expires what nobody asks for', async () => {
    const { store, clock } = await bench({ maxAgeMs: 1000, pool: { low: 2, high: 2 } });
    store.prefetch('peer');
    await settled();
    clock.pass(1001);
    await store.maintain();
    await settled();
    expect(await store.counts()).toMatchObject({ expired: 2, stored: 2, delivered: 4 });
  });
});

describe('a storage that fails', () => {
  it('gives no key, wipes the one that came, and counts it as burnt', async () => {
    const storage = new FailingStorage();
    const { store, kme } = await bench({ storage });
    kme.waiting.add(ID);
    storage.failures = 1;
    expect(await store.fetch('peer', ID)).toMatchObject({
      reason: 'storage-failed',
      keyId: ID,
      detail: 'the storage: database or disk is full',
    });
    expect(kme.given.every((secret) => secret.wiped)).toBe(true);
    expect(await store.counts()).toMatchObject({ delivered: 1, burnt: 1, used: 0 });
    storage.failures = 1;
    expect(await store.obtain('peer')).toMatchObject({ reason: 'storage-failed' });
    expect(await store.counts()).toMatchObject({ delivered: 2, burnt: 2, used: 0 });
    grantedId(await store.obtain('peer'));
  });

  it('leaves a stored key for the next try', async () => {
    const storage = new FailingStorage();
    const { store, kme } = await bench({ storage });
    kme.waiting.add(ID);
    await store.announce('peer', [ID]);
    storage.failures = 1;
    expect(await store.fetch('peer', ID)).toMatchObject({ reason: 'storage-failed' });
    grantedId(await store.fetch('peer', ID));
    expect(await store.counts()).toMatchObject({ delivered: 1, used: 1 });
  });

  it('is a refusal even when nothing can be read', async () => {
    const storage = new MemoryKeyStorage();
    const { store } = await bench({ storage, pool: { low: 1, high: 2 } });
    for (const name of ['find', 'select', 'storedCount'] as const)
      storage[name] = () => {
        throw new Error('file is not a database');
      };
    const detail = 'the storage: file is not a database';
    expect(await store.fetch('peer', ID)).toMatchObject({ reason: 'storage-failed', detail });
    expect(await store.obtain('peer')).toMatchObject({ reason: 'storage-failed', detail });
    expect(await store.announce('peer', [ID])).toBe(0);
    store.prefetch('peer');
    await settled();
  });
});

describe('the end of keys', () => {
  it('retires a used key, once', async () => {
    const { store, storage } = await bench();
    const keyId = grantedId(await store.obtain('peer'));
    expect(await store.retire(keyId)).toBe(true);
    expect(await store.retire(keyId)).toBe(false);
    expect(await store.retire(ID)).toBe(false);
    expect(storage.find(keyId)?.state).toBe('retired');
    expect(await store.counts()).toMatchObject({ delivered: 1, used: 1 });
  });

  it('quarantines a span of time: stored keys are never used, used ones are named', async () => {
    const { store, kme, clock, storage } = await bench();
    const early = grantedId(await store.obtain('peer'));
    clock.pass(1000);
    const from = store.now();
    kme.waiting.add(ID);
    await store.announce('peer', [ID]);
    const late = grantedId(await store.obtain('peer'));
    const foreign = grantedId(await store.obtain('other'));
    expect(await store.quarantine(from, from + 1, 'incident 7', 'peer')).toEqual({
      used: [late],
      distrusted: [ID, late],
    });
    expect(await store.fetch('peer', ID)).toMatchObject({ reason: 'quarantined' });
    expect([early, late, foreign].map((keyId) => storage.find(keyId)?.state)).toEqual([
      'delivered',
      'quarantined',
      'delivered',
    ]);
    expect(storage.lastAudit()?.event).toContain('incident 7');
    // What an earlier incident found is named again: somebody may have begun to use it meanwhile.
    expect(await store.quarantine(from, from + 1, 'incident 8')).toEqual({
      used: [foreign],
      distrusted: [ID, late, foreign],
    });
  });

  it('burns the keys of an epoch whose key-encryption key is gone', async () => {
    const first = await bench({ pool: { low: 1, high: 3 } });
    first.store.prefetch('peer');
    await settled();
    const second = await bench({ storage: first.storage, kme: new FakeKme(100) });
    expect(await second.store.counts()).toMatchObject({ delivered: 3, burnt: 3, stored: 0 });
    expect(grantedId(await second.store.obtain('peer'))).toBe(keyIdOf(100));
  });
});

describe('the end of keys by a fault or a hand on the case', () => {
  it('burns a sealed key that was tampered with and takes the next', async () => {
    const { store, storage } = await bench({ pool: { low: 1, high: 3 } });
    store.prefetch('peer');
    await settled();
    const [first, second] = [storage.find(keyIdOf(1)), storage.find(keyIdOf(2))];
    first?.sealed?.fill(0, 40, 41);
    second?.sealed?.fill(0, 20, 21);
    expect(grantedId(await store.obtain('peer'))).toBe(keyIdOf(3));
    expect(await store.counts()).toMatchObject({ burnt: 2, used: 1 });
  });

  it('zeroises everything on a tamper signal', async () => {
    const { store, storage } = await bench({ pool: { low: 1, high: 50 } });
    store.prefetch('peer');
    await settled();
    await store.zeroise('case opened');
    expect(await store.counts()).toMatchObject({ destroyed: 50, stored: 0 });
    expect(storage.find(keyIdOf(1))?.sealed).toBeUndefined();
    expect(await store.obtain('peer')).toMatchObject({ reason: 'closed' });
    expect(await store.fetch('peer', ID)).toMatchObject({ reason: 'closed' });
  });

  it('tells those who wait when it is closed', async () => {
    const { store, kme } = await bench();
    kme.gate = new Promise(() => {});
    const waiting = store.obtain('peer');
    await settled();
    store.close();
    expect(await waiting).toMatchObject({ reason: 'closed' });
  });
});

describe('the record', () => {
  it('has a row for each change, chained, and never a key', async () => {
    const { store, kme, storage, clock } = await bench({ maxAgeMs: 5000, pool: { low: 1, high: 2 } });
    store.prefetch('peer');
    await settled();
    kme.waiting.add(ID);
    const keyId = grantedId(await store.fetch('peer', ID));
    await store.retire(keyId);
    clock.pass(6000);
    await store.maintain();
    const events = storage.auditRows(1, 100).map((row) => JSON.parse(row.event));
    expect(events.map(({ event }) => event)).toEqual(['stored', 'delivered', 'retired', 'expired']);
    expect(events.map(({ keys }) => keys.length)).toEqual([2, 1, 1, 2]);
    expect(await verifyAudit(storage)).toMatchObject({ ok: true });
    const text = JSON.stringify(events);
    for (const form of ['hex', 'base64'] as const)
      expect(text).not.toContain(Buffer.from(bytesOf(ID)).toString(form).slice(0, 16));
  });

  it('names keys by a keyed hash where that is asked for', async () => {
    const { store, storage } = await bench({ auditIdKey: Secret.own(random(32)) });
    const keyId = grantedId(await store.obtain('peer'));
    expect(storage.lastAudit()?.event).not.toContain(keyId);
    expect(storage.lastAudit()?.event).toMatch(/"keys":\["[0-9a-f]{64}"\]/);
  });

  it('explains every reason for a refusal', () => {
    for (const text of Object.values(REFUSAL_REASONS)) expect(text.length).toBeGreaterThan(10);
  });
});

/** Lets everything that is under way come to rest. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
