/**
 * A {@link KeyStorage} in memory: for a store whose keys need not outlive the process, and as the model that the disk
 * adapters are tested against. A transaction that throws is undone.
 */
import type { AuditRow, KeyRole, KeyRow, KeyStorage } from './key-storage.ts';
import type { KeyState } from './lifecycle.ts';

export class MemoryKeyStorage implements KeyStorage {
  readonly #rows = new Map<string, KeyRow>();
  /** IDs of stored keys by pair, in the order of their coming. */
  readonly #stored = new Map<string, Set<string>>();
  readonly #audit: AuditRow[] = [];
  #undo: (() => void)[] | undefined;

  transact<T>(work: () => T): T {
    if (this.#undo !== undefined) throw new Error('a transaction within a transaction');
    this.#undo = [];
    try {
      return work();
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    } finally {
      this.#undo = undefined;
    }
  }

  find(keyId: string): KeyRow | undefined {
    return this.#rows.get(keyId);
  }

  oldestStored(peer: string, role: KeyRole): KeyRow | undefined {
    for (const keyId of this.#stored.get(pairName(peer, role)) ?? []) return this.#rows.get(keyId);
    return undefined;
  }

  storedCount(peer: string, role: KeyRole): number {
    return this.#stored.get(pairName(peer, role))?.size ?? 0;
  }

  storedBefore(receivedBeforeMs: number, limit: number): readonly KeyRow[] {
    return [...this.#rows.values()]
      .filter((row) => row.state === 'stored' && row.receivedAtMs < receivedBeforeMs)
      .slice(0, limit);
  }

  receivedBetween(fromMs: number, untilMs: number, peer?: string): readonly KeyRow[] {
    return [...this.#rows.values()].filter(
      (row) =>
        row.receivedAtMs >= fromMs && row.receivedAtMs < untilMs && (peer === undefined || row.peer === peer),
    );
  }

  insert(row: KeyRow): void {
    if (this.#rows.has(row.keyId)) throw new Error(`key ${row.keyId} is there already`);
    this.#write(row);
    this.#undo?.push(() => {
      this.#rows.delete(row.keyId);
      this.#stored.get(pairName(row.peer, row.role))?.delete(row.keyId);
    });
  }

  update(keyId: string, state: KeyState, changedAtMs: number, sealed?: Uint8Array): void {
    const row = this.#rows.get(keyId);
    if (row === undefined) throw new Error(`key ${keyId} is not there`);
    this.#write({ ...row, state, changedAtMs, sealed });
    this.#undo?.push(() => this.#write(row));
  }

  #write(row: KeyRow): void {
    this.#rows.set(row.keyId, row);
    const name = pairName(row.peer, row.role);
    const ids = this.#stored.get(name) ?? new Set();
    if (row.state === 'stored') ids.add(row.keyId);
    else ids.delete(row.keyId);
    this.#stored.set(name, ids);
  }

  countsByState(): ReadonlyMap<KeyState, number> {
    const counts = new Map<KeyState, number>();
    for (const row of this.#rows.values()) counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
    return counts;
  }

  appendAudit(row: AuditRow): void {
    this.#audit.push(row);
    this.#undo?.push(() => this.#audit.pop());
  }

  lastAudit(): AuditRow | undefined {
    return this.#audit.at(-1);
  }

  auditRows(fromSequence: number, limit: number): readonly AuditRow[] {
    return this.#audit.slice(fromSequence - 1, fromSequence - 1 + limit);
  }

  close(): void {
    this.#rows.clear();
  }
}

function pairName(peer: string, role: KeyRole): string {
  return `${role} ${peer}`;
}
