/** From a suite and its keys to a cipher, for IKE's SK payloads and for ESP alike. */

import type { IkeCipher } from '../wire/types.ts';
import { AeadCipher } from './aead.ts';
import { MacCipher } from './cbc.ts';
import { nobleAead, nobleCbc } from './noble-provider.ts';
import { nodeAead, nodeCbc } from './node-provider.ts';
import type { BlockProvider } from './providers.ts';
import { ENCR_ALGORITHMS, type EncrAlgorithm, INTEG_ALGORITHMS, isAead } from './suites.ts';
import type { CipherProvider, EncrName, IntegName } from './types.ts';

/** ESP's NULL cipher: the text passes as it is and is only authenticated (RFC 2410). */
const NULL_CIPHER: BlockProvider = {
  encrypt: (_iv, plaintext, out, at) => out.set(plaintext, at),
  decrypt: (_iv, ciphertext) => Uint8Array.from(ciphertext),
};

/**
 * A cipher for one direction. `keyEncr` ends with the salt of an AEAD, as it is cut from KEYMAT; `keyInteg` is empty
 * with an AEAD. Throws RangeError for keys of the wrong length and for a suite without integrity.
 */
export function createCipher(
  suite: { readonly encr: EncrName; readonly integ: IntegName },
  keyEncr: Uint8Array,
  keyInteg: Uint8Array,
  provider: CipherProvider = 'node',
): IkeCipher {
  const encr = ENCR_ALGORITHMS[suite.encr];
  const integ = INTEG_ALGORITHMS[isAead(suite.encr) ? 'none' : suite.integ];
  if (keyEncr.length !== encr.keyLength + encr.saltLength) throw new RangeError('encryption key length');
  if (keyInteg.length !== integ.keyLength) throw new RangeError('integrity key length');
  const key = keyEncr.subarray(0, encr.keyLength);
  if (isAead(suite.encr)) {
    const make = provider === 'node' ? nodeAead : nobleAead;
    return new AeadCipher(encr, make(encr, key), keyEncr.subarray(encr.keyLength));
  }
  return new MacCipher(encr, blockCipher(encr, key, provider), integ, keyInteg);
}

function blockCipher(encr: EncrAlgorithm, key: Uint8Array, provider: CipherProvider): BlockProvider {
  if (encr.mode === 'null') return NULL_CIPHER;
  return provider === 'node' ? nodeCbc(encr, key) : nobleCbc(encr, key);
}
