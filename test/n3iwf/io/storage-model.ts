/** Random transactions on a key storage and everything that can be seen of it, to hold one storage against another. */
import fc from 'fast-check';
import {
  type Change,
  type Done,
  KEY_STATES,
  type KeyRow,
  type KeyStorage,
  SEALED_STATES,
  type Selection,
} from '#qkd';

const peers = ['a', "b'; --", ''];
const epoch = fc.constantFrom('e1', 'e2', '');
const moment = fc.nat({ max: 100 });
const row = fc
  .record<KeyRow>({
    keyId: fc.integer({ min: 1, max: 8 }).map((number) => `key-${number}`),
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
);

/** One transaction that writes as many audit rows as it has changes; true when it was written. */
export async function attempt(storage: KeyStorage, changes: readonly Change[]): Promise<unknown> {
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
    rows: await Promise.all(Array.from({ length: 8 }, (_, index) => storage.find(`key-${index + 1}`))),
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
