/** Counts of durations in buckets, as Prometheus takes them. */

/** Upper ends of the buckets in s; above the last is one more without an end. */
export const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** One series. Handle: {@link add}. */
export class Histogram {
  /** How many fell into each bucket alone, the one without an end last. */
  readonly counts: number[] = new Array<number>(durationBounds.length + 1).fill(0);
  /** Of all durations, in s. */
  sum = 0;

  /** One more, in s; what is below 0 is a clock's fault and counts as 0. */
  add(seconds: number): void {
    const value = Math.max(0, seconds);
    const at = durationBounds.findIndex((bound) => value <= bound);
    const bucket = at < 0 ? durationBounds.length : at;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }

  /** How many there were. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}
