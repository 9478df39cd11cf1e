/** The tables of the key storage in a file, and what older forms of them lack. */
import { ENDED_STATES } from '#qkd';

/** Written as user_version; a file of another form is refused. */
export const FORM = 3;
/** The index over ended keys is used where a selection says it in these very words. */
const ENDED = `state IN (${ENDED_STATES.map((state) => `'${state}'`).join(', ')})`;
/** The partial index holds only keys that wait, so that choosing the oldest costs the same after a million used ones. */
export const SCHEMA = `
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
`;

/**
 * What form 3 has beyond form 2. Keys whose life has ended leave a tombstone each and one count for all of a state; the
 * indexes find what is due to leave without a walk over all.
 */
export const SCHEMA_3 = `
  CREATE INDEX keys_ended ON keys (changed_at) WHERE ${ENDED};
  CREATE INDEX keys_used ON keys (changed_at) WHERE state IN ('delivered', 'in-use');
  CREATE TABLE tombstones (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE pruned (state TEXT PRIMARY KEY, keys INTEGER NOT NULL) STRICT;
  CREATE TABLE incidents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    peer TEXT
  ) STRICT;
  CREATE TABLE audit_base (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    hash BLOB NOT NULL,
    peaks BLOB NOT NULL
  ) STRICT;
  PRAGMA user_version = ${FORM};
`;
