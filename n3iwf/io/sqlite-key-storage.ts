/**
 * The key store's disk: node:sqlite with a write-ahead log and synchronous=FULL, so that a transaction that returned
 * survives a power cut. Opening refuses a file that is no database of this form; it never repairs or empties one.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  type AuditBase,
  type AuditRow,
  type Change,
  CUT_REFUSED,
  type Done,
  type EpochRow,
  type IncidentRow,
  type KeyRole,
  type KeyRow,
  type KeyState,
  type KeyStorage,
  KeyStorageError,
  SEALED_STATES,
  type Selection,
} from '#qkd';
import {
  asState,
  joinPeaks,
  KEY_COLUMNS,
  selectionSql,
  splitPeaks,
  tombstoneOf,
} from './key-selection-sql.ts';
import { FORM, SCHEMA, SCHEMA_3 } from './sqlite-key-schema.ts';
import { asAuditRow, asStorageError, DiskScrub, type SqlRow } from './sqlite-scrub.ts';

/** Statements are prepared at their first use and kept, since preparing costs more than running most of them. */
export class SqliteKeyStorage implements KeyStorage {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #scrub: DiskScrub;

  /** Opens or makes the file at `path`; waits `busyMs` at most for another process. Throws {@link KeyStorageError}. */
  constructor(path: string, busyMs = 5000) {
    this.#path = path;
    this.#scrub = new DiskScrub(path);
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
      if (form === 0 || form === 2) this.#database.exec(SCHEMA_3);
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
    switch (change.do) {
      case 'insert': {
        const pruned = this.#one('SELECT EXISTS (SELECT 1 FROM tombstones) AS some')?.some === 1;
        return change.rows.filter((row) => !(pruned && this.wasPruned(row.keyId)) && this.#insert(row));
      }
      case 'epoch':
        return this.#writeEpoch(change.row);
      case 'incident':
        return this.#writeIncident(change.row);
      case 'cutAudit':
        return this.#cutAudit(change.after, change.base);
      case 'prune':
        return this.#prune(change.where);
      case 'move': {
        const rows = this.select(change.where);
        if (rows.length > 0) this.#move(change.where, change.to, change.atMs);
        return rows;
      }
    }
  }

  #prune(where: Selection): readonly KeyRow[] {
    const rows = this.select(where);
    const counts = new Map<KeyState, number>();
    for (const { keyId, state } of rows) {
      this.#run('INSERT OR IGNORE INTO tombstones (id) VALUES (?)', tombstoneOf(keyId));
      this.#run('DELETE FROM keys WHERE key_id = ?', keyId);
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    for (const [state, count] of counts)
      this.#run(
        'INSERT INTO pruned (state, keys) VALUES (?, ?) ON CONFLICT DO UPDATE SET keys = keys + excluded.keys',
        state,
        count,
      );
    return rows;
  }

  #writeIncident({ incident, fromMs, untilMs, peer }: Omit<IncidentRow, 'sequence'>): readonly KeyRow[] {
    const sql = 'INSERT INTO incidents (incident, from_ms, until_ms, peer) VALUES (?, ?, ?, ?)';
    this.#run(sql, incident, fromMs, untilMs, peer ?? null);
    return [];
  }

  #cutAudit(after: number, { size, hash, peaks }: AuditBase): readonly KeyRow[] {
    const begins = this.auditBase()?.size ?? 0;
    if (begins !== after || size >= (this.lastAudit()?.sequence ?? 0))
      throw new KeyStorageError(this.#path, CUT_REFUSED);
    this.#run('DELETE FROM audit WHERE sequence <= ?', size);
    const sql = 'INSERT OR REPLACE INTO audit_base (one, size, hash, peaks) VALUES (1, ?, ?, ?)';
    this.#run(sql, size, hash, joinPeaks(peaks));
    return [];
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

  wasPruned(keyId: string): boolean {
    return this.#guarded(() => {
      const row = this.#one(
        'SELECT EXISTS (SELECT 1 FROM tombstones WHERE id = ?) AS there',
        tombstoneOf(keyId),
      );
      return row?.there === 1;
    });
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
    const sql =
      'SELECT state, count(*) AS n FROM keys GROUP BY state UNION ALL SELECT state, keys FROM pruned';
    return this.#guarded(() => {
      const counts = new Map<KeyState, number>();
      for (const row of this.#all(sql)) {
        const state = asState(row.state);
        counts.set(state, (counts.get(state) ?? 0) + Number(row.n));
      }
      return counts;
    });
  }

  incidents(afterSequence: number, limit: number): readonly IncidentRow[] {
    const sql = 'SELECT * FROM incidents WHERE sequence > ? ORDER BY sequence LIMIT ?';
    return this.#guarded(() => this.#all(sql, afterSequence, limit)).map((row) => ({
      sequence: Number(row.sequence),
      incident: String(row.incident),
      fromMs: Number(row.from_ms),
      untilMs: Number(row.until_ms),
      peer: row.peer === null ? undefined : String(row.peer),
    }));
  }

  lastIncident(): number {
    const row = this.#guarded(() => this.#one('SELECT max(sequence) AS last FROM incidents'));
    return Number(row?.last ?? 0);
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

  auditBase(): AuditBase | undefined {
    const row = this.#guarded(() => this.#one('SELECT size, hash, peaks FROM audit_base'));
    if (!(row?.hash instanceof Uint8Array && row.peaks instanceof Uint8Array)) return undefined;
    return { size: Number(row.size), hash: row.hash, peaks: splitPeaks(row.peaks) };
  }

  scrub(): void {
    this.#guarded(() => this.#scrub.turn(this.lastAudit()));
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
