/**
 * The same ciphers by @noble/ciphers, in plain JavaScript: a second implementation to hold OpenSSL's against.
 * It has no CCM, which is put together here from its CBC and CTR (RFC 3610 section 2).
 */

import { cbc, ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { equalOctets } from './octets.ts';
import type { AeadProvider, BlockProvider } from './providers.ts';
import type { EncrAlgorithm } from './suites.ts';

const BLOCK = 16;

interface OneShot {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(body: Uint8Array): Uint8Array;
}

/** AES-GCM, AES-CCM or ChaCha20-Poly1305 with one key, of which a copy is kept. */
export function nobleAead(algorithm: EncrAlgorithm, keyOctets: Uint8Array): AeadProvider {
  const key = Uint8Array.from(keyOctets);
  const make = (nonce: Uint8Array, aad: Uint8Array): OneShot => {
    if (algorithm.mode === 'gcm') return gcm(key, nonce, aad);
    if (algorithm.mode === 'ccm') return ccm(key, nonce, aad, algorithm.icvLength);
    return chacha20poly1305(key, nonce, aad);
  };
  return {
    seal: (nonce, aad, plaintext, out, at) => out.set(make(nonce, aad).encrypt(plaintext), at),
    open(nonce, aad, body) {
      try {
        return make(nonce, aad).decrypt(body);
      } catch {
        return undefined;
      }
    },
  };
}

/** AES-CBC with one key, of which a copy is kept. */
export function nobleCbc(_algorithm: EncrAlgorithm, keyOctets: Uint8Array): BlockProvider {
  const key = Uint8Array.from(keyOctets);
  const options = { disablePadding: true };
  return {
    encrypt: (iv, plaintext, out, at) => out.set(cbc(key, iv, options).encrypt(plaintext), at),
    decrypt: (iv, ciphertext) => cbc(key, iv, options).decrypt(ciphertext),
  };
}

/** CBC-MAC over the formatted input, then CTR over tag and text: counter 0 hides the tag. */
function ccm(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, tagLength: number): OneShot {
  const lengthOctets = BLOCK - 1 - nonce.length;
  const start = Uint8Array.of(lengthOctets - 1, ...nonce, ...new Uint8Array(lengthOctets));
  const tagOf = (plaintext: Uint8Array): Uint8Array => {
    const blocks = ccmBlocks(nonce, aad, plaintext, tagLength);
    const mac = cbc(key, new Uint8Array(BLOCK), { disablePadding: true }).encrypt(blocks);
    return mac.subarray(mac.length - BLOCK);
  };
  return {
    encrypt(plaintext) {
      const text = ctr(key, start).encrypt(Buffer.concat([tagOf(plaintext), plaintext]));
      return Buffer.concat([text.subarray(BLOCK), text.subarray(0, tagLength)]);
    },
    decrypt(body) {
      const textLength = body.length - tagLength;
      const tag = Buffer.alloc(BLOCK);
      tag.set(body.subarray(textLength));
      const text = ctr(key, start).decrypt(Buffer.concat([tag, body.subarray(0, textLength)]));
      const plaintext = text.subarray(BLOCK);
      if (!equalOctets(tagOf(plaintext).subarray(0, tagLength), text.subarray(0, tagLength))) {
        throw new Error('tag does not fit');
      }
      return plaintext;
    },
  };
}

/** B0, the associated data with its length in front, and the text, each filled up to whole blocks. */
function ccmBlocks(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, tagLength: number): Uint8Array {
  const lengthOctets = BLOCK - 1 - nonce.length;
  const first = Buffer.alloc(BLOCK);
  first[0] = (aad.length > 0 ? 0x40 : 0) | (((tagLength - 2) / 2) << 3) | (lengthOctets - 1);
  first.set(nonce, 1);
  first.writeUIntBE(plaintext.length, BLOCK - Math.min(lengthOctets, 6), Math.min(lengthOctets, 6));
  const aadLength = aad.length > 0 ? [Uint8Array.of(aad.length >> 8, aad.length)] : [];
  return Buffer.concat([first, wholeBlocks([...aadLength, aad]), wholeBlocks([plaintext])]);
}

function wholeBlocks(parts: readonly Uint8Array[]): Uint8Array {
  const octets = Buffer.concat(parts);
  return Buffer.concat([octets], Math.ceil(octets.length / BLOCK) * BLOCK);
}
