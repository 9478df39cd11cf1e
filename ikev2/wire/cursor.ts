/**
 * Octet cursors: the only way this folder reads or writes bytes. Network byte order throughout.
 * A read past the end throws {@link DecodeError}; each decoder's boundary turns it into a {@link Result}.
 */

/** A value, or the reason there is none. */
export type Result<T, E = DecodeError> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

/** The octets did not fit the layout: `field` names the place, `offset` is counted from the start of the datagram. */
export class DecodeError extends Error {
  readonly field: string;
  readonly offset: number;

  constructor(field: string, offset: number, reason: string) {
    super(`${field} at octet ${offset}: ${reason}`);
    this.name = 'DecodeError';
    this.field = field;
    this.offset = offset;
  }
}

/** Runs a decoder and turns its {@link DecodeError} into a value; any other throw is a fault of ours and goes on. */
export function attempt<T>(decode: () => T): Result<T> {
  try {
    return { ok: true, value: decode() };
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, error };
    throw error;
  }
}

/** A Uint8Array over the same memory: a Buffer's `slice`, `toString` and JSON differ, so none gets past a boundary. */
export function plainOctets(octets: Uint8Array): Uint8Array {
  if (octets.constructor === Uint8Array) return octets;
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.length);
}

/** Reads octets of `bytes` from `at` up to `end`. Sub-arrays it returns share memory with `bytes`. */
export class OctetReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = plainOctets(bytes);
    this.at = at;
    this.end = Math.min(end, bytes.length);
  }

  /** Octets that are left. */
  get remaining(): number {
    return this.end - this.at;
  }

  /** The next octet; `field` names it where it is missing. */
  u8(field: string): number {
    return this.uint(1, field);
  }

  /** Two octets, network order. */
  u16(field: string): number {
    return this.uint(2, field);
  }

  /** Three octets. */
  u24(field: string): number {
    return this.uint(3, field);
  }

  /** Four octets. */
  u32(field: string): number {
    return this.uint(4, field);
  }

  /** Eight octets. */
  u64(field: string): bigint {
    const high = this.uint(4, field);
    return (BigInt(high) << 32n) | BigInt(this.uint(4, field));
  }

  /** The next `length` octets, as a view. */
  take(length: number, field: string): Uint8Array {
    const start = this.advance(length, field);
    return this.bytes.subarray(start, start + length);
  }

  /** All octets that are left, as a view. */
  rest(): Uint8Array {
    const start = this.at;
    this.at = this.end;
    return this.bytes.subarray(start, this.end);
  }

  /** Passes over octets, reserved ones for instance. */
  skip(length: number, field: string): void {
    this.advance(length, field);
  }

  /** A reader bounded to the next `length` octets, which this one then has behind it. */
  sub(length: number, field: string): OctetReader {
    const start = this.advance(length, field);
    return new OctetReader(this.bytes, start, start + length);
  }

  /** Breaks off at the present place. */
  fail(field: string, reason: string): never {
    throw new DecodeError(field, this.at, reason);
  }

  /** The place where `length` octets begin, all of which are there. */
  private advance(length: number, field: string): number {
    if (length < 0 || length > this.remaining) {
      this.fail(field, `needs ${length} octets, ${this.remaining} are left`);
    }
    const start = this.at;
    this.at += length;
    return start;
  }

  private uint(size: number, field: string): number {
    const start = this.advance(size, field);
    let value = 0;
    for (let i = start; i < start + size; i++) value = value * 256 + (this.bytes[i] as number);
    return value;
  }
}

/** Appends octets to a buffer that grows by doubling. */
export class OctetWriter {
  length = 0;
  private buffer: Uint8Array;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  u8(value: number): this {
    return this.uint(value, 1);
  }

  u16(value: number): this {
    return this.uint(value, 2);
  }

  u24(value: number): this {
    return this.uint(value, 3);
  }

  u32(value: number): this {
    return this.uint(value, 4);
  }

  u64(value: bigint): this {
    return this.uint(Number(value >> 32n), 4).uint(Number(value & 0xffffffffn), 4);
  }

  bytes(octets: Uint8Array): this {
    this.reserve(octets.length);
    this.buffer.set(octets, this.length);
    this.length += octets.length;
    return this;
  }

  zeros(count: number): this {
    this.reserve(count);
    this.buffer.fill(0, this.length, this.length + count);
    this.length += count;
    return this;
  }

  /** Overwrites two octets written before, for lengths known only afterwards. */
  patchU16(at: number, value: number): void {
    this.buffer[at] = value >>> 8;
    this.buffer[at + 1] = value;
  }

  patchU8(at: number, value: number): void {
    this.buffer[at] = value;
  }

  patchU32(at: number, value: number): void {
    this.patchU16(at, value >>> 16);
    this.patchU16(at + 2, value & 0xffff);
  }

  /** What was written, without a copy; the writer must not be used after it. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private uint(value: number, size: number): this {
    this.reserve(size);
    let rest = value;
    for (let i = this.length + size - 1; i >= this.length; i--) {
      this.buffer[i] = rest;
      rest = Math.floor(rest / 256);
    }
    this.length += size;
    return this;
  }

  private reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}
