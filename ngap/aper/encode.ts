/**
 * Encoding by walking a type, the mirror of decode.ts. The compiler has checked the shape of a value; what it cannot know
 * (ranges, sizes, names) is checked here, and an AperError is then a fault of whoever made the value.
 */
import { AperError } from '../result.ts';
import { BitWriter } from './bits.ts';
import { criticalities, named } from './decode.ts';
import {
  writeConstrained,
  writeCountedOctets,
  writeInFragments,
  writeLength,
  writeSmall,
  writeUnconstrained,
} from './numbers.ts';
import type {
  AsnType,
  BitString,
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

/** Encodes one value of `type`. @throws AperError when the value does not fit: that is a fault of its maker */
export function encodeValue(type: AsnType, value: unknown, writer: BitWriter): void {
  switch (type.kind) {
    case 'integer':
      encodeInteger(type.range, value as number, writer);
      break;
    case 'enumerated':
      encodeEnumerated(type, value as string, writer);
      break;
    case 'bitString':
      encodeBitString(type.size, value as BitString, writer);
      break;
    case 'octetString':
      encodeOctets(type.size, value as Uint8Array, writer);
      break;
    case 'string':
      encodeOctets(type.size, utf8.encode(value as string), writer);
      break;
    case 'sequence':
      encodeSequence(type, value as Record<string, unknown>, writer);
      break;
    case 'sequenceOf':
      encodeSequenceOf(type, value as readonly unknown[], writer);
      break;
    case 'choice':
      encodeChoice(type, value as { choice: string; value: unknown }, writer);
      break;
    case 'container':
      encodeContainer(type, value as Record<string, unknown>, writer);
      break;
    case 'single':
      encodeIeFrame(value as UnknownIe, writer);
      break;
    case 'any':
      writer.octets(value as Uint8Array);
      break;
  }
}

/** A value in octets of its own, as an open type or a transfer container holds it. */
export function encodeComplete(type: AsnType, value: unknown): Uint8Array {
  const writer = new BitWriter(64);
  encodeValue(type, value, writer);
  return writer.finish();
}

/** Whether a number or a size lies in the root of its constraint. */
function fits(range: Range, value: number): boolean {
  return value >= range.low && value <= range.high;
}

/** Beyond its range a number goes out only where the range has `...`, marked by a bit. */
function encodeInteger(range: Range | undefined, value: number, writer: BitWriter): void {
  if (!Number.isInteger(value)) throw new AperError('INTEGER', `${value} is no whole number`);
  const inRoot = range !== undefined && fits(range, value);
  if (range?.extensible) writer.bits(inRoot ? 0 : 1, 1);
  else if (range !== undefined && !inRoot)
    throw new AperError('INTEGER', `${value} is not in ${range.low}..${range.high}`);
  if (inRoot) writeConstrained(writer, value, range.low, range.high);
  else writeUnconstrained(writer, value);
}

/** Also takes what the decoder made of a name that it did not know: its number in brackets. */
function encodeEnumerated(
  { root, indexOf, additions }: EnumeratedType,
  value: string,
  writer: BitWriter,
): void {
  const place = indexOf.get(value) ?? -1;
  const index = place < root.length ? place : -1;
  if (additions !== undefined) writer.bits(index < 0 ? 1 : 0, 1);
  if (index >= 0) {
    writeConstrained(writer, index, 0, root.length - 1);
    return;
  }
  const unnamed = /^\((\d+)\)$/.exec(value);
  const addition = (unnamed === null ? place : Number(unnamed[1])) - root.length;
  if (additions === undefined || addition < 0) throw new AperError('ENUMERATED', `has no value ${value}`);
  writeSmall(writer, addition);
}

/** Writes the count of a sized type, in its root constraint or as an extension of it [X691 16.6]. */
function encodeCount(size: Range, count: number, writer: BitWriter): void {
  const inRoot = fits(size, count);
  if (!inRoot && !size.extensible)
    throw new AperError('size', `${count} is not in ${size.low}..${size.high}`);
  if (size.extensible) writer.bits(inRoot ? 0 : 1, 1);
  if (!inRoot || size.high >= 65536) writeLength(writer, count);
  else if (size.low !== size.high) writeConstrained(writer, count, size.low, size.high);
}

function encodeBitString(size: Range, value: BitString, writer: BitWriter): void {
  encodeCount(size, value.length, writer);
  if (size.low !== size.high || value.length > 16) writer.align();
  writer.bitString(value.bits, value.length);
}

function encodeOctets(size: Range | undefined, value: Uint8Array, writer: BitWriter): void {
  if (size === undefined) {
    writeCountedOctets(writer, value);
    return;
  }
  encodeCount(size, value.length, writer);
  if (size.low !== size.high || value.length > 2) writer.align();
  writer.octets(value);
}

const utf8 = new TextEncoder();

/** No additions behind `...` are ever sent: NGAP extends its sequences by IEs. */
function encodeSequence(type: SequenceType, value: Record<string, unknown>, writer: BitWriter): void {
  if (type.extensible) writer.bits(0, 1);
  for (const field of type.optionals) writer.bits(value[field.name] === undefined ? 0 : 1, 1);
  let name = '';
  try {
    for (const field of type.fields) {
      name = field.name;
      const component = value[name];
      if (component !== undefined) encodeValue(field.type, component, writer);
      else if (!field.optional) throw new AperError('value', 'is missing');
    }
  } catch (error) {
    throw named(name, error);
  }
}

/** From a greatest size of 64K on, the elements go in fragments. */
function encodeSequenceOf(type: SequenceOfType, value: readonly unknown[], writer: BitWriter): void {
  if (type.size.high < 65536) {
    encodeCount(type.size, value.length, writer);
    encodeElements(type.element, value, 0, value.length, writer);
    return;
  }
  if (!fits(type.size, value.length)) throw new AperError('size', `${value.length} elements are too many`);
  writeInFragments(writer, value.length, (from, to) => encodeElements(type.element, value, from, to, writer));
}

/** Elements `from` to before `to`, an error with the number of its element. */
function encodeElements(
  element: AsnType,
  value: readonly unknown[],
  from: number,
  to: number,
  writer: BitWriter,
): void {
  let at = from;
  try {
    for (; at < to; at++) encodeValue(element, value[at], writer);
  } catch (error) {
    throw named(`${at}`, error);
  }
}

/** By the name of the alternative; one of a later release goes as an IE. */
function encodeChoice(type: ChoiceType, value: { choice: string; value: unknown }, writer: BitWriter): void {
  const index = type.indexOf.get(value.choice) ?? -1;
  const chosen = type.root[index];
  if (chosen === undefined && type.later !== undefined) {
    encodeLaterChoice(type, type.later, value, writer);
    return;
  }
  if (chosen === undefined) throw new AperError('CHOICE', `has no alternative ${value.choice}`);
  if (type.extensible) writer.bits(0, 1);
  writeConstrained(writer, index, 0, type.root.length - 1);
  try {
    encodeValue(chosen.type, value.value, writer);
  } catch (error) {
    throw named(chosen.name, error);
  }
}

/** An alternative of a later release: an IE in the last alternative, which is there for that [TS38413 9.4.5]. */
function encodeLaterChoice(
  type: ChoiceType,
  { rows }: ContainerType,
  value: { choice: string; value: unknown },
  writer: BitWriter,
): void {
  const row = rows.find(({ name }) => name === value.choice);
  if (row === undefined) throw new AperError('CHOICE', `has no alternative ${value.choice}`);
  writeConstrained(writer, type.root.length - 1, 0, type.root.length - 1);
  encodeIe(row, value.value, writer);
}

function encodeIeFrame({ id, criticality, value }: UnknownIe, writer: BitWriter): void {
  writer.ieHead(id, criticalities.indexOf(criticality as Criticality));
  writeCountedOctets(writer, value);
}

/** All mandatory IEs must be there; unknown ones, kept from decoding, go behind the others. */
function encodeContainer(type: ContainerType, value: Record<string, unknown>, writer: BitWriter): void {
  const unknown = (value.unknownIes ?? []) as readonly UnknownIe[];
  let count = unknown.length;
  for (const row of type.rows) {
    if (value[row.name] !== undefined) count++;
    else if (row.presence === 'mandatory') throw new AperError(row.name, 'is missing');
  }
  writeConstrained(writer, count, type.least, 65535);
  for (const row of type.rows) {
    const ie = value[row.name];
    if (ie !== undefined) encodeIe(row, ie, writer);
  }
  for (const ie of unknown) encodeIeFrame(ie, writer);
}

/** One IE: id and criticality from its row, then the value as an open type. */
function encodeIe(row: IeRow, value: unknown, writer: BitWriter): void {
  writer.ieHead(row.id, criticalities.indexOf(row.criticality));
  try {
    encodeOpen(row.type, value, writer);
  } catch (error) {
    throw named(row.name, error);
  }
}

/** A value as an open type, written where it goes; its length is put in front when it is known [X691 11.2]. */
export function encodeOpen(type: AsnType, value: unknown, writer: BitWriter): void {
  const mark = writer.open();
  encodeValue(type, value, writer);
  const long = writer.close(mark);
  if (long !== undefined) writeCountedOctets(writer, long);
}
