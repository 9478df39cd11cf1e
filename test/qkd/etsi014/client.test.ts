import { describe, expect, it } from 'vitest';
import { Etsi014Client, type KmeResponse, KmeTransportError } from '#qkd';
import { FakeTransport, jsonAnswer, textAnswer } from './fake-transport.ts';

const A = 'bc490419-7d60-487f-adc1-4ddcc177c139';
const B = '0a782fb5-3434-48fe-aa4d-14f41d46cf92';
const KEY_A = Buffer.alloc(32, 0xa1).toString('base64');
const KEY_B = Buffer.alloc(32, 0xb2).toString('base64');

function clientOf(...answers: (KmeResponse | Error)[]): { client: Etsi014Client; kme: FakeTransport } {
  const kme = new FakeTransport(...answers);
  return { client: new Etsi014Client(kme, { keySizeBits: 256 }), kme };
}

function container(...keys: [string, string][]): KmeResponse {
  return jsonAnswer(200, { keys: keys.map(([keyId, key]) => ({ key_ID: keyId, key })) });
}

describe('the ETSI 014 client', () => {
  it('[ETSI014 5.2] asks for the status by GET', async () => {
    const { client, kme } = clientOf(
      jsonAnswer(200, {
        source_KME_ID: 'a',
        target_KME_ID: 'b',
        master_SAE_ID: 'c',
        slave_SAE_ID: 'd',
        key_size: 256,
        stored_key_count: 7,
        max_key_count: 2,
        max_key_per_request: 3,
        max_key_size: 4,
        min_key_size: 5,
        max_SAE_ID_count: 0,
      }),
    );
    expect(await client.status('sae b')).toMatchObject({ ok: true, value: { storedKeyCount: 7 } });
    expect(kme.asked).toEqual(['GET /api/v1/keys/sae%20b/status']);
  });

  it('[ETSI014 5.3] asks for keys of its size and wipes the body they came in', async () => {
    const { client, kme } = clientOf(container([A, KEY_A], [B, KEY_B]));
    const keys = await client.encKeys('slave', 2);
    expect(kme.asked).toEqual(['POST /api/v1/keys/slave/enc_keys {"number":2,"size":256}']);
    if (!keys.ok) throw new Error(keys.error.detail);
    expect(keys.value.map(({ keyId }) => keyId)).toEqual([A, B]);
    expect(keys.value[1]?.secret.use((bytes) => bytes.every((octet) => octet === 0xb2))).toBe(true);
    expect(kme.bodies[0]?.every((octet) => octet === 0)).toBe(true);
  });

  it('[ETSI014 5.4] asks for keys by their IDs, whatever order they come in', async () => {
    const { client, kme } = clientOf(container([B.toUpperCase(), KEY_B], [A, KEY_A]));
    const keys = await client.decKeys('master', [A.toUpperCase(), B]);
    expect(kme.asked[0]).toContain('POST /api/v1/keys/master/dec_keys {"key_IDs":[{"key_ID":');
    expect(keys.ok && keys.value.map(({ keyId }) => keyId)).toEqual([B, A]);
  });
});

describe('the ETSI 014 client and the faults of a KME', () => {
  it.each([
    [400, 'one or more keys specified are not found on KME', 'unknown-key'],
    [404, 'Key not found', 'unknown-key'],
    [410, 'gone', 'unknown-key'],
    [400, 'size shall be a multiple of 8', 'bad-request'],
    [400, 'not all extension_mandatory parameters are supported', 'bad-request'],
    [400, 'not all extension_mandatory request options could be met', 'bad-request'],
    [400, 'not all extension_optional request options handled', 'bad-request'],
    [401, undefined, 'unauthorised'],
    [403, 'no', 'unauthorised'],
    [429, 'slower', 'unavailable'],
    [503, 'no keys', 'unavailable'],
    [504, 'peer KME is away', 'unavailable'],
    [500, 'oops', 'bad-answer'],
    [302, undefined, 'bad-answer'],
    [204, undefined, 'bad-answer'],
  ])('[ETSI014 6.5] understands %i "%s" as %s', async (status, message, kind) => {
    const { client, kme } = clientOf(
      message === undefined ? textAnswer(status, '') : jsonAnswer(status, { message }),
    );
    const reply = await client.decKeys('master', [A]);
    expect(reply).toMatchObject({ ok: false, error: { kind, mayHaveBurnt: kind === 'bad-answer' } });
    expect(!reply.ok && reply.error.detail).toContain(message ?? String(status));
    expect(kme.requests).toHaveLength(1);
  });

  it.each([
    ['a key that is too short', container([A, Buffer.alloc(31).toString('base64')]), [A]],
    ['a key that is too long', container([A, Buffer.alloc(33).toString('base64')]), [A]],
    ['an empty key', container([A, '']), [A]],
    ['a foreign key ID', container([B, KEY_B]), [B]],
    ['a key too many', container([A, KEY_A], [B, KEY_B]), [A, B]],
    ['one key twice', container([A, KEY_A], [A, KEY_B]), [A]],
    ['a key that is no Base64', container([A, '*'.repeat(44)]), []],
    ['no key', container(), []],
    ['an error with status 200', jsonAnswer(200, { message: 'no' }), []],
    ['HTML', textAnswer(200, '<html>login</html>'), []],
    ['half a body', textAnswer(200, `{"keys":[{"key_ID":"${A}","key":"${KEY_A.slice(0, 20)}`), []],
    ['nothing', textAnswer(200, ''), []],
  ])('refuses an answer with %s, and says which keys are lost', async (_what, answer, burntKeyIds) => {
    const { client, kme } = clientOf(answer);
    const reply = await client.decKeys('master', [A]);
    expect(reply).toMatchObject({
      ok: false,
      error: { kind: 'bad-answer', mayHaveBurnt: true, burntKeyIds },
    });
    expect(JSON.stringify(reply)).not.toContain(KEY_A.slice(0, 12));
    expect(kme.bodies[0]?.every((octet) => octet === 0)).toBe(true);
    expect(kme.requests).toHaveLength(1);
  });
});

describe('the ETSI 014 client and lost answers', () => {
  it.each([
    [new KmeTransportError('unreachable', 'KME k at https://h:1: refused', false), 'unreachable', false],
    [
      new KmeTransportError('unreachable', 'KME k at https://h:1: no answer in time', true),
      'unreachable',
      true,
    ],
    [new KmeTransportError('wrong-kme', 'KME k at https://h:1: names x', false), 'wrong-kme', false],
    [new Error('socket hang up'), 'unreachable', true],
  ])('makes an error of %s, once, and counts what may be burnt', async (failure, kind, mayHaveBurnt) => {
    const { client, kme } = clientOf(failure);
    expect(await client.encKeys('slave')).toMatchObject({
      ok: false,
      error: { kind, mayHaveBurnt, detail: failure.message, burntKeyIds: [] },
    });
    expect(kme.requests).toHaveLength(1);
  });

  it('cannot burn a key by asking for the status', async () => {
    const { client } = clientOf(new Error('reset'), textAnswer(200, '{}'));
    expect(await client.status('slave')).toMatchObject({ error: { mayHaveBurnt: false } });
    expect(await client.status('slave')).toMatchObject({
      error: { kind: 'bad-answer', mayHaveBurnt: false },
    });
  });
});
