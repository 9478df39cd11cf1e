/** Counts of what N2 brought and this node did nothing with, by the name of the message or the reason. */
export class N2Counters {
  private readonly counts = new Map<string, number>();

  /** One more of it. */
  count(what: string): void {
    this.counts.set(what, this.of(what) + 1);
  }

  /** So many up to now. */
  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  /** All counts so far, for the metrics. */
  entries(): ReadonlyMap<string, number> {
    return new Map(this.counts);
  }
}
