/** What a cipher provider computes. Keys come without the salt; `key` is whatever the provider made of it. */

/** An AEAD under one key; nonces are the caller's, salt in front, and never used twice. */
export interface AeadProvider {
  /** Writes ciphertext and tag into `out` from `at`. */
  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): void;
  /** The plaintext of ciphertext | tag; undefined if the tag does not fit. */
  open(nonce: Uint8Array, aad: Uint8Array, body: Uint8Array): Uint8Array | undefined;
}

/** A block cipher mode without padding: lengths are multiples of the block. */
export interface BlockProvider {
  encrypt(iv: Uint8Array, plaintext: Uint8Array, out: Uint8Array, at: number): void;
  decrypt(iv: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}
