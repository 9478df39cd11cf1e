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

/** Time that only goes forward. */
export class StoreClock {
  readonly #clock: Clock;
  readonly #offsetMs: number;

  /** `lastWrittenMs`: store time of the youngest entry on disk, 0 when there is none. */
  constructor(clock: Clock, lastWrittenMs: number) {
    this.#clock = clock;
    this.#offsetMs = Math.max(clock.wallMs(), lastWrittenMs) - clock.monotonicMs();
  }

  /** Store time in ms. */
  now(): number {
    return Math.floor(this.#clock.monotonicMs() + this.#offsetMs);
  }

  /** How far the wall clock is ahead of store time, ms; negative: behind. Only a step of it, or drift, makes it differ. */
  stepMs(): number {
    return Math.round(this.#clock.wallMs() - this.now());
  }
}
