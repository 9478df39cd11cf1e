import { AperError } from '../result.ts';
import { BitReader } from './bits.ts';
import { readConstrained, readCountedOctets, readLength, readSmall, readUnconstrained } from './numbers.ts';
import type {
  AsnType,
  ChoiceType,
  ContainerType,
  Criticality,
  EnumeratedType,
  Field,
  Range,
  SequenceOfType,
  SequenceType,
  UnknownIe,
} from './types.ts';

export const criticalities: readonly Criticality[] = ['reject', 'ignore', 'notify'];

/** Most elements of one list that a decoder builds: an encoding can claim more with nothing behind it. */
const maxElements = 65536;

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

/** Names the component in an error that came from below. */
export function within<T>(name: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof AperError) throw new AperError(`${name}.${error.path}`, reasonOf(error));
    throw error;
  }
}

function reasonOf(error: AperError): string {
  return error.message.slice(error.path.length + 2);
}

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
  return readConstrained(reader, size.low, size.high);
}

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

function decodeSequence(type: SequenceType, reader: BitReader): Record<string, unknown> {
  const extended = type.extensible && reader.bit() === 1;
  const present = type.optionals.length === 0 ? undefined : presentFields(type.optionals, reader);
  const value: Record<string, unknown> = {};
  for (const field of type.fields) {
    if (field.optional && present?.has(field) !== true) continue;
    value[field.name] = within(field.name, () => decodeValue(field.type, reader));
  }
  if (extended) skipAdditions(reader);
  return value;
}

function presentFields(optionals: readonly Field[], reader: BitReader): Set<Field> {
  const present = new Set<Field>();
  for (const field of optionals) if (reader.bit() === 1) present.add(field);
  return present;
}

/** Extension additions of a later release: skipped by their lengths [X691 19.7]. */
function skipAdditions(reader: BitReader): void {
  const count = readSmall(reader) + 1;
  let present = 0;
  for (let i = 0; i < count; i++) present += reader.bit();
  for (let i = 0; i < present; i++) readCountedOctets(reader);
}

function decodeSequenceOf(type: SequenceOfType, reader: BitReader): unknown[] {
  const count = decodeCount(type.size, reader);
  if (count > maxElements || count > reader.bitsLeft + 1)
    throw new AperError('list', `${count} elements cannot be here`);
  const list: unknown[] = [];
  for (let i = 0; i < count; i++) list.push(within(`${i}`, () => decodeValue(type.element, reader)));
  return list;
}

function decodeChoice(type: ChoiceType, reader: BitReader): { choice: string; value: unknown } {
  if (type.extensible && reader.bit() === 1) {
    const index = readSmall(reader);
    return { choice: `(${type.root.length + index})`, value: readCountedOctets(reader) };
  }
  const alternative = type.root[readConstrained(reader, 0, type.root.length - 1)];
  if (alternative === undefined) throw new AperError('CHOICE', 'has no such alternative');
  return {
    choice: alternative.name,
    value: within(alternative.name, () => decodeValue(alternative.type, reader)),
  };
}

/** id, criticality and the octets of the value [TS38413 9.3.5]. */
export function decodeIeFrame(reader: BitReader): UnknownIe {
  const id = readConstrained(reader, 0, 65535);
  const criticality = criticalities[readConstrained(reader, 0, 2)] as Criticality;
  return { id, criticality, value: readCountedOctets(reader) };
}

/** All IE frames of a container, undecoded, in their order. */
export function decodeFrames(type: ContainerType, reader: BitReader): UnknownIe[] {
  const count = readConstrained(reader, type.least, 65535);
  if (count * 32 > reader.bitsLeft + 32) throw new AperError('container', `${count} IEs cannot be here`);
  const frames: UnknownIe[] = [];
  for (let i = 0; i < count; i++) frames.push(decodeIeFrame(reader));
  return frames;
}

function decodeContainer(type: ContainerType, reader: BitReader): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const unknown: UnknownIe[] = [];
  for (const frame of decodeFrames(type, reader)) {
    const row = type.byId.get(frame.id);
    if (row === undefined) unknown.push(frame);
    else value[row.name] = within(row.name, () => decodeComplete(row.type, frame.value));
  }
  if (unknown.length > 0) value.unknownIes = unknown;
  return value;
}
