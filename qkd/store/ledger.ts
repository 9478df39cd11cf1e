/**
 * The rows of the key store and their changes, each with its audit row. Every method here runs inside a transaction that
 * the caller opened; none of them waits.
 */
import type { Secret } from '../secret.ts';
import { AuditWriter } from './audit.ts';
import type { KeyRole, KeyRow, KeyStorage } from './key-storage.ts';
import { type KeyState, mayBecome } from './lifecycle.ts';
import { type KeyReply, refused } from './reply.ts';
import type { Sealer } from './sealer.ts';
import type { StoreClock } from './store-clock.ts';

/** Whose key it is and on which side this store stands. */
export interface Pair {
  readonly peer: string;
  readonly role: KeyRole;
}

export interface LedgerParts {
  readonly storage: KeyStorage;
  readonly clock: StoreClock;
  readonly sealer: Sealer;
  /** Keys older than this are never used; Infinity: no limit. */
  readonly maxAgeMs: number;
  readonly auditIdKey: Secret | undefined;
}

export class Ledger {
  readonly #parts: LedgerParts;
  readonly #audit: AuditWriter;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
    this.#audit = new AuditWriter(parts.storage, parts.auditIdKey);
  }

  /** Why the key of this ID cannot be fetched from the KME any more, or undefined when the store has not seen it. */
  knownRefusal(pair: Pair, keyId: string): KeyReply | undefined {
    const row = this.#parts.storage.find(keyId);
    if (row === undefined) return undefined;
    if (row.peer !== pair.peer || row.role !== pair.role) return refused('unknown-key', keyId);
    if (row.state === 'expired' || row.state === 'quarantined')
      return refused(row.state, keyId, undefined, this.#age(row));
    return row.state === 'stored' ? undefined : refused('already-used', keyId, undefined, this.#age(row));
  }

  /** Marks a key that was just received as used and grants it. */
  useReceived(pair: Pair, keyId: string, secret: Secret): KeyReply {
    const known = this.#parts.storage.find(keyId);
    if (known !== undefined) {
      secret.wipe();
      return this.knownRefusal(pair, keyId) ?? refused('bad-answer', keyId, 'the KME gave a key ID twice');
    }
    this.#insert(pair, keyId, 'used', undefined, 'fetched for use');
    return { status: 'ok', keyId, ageMs: 0, secret };
  }

  /** Puts a received key away for later and wipes it; a key ID that is known already is left as it is. */
  store(pair: Pair, keyId: string, secret: Secret): void {
    if (this.#parts.storage.find(keyId) === undefined) {
      const sealed = this.#parts.sealer.seal({ keyId, ...pair }, secret);
      this.#insert(pair, keyId, 'stored', sealed, 'prefetched');
    }
    secret.wipe();
  }

  /** Writes down a key that came but can never be used. */
  burn(pair: Pair, keyId: string, reason: string): void {
    if (this.#parts.storage.find(keyId) === undefined) this.#insert(pair, keyId, 'burnt', undefined, reason);
  }

  /** Writes down that keys may have been lost between the KME and this store, whose IDs nobody knows. */
  noteSuspectedBurn(pair: Pair, number: number, reason: string): void {
    const atMs = this.#parts.clock.now();
    this.#audit.append({ atMs, event: 'suspected-burn', peer: pair.peer, reason: `${number}: ${reason}` });
  }

  /** Takes the oldest stored key of a pair that may still be used; undefined when there is none. */
  useOldest(pair: Pair): KeyReply | undefined {
    for (;;) {
      const row = this.#parts.storage.oldestStored(pair.peer, pair.role);
      if (row === undefined) return undefined;
      const reply = this.useStored(row);
      if (reply.status === 'ok') return reply;
    }
  }

  /** Takes one stored key: marks it used, or expired or burnt when it cannot be used any more. */
  useStored(row: KeyRow): KeyReply {
    const ageMs = this.#age(row);
    if (ageMs > this.#parts.maxAgeMs) {
      this.change(row, 'expired', 'older than the policy allows');
      return refused('expired', row.keyId, undefined, ageMs);
    }
    const secret =
      row.epoch === this.#parts.sealer.epoch && row.sealed !== undefined
        ? this.#parts.sealer.open(row, row.sealed)
        : undefined;
    if (secret === undefined) {
      this.change(row, 'burnt', 'cannot be opened');
      return refused('unknown-key', row.keyId, 'the stored key cannot be opened', ageMs);
    }
    this.change(row, 'used', 'taken from the store');
    return { status: 'ok', keyId: row.keyId, ageMs, secret };
  }

  /** Moves a key to another state; its sealed bytes go with the state `stored`. Throws on a move that is no row of the table. */
  change(row: KeyRow, state: KeyState, reason: string): void {
    if (!mayBecome(row.state, state)) throw new Error(`a key cannot go from ${row.state} to ${state}`);
    const atMs = this.#parts.clock.now();
    this.#parts.storage.update(row.keyId, state, atMs);
    this.#audit.append({ atMs, event: state, keyId: row.keyId, peer: row.peer, reason });
  }

  #insert(pair: Pair, keyId: string, state: KeyState, sealed: Uint8Array | undefined, reason: string): void {
    const atMs = this.#parts.clock.now();
    const { epoch } = this.#parts.sealer;
    this.#parts.storage.insert({
      keyId,
      ...pair,
      state,
      sealed,
      epoch,
      receivedAtMs: atMs,
      changedAtMs: atMs,
    });
    this.#audit.append({ atMs, event: state, keyId, peer: pair.peer, reason });
  }

  #age(row: KeyRow): number {
    return Math.max(0, this.#parts.clock.now() - row.receivedAtMs);
  }
}
