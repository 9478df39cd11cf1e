/**
 * Seals keys that wait in a storage: AES-256-GCM under the key of an epoch, which is itself kept wrapped under the
 * key-encryption key. The additional data binds the sealed bytes to the key's ID, pair, role, epoch and state version, so
 * that rows cannot be swapped; destroying the key of an epoch destroys its keys for good, wherever copies of them lie.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { Secret } from '../secret.ts';
import type { EpochRow, KeyRole } from './key-storage.ts';

const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const OVERHEAD = 1 + IV_OCTETS + TAG_OCTETS;
const FORMAT = 1;
/** Counts the forms of what is bound to a sealed key; part of the additional data. */
const STATE_VERSION = 'waiting 1';
/** Drawn at once, because a call for randomness costs more than the sealing of a key. */
const IVS_AHEAD = 256;
const encoder = new TextEncoder();

/** What a sealed key belongs to. */
export interface SealContext {
  readonly keyId: string;
  readonly peer: string;
  readonly role: KeyRole;
  readonly epoch: string;
}

/** A key-encryption key that is used where it lies, such as in a hardware module. `data` is bound to what is wrapped. */
export interface KeyEncryption {
  /** The key of an epoch, wrapped; throws when the module fails. */
  wrap(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** Undefined when it was wrapped under another key or for other data; throws when the module fails. */
  unwrap(wrapped: Uint8Array, data: Uint8Array): Uint8Array | undefined;
  /** Nothing more is asked of it. */
  close(): void;
}

/** Holds the keys of the epochs that the key-encryption key opens. */
export class Sealer {
  #kek: KeyEncryption | undefined;
  readonly #epochs = new Map<string, KeyObject>();
  readonly #random: (length: number) => Uint8Array;
  #current: string | undefined;
  #ivs = new Uint8Array(0);

  /** `kek`: 32 octets, which may be wiped once this returns; or a key that is kept elsewhere. */
  constructor(kek: Secret | KeyEncryption, random: (length: number) => Uint8Array) {
    this.#random = random;
    this.#kek = kek instanceof Secret ? inMemory(kek, () => this.#nextIv()) : kek;
  }

  /** The epoch that new keys are sealed in; undefined before the first. */
  get epoch(): string | undefined {
    return this.#current;
  }

  /** True once every key is forgotten. */
  get closed(): boolean {
    return this.#kek === undefined;
  }

  /** Whether keys of an epoch can be opened. */
  has(epoch: string): boolean {
    return this.#epochs.has(epoch);
  }

  /** Epochs as the storage has them now: destroyed ones are forgotten, those that other nodes began are taken. */
  refresh(rows: readonly EpochRow[]): void {
    for (const row of rows) {
      if (row.wrapped === undefined) this.forget(row.epoch);
      else if (!this.#epochs.has(row.epoch)) this.load(row);
    }
  }

  /** Takes an epoch from the storage; false when it is destroyed or wrapped under another key-encryption key. */
  load(row: EpochRow): boolean {
    if (row.wrapped === undefined) return false;
    const key = this.#kekKey().unwrap(row.wrapped, epochData(row.epoch));
    if (key === undefined) return false;
    this.#take(row.epoch, key);
    return true;
  }

  /** Begins an epoch with a key of its own; the row goes to the storage. */
  begin(): EpochRow & { readonly wrapped: Uint8Array } {
    const epoch = Buffer.from(this.#random(8)).toString('hex');
    const key = Uint8Array.from(this.#random(32));
    const wrapped = this.#kekKey().wrap(key, epochData(epoch));
    this.#take(epoch, key);
    return { epoch, wrapped };
  }

  #take(epoch: string, key: Uint8Array): void {
    this.#epochs.set(epoch, createSecretKey(key));
    key.fill(0);
    this.#current = epoch;
  }

  /** Forgets the key of one epoch. The next seal needs a new one when it was the current. */
  forget(epoch: string): void {
    this.#epochs.delete(epoch);
    if (this.#current === epoch) this.#current = undefined;
  }

  /** Gives format, IV, ciphertext and tag in one piece; `secret` stays as it is. Throws when the epoch is unknown. */
  seal(context: SealContext, secret: Secret): Uint8Array {
    const key = this.#epochs.get(context.epoch);
    if (key === undefined) throw new Error('the sealer is closed or has no such epoch');
    return secret.use((bytes) => encrypt(key, this.#nextIv(), additionalData(context), bytes));
  }

  /** The key, or undefined when the bytes were changed, moved to another row, or sealed in an epoch that is gone. */
  open(context: SealContext, sealed: Uint8Array): Secret | undefined {
    const key = this.#epochs.get(context.epoch);
    if (key === undefined) return undefined;
    const bytes = decrypt(key, additionalData(context), sealed);
    return bytes === undefined ? undefined : Secret.own(bytes);
  }

  /** Forgets every key: what is sealed stays sealed. */
  close(): void {
    this.#kek?.close();
    this.#kek = undefined;
    this.#epochs.clear();
    this.#current = undefined;
  }

  #kekKey(): KeyEncryption {
    if (this.#kek === undefined) throw new Error('the sealer is closed');
    return this.#kek;
  }

  /** Every IV is used once. */
  #nextIv(): Uint8Array {
    if (this.#ivs.length === 0) this.#ivs = Uint8Array.from(this.#random(IV_OCTETS * IVS_AHEAD));
    const iv = this.#ivs.subarray(0, IV_OCTETS);
    this.#ivs = this.#ivs.subarray(IV_OCTETS);
    return iv;
  }
}

/** Set up once; OpenSSL's copy of the octets is cleaned when the object goes. */
function inMemory(kek: Secret, nextIv: () => Uint8Array): KeyEncryption {
  if (kek.length !== 32) throw new Error('a key-encryption key has 32 octets');
  const key = kek.use((bytes) => createSecretKey(bytes));
  return {
    wrap: (plain, data) => encrypt(key, nextIv(), data, plain),
    unwrap: (wrapped, data) => decrypt(key, data, wrapped),
    close: () => {},
  };
}

function encrypt(key: KeyObject, iv: Uint8Array, data: Uint8Array, plain: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(data);
  const sealed = new Uint8Array(OVERHEAD + plain.length);
  sealed[0] = FORMAT;
  sealed.set(iv, 1);
  sealed.set(cipher.update(plain), 1 + IV_OCTETS);
  cipher.final();
  sealed.set(cipher.getAuthTag(), 1 + IV_OCTETS + plain.length);
  return sealed;
}

/** A buffer of its own, or undefined when anything was changed. */
function decrypt(key: KeyObject, data: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed[0] !== FORMAT || sealed.length < OVERHEAD) return undefined;
  const end = sealed.length - TAG_OCTETS;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + IV_OCTETS));
  decipher.setAAD(data);
  decipher.setAuthTag(sealed.subarray(end));
  const bytes = decipher.update(sealed.subarray(1 + IV_OCTETS, end));
  try {
    decipher.final();
    return Uint8Array.from(bytes);
  } catch {
    return undefined;
  } finally {
    bytes.fill(0);
  }
}

/** Length before each text, so that no two contexts give the same octets. */
function additionalData({ keyId, peer, role, epoch }: SealContext): Uint8Array {
  return encoder.encode(
    `${keyId.length}:${keyId}${peer.length}:${peer}${role.length}:${role}${epoch.length}:${epoch}${STATE_VERSION}`,
  );
}

function epochData(epoch: string): Uint8Array {
  return encoder.encode(`qn3iwf epoch ${epoch}`);
}
