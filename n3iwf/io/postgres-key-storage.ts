/**
 * A key storage that several N3IWFs share: PostgreSQL. Each takes keys with FOR UPDATE SKIP LOCKED, so that none waits for
 * another's choice and no key is chosen twice; the audit chain has one end, which a transaction locks as its last step.
 * Old versions of rows stay in the database's files until it cleans them: it is the destruction of an epoch's key
 * that ends sealed bytes for good.
 */
import { Client, Pool, type PoolClient } from 'pg';
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
  type StorageFault,
} from '#qkd';
import {
  asState,
  DamagedRowError,
  joinPeaks,
  KEY_COLUMNS,
  selectionSql,
  splitPeaks,
  tombstoneOf,
} from './key-selection-sql.ts';
import { FORM, SCHEMA, SCHEMA_2 } from './postgres-key-schema.ts';

/** Any numbers that no other user of the database locks: held while the audit chain grows, and while the schema is made. */
const AUDIT_LOCK = 7_603_914_226;
const SCHEMA_LOCK = 7_603_914_227;
const INSERT_KEYS = `
  INSERT INTO keys (${KEY_COLUMNS})
  SELECT r->>0, r->>1, r->>2, r->>3, decode(r->>4, 'hex'), r->>5, (r->>6)::bigint, (r->>7)::bigint
  FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS given (r, place) ORDER BY place
  ON CONFLICT DO NOTHING RETURNING key_id`;
const DELETE_PRUNED = `
  DELETE FROM keys USING jsonb_array_elements($1::text::jsonb) AS r
  WHERE key_id = r->>0 AND EXISTS (SELECT 1 FROM tombstones WHERE id = decode(r->>1, 'hex'))
  RETURNING key_id`;
const INSERT_AUDIT = `
  INSERT INTO audit (sequence, at, event, hash)
  SELECT (r->>0)::bigint, (r->>1)::bigint, r->>2, decode(r->>3, 'hex')
  FROM jsonb_array_elements($1::text::jsonb) AS r`;
const LAST_AUDIT = 'SELECT sequence, at, event, hash FROM audit ORDER BY sequence DESC LIMIT 1';

/** SQLSTATEs, or their classes, and codes of the connection that the operator must tell apart. */
const FAULTS: readonly (readonly [RegExp, StorageFault])[] = [
  [/^53[12]00$/, 'full'],
  [/^(55P03|40P01|40001|57014)$/, 'busy'],
  [/^XX00[12]$/, 'damaged'],
  [/^(08...|57P0.|53300|ECONN|ENOENT|ENOTFOUND|ETIMEDOUT|EHOST|EAI_|CONNECT)/, 'unreachable'],
];

/** What the client says, without a code, of a connection that broke or did not come about in time. */
const CUT =
  /^Connection terminated|timeout exceeded when trying to connect|^Client has encountered a connection error/;

type Row = Record<string, unknown>;

/** Made by {@link PostgresKeyStorage.open}. */
export class PostgresKeyStorage implements KeyStorage {
  readonly #place: string;
  readonly #pool: Pool;

  private constructor(place: string, pool: Pool) {
    this.#place = place;
    this.#pool = pool;
  }

  /**
   * Connects and makes the tables where there are none.
   *
   * @param url postgres://user:password@host:port/database, or with ?host=/folder for the unix socket in a folder
   * @throws KeyStorageError without the password
   */
  static async open(url: string): Promise<PostgresKeyStorage> {
    const place = withoutPassword(url);
    const pool = new Pool({
      connectionString: url,
      max: 3,
      connectionTimeoutMillis: 5000,
      application_name: 'qn3iwf',
      options: '-c search_path=qn3iwf -c synchronous_commit=on -c lock_timeout=5000',
    });
    // A connection that breaks while nobody uses it: the next call opens another.
    pool.on('error', () => {});
    const storage = new PostgresKeyStorage(place, pool);
    try {
      await storage.#transaction((client) => storage.#prepare(client));
    } catch (error) {
      await pool.end();
      throw asStorageError(place, error);
    }
    return storage;
  }

  /**
   * Connects and changes nothing, not even an older form. Gives the form of what is there, or undefined where there is
   * nothing yet.
   *
   * @throws KeyStorageError without the password
   */
  static async examine(url: string): Promise<number | undefined> {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
    client.on('error', () => {});
    try {
      await client.connect();
      const [there] = (await client.query<Row>("SELECT to_regclass('qn3iwf.form') AS form")).rows;
      if (there?.form === null) return undefined;
      return Number((await client.query<Row>('SELECT form FROM qn3iwf.form')).rows[0]?.form);
    } catch (error) {
      throw asStorageError(withoutPassword(url), error);
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** Runs `work` in a transaction; a connection on which it failed is not used again, as its state is unknown. */
  async #transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    // The server's end while a transaction runs fails its queries; the event beside that says nothing more.
    const ignore = () => {};
    client.on('error', ignore);
    let failed = true;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      failed = false;
      return result;
    } finally {
      client.off('error', ignore);
      client.release(failed);
    }
  }

  async #prepare(client: PoolClient): Promise<void> {
    await client.query(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`);
    // Not IF NOT EXISTS: even that locks tables in a way that nodes at work and a node that starts wait for each other.
    const [there] = (await client.query<Row>("SELECT to_regclass('qn3iwf.form') AS form")).rows;
    if (there?.form === null) await client.query(`${SCHEMA}INSERT INTO qn3iwf.form VALUES (1)`);
    const form = async () => (await client.query<Row>('SELECT form FROM form')).rows;
    if ((await form())[0]?.form === 1) await client.query(`${SCHEMA_2}UPDATE qn3iwf.form SET form = ${FORM}`);
    const [row] = await form();
    if (row?.form !== FORM)
      throw new KeyStorageError(this.#place, `its form is ${String(row?.form)}, not ${FORM}`);
  }

  async commit(
    changes: readonly Change[],
    record: (done: Done, last: AuditRow | undefined) => readonly AuditRow[],
  ): Promise<Done> {
    return await this.#guarded(
      this.#transaction(async (client) => {
        const done: (readonly KeyRow[])[] = [];
        for (const change of changes) done.push(await this.#carryOut(client, change));
        await this.#lockAudit(client);
        const [last] = (await client.query<Row>({ name: 'last-audit', text: LAST_AUDIT })).rows;
        const rows = record(done, last === undefined ? undefined : asAuditRow(last));
        const texts = rows.map(({ sequence, atMs, event, hash }) => [sequence, atMs, event, hex(hash)]);
        if (rows.length > 0)
          await client.query({ name: 'insert-audit', text: INSERT_AUDIT, values: [JSON.stringify(texts)] });
        return done;
      }),
    );
  }

  async #carryOut(client: PoolClient, change: Change): Promise<readonly KeyRow[]> {
    switch (change.do) {
      case 'insert':
        return await this.#insert(client, change.rows);
      case 'epoch':
        return await this.#writeEpoch(client, change.row);
      case 'incident':
        return await this.#writeIncident(client, change.row);
      case 'cutAudit':
        return await this.#cutAudit(client, change.after, change.base);
      case 'prune':
        return await this.#prune(client, change.where);
      case 'move':
        return await this.#move(client, change);
    }
  }

  /** Whoever else commits waits here, and then sees the rows written before. */
  async #lockAudit(client: PoolClient): Promise<void> {
    await client.query(`SELECT pg_advisory_xact_lock(${AUDIT_LOCK})`);
  }

  /** Under the lock of the record, so that numbers grow in the order in which others come to see them. */
  async #writeIncident(
    client: PoolClient,
    { incident, fromMs, untilMs, peer }: Omit<IncidentRow, 'sequence'>,
  ): Promise<readonly KeyRow[]> {
    await this.#lockAudit(client);
    await client.query('INSERT INTO incidents (incident, from_ms, until_ms, peer) VALUES ($1, $2, $3, $4)', [
      incident,
      fromMs,
      untilMs,
      peer ?? null,
    ]);
    return [];
  }

  async #cutAudit(client: PoolClient, after: number, base: AuditBase): Promise<readonly KeyRow[]> {
    await this.#lockAudit(client);
    const [begins] = (await client.query<Row>('SELECT size FROM audit_base')).rows;
    const [last] = (await client.query<Row>(LAST_AUDIT)).rows;
    if (Number(begins?.size ?? 0) !== after || base.size >= Number(last?.sequence ?? 0))
      throw new KeyStorageError(this.#place, CUT_REFUSED);
    await client.query('DELETE FROM audit WHERE sequence <= $1', [base.size]);
    await client.query(
      `INSERT INTO audit_base (one, size, hash, peaks) VALUES (1, $1, decode($2, 'hex'), decode($3, 'hex'))
       ON CONFLICT (one) DO UPDATE SET size = excluded.size, hash = excluded.hash, peaks = excluded.peaks`,
      [base.size, hex(base.hash), hex(joinPeaks(base.peaks))],
    );
    return [];
  }

  async #prune(client: PoolClient, where: Selection): Promise<readonly KeyRow[]> {
    const { text, values } = selectionSql(where, (place) => `$${place}`);
    const chosen = `SELECT sequence FROM keys WHERE ${text} FOR UPDATE SKIP LOCKED`;
    const { rows } = await client.query<Row>(
      `DELETE FROM keys WHERE sequence IN (${chosen}) RETURNING sequence, ${KEY_COLUMNS}`,
      [...values],
    );
    if (rows.length === 0) return [];
    const pruned = inOrder(rows).map(asKeyRow);
    const ids = JSON.stringify(pruned.map(({ keyId }) => hex(tombstoneOf(keyId))));
    await client.query(
      `INSERT INTO tombstones (id) SELECT decode(id, 'hex') FROM jsonb_array_elements_text($1::text::jsonb) AS id
       ON CONFLICT DO NOTHING`,
      [ids],
    );
    await client.query(
      `INSERT INTO pruned (state, keys) SELECT state, count(*) FROM jsonb_array_elements_text($1::text::jsonb) AS state
       GROUP BY state ON CONFLICT (state) DO UPDATE SET keys = pruned.keys + excluded.keys`,
      [JSON.stringify(pruned.map(({ state }) => state))],
    );
    return pruned;
  }

  async #insert(client: PoolClient, rows: readonly KeyRow[]): Promise<readonly KeyRow[]> {
    const texts = rows.map((row) => [
      row.keyId,
      row.peer,
      row.role,
      row.state,
      row.sealed === undefined ? null : hex(row.sealed),
      row.epoch,
      row.receivedAtMs,
      row.changedAtMs,
    ]);
    const query = { name: 'insert-keys', text: INSERT_KEYS, values: [JSON.stringify(texts)] };
    const { rows: fresh } = await client.query<Row>(query);
    const ids = new Set(fresh.map((row) => String(row.key_id)));
    for (const keyId of await this.#pruned(client, rows)) ids.delete(keyId);
    return rows.filter((row) => ids.delete(row.keyId));
  }

  /**
   * Takes rows out again whose ID was pruned before. A statement of its own behind the insert, because only such a one
   * sees what another node has pruned while the insert waited for it.
   */
  async #pruned(client: PoolClient, rows: readonly KeyRow[]): Promise<readonly string[]> {
    const ids = JSON.stringify(rows.map(({ keyId }) => [keyId, hex(tombstoneOf(keyId))]));
    const { rows: gone } = await client.query<Row>({
      name: 'spare-pruned',
      text: DELETE_PRUNED,
      values: [ids],
    });
    return gone.map((row) => String(row.key_id));
  }

  /** The rows as they were, since what was sealed is needed after it is erased. */
  async #move(
    client: PoolClient,
    { where, to, atMs, wait = false }: Extract<Change, { do: 'move' }>,
  ): Promise<readonly KeyRow[]> {
    const { text, values } = selectionSql(where, (place) => `$${place + 2}`);
    const erase = SEALED_STATES.includes(to) ? '' : ', sealed = NULL';
    const lock = wait ? 'FOR UPDATE' : 'FOR UPDATE SKIP LOCKED';
    const { rows: moved } = await client.query<Row>(
      `WITH chosen AS (SELECT sequence, ${KEY_COLUMNS} FROM keys WHERE ${text} ${lock})
       UPDATE keys SET state = $1, changed_at = $2${erase} FROM chosen
       WHERE keys.sequence = chosen.sequence RETURNING chosen.*`,
      [to, atMs, ...values],
    );
    return inOrder(moved).map(asKeyRow);
  }

  /** A destroyed epoch stays as a row without a key, so that no late writer brings it back. */
  async #writeEpoch(client: PoolClient, { epoch, wrapped }: EpochRow): Promise<readonly KeyRow[]> {
    const otherwise = wrapped === undefined ? 'UPDATE SET wrapped = NULL' : 'NOTHING';
    await client.query(
      `INSERT INTO epochs (epoch, wrapped) VALUES ($1, decode($2::text, 'hex')) ON CONFLICT (epoch) DO ${otherwise}`,
      [epoch, wrapped === undefined ? null : hex(wrapped)],
    );
    return [];
  }

  async find(keyId: string): Promise<KeyRow | undefined> {
    const [row] = await this.#each(asKeyRow, `SELECT ${KEY_COLUMNS} FROM keys WHERE key_id = $1`, keyId);
    return row;
  }

  async wasPruned(keyId: string): Promise<boolean> {
    const [row] = await this.#all(
      "SELECT EXISTS (SELECT 1 FROM tombstones WHERE id = decode($1, 'hex')) AS there",
      hex(tombstoneOf(keyId)),
    );
    return row?.there === true;
  }

  async select(where: Selection): Promise<readonly KeyRow[]> {
    const { text, values } = selectionSql(where, (place) => `$${place}`);
    return await this.#each(asKeyRow, `SELECT ${KEY_COLUMNS} FROM keys WHERE ${text}`, ...values);
  }

  async storedCount(peer: string, role: KeyRole): Promise<number> {
    const [row] = await this.#all(
      "SELECT count(*) AS n FROM keys WHERE state = 'stored' AND peer = $1 AND role = $2",
      peer,
      role,
    );
    return Number(row?.n ?? 0);
  }

  async countsByState(): Promise<ReadonlyMap<KeyState, number>> {
    const counts = await this.#each(
      (row) => [asState(row.state), Number(row.n)] as const,
      `SELECT state, sum(n) AS n FROM (
         SELECT state, count(*) AS n FROM keys GROUP BY state UNION ALL SELECT state, keys FROM pruned
       ) AS both_counts GROUP BY state`,
    );
    return new Map(counts);
  }

  async incidents(afterSequence: number, limit: number): Promise<readonly IncidentRow[]> {
    const sql = 'SELECT * FROM incidents WHERE sequence > $1 ORDER BY sequence LIMIT $2';
    return (await this.#all(sql, afterSequence, limit)).map((row) => ({
      sequence: Number(row.sequence),
      incident: String(row.incident),
      fromMs: Number(row.from_ms),
      untilMs: Number(row.until_ms),
      peer: row.peer === null ? undefined : String(row.peer),
    }));
  }

  async lastIncident(): Promise<number> {
    const [row] = await this.#all('SELECT max(sequence) AS last FROM incidents');
    return Number(row?.last ?? 0);
  }

  async epochs(): Promise<readonly EpochRow[]> {
    const rows = await this.#all('SELECT epoch, wrapped FROM epochs');
    return rows.map(({ epoch, wrapped }) => ({ epoch: String(epoch), wrapped: octets(wrapped) }));
  }

  async lastAudit(): Promise<AuditRow | undefined> {
    const [row] = await this.#all(LAST_AUDIT);
    return row === undefined ? undefined : asAuditRow(row);
  }

  async auditRows(fromSequence: number, limit: number): Promise<readonly AuditRow[]> {
    const rows = await this.#all(
      'SELECT sequence, at, event, hash FROM audit WHERE sequence >= $1 ORDER BY sequence LIMIT $2',
      fromSequence,
      limit,
    );
    return rows.map(asAuditRow);
  }

  async auditBase(): Promise<AuditBase | undefined> {
    const [row] = await this.#all('SELECT size, hash, peaks FROM audit_base');
    const [hash, peaks] = [octets(row?.hash), octets(row?.peaks)];
    if (hash === undefined || peaks === undefined) return undefined;
    return { size: Number(row?.size), hash, peaks: splitPeaks(peaks) };
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #all(text: string, ...values: (string | number)[]): Promise<readonly Row[]> {
    return await this.#each((row) => row, text, ...values);
  }

  /** `as` may throw for a row that makes no sense: that is a fault of the storage as well. */
  async #each<T>(as: (row: Row) => T, text: string, ...values: (string | number)[]): Promise<readonly T[]> {
    return await this.#guarded(this.#pool.query<Row>(text, values).then(({ rows }) => rows.map(as)));
  }

  /** Whatever the client throws goes out as one kind of error that names the database. */
  async #guarded<T>(work: PromiseLike<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw asStorageError(this.#place, error);
    }
  }
}

function hex(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
}

/** A buffer of its own. */
function octets(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? Uint8Array.from(value) : undefined;
}

function inOrder(rows: readonly Row[]): readonly Row[] {
  return [...rows].sort((one, two) => Number(one.sequence) - Number(two.sequence));
}

function asKeyRow(row: Row): KeyRow {
  return {
    keyId: String(row.key_id),
    peer: String(row.peer),
    role: row.role === 'master' ? 'master' : 'slave',
    state: asState(row.state),
    sealed: octets(row.sealed),
    epoch: String(row.epoch),
    receivedAtMs: Number(row.received_at),
    changedAtMs: Number(row.changed_at),
  };
}

function asAuditRow(row: Row): AuditRow {
  return {
    sequence: Number(row.sequence),
    atMs: Number(row.at),
    event: String(row.event),
    hash: octets(row.hash) ?? new Uint8Array(0),
  };
}

function asStorageError(place: string, error: unknown): KeyStorageError {
  if (error instanceof KeyStorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DamagedRowError) return new KeyStorageError(place, message, 'damaged');
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const fault =
    FAULTS.find(([pattern]) => pattern.test(code))?.[1] ?? (CUT.test(message) ? 'unreachable' : 'failed');
  return new KeyStorageError(place, message, fault);
}

/** An address as it may stand in a log. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:/@]*):[^@]*@/, '$1@');
}
