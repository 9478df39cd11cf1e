import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Length, decodeBase64, encodeBase64Into } from '../../../qkd/codec/base64.ts';

const utf8 = new TextEncoder();

function encode(bytes: Uint8Array): string {
  const out = new Uint8Array(base64Length(bytes.length));
  expect(encodeBase64Into(out, 0, bytes)).toBe(out.length);
  return new TextDecoder().decode(out);
}

function decode(text: string): Uint8Array | undefined {
  const octets = utf8.encode(text);
  return decodeBase64(octets, 0, octets.length);
}

/** RFC 4648 section 10. */
const VECTORS = [
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
] as const;

describe('Base64 between octets', () => {
  it.each(VECTORS)('has the vector of RFC 4648 section 10: "%s"', (plain, text) => {
    expect(encode(utf8.encode(plain))).toBe(text);
    expect(decode(text)).toEqual(utf8.encode(plain));
  });

  it('says the same as Node for any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        expect(encode(bytes)).toBe(text);
        expect(decode(text)).toEqual(bytes);
      }),
    );
  });

  it('takes a text from the middle of a body', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.string(), fc.string(), (bytes, before, after) => {
        const [front, text] = [utf8.encode(before), utf8.encode(Buffer.from(bytes).toString('base64'))];
        const body = Buffer.concat([front, text, utf8.encode(after)]);
        expect(decodeBase64(body, front.length, front.length + text.length)).toEqual(bytes);
      }),
    );
  });

  it.each(['A', 'AB', 'ABC', 'A===', '====', 'AB=C', 'Zm9v Zm9v', 'Zm9-', 'Zm9_', 'Zh==', 'Zm9=', 'Zm9v\n'])(
    'refuses "%s"',
    (text) => {
      expect(decode(text)).toBeUndefined();
    },
  );

  it('gives one key one spelling: what decodes encodes to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ABgz09+/='), maxLength: 16 }), (text) => {
        const bytes = decode(text);
        if (bytes !== undefined) expect(encode(bytes)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a range outside the body', () => {
    expect(decodeBase64(new Uint8Array(4).fill(65), -4, 0)).toBeUndefined();
    expect(decodeBase64(new Uint8Array(4).fill(65), 0, 8)).toBeUndefined();
    expect(decodeBase64(new Uint8Array(4).fill(65), 4, 0)).toBeUndefined();
  });
});
