/** Ciphers of OpenSSL by node:crypto; the default. Keys live in KeyObjects, which print nothing. */

import {
  type CipherCCMTypes,
  type CipherGCMTypes,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
} from 'node:crypto';
import { plainOctets } from '../wire/cursor.ts';
import type { AeadProvider, BlockProvider } from './providers.ts';
import type { EncrAlgorithm } from './suites.ts';

/** AES-GCM, AES-CCM or ChaCha20-Poly1305 with one key. */
export function nodeAead(algorithm: EncrAlgorithm, keyOctets: Uint8Array): AeadProvider {
  const key = createSecretKey(keyOctets);
  // Types of the three kinds differ, calls do not.
  const name = algorithm.cipher as CipherGCMTypes & CipherCCMTypes;
  const tagLength = algorithm.icvLength;
  const options = { authTagLength: tagLength };
  return {
    seal(nonce, aad, plaintext, out, at) {
      const cipher = createCipheriv(name, key, nonce, options);
      // CCM must know the length beforehand; the others do not look at it.
      cipher.setAAD(aad, { plaintextLength: plaintext.length });
      out.set(cipher.update(plaintext), at);
      cipher.final();
      out.set(cipher.getAuthTag(), at + plaintext.length);
    },
    open(nonce, aad, body) {
      const textLength = body.length - tagLength;
      const decipher = createDecipheriv(name, key, nonce, options);
      try {
        decipher.setAuthTag(body.subarray(textLength));
        decipher.setAAD(aad, { plaintextLength: textLength });
        const plaintext = decipher.update(body.subarray(0, textLength));
        decipher.final();
        return plainOctets(plaintext);
      } catch {
        return undefined;
      }
    },
  };
}

/** AES-CBC with one key. */
export function nodeCbc(algorithm: EncrAlgorithm, keyOctets: Uint8Array): BlockProvider {
  const key = createSecretKey(keyOctets);
  return {
    encrypt(iv, plaintext, out, at) {
      const cipher = createCipheriv(algorithm.cipher, key, iv).setAutoPadding(false);
      out.set(cipher.update(plaintext), at);
      cipher.final();
    },
    decrypt(iv, ciphertext) {
      const decipher = createDecipheriv(algorithm.cipher, key, iv).setAutoPadding(false);
      const plaintext = decipher.update(ciphertext);
      decipher.final();
      return plainOctets(plaintext);
    },
  };
}
