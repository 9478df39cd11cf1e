/**
 * The key store's disk: node:sqlite with a write-ahead log and synchronous=FULL, so that a transaction that returned
 * survives a power cut. Opening refuses a file that is no database of this form; it never repairs or empties one.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  type AuditRow,
  type Change,
  type Done,
  type EpochRow,
  KEY_STATES,
  type KeyRole,
  type KeyRow,
  type KeyState,
  type KeyStorage,
  KeyStorageError,
  SEALED_STATES,
  type Selection,
  type StorageFault,
} from '#qkd';
import { KEY_COLUMNS, selectionSql } from './key-selection-sql.ts';

/** Written as user_version; a file of another form is refused. */
const FORM = 2;
/** The partial index holds only keys that wait, so that choosing the oldest costs the same after a million used ones. */
const SCHEMA = `
  CREATE TABLE keys (
    sequence INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    peer TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB,
    epoch TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX keys_waiting ON keys (state, peer, role, sequence) WHERE sealed IS NOT NULL;
  CREATE TABLE epochs (
    epoch TEXT PRIMARY KEY,
    wrapped BLOB
  ) STRICT;
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  PRAGMA user_version = ${FORM};
`;

/** SQLite's primary result codes that the operator must tell apart. */
const FAULTS: Readonly<Record<number, StorageFault>> = {
  5: 'busy',
  6: 'busy',
  11: 'damaged',
  13: 'full',
  26: 'damaged',
};

/** Statements are prepared at their first use and kept, since preparing costs more than running most of them. */
export class SqliteKeyStorage implements KeyStorage {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens or makes the file at `path`; waits `busyMs` at most for another process. Throws {@link KeyStorageError}. */
  constructor(path: string, busyMs = 5000) {
    this.#path = path;
    try {
      this.#database = new DatabaseSync(path, { timeout: busyMs });
    } catch (error) {
      throw asStorageError(path, error);
    }
    try {
      this.#prepareFile();
    } catch (error) {
      this.#database.close();
      throw asStorageError(path, error);
    }
  }

  /** secure_delete overwrites a key's sealed bytes in its page when the key is used. */
  #prepareFile(): void {
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
    // A larger log between checkpoints: each page of the index then goes to its place once for many transactions.
    this.#database.exec('PRAGMA wal_autocheckpoint = 8192; PRAGMA cache_size = -65536;');
    this.#transact(() => {
      const form = this.#one('PRAGMA user_version')?.user_version;
      if (form === 0) this.#database.exec(SCHEMA);
      else if (form !== FORM)
        throw new KeyStorageError(this.#path, `its form is ${String(form)}, not ${FORM}`);
    });
    const check = this.#one('PRAGMA quick_check')?.quick_check;
    if (check !== 'ok') throw new KeyStorageError(this.#path, `it is damaged: ${String(check)}`, 'damaged');
  }

  commit(
    changes: readonly Change[],
    record: (done: Done, last: AuditRow | undefined) => readonly AuditRow[],
  ): Done {
    return this.#guarded(() =>
      this.#transact(() => {
        const done = changes.map((change) => this.#carryOut(change));
        for (const row of record(done, this.lastAudit())) this.#appendAudit(row);
        return done;
      }),
    );
  }

  /** IMMEDIATE takes the write lock before the first read: two processes cannot both choose the same key. */
  #transact<T>(work: () => T): T {
    this.#run('BEGIN IMMEDIATE');
    try {
      const value = work();
      this.#run('COMMIT');
      return value;
    } catch (error) {
      if (this.#database.isTransaction) this.#run('ROLLBACK');
      throw error;
    }
  }

  #carryOut(change: Change): readonly KeyRow[] {
    if (change.do === 'insert') return change.rows.filter((row) => this.#insert(row));
    if (change.do === 'epoch') return this.#writeEpoch(change.row);
    const rows = this.select(change.where);
    if (rows.length > 0) this.#move(change.where, change.to, change.atMs);
    return rows;
  }

  #insert(row: KeyRow): boolean {
    const changes = this.#run(
      `INSERT INTO keys (${KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      row.keyId,
      row.peer,
      row.role,
      row.state,
      row.sealed ?? null,
      row.epoch,
      row.receivedAtMs,
      row.changedAtMs,
    );
    return changes === 1;
  }

  /** The same rows that the selection has just given: nobody else writes within the transaction. */
  #move(where: Selection, state: KeyState, changedAtMs: number): void {
    const { text, values } = selectionSql(where, () => '?');
    const erase = SEALED_STATES.includes(state) ? '' : ', sealed = NULL';
    this.#run(
      `UPDATE keys SET state = ?, changed_at = ?${erase} WHERE sequence IN (SELECT sequence FROM keys WHERE ${text})`,
      state,
      changedAtMs,
      ...values,
    );
  }

  /** A destroyed epoch stays as a row without a key, so that no late writer brings it back. */
  #writeEpoch({ epoch, wrapped }: EpochRow): readonly KeyRow[] {
    const sql =
      wrapped === undefined
        ? 'INSERT INTO epochs (epoch, wrapped) VALUES (?, ?) ON CONFLICT (epoch) DO UPDATE SET wrapped = NULL'
        : 'INSERT INTO epochs (epoch, wrapped) VALUES (?, ?) ON CONFLICT (epoch) DO NOTHING';
    this.#run(sql, epoch, wrapped ?? null);
    return [];
  }

  find(keyId: string): KeyRow | undefined {
    return this.#guarded(() =>
      asKeyRow(this.#one(`SELECT ${KEY_COLUMNS} FROM keys WHERE key_id = ?`, keyId)),
    );
  }

  select(where: Selection): readonly KeyRow[] {
    const { text, values } = selectionSql(where, () => '?');
    return this.#guarded(() =>
      this.#all(`SELECT ${KEY_COLUMNS} FROM keys WHERE ${text}`, ...values).flatMap(
        (row) => asKeyRow(row) ?? [],
      ),
    );
  }

  storedCount(peer: string, role: KeyRole): number {
    const row = this.#guarded(() =>
      this.#one(
        "SELECT count(*) AS n FROM keys WHERE state = 'stored' AND sealed IS NOT NULL AND peer = ? AND role = ?",
        peer,
        role,
      ),
    );
    return Number(row?.n ?? 0);
  }

  countsByState(): ReadonlyMap<KeyState, number> {
    const counts = new Map<KeyState, number>();
    const rows = this.#guarded(() => this.#all('SELECT state, count(*) AS n FROM keys GROUP BY state'));
    for (const row of rows) counts.set(asState(row.state), Number(row.n));
    return counts;
  }

  epochs(): readonly EpochRow[] {
    return this.#guarded(() => this.#all('SELECT epoch, wrapped FROM epochs')).map((row) => ({
      epoch: String(row.epoch),
      wrapped: row.wrapped instanceof Uint8Array ? row.wrapped : undefined,
    }));
  }

  #appendAudit(row: AuditRow): void {
    this.#run(
      'INSERT INTO audit (sequence, at, event, hash) VALUES (?, ?, ?, ?)',
      row.sequence,
      row.atMs,
      row.event,
      row.hash,
    );
  }

  lastAudit(): AuditRow | undefined {
    return this.#guarded(() =>
      asAuditRow(this.#one('SELECT sequence, at, event, hash FROM audit ORDER BY sequence DESC LIMIT 1')),
    );
  }

  auditRows(fromSequence: number, limit: number): readonly AuditRow[] {
    return this.#guarded(() =>
      this.#all(
        'SELECT sequence, at, event, hash FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?',
        fromSequence,
        limit,
      ).flatMap((row) => asAuditRow(row) ?? []),
    );
  }

  /** Calling it again does nothing. */
  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  /** Whatever the engine throws goes out as one kind of error that names the file. */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asStorageError(this.#path, error);
    }
  }

  /** The texts are a fixed set of this file's, so the map stays small. */
  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  #one(sql: string, ...values: SQLInputValue[]): SqlRow | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): SqlRow[] {
    return this.#statement(sql).all(...values);
  }
}

type SqlRow = Record<string, unknown>;

/** A state that is none of ours is damage and must not pass as one. */
function asState(value: unknown): KeyState {
  const state = KEY_STATES.find((known) => known === value);
  if (state === undefined) throw new Error(`a key has the unknown state ${String(value)}`);
  return state;
}

/** The columns are STRICT, so their types are what the schema says. */
function asKeyRow(row: SqlRow | undefined): KeyRow | undefined {
  if (row === undefined) return undefined;
  return {
    keyId: String(row.key_id),
    peer: String(row.peer),
    role: row.role === 'master' ? 'master' : 'slave',
    state: asState(row.state),
    sealed: row.sealed instanceof Uint8Array ? row.sealed : undefined,
    epoch: String(row.epoch),
    receivedAtMs: Number(row.received_at),
    changedAtMs: Number(row.changed_at),
  };
}

function asAuditRow(row: SqlRow | undefined): AuditRow | undefined {
  if (row === undefined) return undefined;
  const hash = row.hash instanceof Uint8Array ? row.hash : new Uint8Array(0);
  return { sequence: Number(row.sequence), atMs: Number(row.at), event: String(row.event), hash };
}

/** Extended result codes have the primary one in their low octet. */
function asStorageError(path: string, error: unknown): KeyStorageError {
  if (error instanceof KeyStorageError) return error;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
  return new KeyStorageError(path, error instanceof Error ? error.message : String(error), FAULTS[code]);
}
