/**
 * What the lab's quantum link gives over time, as a small text: `0s 10Mbit/s; 20s 0; 60s 10Mbit/s; 100s end`. Entries are
 * parted by semicolons or ends of lines; `#` begins a comment. Each says from when on, counted from the moment at which
 * all UEs are attached, and how much: bits a second, or `1.5x` of what the UEs' rekeys take. `end` ends the run; without
 * it the last entry lasts as long as {@link LAST_LEG_MS}.
 */
import { existsSync } from 'node:fs';
import { OperatorError } from '../errors.ts';
import { readNamedFile } from './configuration-file.ts';

/** One stretch of time with one rate. */
export interface ScheduleLeg {
  /** From the beginning of the schedule, ms. */
  readonly fromMs: number;
  /** As the text has it, for tables. */
  readonly text: string;
  /** The unit of `amount`: bits a second, or times the need of the UEs. */
  readonly unit: 'bits' | 'need';
  readonly amount: number;
}

/** Legs in the order of time, the first from 0 on, and the end of the last. */
export interface LinkSchedule {
  readonly legs: readonly ScheduleLeg[];
  readonly endMs: number;
}

/** Length of a last leg whose end the text does not say, ms. */
export const LAST_LEG_MS = 60_000;

/** A link does not give more; beyond it a text is taken for a slip. */
const MOST_BITS = 1e12;

/** Schedules by name. */
export const LINK_SCHEDULES = {
  /**
   * From 10 Mbit/s to nothing and back, then to and fro across what the UEs need: with rekeys every 20 s and three keys of
   * pool for each UE the node leaves QKD some seconds after the link is dark, and each of its waits is seen.
   */
  throttle: `0s 10Mbit/s
15s 1Mbit/s
18s 100kbit/s
21s 10kbit/s
24s 0
55s 10Mbit/s
100s 0.1x
120s 1.6x
125s 0.5x
130s 1.6x
135s 0.5x
140s 1.6x
150s end`,
} as const satisfies Readonly<Record<string, string>>;

const prefixes: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };
const entryPattern = /^(\d+(?:\.\d+)?)s\s+(\S+)$/;
const ratePattern = /^(\d+(?:\.\d+)?)([kMG]?)bit\/s$/;
const needPattern = /^(\d+(?:\.\d+)?)x$/;

/** Bits a second or times the need; undefined for what is neither. */
function rateOf(text: string): Pick<ScheduleLeg, 'unit' | 'amount'> | undefined {
  if (text === '0') return { unit: 'bits', amount: 0 };
  const [, times] = needPattern.exec(text) ?? [];
  if (times !== undefined) return { unit: 'need', amount: Number(times) };
  const [, number, prefix = ''] = ratePattern.exec(text) ?? [];
  const bits = Number(number) * (prefixes[prefix] ?? 1);
  return number === undefined || bits > MOST_BITS ? undefined : { unit: 'bits', amount: bits };
}

function wrong(entry: string, why: string): OperatorError {
  return new OperatorError('N3IWF_E_CONFIG', `the schedule of the link: "${entry}" ${why}`);
}

/** Reads a schedule. @throws OperatorError N3IWF_E_CONFIG that names the entry at fault */
export function parseLinkSchedule(text: string): LinkSchedule {
  const entries = text
    .split(/[;\n]/)
    .map((entry) => entry.replace(/#.*/, '').trim())
    .filter((entry) => entry !== '');
  const legs: ScheduleLeg[] = [];
  let endMs: number | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const entry of entries) {
    const [, seconds, what = ''] = entryPattern.exec(entry) ?? [];
    if (seconds === undefined) throw wrong(entry, 'is no entry such as "20s 10kbit/s", "20s 0" or "90s end"');
    const fromMs = Number(seconds) * 1000;
    if (endMs !== undefined) throw wrong(entry, 'comes after the end');
    if (fromMs <= lastMs) throw wrong(entry, 'is not later than the one before it');
    if (legs.length === 0 && fromMs !== 0) throw wrong(entry, 'is the first and must be of 0s');
    lastMs = fromMs;
    if (what === 'end') endMs = fromMs;
    else {
      const rate = rateOf(what);
      if (rate === undefined) throw wrong(entry, 'has no rate such as 10Mbit/s, 2.5kbit/s, 0, or 1.5x');
      legs.push({ fromMs, text: what, ...rate });
    }
  }
  if (legs.length === 0) throw wrong(text.trim(), 'has no rate at all');
  return { legs, endMs: endMs ?? lastMs + LAST_LEG_MS };
}

/**
 * The schedule that an operator names: one of {@link LINK_SCHEDULES}, the path of a file, or the text itself.
 *
 * @throws OperatorError N3IWF_E_CONFIG as {@link parseLinkSchedule}
 */
export function linkScheduleOf(named: string): LinkSchedule {
  const known = Object.entries(LINK_SCHEDULES).find(([name]) => name === named)?.[1];
  if (known !== undefined) return parseLinkSchedule(known);
  if (!existsSync(named)) return parseLinkSchedule(named);
  return parseLinkSchedule(new TextDecoder().decode(readNamedFile('--link-schedule', named)));
}

/** What the link is to give in a leg, bits a second, where the UEs need `needBitsPerSecond`. */
export function bitsOf({ unit, amount }: ScheduleLeg, needBitsPerSecond: number): number {
  return unit === 'bits' ? amount : amount * needBitsPerSecond;
}
