/** Block cipher (or none) followed by a MAC over `aad | iv | ciphertext | trailer`. [RFC7296 3.14] and RFC 4303. */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Result } from '../wire/cursor.ts';
import { DecodeError } from '../wire/cursor.ts';
import { IntegrityError } from '../wire/errors.ts';
import type { IkeCipher } from '../wire/types.ts';
import { equalOctets } from './octets.ts';
import type { BlockProvider } from './providers.ts';
import type { EncrAlgorithm, IntegAlgorithm } from './suites.ts';

/** One direction of an SA. Text whose MAC does not fit is never deciphered. */
export class MacCipher implements IkeCipher {
  readonly aead = false;
  readonly blockSize: number;
  readonly ivLength: number;
  readonly icvLength: number;
  readonly #block: BlockProvider;
  readonly #hash: string;
  readonly #macKey: KeyObject;

  constructor(encr: EncrAlgorithm, block: BlockProvider, integ: IntegAlgorithm, macKey: Uint8Array) {
    if (integ.hash === undefined) throw new RangeError('this cipher needs an integrity algorithm');
    this.blockSize = encr.blockSize;
    this.ivLength = encr.ivLength;
    this.icvLength = integ.icvLength;
    this.#block = block;
    this.#hash = integ.hash;
    this.#macKey = createSecretKey(macKey);
  }

  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, trailer?: Uint8Array): Uint8Array {
    const out = new Uint8Array(plaintext.length + this.icvLength);
    this.sealInto(out, 0, iv, aad, plaintext, trailer);
    return out;
  }

  sealInto(
    out: Uint8Array,
    at: number,
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    trailer?: Uint8Array,
  ): number {
    if (plaintext.length % this.blockSize !== 0) throw new RangeError('plaintext is not padded');
    const end = at + plaintext.length;
    this.#block.encrypt(iv, plaintext, out, at);
    out.set(this.#mac(aad, iv, out.subarray(at, end), trailer), end);
    return plaintext.length + this.icvLength;
  }

  open(iv: Uint8Array, aad: Uint8Array, body: Uint8Array, trailer?: Uint8Array): Result<Uint8Array> {
    const end = body.length - this.icvLength;
    if (end < 0 || iv.length !== this.ivLength) return { ok: false, error: new IntegrityError('ICV') };
    const ciphertext = body.subarray(0, end);
    if (!equalOctets(this.#mac(aad, iv, ciphertext, trailer), body.subarray(end))) {
      return { ok: false, error: new IntegrityError('ICV') };
    }
    if (end % this.blockSize !== 0) {
      return { ok: false, error: new DecodeError('ciphertext', 0, `is no multiple of ${this.blockSize}`) };
    }
    return { ok: true, value: this.#block.decrypt(iv, ciphertext) };
  }

  #mac(aad: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array, trailer?: Uint8Array): Uint8Array {
    const hmac = createHmac(this.#hash, this.#macKey).update(aad).update(iv).update(ciphertext);
    if (trailer !== undefined) hmac.update(trailer);
    return hmac.digest().subarray(0, this.icvLength);
  }
}
