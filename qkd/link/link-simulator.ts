/**
 * A quantum link that does not exist: secret bits come at a rate, the error rate wanders, the link goes out and comes
 * back. Deterministic: a seed gives one trace over time, whatever the moments at which it is asked, because the trace
 * advances in fixed steps. Time is handed in, in milliseconds of any clock that does not go back.
 */
import { SeededRandom } from './seeded-random.ts';

/** What kind of link it is; fixed for its life, but for the rate. */
export interface LinkProfile {
  /** Secret bits per second while the link is up and the error rate is nominal. */
  readonly rateBitsPerSecond: number;
  /** Mean quantum bit error rate, 0 to 0.5. */
  readonly qber: number;
  /** Standard deviation of the error rate from step to step. */
  readonly qberNoise: number;
  /** From this error rate on no secret bit is left. */
  readonly qberLimit: number;
  /** Gilbert-Elliott: mean time up and mean time out, ms; out 0 means that no outage happens by itself. */
  readonly meanUpMs: number;
  readonly meanOutMs: number;
  /** Bits that both ends store at most; what comes beyond is thrown away. */
  readonly capacityBits: number;
  /** Bits there from the start. */
  readonly initialBits: number;
}

/** A metropolitan link; callers override what they need. */
export const DEFAULT_LINK: LinkProfile = {
  rateBitsPerSecond: 100_000,
  qber: 0.02,
  qberNoise: 0.002,
  qberLimit: 0.11,
  meanUpMs: 0,
  meanOutMs: 0,
  capacityBits: 10_000_000,
  initialBits: 0,
};

/** What an operator sees of the link now. */
export interface LinkState {
  readonly up: boolean;
  readonly qber: number;
  readonly rateBitsPerSecond: number;
  readonly availableBits: number;
  /** All secret bits that came since the start, and those thrown away for want of room. */
  readonly distilledBits: number;
  readonly discardedBits: number;
}

/** A fault set from outside, for a time: the fibre is cut, or someone listens and the error rate rises. */
export type LinkFault =
  | { readonly kind: 'outage'; readonly durationMs: number }
  | { readonly kind: 'intrusion'; readonly durationMs: number; readonly qber: number };

/** Finer than any time that a policy looks at, coarse enough for days of simulated time in seconds. */
export const STEP_MS = 100;

/** Handle: {@link advance}, {@link inject}, {@link setRate}, {@link draw}. Read: {@link state}. */
export class LinkSimulator {
  readonly #profile: LinkProfile;
  readonly #noise: SeededRandom;
  readonly #material: SeededRandom;
  #rate: number;
  #steps = 0;
  #startedAt: number | undefined;
  #up = true;
  #qber: number;
  #bits: number;
  #distilled = 0;
  #discarded = 0;
  #fault: { readonly fault: LinkFault; readonly untilStep: number } | undefined;

  constructor(seed: string, profile: Partial<LinkProfile> = {}) {
    this.#profile = { ...DEFAULT_LINK, ...profile };
    this.#noise = new SeededRandom(`${seed}/noise`);
    this.#material = new SeededRandom(`${seed}/material`);
    this.#rate = this.#profile.rateBitsPerSecond;
    this.#qber = this.#profile.qber;
    this.#bits = this.#profile.initialBits;
  }

  /** Runs the link up to `now`; the first call only sets its start. A time in the past changes nothing. */
  advance(now: number): void {
    this.#startedAt ??= now;
    const target = Math.floor((now - this.#startedAt) / STEP_MS);
    while (this.#steps < target) this.#step();
  }

  /** As of the last {@link advance}. */
  state(): LinkState {
    return {
      up: this.#up && this.#fault?.fault.kind !== 'outage',
      qber: this.#qber,
      rateBitsPerSecond: this.#secretRate(),
      availableBits: Math.floor(this.#bits),
      distilledBits: Math.floor(this.#distilled),
      discardedBits: Math.floor(this.#discarded),
    };
  }

  /** A new nominal rate, from the next step on. */
  setRate(rateBitsPerSecond: number): void {
    this.#rate = rateBitsPerSecond;
  }

  /** A fault from the next step on; it replaces one that still lasts. */
  inject(fault: LinkFault): void {
    this.#fault = { fault, untilStep: this.#steps + Math.ceil(fault.durationMs / STEP_MS) };
  }

  /** Takes `bits` bits (whole octets) out of the pool, with a fresh key ID; undefined when there are not enough. */
  draw(bits: number): { readonly keyId: string; readonly bytes: Uint8Array } | undefined {
    if (bits > this.#bits) return undefined;
    this.#bits -= bits;
    return { keyId: this.#material.uuid(), bytes: this.#material.bytes(bits / 8) };
  }

  /** Draws the same count of random numbers in each step, so that a fault or a new rate does not shift the trace. */
  #step(): void {
    this.#steps++;
    const change = this.#noise.unit();
    const bell = this.#noise.unit() + this.#noise.unit() + this.#noise.unit() - 1.5;
    if (this.#fault !== undefined && this.#steps > this.#fault.untilStep) this.#fault = undefined;
    const { meanUpMs, meanOutMs, qber, qberNoise, capacityBits } = this.#profile;
    if (meanOutMs > 0 && change < STEP_MS / (this.#up ? meanUpMs : meanOutMs)) this.#up = !this.#up;
    const wandering = Math.min(0.5, Math.max(0, qber + bell * 2 * qberNoise));
    this.#qber = this.#fault?.fault.kind === 'intrusion' ? this.#fault.fault.qber : wandering;
    const gained = (this.#secretRate() * STEP_MS) / 1000;
    const kept = Math.max(0, Math.min(gained, capacityBits - this.#bits));
    this.#bits += kept;
    this.#distilled += gained;
    this.#discarded += gained - kept;
  }

  /** Errors cost rate twice: they may be an eavesdropper, and their correction tells bits away. */
  #secretRate(): number {
    if (!this.#up || this.#fault?.fault.kind === 'outage') return 0;
    const { qber, qberLimit } = this.#profile;
    if (this.#qber >= qberLimit) return 0;
    return this.#rate * Math.min(1.5, secretFraction(this.#qber) / Math.max(1e-9, secretFraction(qber)));
  }
}

/** Share of sifted bits that stay secret in BB84: 1 - h(e) for the eavesdropper, 1.16 h(e) for error correction. */
export function secretFraction(qber: number): number {
  if (qber <= 0) return 1;
  const entropy = -qber * Math.log2(qber) - (1 - qber) * Math.log2(1 - qber);
  return Math.max(0, 1 - 2.16 * entropy);
}
