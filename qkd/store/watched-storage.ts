/**
 * A key storage that is watched at run time: what went wrong last, for as long as it is so. Damage is for good: a file that
 * has lost something may have lost that a key was used, so that from then on nothing is read from it or written to it by
 * this process, and every request is refused with the reason.
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
  MaybePromise,
  Selection,
} from './key-storage.ts';
import type { KeyState } from './lifecycle.ts';
import type { RefusalReason } from './reply.ts';
import { KeyStorageError, storageReason } from './storage-error.ts';

/** What is wrong with the storage. */
export interface StorageTrouble {
  readonly reason: RefusalReason;
  /** One line: which storage and what happened. */
  readonly detail: string;
  /** Time of the store, ms. */
  readonly sinceMs: number;
  /** Whether the storage can be used in spite of it. */
  readonly usable: boolean;
}

type Kind = 'read' | 'write';

/** Passes everything on. Read: {@link trouble}. */
export class WatchedStorage implements KeyStorage {
  readonly #storage: KeyStorage;
  readonly #now: () => number;
  #trouble: (StorageTrouble & { readonly kind: Kind }) | undefined;
  #damage: KeyStorageError | undefined;
  #damagedKeys: StorageTrouble | undefined;

  constructor(storage: KeyStorage, now: () => number) {
    this.#storage = storage;
    this.#now = now;
  }

  /** Undefined while all is well: what was asked for last was done, and nothing was ever found damaged. */
  get trouble(): StorageTrouble | undefined {
    return this.#trouble ?? this.#damagedKeys;
  }

  /** A single row turned out to be damaged: told until the end of the process, while the rest goes on. */
  noteDamagedKey(detail: string): void {
    this.#damagedKeys ??= { reason: 'storage-damaged', detail, sinceMs: this.#now(), usable: true };
  }

  commit(
    changes: readonly Change[],
    record: (done: Done, last: AuditRow | undefined) => readonly AuditRow[],
  ): MaybePromise<Done> {
    let wrote = false;
    const noting = (done: Done, last: AuditRow | undefined): readonly AuditRow[] => {
      const rows = record(done, last);
      wrote = rows.length > 0;
      return rows;
    };
    // A transaction that writes nothing succeeds on a full disk, too.
    return this.#watched(
      () => this.#storage.commit(changes, noting),
      () => (wrote ? 'write' : 'read'),
      'write',
    );
  }

  #watched<T>(work: () => MaybePromise<T>, succeeded: () => Kind, failed: Kind): MaybePromise<T> {
    if (this.#damage !== undefined) throw this.#damage;
    try {
      const value = work();
      if (!(value instanceof Promise)) {
        this.#well(succeeded());
        return value;
      }
      return value.then(
        (given: T) => {
          this.#well(succeeded());
          return given;
        },
        (error: unknown) => this.#failed(error, failed),
      );
    } catch (error) {
      return this.#failed(error, failed);
    }
  }

  #read<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    return this.#watched(work, () => 'read', 'read');
  }

  /** What was written says that reading works as well; not the other way round. */
  #well(kind: Kind): void {
    if (this.#damage === undefined && (kind === 'write' || this.#trouble?.kind === 'read'))
      this.#trouble = undefined;
  }

  #failed(error: unknown, kind: Kind): never {
    const detail = error instanceof Error ? error.message : String(error);
    const reason = storageReason(error);
    if (error instanceof KeyStorageError && error.fault === 'damaged') this.#damage ??= error;
    const sinceMs = this.#trouble?.reason === reason ? this.#trouble.sinceMs : this.#now();
    this.#trouble = { reason, detail, sinceMs, kind, usable: false };
    throw error;
  }

  find(keyId: string): MaybePromise<KeyRow | undefined> {
    return this.#read(() => this.#storage.find(keyId));
  }

  wasPruned(keyId: string): MaybePromise<boolean> {
    return this.#read(() => this.#storage.wasPruned(keyId));
  }

  select(where: Selection): MaybePromise<readonly KeyRow[]> {
    return this.#read(() => this.#storage.select(where));
  }

  storedCount(peer: string, role: KeyRole): MaybePromise<number> {
    return this.#read(() => this.#storage.storedCount(peer, role));
  }

  countsByState(): MaybePromise<ReadonlyMap<KeyState, number>> {
    return this.#read(() => this.#storage.countsByState());
  }

  incidents(afterSequence: number, limit: number): MaybePromise<readonly IncidentRow[]> {
    return this.#read(() => this.#storage.incidents(afterSequence, limit));
  }

  lastIncident(): MaybePromise<number> {
    return this.#read(() => this.#storage.lastIncident());
  }

  epochs(): MaybePromise<readonly EpochRow[]> {
    return this.#read(() => this.#storage.epochs());
  }

  lastAudit(): MaybePromise<AuditRow | undefined> {
    return this.#read(() => this.#storage.lastAudit());
  }

  auditRows(fromSequence: number, limit: number): MaybePromise<readonly AuditRow[]> {
    return this.#read(() => this.#storage.auditRows(fromSequence, limit));
  }

  auditBase(): MaybePromise<AuditBase | undefined> {
    return this.#read(() => this.#storage.auditBase());
  }

  scrub(): MaybePromise<void> {
    return this.#read(() => this.#storage.scrub?.());
  }

  close(): MaybePromise<void> {
    return this.#storage.close();
  }
}
