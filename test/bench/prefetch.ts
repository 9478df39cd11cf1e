import { KeyedSite } from '../support/keyed-handshake.ts';

/** One way of running the handshake, in ms. */
export interface PrefetchResult {
  readonly keys: string;
  readonly kmeDelayMs: number;
  readonly handshakes: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Time from IKE_SA_INIT to the end of IKE_AUTH with QKD keys for AUTH and PPK, the node's KME being near or 200 ms away,
 * and the keys asked for when they are needed, or announced by the KME to the node's control socket and fetched ahead. The
 * modes take turns, so that what the machine does meanwhile falls on all of them.
 */
export async function run(options: { rounds?: number; perRound?: number } = {}): Promise<PrefetchResult[]> {
  const { rounds = 10, perRound = 50 } = options;
  const modes = [
    { keys: 'on demand', kmeDelayMs: 0, perRound, times: [] as number[] },
    { keys: 'on demand', kmeDelayMs: 200, perRound: Math.ceil(perRound / 10), times: [] as number[] },
    { keys: 'announced', kmeDelayMs: 0, perRound, times: [] as number[] },
    { keys: 'announced', kmeDelayMs: 200, perRound, times: [] as number[] },
  ];
  const sites = new Map([
    ['on demand', await KeyedSite.open(false, 4 * perRound)],
    ['announced', await KeyedSite.open(true, 4 * perRound)],
  ]);
  let seed = 1;
  for (let round = 0; round <= rounds; round++) {
    for (const mode of modes) {
      const site = sites.get(mode.keys);
      if (site === undefined) continue;
      site.delay(0);
      await site.settle();
      site.delay(mode.kmeDelayMs);
      for (let count = 0; count < mode.perRound; count++) {
        const ms = await site.handshake(seed++);
        // The first round warms everything up.
        if (round > 0) mode.times.push(ms);
      }
    }
  }
  for (const site of sites.values()) await site.close();
  return modes.map(({ keys, kmeDelayMs, times }) => ({
    keys,
    kmeDelayMs,
    handshakes: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  }));
}

/** Of unsorted values, to a hundredth. */
function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN) * 100) / 100;
}
