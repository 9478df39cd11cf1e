import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { supplyChart } from '../../n3iwf/cli/supply-chart.ts';
import { FallbackWorld } from '../support/fallback-world.ts';

/** One leg of the run. */
export interface FallbackRow {
  readonly leg: string;
  readonly seconds: number;
  readonly modeAtEnd: string;
  readonly flaps: number;
  /** Seconds between two ways into fallback, the least of them; Infinity when there were not two. */
  readonly leastGap: number;
  readonly quantumRekeys: number;
  readonly mlKemRekeys: number;
  /** Of the pool, when quantum keying was left; -1 where it was not. */
  readonly poolAtSwitch: number;
  readonly packets: number;
  readonly lost: number;
  /** IKE SAs that ended, whatever for. */
  readonly ended: number;
  readonly pastHardLimit: number;
}

const FULL = 10_000_000;
/** Bits a second that 100 UEs need: two Child SAs of each are rekeyed once a minute, its IKE SA every fourth. */
const NEED = 100 * (2 + 1 / 4) * (256 / 60);

const LEGS: readonly {
  readonly name: string;
  readonly seconds: number;
  readonly rate: (legMs: number) => number;
}[] = [
  { name: '10 Mbit/s', seconds: 120, rate: () => FULL },
  { name: 'throttled to nothing', seconds: 60, rate: (ms) => FULL * 10 ** (-ms / 10_000) },
  { name: 'no key', seconds: 300, rate: () => 0 },
  { name: '10 Mbit/s again', seconds: 240, rate: () => FULL },
  { name: 'about what is needed', seconds: 600, rate: (ms) => NEED * (ms % 150_000 < 90_000 ? 1.6 : 0.3) },
];

/** Seconds between neighbours. */
function leastGap(entries: readonly { readonly atMs: number }[]): number {
  return Math.min(
    ...entries.slice(1).map((entry, index) => (entry.atMs - (entries[index]?.atMs ?? 0)) / 1000),
    Number.POSITIVE_INFINITY,
  );
}

/**
 * The N3IWF rekeys the SAs of 100 UEs once a minute, by its own policy controller, under a stream of numbered packets
 * through each, while their link is throttled from 10 Mbit/s to nothing and comes back, and then stays at the boundary.
 * The clock is the run's own. The picture goes to `fallback.svg` in the folder for temporary
 * files, or to the file of `--svg=FILE`.
 */
export async function run(ues = 100): Promise<FallbackRow[]> {
  const world = new FallbackWorld({ ues, poolKeys: 500 });
  const rows: FallbackRow[] = [];
  for (const { name, seconds, rate } of LEGS) {
    const before = world.tally;
    const changed = world.changes.length;
    await world.run(seconds * 1000, rate);
    const { tally } = world;
    const entries = world.changes.slice(changed).filter((change) => change.mode === 'fallback');
    rows.push({
      leg: name,
      seconds,
      modeAtEnd: world.mode,
      flaps: entries.length,
      leastGap: leastGap(world.changes.filter((change) => change.mode === 'fallback')),
      quantumRekeys: tally.quantumRekeys - before.quantumRekeys,
      mlKemRekeys: tally.mlKemRekeys - before.mlKemRekeys,
      poolAtSwitch: entries[0]?.storedKeys ?? -1,
      packets: tally.sent - before.sent,
      lost: tally.lost - before.lost,
      ended: tally.ended - before.ended,
      pastHardLimit: tally.pastHardLimit - before.pastHardLimit,
    });
  }
  const wanted = process.argv.find((argument) => argument.startsWith('--svg='))?.slice('--svg='.length);
  const file = wanted ?? join(tmpdir(), 'fallback.svg');
  writeFileSync(file, supplyChart(world.samples));
  if (!process.argv.includes('--json')) console.log(`pool, rate and mode over time: ${file}`);
  return rows;
}
