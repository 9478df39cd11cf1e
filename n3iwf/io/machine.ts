import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';

/** Milliseconds of a clock that never steps back. */
export function monotonicMs(): number {
  return performance.now();
}

/** Octets of the system's generator. */
export function randomOctets(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}
