import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretText, type JsonValue, parseJson } from '../../../qkd/codec/json.ts';

const utf8 = new TextEncoder();

function parse(text: string, secretMembers: readonly string[] = []): JsonValue | Error {
  const parsed = parseJson(utf8.encode(text), new Set(secretMembers));
  return parsed.ok ? parsed.value : parsed.error;
}

/** Maps back into what JSON.parse gives. */
function plain(value: JsonValue | Error): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, member]) => [name, plain(member)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

describe('JSON over octets', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        expect(plain(parse(text))).toEqual(Object.is(value, -0) ? 0 : JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it('gives a value or an error for any octets, and never reads what JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const parsed = parseJson(bytes);
        if (parsed.ok) JSON.parse(Buffer.from(bytes).toString());
        else expect(parsed.error.offset).toBeLessThanOrEqual(bytes.length + 1);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses every half of a document', () => {
    const text = '{"keys":[{"key_ID":"a","key":"QUJD"},{"n":-1.5e+3,"t":[true,false,null,"\\u00e9"]}]}';
    expect(parse(text, ['key'])).not.toBeInstanceOf(Error);
    for (let length = 0; length < text.length; length++)
      expect(parse(text.slice(0, length), ['key'])).toBeInstanceOf(Error);
  });

  it.each([
    ['white space only', ' \n'],
    ['something behind', '{} x'],
    ['a name without quotes', '{a:1}'],
    ['a comma too many', '[1,]'],
    ['a comma too few', '[1 2]'],
    ['a leading zero', '01'],
    ['a plus', '+1'],
    ['a lone minus', '-'],
    ['not a number', 'NaN'],
    ['a long number', '1'.repeat(400)],
    ['a control character', '"a\u0001"'],
    ['a wrong escape', '"\\x"'],
    ['a string without end', '"abc\\"'],
    ['a member twice', '{"a":1,"a":2}'],
    ['HTML', '<html><body>502</body></html>'],
  ])('refuses %s', (_what, text) => {
    expect(parse(text)).toBeInstanceOf(Error);
  });
});

describe('JSON over octets and its bounds', () => {
  it('refuses octets that are no UTF-8', () => {
    expect(parseJson(Uint8Array.of(0x22, 0xff, 0x22)).ok).toBe(false);
  });

  it('stops at a depth instead of running out of stack', () => {
    expect(parse(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)).toBeInstanceOf(Error);
    expect(parse('[[[[1]]]]')).toEqual([[[[1]]]]);
  });

  it('leaves the text of a secret member in the body', () => {
    const body = utf8.encode('{"other":"x", "key" : "c2VjcmV0" }');
    const parsed = parseJson(body, new Set(['key']));
    const text = parsed.ok && parsed.value instanceof Map ? parsed.value.get('key') : undefined;
    if (!isSecretText(text)) throw new Error('no secret text');
    expect(Buffer.from(body.subarray(text.start, text.end)).toString()).toBe('c2VjcmV0');
    expect(JSON.stringify([...(parsed.ok && parsed.value instanceof Map ? parsed.value : [])])).not.toContain(
      'c2Vj',
    );
  });

  it('takes the escape out of a secret with slashes, which JSON allows', () => {
    const body = utf8.encode('{"key":"ab\\/\\/cd\\/="}');
    const parsed = parseJson(body, new Set(['key']));
    const text = parsed.ok && parsed.value instanceof Map ? parsed.value.get('key') : undefined;
    if (!isSecretText(text)) throw new Error('no secret text');
    expect(Buffer.from(body.subarray(text.start, text.end)).toString()).toBe('ab//cd/=');
    expect(parse('{"key":"\\u0041"}', ['key'])).toBeInstanceOf(Error);
  });

  it('quotes nothing of the body in an error', () => {
    const error = parse('{"key":"c2VjcmV0" oops}', ['key']);
    expect(String(error)).not.toMatch(/c2Vj|oops/);
  });
});
