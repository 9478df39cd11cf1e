import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attempt, DecodeError, OctetReader, OctetWriter, plainOctets } from '../../../ikev2/wire/cursor.ts';
import { hex, toHex } from '../crypto/vectors.ts';

const SIZES = { u8: 0xff, u16: 0xffff, u24: 0xffffff, u32: 0xffffffff } as const;
type Size = keyof typeof SIZES;

describe('numbers', () => {
  it.each(Object.keys(SIZES) as Size[])('%s survive writing and reading', (size) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: SIZES[size] }), (value) => {
        const reader = new OctetReader(new OctetWriter(1)[size](value).finish());
        expect(reader[size]('value')).toBe(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('of 64 bits survive writing and reading', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(new OctetReader(new OctetWriter().u64(value).finish()).u64('value')).toBe(value);
      }),
    );
  });

  it('stand in network byte order', () => {
    expect(toHex(new OctetWriter().u16(0x0102).u24(0x030405).u32(0x06070809).finish())).toBe(
      '010203040506070809',
    );
  });
});

describe('reading', () => {
  it('past the end names the field and the place', () => {
    const reader = new OctetReader(hex('010203'), 1);
    reader.u8('first');
    const result = attempt(() => reader.u16('second'));
    expect(!result.ok && [result.error.field, result.error.offset]).toEqual(['second', 2]);
    expect(!result.ok && result.error.message).toContain('needs 2 octets, 1 are left');
  });

  it('negative lengths is refused', () => {
    const reader = new OctetReader(hex('010203'));
    expect(() => reader.take(-1, 'text')).toThrow(DecodeError);
    expect(() => reader.sub(-4, 'text')).toThrow(DecodeError);
    expect(() => reader.skip(-1, 'text')).toThrow(DecodeError);
  });

  it('stays within bounds that lie outside the octets', () => {
    const reader = new OctetReader(hex('0102'), 0, 99);
    expect(reader.remaining).toBe(2);
    expect(toHex(reader.rest())).toBe('0102');
    expect(toHex(reader.rest())).toBe('');
  });

  it('of a part does not reach what follows it', () => {
    const reader = new OctetReader(hex('0102030405'));
    const part = reader.sub(2, 'part');
    expect(toHex(part.take(2, 'text'))).toBe('0102');
    expect(() => part.u8('next')).toThrow(DecodeError);
    expect(reader.u8('next')).toBe(3);
  });

  it('never goes past the end, whatever is asked', () => {
    const step = fc.tuple(fc.constantFrom('take', 'skip', 'sub'), fc.integer({ min: -5, max: 30 }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(step), (octets, steps) => {
        const reader = new OctetReader(octets);
        for (const [verb, length] of steps) {
          attempt(() => void reader[verb as 'take'](length, 'text'));
          expect(reader.at).toBeGreaterThanOrEqual(0);
          expect(reader.at).toBeLessThanOrEqual(octets.length);
        }
      }),
    );
  });
});

describe('reading and its faults', () => {
  it('passes faults that are no DecodeError on', () => {
    const fault = () => {
      throw new TypeError('ours');
    };
    expect(() => attempt(fault)).toThrow(TypeError);
  });

  it('turns a Buffer into a plain view of the same memory', () => {
    const buffer = Buffer.from('0102', 'hex');
    const plain = plainOctets(buffer);
    expect(plain.constructor).toBe(Uint8Array);
    buffer[0] = 9;
    expect(plain[0]).toBe(9);
    expect(plainOctets(plain)).toBe(plain);
  });
});

describe('writing', () => {
  it('grows as needed and keeps what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (parts) => {
        const writer = new OctetWriter(1);
        for (const part of parts) writer.bytes(part);
        expect(toHex(writer.finish())).toBe(parts.map(toHex).join(''));
      }),
    );
  });

  it('patches lengths that are known afterwards', () => {
    const writer = new OctetWriter(2).zeros(7);
    writer.patchU8(0, 0x1ff);
    writer.patchU16(1, 0xabcd);
    writer.patchU32(3, 0xf1020304);
    expect(toHex(writer.finish())).toBe('ffabcdf1020304');
  });
});
