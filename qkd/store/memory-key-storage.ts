/**
 * A {@link KeyStorage} in memory: for a store whose keys need not outlive the process, and as the model that the adapters
 * over a disk and a database are tested against. A transaction that throws is undone.
 */
import type {
  AuditRow,
  Change,
  Done,
  EpochRow,
  KeyRole,
  KeyRow,
  KeyStorage,
  Selection,
} from './key-storage.ts';
import { type KeyState, SEALED_STATES } from './lifecycle.ts';

/** Everything answers at once. */
export class MemoryKeyStorage implements KeyStorage {
  readonly #rows = new Map<string, KeyRow>();
  /** IDs of stored keys by pair, in the order of their coming. */
  readonly #stored = new Map<string, Set<string>>();
  readonly #epochs = new Map<string, EpochRow>();
  readonly #audit: AuditRow[] = [];
  #undo: (() => void)[] = [];

  commit(
    changes: readonly Change[],
    record: (done: Done, last: AuditRow | undefined) => readonly AuditRow[],
  ): Done {
    this.#undo = [];
    try {
      const done = changes.map((change) => this.#carryOut(change));
      for (const row of record(done, this.lastAudit())) this.appendAudit(row);
      this.beforeCommit();
      return done;
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    }
  }

  /** The last moment at which a transaction can fail; a subclass throws here to act a full disk. */
  protected beforeCommit(): void {}

  #carryOut(change: Change): readonly KeyRow[] {
    if (change.do === 'insert') return change.rows.filter((row) => this.#insert(row));
    if (change.do === 'epoch') return this.#writeEpoch(change.row);
    const rows = this.select(change.where);
    for (const row of rows) this.#move(row, change.to, change.atMs);
    return rows;
  }

  #insert(row: KeyRow): boolean {
    if (this.#rows.has(row.keyId)) return false;
    this.#write(row);
    this.#undo.push(() => {
      this.#rows.delete(row.keyId);
      this.#stored.get(pairName(row.peer, row.role))?.delete(row.keyId);
    });
    return true;
  }

  #move(row: KeyRow, state: KeyState, changedAtMs: number): void {
    const sealed = SEALED_STATES.includes(state) ? row.sealed : undefined;
    this.#write({ ...row, state, changedAtMs, sealed });
    this.#undo.push(() => this.#write(row));
  }

  #writeEpoch(row: EpochRow): readonly KeyRow[] {
    const before = this.#epochs.get(row.epoch);
    if (before !== undefined && row.wrapped !== undefined) return [];
    this.#epochs.set(row.epoch, row);
    this.#undo.push(() => {
      if (before === undefined) this.#epochs.delete(row.epoch);
      else this.#epochs.set(row.epoch, before);
    });
    return [];
  }

  find(keyId: string): KeyRow | undefined {
    return this.#rows.get(keyId);
  }

  select(where: Selection): readonly KeyRow[] {
    const limit = where.limit ?? Number.POSITIVE_INFINITY;
    const found: KeyRow[] = [];
    for (const row of this.#candidates(where)) {
      if (found.length >= limit) break;
      if (matches(row, where)) found.push(row);
    }
    return found;
  }

  /** Keys as they came; the waiting ones of one pair have an index of their own, as they have on disk. */
  *#candidates(where: Selection): Iterable<KeyRow> {
    const { keyId, peer, role, states } = where;
    const oneState = states.length === 1 && states[0] === 'stored';
    const ids =
      keyId !== undefined
        ? [keyId]
        : peer !== undefined && role !== undefined && oneState
          ? (this.#stored.get(pairName(peer, role)) ?? [])
          : this.#rows.keys();
    for (const id of ids) {
      const row = this.#rows.get(id);
      if (row !== undefined) yield row;
    }
  }

  storedCount(peer: string, role: KeyRole): number {
    return this.#stored.get(pairName(peer, role))?.size ?? 0;
  }

  #write(row: KeyRow): void {
    const { keyId } = row;
    const name = pairName(row.peer, row.role);
    const ids = this.#stored.get(name) ?? new Set();
    const comesBack = row.state === 'stored' && this.#rows.has(keyId) && !ids.has(keyId);
    this.#rows.set(keyId, row);
    if (row.state === 'stored') ids.add(keyId);
    else ids.delete(keyId);
    this.#stored.set(name, comesBack ? this.#inOrder(ids) : ids);
  }

  /** A key that was given back stands where it stood: rows keep the order of their coming. */
  #inOrder(ids: ReadonlySet<string>): Set<string> {
    return new Set([...this.#rows.keys()].filter((keyId) => ids.has(keyId)));
  }

  countsByState(): ReadonlyMap<KeyState, number> {
    const counts = new Map<KeyState, number>();
    for (const row of this.#rows.values()) counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    return counts;
  }

  epochs(): readonly EpochRow[] {
    return [...this.#epochs.values()];
  }

  /** Writes a row as it is, even one that breaks the chain: how a test acts a forger. */
  appendAudit(row: AuditRow): void {
    this.#audit.push(row);
    this.#undo.push(() => this.#audit.pop());
  }

  lastAudit(): AuditRow | undefined {
    return this.#audit.at(-1);
  }

  auditRows(fromSequence: number, limit: number): readonly AuditRow[] {
    return this.#audit.slice(fromSequence - 1, fromSequence - 1 + limit);
  }

  close(): void {
    this.#rows.clear();
    this.#stored.clear();
  }
}

/** Every condition that is given, in the order of the type. */
function matches(row: KeyRow, where: Selection): boolean {
  return (
    where.states.includes(row.state) &&
    (where.keyId === undefined || row.keyId === where.keyId) &&
    (where.peer === undefined || row.peer === where.peer) &&
    (where.role === undefined || row.role === where.role) &&
    row.receivedAtMs >= (where.receivedFromMs ?? Number.NEGATIVE_INFINITY) &&
    row.receivedAtMs < (where.receivedBeforeMs ?? Number.POSITIVE_INFINITY) &&
    row.changedAtMs < (where.changedBeforeMs ?? Number.POSITIVE_INFINITY) &&
    (where.epoch === undefined || row.epoch === where.epoch)
  );
}

function pairName(peer: string, role: KeyRole): string {
  return `${role} ${peer}`;
}
