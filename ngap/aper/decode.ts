/**
 * Decoding by walking a type (X.691, ALIGNED). Functions throw AperError and nothing else for whatever octets come; the
 * doors in pdu.ts turn that into a value. Each error gains the name of a component on its way up, so its path reads
 * from the message inwards.
 */
import { AperError } from '../result.ts';
import { BitReader } from './bits.ts';
import {
  readConstrained,
  readCountedOctets,
  readFragments,
  readLength,
  readLengthPart,
  readSmall,
  readUnconstrained,
} from './numbers.ts';
import type {
  AsnType,
  ChoiceType,
  ContainerType,
  Criticality,
  EnumeratedType,
  IeRow,
  Range,
  SequenceOfType,
  SequenceType,
  UnknownIe,
} from './types.ts';

/** In the order of their index on the wire. */
export const criticalities: readonly Criticality[] = ['reject', 'ignore', 'notify'];

/** Most elements of one list that a decoder builds: an encoding can claim more with nothing behind it. */
const maxElements = 65_536;

/** Decodes one value of `type`. @throws AperError, with the path of the component in front */
export function decodeValue(type: AsnType, reader: BitReader): unknown {
  switch (type.kind) {
    case 'integer':
      return decodeInteger(type.range, reader);
    case 'enumerated':
      return decodeEnumerated(type, reader);
    case 'bitString':
      return decodeBitString(type.size, reader);
    case 'octetString':
      return type.size === undefined ? readCountedOctets(reader) : decodeOctets(type.size, reader, 2);
    case 'string':
      return decodeString(type.size, reader);
    case 'sequence':
      return decodeSequence(type, reader);
    case 'sequenceOf':
      return decodeSequenceOf(type, reader);
    case 'choice':
      return decodeChoice(type, reader);
    case 'container':
      return decodeContainer(type, reader);
    case 'single':
      return decodeIeFrame(reader);
    case 'any':
      return reader.octets(reader.bitsLeft >>> 3);
  }
}

/** A whole value in octets of its own, as an open type or a transfer container holds it. */
export function decodeComplete(type: AsnType, octets: Uint8Array): unknown {
  return decodeValue(type, new BitReader(octets));
}

/** The same error with the component's name in front; anything else that was thrown goes on as it is. */
export function named(name: string, error: unknown): unknown {
  return error instanceof AperError ? new AperError(`${name}.${error.path}`, reasonOf(error)) : error;
}

/** What the error says behind its path. */
function reasonOf(error: AperError): string {
  return error.message.slice(error.path.length + 2);
}

/** In its range, or, where the range has `...` and the bit says so, an unconstrained number. */
function decodeInteger(range: Range | undefined, reader: BitReader): number {
  const unbounded = range === undefined || (range.extensible && reader.bit() === 1);
  return unbounded ? readUnconstrained(reader) : readConstrained(reader, range.low, range.high);
}

/** A name unknown to this schema decodes as its number in brackets, so that it can be shown and compared. */
function decodeEnumerated({ root, additions }: EnumeratedType, reader: BitReader): string {
  if (additions !== undefined && reader.bit() === 1) {
    const index = readSmall(reader);
    return additions[index] ?? `(${root.length + index})`;
  }
  return root[readConstrained(reader, 0, root.length - 1)] as string;
}

/** Count of a sized type: in its root constraint or, extended, anything [X691 16.6]. */
function decodeCount(size: Range, reader: BitReader): number {
  if (size.extensible && reader.bit() === 1) return readLength(reader);
  if (size.low === size.high) return size.low;
  if (size.high >= 65536) return readLength(reader);
  return readConstrained(reader, size.low, size.high);
}

/** Of fixed size up to 16 bits it sits where it is, others start at an octet. */
function decodeBitString(size: Range, reader: BitReader): { bits: Uint8Array; length: number } {
  const length = decodeCount(size, reader);
  if (size.low !== size.high || length > 16) reader.align();
  return { bits: reader.bitString(length), length };
}

/** Strings of fixed size up to `unaligned` octets sit where they are; others start at an octet [X691 17.6]. */
function decodeOctets(size: Range, reader: BitReader, unaligned: number): Uint8Array {
  const length = decodeCount(size, reader);
  if (size.low !== size.high || length > unaligned) reader.align();
  return reader.octets(length);
}

const utf8 = new TextDecoder();

function decodeString(size: Range | undefined, reader: BitReader): string {
  return utf8.decode(size === undefined ? readCountedOctets(reader) : decodeOctets(size, reader, 2));
}

/** A bit for extensions, one for each optional component, then those that are there in their order. */
function decodeSequence(type: SequenceType, reader: BitReader): Record<string, unknown> {
  const extended = type.extensible && reader.bit() === 1;
  let left = type.optionals.length;
  const present = reader.bits(left);
  const value: Record<string, unknown> = {};
  let name = '';
  try {
    for (const field of type.fields) {
      // There may be more optional components than a shift has bits.
      if (field.optional && Math.floor(present / 2 ** --left) % 2 === 0) continue;
      name = field.name;
      value[name] = decodeValue(field.type, reader);
    }
  } catch (error) {
    throw named(name, error);
  }
  if (extended) skipAdditions(reader);
  return value;
}

/** Extension additions of a later release: skipped by their lengths [X691 19.7]. */
function skipAdditions(reader: BitReader): void {
  const count = readSmall(reader) + 1;
  let present = 0;
  for (let i = 0; i < count; i++) present += reader.bit();
  for (let i = 0; i < present; i++) readCountedOctets(reader);
}

/** A list whose greatest size is 64K or more has its count in fragments, like any unconstrained length [X691 11.9.4.2]. */
function decodeSequenceOf(type: SequenceOfType, reader: BitReader): unknown[] {
  const list: unknown[] = [];
  if (type.size.high < 65536) {
    decodeElements(type, decodeCount(type.size, reader), reader, list);
    return list;
  }
  let count: number;
  do {
    count = readLengthPart(reader);
    decodeElements(type, Math.abs(count), reader, list);
  } while (count < 0);
  if (list.length < type.size.low) throw new AperError('list', `${list.length} elements are too few`);
  return list;
}

function decodeElements(type: SequenceOfType, count: number, reader: BitReader, list: unknown[]): void {
  // An element may take no bits at all, but a list of such elements is nothing that NGAP has.
  if (count > reader.bitsLeft + 1 || list.length + count > maxElements)
    throw new AperError('list', `${count} elements cannot be here`);
  try {
    for (let i = 0; i < count; i++) list.push(decodeValue(type.element, reader));
  } catch (error) {
    throw named(`${list.length}`, error);
  }
}

/** An alternative beyond `...` shows as its number in brackets, with its octets. */
function decodeChoice(type: ChoiceType, reader: BitReader): { choice: string; value: unknown } {
  if (type.extensible && reader.bit() === 1) {
    const index = readSmall(reader);
    return { choice: `(${type.root.length + index})`, value: readCountedOctets(reader) };
  }
  const alternative = type.root[readConstrained(reader, 0, type.root.length - 1)];
  if (alternative === undefined) throw new AperError('CHOICE', 'has no such alternative');
  try {
    const value = decodeValue(alternative.type, reader);
    const { later } = type;
    if (later === undefined || alternative.type.kind !== 'single') return { choice: alternative.name, value };
    return decodeLaterChoice(later, value as UnknownIe);
  } catch (error) {
    throw named(alternative.name, error);
  }
}

/** The alternative of a later release whose IE it is; an IE that nobody knows stays what it is. */
function decodeLaterChoice({ byId }: ContainerType, frame: UnknownIe): { choice: string; value: unknown } {
  const row = byId.get(frame.id);
  if (row === undefined) return { choice: 'choiceExtensions', value: frame };
  return { choice: row.name, value: decodeComplete(row.type, frame.value) };
}

function decodeCriticality(reader: BitReader): Criticality {
  return criticalities[readConstrained(reader, 0, 2)] as Criticality;
}

/** id, criticality and the octets of the value [TS38413 9.4.7]. */
export function decodeIeFrame(reader: BitReader): UnknownIe {
  const id = readConstrained(reader, 0, 65535);
  return { id, criticality: decodeCriticality(reader), value: readCountedOctets(reader) };
}

/** How many IEs follow; each takes four octets at least, so a count that cannot be true ends here. */
function decodeIeCount(type: ContainerType, reader: BitReader): number {
  const count = readConstrained(reader, type.least, 65535);
  if (count * 32 > reader.bitsLeft + 32) throw new AperError('container', `${count} IEs cannot be here`);
  return count;
}

/** All IE frames of a container, undecoded, in their order. */
export function decodeFrames(type: ContainerType, reader: BitReader): UnknownIe[] {
  const count = decodeIeCount(type, reader);
  const frames: UnknownIe[] = [];
  for (let i = 0; i < count; i++) frames.push(decodeIeFrame(reader));
  return frames;
}

/** The IEs of a container and what was wrong with them. */
export interface DecodedIes {
  readonly ies: Record<string, unknown>;
  /** IEs whose content could not be read: their ids and errors. */
  readonly faults: { readonly id: number; readonly error: AperError }[];
  /** Nothing unknown, missing, doubled, misplaced or unreadable. */
  clean: boolean;
}

/** Decodes each IE on its own, in place, so that one that cannot be read spoils no other. */
export function decodeIes(type: ContainerType, reader: BitReader): DecodedIes {
  const decoded: DecodedIes = { ies: {}, faults: [], clean: true };
  const unknown: UnknownIe[] = [];
  // Rows of the table come in their order: a step back is an IE out of place, or one that comes twice.
  let last = -1;
  let mandatory = 0;
  for (let left = decodeIeCount(type, reader); left > 0; left--) {
    const id = readConstrained(reader, 0, 65535);
    const criticality = decodeCriticality(reader);
    const row = type.byId.get(id);
    if (row === undefined) {
      unknown.push({ id, criticality, value: readCountedOctets(reader) });
      continue;
    }
    decodeIe(row, reader, decoded);
    if (row.at <= last) decoded.clean = false;
    last = row.at;
    if (row.presence === 'mandatory') mandatory++;
  }
  if (unknown.length > 0) decoded.ies.unknownIes = unknown;
  if (unknown.length > 0 || mandatory < type.mandatoryCount) decoded.clean = false;
  return decoded;
}

/**
 * One known IE into `decoded`. The reader is narrowed to the IE's octets, unless they come in fragments and have to be put
 * together first; either way it stands behind the IE afterwards, also when the IE was a fault.
 */
function decodeIe(row: IeRow, reader: BitReader, decoded: DecodedIes): void {
  const count = readLengthPart(reader);
  const inner = count < 0 ? new BitReader(readFragments(reader, -count)) : reader;
  const outer = count < 0 ? 0 : reader.enter(count);
  const end = reader.limit;
  try {
    decoded.ies[row.name] = decodeValue(row.type, inner);
  } catch (error) {
    if (!(error instanceof AperError)) throw error;
    decoded.faults.push({ id: row.id, error: named(row.name, error) as AperError });
    decoded.clean = false;
  }
  if (inner === reader) reader.leaveTo(end, outer);
}

/** IEs inside a component: what is wrong with one of them is wrong with the component. */
function decodeContainer(type: ContainerType, reader: BitReader): Record<string, unknown> {
  const { ies, faults } = decodeIes(type, reader);
  if (faults[0] !== undefined) throw faults[0].error;
  return ies;
}
