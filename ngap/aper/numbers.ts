/** Whole numbers, lengths and fragments, in the ALIGNED variant. */
import { AperError } from '../result.ts';
import type { BitReader, BitWriter } from './bits.ts';

/** Bits that hold 0 to `range` - 1. */
function bitsFor(range: number): number {
  return 32 - Math.clz32(range - 1);
}

/** Octets that an unsigned number needs; at least one. Shifts end at 32 bits, so above 16 it divides. */
function octetsFor(value: number): number {
  if (value < 0x100) return 1;
  if (value < 0x10000) return 2;
  let octets = 3;
  while (value >= 256 ** octets) octets++;
  return octets;
}

/** Constrained whole number, ALIGNED variant [X691 11.5.7]: bit-field, one octet, two octets, or a counted field. */
export function readConstrained(reader: BitReader, low: number, high: number): number {
  const range = high - low + 1;
  if (range <= 255) {
    const value = reader.bits(bitsFor(range));
    if (value >= range) throw new AperError('INTEGER', `${low + value} is above ${high}`);
    return low + value;
  }
  if (range > 65536) {
    const octets = readConstrained(reader, 1, octetsFor(range - 1));
    reader.align();
    const value = reader.bits(octets * 8);
    if (value >= range) throw new AperError('INTEGER', `${low + value} is above ${high}`);
    return low + value;
  }
  reader.align();
  const value = reader.bits(range <= 256 ? 8 : 16);
  if (value >= range) throw new AperError('INTEGER', `${low + value} is above ${high}`);
  return low + value;
}

/** Counterpart of {@link readConstrained}; the caller has checked that `value` is in the range. */
export function writeConstrained(writer: BitWriter, value: number, low: number, high: number): void {
  const range = high - low + 1;
  if (range <= 255) {
    writer.bits(value - low, bitsFor(range));
  } else if (range > 65536) {
    const octets = octetsFor(value - low);
    writeConstrained(writer, octets, 1, octetsFor(range - 1));
    writer.align();
    writer.bits(value - low, octets * 8);
  } else {
    writer.align();
    writer.bits(value - low, range <= 256 ? 8 : 16);
  }
}

/** Unconstrained whole number: a counted two's complement field [X691 11.8]. */
export function readUnconstrained(reader: BitReader): number {
  const octets = readLength(reader);
  if (octets < 1 || octets > 6) throw new AperError('INTEGER', `has ${octets} octets, 1 to 6 are taken`);
  const value = reader.bits(octets * 8);
  return value >= 2 ** (octets * 8 - 1) ? value - 2 ** (octets * 8) : value;
}

/** Counterpart of {@link readUnconstrained}: as few octets as the value needs. */
export function writeUnconstrained(writer: BitWriter, value: number): void {
  let octets = 1;
  while (value < -(2 ** (octets * 8 - 1)) || value >= 2 ** (octets * 8 - 1)) octets++;
  writeLength(writer, octets);
  writer.bits(value < 0 ? value + 2 ** (octets * 8) : value, octets * 8);
}

/** Normally small non-negative whole number [X691 11.6]. */
export function readSmall(reader: BitReader): number {
  if (reader.bit() === 0) return reader.bits(6);
  const octets = readLength(reader);
  if (octets < 1 || octets > 4) throw new AperError('small number', `has ${octets} octets, 1 to 4 are taken`);
  return reader.bits(octets * 8);
}

/** Counterpart of {@link readSmall}; indices of extension alternatives and counts of additions use it. */
export function writeSmall(writer: BitWriter, value: number): void {
  if (value < 64) {
    writer.bits(value, 7);
    return;
  }
  writer.bits(1, 1);
  const octets = octetsFor(value);
  writeLength(writer, octets);
  writer.bits(value, octets * 8);
}

/** Unit of fragments: a long field comes in runs of one to four of these, then the rest. */
const fragment = 16384;

/** One unconstrained length determinant: the count, or below 0 the count of a fragment that others follow [X691 11.9.3]. */
export function readLengthPart(reader: BitReader): number {
  reader.align();
  const first = reader.bits(8);
  if (first < 0x80) return first;
  if (first < 0xc0) return ((first & 0x3f) << 8) | reader.bits(8);
  const pieces = first & 0x3f;
  if (pieces < 1 || pieces > 4)
    throw new AperError('length', `a fragment of ${pieces} times 16K is not allowed`);
  return -pieces * fragment;
}

/** An unconstrained length below 16K. */
export function readLength(reader: BitReader): number {
  const count = readLengthPart(reader);
  if (count < 0) throw new AperError('length', 'is fragmented where no long field may be');
  return count;
}

/** Counterpart of {@link readLength}, for counts below 16K. */
export function writeLength(writer: BitWriter, count: number): void {
  if (count >= fragment) throw new AperError('length', `${count} is too much for one length`);
  writer.align();
  if (count < 0x80) writer.bits(count, 8);
  else writer.bits(0x8000 | count, 16);
}

/** Octets behind an unconstrained length, put together from fragments where there are any [X691 11.9.3.8]. */
export function readCountedOctets(reader: BitReader): Uint8Array {
  const count = readLengthPart(reader);
  return count < 0 ? readFragments(reader, -count) : reader.octets(count);
}

/** The octets of a fragmented field whose first fragment has `first` octets. */
export function readFragments(reader: BitReader, first: number): Uint8Array {
  const parts = [reader.octets(first)];
  for (let count = readLengthPart(reader); ; count = readLengthPart(reader)) {
    parts.push(reader.octets(Math.abs(count)));
    if (count >= 0) return joined(parts);
  }
}

/** The parts in one piece. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Writes `count` units in fragments of up to 64K behind lengths; `write` puts out one run of them. */
export function writeInFragments(
  writer: BitWriter,
  count: number,
  write: (from: number, to: number) => void,
): void {
  let at = 0;
  while (count - at >= fragment) {
    const pieces = Math.min(4, Math.floor((count - at) / fragment));
    writer.align();
    writer.bits(0xc0 | pieces, 8);
    write(at, at + pieces * fragment);
    at += pieces * fragment;
  }
  writeLength(writer, count - at);
  write(at, count);
}

/** Counterpart of {@link readCountedOctets}: fragments of up to 64K, then the rest, which may be empty. */
export function writeCountedOctets(writer: BitWriter, octets: Uint8Array): void {
  if (octets.length < fragment) {
    writeLength(writer, octets.length);
    writer.octets(octets);
  } else {
    writeInFragments(writer, octets.length, (from, to) => writer.octets(octets.subarray(from, to)));
  }
}
