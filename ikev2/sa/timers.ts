/** The one timer table of an IKE SA; the caller's shell arms a single timeout for the earliest of all. */

import type { TimerConfig, TimerName } from '../output.ts';

/** 4 s, 1.8^n and six transmissions give a peer up after about 160 s. */
export const DEFAULT_TIMERS: TimerConfig = {
  retransmit: 4_000,
  retransmitFactor: 1.8,
  retransmitTries: 6,
  halfOpen: 30_000,
  setUp: 90_000,
  liveness: 120_000,
  linger: 30_000,
};

/** Which timers of one SA run, and when each is due. */
export class TimerTable {
  private readonly due = new Map<TimerName, number>();

  set(name: TimerName, at: number): void {
    this.due.set(name, at);
  }

  clear(name: TimerName): void {
    this.due.delete(name);
  }

  clearAll(): void {
    this.due.clear();
  }

  /** Earliest time at which {@link expire} has something to give. */
  deadline(): number | undefined {
    let earliest: number | undefined;
    for (const at of this.due.values()) if (earliest === undefined || at < earliest) earliest = at;
    return earliest;
  }

  /** Removes and returns the timers that are due, the earliest first. */
  expire(now: number): TimerName[] {
    const expired = [...this.due].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
    for (const [name] of expired) this.due.delete(name);
    return expired.map(([name]) => name);
  }
}
