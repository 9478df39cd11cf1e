/**
 * Key bytes in a wrapper that no log, error message or JSON shows and that can be zeroed.
 * The bytes live in a buffer of their own (never in Node's shared pool), so that zeroing them leaves no second copy of ours.
 */
import { timingSafeEqual } from 'node:crypto';

/** The symbol by which util.inspect, and so console.log, asks a value how to print it. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Owns key bytes. Printing it in any way gives `[secret]`; after {@link Secret.wipe} any use throws. */
export class Secret {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** Takes ownership of `bytes`: the caller must keep no reference to them. */
  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Owns the given buffer itself; the caller gives it away. */
  static own(bytes: Uint8Array): Secret {
    return new Secret(bytes);
  }

  /** Copies `bytes` into a buffer of its own; wiping the source stays the caller's work. */
  static copyOf(bytes: Uint8Array): Secret {
    const own = new Uint8Array(bytes.length);
    own.set(bytes);
    return new Secret(own);
  }

  /** Octets held; 0 after {@link Secret.wipe}. */
  get length(): number {
    return this.#wiped ? 0 : this.#bytes.length;
  }

  /** True once the bytes are zero. */
  get wiped(): boolean {
    return this.#wiped;
  }

  /**
   * Lends the bytes to `reader` for the length of the call. The reader must not keep them: copy what has to live longer.
   * Throws when the secret is wiped already, which is a fault of the caller.
   */
  use<T>(reader: (bytes: Uint8Array) => T): T {
    if (this.#wiped) throw new Error('the secret is wiped');
    return reader(this.#bytes);
  }

  /** Compares in constant time; secrets of different length are unequal. */
  equals(other: Secret): boolean {
    if (this.#wiped || other.#wiped || this.#bytes.length !== other.#bytes.length) return false;
    return timingSafeEqual(this.#bytes, other.#bytes);
  }

  /** Zeroes the bytes. Calling it again does nothing. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  /** Also what a template string shows. */
  toString(): string {
    return '[secret]';
  }

  /** JSON.stringify takes this in the place of the object. */
  toJSON(): string {
    return '[secret]';
  }

  [Symbol.toPrimitive](): string {
    return '[secret]';
  }

  [INSPECT](): string {
    return '[secret]';
  }
}
