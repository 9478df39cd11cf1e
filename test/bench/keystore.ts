/** Key store over SQLite with synchronous=FULL: keys taken in, durable deliveries under concurrency, and one at a time. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';
import { type DeliveredKey, type KeySource, KeyStore, Secret } from '../../qkd/index.ts';

const rounds = 5;
const perRound = 40_960;
const atOnce = 256;
const single = 2000;

/** Has every key ready, so that only the store is measured. */
class ReadyKeys implements KeySource {
  readonly #ready: DeliveredKey[] = [];

  /** Keys that the store has not asked for yet. */
  get left(): number {
    return this.#ready.length;
  }

  prepare(count: number): void {
    const octets = randomBytes(32 * count);
    for (let index = 0; index < count; index++)
      this.#ready.push({
        keyId: randomUUID(),
        secret: Secret.copyOf(octets.subarray(32 * index, 32 * index + 32)),
      });
  }

  async encKeys(_slave: string, number: number) {
    return { ok: true as const, value: this.#ready.splice(0, number) };
  }

  async decKeys(_master: string, keyIds: readonly string[]) {
    return { ok: true as const, value: this.#ready.splice(0, keyIds.length) };
  }
}

interface Round {
  readonly ingestedPerS: number;
  readonly deliveredPerS: number;
  readonly singleP50Ms: number;
  readonly singleP99Ms: number;
}

const perSecond = (count: number, sinceMs: number) => (count * 1000) / (performance.now() - sinceMs);

/** Fills the pool of one peer to the brim, in batches as a KME with 2,048 keys per answer gives them. */
async function ingest(store: KeyStore, source: ReadyKeys): Promise<number> {
  const start = performance.now();
  store.prefetch('peer');
  while (source.left > 0) await new Promise((resolve) => setImmediate(resolve));
  while ((await store.counts()).stored < perRound) await new Promise((resolve) => setImmediate(resolve));
  return perSecond(perRound, start);
}

/** So many callers at any time, each asking again as soon as it has its key. */
async function deliver(store: KeyStore, count: number): Promise<number> {
  const start = performance.now();
  let asked = 0;
  const caller = async (): Promise<void> => {
    while (asked < count) {
      asked++;
      const reply = await store.obtain('peer');
      if (reply.status !== 'ok') throw new Error(reply.detail);
      reply.secret.wipe();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return perSecond(count, start);
}

/** Each waits for the one before: the time of a transaction with its sync. */
async function deliverSingly(store: KeyStore): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < single; index++) {
    const start = performance.now();
    const reply = await store.obtain('peer');
    times.push(performance.now() - start);
    if (reply.status !== 'ok') throw new Error(reply.detail);
    reply.secret.wipe();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times.sort((a, b) => a - b);
}

async function round(path: string): Promise<Round> {
  const storage = new SqliteKeyStorage(path);
  const source = new ReadyKeys();
  source.prepare(perRound);
  const store = await KeyStore.open({
    source,
    storage,
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    random: (length) => new Uint8Array(randomBytes(length)),
    pool: { low: 1, high: perRound, maxPerRequest: 2048 },
    later: setImmediate,
  });
  const ingestedPerS = await ingest(store, source);
  const deliveredPerS = await deliver(store, perRound - single - atOnce);
  const times = await deliverSingly(store);
  store.close();
  storage.close();
  return {
    ingestedPerS,
    deliveredPerS,
    singleP50Ms: times[times.length >> 1] ?? 0,
    singleP99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
  };
}

/** Medians over rounds, each on a fresh file, after one to warm up. */
export async function run(): Promise<readonly Record<string, unknown>[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-keystore-'));
  const results: Round[] = [];
  try {
    for (let index = 0; index <= rounds; index++) results.push(await round(join(folder, `${index}.db`)));
  } finally {
    rmSync(folder, { recursive: true });
  }
  const median = (of: (result: Round) => number): number =>
    results
      .slice(1)
      .map(of)
      .sort((a, b) => a - b)[rounds >> 1] ?? 0;
  return [
    { measure: 'keys ingested per s', median: Math.round(median((r) => r.ingestedPerS)), target: '>= 39100' },
    {
      measure: 'durable deliveries per s',
      median: Math.round(median((r) => r.deliveredPerS)),
      target: '>= 15000',
    },
    {
      measure: 'single delivery p50, ms',
      median: Number(median((r) => r.singleP50Ms).toFixed(3)),
      target: '',
    },
    {
      measure: 'single delivery p99, ms',
      median: Number(median((r) => r.singleP99Ms).toFixed(3)),
      target: '< 2',
    },
  ];
}
