/** Answers as the key managers of the profiles give them, written from what their sources do. */
import { describe, expect, it } from 'vitest';
import { Etsi014Client, KME_QUIRKS, type KmeQuirkName, type KmeResponse, KmeTransportError } from '#qkd';
import { FakeTransport, jsonAnswer } from './fake-transport.ts';

const A = 'bc490419-7d60-487f-adc1-4ddcc177c139';
const B = '0a782fb5-3434-48fe-aa4d-14f41d46cf92';
const KEY = Buffer.alloc(32, 0xa1).toString('base64');

function clientOf(
  quirks: KmeQuirkName,
  ...answers: (KmeResponse | Error)[]
): { client: Etsi014Client; kme: FakeTransport } {
  const kme = new FakeTransport(...answers);
  return { client: new Etsi014Client(kme, { keySizeBits: 256, quirks }), kme };
}

function keys(...ids: string[]): KmeResponse {
  return jsonAnswer(200, { keys: ids.map((key_ID) => ({ key_ID, key: KEY })) });
}

describe('what each profile sends', () => {
  it.each([
    ['standard', 'POST /api/v1/keys/s/enc_keys {"number":2,"size":256}', 2],
    ['qkd-kme-server', 'POST /api/v1/keys/s/enc_keys {"number":2}', 2],
    ['next-door', 'POST /api/v1/keys/s/enc_keys {"number":2,"size":256}', 2],
    ['arnika-mock', 'GET /api/v1/keys/s/enc_keys', 1],
    ['bb84-kme', 'POST /api/v1/keys/s/enc_keys {"number":2}', 2],
    ['easy-kme', 'POST /api/v1/keys/s/enc_keys {"number":2,"size":256}', 2],
    ['qkd-net', 'GET /api/v1/keys/s/enc_keys', 1],
  ] as const)('[ETSI014 5.3] %s: %s', async (quirks, asked, count) => {
    const { client, kme } = clientOf(quirks, keys(...[A, B].slice(0, count)));
    const drawn = await client.encKeys('s', 2);
    expect(drawn.ok && drawn.value.map(({ keyId }) => keyId)).toEqual([A, B].slice(0, count));
    expect(kme.asked).toEqual([asked]);
  });

  it('every profile has its row in the table above', () => {
    expect(Object.keys(KME_QUIRKS)).toHaveLength(7);
  });

  it('a number above the most of one request is cut', async () => {
    const ten = Array.from({ length: 10 }, (_, index) => A.replace(/.$/, index.toString()));
    const { client, kme } = clientOf('qkd-kme-server', keys(...ten));
    expect((await client.encKeys('s', 64)).ok).toBe(true);
    expect(kme.asked).toEqual(['POST /api/v1/keys/s/enc_keys {"number":10}']);
  });

  it('[ETSI014 5.4] by GET, one request per key ID', async () => {
    const { client, kme } = clientOf('arnika-mock', keys(A), keys(B));
    expect((await client.decKeys('m', [A, B])).ok).toBe(true);
    expect(kme.asked).toEqual([
      `GET /api/v1/keys/m/dec_keys?key_ID=${A}`,
      `GET /api/v1/keys/m/dec_keys?key_ID=${B}`,
    ]);
  });

  it('only next-door must not be asked ahead of need', () => {
    const careful = Object.keys(KME_QUIRKS).filter(
      (name) => !clientOf(name as KmeQuirkName).client.mayPrefetch,
    );
    expect(careful).toEqual(['next-door']);
  });
});

describe('what each profile makes of an answer', () => {
  it.each([
    ['standard', 503, { message: 'none left' }, 'unavailable', false],
    ['standard', 409, { message: 'conflict' }, 'bad-answer', true],
    ['qkd-kme-server', 404, { message: 'Key not found' }, 'unknown-key', false],
    ['qkd-kme-server', 409, { message: 'conflict' }, 'unavailable', false],
    ['qkd-kme-server', 412, { message: 'not configured' }, 'bad-request', false],
    ['qkd-kme-server', 504, { message: 'peer away' }, 'unavailable', false],
    ['next-door', 400, { message: 'no keys' }, 'unavailable', false],
    ['next-door', 401, {}, 'unauthorised', false],
    ['arnika-mock', 404, {}, 'unknown-key', false],
    ['bb84-kme', 422, { detail: [{ msg: 'size' }] }, 'bad-request', false],
    ['bb84-kme', 503, { detail: 'pool exhausted' }, 'unavailable', true],
    ['easy-kme', 503, { detail: 'internal' }, 'unavailable', false],
    ['easy-kme', 400, { detail: 'one or more keys specified are not found on KME' }, 'unknown-key', false],
  ] as const)('%s: %i %j is %s', async (quirks, status, body, kind, mayHaveBurnt) => {
    const { client } = clientOf(quirks, jsonAnswer(status, body));
    expect(await client.encKeys('s', 1)).toMatchObject({ ok: false, error: { kind, mayHaveBurnt } });
  });

  it('the text of an error is told whichever member has it', async () => {
    const { client } = clientOf('bb84-kme', jsonAnswer(503, { detail: 'pool exhausted' }));
    expect(await client.encKeys('s')).toMatchObject({
      error: { detail: 'the KME answered 503: pool exhausted' },
    });
  });

  it.each([
    ['a refusal as an empty key', { keys: [{ key_ID: A, key: '' }] }, [A]],
    ['a key ID that is no UUID', { keys: [{ key_ID: '17-4', key: KEY }] }, []],
  ])('qkd-net: %s gives no key', async (_, body, burntKeyIds) => {
    const { client } = clientOf('qkd-net', jsonAnswer(200, body));
    expect(await client.encKeys('s')).toMatchObject({
      ok: false,
      error: { kind: 'bad-answer', mayHaveBurnt: true, burntKeyIds },
    });
  });

  it('by GET, keys that came before a failure are wiped and counted as burnt', async () => {
    const { client } = clientOf('arnika-mock', keys(A), jsonAnswer(404, {}));
    expect(await client.decKeys('m', [A, B])).toMatchObject({
      ok: false,
      error: { kind: 'unknown-key', burntKeyIds: [A] },
    });
  });

  it('a lost answer to a GET that delivers may have burnt a key as well', async () => {
    const lost = new KmeTransportError('unreachable', 'no answer in time', true);
    const { client, kme } = clientOf('arnika-mock', lost);
    expect(await client.encKeys('s')).toMatchObject({ error: { kind: 'unreachable', mayHaveBurnt: true } });
    expect(kme.requests).toHaveLength(1);
  });
});
