/**
 * What the key store needs of a disk or a database. Changes are declared, not programmed: an adapter carries a list of
 * them out in one durable transaction together with the audit rows that follow from them. So a local file answers at once,
 * a database on the network needs a few round trips for hundreds of keys, and several processes may share one storage.
 */
import { type KeyState, mayBecome } from './lifecycle.ts';

/** Which side this store's SAE is on: it drew the key (enc_keys) or fetched it by its ID (dec_keys). */
export type KeyRole = 'master' | 'slave';

/** A value at once (a file), or later (a network): `await` takes both. */
export type MaybePromise<T> = T | Promise<T>;

/** One key as the storage knows it: its sealed bytes stay while it waits, its row until it is pruned, its ID for ever. */
export interface KeyRow {
  /** UUID text, lower case; unique over all peers and roles. */
  readonly keyId: string;
  readonly peer: string;
  readonly role: KeyRole;
  readonly state: KeyState;
  /** The key sealed under the epoch's key, only while `stored` or `reserved`. */
  readonly sealed: Uint8Array | undefined;
  readonly epoch: string;
  /** Store time (see StoreClock), ms. */
  readonly receivedAtMs: number;
  readonly changedAtMs: number;
}

/** Keys that all given conditions hold for, oldest first. */
export interface Selection {
  readonly states: readonly KeyState[];
  /** At most so many; without it all. */
  readonly limit?: number;
  readonly keyId?: string;
  readonly peer?: string;
  readonly role?: KeyRole;
  /** Received at this moment of store time or later. */
  readonly receivedFromMs?: number;
  /** Received before this moment. */
  readonly receivedBeforeMs?: number;
  /** In its state since before this moment. */
  readonly changedBeforeMs?: number;
  readonly epoch?: string;
}

/** The key of an epoch, wrapped under the key-encryption key; undefined once it is destroyed. */
export interface EpochRow {
  readonly epoch: string;
  readonly wrapped: Uint8Array | undefined;
}

/** Keys that are distrusted from one moment on, for every node that shares the storage. Times of the store in ms. */
export interface IncidentRow {
  /** Grows in the order in which incidents are committed; gaps are possible. */
  readonly sequence: number;
  /** As it stands in the audit record: its ID and why. */
  readonly incident: string;
  /** Keys received from this moment on and before the other. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The link; all when undefined. */
  readonly peer: string | undefined;
}

/** Where the audit record begins that is still in the storage: what was before it lies in segments, or is gone. */
export interface AuditBase {
  /** Rows before it. */
  readonly size: number;
  /** Chain hash of the last of them. */
  readonly hash: Uint8Array;
  /** Of the Merkle tree over them: the roots of its whole subtrees, the smallest first. */
  readonly peaks: readonly Uint8Array[];
}

/** One step of a transaction. */
export type Change =
  /** Gives the rows that are new; a key ID that is there already, or was before it was pruned, is left as it is. */
  | { readonly do: 'insert'; readonly rows: readonly KeyRow[] }
  /**
   * Gives the rows as they were before. Rows that another process is changing are passed over, unless `wait` says that
   * none may be missed.
   */
  | {
      readonly do: 'move';
      readonly where: Selection;
      readonly to: KeyState;
      readonly atMs: number;
      readonly wait?: boolean;
    }
  /** Writes an epoch's key, or destroys it when `wrapped` is undefined. A destroyed one is never written again. */
  | { readonly do: 'epoch'; readonly row: EpochRow }
  /** Takes rows out of the books and gives them: their IDs stay known as used, and counted in their states. */
  | { readonly do: 'prune'; readonly where: Selection }
  /** Tells every process on the storage of an incident. */
  | { readonly do: 'incident'; readonly row: Omit<IncidentRow, 'sequence'> }
  /** Takes the audit rows up to `base` out of the storage; fails when they are not those behind `after` rows. */
  | { readonly do: 'cutAudit'; readonly after: number; readonly base: AuditBase };

/** One link of the audit chain. */
export interface AuditRow {
  /** From 1 on, without a gap. */
  readonly sequence: number;
  readonly atMs: number;
  /** Canonical JSON of the event: what the hash covers. Never key bytes. */
  readonly event: string;
  /** SHA-256 over the hash of the row before and the event's leaf hash. */
  readonly hash: Uint8Array;
}

/** What the changes gave, in their order; nothing for what concerns no key. */
export type Done = readonly (readonly KeyRow[])[];

/** Any call may throw or reject with a {@link KeyStorageError}. */
export interface KeyStorage {
  /**
   * Carries out `changes` in order, then writes the audit rows that `record` makes of their results and of the youngest
   * audit row, all in one transaction. When it returns or resolves, the whole survives a power cut; when it throws or
   * rejects, nothing was written. `record` is called once at most and must not throw.
   */
  commit(
    changes: readonly Change[],
    record: (done: Done, last: AuditRow | undefined) => readonly AuditRow[],
  ): MaybePromise<Done>;
  find(keyId: string): MaybePromise<KeyRow | undefined>;
  /** Whether a key of this ID was here and was pruned. */
  wasPruned(keyId: string): MaybePromise<boolean>;
  select(where: Selection): MaybePromise<readonly KeyRow[]>;
  storedCount(peer: string, role: KeyRole): MaybePromise<number>;
  /** Pruned ones are in it, in the states that they ended in. */
  countsByState(): MaybePromise<ReadonlyMap<KeyState, number>>;
  /** Incidents behind this number, oldest first. */
  incidents(afterSequence: number, limit: number): MaybePromise<readonly IncidentRow[]>;
  /** Number of the youngest incident; 0 when there was none. */
  lastIncident(): MaybePromise<number>;
  epochs(): MaybePromise<readonly EpochRow[]>;
  lastAudit(): MaybePromise<AuditRow | undefined>;
  auditRows(fromSequence: number, limit: number): MaybePromise<readonly AuditRow[]>;
  /** Undefined while every row is here. */
  auditBase(): MaybePromise<AuditBase | undefined>;
  /**
   * Looks at a bounded part of what is on the disk, past every cache, another part each time; throws what is wrong with
   * it. Absent where the storage looks after itself.
   */
  scrub?(): MaybePromise<void>;
  close(): MaybePromise<void>;
}

/** Declares a move; throws when the table of states has no such way, which is a fault of the caller. */
export function move(where: Selection, to: KeyState, atMs: number, wait = false): Change {
  for (const from of where.states)
    if (!mayBecome(from, to)) throw new Error(`a key cannot go from ${from} to ${to}`);
  return { do: 'move', where, to, atMs, wait };
}
