/** Random values of NGAP types, derived from the tables that the codec walks. */
import fc from 'fast-check';
import type { AsnType, ContainerType, Range, SequenceType } from '../../ngap/aper/types.ts';

const unknownIe = fc.record({
  id: fc.integer({ min: 60_000, max: 65_535 }),
  criticality: fc.constantFrom('reject', 'ignore', 'notify'),
  value: fc.uint8Array({ minLength: 1, maxLength: 200 }),
});

const unknownIes = (least: number) =>
  fc.uniqueArray(unknownIe, { minLength: least, maxLength: 3, selector: ({ id }) => id });

function lengths(size: Range, cap: number): fc.Arbitrary<number> {
  const high = Math.min(size.high, Math.max(size.low, cap));
  const inRoot = fc.integer({ min: size.low, max: high });
  return size.extensible && size.high < cap * 4
    ? fc.oneof(inRoot, fc.integer({ min: size.high + 1, max: size.high + 40 }))
    : inRoot;
}

function bitString(size: Range): fc.Arbitrary<unknown> {
  return lengths(size, 320).chain((length) =>
    fc.uint8Array({ minLength: (length + 7) >>> 3, maxLength: (length + 7) >>> 3 }).map((bits) => {
      const spare = bits.length * 8 - length;
      if (spare > 0) bits[bits.length - 1]! &= 0xff << spare;
      return { bits, length };
    }),
  );
}

function sequence(type: SequenceType): fc.Arbitrary<unknown> {
  return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, arbitraryOf(field.type)])), {
    requiredKeys: type.fields.filter((field) => !field.optional).map((field) => field.name),
  });
}

function container(type: ContainerType): fc.Arbitrary<unknown> {
  if (type.opaque || type.rows.length === 0)
    return type.least === 0 && !type.opaque
      ? fc.constant({})
      : unknownIes(1).map((list) => ({ unknownIes: list }));
  return fc.record(Object.fromEntries(type.rows.map((row) => [row.name, arbitraryOf(row.type)])), {
    requiredKeys: type.rows.filter((row) => row.presence === 'mandatory').map((row) => row.name),
  });
}

const cache = new Map<AsnType, fc.Arbitrary<unknown>>();

/** Values that fit `type`, extension ranges and later enumeration values included. */
export function arbitraryOf(type: AsnType): fc.Arbitrary<unknown> {
  const known = cache.get(type);
  if (known !== undefined) return known;
  const made = make(type);
  cache.set(type, made);
  return made;
}

function make(type: AsnType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'integer': {
      const { low, high, extensible } = type.range ?? { low: -(2 ** 40), high: 2 ** 40, extensible: false };
      const inRoot = fc.integer({ min: low, max: high });
      return extensible ? fc.oneof(inRoot, fc.integer({ min: high + 1, max: 2 ** 46 })) : inRoot;
    }
    case 'enumerated': {
      const later =
        type.additions === undefined ? [] : [`(${type.root.length + type.additions.length + 70})`];
      return fc.constantFrom(...type.root, ...(type.additions ?? []), ...later);
    }
    case 'bitString':
      return bitString(type.size);
    case 'octetString':
      return type.size === undefined
        ? fc.uint8Array({ maxLength: 300 })
        : lengths(type.size, 64).chain((n) => fc.uint8Array({ minLength: n, maxLength: n }));
    case 'string':
      return fc
        .array(fc.constantFrom(...'abcXYZ 019-.'), { minLength: 1, maxLength: 170 })
        .map((letters) => letters.join(''));
    case 'sequence':
      return sequence(type);
    case 'sequenceOf':
      return fc.array(arbitraryOf(type.element), {
        minLength: type.size.low,
        maxLength: Math.min(type.size.high, type.size.low + 2),
      });
    case 'choice':
      return fc.oneof(
        ...type.root.map(({ name, type: inner }) =>
          arbitraryOf(inner).map((value) => ({ choice: name, value })),
        ),
        ...(type.later?.rows ?? []).map((row) =>
          arbitraryOf(row.type).map((value) => ({ choice: row.name, value })),
        ),
      );
    case 'container':
      return container(type);
    case 'single':
      return unknownIe;
    case 'any':
      return fc.uint8Array({ minLength: 1, maxLength: 30 });
  }
}
