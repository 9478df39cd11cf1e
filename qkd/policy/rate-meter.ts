/**
 * How many things happen per second, by counts that come in at irregular moments: an exponential average whose memory is
 * a time constant, so that it follows a link that fails within seconds and does not jump at each batch of keys.
 */

/** Handle: {@link count}. Read: {@link perSecond}. Times in ms of a clock that does not go back. */
export class RateMeter {
  readonly #timeConstantMs: number;
  #average = 0;
  #startedAt: number | undefined;
  #updatedAt = 0;

  /** After `timeConstantMs` of silence, 37 % of the rate is left. */
  constructor(timeConstantMs: number) {
    this.#timeConstantMs = timeConstantMs;
  }

  /** `number` of them came since the last call; 0 only starts the measurement. */
  count(now: number, number: number): void {
    this.#startedAt ??= now;
    this.#decay(now);
    this.#average += (number * 1000) / this.#timeConstantMs;
  }

  /** Rate now; 0 before the first count. The young meter is corrected for the part of its memory that is empty. */
  perSecond(now: number): number {
    if (this.#startedAt === undefined) return 0;
    this.#decay(now);
    const age = Math.max(1000, now - this.#startedAt);
    return this.#average / (1 - Math.exp(-age / this.#timeConstantMs));
  }

  #decay(now: number): void {
    const passed = Math.max(0, now - this.#updatedAt);
    this.#average *= Math.exp(-passed / this.#timeConstantMs);
    this.#updatedAt = Math.max(this.#updatedAt, now);
  }
}
