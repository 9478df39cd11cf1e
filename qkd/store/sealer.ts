/**
 * Seals keys that wait on disk: AES-256-GCM under a key-encryption key. The additional data binds the sealed bytes to the
 * key's ID, pair, role and epoch, so that rows cannot be swapped; losing the key of an epoch destroys its keys for good.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { Secret } from '../secret.ts';
import type { KeyRole } from './key-storage.ts';

const IV_OCTETS = 12;
const TAG_OCTETS = 16;
const FORMAT = 1;

/** What a sealed key belongs to. */
export interface SealContext {
  readonly keyId: string;
  readonly peer: string;
  readonly role: KeyRole;
}

export class Sealer {
  /** Names the key-encryption key without telling it. */
  readonly epoch: string;
  readonly #kek: Secret;
  readonly #random: (length: number) => Uint8Array;

  /** `kek`: 32 octets; stays the caller's to wipe. */
  constructor(kek: Secret, random: (length: number) => Uint8Array) {
    if (kek.length !== 32) throw new Error('a key-encryption key has 32 octets');
    this.#kek = kek;
    this.#random = random;
    this.epoch = kek.use((bytes) =>
      createHash('sha256').update('qn3iwf key epoch').update(bytes).digest('hex').slice(0, 16),
    );
  }

  /** Gives format, IV, ciphertext and tag in one piece; `secret` stays as it is. */
  seal(context: SealContext, secret: Secret): Uint8Array {
    const iv = this.#random(IV_OCTETS);
    const cipher = this.#kek.use((kek) => createCipheriv('aes-256-gcm', kek, iv));
    cipher.setAAD(this.#additionalData(context));
    const body = secret.use((bytes) => cipher.update(bytes));
    cipher.final();
    return Uint8Array.from([FORMAT, ...iv, ...body, ...cipher.getAuthTag()]);
  }

  /** The key, or undefined when the bytes were changed, moved to another row, or sealed in another epoch. */
  open(context: SealContext, sealed: Uint8Array): Secret | undefined {
    if (sealed[0] !== FORMAT || sealed.length < 1 + IV_OCTETS + TAG_OCTETS) return undefined;
    const iv = sealed.subarray(1, 1 + IV_OCTETS);
    const decipher = this.#kek.use((kek) => createDecipheriv('aes-256-gcm', kek, iv));
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

  /** Length before each text, so that no two contexts give the same octets. */
  #additionalData(context: SealContext): Uint8Array {
    const parts = [this.epoch, context.keyId, context.peer, context.role];
    return new TextEncoder().encode(parts.map((part) => `${part.length}:${part}`).join(''));
  }
}
