/** The tables of the shared key storage, and what older forms of them lack. */
import { ENDED_STATES } from '#qkd';

export const FORM = 2;
const ENDED = `state IN (${ENDED_STATES.map((state) => `'${state}'`).join(', ')})`;
export const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS qn3iwf;
  CREATE TABLE qn3iwf.form (form integer PRIMARY KEY);
  CREATE TABLE qn3iwf.keys (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id text NOT NULL UNIQUE,
    peer text NOT NULL,
    role text NOT NULL,
    state text NOT NULL,
    sealed bytea,
    epoch text NOT NULL,
    received_at bigint NOT NULL,
    changed_at bigint NOT NULL
  );
  CREATE INDEX keys_waiting ON qn3iwf.keys (peer, role, sequence) WHERE state = 'stored';
  CREATE TABLE qn3iwf.epochs (epoch text PRIMARY KEY, wrapped bytea);
  CREATE TABLE qn3iwf.audit (
    sequence bigint PRIMARY KEY,
    at bigint NOT NULL,
    event text NOT NULL,
    hash bytea NOT NULL
  );
`;
/** What form 2 has beyond form 1; see the SQLite one. */
export const SCHEMA_2 = `
  CREATE INDEX keys_ended ON qn3iwf.keys (changed_at) WHERE ${ENDED};
  CREATE INDEX keys_used ON qn3iwf.keys (changed_at) WHERE state IN ('delivered', 'in-use');
  CREATE TABLE qn3iwf.tombstones (id bytea PRIMARY KEY);
  CREATE TABLE qn3iwf.pruned (state text PRIMARY KEY, keys bigint NOT NULL);
  CREATE TABLE qn3iwf.incidents (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident text NOT NULL,
    from_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    peer text
  );
  CREATE TABLE qn3iwf.audit_base (
    one integer PRIMARY KEY CHECK (one = 1),
    size bigint NOT NULL,
    hash bytea NOT NULL,
    peaks bytea NOT NULL
  );
`;
