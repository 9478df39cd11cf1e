/** What the storages over SQL have in common: conditions of a key selection as SQL, and the form of what is written. */
import { hash } from 'node:crypto';
import { KEY_STATES, type KeyState, SEALED_STATES, type Selection } from '#qkd';

/** A row that no release of ours has written, though the engine gave it without a complaint. */
export class DamagedRowError extends Error {}

/** @throws DamagedRowError for a state that is none of ours: it must not pass as one */
export function asState(value: unknown): KeyState {
  const state = KEY_STATES.find((known) => known === value);
  if (state === undefined) throw new DamagedRowError(`a key has the unknown state ${String(value)}`);
  return state;
}

/** What stays of the ID of a key that is pruned: half of its SHA-256, 16 octets. Who reads it learns no ID. */
export function tombstoneOf(keyId: string): Uint8Array {
  return hash('sha256', keyId, 'buffer').subarray(0, 16);
}

/** Peaks of a Merkle tree in one piece, for a column. */
export function joinPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(peaks);
}

/** The other way; octets that are no whole peak are left out, and the number of peaks tells. */
export function splitPeaks(joined: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: Math.floor(joined.length / 32) }, (_, at) =>
    Uint8Array.from(joined.subarray(32 * at, 32 * at + 32)),
  );
}

/** Columns of a key in the order in which rows are written. */
export const KEY_COLUMNS = 'key_id, peer, role, state, sealed, epoch, received_at, changed_at';

/** The text after WHERE, with its order and limit, and the values that it names. */
export interface SelectionSql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

/** `name`: how the engine writes its n-th parameter, from 1 on. States are a fixed set and stand as text, so that the partial index over waiting keys is found. */
export function selectionSql(where: Selection, name: (place: number) => string): SelectionSql {
  const values: (string | number)[] = [];
  const conditions = [`state IN (${where.states.map((state) => `'${state}'`).join(', ')})`];
  if (where.states.every((state) => SEALED_STATES.includes(state))) conditions.push('sealed IS NOT NULL');
  const add = (condition: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(`${condition} ${name(values.length)}`);
  };
  add('key_id =', where.keyId);
  add('peer =', where.peer);
  add('role =', where.role);
  add('received_at >=', where.receivedFromMs);
  add('received_at <', where.receivedBeforeMs);
  add('changed_at <', where.changedBeforeMs);
  add('epoch =', where.epoch);
  // With the plus SQLite sorts the few that are due, instead of walking all keys in their order until it has met enough.
  const order = where.changedBeforeMs === undefined ? 'sequence' : '+sequence';
  let text = `${conditions.join(' AND ')} ORDER BY ${order}`;
  if (where.limit !== undefined) {
    values.push(where.limit);
    text += ` LIMIT ${name(values.length)}`;
  }
  return { text, values };
}
