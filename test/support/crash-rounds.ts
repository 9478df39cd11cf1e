/** Kills users of one key storage again and again, several at a time, and then holds the books against what was given. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KeyState, type KeyStorage, verifyAudit } from '#qkd';
import { seededRandom } from './seeded.ts';

const worker = fileURLToPath(new URL('crash-worker.ts', import.meta.url));
/** The first turn of a worker that finds a store has about 45 boundaries; some die in a later one. */
const boundaries = 70;
const numbersPerRound = 10_000;
const atOnce = 4;

/** What the rounds showed; everything but `given` and `received` is checked already. */
export interface CrashResult {
  readonly rounds: number;
  readonly given: number;
  readonly received: number;
}

/** One life of a worker: the keys that it was given before it died. */
async function round(place: string, number: number, boundary: number): Promise<string[]> {
  const args = [worker, place, String(1 + number * numbersPerRound), String(boundary)];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'crash-rounds-cache') },
  });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const [, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error(`a worker ended by itself (${place}, boundary ${boundary})`);
  return Buffer.concat(pieces).toString().split('\n').slice(0, -1);
}

/** Throws at the first key that was given twice or stands wrong in the books. `seed` makes the boundaries. */
export async function crashRounds(
  place: string,
  open: () => Promise<KeyStorage>,
  rounds: number,
  seed: number,
): Promise<CrashResult> {
  const random = seededRandom(seed);
  const given = new Set<string>();
  let begun = 0;
  const lives = async (): Promise<void> => {
    while (begun < rounds) {
      const number = begun++;
      for (const keyId of await round(place, number, 1 + Math.floor(random() * boundaries))) {
        if (given.has(keyId)) throw new Error(`key ${keyId} was given twice`);
        given.add(keyId);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lives));
  const storage = await open();
  const received = await checkBooks(storage, given);
  await storage.close();
  return { rounds, given: given.size, received };
}

/** The record alone says how many keys are in each state; the rows must agree. Gives the number received. */
async function checkBooks(storage: KeyStorage, given: ReadonlySet<string>): Promise<number> {
  const verdict = await verifyAudit(storage);
  if (!verdict.ok) throw new Error(`audit row ${verdict.fault.sequence}: ${verdict.fault.problem}`);
  const states = new Map<string, KeyState>();
  const taken = new Map<string, number>();
  for (const row of await storage.auditRows(1, Number.MAX_SAFE_INTEGER)) {
    const { event, keys = [] } = JSON.parse(row.event) as { event: KeyState; keys?: string[] };
    for (const keyId of keys) {
      states.set(keyId, event);
      if (event === 'delivered') taken.set(keyId, (taken.get(keyId) ?? 0) + 1);
    }
  }
  for (const [keyId, times] of taken)
    if (times > 1) throw new Error(`key ${keyId} was delivered ${times} times`);
  for (const keyId of given) if (!taken.has(keyId)) throw new Error(`key ${keyId} was given, not delivered`);
  const counts = new Map<KeyState, number>();
  for (const state of states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  const inRows = await storage.countsByState();
  for (const state of new Set([...counts.keys(), ...inRows.keys()]))
    if (counts.get(state) !== inRows.get(state))
      throw new Error(`${state}: ${counts.get(state)} recorded, ${inRows.get(state)} in the rows`);
  return states.size;
}
