/**
 * A deterministic stream of octets from a seed: AES-256-CTR keyed with SHA-256 of the seed. The link simulator draws its
 * noise and its key material from such streams, so a run can be repeated octet by octet. Not for real keys.
 */
import { type Cipheriv, createCipheriv, createHash } from 'node:crypto';

/** Endless octets; the same seed gives the same stream. */
export class SeededRandom {
  readonly #cipher: Cipheriv;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, new Uint8Array(16));
  }

  /** The next `length` octets, in a buffer of their own. */
  bytes(length: number): Uint8Array {
    const octets = this.#cipher.update(new Uint8Array(length));
    const own = new Uint8Array(length);
    own.set(octets);
    octets.fill(0);
    return own;
  }

  /** A number in [0, 1) with 32 random bits. */
  unit(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.bytes(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32;
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
