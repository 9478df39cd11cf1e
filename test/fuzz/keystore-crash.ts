/** Key stores killed with SIGKILL at random boundaries between their steps: half of the rounds over each storage. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresKeyStorage } from '../../n3iwf/io/postgres-key-storage.ts';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';
import { type CrashResult, crashRounds } from '../support/crash-rounds.ts';
import { TestPostgres } from '../support/postgres.ts';

/** Rounds on one storage before a fresh one is made, so that the books stay small enough to hold in memory. */
const perStorage = 250;

/** `count` rounds, 10,000 unless told; the summary says what was given and received, and any fault throws. */
export async function run({
  count = 10_000,
  minutes,
}: {
  count?: number;
  minutes?: number;
}): Promise<string> {
  const until = minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + minutes * 60_000;
  const folder = mkdtempSync(join(tmpdir(), 'keystore-crash-'));
  const server = await TestPostgres.start();
  const total = { sqlite: none(), postgres: none() };
  try {
    for (let batch = 0; batch * perStorage < count && Date.now() < until; batch++) {
      const rounds = Math.min(perStorage, count - batch * perStorage);
      if (batch % 2 === 0) {
        const path = join(folder, `${batch}.db`);
        const open = () => Promise.resolve(new SqliteKeyStorage(path));
        total.sqlite = sum(total.sqlite, await crashRounds(path, open, rounds, batch));
      } else {
        const url = server.database(`crash${batch}`);
        const open = () => PostgresKeyStorage.open(url);
        total.postgres = sum(total.postgres, await crashRounds(url, open, rounds, batch));
      }
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
  return Object.entries(total)
    .map(
      ([name, { rounds, given, received, segments }]) =>
        `${name}: ${rounds} kills, ${given} keys given once, ${received} received = sum of states, ${segments} segments of the record`,
    )
    .join('; ');
}

function none(): CrashResult {
  return { rounds: 0, given: 0, received: 0, segments: 0 };
}

function sum(one: CrashResult, two: CrashResult): CrashResult {
  return {
    rounds: one.rounds + two.rounds,
    given: one.given + two.given,
    received: one.received + two.received,
    segments: one.segments + two.segments,
  };
}
