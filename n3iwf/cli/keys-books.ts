/** `n3iwf keys status|list|audit verify|destroy-epoch`: the operator's view of a key store, beside the running node. */
import { createPublicKey } from 'node:crypto';
import {
  type AuditRow,
  type AuditSegment,
  isKeyId,
  KEY_STATES,
  type KeySource,
  type KeyState,
  type KeyStorage,
  KeyStore,
  keyReference,
  readCheckpoints,
  SEALED_STATES,
  type TreeHead,
  verifyAudit,
} from '#qkd';
import type { Config } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { AuditFolder } from '../io/audit-archive.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { readNamedFile } from './configuration-file.ts';
import { openKeyStorage, readAuditIdKey, readKeyPolicy } from './key-storage.ts';
import { readNodeConfig } from './node-config.ts';

/** What each of the commands is told. */
export interface BooksOptions {
  readonly config: string;
}

/** Options of `keys list`. */
export interface ListOptions extends BooksOptions {
  readonly state?: string;
  readonly peer?: string;
  readonly limit: number;
}

/** Options of `keys audit verify`; files and folders other than those of the configuration. */
export interface VerifyOptions extends BooksOptions {
  readonly checkpoints?: string;
  readonly publicKey?: string;
  /** Folders of segments: several when several nodes have cut the record of one store. */
  readonly archive?: readonly string[];
}

/** Options of `keys audit find`. */
export interface FindOptions extends BooksOptions {
  readonly key: string;
  readonly archive?: readonly string[];
}

/** Options of `keys destroy-epoch`. */
export interface EpochOptions extends BooksOptions {
  readonly epoch: string;
  readonly reason: string;
}

const print = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

/** One JSON object: keys by state, waiting keys by pair, epochs, length and end of the audit record. @returns 0 */
export async function keysStatus({ config: path }: BooksOptions): Promise<number> {
  return await withStorage(path, async (storage) => {
    const states = Object.fromEntries(await storage.countsByState());
    const waiting: Record<string, number> = {};
    for (const { peer, role } of await storage.select({ states: SEALED_STATES })) {
      const pair = `${role} ${peer}`;
      waiting[pair] = (waiting[pair] ?? 0) + 1;
    }
    const epochs = (await storage.epochs()).map(({ epoch, wrapped }) => ({
      epoch,
      destroyed: wrapped === undefined,
    }));
    const last = await storage.lastAudit();
    const received = Object.values(states).reduce((sum, count) => sum + count, 0);
    const audit = { rows: last?.sequence ?? 0, lastAt: last && new Date(last.atMs).toISOString() };
    print({ received, states, waiting, epochs, audit });
    return 0;
  });
}

/** One JSON object a line, oldest first: what the books say of each key, never the key. @returns 0 */
export async function listKeys({ config: path, state, peer, limit }: ListOptions): Promise<number> {
  const states = state === undefined ? KEY_STATES : [asState(state)];
  return await withStorage(path, async (storage) => {
    const rows = await storage.select({ states, limit, ...(peer === undefined ? {} : { peer }) });
    for (const row of rows)
      print({
        keyId: row.keyId,
        peer: row.peer,
        role: row.role,
        state: row.state,
        epoch: row.epoch,
        received: new Date(row.receivedAtMs).toISOString(),
        changed: new Date(row.changedAtMs).toISOString(),
      });
    return 0;
  });
}

function asState(text: string): KeyState {
  const state = KEY_STATES.find((known) => known === text);
  if (state !== undefined) return state;
  throw new OperatorError('N3IWF_E_CONFIG', `--state ${text}: must be one of ${KEY_STATES.join(', ')}`);
}

/**
 * Holds the audit record against its chain and against signed checkpoints, and prints what held or where it broke.
 *
 * @returns 0 when the record is as it was written, 1 when it is not
 */
export async function verifyRecord(options: VerifyOptions): Promise<number> {
  return await withStorage(options.config, async (storage, config) => {
    const heads = trustedHeads(options, config);
    if (!heads.ok) {
      print({ status: 'broken', checkpoint: heads.checkpoint, problem: heads.problem });
      return 1;
    }
    const segments = await segmentsOf(options, config);
    const verdict = await verifyAudit(storage, heads.value, segments);
    const checkpoints = heads.value.length;
    if (verdict.ok) {
      const root = Buffer.from(verdict.root).toString('base64');
      const { first, rows } = verdict;
      print({ status: 'ok', first, rows, segments: segments.length, checkpoints, root });
      return 0;
    }
    const { sequence: row, ...fault } = verdict.fault;
    print({ status: 'broken', row, ...fault, checkpoints });
    return 1;
  });
}

async function segmentsOf(
  { archive }: { readonly archive?: readonly string[] },
  { audit }: QkdConfig,
): Promise<readonly AuditSegment[]> {
  const folders = archive ?? (audit?.archive === undefined ? [] : [audit.archive.folder]);
  return (await Promise.all(folders.map((folder) => new AuditFolder(folder).segments()))).flat();
}

/**
 * Prints every event of one key, a JSON object a line, oldest first: by its ID, and by what stands for it where the record
 * hides IDs, which takes the secret of the configuration.
 *
 * @returns 0, or 1 when the record that is left has no event of it
 */
export async function findKey(options: FindOptions): Promise<number> {
  if (!isKeyId(options.key.toLowerCase()))
    throw new OperatorError('N3IWF_E_CONFIG', `--key ${options.key}: a key ID is a UUID`);
  const keyId = options.key.toLowerCase();
  return await withStorage(options.config, async (storage, config) => {
    const secret = readAuditIdKey(config);
    // A record that was begun before IDs were hidden has both.
    const names = secret === undefined ? [keyId] : [keyId, keyReference(keyId, secret)];
    let found = 0;
    const take = (rows: readonly AuditRow[]): void => {
      for (const { event } of rows.filter((row) => names.some((name) => row.event.includes(name)))) {
        process.stdout.write(`${event}\n`);
        found++;
      }
    };
    const base = (await storage.auditBase())?.size ?? 0;
    for (const segment of await segmentsOf(options, config))
      for await (const rows of segment.pages()) take(rows.filter(({ sequence }) => sequence <= base));
    for (let from = base + 1, rows = await storage.auditRows(from, page); rows.length > 0; ) {
      take(rows);
      from += rows.length;
      rows = await storage.auditRows(from, page);
    }
    secret?.wipe();
    return found > 0 ? 0 : 1;
  });
}

/** Rows of the record that are read at a time. */
const page = 5000;

type Heads =
  | { readonly ok: true; readonly value: readonly TreeHead[] }
  | { readonly ok: false; readonly checkpoint: number; readonly problem: string };

/** None when no checkpoints are kept; then only the chain is held against itself. */
function trustedHeads(options: VerifyOptions, { audit, saeId }: QkdConfig): Heads {
  const path = options.checkpoints ?? audit?.checkpoints;
  const key = options.publicKey ?? audit?.signingKey;
  if (path === undefined || key === undefined) return { ok: true, value: [] };
  const text = new TextDecoder().decode(readNamedFile('--checkpoints', path));
  const pem = Buffer.from(readNamedFile('--public-key', key));
  const heads = readCheckpoints(text, createPublicKey(pem), audit?.origin ?? `${saeId}/keys`);
  return heads.ok ? heads : { ok: false, ...heads.error };
}

/** Destroys an epoch's key and so every key that waits under it. @returns 0, with the number of keys printed */
export async function destroyEpoch(options: EpochOptions): Promise<number> {
  return await withStorage(options.config, async (storage, config) => {
    if (!(await storage.epochs()).some(({ epoch }) => epoch === options.epoch))
      throw new OperatorError('N3IWF_E_CONFIG', `--epoch ${options.epoch}: the store has no such epoch`);
    const policy = readKeyPolicy(config);
    if (policy.keyEncryptionKey === undefined)
      throw new OperatorError(
        'N3IWF_E_CONFIG',
        'qkd.keyEncryptionKey: is missing; epochs then end with the node and need no destruction',
      );
    const store = await KeyStore.open({
      source: noSource,
      storage,
      clock: { wallMs: () => Date.now(), monotonicMs },
      random: randomOctets,
      ...policy,
    });
    print({ epoch: options.epoch, destroyed: await store.destroyEpoch(options.epoch, options.reason) });
    store.close();
    return 0;
  });
}

const unreachable = {
  ok: false,
  error: { kind: 'unreachable', detail: 'no KME', mayHaveBurnt: false, burntKeyIds: [] },
} as const;
const noSource: KeySource = { encKeys: async () => unreachable, decKeys: async () => unreachable };

type QkdConfig = NonNullable<Config['qkd']>;

async function withStorage(
  path: string,
  work: (storage: KeyStorage, config: QkdConfig) => Promise<number>,
): Promise<number> {
  const { qkd } = readNodeConfig(path).config;
  if (qkd === undefined)
    throw new OperatorError('N3IWF_E_CONFIG', `${path}: qkd is missing, so there are no keys`);
  const storage = await openKeyStorage(qkd.store);
  try {
    return await work(storage, qkd);
  } finally {
    await storage.close();
  }
}
