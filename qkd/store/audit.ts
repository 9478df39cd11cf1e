/**
 * The audit record: every change in keys' lives is one row, chained to the row before by SHA-256. Events are canonical
 * JSON (RFC 8785: members in order, no space) that hold their own number, never key bytes, and can name keys by a keyed
 * hash where key IDs would tell who talks to whom. An edit, a deletion or a swap breaks the chain at a row that
 * `verifyAudit` names; what cuts off the end or rewrites the whole shows only against a checkpoint kept elsewhere.
 */
import { createHmac, hash } from 'node:crypto';
import type { Secret } from '../secret.ts';
import type { AuditRow } from './key-storage.ts';
import { leafHash } from './merkle.ts';

/** What happened to which keys: those that one step of a transaction changed together. */
export interface AuditEvent {
  readonly atMs: number;
  readonly event: string;
  readonly keyIds?: readonly string[] | undefined;
  readonly peer?: string | undefined;
  readonly reason?: string | undefined;
}

/** Stands in front of the first row. */
export const FIRST_HASH: Uint8Array = new Uint8Array(32);

/** The hash of a row over the hash of the row before and its own leaf hash. */
export function chainHash(previous: Uint8Array, leaf: Uint8Array): Uint8Array {
  const both = new Uint8Array(64);
  both.set(previous);
  both.set(leaf, 32);
  return hash('sha256', both, 'buffer');
}

/** The rows that follow `last`, one for each event, in order. `idKey`: key IDs are written as HMAC-SHA-256 under it. */
export function linkEvents(
  last: AuditRow | undefined,
  events: readonly AuditEvent[],
  idKey: Secret | undefined,
): readonly AuditRow[] {
  let previous = last?.hash ?? FIRST_HASH;
  let sequence = last?.sequence ?? 0;
  return events.map((event) => {
    sequence++;
    const text = canonical(event, sequence, idKey);
    previous = chainHash(previous, leafHash(text));
    return { sequence, atMs: event.atMs, event: text, hash: previous };
  });
}

/** Members in alphabetical order, as RFC 8785 3.2.3 has them; absent ones are left out. */
function canonical(event: AuditEvent, sequence: number, idKey: Secret | undefined): string {
  const { atMs, keyIds, peer } = event;
  const reason =
    idKey === undefined ? event.reason : event.reason?.replace(KEY_ID, (id) => hidden(id, idKey));
  const keys = keyIds?.map((keyId) => keyReference(keyId, idKey));
  return JSON.stringify({ at: atMs, event: event.event, keys, peer, reason, seq: sequence });
}

/** A key ID in a text, as a UUID or as its 32 digits, whatever the case. */
const KEY_ID = /[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}/gi;

/** Reasons come from KMEs and operators, who may name keys: in their text a key is named as it is elsewhere in the record. */
function hidden(id: string, idKey: Secret): string {
  const digits = id.replaceAll('-', '').toLowerCase();
  const parts = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ];
  return keyReference(parts.join('-'), idKey);
}

/** How a key is named in the record. */
export function keyReference(keyId: string, idKey: Secret | undefined): string {
  if (idKey === undefined) return keyId;
  return idKey.use((key) => createHmac('sha256', key).update(keyId).digest('hex'));
}
