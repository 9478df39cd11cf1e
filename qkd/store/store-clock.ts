/**
 * Store time: wall-clock milliseconds at the start, and from then on only what the monotonic clock adds. A step of the
 * wall clock therefore makes no key older or younger while the process runs; across a restart, time never goes back
 * behind the last moment that the store wrote down, so that an expired key stays expired.
 */
export interface Clock {
  /** Milliseconds since 1970; may jump. */
  wallMs(): number;
  /** Milliseconds of a clock that never jumps; its zero means nothing. */
  monotonicMs(): number;
}

export class StoreClock {
  readonly #clock: Clock;
  readonly #offsetMs: number;

  /** `lastWrittenMs`: store time of the youngest entry on disk, 0 when there is none. */
  constructor(clock: Clock, lastWrittenMs: number) {
    this.#clock = clock;
    this.#offsetMs = Math.max(clock.wallMs(), lastWrittenMs) - clock.monotonicMs();
  }

  now(): number {
    return Math.floor(this.#clock.monotonicMs() + this.#offsetMs);
  }
}
