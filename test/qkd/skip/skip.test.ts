import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  Etsi014Client,
  type KeySource,
  KmeNetwork,
  type KmeResponse,
  KmeServer,
  type KmeTransport,
  KmeTransportError,
  LinkSimulator,
  SkipClient,
  SkipServer,
  skipIdOfUuid,
  uuidOfSkipId,
} from '#qkd';
import { Secret } from '../../../qkd/secret.ts';
import {
  decodeCapabilities,
  decodeSkipKey,
  encodeCapabilities,
  encodeSkipKey,
  fitsGlob,
} from '../../../qkd/skip/messages.ts';
import { FakeTransport, jsonAnswer, textAnswer } from '../etsi014/fake-transport.ts';

const NODES = [
  { kmeId: 'kme-a', saeIds: ['sys-a'] },
  { kmeId: 'kme-b', saeIds: ['sys-b', 'sys-b2'] },
];
const HEX_ID = 'bc4904197d60487fadc14ddcc177c139';
const UUID = 'bc490419-7d60-487f-adc1-4ddcc177c139';
const KEY = 'a1'.repeat(32);

let network: KmeNetwork;
beforeEach(() => {
  const simulator = new LinkSimulator('skip', { initialBits: 256 * 10, rateBitsPerSecond: 0 });
  network = new KmeNetwork(NODES, [{ between: ['kme-a', 'kme-b'], simulator }]);
});

function serverOf(kmeId: string): SkipServer {
  return new SkipServer({
    kmeId,
    network,
    remoteSystemIds: ['sys-*'],
    random: (length) => new Uint8Array(length).fill(7),
  });
}

/** A client of one system, its provider behind a transport of no distance. */
function clientAt(kmeId: string, systemId: string): SkipClient {
  const server = serverOf(kmeId);
  const transport: KmeTransport = {
    request: async (request) => server.handle(systemId, { body: new Uint8Array(0), ...request }, 0),
  };
  return new SkipClient(transport, { keySizeBits: 256 });
}

function get(
  path: string,
  systemId: string | undefined = 'sys-a',
  method = 'GET',
): { status: number; body: string } {
  const { status, body } = serverOf('kme-a').handle(systemId, { method, path, body: new Uint8Array(0) }, 0);
  return { status, body: Buffer.from(body).toString() };
}

async function drawnBy(
  source: KeySource,
  peer: string,
  number = 1,
): Promise<{ keyId: string; secret: Secret }[]> {
  const drawn = await source.encKeys(peer, number);
  if (!drawn.ok) throw new Error(drawn.error.detail);
  return [...drawn.value];
}

describe('SKIP from end to end', () => {
  it('gives both systems the same key, once', async () => {
    const [key] = await drawnBy(clientAt('kme-a', 'sys-a'), 'sys-b');
    const remote = clientAt('kme-b', 'sys-b');
    const fetched = await remote.decKeys('sys-a', [key!.keyId]);
    expect(fetched.ok && fetched.value[0]!.secret.equals(key!.secret)).toBe(true);
    expect(await remote.decKeys('sys-a', [key!.keyId])).toMatchObject({ error: { kind: 'unknown-key' } });
  });

  it('and ETSI 014 reach the same keys, octet for octet, both ways', async () => {
    const at014 = (kmeId: string, saeId: string): Etsi014Client => {
      const server = new KmeServer(kmeId, network);
      const request: KmeTransport['request'] = async (asked) =>
        server.handle(saeId, { body: new Uint8Array(0), ...asked }, 0);
      return new Etsi014Client({ request }, { keySizeBits: 256 });
    };
    const ends: [KeySource, KeySource][] = [
      [clientAt('kme-a', 'sys-a'), at014('kme-b', 'sys-b')],
      [at014('kme-a', 'sys-a'), clientAt('kme-b', 'sys-b')],
    ];
    for (const [master, slave] of ends) {
      const [key] = await drawnBy(master, 'sys-b');
      const fetched = await slave.decKeys('sys-a', [key!.keyId]);
      expect(fetched.ok && fetched.value[0]!.secret.equals(key!.secret)).toBe(true);
    }
  });

  it('tells what a provider can do', async () => {
    expect(await clientAt('kme-b', 'sys-b2').capabilities()).toEqual({
      ok: true,
      value: {
        entropy: true,
        key: true,
        algorithm: 'QKD',
        localSystemId: 'sys-b2',
        remoteSystemIds: ['sys-*'],
      },
    });
  });

  it('gives what there is when it runs dry on the way, and then refuses', async () => {
    const client = clientAt('kme-a', 'sys-a');
    expect(await drawnBy(client, 'sys-b', 12)).toHaveLength(10);
    expect(await client.encKeys('sys-b', 1)).toMatchObject({
      error: { kind: 'unavailable', mayHaveBurnt: false, burntKeyIds: [] },
    });
  });
});

describe('the key provider', () => {
  it.each([
    ['/key', 400],
    ['/key?remoteSystemID=nobody', 400],
    ['/key?remoteSystemID=sys-a', 400],
    ['/key?remoteSystemID=sys-b&size=12', 400],
    ['/key?remoteSystemID=sys-b&size=99999', 400],
    ['/key?remoteSystemID=sys-b&size=many', 400],
    [`/key/${HEX_ID}?remoteSystemID=sys-b`, 400],
    ['/key/x?remoteSystemID=sys-b', 400],
    ['/entropy?minentropy=0', 400],
    ['/entropy/1', 404],
    ['/keys', 404],
    ['/', 404],
    ['/capabilities', 200],
    ['/key?remoteSystemID=sys-b', 200],
    ['/key?remoteSystemID=sys-b&size=512', 200],
  ])('answers %s with %i', (path, status) => {
    expect(get(path).status).toBe(status);
  });

  it('takes GET only, and knows its own systems only', () => {
    expect(get('/capabilities', 'sys-a', 'POST').status).toBe(405);
    expect(get('/capabilities', 'sys-b').status).toBe(401);
    expect(
      serverOf('kme-a').handle(undefined, { method: 'GET', path: '/key', body: new Uint8Array(0) }, 0).status,
    ).toBe(401);
  });

  it('has entropy of its own, as long as asked for', () => {
    expect(JSON.parse(get('/entropy').body)).toEqual({ randomStr: '07'.repeat(32), minentropy: 256 });
    expect(JSON.parse(get('/entropy?minentropy=64').body).randomStr).toHaveLength(16);
  });

  it('never gives a key to a system that was not named', async () => {
    const [key] = await drawnBy(clientAt('kme-a', 'sys-a'), 'sys-b');
    expect((await clientAt('kme-b', 'sys-b2').decKeys('sys-a', [key!.keyId])).ok).toBe(false);
    expect((await clientAt('kme-b', 'sys-b').decKeys('sys-b2', [key!.keyId])).ok).toBe(false);
    expect((await clientAt('kme-b', 'sys-b').decKeys('sys-a', [key!.keyId])).ok).toBe(true);
  });

  it('answers anything with a status', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('GET', 'POST', ''), (path, method) => {
        expect([200, 400, 401, 404, 405, 500, 503]).toContain(get(`/${path}`, 'sys-a', method).status);
      }),
    );
  });
});

describe('the encryptor', () => {
  function clientOf(...answers: (KmeResponse | Error)[]): { client: SkipClient; provider: FakeTransport } {
    const provider = new FakeTransport(...answers);
    return { client: new SkipClient(provider, { keySizeBits: 256 }), provider };
  }

  it('asks by GET, with the key ID in hexadecimal, and wipes the body', async () => {
    const { client, provider } = clientOf(
      jsonAnswer(200, { keyId: HEX_ID, key: KEY }),
      jsonAnswer(200, { keyId: HEX_ID, key: KEY }),
    );
    expect((await client.encKeys('site b', 1)).ok).toBe(true);
    expect((await client.decKeys('site b', [UUID])).ok).toBe(true);
    expect(provider.asked).toEqual([
      'GET /key?remoteSystemID=site+b&size=256',
      `GET /key/${HEX_ID}?remoteSystemID=site+b`,
    ]);
    for (const body of provider.bodies) expect(body.every((octet) => octet === 0)).toBe(true);
  });

  it.each<[string, KmeResponse | Error, string, boolean]>([
    ['unknown key', textAnswer(400, ''), 'unknown-key', false],
    ['no right', textAnswer(401, ''), 'unauthorised', false],
    ['no entropy', textAnswer(503, ''), 'unavailable', false],
    ['cannot zeroise', textAnswer(500, ''), 'bad-answer', true],
    ['HTML', textAnswer(200, '<html>'), 'bad-answer', true],
    ['half a body', textAnswer(200, `{"keyId":"${HEX_ID}","key":"a1a1`), 'bad-answer', true],
    ['a key of the wrong size', jsonAnswer(200, { keyId: HEX_ID, key: 'a1a1' }), 'bad-answer', true],
    [
      'a key that is not hexadecimal',
      jsonAnswer(200, { keyId: HEX_ID, key: 'z'.repeat(64) }),
      'bad-answer',
      true,
    ],
    ['another key', jsonAnswer(200, { keyId: HEX_ID.replace('b', 'c'), key: KEY }), 'bad-answer', true],
    ['an ID that is none', jsonAnswer(200, { keyId: '17', key: KEY }), 'bad-answer', true],
    ['silence', new KmeTransportError('unreachable', 'no answer in time', true), 'unreachable', true],
    ['a refused connection', new KmeTransportError('unreachable', 'refused', false), 'unreachable', false],
  ])('%s: one request, and the right account', async (_, answer, kind, mayHaveBurnt) => {
    const { client, provider } = clientOf(answer);
    expect(await client.decKeys('b', [UUID])).toMatchObject({ ok: false, error: { kind, mayHaveBurnt } });
    expect(provider.requests).toHaveLength(1);
  });

  it('counts keys that came before a failure as burnt', async () => {
    const { client } = clientOf(jsonAnswer(200, { keyId: HEX_ID, key: KEY }), textAnswer(500, ''));
    expect(await client.encKeys('b', 2)).toMatchObject({
      error: { kind: 'bad-answer', burntKeyIds: [UUID] },
    });
  });
});

describe('bodies of SKIP', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uint8Array({ maxLength: 128 }), (keyId, bytes) => {
        const body = encodeSkipKey({ keyId, secret: Secret.copyOf(bytes) });
        const key = decodeSkipKey(body);
        expect(key.ok && key.value.keyId).toBe(keyId);
        expect(key.ok && key.value.secret.use((octets) => Buffer.compare(octets, bytes))).toBe(0);
        expect(uuidOfSkipId(skipIdOfUuid(keyId))).toBe(keyId);
      }),
    );
    const capabilities = {
      entropy: false,
      key: true,
      algorithm: 'x',
      localSystemId: 'l',
      remoteSystemIds: ['a', 'b*'],
    };
    expect(decodeCapabilities(encodeCapabilities(capabilities))).toEqual({ ok: true, value: capabilities });
  });

  it('decoders are total', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (body) => {
          for (const decode of [decodeSkipKey, decodeCapabilities])
            expect(typeof decode(body).ok).toBe('boolean');
        },
      ),
    );
  });

  it.each([
    ['{"entropy":1,"key":true,"algorithm":"","localSystemID":"","remoteSystemID":[]}', 'truth'],
    ['{"entropy":true,"key":true,"algorithm":1,"localSystemID":"","remoteSystemID":[]}', 'text'],
    ['{"entropy":true,"key":true,"algorithm":"","localSystemID":"","remoteSystemID":[1]}', 'list'],
    ['[]', 'object'],
  ])('capabilities %s are refused', (body, word) => {
    const decoded = decodeCapabilities(new TextEncoder().encode(body));
    expect(!decoded.ok && decoded.error).toContain(word);
  });

  it.each([
    ['site-1', ['site-*'], true],
    ['site-1', ['site-2', '*'], true],
    ['site-1-x', ['s*1*x'], true],
    ['site', ['site-*'], false],
    ['ab', ['ab*b'], false],
    ['x', [], false],
  ])('%s among %j: %s', (name, globs, fits) => {
    expect(fitsGlob(name, globs)).toBe(fits);
  });
});
