import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePayload, encodeMultipart } from '../../peers/stub-core/index.ts';

const part = fc.record({
  id: fc.stringMatching(/^[A-Za-z0-9]{1,12}$/),
  type: fc.constantFrom('application/vnd.3gpp.5gnas', 'application/vnd.3gpp.ngap'),
  octets: fc.uint8Array({ maxLength: 300 }),
});
const object = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue({ maxDepth: 2 }));

describe('payloads of service operations', () => {
  test('[TS29500 5.2.2.2] what is encoded is decoded: the JSON and every binary part, whatever its octets', () => {
    fc.assert(
      fc.property(object, fc.array(part, { maxLength: 3 }), (json, parts) => {
        const { type, body } = encodeMultipart({ json, parts });
        const plain = JSON.parse(JSON.stringify(json)) as unknown;
        expect(decodePayload(type, body)).toEqual({ json: plain, parts });
      }),
    );
  });

  test('any octets under any media type decode or are undefined', () => {
    const types = fc.constantFrom('application/json', 'multipart/related; boundary="b"', 'text/plain', '');
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const decoded = decodePayload(type, body);
        expect(decoded === undefined || 'json' in decoded).toBe(true);
      }),
    );
  });

  test('a body cut anywhere before its closing delimiter is refused', () => {
    const parts = [{ id: 'n1', type: 'application/vnd.3gpp.5gnas', octets: Uint8Array.of(1, 2) }];
    const { type, body } = encodeMultipart({ json: { a: 1 }, parts });
    for (let length = 0; length < body.length - 4; length++) {
      expect(decodePayload(type, body.subarray(0, length))).toBeUndefined();
    }
  });

  test('the form that Go writes: an unquoted boundary, header fields in its order, no preamble', () => {
    const text = [
      '--2c0f',
      'Content-Type: application/json',
      '',
      '{"supi":"imsi-208930000000001"}',
      '--2c0f',
      'Content-Id: n1SmMsg',
      'Content-Type: application/vnd.3gpp.5gnas',
      '',
      '.\u0001\u0001\u00c1',
      '--2c0f--',
      '',
    ].join('\r\n');
    expect(
      decodePayload('multipart/related; boundary=2c0f', Uint8Array.from(Buffer.from(text, 'latin1'))),
    ).toEqual({
      json: { supi: 'imsi-208930000000001' },
      parts: [{ id: 'n1SmMsg', type: 'application/vnd.3gpp.5gnas', octets: Uint8Array.of(0x2e, 1, 1, 0xc1) }],
    });
  });
});

describe('what payloads of service operations may be', () => {
  test.each([
    ['application/problem+json', '{"cause":"X"}', { cause: 'X' }],
    ['application/json; charset=utf-8', 'null', null],
  ])('%s is JSON', (type, body, json) => {
    expect(decodePayload(type, Uint8Array.from(Buffer.from(body)))).toEqual({ json, parts: [] });
  });

  test('a multipart body without JSON is none', () => {
    const text = '--b\r\nContent-Type: application/vnd.3gpp.ngap\r\n\r\nx\r\n--b--\r\n';
    expect(
      decodePayload('multipart/related; boundary=b', Uint8Array.from(Buffer.from(text))),
    ).toBeUndefined();
  });
});
