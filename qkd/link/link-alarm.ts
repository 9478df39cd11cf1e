/**
 * Watches the error rate of a link. An eavesdropper shows as errors, so a rate above the alarm makes the keys of that time
 * suspect, from the last moment at which the link was seen to be good. One outlier raises nothing; an alarm that stands is
 * cleared only after a quiet time, so that it does not flutter.
 */

/** Error rates as shares, times in ms. */
export interface AlarmSettings {
  /** From here on the link is suspect; below the 11 % at which no secret bit is left. */
  readonly raiseAt: number;
  /** Below here it counts as quiet. */
  readonly clearAt: number;
  /** It must be suspect for so long before the alarm is raised. */
  readonly raiseAfterMs: number;
  /** And quiet for so long before it is cleared. */
  readonly clearAfterMs: number;
}

/** Raised within two seconds, cleared after half a minute. */
export const DEFAULT_ALARM: AlarmSettings = {
  raiseAt: 0.08,
  clearAt: 0.05,
  raiseAfterMs: 2000,
  clearAfterMs: 30_000,
};

/** What {@link LinkAlarm.observe} found. `sinceMs`: the last moment at which the link was seen below the alarm. */
export type AlarmChange =
  | { readonly kind: 'raised'; readonly sinceMs: number; readonly qber: number }
  | { readonly kind: 'cleared'; readonly sinceMs: number };

/** One per link. Handle: {@link observe}. Read: {@link standing}. */
export class LinkAlarm {
  readonly #settings: AlarmSettings;
  #standing = false;
  #lastGoodMs: number | undefined;
  #suspectSinceMs: number | undefined;
  #quietSinceMs: number | undefined;
  #trustedUntilMs = 0;

  constructor(settings: Partial<AlarmSettings> = {}) {
    this.#settings = { ...DEFAULT_ALARM, ...settings };
  }

  /** The alarm is raised and not yet cleared. */
  get standing(): boolean {
    return this.#standing;
  }

  /** One measurement, at a moment that does not go back. Gives a change of the alarm, or undefined. */
  observe(now: number, qber: number): AlarmChange | undefined {
    return this.#standing ? this.#whileStanding(now, qber) : this.#whileQuiet(now, qber);
  }

  #whileQuiet(now: number, qber: number): AlarmChange | undefined {
    if (qber < this.#settings.raiseAt) {
      this.#lastGoodMs = now;
      this.#suspectSinceMs = undefined;
      return undefined;
    }
    this.#suspectSinceMs ??= now;
    if (now - this.#suspectSinceMs < this.#settings.raiseAfterMs) return undefined;
    this.#standing = true;
    this.#quietSinceMs = undefined;
    this.#trustedUntilMs = this.#lastGoodMs ?? this.#suspectSinceMs;
    return { kind: 'raised', sinceMs: this.#trustedUntilMs, qber };
  }

  #whileStanding(now: number, qber: number): AlarmChange | undefined {
    this.#quietSinceMs = qber < this.#settings.clearAt ? (this.#quietSinceMs ?? now) : undefined;
    if (this.#quietSinceMs === undefined || now - this.#quietSinceMs < this.#settings.clearAfterMs)
      return undefined;
    this.#standing = false;
    this.#suspectSinceMs = undefined;
    this.#lastGoodMs = now;
    return { kind: 'cleared', sinceMs: this.#trustedUntilMs };
  }
}
