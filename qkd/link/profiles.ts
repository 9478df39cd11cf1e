/**
 * Links by name. The first two are fitted to a rate that is a target of this project; the field links to published runs.
 * What is fitted are receiver efficiency, extra loss and misalignment: papers give rate, error rate and length.
 */
import type { Optics } from './decoy-bb84.ts';
import type { LinkProfile } from './link-simulator.ts';

/** A receiver clocked at 1 GHz with decoy states and a biased choice of bases, as current systems have. */
const FAST: Optics = {
  pulsesPerSecond: 1_000_000_000,
  signalPhotons: 0.4,
  decoyPhotons: 0.1,
  distanceKm: 0.01,
  lossDbPerKm: 0.2,
  extraLossDb: 0.5,
  receiverEfficiency: 0.1556,
  darkCountsPerPulse: 2e-6,
  misalignment: 0.02,
  errorCorrection: 1.16,
  siftedShare: 0.85,
};

/** A slower, noisier system over a long and lossy fibre. */
const FIELD: Optics = {
  pulsesPerSecond: 10_000_000,
  signalPhotons: 0.4,
  decoyPhotons: 0.05,
  distanceKm: 69,
  lossDbPerKm: 0.25,
  extraLossDb: 7.4,
  receiverEfficiency: 0.1,
  darkCountsPerPulse: 1e-6,
  misalignment: 0.0578,
  errorCorrection: 1.22,
  siftedShare: 0.5,
};

/** Length of the metropolitan ring and its nodes: 18 hops of 13.3 km. */
export const METRO_RING = { lengthKm: 240, nodes: 18 } as const;

/** A detector that is replaced after some years. */
const WEAR = { efficiencyLossPerYear: 0.05, darkGrowthPerYear: 0.2 } as const;

/** Each a part of a {@link LinkProfile}; what it leaves out is as in the default link. */
export const LINK_PROFILES = {
  /** A spool of fibre on a table, at a clock that leaves some 1.5 Mbit/s. */
  laboratory: {
    optics: { ...FAST, pulsesPerSecond: 100_000_000, distanceKm: 1 },
    qberNoise: 0.001,
    capacityBits: 50_000_000,
  },
  /** One hop of the ring: 10 Mbit/s, which over 13.3 km needs a gigahertz clock. */
  metro: {
    optics: { ...FAST, distanceKm: METRO_RING.lengthKm / METRO_RING.nodes },
    ageing: WEAR,
    qberNoise: 0.001,
    capacityBits: 100_000_000,
  },
  /** 69 km in the field, 22.2 bit/s at 6.1 % errors (arXiv:2608.18869): a key of 256 bits every 12 s. */
  'field-69km': { optics: FIELD, ageing: WEAR, qberNoise: 0.001, capacityBits: 1_000_000 },
  /**
   * 70 km, partly aerial, 12.7 bit/s with a spread of 10.3 at 13.3 % errors on average (same source). More than 11 % leaves
   * no secret bit, so the mean can only come from spells: half of the time calm, half of it wind.
   */
  'field-70km-aerial': {
    optics: { ...FIELD, distanceKm: 70, extraLossDb: 6.95 },
    gusts: { meanCalmMs: 600_000, meanGustMs: 600_000, misalignment: 0.15 },
    ageing: WEAR,
    qberNoise: 0.001,
    capacityBits: 1_000_000,
  },
} as const satisfies Readonly<Record<string, Partial<LinkProfile>>>;

/** Key of {@link LINK_PROFILES}. */
export type LinkProfileName = keyof typeof LINK_PROFILES;
