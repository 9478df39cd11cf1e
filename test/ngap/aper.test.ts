import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitReader, BitWriter } from '../../ngap/aper/bits.ts';
import {
  bitString,
  choice,
  enumerated,
  integer,
  octetString,
  optional,
  printable,
  sequence,
  sequenceOf,
  unconstrainedInteger,
  utf8String,
} from '../../ngap/aper/build.ts';
import { decodeComplete } from '../../ngap/aper/decode.ts';
import { encodeComplete } from '../../ngap/aper/encode.ts';
import { readCountedOctets, readSmall, writeCountedOctets, writeSmall } from '../../ngap/aper/numbers.ts';
import type { AsnType } from '../../ngap/aper/types.ts';
import { AperError } from '../../ngap/result.ts';

const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const of = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** Encodings worked out by hand from X.691; each goes both ways. */
function bothWays(rows: readonly (readonly [AsnType, unknown, string])[]): void {
  for (const [type, value, octets] of rows) {
    expect(hex(encodeComplete(type, value))).toBe(octets);
    expect(decodeComplete(type, of(octets))).toEqual(value);
  }
}

describe('whole numbers', () => {
  it('[X691 11.5.7] constrained: bit-field, one octet, two octets, counted octets', () => {
    bothWays([
      [integer(0, 2), 2, '80'],
      [integer(1, 127), 127, 'fc'],
      [integer(0, 255), 200, 'c8'],
      [integer(0, 4095), 258, '0102'],
      [integer(0, 65535), 65535, 'ffff'],
      [integer(0, 2 ** 32 - 1), 0, '0000'],
      [integer(0, 2 ** 32 - 1), 300, '40012c'],
      [integer(0, 2 ** 32 - 1), 2 ** 32 - 1, 'c0ffffffff'],
      [integer(0, 2 ** 40 - 1), 2 ** 40 - 1, '80ffffffffff'],
      [integer(0, 4_000_000_000_000, true), 1_000_000_000, '303b9aca00'],
    ]);
  });

  it('[X691 11.8] unconstrained: counted two’s complement, also outside an extensible range', () => {
    bothWays([
      [unconstrainedInteger, 0, '0100'],
      [unconstrainedInteger, -1, '01ff'],
      [unconstrainedInteger, 128, '020080'],
      [unconstrainedInteger, -129, '02ff7f'],
      [integer(0, 63, true), 64, '800140'],
    ]);
  });

  it('[X691 11.6] normally small numbers: seven bits up to 63, counted octets above', () => {
    for (const [value, octets] of [
      [0, '00'],
      [63, '7e'],
      [64, '800140'],
      [700, '800202bc'],
    ] as const) {
      const writer = new BitWriter();
      writeSmall(writer, value);
      expect(hex(writer.finish())).toBe(octets);
      expect(readSmall(new BitReader(of(octets)))).toBe(value);
    }
  });

  it('values outside the range are refused both ways', () => {
    expect(() => encodeComplete(integer(0, 2), 3)).toThrow(AperError);
    expect(() => encodeComplete(integer(0, 2), 1.5)).toThrow(AperError);
    expect(() => decodeComplete(integer(0, 2), of('c0'))).toThrow(AperError);
    expect(() => decodeComplete(integer(1, 99), of('ff'))).toThrow(AperError);
    expect(() => decodeComplete(unconstrainedInteger, of('07ffffffffffffff'))).toThrow(AperError);
  });
});

describe('lengths', () => {
  it('[X691 11.9.3] one octet below 128, two below 16K', () => {
    const sizes: [number, string][] = [
      [0, '00'],
      [127, '7f'],
      [128, '8080'],
      [16383, 'bfff'],
    ];
    for (const [size, start] of sizes) {
      const octets = encodeComplete(octetString(), new Uint8Array(size));
      expect(hex(octets).slice(0, start.length)).toBe(start);
      expect(decodeComplete(octetString(), octets)).toHaveLength(size);
    }
  });

  it('[X691 11.9.3.8] fragments of 16K to 64K, the last one possibly empty', () => {
    const sizes: [number, string, number][] = [
      [16384, 'c1', 2],
      [16385, 'c1', 2],
      [65536, 'c4', 2],
      [65536 + 16384 + 5, 'c4', 3],
    ];
    for (const [size, start, overhead] of sizes) {
      const value = Uint8Array.from({ length: size }, (_, at) => at * 7);
      const octets = encodeComplete(octetString(), value);
      expect(hex(octets).slice(0, 2)).toBe(start);
      expect(octets).toHaveLength(size + overhead);
      expect(decodeComplete(octetString(), octets)).toEqual(value);
    }
  });

  it('a fragment of none or of more than 64K is refused, and so is one without what it counts', () => {
    for (const octets of ['c0', 'c5', 'ff', 'c100', '8200', '05'])
      expect(() => decodeComplete(octetString(), of(octets))).toThrow(AperError);
  });

  it('[X691 11.9.4.2] a list of up to 64K elements has its count in fragments', () => {
    const list = sequenceOf(integer(0, 255), 1, 65536);
    const value = Array.from({ length: 16_390 }, (_, at) => at & 255);
    const octets = encodeComplete(list, value);
    expect(octets[0]).toBe(0xc1);
    expect(decodeComplete(list, octets)).toEqual(value);
  });

  it('counted octets come back from any length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 140_000 }), (size) => {
        const writer = new BitWriter();
        writeCountedOctets(writer, new Uint8Array(size).fill(9));
        expect(readCountedOctets(new BitReader(writer.finish()))).toHaveLength(size);
      }),
      { numRuns: 50 },
    );
  });
});

describe('strings', () => {
  it('[X691 16.6] bit strings: fixed up to 16 bits where they are, longer and varying ones aligned', () => {
    bothWays([
      [bitString(10), { bits: of('ffc0'), length: 10 }, 'ffc0'],
      [sequence({ a: bitString(16) }), { a: { bits: of('0087'), length: 16 } }, '004380'],
      [sequence({ a: bitString(36) }), { a: { bits: of('0123456780'), length: 36 } }, '000123456780'],
      [bitString(22, 32), { bits: of('000004'), length: 22 }, '00000004'],
      [bitString(1, 160, true), { bits: of('0a000001'), length: 32 }, '0f800a000001'],
      [bitString(16, 16, true), { bits: of('e000'), length: 16 }, '700000'],
      [bitString(16, 16, true), { bits: of('e00080'), length: 17 }, '8011e00080'],
    ]);
  });

  it('[X691 17.6] octet strings: fixed up to two octets where they are, longer ones aligned', () => {
    bothWays([
      [sequence({ a: octetString(2) }), { a: of('01f4') }, '00fa00'],
      [sequence({ a: octetString(4) }), { a: of('00000009') }, '0000000009'],
      [octetString(), of('7e0043'), '037e0043'],
    ]);
  });

  it('[X691 30.5] printable strings: eight bits a character, aligned', () => {
    bothWays([
      [printable(1, 150, true), 'AMF', '0100414d46'],
      [utf8String, 'é', '02c3a9'],
    ]);
  });

  it('sizes outside the constraint are refused', () => {
    expect(() => encodeComplete(octetString(3), of('01'))).toThrow(AperError);
    expect(() => encodeComplete(printable(1, 150), '')).toThrow(AperError);
  });
});

describe('constructed types', () => {
  const cause = enumerated(['a', 'b', 'c'], ['later']);
  it('enumerations: index of the root, small number of an addition, brackets for one unknown', () => {
    bothWays([
      [cause, 'c', '40'],
      [cause, 'later', '80'],
      [cause, '(5)', '82'],
      [enumerated(['only']), 'only', '00'],
    ]);
  });

  it('choices without a mark have no extension bit', () => {
    bothWays([[choice({ one: integer(0, 3), two: integer(0, 3) }), { choice: 'two', value: 3 }, 'e0']]);
  });

  it('sequences: extension mark, presence bits, components', () => {
    bothWays([
      [sequence({ a: integer(0, 3), b: optional(integer(0, 3)) }), { a: 1 }, '10'],
      [sequence({ a: integer(0, 3), b: optional(integer(0, 3)) }), { a: 1, b: 2 }, '58'],
      [sequence({ a: integer(0, 255) }, false), { a: 7 }, '07'],
      [sequenceOf(integer(0, 255), 1, 256), [7, 8], '010708'],
    ]);
  });

  it('[X691 19.7] additions of a later release are passed over by their lengths', () => {
    const outer = sequenceOf(sequence({ a: integer(0, 3) }), 2, 2);
    // mark 1, a = 01, two additions (small number 1), both present, open types of 1 and 2 octets; then mark 0, a = 10
    const bits = '1' + '01' + '0000001' + '11';
    const first = Number.parseInt(bits.padEnd(16, '0'), 2).toString(16).padStart(4, '0');
    expect(decodeComplete(outer, of(`${first}01aa02bbbb40`))).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('[X691 11.1] a complete encoding has at least one octet', () => {
    expect(hex(encodeComplete(integer(5, 5), 5))).toBe('00');
    expect(hex(encodeComplete(sequence({}, false), {}))).toBe('00');
  });

  it('[X691 11.2] alignment bits are zero, and moving to an octet boundary skips them', () => {
    const type = sequence({ a: integer(0, 3), b: integer(0, 255) });
    expect(hex(encodeComplete(type, { a: 3, b: 255 }))).toBe('60ff');
    expect(decodeComplete(type, of('7fff'))).toEqual({ a: 3, b: 255 });
  });

  it('an error names the component', () => {
    const type = sequence({ list: sequenceOf(sequence({ n: integer(0, 2) }), 1, 4) });
    expect(() => encodeComplete(type, { list: [{ n: 1 }, { n: 9 }] })).toThrow('list.1.n.INTEGER: 9');
    expect(() => encodeComplete(type, { list: [{}] })).toThrow('list.0.n.value: is missing');
    expect(() => encodeComplete(enumerated(['a']), 'b')).toThrow('has no value b');
    expect(() => encodeComplete(choice({ a: integer(0, 1) }), { choice: 'b', value: 0 })).toThrow(
      'no alternative',
    );
  });

  it('a list that claims more elements than bits are left is refused before it is built', () => {
    expect(() => decodeComplete(sequenceOf(octetString(), 0, 65535), of('ffff00'))).toThrow('cannot be here');
  });
});

it('a reader never goes past its end, from any octets and for any type', () => {
  const types: AsnType[] = [
    octetString(),
    sequenceOf(octetString(), 1, 65536),
    bitString(1, 160, true),
    utf8String,
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...types), (octets, type) => {
      try {
        decodeComplete(type, octets);
      } catch (error) {
        expect(error).toBeInstanceOf(AperError);
      }
    }),
  );
});
