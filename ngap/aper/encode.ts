import { AperError } from '../result.ts';
import { BitWriter } from './bits.ts';
import { criticalities, within } from './decode.ts';
import {
  writeConstrained,
  writeCountedOctets,
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
  Range,
  SequenceOfType,
  SequenceType,
  UnknownIe,
} from './types.ts';

/** Encodes one value of `type`. @throws AperError when the value does not fit: that is a fault of its maker */
export function encodeValue(type: AsnType, value: unknown, writer: BitWriter): void {
  (encoders[type.kind] as (type: AsnType, value: unknown, writer: BitWriter) => void)(type, value, writer);
}

type Encoders = { [T in AsnType as T['kind']]: (type: T, value: never, writer: BitWriter) => void };

const encoders: Encoders = {
  integer: ({ range }, value, writer) => encodeInteger(range, value, writer),
  enumerated: encodeEnumerated,
  bitString: ({ size }, value, writer) => encodeBitString(size, value, writer),
  octetString: ({ size }, value, writer) => encodeOctets(size, value, writer),
  string: ({ size }, value, writer) => encodeOctets(size, utf8.encode(value), writer),
  sequence: encodeSequence,
  sequenceOf: encodeSequenceOf,
  choice: encodeChoice,
  container: encodeContainer,
  single: (_, value, writer) => encodeIeFrame(value, writer),
  any: (_, value, writer) => writer.octets(value),
};

/** A value in octets of its own, as an open type or a transfer container holds it. */
export function encodeComplete(type: AsnType, value: unknown): Uint8Array {
  const writer = new BitWriter(64);
  encodeValue(type, value, writer);
  return writer.finish();
}

function fits(range: Range, value: number): boolean {
  return value >= range.low && value <= range.high;
}

function encodeInteger(range: Range | undefined, value: number, writer: BitWriter): void {
  if (!Number.isInteger(value)) throw new AperError('INTEGER', `${value} is no whole number`);
  const inRoot = range !== undefined && fits(range, value);
  if (range?.extensible) writer.bits(inRoot ? 0 : 1, 1);
  else if (range !== undefined && !inRoot)
    throw new AperError('INTEGER', `${value} is not in ${range.low}..${range.high}`);
  if (inRoot) writeConstrained(writer, value, range.low, range.high);
  else writeUnconstrained(writer, value);
}

function encodeEnumerated({ root, additions }: EnumeratedType, value: string, writer: BitWriter): void {
  const index = root.indexOf(value);
  if (additions !== undefined) writer.bits(index < 0 ? 1 : 0, 1);
  if (index >= 0) {
    writeConstrained(writer, index, 0, root.length - 1);
    return;
  }
  const unnamed = /^\((\d+)\)$/.exec(value);
  const addition = unnamed === null ? (additions ?? []).indexOf(value) : Number(unnamed[1]) - root.length;
  if (additions === undefined || addition < 0) throw new AperError('ENUMERATED', `has no value ${value}`);
  writeSmall(writer, addition);
}

/** Writes the count of a sized type, in its root constraint or as an extension of it [X691 16.6]. */
function encodeCount(size: Range, count: number, writer: BitWriter): void {
  const inRoot = fits(size, count);
  if (!inRoot && !size.extensible)
    throw new AperError('size', `${count} is not in ${size.low}..${size.high}`);
  if (size.extensible) writer.bits(inRoot ? 0 : 1, 1);
  if (!inRoot) writeLength(writer, count);
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

function encodeSequence(type: SequenceType, value: Record<string, unknown>, writer: BitWriter): void {
  if (type.extensible) writer.bits(0, 1);
  for (const field of type.optionals) writer.bits(value[field.name] === undefined ? 0 : 1, 1);
  for (const field of type.fields) {
    const component = value[field.name];
    if (component !== undefined) within(field.name, () => encodeValue(field.type, component, writer));
    else if (!field.optional) throw new AperError(field.name, 'is missing');
  }
}

function encodeSequenceOf(type: SequenceOfType, value: readonly unknown[], writer: BitWriter): void {
  encodeCount(type.size, value.length, writer);
  for (const [at, element] of value.entries())
    within(`${at}`, () => encodeValue(type.element, element, writer));
}

function encodeChoice(type: ChoiceType, value: { choice: string; value: unknown }, writer: BitWriter): void {
  const index = type.root.findIndex((alternative) => alternative.name === value.choice);
  const chosen = type.root[index];
  if (chosen === undefined) throw new AperError('CHOICE', `has no alternative ${value.choice}`);
  if (type.extensible) writer.bits(0, 1);
  writeConstrained(writer, index, 0, type.root.length - 1);
  within(chosen.name, () => encodeValue(chosen.type, value.value, writer));
}

function encodeIeFrame({ id, criticality, value }: UnknownIe, writer: BitWriter): void {
  writeConstrained(writer, id, 0, 65535);
  writeConstrained(writer, criticalities.indexOf(criticality as Criticality), 0, 2);
  writeCountedOctets(writer, value);
}

function encodeContainer(type: ContainerType, value: Record<string, unknown>, writer: BitWriter): void {
  const present = type.rows.filter((row) => value[row.name] !== undefined);
  const missing = type.rows.find((row) => row.presence === 'mandatory' && value[row.name] === undefined);
  if (missing !== undefined) throw new AperError(missing.name, 'is missing');
  const unknown = (value.unknownIes ?? []) as readonly UnknownIe[];
  writeConstrained(writer, present.length + unknown.length, type.least, 65535);
  for (const row of present) {
    const octets = within(row.name, () => encodeComplete(row.type, value[row.name]));
    encodeIeFrame({ id: row.id, criticality: row.criticality, value: octets }, writer);
  }
  for (const ie of unknown) encodeIeFrame(ie, writer);
}
