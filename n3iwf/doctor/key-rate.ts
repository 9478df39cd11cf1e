import { type Finding, failure, good, skipped, warning } from './finding.ts';
import type { Plan } from './machine.ts';

/** Keys that SAs take, by their occasion. */
export interface KeyUse {
  /** For each attach: PPK of IKE_AUTH, AUTH of the node. */
  readonly perAttach: number;
  /** For each Child SA that is made or rekeyed, and each rekeyed IKE SA. */
  readonly perSa: number;
}

/** Keys of each way in which a PPK enters; a way that is not listed takes none. */
const ppkUse: ReadonlyMap<string, KeyUse> = new Map([
  ['none', { perAttach: 0, perSa: 0 }],
  ['rfc8784', { perAttach: 1, perSa: 0 }],
  ['rfc9867', { perAttach: 1, perSa: 1 }],
  ['qkd-ke', { perAttach: 1, perSa: 1 }],
]);

/** What one UE takes by the configuration: `ppk` and `auth` are those of `ike`. */
export function keyUseOf(ppk: string, auth: string): KeyUse {
  const { perAttach, perSa } = ppkUse.get(ppk) ?? { perAttach: 0, perSa: 0 };
  return { perAttach: perAttach + (auth === 'qkd' ? 1 : 0), perSa };
}

/** Keys per second that one UE takes in the long run: its attaches, its Child SAs, its IKE SA. */
export function demandPerUe(
  use: KeyUse,
  plan: Pick<Plan, 'childSasPerUe' | 'childSeconds' | 'ikeSeconds'>,
): number {
  const ofIke = Math.max(use.perAttach, use.perSa) / plan.ikeSeconds;
  return ofIke + (use.perSa * plan.childSasPerUe) / plan.childSeconds;
}

/** What the keys there are mean for a plan; rates in keys per second, times in s. */
export interface Readiness {
  /** Needed by all UEs. */
  readonly demand: number;
  /** UEs that the rate carries for ever. */
  readonly carriedUes: number;
  /** How long the pool lasts when the link makes nothing. */
  readonly outageSeconds: number;
  /** How long the pool lasts at the present rate; infinite when the rate is enough. */
  readonly pooledSeconds: number;
  /** Lifetimes with the same proportion that the rate carries; undefined when no lifetime does. */
  readonly fitting: { readonly childSeconds: number; readonly ikeSeconds: number } | undefined;
}

/** Holds a demand for `plan.ues` UEs (0 when undefined) against `rate` and the keys in the pool. */
export function readinessOf(use: KeyUse, plan: Plan, rate: number, pool: number): Readiness {
  const each = demandPerUe(use, plan);
  const demand = each * (plan.ues ?? 0);
  const lasts = (loss: number) => (loss > 0 ? pool / loss : Number.POSITIVE_INFINITY);
  // Demand falls in proportion as both lifetimes grow; a minute up, so that rounding does not undo it.
  const longer = (seconds: number) => Math.ceil((seconds * Math.max(1, demand / rate)) / 60) * 60;
  return {
    demand,
    carriedUes: each > 0 ? Math.floor(rate / each) : Number.POSITIVE_INFINITY,
    outageSeconds: lasts(demand),
    pooledSeconds: lasts(demand - rate),
    fitting:
      rate > 0 ? { childSeconds: longer(plan.childSeconds), ikeSeconds: longer(plan.ikeSeconds) } : undefined,
  };
}

const rateText = (rate: number) => `${Number(rate.toPrecision(3))} keys/s`;

/** A time in the unit that fits it. */
export function timeText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'for ever';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** What an operator should know of it. `rate` undefined: it could not be measured, since the pool is full. */
export function judgeKeyRate(use: KeyUse, plan: Plan, rate: number | undefined, pool: number): Finding {
  if (use.perAttach + use.perSa === 0) return good('no SA takes a quantum key by this configuration');
  if (rate === undefined)
    return skipped('the pool of the KME is full, which hides the rate of the link: give --key-rate');
  const { demand, carriedUes, outageSeconds, pooledSeconds, fitting } = readinessOf(use, plan, rate, pool);
  if (plan.ues === undefined)
    return good(`${rateText(rate)} carry ${carriedUes} UEs; --ues N holds a plan against it`);
  const needed = `${plan.ues} UEs need ${rateText(demand)}, the link makes ${rateText(rate)}`;
  if (demand > rate) {
    const advice =
      fitting === undefined
        ? 'see why the link makes no keys'
        : `fitting lifetimes: Child SA ${fitting.childSeconds} s, IKE SA ${fitting.ikeSeconds} s; or at most ${carriedUes} UEs`;
    return failure(`${needed}: the pool of ${pool} keys is empty after ${timeText(pooledSeconds)}`, advice);
  }
  const bridged = `the pool of ${pool} keys bridges an outage of ${timeText(outageSeconds)}`;
  if (outageSeconds < plan.outageSeconds)
    return warning(
      `${needed}, but ${bridged}, and ${timeText(plan.outageSeconds)} are wanted`,
      `let the KME keep ${Math.ceil(demand * plan.outageSeconds)} keys or more`,
    );
  return good(`${needed}; ${bridged}`);
}
