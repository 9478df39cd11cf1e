/** Nothing of one kind is told more often, in ms: strangers can make it happen as fast as the line is. */
const intervalMs = 1000;

/** Which of many alike are told: of each kind at most one a second, with the number of those that were kept quiet. */
export class Quiet<Kind> {
  private readonly now: () => number;
  private readonly kinds = new Map<Kind, { until: number; count: number }>();

  /** `now` is in ms. Kinds are few: each is remembered for good. */
  constructor(now: () => number) {
    this.now = now;
  }

  /** One has happened. @returns how many were kept quiet before this one, which is told; undefined when it is not */
  next(kind: Kind): number | undefined {
    const now = this.now();
    const last = this.kinds.get(kind);
    if (last !== undefined && now < last.until) {
      last.count++;
      return undefined;
    }
    this.kinds.set(kind, { until: now + intervalMs, count: 0 });
    return last?.count ?? 0;
  }
}
