/** Opens the key storage and the keys around it as the configuration names them. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import {
  AuditRotation,
  Checkpointer,
  type KeyEncryption,
  type KeyStorage,
  KeyStorageError,
  type KeyStoreParts,
  Secret,
  signsCheckpoints,
} from '#qkd';
import type { Config } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { AuditFolder } from '../io/audit-archive.ts';
import { checkpointFile, checkpointSyslog } from '../io/checkpoint-places.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { openToken } from '../io/pkcs11.ts';
import { PostgresKeyStorage } from '../io/postgres-key-storage.ts';
import { SqliteKeyStorage } from '../io/sqlite-key-storage.ts';
import { examineKeyFile } from '../io/sqlite-scrub.ts';
import { readNamedFile } from './configuration-file.ts';

type QkdConfig = NonNullable<Config['qkd']>;

/**
 * A file, or a PostgreSQL database that several nodes share. `busyMs`: how long each transaction waits for another
 * process that holds the file; all else waits meanwhile, so a running node is given less than a command.
 *
 * @throws OperatorError N3IWF_E_STORE
 */
export async function openKeyStorage(place: string, busyMs?: number): Promise<KeyStorage> {
  try {
    if (/^postgres(ql)?:/.test(place)) return await PostgresKeyStorage.open(place);
    return new SqliteKeyStorage(place, busyMs);
  } catch (error) {
    if (error instanceof KeyStorageError) throw new OperatorError('N3IWF_E_STORE', error.message);
    throw error;
  }
}

/**
 * Looks at a key storage without making, changing or upgrading it; a node may run on it.
 *
 * @returns what is there, for an operator to read
 * @throws KeyStorageError for what is wrong with it
 */
export async function examineKeyStorage(place: string): Promise<string> {
  const form = /^postgres(ql)?:/.test(place)
    ? await PostgresKeyStorage.examine(place)
    : examineKeyFile(place);
  return form === undefined ? 'is made at the first start' : `is sound, its form is ${form}`;
}

/**
 * The key-encryption key: 32 octets, raw or as 64 hexadecimal digits, from a file or from a credential of the service
 * manager (`LoadCredential=` of systemd, which names its folder in CREDENTIALS_DIRECTORY), or a key that stays in a token.
 *
 * @returns undefined when none is configured: keys that wait then end with the process
 * @throws OperatorError N3IWF_E_CONFIG, or N3IWF_E_STORE where the token cannot be used
 */
export function readKeyEncryptionKey(
  config: Pick<QkdConfig, 'keyEncryptionKey' | 'store'>,
  environment: Environment = process.env,
): Secret | KeyEncryption | undefined {
  const named = config.keyEncryptionKey;
  if (named === undefined) {
    if (!config.store.startsWith('postgres')) return undefined;
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      'qkd.keyEncryptionKey: is missing; nodes that share a store need the same one',
    );
  }
  if (!('pkcs11' in named)) return asKey(...placeOf('qkd.keyEncryptionKey', named, environment));
  const { pin, ...token } = named.pkcs11;
  const octets = readNamedFile(...placeOf('qkd.keyEncryptionKey.pkcs11.pin', pin, environment));
  try {
    return openToken({ ...token, pin: withoutLineEnd(octets), random: randomOctets });
  } catch (error) {
    throw new OperatorError('N3IWF_E_STORE', error instanceof Error ? error.message : String(error));
  } finally {
    octets.fill(0);
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The name of a secret in the configuration, and its path. */
function placeOf(
  name: string,
  place: { readonly file: string } | { readonly credential: string },
  environment: Environment,
): [string, string] {
  if ('file' in place) return [`${name}.file`, place.file];
  const folder = environment.CREDENTIALS_DIRECTORY;
  if (folder !== undefined) return [`${name}.credential`, join(folder, place.credential)];
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `${name}.credential: CREDENTIALS_DIRECTORY is not set; start by a service with LoadCredential=`,
  );
}

/** An editor's line end is no part of a PIN. */
function withoutLineEnd(octets: Uint8Array): Uint8Array {
  let length = octets.length;
  while (length > 0 && (octets[length - 1] === 0x0a || octets[length - 1] === 0x0d)) length--;
  return octets.subarray(0, length);
}

/**
 * The secret under which the audit record names keys; undefined where it has their IDs.
 *
 * @throws OperatorError N3IWF_E_CONFIG
 */
export function readAuditIdKey(
  { audit }: Pick<QkdConfig, 'audit'>,
  environment: Environment = process.env,
): Secret | undefined {
  if (audit?.keyIds !== 'hashed' || audit.keyIdSecret === undefined) return undefined;
  return asKey(...placeOf('qkd.audit.keyIdSecret', audit.keyIdSecret, environment));
}

const dayMs = 86_400_000;

/**
 * What the configuration says of keys at rest, of their age and of how the record names them, as a store takes it. Every
 * store over the same storage must be given it.
 *
 * @throws OperatorError as above
 */
export function readKeyPolicy(
  config: QkdConfig,
): Partial<Pick<KeyStoreParts, 'keyEncryptionKey' | 'maxAgeMs' | 'auditIdKey' | 'retention'>> {
  const keyEncryptionKey = readKeyEncryptionKey(config);
  const auditIdKey = readAuditIdKey(config);
  const { maxKeyAgeMs, retention } = config;
  return {
    ...(keyEncryptionKey === undefined ? {} : { keyEncryptionKey }),
    ...(auditIdKey === undefined ? {} : { auditIdKey }),
    ...(maxKeyAgeMs === undefined ? {} : { maxAgeMs: maxKeyAgeMs }),
    ...(retention === undefined
      ? {}
      : { retention: { endedMs: retention.endedDays * dayMs, unendedMs: retention.unendedDays * dayMs } }),
  };
}

/** Digits are read octet by octet, so that the key never is a string. */
function asKey(name: string, path: string): Secret {
  const octets = readNamedFile(name, path);
  try {
    if (octets.length === 32) return Secret.copyOf(octets);
    const key = fromHex(octets);
    if (key !== undefined) return Secret.own(key);
  } finally {
    octets.fill(0);
  }
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `${name}: "${path}" must hold 32 octets or 64 hexadecimal digits`,
  );
}

/** Line ends behind the digits are let pass. */
function fromHex(octets: Uint8Array): Uint8Array | undefined {
  if (withoutLineEnd(octets).length !== 64) return undefined;
  const key = new Uint8Array(32);
  for (let index = 0; index < 64; index++) {
    const digit = hexDigit(octets[index] ?? 0);
    if (digit < 0) {
      key.fill(0);
      return undefined;
    }
    key[index >> 1] = ((key[index >> 1] ?? 0) << 4) | digit;
  }
  return key;
}

function hexDigit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** What signs and ships checkpoints of the audit record; undefined when none is configured. @throws OperatorError */
export function openCheckpointer(config: QkdConfig, storage: KeyStorage): Checkpointer | undefined {
  const { audit } = config;
  if (audit?.signingKey === undefined || audit.checkpoints === undefined) return undefined;
  const places = [checkpointFile(audit.checkpoints)];
  if (audit.syslog !== undefined)
    places.push(checkpointSyslog(audit.syslog.host, audit.syslog.port, () => new Date()));
  return new Checkpointer({
    storage,
    privateKey: readSigningKey(audit.signingKey),
    origin: audit.origin ?? `${config.saeId}/keys`,
    everyEvents: audit.everyEvents,
    everyMs: audit.everyMs,
    monotonicMs,
    ship: async (checkpoint) => {
      await Promise.all(places.map((place) => place(checkpoint)));
    },
  });
}

/** What takes the oldest rows of the record out of the store; undefined when no archive is configured. */
export function openRotation(
  { audit }: QkdConfig,
  storage: KeyStorage,
  now: () => number,
  checkpointer: Checkpointer | undefined,
): AuditRotation | undefined {
  if (audit?.archive === undefined) return undefined;
  const { folder, segmentRows, keepDays } = audit.archive;
  return new AuditRotation({
    storage,
    archive: new AuditFolder(folder),
    segmentRows,
    keepMs: keepDays === undefined ? undefined : keepDays * dayMs,
    now,
    wallMs: Date.now,
    checkpoint: checkpointer === undefined ? undefined : (head) => checkpointer.ship(head),
  });
}

/** PEM, Ed25519 or ML-DSA. @throws OperatorError N3IWF_E_CONFIG */
function readSigningKey(path: string): KeyObject {
  const pem = Buffer.from(readNamedFile('qkd.audit.signingKey', path));
  try {
    const key = createPrivateKey(pem);
    if (signsCheckpoints(key)) return key;
  } catch {
    // Said below, with what would be right.
  }
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `qkd.audit.signingKey: "${path}" must be an Ed25519 or ML-DSA private key (openssl genpkey -algorithm ed25519)`,
  );
}
