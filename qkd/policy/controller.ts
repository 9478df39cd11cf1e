/**
 * Decides, SA by SA, whether its next keys are made from a quantum key or without one. It compares the keys that fall due
 * within a horizon with the pool and the measured rate, leaves quantum keying before the pool is empty, and returns only
 * when supply has been comfortable for a while.
 *
 *               need > supply, pool at its reserve, KME or store lost, link distrusted
 *        +-----+ ------------------------------------------------------> +----------+
 *        | qkd |                                                         | fallback |
 *        +-----+ <------------------------------------------------------ +----------+
 *               supply > need x factor, for holdMs, and minFallbackMs after the way in
 *
 * The way into fallback is never delayed; the way back is, so that two ways in are at least `minFallbackMs` apart: at most
 * one flap a minute with the defaults. In fallback what keys there are go to the classes in their order.
 *
 * Pure: the clock is an argument (ms, does not go back), the supply is told. Handle: {@link evaluate}, {@link request},
 * {@link forecast}'s methods. Read: {@link mode}.
 */
import { type ClassTable, DEFAULT_CLASSES } from './classes.ts';
import { DemandForecast } from './forecast.ts';
import { KEYING_POLICIES, type Keying, type KeyingPolicy, takesQuantumKeys } from './policies.ts';
import { RateMeter } from './rate-meter.ts';

/** Where keying stands for the whole node. */
export type KeyingMode = 'qkd' | 'fallback';

/** Why the controller is in its mode. */
export const MODE_REASONS = {
  enough: 'pool and rate cover the keys that fall due',
  'need-above-supply': 'more keys fall due within the horizon than pool and rate give',
  'pool-at-reserve': 'the pool is down to its reserve',
  'kme-lost': 'the key manager gives no answer',
  'store-failed': 'the store cannot write down that a key is used',
  'link-distrusted': 'the error rate of the link is above its alarm',
  recovering: 'supply is good again, but not for long enough yet',
  policy: 'the policy takes no quantum keys',
} as const satisfies Readonly<Record<string, string>>;

/** Key of {@link MODE_REASONS}. */
export type ModeReason = keyof typeof MODE_REASONS;

/** What the operator sets; times in ms. */
export interface ControllerSettings {
  readonly policy: KeyingPolicy;
  readonly classes: ClassTable;
  /** How far ahead supply must cover demand. */
  readonly horizonMs: number;
  /** The pool is not drawn below what falls due in so long, nor below {@link reserveKeys}. */
  readonly reserveMs: number;
  readonly reserveKeys: number;
  /** The way back wants so many times the need. */
  readonly returnFactor: number;
  /** For so long without a break. */
  readonly holdMs: number;
  /** And not sooner than so long after the way in. */
  readonly minFallbackMs: number;
  /** Memory of the rates. */
  readonly rateMemoryMs: number;
}

/** Survives a KME outage of a minute, and at most one flap a minute. */
export const DEFAULT_SETTINGS: ControllerSettings = {
  policy: 'qkd-preferred',
  classes: DEFAULT_CLASSES,
  horizonMs: 60_000,
  reserveMs: 5000,
  reserveKeys: 8,
  returnFactor: 1.25,
  holdMs: 15_000,
  minFallbackMs: 60_000,
  rateMemoryMs: 10_000,
};

/** The supply side, as the store and the KME tell it. */
export interface Supply {
  /** Keys that can be had without waiting for the link: pool of the store and of the KME. */
  readonly storedKeys: number;
  /** Keys that came from the link since the last call. */
  readonly receivedKeys: number;
  /** The KME answers. */
  readonly reachable: boolean;
  /** No alarm of the error rate stands. */
  readonly trusted: boolean;
  /** The store can write down that keys are used; true when absent. */
  readonly storeUsable?: boolean;
}

/** How things stand after {@link KeyingController.evaluate}. */
export interface KeyingState {
  readonly mode: KeyingMode;
  /** This evaluation changed the mode. */
  readonly changed: boolean;
  readonly reason: ModeReason;
  /** Keys wanted within the horizon, and keys that can be had within it. */
  readonly needKeys: number;
  readonly supplyKeys: number;
  readonly storedKeys: number;
  readonly keysPerSecond: number;
  /** SAs without a quantum key that were brought forward to get one. */
  readonly broughtForward: readonly number[];
}

/** One per node and peer SAE, since pools are. */
export class KeyingController {
  /** The book of live SAs; its owner writes into it. */
  readonly forecast = new DemandForecast();
  #settings: ControllerSettings;
  readonly #income: RateMeter;
  readonly #unplanned: RateMeter;
  readonly #lastGrantMs = new Map<number, number>();
  #mode: KeyingMode = 'qkd';
  #enteredFallbackMs = Number.NEGATIVE_INFINITY;
  #goodSinceMs: number | undefined;
  #storedKeys = 0;
  /** Whether keys of the pool may be used at all: what an eavesdropper may know is no key. */
  #trusted = true;

  /** Settings left out take {@link DEFAULT_SETTINGS}. */
  constructor(settings: Partial<ControllerSettings> = {}) {
    this.#settings = { ...DEFAULT_SETTINGS, ...settings };
    this.#income = new RateMeter(this.#settings.rateMemoryMs);
    this.#unplanned = new RateMeter(this.#settings.horizonMs);
    if (!takesQuantumKeys(this.#settings.policy)) this.#mode = 'fallback';
  }

  /** Other settings from the next evaluation on; rates and the book of SAs are kept. */
  reconfigure(settings: Partial<ControllerSettings>): void {
    this.#settings = { ...DEFAULT_SETTINGS, ...settings };
    if (!takesQuantumKeys(this.#settings.policy)) this.#mode = 'fallback';
  }

  /** Where keying stands since the last {@link evaluate}. */
  get mode(): KeyingMode {
    return this.#mode;
  }

  /** No alarm of the error rate stood at the last {@link evaluate}. */
  get trusted(): boolean {
    return this.#trusted;
  }

  /** A key was taken that no book foretold and that nobody asked for here: such keys are part of the forecast. */
  count(now: number): void {
    this.#unplanned.count(now, 1);
  }

  /** Compares demand and supply; to be called at each change of the pool, and at least every `reserveMs`. */
  evaluate(now: number, supply: Supply): KeyingState {
    const { horizonMs, policy } = this.#settings;
    this.#income.count(now, supply.receivedKeys);
    this.#storedKeys = supply.storedKeys;
    const keysPerSecond = this.#income.perSecond(now);
    const unplanned = (this.#unplanned.perSecond(now) * horizonMs) / 1000;
    const needKeys = this.forecast.due(now + horizonMs) + unplanned;
    const supplyKeys = supply.storedKeys + (keysPerSecond * horizonMs) / 1000;
    const before = this.#mode;
    const figures = { needKeys, supplyKeys, storedKeys: supply.storedKeys, keysPerSecond };
    if (!takesQuantumKeys(policy))
      return { ...figures, mode: before, changed: false, reason: 'policy', broughtForward: [] };
    const want = this.#shortage(now, supply, needKeys, supplyKeys);
    const reason = want === undefined ? this.#recover(now, needKeys, supplyKeys) : this.#enter(now, want);
    const changed = this.#mode !== before;
    const spare = Math.floor(supplyKeys - needKeys * this.#settings.returnFactor);
    const broughtForward =
      this.#mode === 'qkd' && spare > 0 ? this.forecast.pullForward(now, spare, horizonMs) : [];
    return { ...figures, mode: this.#mode, changed, reason, broughtForward };
  }

  /**
   * One SA of the class `rank` is to be set up or rekeyed now: from what? A request that was not booked as due (a new UE)
   * says so and counts into the forecast of such requests. The caller takes the key at once, or calls {@link giveBack}.
   */
  request(now: number, rank: number, planned: boolean): Keying {
    if (!planned) this.count(now);
    const row = KEYING_POLICIES[this.#settings.policy];
    if (!takesQuantumKeys(this.#settings.policy) || !this.#mayTake(now, rank)) return row.withoutKey;
    this.#storedKeys--;
    this.#lastGrantMs.set(rank, now);
    return row.withKey;
  }

  /** The key of a grant was not taken after all. */
  giveBack(): void {
    this.#storedKeys++;
  }

  /**
   * In fallback a class may take what the classes before it will not need and the reserve can spare, and now and then a
   * key in any case.
   */
  #mayTake(now: number, rank: number): boolean {
    if (this.#storedKeys < 1 || !this.#trusted) return false;
    if (this.#mode === 'qkd') return true;
    const bound = this.#settings.classes.classes[rank]?.atLeastEveryMs ?? Number.POSITIVE_INFINITY;
    const last = this.#lastGrantMs.get(rank) ?? this.#enteredFallbackMs;
    if (now - last >= bound) return true;
    const before = this.forecast.due(now + this.#settings.horizonMs, rank);
    return this.#storedKeys - this.#settings.reserveKeys > before;
  }

  /** Why quantum keying cannot go on, if so. In the order of gravity. */
  #shortage(
    now: number,
    supply: Supply,
    needKeys: number,
    supplyKeys: number,
  ): Exclude<ModeReason, 'enough'> | undefined {
    this.#trusted = supply.trusted;
    if (!supply.trusted) return 'link-distrusted';
    if (supply.storeUsable === false) return 'store-failed';
    if (!supply.reachable) return 'kme-lost';
    if (supply.storedKeys <= this.#reserve(now)) return 'pool-at-reserve';
    return supplyKeys < needKeys ? 'need-above-supply' : undefined;
  }

  #reserve(now: number): number {
    return Math.max(this.#settings.reserveKeys, this.forecast.due(now + this.#settings.reserveMs));
  }

  #enter<R extends ModeReason>(now: number, reason: R): R {
    if (this.#mode === 'qkd') this.#enteredFallbackMs = now;
    this.#mode = 'fallback';
    this.#goodSinceMs = undefined;
    return reason;
  }

  /** No shortage; in fallback that must be clear and last before it counts. */
  #recover(now: number, needKeys: number, supplyKeys: number): ModeReason {
    if (this.#mode === 'qkd') return 'enough';
    const { returnFactor, holdMs, minFallbackMs } = this.#settings;
    const comfortable =
      supplyKeys >= needKeys * returnFactor && this.#storedKeys >= this.#reserve(now) * returnFactor;
    this.#goodSinceMs = comfortable ? (this.#goodSinceMs ?? now) : undefined;
    if (this.#goodSinceMs === undefined || now - this.#goodSinceMs < holdMs) return 'recovering';
    if (now - this.#enteredFallbackMs < minFallbackMs) return 'recovering';
    this.#mode = 'qkd';
    this.#goodSinceMs = undefined;
    return 'enough';
  }
}
