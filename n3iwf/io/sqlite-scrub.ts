/**
 * Finds damage of a key store's file while the node runs. What the working connection has read once stays in its cache
 * whatever becomes of the disk, so each turn opens the file anew and reads on where the one before stopped.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type AuditRow, auditFollows, KeyStorageError, SEALED_STATES, type StorageFault } from '#qkd';
import { asState, DamagedRowError, KEY_COLUMNS } from './key-selection-sql.ts';

/** SQLite's primary result codes that the operator must tell apart. */
const FAULTS: Readonly<Record<number, StorageFault>> = {
  5: 'busy',
  6: 'busy',
  11: 'damaged',
  13: 'full',
  26: 'damaged',
};

/** A row as the engine gives it. */
export type SqlRow = Record<string, unknown>;

/** Rows of a table that one turn of the scrubbing reads: a few milliseconds. */
const SCRUBBED_ROWS = 500;

/** @returns the number to go on from; 0 at the end of the table */
function scrubKeys(disk: DatabaseSync, from: number): number {
  const sql = `SELECT sequence, ${KEY_COLUMNS} FROM keys WHERE sequence > ? ORDER BY sequence LIMIT ?`;
  const rows = disk.prepare(sql).all(from, SCRUBBED_ROWS);
  for (const row of rows)
    if (SEALED_STATES.includes(asState(row.state)) !== row.sealed instanceof Uint8Array)
      throw new DamagedRowError(`key ${String(row.key_id)} is ${String(row.state)} and sealed, or neither`);
  return rows.length < SCRUBBED_ROWS ? 0 : Number(rows.at(-1)?.sequence ?? 0);
}

/** As above; begins with the last row of the turn before, which the next one is chained to. */
function scrubAudit(disk: DatabaseSync, from: number): number {
  const sql = 'SELECT sequence, at, event, hash FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?';
  const rows = disk
    .prepare(sql)
    .all(from, SCRUBBED_ROWS)
    .flatMap((row) => asAuditRow(row) ?? []);
  for (const [at, row] of rows.entries())
    if (at > 0 && !auditFollows(rows[at - 1], row))
      throw new DamagedRowError(`row ${row.sequence} of the audit record is not as it was written`);
  return rows.length < SCRUBBED_ROWS ? 0 : (rows.at(-1)?.sequence ?? 0);
}

/** Reads a file round and round beside the connection that works on it. */
export class DiskScrub {
  readonly #path: string;
  /** Numbers of the rows to go on from. */
  readonly #at = { keys: 0, audit: 0 };

  constructor(path: string) {
    this.#path = path;
  }

  /** One turn. `last`: the youngest audit row as the working connection has it. @throws what is wrong with the file */
  turn(last: AuditRow | undefined): void {
    const disk = this.#open();
    try {
      if (last !== undefined) standsThere(disk, last);
      this.#at.keys = scrubKeys(disk, this.#at.keys);
      this.#at.audit = scrubAudit(disk, this.#at.audit);
    } finally {
      disk.close();
    }
  }

  #open(): DatabaseSync {
    try {
      return new DatabaseSync(this.#path, { readOnly: true });
    } catch (error) {
      const { fault, message } = asStorageError(this.#path, error);
      // What could be opened at the start and cannot now was moved, deleted or written over.
      throw fault === 'busy' ? error : new DamagedRowError(`it cannot be opened any more: ${message}`);
    }
  }
}

/**
 * Reads a whole file and changes nothing in it, not even an older form; a node may work on it meanwhile. Gives its form, or
 * undefined where there is no file yet.
 *
 * @throws KeyStorageError for what is wrong with it
 */
export function examineKeyFile(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const disk = new DatabaseSync(path, { readOnly: true });
    try {
      const check = disk.prepare('PRAGMA integrity_check(1)').get()?.integrity_check;
      if (check !== 'ok') throw new DamagedRowError(`it is damaged: ${String(check)}`);
      return Number(disk.prepare('PRAGMA user_version').get()?.user_version);
    } finally {
      disk.close();
    }
  } catch (error) {
    throw asStorageError(path, error);
  }
}

/** A copy of yesterday in the place of the file would be written to by nobody, and be read at the next start. */
function standsThere(disk: DatabaseSync, { sequence, hash }: AuditRow): void {
  const row = disk.prepare('SELECT hash FROM audit WHERE sequence = ?').get(sequence);
  if (!(row?.hash instanceof Uint8Array && Buffer.compare(row.hash, hash) === 0))
    throw new DamagedRowError('what is written does not arrive in the file: another stands in its place');
}

/** Undefined for no row. */
export function asAuditRow(row: SqlRow | undefined): AuditRow | undefined {
  if (row === undefined) return undefined;
  const hash = row.hash instanceof Uint8Array ? row.hash : new Uint8Array(0);
  return { sequence: Number(row.sequence), atMs: Number(row.at), event: String(row.event), hash };
}

/** What the engine threw, as the store takes it. Extended result codes have the primary one in their low octet. */
export function asStorageError(path: string, error: unknown): KeyStorageError {
  if (error instanceof KeyStorageError) return error;
  if (error instanceof DamagedRowError) return new KeyStorageError(path, error.message, 'damaged');
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return new KeyStorageError(path, error instanceof Error ? error.message : String(error), FAULTS[code]);
}
