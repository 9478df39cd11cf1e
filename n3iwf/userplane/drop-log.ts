import type { Log } from '../log.ts';
import type { DropCause } from './drops.ts';

/** No cause is logged more often, in ms: strangers can make packets drop as fast as the line is. */
const intervalMs = 1000;

/** Logs dropped packets, for each cause at most once a second, with the number that was kept quiet. */
export class DropLog {
  private readonly log: Log;
  private readonly now: () => number;
  private readonly quiet = new Map<DropCause, { until: number; count: number }>();

  /** `now` is in ms. */
  constructor(log: Log, now: () => number) {
    this.log = log;
    this.now = now;
  }

  /** One packet; `ueId` is undefined where nobody can tell whose it was. */
  dropped(cause: DropCause, ueId: number | undefined): void {
    const now = this.now();
    const last = this.quiet.get(cause);
    if (last !== undefined && now < last.until) {
      last.count++;
      return;
    }
    this.log.info({ cause, ue: ueId, unlogged: last?.count ?? 0 }, 'packet dropped');
    this.quiet.set(cause, { until: now + intervalMs, count: 0 });
  }
}
