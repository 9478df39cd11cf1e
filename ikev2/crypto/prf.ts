/** The pseudo-random functions: HMAC, and prf+ over it. [RFC7296 2.13] */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { PRF_ALGORITHMS } from './suites.ts';
import type { PrfName } from './types.ts';

/** prf(key, parts[0] | parts[1] | ...). */
export function prf(name: PrfName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return mac(name, createSecretKey(key), parts);
}

/** Given octets, createHmac finds out by two exceptions inside that they are no key object, at 25 µs in all. */
function mac(name: PrfName, key: KeyObject, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac(PRF_ALGORITHMS[name].hash, key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/**
 * The first `length` octets of T1 | T2 | ... with Tn = prf(key, T(n-1) | seed | n). [RFC7296 2.13]
 * At most 255 times the prf's output, which no use in IKE comes near.
 */
export function prfPlus(name: PrfName, key: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const step = PRF_ALGORITHMS[name].length;
  if (length > 255 * step) throw new RangeError(`prf+ cannot give ${length} octets`);
  const keyObject = createSecretKey(key);
  const out = new Uint8Array(Math.ceil(length / step) * step);
  let previous: Uint8Array = out.subarray(0, 0);
  for (let n = 1, at = 0; at < length; n++, at += step) {
    const block = mac(name, keyObject, [previous, seed, Uint8Array.of(n)]);
    out.set(block, at);
    block.fill(0);
    previous = out.subarray(at, at + step);
  }
  return out.subarray(0, length);
}
