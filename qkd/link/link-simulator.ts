/**
 * A quantum link that does not exist: secret bits come at a rate, the error rate wanders, the optics age, the link goes
 * out and comes back. Deterministic: a seed gives one trace over time, whatever the moments at which it is asked, because
 * the trace advances in fixed steps. Time is handed in, in milliseconds of any clock that does not go back.
 *
 * A link is described either by its nominal rate and error rate, or by its optics, from which decoy-bb84.ts computes both.
 */
import { linkYield, type Optics } from './decoy-bb84.ts';
import { SeededRandom } from './seeded-random.ts';

/** How the hardware wears; relative change per year of simulated time. */
export interface Ageing {
  /** 0.05: a detector that loses a twentieth of its efficiency in a year. */
  readonly efficiencyLossPerYear: number;
  /** 0.3: dark counts that grow by 30 % in a year. */
  readonly darkGrowthPerYear: number;
}

/** Spells in which errors are more frequent, such as wind on an aerial cable: a Gilbert-Elliott process of its own. */
export interface Gusts {
  readonly meanCalmMs: number;
  readonly meanGustMs: number;
  /** Added to the share of wrong detections while it lasts. */
  readonly misalignment: number;
}

/** What kind of link it is; fixed for its life, but for the rate. */
export interface LinkProfile {
  /** Secret bits per second while the link is up and the error rate is nominal. Not looked at when `optics` is there. */
  readonly rateBitsPerSecond: number;
  /** Mean quantum bit error rate, 0 to 0.5. Not looked at when `optics` is there. */
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
  readonly optics?: Optics;
  readonly ageing?: Ageing;
  readonly gusts?: Gusts;
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
  /** The ends agree which pulse is which; without it nothing can be sifted. */
  readonly synchronised: boolean;
  readonly qber: number;
  readonly rateBitsPerSecond: number;
  /** Detections per second, wrong ones included; for a link without optics what such a rate takes at least. */
  readonly countsPerSecond: number;
  /** Of the receiver as it is now, 0 to 1; 1 for a link without optics. */
  readonly receiverEfficiency: number;
  readonly availableBits: number;
  /** All secret bits that came since the start, and those thrown away for want of room. */
  readonly distilledBits: number;
  readonly discardedBits: number;
  /** Simulated time, and how much of it the link was up and in step: the truth for a measured availability. */
  readonly observedMs: number;
  readonly availableMs: number;
}

/**
 * A fault set from outside, for a time: the fibre is cut; someone listens and the error rate rises; the ends lose step;
 * something takes light away.
 */
export type LinkFault =
  | { readonly kind: 'outage'; readonly durationMs: number }
  | { readonly kind: 'intrusion'; readonly durationMs: number; readonly qber: number }
  | { readonly kind: 'sync-loss'; readonly durationMs: number }
  | { readonly kind: 'attenuation'; readonly durationMs: number; readonly lossDb: number };

/** Finer than any time that a policy looks at, coarse enough for days of simulated time in seconds. */
export const STEP_MS = 100;
const YEAR_MS = 365.25 * 86_400_000;
/** Without sifting, every second comparison is wrong. */
const RANDOM_QBER = 0.5;

/** What the channel gives in one step, before faults from outside. */
interface Channel {
  readonly qber: number;
  readonly bitsPerSecond: number;
  readonly countsPerSecond: number;
}

/** Handle: {@link advance}, {@link inject}, {@link clear}, {@link setRate}, {@link draw}. Read: {@link state}. */
export class LinkSimulator {
  readonly #profile: LinkProfile;
  readonly #noise: SeededRandom;
  readonly #material: SeededRandom;
  #rateLimit: number | undefined;
  #steps = 0;
  #availableSteps = 0;
  #startedAt: number | undefined;
  #up = true;
  #gust = false;
  #wander = 0;
  #channel: Channel;
  #bits: number;
  #distilled = 0;
  #discarded = 0;
  #fault: { readonly fault: LinkFault; readonly untilStep: number } | undefined;

  constructor(seed: string, profile: Partial<LinkProfile> = {}) {
    this.#profile = { ...DEFAULT_LINK, ...profile };
    this.#noise = new SeededRandom(`${seed}/noise`);
    this.#material = new SeededRandom(`${seed}/material`);
    this.#bits = this.#profile.initialBits;
    this.#channel = this.#measure();
  }

  /** Runs the link up to `now`; the first call only sets its start. A time in the past changes nothing. */
  advance(now: number): void {
    this.#startedAt ??= now;
    const target = Math.floor((now - this.#startedAt) / STEP_MS);
    while (this.#steps < target) this.#step();
  }

  /** As of the last {@link advance}. */
  state(): LinkState {
    const { qber, bitsPerSecond, countsPerSecond } = this.#channel;
    return {
      up: this.#lit(),
      synchronised: this.#lit() && this.#fault?.fault.kind !== 'sync-loss',
      qber,
      rateBitsPerSecond: bitsPerSecond,
      countsPerSecond,
      receiverEfficiency: this.#aged()?.receiverEfficiency ?? 1,
      availableBits: Math.floor(this.#bits),
      distilledBits: Math.floor(this.#distilled),
      discardedBits: Math.floor(this.#discarded),
      observedMs: this.#steps * STEP_MS,
      availableMs: this.#availableSteps * STEP_MS,
    };
  }

  /** A new nominal rate, from the next step on; for a link with optics the most that it may give. */
  setRate(rateBitsPerSecond: number): void {
    this.#rateLimit = rateBitsPerSecond;
    this.#channel = this.#measure();
  }

  /** A fault from the next step on; it replaces one that still lasts. */
  inject(fault: LinkFault): void {
    this.#fault = { fault, untilStep: this.#steps + Math.ceil(fault.durationMs / STEP_MS) };
    this.#channel = this.#measure();
  }

  /** Ends a fault set by {@link inject} and a rate set by {@link setRate}. */
  clear(): void {
    this.#fault = undefined;
    this.#rateLimit = undefined;
    this.#channel = this.#measure();
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
    const [change, gust] = [this.#noise.unit(), this.#noise.unit()];
    const bell = this.#noise.unit() + this.#noise.unit() + this.#noise.unit() - 1.5;
    if (this.#fault !== undefined && this.#steps > this.#fault.untilStep) this.#fault = undefined;
    const { meanUpMs, meanOutMs, qberNoise, gusts, capacityBits } = this.#profile;
    if (meanOutMs > 0 && change < STEP_MS / (this.#up ? meanUpMs : meanOutMs)) this.#up = !this.#up;
    if (gusts !== undefined && gust < STEP_MS / (this.#gust ? gusts.meanGustMs : gusts.meanCalmMs))
      this.#gust = !this.#gust;
    // The sum of three uniform numbers has a standard deviation of a half.
    this.#wander = bell * 2 * qberNoise + (this.#gust ? (gusts?.misalignment ?? 0) : 0);
    this.#channel = this.#measure();
    if (this.#lit() && this.#fault?.fault.kind !== 'sync-loss') this.#availableSteps++;
    const gained = (this.#channel.bitsPerSecond * STEP_MS) / 1000;
    const kept = Math.max(0, Math.min(gained, capacityBits - this.#bits));
    this.#bits += kept;
    this.#distilled += gained;
    this.#discarded += gained - kept;
  }

  /** Light arrives. */
  #lit(): boolean {
    return this.#up && this.#fault?.fault.kind !== 'outage';
  }

  /** The channel as it is in this step, faults included. */
  #measure(): Channel {
    const fault = this.#fault?.fault;
    const aged = this.#aged();
    const nominal = aged === undefined ? this.#nominal() : this.#optical(aged);
    if (!this.#lit()) return { qber: nominal.qber, bitsPerSecond: 0, countsPerSecond: darkCounts(aged) };
    if (fault?.kind === 'sync-loss') return { ...nominal, qber: RANDOM_QBER, bitsPerSecond: 0 };
    const qber = fault?.kind === 'intrusion' ? fault.qber : nominal.qber;
    const share = qber >= this.#profile.qberLimit ? 0 : 1;
    // The errors of an eavesdropper cost as much as any other: the secret share shrinks with them.
    const errors = fault?.kind === 'intrusion' ? costOfErrors(qber, nominal.qber) : 1;
    return { ...nominal, qber, bitsPerSecond: nominal.bitsPerSecond * share * errors };
  }

  /** Errors cost rate twice: they may be an eavesdropper, and their correction tells bits away. */
  #nominal(): Channel {
    const { rateBitsPerSecond, qber } = this.#profile;
    const now = Math.min(RANDOM_QBER, Math.max(0, qber + this.#wander));
    const fault = this.#fault?.fault;
    const passing = fault?.kind === 'attenuation' ? 10 ** (-fault.lossDb / 10) : 1;
    const bitsPerSecond = (this.#rateLimit ?? rateBitsPerSecond) * passing * costOfErrors(now, qber);
    return { qber: now, bitsPerSecond, countsPerSecond: bitsPerSecond / Math.max(0.01, secretFraction(now)) };
  }

  #optical(aged: Optics): Channel {
    const misalignment = Math.min(RANDOM_QBER, Math.max(0, aged.misalignment + this.#wander));
    const { qber, secretBitsPerSecond, countsPerSecond } = linkYield({ ...aged, misalignment });
    return {
      qber,
      bitsPerSecond: Math.min(secretBitsPerSecond, this.#rateLimit ?? secretBitsPerSecond),
      countsPerSecond,
    };
  }

  /** The optics after the wear of the simulated time, with the loss of a fault. */
  #aged(): Optics | undefined {
    const { optics, ageing } = this.#profile;
    if (optics === undefined) return undefined;
    const years = (this.#steps * STEP_MS) / YEAR_MS;
    const fault = this.#fault?.fault;
    const lossDb = fault?.kind === 'attenuation' ? fault.lossDb : 0;
    return {
      ...optics,
      extraLossDb: optics.extraLossDb + lossDb,
      receiverEfficiency: optics.receiverEfficiency * (1 - (ageing?.efficiencyLossPerYear ?? 0)) ** years,
      darkCountsPerPulse: optics.darkCountsPerPulse * (1 + (ageing?.darkGrowthPerYear ?? 0)) ** years,
    };
  }
}

/** A dark fibre still clicks. */
function darkCounts(optics: Optics | undefined): number {
  return optics === undefined ? 0 : optics.darkCountsPerPulse * optics.pulsesPerSecond;
}

/** Rate at an error rate over the rate at the nominal one. */
function costOfErrors(qber: number, nominalQber: number): number {
  return Math.min(1.5, secretFraction(qber) / Math.max(1e-9, secretFraction(nominalQber)));
}

/** Share of sifted bits that stay secret in BB84: 1 - h(e) for the eavesdropper, 1.16 h(e) for error correction. */
export function secretFraction(qber: number): number {
  if (qber <= 0) return 1;
  const entropy = -qber * Math.log2(qber) - (1 - qber) * Math.log2(1 - qber);
  return Math.max(0, 1 - 2.16 * entropy);
}
