import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHexInto } from '../../../qkd/codec/hex.ts';

const octets = (text: string) => new TextEncoder().encode(text);

describe('hexadecimal between octets', () => {
  it('agrees with the runtime both ways, in either case, at any place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(5), fc.boolean(), (bytes, place, upper) => {
        const out = new Uint8Array(place + bytes.length * 2);
        expect(encodeHexInto(out, place, bytes)).toBe(out.length);
        const text = Buffer.from(bytes).toString('hex');
        expect(Buffer.from(out.subarray(place)).toString()).toBe(text);
        const spelled = octets('#'.repeat(place) + (upper ? text.toUpperCase() : text));
        expect(decodeHex(spelled, place, spelled.length)).toEqual(bytes);
      }),
    );
  });

  it.each(['0', 'abc', '0g', ' 0', '0x10', '"00"'])('refuses %s', (text) => {
    expect(decodeHex(octets(text), 0, text.length)).toBeUndefined();
  });

  it.each([
    [-1, 1],
    [0, 5],
    [3, 1],
  ])('refuses the range %i to %i of four octets', (start, end) => {
    expect(decodeHex(octets('0000'), start, end)).toBeUndefined();
  });
});
