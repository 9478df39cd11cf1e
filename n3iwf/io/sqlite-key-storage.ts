/**
 * The key store's disk: node:sqlite with a write-ahead log and synchronous=FULL, so that a transaction that returned
 * survives a power cut. Opening refuses a file that is no database of this form; it never repairs or empties one.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { AuditRow, KeyRole, KeyRow, KeyState, KeyStorage } from '#qkd';
import { KEY_STATES } from '#qkd';

/** Written as user_version; a file of another form is refused. */
const FORM = 1;
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
  CREATE INDEX keys_stored ON keys (peer, role, sequence) WHERE state = 'stored';
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  PRAGMA user_version = ${FORM};
`;
const KEY_COLUMNS = 'key_id, peer, role, state, sealed, epoch, received_at, changed_at';

/** One line: which file and what is wrong with it. */
export class KeyStorageError extends Error {
  constructor(path: string, reason: string) {
    super(`key storage ${path}: ${reason}`);
    this.name = 'KeyStorageError';
  }
}

/** Statements are prepared at their first use and kept, since preparing costs more than running most of them. */
export class SqliteKeyStorage implements KeyStorage {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens or makes the file at `path`. Throws {@link KeyStorageError}. */
  constructor(path: string) {
    try {
      this.#database = new DatabaseSync(path, { timeout: 5000 });
    } catch (error) {
      throw new KeyStorageError(path, reasonOf(error));
    }
    try {
      this.#prepareFile();
    } catch (error) {
      this.#database.close();
      throw new KeyStorageError(path, reasonOf(error));
    }
  }

  /** secure_delete overwrites a key's sealed bytes in its page when the key is used. */
  #prepareFile(): void {
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
    this.transact(() => {
      const form = this.#one('PRAGMA user_version')?.user_version;
      if (form === 0) this.#database.exec(SCHEMA);
      else if (form !== FORM) throw new Error(`its form is ${String(form)}, not ${FORM}`);
    });
    const check = this.#one('PRAGMA quick_check')?.quick_check;
    if (check !== 'ok') throw new Error(`it is damaged: ${String(check)}`);
  }

  /** IMMEDIATE takes the write lock before the first read: two processes cannot both choose the same key. */
  transact<T>(work: () => T): T {
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

  find(keyId: string): KeyRow | undefined {
    return asKeyRow(this.#one(`SELECT ${KEY_COLUMNS} FROM keys WHERE key_id = ?`, keyId));
  }

  oldestStored(peer: string, role: KeyRole): KeyRow | undefined {
    return asKeyRow(
      this.#one(
        `SELECT ${KEY_COLUMNS} FROM keys WHERE state = 'stored' AND peer = ? AND role = ? ORDER BY sequence LIMIT 1`,
        peer,
        role,
      ),
    );
  }

  storedCount(peer: string, role: KeyRole): number {
    const row = this.#one(
      "SELECT count(*) AS n FROM keys WHERE state = 'stored' AND peer = ? AND role = ?",
      peer,
      role,
    );
    return Number(row?.n ?? 0);
  }

  /** By order of arrival, which is the order of age. */
  storedBefore(receivedBeforeMs: number, limit: number): readonly KeyRow[] {
    return this.#all(
      `SELECT ${KEY_COLUMNS} FROM keys WHERE state = 'stored' AND received_at < ? ORDER BY sequence LIMIT ?`,
      receivedBeforeMs,
      limit,
    ).flatMap((row) => asKeyRow(row) ?? []);
  }

  receivedBetween(fromMs: number, untilMs: number, peer?: string): readonly KeyRow[] {
    return this.#all(
      `SELECT ${KEY_COLUMNS} FROM keys WHERE received_at >= ? AND received_at < ? AND peer = coalesce(?, peer) ORDER BY sequence`,
      fromMs,
      untilMs,
      peer ?? null,
    ).flatMap((row) => asKeyRow(row) ?? []);
  }

  insert(row: KeyRow): void {
    this.#run(
      `INSERT INTO keys (${KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      row.keyId,
      row.peer,
      row.role,
      row.state,
      row.sealed ?? null,
      row.epoch,
      row.receivedAtMs,
      row.changedAtMs,
    );
  }

  /** The sealed bytes go unless they are given anew. */
  update(keyId: string, state: KeyState, changedAtMs: number, sealed?: Uint8Array): void {
    const changes = this.#run(
      'UPDATE keys SET state = ?, changed_at = ?, sealed = ? WHERE key_id = ?',
      state,
      changedAtMs,
      sealed ?? null,
      keyId,
    );
    if (changes !== 1) throw new Error(`key ${keyId} is not there`);
  }

  countsByState(): ReadonlyMap<KeyState, number> {
    const counts = new Map<KeyState, number>();
    for (const row of this.#all('SELECT state, count(*) AS n FROM keys GROUP BY state'))
      counts.set(asState(row.state), Number(row.n));
    return counts;
  }

  appendAudit(row: AuditRow): void {
    this.#run(
      'INSERT INTO audit (sequence, at, event, hash) VALUES (?, ?, ?, ?)',
      row.sequence,
      row.atMs,
      row.event,
      row.hash,
    );
  }

  lastAudit(): AuditRow | undefined {
    return asAuditRow(
      this.#one('SELECT sequence, at, event, hash FROM audit ORDER BY sequence DESC LIMIT 1'),
    );
  }

  auditRows(fromSequence: number, limit: number): readonly AuditRow[] {
    return this.#all(
      'SELECT sequence, at, event, hash FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?',
      fromSequence,
      limit,
    ).flatMap((row) => asAuditRow(row) ?? []);
  }

  /** Calling it again does nothing. */
  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
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

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
