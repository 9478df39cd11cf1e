import { AperError } from '../result.ts';

/** Reads bits, most significant first. Octet strings that it returns are copies, since bits need not sit on octets. */
export class BitReader {
  private readonly bytes: Uint8Array;
  private end: number;
  private at: number;

  /** `at` and `end` count bits. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length * 8) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Bits up to the end of the narrowed part. */
  get bitsLeft(): number {
    return this.end - this.at;
  }

  /** Moves to the next octet boundary, as the ALIGNED variant asks for [X691 11.2]. */
  align(): void {
    this.at = (this.at + 7) & ~7;
  }

  /** 0 or 1. @throws AperError at the end, as all that reads does */
  bit(): number {
    if (this.at >= this.end) throw new AperError('encoding', 'ends early');
    const value = ((this.bytes[this.at >>> 3] as number) >>> (7 - (this.at & 7))) & 1;
    this.at++;
    return value;
  }

  /** An unsigned number of up to 48 bits. */
  bits(count: number): number {
    if (count > this.end - this.at) throw new AperError('encoding', 'ends early');
    // Nearly every field lies inside one octet.
    const spare = 8 - (this.at & 7) - count;
    if (spare >= 0) {
      const octet = this.bytes[this.at >>> 3] as number;
      this.at += count;
      return (octet >>> spare) & ((1 << count) - 1);
    }
    // Multiplied, not shifted: 40 bits are more than a shift keeps.
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

  /**
   * Narrows the reader to the next `count` octets, from an octet boundary: the inside of an open type. The returned
   * end goes back to {@link leaveTo}.
   */
  enter(count: number): number {
    if (count * 8 > this.end - this.at) throw new AperError('encoding', 'ends early');
    const outer = this.end;
    this.end = this.at + count * 8;
    return outer;
  }

  /** Goes on behind the open type, whose end was `at`, however much of it was read. */
  leaveTo(at: number, outer: number): void {
    this.at = at;
    this.end = outer;
  }

  /** Where the narrowed part ends. */
  get limit(): number {
    return this.end;
  }
}

/** Writes bits, most significant first, into a buffer that grows by doubling. */
export class BitWriter {
  private buffer: Uint8Array;
  private at = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  /** Moves to the next octet boundary; the bits between are zero. */
  align(): void {
    this.at = (this.at + 7) & ~7;
    this.reserve(0);
  }

  /** The low `count` bits, up to 48, of an unsigned number. */
  bits(value: number, count: number): void {
    this.reserve(count);
    const spare = 8 - (this.at & 7) - count;
    if (spare >= 0) {
      const octet = this.at >>> 3;
      this.buffer[octet] = (this.buffer[octet] as number) | (value << spare);
      this.at += count;
      return;
    }
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

  /**
   * Head of an IE, which stands at an octet boundary: its id in two octets, the two bits of its criticality and the
   * padding that follows them in one [TS38413 9.4.5].
   */
  ieHead(id: number, criticality: number): void {
    this.reserve(32);
    const octet = (this.at + 7) >>> 3;
    this.buffer[octet] = id >>> 8;
    this.buffer[octet + 1] = id;
    this.buffer[octet + 2] = criticality << 6;
    this.at = (octet + 3) * 8;
  }

  /** All of `octets`, aligned or not; the caller keeps them. */
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

  /** Begins an open type at an octet boundary, leaving one octet for its length; returns where that octet is. */
  open(): number {
    this.align();
    const mark = this.at >>> 3;
    this.reserve(8);
    this.at += 8;
    return mark;
  }

  /**
   * Ends the open type begun at `mark`: pads it to whole octets, at least one, and puts its length in front.
   *
   * @returns its octets, taken out again, when it is so long that it must go in fragments
   */
  close(mark: number): Uint8Array | undefined {
    const start = mark + 1;
    this.align();
    if (this.at >>> 3 === start) this.bits(0, 8);
    const count = (this.at >>> 3) - start;
    if (count < 0x80) {
      this.buffer[mark] = count;
      return undefined;
    }
    if (count >= 16384) return this.takeBack(mark, count);
    this.reserve(8);
    this.buffer.copyWithin(start + 1, start, start + count);
    this.buffer[mark] = 0x80 | (count >>> 8);
    this.buffer[start] = count & 0xff;
    this.at += 8;
    return undefined;
  }

  /** Cuts the open type out and zeroes where it was, as bits are written by OR. */
  private takeBack(mark: number, count: number): Uint8Array {
    const octets = this.buffer.slice(mark + 1, mark + 1 + count);
    this.buffer.fill(0, mark, mark + 1 + count);
    this.at = mark * 8;
    return octets;
  }

  /** What was written, padded to whole octets; at least one octet, as a complete encoding is [X691 11.1]. */
  finish(): Uint8Array {
    return this.buffer.slice(0, Math.max(1, (this.at + 7) >>> 3));
  }

  /** Makes room for so many bits and the octet behind them. */
  private reserve(bits: number): void {
    const needed = ((this.at + bits + 7) >>> 3) + 1;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer);
    this.buffer = grown;
  }
}
