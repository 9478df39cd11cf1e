/** Random transactions on a key storage and everything that can be seen of it, to hold one storage against another. */
import fc from 'fast-check';
import {
  type Change,
  CUT_REFUSED,
  type Done,
  ENDED_STATES,
  KEY_STATES,
  type KeyRow,
  type KeyStorage,
  SEALED_STATES,
  type Selection,
} from '#qkd';

/** IDs of the rows that a test makes. */
const keyIds = Array.from({ length: 8 }, (_, index) => `key-${index + 1}`);
const peers = ['a', "b'; --", ''];
const epoch = fc.constantFrom('e1', 'e2', '');
const moment = fc.nat({ max: 100 });
const row = fc
  .record<KeyRow>({
    keyId: fc.constantFrom(...keyIds),
    peer: fc.constantFrom(...peers),
    role: fc.constantFrom('master', 'slave'),
    state: fc.constantFrom(...KEY_STATES),
    sealed: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    epoch,
    receivedAtMs: moment,
    changedAtMs: moment,
  })
  .map((value) => ({ ...value, sealed: SEALED_STATES.includes(value.state) ? value.sealed : undefined }));

/** Each condition is there or not. */
const selection: fc.Arbitrary<Selection> = fc.record(
  {
    states: fc.uniqueArray(fc.constantFrom(...KEY_STATES), { minLength: 1, maxLength: 4 }),
    limit: fc.integer({ min: 1, max: 3 }),
    keyId: fc.constantFrom('key-1', 'key-2'),
    peer: fc.constantFrom(...peers),
    role: fc.constantFrom('master' as const, 'slave' as const),
    receivedFromMs: moment,
    receivedBeforeMs: moment,
    changedBeforeMs: moment,
    epoch,
  },
  { requiredKeys: ['states'] },
);

/** A step of a transaction; a move that the table of states has not is as good as any here. */
export const change: fc.Arbitrary<Change> = fc.oneof(
  fc.array(row, { maxLength: 4 }).map((rows) => ({ do: 'insert' as const, rows })),
  fc
    .record({ where: selection, to: fc.constantFrom(...KEY_STATES), atMs: moment })
    // A row that was erased must not become one that waits.
    .map(({ where, to, atMs }) => ({
      do: 'move' as const,
      where: SEALED_STATES.includes(to) ? { ...where, states: SEALED_STATES } : where,
      to,
      atMs,
    })),
  fc
    .record({ epoch, wrapped: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }) })
    .map((value) => ({ do: 'epoch' as const, row: value })),
  selection.map((where) => ({ do: 'prune' as const, where: { ...where, states: ENDED_STATES } })),
  fc
    .record({
      incident: fc.string({ maxLength: 5 }).map((text) => text.replaceAll('\0', ' ')),
      fromMs: moment,
      untilMs: moment,
      peer: fc.option(fc.constantFrom(...peers), { nil: undefined }),
    })
    .map((value) => ({ do: 'incident' as const, row: value })),
  // Most of them are refused, for their place in the record; one at the very start may be taken.
  fc
    .record({ after: fc.constantFrom(0, 1, 2), size: fc.integer({ min: 1, max: 4 }) })
    .map(({ after, size }) => ({
      do: 'cutAudit' as const,
      after,
      base: { size, hash: new Uint8Array(32).fill(size), peaks: [new Uint8Array(32).fill(after)] },
    })),
);

/** One transaction that writes as many audit rows as it has changes; gives what it gave, or that it was refused. */
export async function attempt(storage: KeyStorage, changes: readonly Change[]): Promise<unknown> {
  try {
    return await carriedOut(storage, changes);
  } catch (error) {
    if (error instanceof Error && error.message.endsWith(CUT_REFUSED)) return 'refused';
    throw error;
  }
}

async function carriedOut(storage: KeyStorage, changes: readonly Change[]): Promise<unknown> {
  let seen: Done | undefined;
  const done = await storage.commit(changes, (given, last) => {
    seen = given;
    return changes.map((_, index) => ({
      sequence: (last?.sequence ?? 0) + 1 + index,
      atMs: index,
      event: `e ${index}`,
      hash: Uint8Array.of(index),
    }));
  });
  return plain([done, seen]);
}

/** Everything that can be seen of a storage. */
export async function view(storage: KeyStorage): Promise<unknown> {
  return plain({
    rows: await Promise.all(keyIds.map((keyId) => storage.find(keyId))),
    pruned: await Promise.all(keyIds.map((keyId) => storage.wasPruned(keyId))),
    // Numbers may have gaps, where a transaction was undone.
    incidents: (await storage.incidents(0, 100)).map(({ sequence: _, ...incident }) => incident),
    none: await storage.incidents(await storage.lastIncident(), 100),
    base: await storage.auditBase(),
    oldest: await Promise.all(
      peers.map((peer) => storage.select({ states: ['stored'], peer, role: 'master', limit: 1 })),
    ),
    counts: await Promise.all(peers.map((peer) => storage.storedCount(peer, 'slave'))),
    all: await storage.select({ states: KEY_STATES }),
    some: await storage.select({ states: ['stored', 'burnt'], receivedFromMs: 10, changedBeforeMs: 60 }),
    states: [...(await storage.countsByState())].sort(),
    epochs: [...(await storage.epochs())].sort((one, two) => one.epoch.localeCompare(two.epoch)),
    audit: await storage.auditRows(2, 2),
    last: await storage.lastAudit(),
  });
}

/** Octets and absent members in a form that two storages have in common. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_name, part: unknown) => (part instanceof Uint8Array ? [...part] : part)),
  );
}
