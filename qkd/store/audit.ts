/**
 * The audit record: every change in a key's life is one row, chained to the row before by SHA-256. Events are canonical
 * JSON (members in a fixed order, no space), never hold key bytes, and can name keys by a keyed hash where key IDs would
 * tell who talks to whom. An edit, a deletion or a swap breaks the chain at a row that {@link verifyAudit} names; cutting
 * rows off the end shows only against a {@link AuditHead} kept elsewhere.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../secret.ts';
import type { AuditRow, KeyStorage } from './key-storage.ts';

/** What happened to which key. */
export interface AuditEvent {
  readonly atMs: number;
  readonly event: string;
  readonly keyId?: string | undefined;
  readonly peer?: string | undefined;
  readonly reason?: string | undefined;
}

/** The end of the chain at some moment: kept away from the store, it shows a later truncation. */
export interface AuditHead {
  readonly sequence: number;
  readonly hash: Uint8Array;
}

/** What {@link verifyAudit} found, and where. */
export interface AuditFault {
  /** The first row that is not as it was written. */
  readonly sequence: number;
  readonly problem: 'gap' | 'changed' | 'truncated';
}

/** Stands in front of the first row. */
const FIRST_HASH = new Uint8Array(32);

/** The number is hashed with the event, so that a row cannot be moved. */
function chain(previous: Uint8Array, sequence: number, event: string): Uint8Array {
  const digest = createHash('sha256').update(previous).update(`${sequence}:`).update(event).digest();
  return new Uint8Array(digest);
}

/** Writes events; call it inside the transaction of the change that it records. */
export class AuditWriter {
  readonly #storage: KeyStorage;
  readonly #idKey: Secret | undefined;

  /** `idKey`: when given, key IDs are written as HMAC-SHA-256 under it. */
  constructor(storage: KeyStorage, idKey?: Secret) {
    this.#storage = storage;
    this.#idKey = idKey;
  }

  /** Reads the end of the chain each time: another process may have written since. */
  append(event: AuditEvent): void {
    const last = this.#storage.lastAudit();
    const sequence = (last?.sequence ?? 0) + 1;
    const text = this.#canonical(event);
    const hash = chain(last?.hash ?? FIRST_HASH, sequence, text);
    this.#storage.appendAudit({ sequence, atMs: event.atMs, event: text, hash });
  }

  /** Members in alphabetical order, as RFC 8785 3.2.3 has them; absent ones are left out. */
  #canonical(event: AuditEvent): string {
    const { atMs, keyId, peer, reason } = event;
    return JSON.stringify({ at: atMs, event: event.event, key: this.keyReference(keyId), peer, reason });
  }

  /** How a key is named in the record. */
  keyReference(keyId: string | undefined): string | undefined {
    if (keyId === undefined || this.#idKey === undefined) return keyId;
    return this.#idKey.use((key) => createHmac('sha256', key).update(keyId).digest('hex'));
  }
}

/** Walks the whole chain and gives the first fault, or undefined when it holds up to `head` and beyond. */
export function verifyAudit(storage: KeyStorage, head?: AuditHead): AuditFault | undefined {
  let previous: Uint8Array = FIRST_HASH;
  let sequence = 0;
  for (;;) {
    const rows = storage.auditRows(sequence + 1, 10_000);
    if (rows.length === 0) break;
    for (const row of rows) {
      sequence++;
      if (row.sequence !== sequence) return { sequence, problem: 'gap' };
      if (!isLink(row, previous)) return { sequence, problem: 'changed' };
      if (sequence === head?.sequence && !sameHash(row.hash, head.hash))
        return { sequence, problem: 'changed' };
      previous = row.hash;
    }
  }
  if (head !== undefined && sequence < head.sequence) return { sequence: sequence + 1, problem: 'truncated' };
  return undefined;
}

/** Hash and time both; the first fault ends the walk, since everything behind it is in doubt. */
function isLink(row: AuditRow, previous: Uint8Array): boolean {
  return sameHash(row.hash, chain(previous, row.sequence, row.event)) && eventTime(row.event) === row.atMs;
}

function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The time column repeats what the event says, for queries; a change of it alone counts as a change. */
function eventTime(event: string): number {
  const match = /^\{"at":(\d+),/.exec(event);
  return match === null ? Number.NaN : Number(match[1]);
}
