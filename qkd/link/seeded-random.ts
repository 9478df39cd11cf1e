/**
 * A deterministic stream of octets from a seed: AES-256-CTR keyed with SHA-256 of the seed. The link simulator draws its
 * noise and its key material from such streams, so a run can be repeated octet by octet. Not for real keys.
 */
import { type Cipheriv, createCipheriv, createHash } from 'node:crypto';

/** One call of the cipher serves a thousand numbers: days of simulated time take millions. */
const BLOCK = new Uint8Array(4096);

/** Endless octets; the same seed gives the same stream, however it is taken. */
export class SeededRandom {
  readonly #cipher: Cipheriv;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  }

  /** The next `length` octets, in a buffer of their own; the block keeps no copy. */
  bytes(length: number): Uint8Array {
    const own = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#at === this.#block.length) this.#next();
      const take = Math.min(length - filled, this.#block.length - this.#at);
      const part = this.#block.subarray(this.#at, this.#at + take);
      own.set(part, filled);
      part.fill(0);
      this.#at += take;
      filled += take;
    }
    return own;
  }

  #next(): void {
    this.#block = this.#cipher.update(BLOCK);
    this.#at = 0;
  }

  /** A number in [0, 1) with 32 random bits. */
  unit(): number {
    let word = 0;
    for (let octet = 0; octet < 4; octet++) {
      if (this.#at === this.#block.length) this.#next();
      word = word * 256 + (this.#block[this.#at++] ?? 0);
    }
    return word / 2 ** 32;
  }

  /** A UUID of version 4 (RFC 9562 5.4) from the stream. */
  uuid(): string {
    const octets = this.bytes(16);
    octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x40;
    octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80;
    const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
    return [[0, 8] as const, [8, 12] as const, [12, 16] as const, [16, 20] as const, [20, 32] as const]
      .map(([from, to]) => hex.slice(from, to))
      .join('-');
  }
}
