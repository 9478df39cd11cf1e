import { AperError } from '../result.ts';

/** Reads bits, most significant first. Octet strings that it returns are copies, since bits need not sit on octets. */
export class BitReader {
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private at: number;

  /** `at` and `end` count bits. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length * 8) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get bitsLeft(): number {
    return this.end - this.at;
  }

  /** Moves to the next octet boundary, as the ALIGNED variant asks for [X691 11.2]. */
  align(): void {
    this.at = (this.at + 7) & ~7;
  }

  bit(): number {
    if (this.at >= this.end) throw new AperError('encoding', 'ends early');
    const value = ((this.bytes[this.at >>> 3] as number) >>> (7 - (this.at & 7))) & 1;
    this.at++;
    return value;
  }

  /** An unsigned number of up to 48 bits. */
  bits(count: number): number {
    if (count > this.end - this.at) throw new AperError('encoding', 'ends early');
    let value = 0;
    let left = count;
    while (left > 0) {
      const inOctet = 8 - (this.at & 7);
      const take = Math.min(inOctet, left);
      const octet = this.bytes[this.at >>> 3] as number;
      value = value * 2 ** take + ((octet >>> (inOctet - take)) & ((1 << take) - 1));
      this.at += take;
      left -= take;
    }
    return value;
  }

  /** `count` octets, aligned or not. */
  octets(count: number): Uint8Array {
    if (count * 8 > this.end - this.at) throw new AperError('encoding', 'ends early');
    const start = this.at >>> 3;
    const shift = this.at & 7;
    this.at += count * 8;
    if (shift === 0) return this.bytes.slice(start, start + count);
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      out[i] =
        ((this.bytes[start + i] as number) << shift) |
        ((this.bytes[start + i + 1] as number) >>> (8 - shift));
    }
    return out;
  }

  /** `count` bits, left-justified in octets. */
  bitString(count: number): Uint8Array {
    const whole = this.octets(count >>> 3);
    const rest = count & 7;
    if (rest === 0) return whole;
    const out = new Uint8Array(whole.length + 1);
    out.set(whole);
    out[whole.length] = this.bits(rest) << (8 - rest);
    return out;
  }

  /** A reader of the next `count` octets, from an octet boundary, which this one then has behind it. */
  sub(count: number): BitReader {
    if (count * 8 > this.end - this.at) throw new AperError('encoding', 'ends early');
    const start = this.at;
    this.at += count * 8;
    return new BitReader(this.bytes, start, this.at);
  }
}

/** Writes bits, most significant first, into a buffer that grows by doubling. */
export class BitWriter {
  private buffer: Uint8Array;
  private at = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  align(): void {
    this.at = (this.at + 7) & ~7;
    this.reserve(0);
  }

  bits(value: number, count: number): void {
    this.reserve(count);
    let left = count;
    while (left > 0) {
      const room = 8 - (this.at & 7);
      const take = Math.min(room, left);
      left -= take;
      const part = Math.floor(value / 2 ** left) % 2 ** take;
      this.buffer[this.at >>> 3] = (this.buffer[this.at >>> 3] as number) | (part << (room - take));
      this.at += take;
    }
  }

  octets(octets: Uint8Array): void {
    this.reserve(octets.length * 8);
    if ((this.at & 7) === 0) {
      this.buffer.set(octets, this.at >>> 3);
      this.at += octets.length * 8;
    } else {
      for (const octet of octets) this.bits(octet, 8);
    }
  }

  /** The first `count` bits of `octets`. */
  bitString(octets: Uint8Array, count: number): void {
    this.octets(octets.subarray(0, count >>> 3));
    const rest = count & 7;
    if (rest > 0) this.bits((octets[count >>> 3] as number) >>> (8 - rest), rest);
  }

  /** What was written, padded to whole octets; at least one octet, as a complete encoding is [X691 11.1]. */
  finish(): Uint8Array {
    return this.buffer.slice(0, Math.max(1, (this.at + 7) >>> 3));
  }

  private reserve(bits: number): void {
    const needed = ((this.at + bits + 7) >>> 3) + 1;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer);
    this.buffer = grown;
  }
}
