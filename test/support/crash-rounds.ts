/** Kills users of one key storage again and again, several at a time, and then holds the books against what was given. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AuditRow, type AuditSegment, type KeyState, type KeyStorage, verifyAudit } from '#qkd';
import { AuditFolder } from '../../n3iwf/io/audit-archive.ts';
import { seededRandom } from './seeded.ts';

const worker = fileURLToPath(new URL('crash-worker.ts', import.meta.url));
/** The first turn of a worker that finds a store has about 45 boundaries; some die in a later one. */
const boundaries = 80;
const numbersPerRound = 10_000;
const atOnce = 4;

/** What the rounds showed; everything but `given` and `received` is checked already. */
export interface CrashResult {
  readonly rounds: number;
  readonly given: number;
  readonly received: number;
  /** Parts of the record that had left the storage. */
  readonly segments: number;
}

/** One life of a worker: the keys that it was given before it died. */
async function round(place: string, archive: string, number: number, boundary: number): Promise<string[]> {
  const args = [worker, place, archive, String(1 + number * numbersPerRound), String(boundary)];
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
  const archive = mkdtempSync(join(tmpdir(), 'crash-archive-'));
  const given = new Set<string>();
  let begun = 0;
  const lives = async (): Promise<void> => {
    while (begun < rounds) {
      const number = begun++;
      for (const keyId of await round(place, archive, number, 1 + Math.floor(random() * boundaries))) {
        if (given.has(keyId)) throw new Error(`key ${keyId} was given twice`);
        given.add(keyId);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lives));
  const storage = await open();
  const segments = await new AuditFolder(archive).segments();
  const received = await checkBooks(storage, segments, given);
  await storage.close();
  rmSync(archive, { recursive: true });
  return { rounds, given: given.size, received, segments: segments.length };
}

/** Every row once, wherever it is; a segment whose rows were not cut has them twice. */
async function wholeRecord(
  storage: KeyStorage,
  segments: readonly AuditSegment[],
): Promise<Iterable<AuditRow>> {
  const rows = new Map<number, AuditRow>();
  for (const segment of segments)
    for await (const page of segment.pages()) for (const row of page) rows.set(row.sequence, row);
  for (const row of await storage.auditRows(1, Number.MAX_SAFE_INTEGER)) rows.set(row.sequence, row);
  return [...rows.values()].sort((one, two) => one.sequence - two.sequence);
}

/** The record alone says how many keys are in each state; the rows must agree. Gives the number received. */
async function checkBooks(
  storage: KeyStorage,
  segments: readonly AuditSegment[],
  given: ReadonlySet<string>,
): Promise<number> {
  const verdict = await verifyAudit(storage, [], segments);
  if (!verdict.ok) throw new Error(`audit row ${verdict.fault.sequence}: ${verdict.fault.problem}`);
  const states = new Map<string, KeyState>();
  const taken = new Map<string, number>();
  for (const row of await wholeRecord(storage, segments)) {
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
