/** At most so many answers per period to senders that prove nothing. */
export class RateLimit {
  private readonly most: number;
  private readonly periodMs: number;
  private since = Number.NEGATIVE_INFINITY;
  private count = 0;

  constructor(most: number, periodMs: number) {
    this.most = most;
    this.periodMs = periodMs;
  }

  /** Whether one more may go out now; counts it if so. */
  allow(now: number): boolean {
    if (now - this.since >= this.periodMs) {
      this.since = now;
      this.count = 0;
    }
    return this.count++ < this.most;
  }
}
