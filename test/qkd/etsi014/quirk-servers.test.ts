/**
 * Small copies of how foreign key managers behave, with whole key stores in front of them: whatever they do, both ends have
 * the same key or none, no key is used twice, and what is lost is in the books.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  Etsi014Client,
  type KeyReply,
  KeyStore,
  type KmeQuirkName,
  type KmeRequest,
  type KmeResponse,
  MemoryKeyStorage,
} from '#qkd';
import { FakeClock, keyIdOf, random } from '../store/fixtures.ts';
import { jsonAnswer } from './fake-transport.ts';

/** What one foreign server does, in front of a pool that both ends share. */
interface Server {
  readonly pool: { left: number };
  handle(request: KmeRequest): KmeResponse;
}

const keyText = (keyId: string) => createHash('sha256').update(keyId).digest('base64');

/** The pool, its numbering, and the keys that wait for the slave; what differs is in the rows below. */
class Pool {
  left: number;
  readonly waiting = new Set<string>();
  #next: number;

  constructor(left: number, first: number) {
    this.left = left;
    this.#next = first;
  }

  /** One key out of the pool, waiting for the slave; undefined when there is none. */
  draw(): { key_ID: string; key: string } | undefined {
    if (this.left === 0) return undefined;
    this.left--;
    const keyId = keyIdOf(this.#next++);
    this.waiting.add(keyId);
    return { key_ID: keyId, key: keyText(keyId) };
  }

  /** And out of what waits; undefined when it is not there. */
  collect(keyId: string): { key_ID: string; key: string } | undefined {
    return this.waiting.delete(keyId) ? { key_ID: keyId, key: keyText(keyId) } : undefined;
  }
}

interface Behaviour {
  /** Most keys of one request; more is refused, or cut where `cuts`. */
  readonly most: number;
  readonly methods: readonly string[];
  readonly empty: number;
  readonly unknown: number;
  /** Keys of a batch are taken before it turns out that there are too few. */
  readonly popsFirst?: true;
  /** A new draw throws away what waits. */
  readonly replaces?: true;
}

const BEHAVIOURS: Readonly<Record<Exclude<KmeQuirkName, 'qkd-net'>, Behaviour>> = {
  standard: { most: 128, methods: ['POST', 'GET'], empty: 503, unknown: 400 },
  'qkd-kme-server': { most: 10, methods: ['POST', 'GET'], empty: 503, unknown: 404 },
  'next-door': { most: 128, methods: ['POST'], empty: 400, unknown: 401, replaces: true },
  'arnika-mock': { most: 1, methods: ['GET'], empty: 503, unknown: 404 },
  'bb84-kme': { most: 16, methods: ['POST'], empty: 503, unknown: 404, popsFirst: true },
  'easy-kme': { most: 128, methods: ['POST', 'GET'], empty: 503, unknown: 503 },
};

const FIXED = 'one or more keys specified are not found on KME';

function serverOf(name: keyof typeof BEHAVIOURS, left: number): Server {
  const behaviour = BEHAVIOURS[name];
  const pool = new Pool(left, 1);
  const refuse = (status: number, message: string) => jsonAnswer(status, { message });
  const draw = (number: number): KmeResponse => {
    if (number > behaviour.most) return refuse(400, 'too many');
    if (behaviour.popsFirst !== true && pool.left < number) return refuse(behaviour.empty, 'no keys');
    if (behaviour.replaces === true) pool.waiting.clear();
    const keys = Array.from({ length: number }, () => pool.draw());
    return keys.includes(undefined) ? refuse(behaviour.empty, 'no keys') : jsonAnswer(200, { keys });
  };
  const collect = (ids: readonly string[]): KmeResponse => {
    if (!ids.every((id) => pool.waiting.has(id))) return refuse(behaviour.unknown, FIXED);
    return jsonAnswer(200, { keys: ids.map((id) => pool.collect(id)) });
  };
  return {
    pool,
    handle: ({ method, path, body }) => {
      if (!behaviour.methods.includes(method)) return refuse(405, 'method');
      const url = new URL(path, 'https://kme');
      const json = body === undefined ? {} : JSON.parse(Buffer.from(body).toString());
      if (url.pathname.endsWith('/enc_keys'))
        return draw(json.number ?? Number(url.searchParams.get('number') ?? 1));
      const ids =
        json.key_IDs?.map((entry: { key_ID: string }) => entry.key_ID) ?? url.searchParams.getAll('key_ID');
      return collect(ids);
    },
  };
}

async function storeOf(server: Server, quirks: KmeQuirkName, pool = {}): Promise<KeyStore> {
  const source = new Etsi014Client(
    { request: async (request) => server.handle(request) },
    { keySizeBits: 256, quirks },
  );
  return await KeyStore.open({
    source,
    storage: new MemoryKeyStorage(),
    clock: new FakeClock(),
    random,
    pool,
  });
}

function sameSecret(one: KeyReply, other: KeyReply): boolean {
  return one.status === 'ok' && other.status === 'ok' && one.secret.equals(other.secret);
}

const names = Object.keys(BEHAVIOURS) as (keyof typeof BEHAVIOURS)[];

describe.each(names)('two stores over a KME like %s', (name) => {
  it('share one key after the other, and each once', async () => {
    const server = serverOf(name, 5);
    const [ue, node] = [await storeOf(server, name), await storeOf(server, name)];
    const seen = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const drawn = await ue.obtain('node');
      const fetched = await node.fetch('ue', drawn.keyId ?? '');
      expect(sameSecret(drawn, fetched), `round ${round}`).toBe(true);
      seen.add(drawn.keyId ?? '');
    }
    expect(seen.size).toBe(5);
  });

  it('are refused, and lose nothing unsaid, when its pool is empty', async () => {
    const server = serverOf(name, 0);
    const ue = await storeOf(server, name);
    expect(await ue.obtain('node')).toMatchObject({ status: 'refused', reason: 'unavailable' });
    const { delivered, suspected } = await ue.counts();
    expect(delivered).toBe(0);
    // Only one that takes keys out before it refuses may have lost some.
    expect(suspected > 0).toBe(name === 'bb84-kme');
  });

  it('get nothing for a key ID that it has never given', async () => {
    const server = serverOf(name, 3);
    const node = await storeOf(server, name);
    const refused = await node.fetch('ue', keyIdOf(999));
    expect(refused).toMatchObject({ status: 'refused' });
    expect((await node.counts()).delivered).toBe(0);
    expect(server.pool.left).toBe(3);
  });

  it('use a key once, though it would be asked for twice', async () => {
    const server = serverOf(name, 3);
    const [ue, node] = [await storeOf(server, name), await storeOf(server, name)];
    const drawn = await ue.obtain('node');
    const twice = await Promise.all([
      node.fetch('ue', drawn.keyId ?? ''),
      node.fetch('ue', drawn.keyId ?? ''),
    ]);
    expect(twice.filter((reply) => reply.status === 'ok')).toHaveLength(1);
  });
});

describe('prefetching', () => {
  it('works in batches as large as the KME gives, and both ends agree on every key of them', async () => {
    for (const name of names.filter((each) => each !== 'next-door')) {
      const server = serverOf(name, 40);
      const [ue, node] = [await storeOf(server, name, { low: 4, high: 12 }), await storeOf(server, name)];
      for (let round = 0; round < 20; round++) {
        const drawn = await ue.obtain('node');
        expect(sameSecret(drawn, await node.fetch('ue', drawn.keyId ?? '')), `${name}, round ${round}`).toBe(
          true,
        );
      }
    }
  });

  it('would lose keys at one that replaces what waits: which is why its profile forbids it', async () => {
    const server = serverOf('next-door', 40);
    const client = new Etsi014Client(
      { request: async (asked) => server.handle(asked) },
      { keySizeBits: 256, quirks: 'next-door' },
    );
    expect(client.mayPrefetch).toBe(false);
    const first = await client.encKeys('node', 2);
    await client.encKeys('node', 2);
    const lost = first.ok ? first.value[0]!.keyId : '';
    expect((await client.decKeys('ue', [lost])).ok).toBe(false);
  });
});
