/**
 * The books of the key store: each method is one or two transactions of {choose, mark, audit} and gives keys only after
 * they are durable. Storage errors are thrown on to the caller, after what was in memory has been wiped and counted.
 */
import type { DeliveredKey } from '../etsi014/types.ts';
import type { AuditEvent } from './audit.ts';
import type { CommitGroup } from './commit-group.ts';
import { type Change, type KeyRole, type KeyRow, move, type Selection } from './key-storage.ts';
import { ENDED_STATES, type KeyState, SEALED_STATES } from './lifecycle.ts';
import { type KeyRefused, type KeyReply, refused } from './reply.ts';
import type { Sealer } from './sealer.ts';
import type { StoreClock } from './store-clock.ts';
import type { WatchedStorage } from './watched-storage.ts';

/** Whose key it is and on which side this store stands. */
export interface Pair {
  readonly peer: string;
  readonly role: KeyRole;
}

/** What the books are kept with. */
export interface LedgerParts {
  readonly storage: WatchedStorage;
  readonly commits: CommitGroup;
  readonly clock: StoreClock;
  readonly sealer: Sealer;
  /** Keys older than this are never used; Infinity: no limit. */
  readonly maxAgeMs: number;
}

/** How long rows stay whose keys are of no more use, ms of store time. */
export interface Retention {
  /** Since the key's end. */
  readonly endedMs: number;
  /** Since it was given out, without a word of its end; longer than any SA lives. */
  readonly unendedMs: number;
}

const TOO_OLD = 'older than the policy allows';

/** Receives, gives and ends keys. */
export class Ledger {
  readonly #parts: LedgerParts;
  /** An epoch that no transaction has written yet: it goes with each insert until one succeeds. */
  #unsaved: Change | undefined;
  #unrecorded = 0;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /** Keys that came and could not be written down: wiped, never given. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /** The moment of store time from which on received keys are young enough. */
  #cutoff(): number {
    return this.#parts.clock.now() - this.#parts.maxAgeMs;
  }

  /** Marks the first `wanted` of received keys delivered and grants them; puts the rest away sealed, and wipes it. */
  async receive(pair: Pair, keys: readonly DeliveredKey[], wanted: number): Promise<readonly KeyReply[]> {
    const [now, later] = [keys.slice(0, wanted), keys.slice(wanted)];
    try {
      const fresh = await this.#insert(pair, [
        ...now.map((key) => this.#row(pair, key.keyId, 'delivered')),
        ...this.#sealed(pair, later),
      ]);
      return await Promise.all(now.map((key) => this.#grantNew(pair, key, fresh)));
    } catch (error) {
      this.#unrecorded += keys.length;
      for (const key of keys) key.secret.wipe();
      throw error;
    }
  }

  /** Grants a key of a fresh row, once; any other is wiped. */
  async #grantNew(pair: Pair, { keyId, secret }: DeliveredKey, fresh: Set<string>): Promise<KeyReply> {
    if (fresh.delete(keyId)) return { status: 'ok', keyId, ageMs: 0, secret };
    secret.wipe();
    const row = await this.#parts.storage.find(keyId);
    const known = row === undefined ? await this.prunedRefusal(keyId) : this.refusalOf(pair, row);
    return known ?? refused('bad-answer', keyId, 'the KME gave a key ID twice');
  }

  /** The refusal of a key that the books remember by its ID alone; undefined when they do not. */
  async prunedRefusal(keyId: string): Promise<KeyRefused | undefined> {
    if (!(await this.#parts.storage.wasPruned(keyId))) return undefined;
    return refused('already-used', keyId, 'the life of this key ended long ago');
  }

  #sealed(pair: Pair, keys: readonly DeliveredKey[]): KeyRow[] {
    if (keys.length === 0) return [];
    const { sealer } = this.#parts;
    if (sealer.epoch === undefined) this.#unsaved = { do: 'epoch', row: sealer.begin() };
    return keys.map(({ keyId, secret }) => {
      const row = this.#row(pair, keyId, 'stored');
      const sealed = sealer.seal(row, secret);
      secret.wipe();
      return { ...row, sealed };
    });
  }

  #row(pair: Pair, keyId: string, state: KeyState): KeyRow {
    const atMs = this.#parts.clock.now();
    const epoch = this.#parts.sealer.epoch ?? '';
    return {
      keyId,
      peer: pair.peer,
      role: pair.role,
      state,
      sealed: undefined,
      epoch,
      receivedAtMs: atMs,
      changedAtMs: atMs,
    };
  }

  /** Gives the key IDs that were not in the books before. */
  async #insert(pair: Pair, rows: readonly KeyRow[], reason?: string): Promise<Set<string>> {
    const epoch = this.#unsaved;
    const changes: Change[] = epoch === undefined ? [] : [epoch];
    changes.push({ do: 'insert', rows });
    const done = await this.#parts.commits.run(
      () => changes,
      (given) => arrivals(pair, given.at(-1) ?? [], this.#parts.clock.now(), reason),
    );
    if (this.#unsaved === epoch) this.#unsaved = undefined;
    return new Set((done.at(-1) ?? []).map((row) => row.keyId));
  }

  /** Writes down keys that came but can never be used, and keys that may have been lost, whose IDs nobody knows. */
  async burn(pair: Pair, keyIds: readonly string[], suspected: number, reason: string): Promise<void> {
    if (keyIds.length > 0) {
      const rows = keyIds.map((keyId) => this.#row(pair, keyId, 'burnt'));
      await this.#insert(pair, rows, reason);
    }
    if (suspected > 0) await this.note('suspected-burn', `${suspected}: ${reason}`, pair.peer);
  }

  /** An audit event that changes no key. */
  async note(event: string, reason: string, peer?: string): Promise<void> {
    await this.#parts.commits.run(
      () => [],
      () => [{ atMs: this.#parts.clock.now(), event, peer, reason }],
    );
  }

  /** Takes the oldest stored key of a pair that is young enough; undefined when there is none. */
  async takeOldest(pair: Pair): Promise<KeyReply | undefined> {
    for (;;) {
      const row = await this.#parts.commits.take(
        `${pair.role} ${pair.peer}`,
        (limit) => this.#taking({ ...pair, states: ['stored'], limit }),
        (rows) => this.#events(rows, 'delivered', 'taken from the store'),
      );
      if (row === undefined) return undefined;
      const reply = await this.#open(row);
      if (reply.status === 'ok') return reply;
    }
  }

  #taking(where: Selection): Change {
    const receivedFromMs = this.#cutoff();
    const young = Number.isFinite(receivedFromMs) ? { ...where, receivedFromMs } : where;
    return move(young, 'delivered', this.#parts.clock.now());
  }

  /** Takes the key of a row that was seen waiting; another process may have been faster. */
  async takeKnown(pair: Pair, row: KeyRow): Promise<KeyReply> {
    const refusal = this.refusalOf(pair, row);
    if (refusal !== undefined) return refusal;
    const { keyId } = row;
    const [[taken] = []] = await this.#parts.commits.run(
      () => [this.#taking({ ...pair, keyId, states: SEALED_STATES })],
      ([rows = []]) => this.#events(rows, 'delivered', 'taken from the store'),
    );
    if (taken !== undefined) return await this.#open(taken);
    if (this.#age(row) <= this.#parts.maxAgeMs)
      return refused('already-used', keyId, undefined, this.#age(row));
    await this.moveAll({ keyId, states: SEALED_STATES }, 'expired', TOO_OLD);
    return refused('expired', keyId, undefined, this.#age(row));
  }

  /** Why this row's key is not given to this pair, or undefined while it waits for it. */
  refusalOf(pair: Pair, row: KeyRow): KeyRefused | undefined {
    if (row.peer !== pair.peer || row.role !== pair.role) return refused('unknown-key', row.keyId);
    if (row.state === 'expired' || row.state === 'quarantined' || row.state === 'destroyed')
      return refused(row.state, row.keyId, undefined, this.#age(row));
    if (SEALED_STATES.includes(row.state)) return undefined;
    return refused('already-used', row.keyId, undefined, this.#age(row));
  }

  /** After the mark is durable: opens the key, or ends it when it does not open or grew too old meanwhile. */
  async #open(row: KeyRow): Promise<KeyReply> {
    const { keyId } = row;
    const ageMs = this.#age(row);
    if (ageMs > this.#parts.maxAgeMs) {
      await this.moveAll({ keyId, states: ['delivered'] }, 'expired', TOO_OLD);
      return refused('expired', keyId, undefined, ageMs);
    }
    // Another node that shares the storage may have begun this epoch since.
    if (!this.#parts.sealer.has(row.epoch)) await this.refreshEpochs();
    const secret = row.sealed === undefined ? undefined : this.#parts.sealer.open(row, row.sealed);
    if (secret !== undefined) return { status: 'ok', keyId, ageMs, secret };
    await this.moveAll({ keyId, states: ['delivered'] }, 'burnt', 'cannot be opened');
    if (!this.#parts.sealer.has(row.epoch))
      return refused('unknown-key', keyId, 'the stored key cannot be opened', ageMs);
    // Its epoch's key is the right one, so that the row is not as it was written.
    this.#parts.storage.noteDamagedKey('a stored key did not open: its row is not as it was written');
    return refused('storage-damaged', keyId, 'the row of the stored key is not as it was written', ageMs);
  }

  /** Moves whatever a selection finds, and gives the rows as they were before. */
  async moveAll(where: Selection, to: KeyState, reason: string): Promise<readonly KeyRow[]> {
    const [rows = []] = await this.#parts.commits.run(
      () => [move(where, to, this.#parts.clock.now())],
      ([moved = []]) => this.#events(moved, to, reason),
    );
    return rows;
  }

  /** Ends waiting keys that are too old, at most 10,000 at a time. */
  async expire(): Promise<void> {
    const receivedBeforeMs = this.#cutoff();
    if (!Number.isFinite(receivedBeforeMs)) return;
    await this.moveAll({ states: SEALED_STATES, receivedBeforeMs, limit: 10_000 }, 'expired', TOO_OLD);
  }

  /**
   * Keys of which nobody said an end, since what used them was killed, are retired; keys that have ended so long ago leave
   * the books. At most 2,000 of each at a time; true when there may be more.
   */
  async retain({ endedMs, unendedMs }: Retention): Promise<boolean> {
    const limit = 2000;
    const at = this.#parts.clock.now();
    const where: Selection = { states: ['delivered', 'in-use'], changedBeforeMs: at - unendedMs, limit };
    const retired = await this.moveAll(where, 'retired', 'nobody told its end');
    const [pruned = []] = await this.#parts.commits.run(
      () => [{ do: 'prune', where: { states: ENDED_STATES, changedBeforeMs: at - endedMs, limit } }],
      ([rows = []]) => (rows.length === 0 ? [] : [{ atMs: at, event: 'pruned', reason: countsOf(rows) }]),
    );
    return retired.length === limit || pruned.length === limit;
  }

  /** Reserves the oldest keys of a pair: fewer when there are fewer. */
  async reserve(pair: Pair, limit: number): Promise<readonly KeyRow[]> {
    const receivedFromMs = this.#cutoff();
    const young = Number.isFinite(receivedFromMs) ? { receivedFromMs } : {};
    return await this.moveAll({ ...pair, ...young, states: ['stored'], limit }, 'reserved', 'announced');
  }

  /** Takes and forgets epochs as other nodes began and destroyed them. */
  async refreshEpochs(): Promise<void> {
    if (this.#parts.sealer.closed) return;
    this.#parts.sealer.refresh(await this.#parts.storage.epochs());
  }

  /** A new epoch, from whose key on everything is sealed. */
  async beginEpoch(): Promise<string> {
    const row = this.#parts.sealer.begin();
    const change: Change = { do: 'epoch', row };
    this.#unsaved = change;
    await this.#parts.commits.run(
      () => [change],
      () => [{ atMs: this.#parts.clock.now(), event: 'epoch-begun', reason: row.epoch }],
    );
    if (this.#unsaved === change) this.#unsaved = undefined;
    return row.epoch;
  }

  /** Destroys the key of an epoch and with it its waiting keys; their number. */
  async destroyEpoch(epoch: string, reason: string): Promise<number> {
    this.#parts.sealer.forget(epoch);
    const atMs = this.#parts.clock.now();
    const done = await this.#parts.commits.run(
      () => [
        { do: 'epoch', row: { epoch, wrapped: undefined } },
        move({ states: SEALED_STATES, epoch }, 'destroyed', atMs),
      ],
      ([, rows = []]) => [
        { atMs, event: 'epoch-destroyed', reason: `${epoch}: ${reason}` },
        ...this.#events(rows, 'destroyed', reason),
      ],
    );
    return done[1]?.length ?? 0;
  }

  #events(rows: readonly KeyRow[], event: string, reason: string): AuditEvent[] {
    return perPeer(rows).map(([peer, keyIds]) => ({
      atMs: this.#parts.clock.now(),
      event,
      keyIds,
      peer,
      reason,
    }));
  }

  #age(row: KeyRow): number {
    return Math.max(0, this.#parts.clock.now() - row.receivedAtMs);
  }
}

/** Keys by state, as the record tells it: `burnt 2, retired 17`. */
function countsOf(rows: readonly KeyRow[]): string {
  const counts = ENDED_STATES.map(
    (state) => [state, rows.filter((row) => row.state === state).length] as const,
  );
  return counts
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${state} ${count}`)
    .sort()
    .join(', ');
}

const ARRIVALS: Readonly<Partial<Record<KeyState, string>>> = {
  delivered: 'fetched for use',
  stored: 'prefetched',
};

/** One event for each state that keys of one answer begin in. */
function arrivals(pair: Pair, rows: readonly KeyRow[], atMs: number, reason?: string): AuditEvent[] {
  return (['delivered', 'stored', 'burnt'] as const).flatMap((state) => {
    const keyIds = rows.filter((row) => row.state === state).map((row) => row.keyId);
    if (keyIds.length === 0) return [];
    return [{ atMs, event: state, keyIds, peer: pair.peer, reason: reason ?? ARRIVALS[state] }];
  });
}

/** Key IDs by peer, both in the order of the rows. */
export function perPeer(rows: readonly KeyRow[]): readonly (readonly [string, readonly string[]])[] {
  const byPeer = new Map<string, string[]>();
  for (const row of rows) {
    const keyIds = byPeer.get(row.peer);
    if (keyIds === undefined) byPeer.set(row.peer, [row.keyId]);
    else keyIds.push(row.keyId);
  }
  return [...byPeer];
}
