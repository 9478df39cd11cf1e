import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { KmeNetwork, KmeServer, LinkSimulator, type ServerAnswer } from '#qkd';

const NODES = [
  { kmeId: 'kme-a', saeIds: ['sae-a', 'sae-a2'] },
  { kmeId: 'kme-b', saeIds: ['sae-b', 'sae/b 2'] },
  { kmeId: 'kme-c', saeIds: ['sae-c'] },
  { kmeId: 'kme-alone', saeIds: ['sae-alone'] },
];

let network: KmeNetwork;
let servers: Map<string, KmeServer>;

beforeEach(() => {
  network = new KmeNetwork(NODES, [
    {
      between: ['kme-a', 'kme-b'],
      simulator: new LinkSimulator('ab', { initialBits: 256 * 20, rateBitsPerSecond: 0 }),
    },
    {
      between: ['kme-a', 'kme-c'],
      simulator: new LinkSimulator('ac', { initialBits: 256 * 3, rateBitsPerSecond: 0 }),
    },
  ]);
  servers = new Map(
    NODES.map(({ kmeId }) => [
      kmeId,
      new KmeServer(kmeId, network, { maxKeyPerRequest: 8, maxSaeIdCount: 2 }),
    ]),
  );
});

interface Reply {
  readonly status: number;
  readonly body: { readonly message?: string; readonly keys?: readonly { key_ID: string; key: string }[] };
}

function ask(
  saeId: string,
  method: string,
  path: string,
  body?: unknown,
  kmeId = network.kmeOf(saeId),
): Reply {
  const server = servers.get(kmeId ?? '');
  if (server === undefined) throw new Error('no such KME');
  const octets = body === undefined ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(body));
  const answer: ServerAnswer = server.handle(
    saeId,
    { method, path: `/api/v1/keys/${path}`, body: octets },
    0,
  );
  return {
    status: answer.status,
    body: answer.body.length === 0 ? {} : JSON.parse(Buffer.from(answer.body).toString()),
  };
}

function keyIdsOf(reply: Reply): { key_IDs: { key_ID: string }[] } {
  return { key_IDs: (reply.body.keys ?? []).map(({ key_ID }) => ({ key_ID })) };
}

describe('the KME and its three methods', () => {
  it('[ETSI014 5.2] tells the status of a pair', () => {
    expect(ask('sae-a', 'GET', 'sae-b/status')).toEqual({
      status: 200,
      body: {
        source_KME_ID: 'kme-a',
        target_KME_ID: 'kme-b',
        master_SAE_ID: 'sae-a',
        slave_SAE_ID: 'sae-b',
        key_size: 256,
        stored_key_count: 20,
        max_key_count: 100_000,
        max_key_per_request: 8,
        max_key_size: 1024,
        min_key_size: 64,
        max_SAE_ID_count: 2,
        status_extension: {
          qn3iwf_qber: 0.02,
          qn3iwf_counts_per_second: expect.any(Number),
          qn3iwf_availability: expect.closeTo(1, 1),
        },
      },
    });
  });

  it('[ETSI014 5.3] gives new keys by POST and by GET, and takes them out of the pool', () => {
    expect(ask('sae-a', 'POST', 'sae-b/enc_keys').body.keys).toHaveLength(1);
    expect(ask('sae-a', 'POST', 'sae-b/enc_keys', { number: 3 }).body.keys).toHaveLength(3);
    expect(ask('sae-a', 'GET', 'sae-b/enc_keys').body.keys).toHaveLength(1);
    const two = ask('sae-a', 'GET', 'sae-b/enc_keys?number=2&size=128').body.keys ?? [];
    expect(two.map(({ key }) => Buffer.from(key, 'base64').length)).toEqual([16, 16]);
    expect(ask('sae-a', 'GET', 'sae-b/status').body).toMatchObject({ stored_key_count: 14 });
  });

  it('[ETSI014 5.4] gives the slave the same keys, once', () => {
    const drawn = ask('sae-a', 'POST', 'sae%2Fb%202/enc_keys', { number: 3 });
    const fetched = ask('sae/b 2', 'POST', 'sae-a/dec_keys', keyIdsOf(drawn));
    expect(fetched).toEqual(drawn);
    expect(ask('sae/b 2', 'POST', 'sae-a/dec_keys', keyIdsOf(drawn))).toEqual({
      status: 400,
      body: { message: 'one or more keys specified are not found on KME' },
    });
  });

  it('[ETSI014 5.4] gives one key by GET', () => {
    const drawn = ask('sae-a', 'POST', 'sae-b/enc_keys');
    const keyId = drawn.body.keys?.[0]?.key_ID ?? '';
    expect(ask('sae-b', 'GET', `sae-a/dec_keys?key_ID=${keyId.toUpperCase()}`)).toEqual(drawn);
    expect(ask('sae-b', 'GET', 'sae-a/dec_keys').status).toBe(400);
    expect(ask('sae-b', 'GET', 'sae-a/dec_keys?key_ID=a&key_ID=b').status).toBe(400);
  });
});

describe('the KME and who may have which key', () => {
  it('[ETSI014 5.4] gives all of the IDs or none', () => {
    const drawn = ask('sae-a', 'POST', 'sae-b/enc_keys', { number: 2 });
    const more = {
      key_IDs: [...keyIdsOf(drawn).key_IDs, { key_ID: 'bc490419-7d60-487f-adc1-4ddcc177c139' }],
    };
    expect(ask('sae-b', 'POST', 'sae-a/dec_keys', more).status).toBe(400);
    expect(ask('sae-b', 'POST', 'sae-a/dec_keys', keyIdsOf(drawn))).toEqual(drawn);
  });

  it('[ETSI014 5.4] says 401 with no body to an SAE that was not named for every ID', () => {
    const drawn = ask('sae-a', 'POST', 'sae-b/enc_keys');
    const other = ask('sae-a', 'POST', 'sae%2Fb%202/enc_keys');
    const both = { key_IDs: [...keyIdsOf(drawn).key_IDs, ...keyIdsOf(other).key_IDs] };
    for (const [saeId, master, ids] of [
      ['sae/b 2', 'sae-a', keyIdsOf(drawn)],
      ['sae-c', 'sae-a', keyIdsOf(drawn)],
      ['sae-b', 'sae-a2', keyIdsOf(drawn)],
      ['sae-b', 'sae-a', both],
    ] as const)
      expect(ask(saeId, 'POST', `${encodeURIComponent(master)}/dec_keys`, ids)).toEqual({
        status: 401,
        body: {},
      });
    expect(ask('sae-b', 'POST', 'sae-a/dec_keys', keyIdsOf(drawn))).toEqual(drawn);
  });

  it('[ETSI014 4] [ETSI014 5.1] says 401 to an SAE of another site, and to one that nobody knows', () => {
    expect(ask('sae-b', 'GET', 'sae-c/status', undefined, 'kme-a')).toEqual({ status: 401, body: {} });
    expect(ask('mallory', 'POST', 'sae-b/enc_keys', undefined, 'kme-a')).toEqual({ status: 401, body: {} });
    const server = servers.get('kme-a');
    const request = { method: 'GET', path: '/api/v1/keys/sae-b/status', body: new Uint8Array(0) };
    expect(server?.handle(undefined, request, 0).status).toBe(401);
  });
});

describe('requests that the KME refuses', () => {
  it.each([
    [{ size: 255 }, 'size shall be a multiple of 8'],
    [{ extension_mandatory: [{ abc_max_age: 1 }] }, 'not all extension_mandatory parameters are supported'],
    [
      { extension_mandatory: [{ qn3iwf_max_wait: 5 }] },
      'not all extension_mandatory request options could be met',
    ],
    [{ extension_optional: [{ qn3iwf_max_wait: 5 }] }, 'not all extension_optional request options handled'],
  ])('[ETSI014 6.5] answers %j with the fixed message', (body, message) => {
    expect(ask('sae-a', 'POST', 'sae-b/enc_keys', body)).toEqual({ status: 400, body: { message } });
    expect(network.counts().toMasters).toBe(0);
  });

  it('[ETSI014 6.5] answers an unknown key with the fixed message, however it is spelled', () => {
    for (const keyId of ['bc490419-7d60-487f-adc1-4ddcc177c139', 'no uuid', ''])
      expect(ask('sae-b', 'POST', 'sae-a/dec_keys', { key_IDs: [{ key_ID: keyId }] })).toEqual({
        status: 400,
        body: { message: 'one or more keys specified are not found on KME' },
      });
  });

  it('[ETSI014 6.2] meets the extensions it knows and leaves unknown optional ones aside', () => {
    const body = { extension_mandatory: [{ qn3iwf_max_wait: 0 }], extension_optional: [{ abc_route: 'x' }] };
    expect(ask('sae-a', 'POST', 'sae-b/enc_keys', body).status).toBe(200);
  });

  it.each([
    [{ number: 0 }, 'number'],
    [{ number: 9 }, 'number'],
    [{ size: 2048 }, 'size'],
    [{ size: 8 }, 'size'],
    [{ additional_slave_SAE_IDs: ['a', 'b', 'c'] }, 'additional_slave_SAE_IDs'],
    [{ additional_slave_SAE_IDs: ['sae-a'] }, 'master'],
    [{ additional_slave_SAE_IDs: ['nobody'] }, 'no such SAE'],
    [{ number: 'two' }, 'number'],
  ])('[ETSI014 6.2] refuses %j', (body, text) => {
    const reply = ask('sae-a', 'POST', 'sae-b/enc_keys', body);
    expect(reply.status).toBe(400);
    expect(reply.body.message).toContain(text);
  });
});

describe('the KME when keys run out, and multicast', () => {
  it('says which SAE or link is missing, and 503 when the bits are used up', () => {
    expect(ask('sae-a', 'POST', 'nobody/enc_keys').body.message).toContain('no such SAE');
    expect(ask('sae-a', 'POST', 'sae-alone/enc_keys').body.message).toContain('no quantum link');
    expect(ask('sae-a', 'POST', 'sae-c/enc_keys', { number: 4 }).status).toBe(503);
    expect(ask('sae-a', 'POST', 'sae-c/enc_keys', { number: 3 }).status).toBe(200);
    expect(ask('sae-a', 'POST', 'sae-c/enc_keys').status).toBe(503);
  });

  it('[ETSI014 5.3] lays a multicast key out for each slave, until each has fetched it', () => {
    const drawn = ask('sae-a', 'POST', 'sae-b/enc_keys', { number: 2, additional_slave_SAE_IDs: ['sae-c'] });
    expect(network.counts().waiting).toBe(4);
    expect(ask('sae-c', 'POST', 'sae-a/dec_keys', keyIdsOf(drawn))).toEqual(drawn);
    expect(ask('sae-b', 'POST', 'sae-a/dec_keys', keyIdsOf(drawn))).toEqual(drawn);
    expect(network.counts()).toEqual({ toMasters: 2, toSlaves: 4, waiting: 0 });
    expect(ask('sae-a', 'GET', 'sae-c/status').body).toMatchObject({ stored_key_count: 1 });
  });

  it('takes no bits when one of the links of a multicast has too few', () => {
    const body = { number: 4, additional_slave_SAE_IDs: ['sae-c'] };
    expect(ask('sae-a', 'POST', 'sae-b/enc_keys', body).status).toBe(503);
    expect(ask('sae-a', 'GET', 'sae-b/status').body).toMatchObject({ stored_key_count: 20 });
  });

  it.each([
    ['DELETE', 'sae-b/enc_keys', 405],
    ['POST', 'sae-b/status', 405],
    ['GET', 'sae-b/other', 404],
    ['GET', 'sae-b/status/x', 404],
    ['GET', '%ff/status', 404],
    ['GET', 'sae-b/enc_keys?number=-1', 400],
    ['GET', 'sae-b/enc_keys?size=1e3', 400],
  ])('answers %s %s with %i', (method, path, status) => {
    expect(ask('sae-a', method, path).status).toBe(status);
  });
});

describe('the KME and any request', () => {
  it('answers any request with a status, and keys never go to two', () => {
    const keyIds = new Set<string>();
    const path = fc.oneof(
      fc.webPath(),
      fc
        .tuple(fc.constantFrom('sae-b', 'sae-c', 'x'), fc.constantFrom('status', 'enc_keys', 'dec_keys'))
        .map(([saeId, method]) => `/api/v1/keys/${saeId}/${method}`),
    );
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(fc.constantFrom('GET', 'POST', 'PUT'), path, body, (method, target, octets) => {
        const answer = servers.get('kme-a')!.handle('sae-a', { method, path: target, body: octets }, 0);
        expect([200, 400, 401, 404, 405, 503]).toContain(answer.status);
        const text = Buffer.from(answer.body).toString();
        const keys: { key_ID: string }[] = text === '' ? [] : (JSON.parse(text).keys ?? []);
        for (const { key_ID } of keys) {
          expect(keyIds.has(key_ID)).toBe(false);
          keyIds.add(key_ID);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('refuses a network whose names do not fit', () => {
    const simulator = new LinkSimulator('x');
    expect(() => new KmeNetwork([...NODES, { kmeId: 'kme-a', saeIds: [] }], [])).toThrow('same ID');
    expect(() => new KmeNetwork([...NODES, { kmeId: 'k', saeIds: ['sae-a'] }], [])).toThrow('sae-a');
    expect(() => new KmeNetwork(NODES, [{ between: ['kme-a', 'kme-x'], simulator }])).toThrow('kme-x');
  });
});
