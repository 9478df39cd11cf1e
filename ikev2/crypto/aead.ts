/** Combined-mode ciphers: nonce = salt | IV. [RFC5282 4] for IKE, RFC 4106, 4309 and 7634 for ESP. */

import type { Result } from '../wire/cursor.ts';
import { IntegrityError } from '../wire/errors.ts';
import type { IkeCipher } from '../wire/types.ts';
import type { AeadProvider } from './providers.ts';
import type { EncrAlgorithm } from './suites.ts';

/** One direction of an SA. Not re-entrant, as it keeps one nonce buffer. */
export class AeadCipher implements IkeCipher {
  readonly aead = true;
  readonly blockSize = 1;
  readonly ivLength: number;
  readonly icvLength: number;
  readonly #provider: AeadProvider;
  readonly #nonce: Uint8Array;
  readonly #saltLength: number;

  constructor(algorithm: EncrAlgorithm, provider: AeadProvider, salt: Uint8Array) {
    this.ivLength = algorithm.ivLength;
    this.icvLength = algorithm.icvLength;
    this.#provider = provider;
    this.#saltLength = salt.length;
    this.#nonce = new Uint8Array(salt.length + algorithm.ivLength);
    this.#nonce.set(salt);
  }

  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const out = new Uint8Array(plaintext.length + this.icvLength);
    this.sealInto(out, 0, iv, aad, plaintext);
    return out;
  }

  sealInto(out: Uint8Array, at: number, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): number {
    this.#nonce.set(iv, this.#saltLength);
    this.#provider.seal(this.#nonce, aad, plaintext, out, at);
    return plaintext.length + this.icvLength;
  }

  open(iv: Uint8Array, aad: Uint8Array, body: Uint8Array): Result<Uint8Array> {
    if (body.length < this.icvLength || iv.length !== this.ivLength) return refused();
    this.#nonce.set(iv, this.#saltLength);
    const plaintext = this.#provider.open(this.#nonce, aad, body);
    return plaintext === undefined ? refused() : { ok: true, value: plaintext };
  }
}

function refused(): Result<Uint8Array> {
  return { ok: false, error: new IntegrityError('ICV') };
}
