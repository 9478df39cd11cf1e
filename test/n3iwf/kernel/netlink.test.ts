import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStruct, encodeStruct, sizeOf } from '../../../n3iwf/kernel/layout.ts';
import {
  type Attribute,
  decodeAttributes,
  decodeError,
  decodeMessages,
  encodeMessage,
  NLM_F,
  NLMSG,
  textOf,
} from '../../../n3iwf/kernel/netlink.ts';

const octets = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const sequence = 0x01020304;

describe('structs as the C compiler lays them out', () => {
  it('pads a field to its own alignment and the whole to the largest', () => {
    const layout = { one: 'u8', two: 'u16', three: 'u8', eight: 'u64', last: 'u8' } as const;
    expect(sizeOf(layout)).toBe(24);
    const value = { one: 1, two: 0x0302, three: 4, eight: 0x0c0b0a0908070605n, last: 13 };
    expect(Buffer.from(encodeStruct(layout, value)).toString('hex')).toBe(
      '0100020304000000' + '05060708090a0b0c' + '0d00000000000000',
    );
    expect(decodeStruct(layout, encodeStruct(layout, value))).toEqual(value);
  });

  it('aligns a struct in a struct as its widest field', () => {
    expect(sizeOf({ one: 'u8', inner: { wide: 'u64', narrow: 'u8' }, end: 'u8' })).toBe(32);
    expect(sizeOf({ address: 'address', one: 'u8' })).toBe(20);
  });

  it('keeps network order, negative numbers, names and addresses', () => {
    const layout = { port: 'be16', spi: 'be32', index: 'i32', name: 'name', at: 'address' } as const;
    const value = { port: 4500, spi: 0x1001, index: -1, name: 'cbc(aes)', at: new Uint8Array(16).fill(9) };
    const encoded = encodeStruct(layout, value);
    expect(Buffer.from(encoded.subarray(0, 12)).toString('hex')).toBe('11940000' + '00001001' + 'ffffffff');
    expect(decodeStruct(layout, encoded)).toEqual(value);
  });

  it('cuts a name that is too long and still ends it', () => {
    const layout = { name: 'name' } as const;
    const read = decodeStruct(layout, encodeStruct(layout, { name: 'x'.repeat(100) }));
    expect(read?.name).toBe('x'.repeat(63));
  });

  it('reads a name without an end, and tells octets that are too few', () => {
    const layout = { name: 'name' } as const;
    expect(decodeStruct(layout, new Uint8Array(64).fill(0x61))?.name).toBe('a'.repeat(64));
    expect(decodeStruct(layout, new Uint8Array(63))).toBeUndefined();
  });
});

const attribute = fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 }));

describe('messages', () => {
  it('[RFC3549 2.2] go round, several in a datagram, with the padding that they need', () => {
    const message = fc.record({
      type: fc.integer({ min: 16, max: 0xffff }),
      flags: fc.integer({ min: 0, max: 0xffff }),
      fixed: fc.uint8Array({ maxLength: 30 }),
      attributes: fc.uniqueArray(attribute, { maxLength: 5, selector: ([type]) => type }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const datagram = Buffer.concat(
          messages.map(({ type, flags, fixed, attributes }) =>
            encodeMessage({ type, flags, sequence }, fixed, attributes as Attribute[]),
          ),
        );
        const decoded = decodeMessages(datagram);
        expect(decoded.ok && decoded.value.length).toBe(messages.length);
        for (const [at, { type, flags, fixed, attributes }] of messages.entries()) {
          const read = decoded.ok ? decoded.value[at] : undefined;
          expect([read?.type, read?.flags, read?.sequence]).toEqual([type, flags, sequence]);
          const body = read?.body ?? new Uint8Array(0);
          expect(Uint8Array.from(body.subarray(0, fixed.length))).toEqual(fixed);
          const found = decodeAttributes(body, fixed.length);
          expect(found.ok && [...found.value].map(([key, value]) => [key, Uint8Array.from(value)])).toEqual(
            attributes,
          );
        }
      }),
    );
  });

  it('[RFC3549 2.2] any octets are messages or a fault at a place, and never a loop', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 40 }), (datagram, from) => {
        const decoded = decodeMessages(datagram);
        if (!decoded.ok) expect(decoded.error.at).toBeLessThanOrEqual(datagram.length);
        const attributes = decodeAttributes(datagram, from);
        if (!attributes.ok) expect(attributes.error.what).toBe('attribute');
      }),
    );
  });

  it.each([
    ['a length of zero', '00000000 1000 0000 00000000 00000000'],
    ['a length below the header', '0f000000 1000 0000 00000000 00000000'],
    ['a length beyond the end', '11000000 1000 0000 00000000 00000000'],
    ['half a header', '10000000 1000 0000'],
  ])('[RFC3549 2.2] a message with %s is a fault', (_what, hex) => {
    expect(decodeMessages(octets(hex.replaceAll(' ', '')))).toEqual({
      ok: false,
      error: { what: 'message', at: 0 },
    });
  });

  it.each([
    ['a length of zero', '00000100'],
    ['a length below its header', '03000100'],
    ['a length beyond the end', '06000100ff'],
    ['half a header', '0400'],
  ])('an attribute with %s is a fault', (_what, hex) => {
    expect(decodeAttributes(octets(hex), 0)).toEqual({ ok: false, error: { what: 'attribute', at: 0 } });
  });

  it('flags in an attribute type are no part of it', () => {
    const decoded = decodeAttributes(octets('08001280aabbccdd'), 0);
    expect(decoded.ok && [...decoded.value.keys()]).toEqual([0x12]);
  });
});

const request = encodeMessage({ type: 0x10, flags: 5, sequence }, octets('0102030405060708'));

function errorBody(code: number, quoted: Uint8Array, tail = new Uint8Array(0)): Uint8Array {
  return Uint8Array.from(Buffer.concat([encodeStruct({ code: 'i32' }, { code }), quoted, tail]));
}

const words = octets(`0c000100${Buffer.from('no way\0\0').toString('hex')}`);
const messageOf = (flags: number, body: Uint8Array) => ({
  type: NLMSG.ERROR,
  flags,
  sequence,
  port: 0,
  body,
});

describe('answers', () => {
  it.each([
    ['an acknowledgement', 0, 0, new Uint8Array(0), { errno: 0, text: undefined }],
    ['an error', -17, 0, new Uint8Array(0), { errno: 17, text: undefined }],
    ['an error with words', -22, NLM_F.ACK_TLVS, words, { errno: 22, text: 'no way' }],
  ])('[RFC3549 2.3.2.2] %s', (_what, code, flags, tail, expected) => {
    expect(decodeError(messageOf(flags, errorBody(code, request, tail)))).toEqual({
      ok: true,
      value: expected,
    });
  });

  it('words stand right behind the header where the request is not quoted further', () => {
    const body = errorBody(-1, request.subarray(0, 16), words);
    const answer = decodeError(messageOf(NLM_F.ACK_TLVS | NLM_F.CAPPED, body));
    expect(answer.ok && answer.value.text).toBe('no way');
  });

  it('one that is cut off is a fault', () => {
    const body = errorBody(-1, request);
    for (let length = 0; length < 20; length++)
      expect(decodeError(messageOf(0, body.subarray(0, length))).ok).toBe(false);
  });

  it('any octets are an answer or a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(0xffff), (body, flags) => {
        const answer = decodeError(messageOf(flags, body));
        if (answer.ok) expect(answer.value.errno).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('text ends at the first zero, if there is one', () => {
    expect([textOf(undefined), textOf(octets('6162')), textOf(octets('610062'))]).toEqual([
      undefined,
      'ab',
      'a',
    ]);
  });
});
