/**
 * Seals keys that wait on disk: AES-256-GCM under a key-encryption key. The additional data binds the sealed bytes to the
 * key's ID, pair, role and epoch, so that rows cannot be swapped; losing the key of an epoch destroys its keys for good.
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { Secret } from '../secret.ts';
import type { KeyRole } from './key-storage.ts';

const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const FORMAT = 1;
/** Drawn at once, because a call for randomness costs more than the sealing of a key. */
const IVS_AHEAD = 64;

/** What a sealed key belongs to. */
export interface SealContext {
  readonly keyId: string;
  readonly peer: string;
  readonly role: KeyRole;
}

export class Sealer {
  /** Names the key-encryption key without telling it. */
  readonly epoch: string;
  /** Set up once; its copy of the bytes is in OpenSSL's memory, which cleans it when the object goes. */
  #kek: KeyObject | undefined;
  readonly #random: (length: number) => Uint8Array;
  #ivs = new Uint8Array(0);

  /** `kek`: 32 octets; may be wiped once this returns. */
  constructor(kek: Secret, random: (length: number) => Uint8Array) {
    if (kek.length !== 32) throw new Error('a key-encryption key has 32 octets');
    this.#kek = kek.use((bytes) => createSecretKey(bytes));
    this.#random = random;
    this.epoch = kek.use((bytes) =>
      createHash('sha256').update('qn3iwf key epoch').update(bytes).digest('hex').slice(0, 16),
    );
  }

  /** Gives format, IV, ciphertext and tag in one piece; `secret` stays as it is. */
  seal(context: SealContext, secret: Secret): Uint8Array {
    const iv = this.#nextIv();
    const cipher = createCipheriv('aes-256-gcm', this.#key(), iv);
    cipher.setAAD(this.#additionalData(context));
    const body = secret.use((bytes) => cipher.update(bytes));
    cipher.final();
    const sealed = new Uint8Array(1 + IV_OCTETS + body.length + TAG_OCTETS);
    sealed[0] = FORMAT;
    sealed.set(iv, 1);
    sealed.set(body, 1 + IV_OCTETS);
    sealed.set(cipher.getAuthTag(), 1 + IV_OCTETS + body.length);
    return sealed;
  }

  /** The key, or undefined when the bytes were changed, moved to another row, or sealed in another epoch. */
  open(context: SealContext, sealed: Uint8Array): Secret | undefined {
    if (sealed[0] !== FORMAT || sealed.length < 1 + IV_OCTETS + TAG_OCTETS) return undefined;
    const iv = sealed.subarray(1, 1 + IV_OCTETS);
    const decipher = createDecipheriv('aes-256-gcm', this.#key(), iv);
    decipher.setAAD(this.#additionalData(context));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_OCTETS));
    const bytes = decipher.update(sealed.subarray(1 + IV_OCTETS, sealed.length - TAG_OCTETS));
    try {
      decipher.final();
      return Secret.copyOf(bytes);
    } catch {
      return undefined;
    } finally {
      bytes.fill(0);
    }
  }

  /** Forgets the key-encryption key: what is sealed stays sealed. Sealing and opening throw from now on. */
  close(): void {
    this.#kek = undefined;
  }

  #key(): KeyObject {
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

  /** Length before each text, so that no two contexts give the same octets. */
  #additionalData(context: SealContext): Uint8Array {
    const parts = [this.epoch, context.keyId, context.peer, context.role];
    return new TextEncoder().encode(parts.map((part) => `${part.length}:${part}`).join(''));
  }
}
