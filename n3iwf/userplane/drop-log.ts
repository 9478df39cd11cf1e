import type { Log } from '../log.ts';
import { Quiet } from '../quiet.ts';
import type { DropCause } from './drops.ts';

/** Logs dropped packets, for each cause at most once a second, with the number that was kept quiet. */
export class DropLog {
  private readonly log: Log;
  private readonly quiet: Quiet<DropCause>;

  /** `now` is in ms. */
  constructor(log: Log, now: () => number) {
    this.log = log;
    this.quiet = new Quiet(now);
  }

  /** One packet; `ueId` is undefined where nobody can tell whose it was. */
  dropped(cause: DropCause, ueId: number | undefined): void {
    const unlogged = this.quiet.next(cause);
    if (unlogged !== undefined) this.log.info({ cause, ue: ueId, unlogged }, 'packet dropped');
  }
}
