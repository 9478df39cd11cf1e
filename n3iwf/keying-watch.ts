/**
 * Feeds the policy controller from what a running node sees: the KME's status, and how many keys its UEs name. Tells the
 * operator when quantum keys become too few for what is asked, before they are gone, and when they suffice again.
 */
import { KeyingController, type KeyingPolicy, type KeyingState, MODE_REASONS } from '#qkd';
import type { Log } from './log.ts';

/** One look at the supply. */
export interface SupplySeen {
  /** Keys at the KME; undefined when it gave no answer. */
  readonly storedKeys: number | undefined;
  /** Keys that UEs have named since the start. */
  readonly usedKeys: number;
  /** No alarm of the error rate stands. */
  readonly trusted: boolean;
}

/** One per pair of SAEs. Handle: {@link observe}. Read: {@link state}. */
export class KeyingWatch {
  private readonly controller: KeyingController;
  private readonly log: Log;
  private before: { readonly storedKeys: number; readonly usedKeys: number } | undefined;
  private last: KeyingState | undefined;

  constructor(policy: KeyingPolicy, log: Log) {
    this.controller = new KeyingController({ policy });
    this.log = log;
  }

  /** How things stood at the last look; undefined before the first. */
  get state(): KeyingState | undefined {
    return this.last;
  }

  /** One look, at a time in ms of a clock that does not go back. */
  observe(now: number, { storedKeys, usedKeys, trusted }: SupplySeen): KeyingState {
    const stored = storedKeys ?? this.before?.storedKeys ?? 0;
    const taken = usedKeys - (this.before?.usedKeys ?? usedKeys);
    // What the pool lost less than was taken from it has come from the link.
    const receivedKeys = this.before === undefined ? 0 : Math.max(0, stored - this.before.storedKeys + taken);
    // UEs come when they like: each key that they name counts into the forecast.
    for (let key = 0; key < taken; key++) {
      this.controller.request(now, 0, false);
      this.controller.giveBack();
    }
    this.before = { storedKeys: stored, usedKeys };
    const reachable = storedKeys !== undefined;
    const state = this.controller.evaluate(now, { storedKeys: stored, receivedKeys, reachable, trusted });
    this.last = state;
    if (state.changed) this.tell(state);
    return state;
  }

  private tell({ mode, reason, needKeys, supplyKeys, storedKeys, keysPerSecond }: KeyingState): void {
    const figures = {
      reason,
      needKeys: Math.round(needKeys),
      supplyKeys: Math.round(supplyKeys),
      storedKeys,
    };
    this.log[mode === 'fallback' ? 'warn' : 'info'](
      { ...figures, keysPerSecond: Number(keysPerSecond.toFixed(2)) },
      mode === 'fallback'
        ? `quantum keys are too few: ${MODE_REASONS[reason]}`
        : `quantum keys suffice again: ${MODE_REASONS[reason]}`,
    );
  }
}
