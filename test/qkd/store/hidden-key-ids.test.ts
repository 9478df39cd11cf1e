/** No key ID leaves for the record or for where checkpoints go, where it is to be hidden. */
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuditRotation, Checkpointer, keyReference, MemoryKeyStorage, Secret, verifyAudit } from '#qkd';
import { linkEvents } from '../../../qkd/store/audit.ts';
import { bench, errorOf, keyIdOf } from './fixtures.ts';

const secret = (octet = 5) => Secret.own(new Uint8Array(32).fill(octet));
/** Every form in which somebody may write the ID of a key. */
const forms = (keyId: string) => [keyId, keyId.toUpperCase(), keyId.replaceAll('-', '')];

const keyId = fc.uuid();
const named = fc
  .tuple(fc.string({ maxLength: 12 }), keyId, fc.nat({ max: 2 }), fc.string({ maxLength: 12 }))
  .map(([before, id, form, after]) => ({ id, text: `${before}${forms(id)[form]}${after}` }));

describe('the record with hidden key IDs', () => {
  it('has none, whatever is said in a reason', () => {
    fc.assert(
      fc.property(fc.array(keyId, { maxLength: 4 }), named, (keyIds, { id, text }) => {
        const event = { atMs: 1, event: 'burnt', keyIds, peer: 'p', reason: text };
        const [row] = linkEvents(undefined, [event], secret());
        const written = row?.event.toLowerCase() ?? '';
        for (const hidden of [id, ...keyIds])
          for (const form of forms(hidden)) expect(written).not.toContain(form.toLowerCase());
        for (const each of keyIds) expect(written).toContain(keyReference(each, secret()));
      }),
    );
  });

  it('names a key in a reason as it does elsewhere, so that it is found', () => {
    for (const form of forms(keyIdOf(9))) {
      const [row] = linkEvents(undefined, [{ atMs: 1, event: 'note', reason: `of ${form}.` }], secret());
      expect(row?.event).toContain(`of ${keyReference(keyIdOf(9), secret())}.`);
    }
  });

  it('names a key differently under another secret, and plainly without one', () => {
    expect(keyReference(keyIdOf(1), secret(1))).not.toBe(keyReference(keyIdOf(1), secret(2)));
    expect(keyReference(keyIdOf(1), undefined)).toBe(keyIdOf(1));
    const [row] = linkEvents(undefined, [{ atMs: 1, event: 'note', reason: `of ${keyIdOf(1)}` }], undefined);
    expect(row?.event).toContain(`of ${keyIdOf(1)}`);
  });
});

/** The record of a store that did everything that it can do to keys, among them 101 to 107. */
async function lifeOf(auditIdKey: Secret): Promise<MemoryKeyStorage> {
  const storage = new MemoryKeyStorage();
  const retention = { endedMs: 1000, unendedMs: 10_000 };
  const pool = { low: 2, high: 6 };
  const { store, kme, clock } = await bench({ storage, auditIdKey, retention, maxAgeMs: 5000, pool });
  const drawn = [101, 102, 103, 104].map(keyIdOf);
  for (const id of drawn) kme.waiting.add(id);
  await store.obtain('peer');
  await store.fetch('peer', drawn[0] ?? '');
  await store.announce('peer', drawn.slice(1));
  const [reserved] = await store.reserve('peer', 2);
  await store.deliver('peer', reserved?.keyId ?? '');
  await store.confirm(reserved?.keyId ?? '');
  const detail = `the KME spoke of ${keyIdOf(105)}`;
  kme.fail = [
    errorOf('bad-answer', { detail, mayHaveBurnt: true, burntKeyIds: [keyIdOf(105), keyIdOf(106)] }),
  ];
  await store.fetch('peer', keyIdOf(105));
  kme.fail = [errorOf('bad-answer', { detail, mayHaveBurnt: true })];
  await store.fetch('peer', keyIdOf(107));
  await store.quarantine(0, store.now() + 1, `incident 0011223344556677: seen ${keyIdOf(101)}`, 'peer');
  await store.obtain('peer');
  clock.pass(6000);
  await store.maintain();
  clock.pass(20_000);
  await store.maintain();
  await store.zeroise(`case open near ${keyIdOf(108)}`);
  return storage;
}

/** What leaves the storage on its way to other places: checkpoints and a segment. */
async function shippedOf(storage: MemoryKeyStorage): Promise<string[]> {
  const shipped: string[] = [];
  const { privateKey } = generateKeyPairSync('ed25519');
  const checkpointer = new Checkpointer({
    storage,
    privateKey,
    origin: 'o',
    everyEvents: 1,
    everyMs: 0,
    monotonicMs: () => 0,
    ship: async (text) => void shipped.push(text),
  });
  await checkpointer.follow(true);
  const archive = {
    write: async (_base: unknown, _last: number, text: Iterable<string>) => void shipped.push(...text),
    list: async () => [],
    remove: async () => {},
  };
  expect(
    await new AuditRotation({ storage, archive, segmentRows: 3, now: () => 1, wallMs: () => 1 }).turn(),
  ).toBe(true);
  return shipped;
}

describe('a whole life with hidden key IDs', () => {
  it('leaves none in the record, in segments, or in what checkpoints say', async () => {
    const storage = await lifeOf(secret());
    const rows = storage.auditRows(1, 1000).map(({ event }) => event);
    const written = [...rows, ...(await shippedOf(storage))].join('\n').toLowerCase();
    for (let number = 1; number <= 120; number++)
      for (const form of forms(keyIdOf(number))) expect(written).not.toContain(form.toLowerCase());
    // What was written speaks of them all the same.
    for (const id of [101, 105, 106].map(keyIdOf)) expect(written).toContain(keyReference(id, secret()));
    const events = [
      'stored',
      'reserved',
      'delivered',
      'in-use',
      'burnt',
      'suspected-burn',
      'quarantined',
      'incident',
    ];
    for (const event of events) expect(written).toContain(`"event":"${event}"`);
    expect(written).toContain('incident 0011223344556677');
  });

  it('is verified without the secret', async () => {
    expect(await verifyAudit(await lifeOf(secret()))).toMatchObject({ ok: true, first: 1 });
  });
});
