/**
 * A {@link KeyStorage} in memory: for a store whose keys need not outlive the process, and as the model that the adapters
 * over a disk and a database are tested against. A transaction that throws is undone.
 */
import type {
  AuditBase,
  AuditRow,
  Change,
  Done,
  EpochRow,
  IncidentRow,
  KeyRole,
  KeyRow,
  KeyStorage,
  Selection,
} from './key-storage.ts';
import { type KeyState, SEALED_STATES } from './lifecycle.ts';
import { CUT_REFUSED, KeyStorageError } from './storage-error.ts';

/** Everything answers at once. */
export class MemoryKeyStorage implements KeyStorage {
  readonly #rows = new Map<string, KeyRow>();
  /** IDs of stored keys by pair, in the order of their coming. */
  readonly #stored = new Map<string, Set<string>>();
  readonly #epochs = new Map<string, EpochRow>();
  readonly #audit: AuditRow[] = [];
  readonly #incidents: IncidentRow[] = [];
  /** Keys that were pruned, with the state that they ended in. */
  readonly #pruned = new Map<string, KeyState>();
  #base: AuditBase | undefined;
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
    switch (change.do) {
      case 'insert':
        return change.rows.filter((row) => this.#insert(row));
      case 'epoch':
        return this.#writeEpoch(change.row);
      case 'incident':
        return this.#writeIncident(change.row);
      case 'cutAudit':
        return this.#cutAudit(change.after, change.base);
      case 'prune': {
        const rows = this.select(change.where);
        this.#prune(rows);
        return rows;
      }
      case 'move': {
        const rows = this.select(change.where);
        for (const row of rows) this.#move(row, change.to, change.atMs);
        return rows;
      }
    }
  }

  #writeIncident(row: Omit<IncidentRow, 'sequence'>): readonly KeyRow[] {
    this.#incidents.push({ sequence: this.lastIncident() + 1, ...row });
    this.#undo.push(() => this.#incidents.pop());
    return [];
  }

  #cutAudit(after: number, base: AuditBase): readonly KeyRow[] {
    const before = this.#base;
    if ((before?.size ?? 0) !== after || base.size >= (this.lastAudit()?.sequence ?? 0))
      throw new KeyStorageError('in memory', CUT_REFUSED);
    const cut = this.#audit.splice(0, base.size - after);
    this.#base = base;
    this.#undo.push(() => {
      this.#base = before;
      this.#audit.unshift(...cut);
    });
    return [];
  }

  #prune(rows: readonly KeyRow[]): void {
    const before = [...this.#rows];
    for (const { keyId, state } of rows) {
      this.#rows.delete(keyId);
      this.#pruned.set(keyId, state);
    }
    this.#undo.push(() => {
      for (const { keyId } of rows) this.#pruned.delete(keyId);
      this.#rows.clear();
      for (const [keyId, row] of before) this.#rows.set(keyId, row);
    });
  }

  #insert(row: KeyRow): boolean {
    if (this.#rows.has(row.keyId) || this.#pruned.has(row.keyId)) return false;
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

  wasPruned(keyId: string): boolean {
    return this.#pruned.has(keyId);
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
    const states = [...[...this.#rows.values()].map((row) => row.state), ...this.#pruned.values()];
    for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
    return counts;
  }

  incidents(afterSequence: number, limit: number): readonly IncidentRow[] {
    return this.#incidents.filter(({ sequence }) => sequence > afterSequence).slice(0, limit);
  }

  lastIncident(): number {
    return this.#incidents.at(-1)?.sequence ?? 0;
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
    const from = Math.max(0, fromSequence - 1 - (this.#base?.size ?? 0));
    return this.#audit.slice(from, from + limit);
  }

  auditBase(): AuditBase | undefined {
    return this.#base;
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
