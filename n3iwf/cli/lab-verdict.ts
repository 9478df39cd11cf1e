/** What a lab run with a schedule for its link has to show, judged by what was seen of it. */
import { DEFAULT_SETTINGS, MODE_REASONS, type ModeReason } from '#qkd';
import type { KeyingSettings } from '../keying-watch.ts';
import type { SaCounts } from './sa-tally.ts';
import type { SupplySample } from './supply-chart.ts';

/** One look at the supply, as the node's controller saw it. */
export interface LinkSample extends SupplySample {
  readonly reason: ModeReason;
  /** Keys that can be had within the horizon. */
  readonly supplyKeys: number;
}

/** What was counted in one leg of the schedule. */
export interface LinkLeg {
  /** From the beginning of the schedule, ms. */
  readonly fromMs: number;
  readonly link: string;
  readonly seconds: number;
  /** Of the end of the leg. */
  readonly mode: SupplySample['mode'];
  readonly fallbacks: number;
  /** Keys, the fewest that the pool held. */
  readonly leastPool: number;
  readonly quantumRekeys: number;
  readonly mlKemRekeys: number;
}

/** What a run showed. Times in ms from the beginning of the schedule. */
export interface LinkRun {
  readonly legs: readonly LinkLeg[];
  readonly samples: readonly LinkSample[];
  /** The looks that changed the mode. */
  readonly changes: readonly LinkSample[];
  /** Fewest keys in the pool while the node was in QKD mode. */
  readonly leastInQkd: number;
  readonly counts: SaCounts;
  readonly packets: { readonly sent: number; readonly lost: number };
}

/** One claim, whether it held, and what was seen of it. */
export interface Verdict {
  readonly claim: string;
  readonly held: boolean;
  readonly seen: string;
}

/** A way back that is so late is none; looks come once a second. */
const SLACK_MS = 10_000;
/** A look is noted a moment after the controller has had it, by so much at most. */
const NOTED_MS = 1000;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

type Settings = typeof DEFAULT_SETTINGS;

/** Every claim, in the order in which a run meets them. */
export function verdictsOn(run: LinkRun, keying: KeyingSettings): Verdict[] {
  const settings = { ...DEFAULT_SETTINGS, ...keying };
  const { packets, counts } = run;
  return [
    switchInTime(run),
    {
      claim: 'no packet lost',
      held: packets.lost === 0 && packets.sent > 0,
      seen: `${packets.lost} of ${packets.sent} lost`,
    },
    {
      claim: 'no SA past its hard limit, none ended',
      held: counts.pastHardLimit === 0 && counts.ended === 0,
      seen: `${counts.pastHardLimit} past it, ${counts.ended} IKE SAs ended; oldest Child SA ${seconds(counts.oldestMs)}`,
    },
    wayBack(run, settings),
    flaps(run, settings),
  ];
}

/** Reasons that speak of the pool; where the KME is gone or the link distrusted, its level does not matter. */
const scarce: readonly ModeReason[] = ['need-above-supply', 'pool-at-reserve'];

function switchInTime({ changes, leastInQkd }: LinkRun): Verdict {
  const entries = changes.filter(({ mode, reason }) => mode === 'fallback' && scarce.includes(reason));
  const left = entries.map(({ storedKeys }) => storedKeys);
  return {
    claim: 'left QKD before the pool was empty',
    held: leastInQkd > 0 && left.every((keys) => keys > 0),
    seen:
      entries.length === 0
        ? `never left it for want of keys; the pool had ${leastInQkd} at least`
        : `with ${left.join(', ')} keys in the pool`,
  };
}

/** Each way back is late enough, and none that was due is missing at the end. */
function wayBack({ changes, samples }: LinkRun, { minFallbackMs, returnFactor, holdMs }: Settings): Verdict {
  const waits: number[] = [];
  let enteredMs: number | undefined;
  for (const { mode, atMs } of changes) {
    if (mode === 'fallback') enteredMs = atMs;
    else if (enteredMs !== undefined) {
      waits.push(atMs - enteredMs);
      enteredMs = undefined;
    }
  }
  const endMs = samples.at(-1)?.atMs ?? 0;
  const comfortable = ({ reason, supplyKeys, needKeys }: LinkSample) =>
    reason === 'recovering' && supplyKeys >= needKeys * returnFactor;
  const scarceAt = samples.findLast((sample) => !comfortable(sample))?.atMs ?? 0;
  const overdue =
    enteredMs !== undefined &&
    endMs - enteredMs > minFallbackMs + SLACK_MS &&
    endMs - scarceAt > holdMs + SLACK_MS;
  const still =
    enteredMs === undefined ? [] : [`in fallback at the end, since ${seconds(endMs - enteredMs)}`];
  const seen = [...waits.map((ms) => `after ${seconds(ms)}`), ...still].join(', ');
  return {
    claim: `back to QKD by hysteresis, not before ${seconds(minFallbackMs)}`,
    held: !overdue && waits.every((ms) => ms >= minFallbackMs - NOTED_MS),
    seen: seen === '' ? 'never left it' : seen,
  };
}

function flaps({ changes }: LinkRun, { minFallbackMs }: Settings): Verdict {
  const entries = changes.filter(({ mode }) => mode === 'fallback').map(({ atMs }) => atMs);
  const gaps = entries.slice(1).map((atMs, index) => atMs - (entries[index] ?? 0));
  const least = Math.min(...gaps);
  return {
    claim: `at most one flap in ${seconds(minFallbackMs)}`,
    held: gaps.every((ms) => ms >= minFallbackMs - NOTED_MS),
    seen:
      gaps.length === 0 ? `${entries.length} in all` : `${entries.length}, ${seconds(least)} apart at least`,
  };
}

/** What the operator reads of a change of the mode. */
export function changeText({ mode, reason, storedKeys, needKeys }: LinkSample): string {
  const figures = `${storedKeys} keys in the pool, ${Math.round(needKeys)} fall due`;
  return mode === 'fallback'
    ? `fallback to ML-KEM: ${MODE_REASONS[reason]} (${figures})`
    : `back to QKD: ${MODE_REASONS[reason]} (${figures})`;
}
