/**
 * What the key store needs of a disk. Synchronous, because choosing a key, marking it used and writing the audit row are
 * one transaction that nothing may interleave with; the adapter over node:sqlite lives with the product's descriptors.
 */
import type { KeyState } from './lifecycle.ts';

/** Which side this store's SAE is on: it drew the key (enc_keys) or fetched it by its ID (dec_keys). */
export type KeyRole = 'master' | 'slave';

/** One key as the disk knows it: a row stays for ever, its sealed bytes only while the key waits. */
export interface KeyRow {
  /** UUID text, lower case; unique over all peers and roles. */
  readonly keyId: string;
  readonly peer: string;
  readonly role: KeyRole;
  readonly state: KeyState;
  /** The key sealed under the epoch's key, only while `stored`. */
  readonly sealed: Uint8Array | undefined;
  readonly epoch: string;
  /** Store time (see StoreClock), ms. */
  readonly receivedAtMs: number;
  readonly changedAtMs: number;
}

/** One link of the audit chain. */
export interface AuditRow {
  /** From 1 on, without a gap. */
  readonly sequence: number;
  readonly atMs: number;
  /** Canonical JSON of the event: what the hash covers. Never key bytes. */
  readonly event: string;
  /** SHA-256 over the hash of the row before and the event. */
  readonly hash: Uint8Array;
}

/** Calls other than `transact` and the lookers are made within a transaction. Any call may throw. */
export interface KeyStorage {
  /**
   * Runs `work` in one transaction that excludes every other writer. When it returns, what `work` wrote survives a power
   * cut; when it throws, nothing was written.
   */
  transact<T>(work: () => T): T;
  find(keyId: string): KeyRow | undefined;
  /** The key of this pair and role that is `stored` for the longest time. */
  oldestStored(peer: string, role: KeyRole): KeyRow | undefined;
  storedCount(peer: string, role: KeyRole): number;
  /** Keys that are `stored` and were received before a moment, oldest first. */
  storedBefore(receivedBeforeMs: number, limit: number): readonly KeyRow[];
  /** Keys of the states received in a span of store time, of one peer or all. */
  receivedBetween(fromMs: number, untilMs: number, peer?: string): readonly KeyRow[];
  /** Writes a new row; throws when the key ID is there already. */
  insert(row: KeyRow): void;
  /** Changes state, sealed bytes and time of change of a row that is there. */
  update(keyId: string, state: KeyState, changedAtMs: number, sealed?: Uint8Array): void;
  countsByState(): ReadonlyMap<KeyState, number>;
  appendAudit(row: AuditRow): void;
  lastAudit(): AuditRow | undefined;
  auditRows(fromSequence: number, limit: number): readonly AuditRow[];
  close(): void;
}
