/**
 * What a fibre link with weak coherent pulses and decoy states gives: detections, errors and secret bits, from its optics.
 *
 * The model is that of X. Ma, B. Qi, Y. Zhao, H.-K. Lo, "Practical decoy state for quantum key distribution", Phys. Rev. A
 * 72, 012326 (2005), quant-ph/0503005; the equation numbers below are that paper's. Its parameters for the experiment of
 * Gobby, Yuan and Shields (Appl. Phys. Lett. 84, 3762, 2004) are {@link GYS_OPTICS}, for which it gives a greatest distance
 * of 142 km and a best mean photon number of 0.48; the tests hold the functions against both.
 */

/** One link, both ends. Probabilities are per pulse. */
export interface Optics {
  readonly pulsesPerSecond: number;
  /** Mean photon number of signal pulses, and of the weak decoy (0 < weak < signal); the second decoy is vacuum. */
  readonly signalPhotons: number;
  readonly decoyPhotons: number;
  readonly distanceKm: number;
  /** 0.2 for standard fibre at 1550 nm. */
  readonly lossDbPerKm: number;
  /** Connectors, splices, wavelength multiplexers. */
  readonly extraLossDb: number;
  /** Receiver: its internal transmittance times the efficiency of its detectors. */
  readonly receiverEfficiency: number;
  /** A click without a photon of the link. */
  readonly darkCountsPerPulse: number;
  /** A photon that goes to the wrong detector: alignment and stability of the interferometer. */
  readonly misalignment: number;
  /** Bits told away by error correction over the Shannon limit; 1.1 to 1.22 in practice. */
  readonly errorCorrection: number;
  /** Share of pulses that count for the key: signal pulses in matching bases. 1/2 for standard BB84. */
  readonly siftedShare: number;
}

/** The optics that the paper computes with; `q` of its figure 1 is 1/2. */
export const GYS_OPTICS: Optics = {
  pulsesPerSecond: 2_000_000,
  signalPhotons: 0.48,
  decoyPhotons: 0.05,
  distanceKm: 0,
  lossDbPerKm: 0.21,
  extraLossDb: 0,
  receiverEfficiency: 0.045,
  darkCountsPerPulse: 1.7e-6,
  misalignment: 0.033,
  errorCorrection: 1.22,
  siftedShare: 0.5,
};

/** A click that comes from noise is wrong every other time. */
const NOISE_ERROR = 0.5;

/** What the receiver sees of one pulse. */
export interface Detection {
  /** Probability of a click: the gain. */
  readonly gain: number;
  /** Share of clicks that are wrong. */
  readonly qber: number;
}

/** What remains to be agreed on. */
export interface LinkYield extends Detection {
  /** Clicks per second of all pulses. */
  readonly countsPerSecond: number;
  /** Never negative: a link that gives nothing gives 0. */
  readonly secretBitsPerSecond: number;
}

/** Binary entropy h(x), 0 at both ends. */
export function binaryEntropy(x: number): number {
  return x <= 0 || x >= 1 ? 0 : -x * Math.log2(x) - (1 - x) * Math.log2(1 - x);
}

/** Transmittance from the sender's output to a click, eta (equations 5 and 6). */
export function transmittance(optics: Optics): number {
  const lossDb = optics.lossDbPerKm * optics.distanceKm + optics.extraLossDb;
  return 10 ** (-lossDb / 10) * optics.receiverEfficiency;
}

/** Gain and error rate of pulses with `photons` on average (equations 10 and 11). */
export function detection(optics: Optics, photons: number, eta = transmittance(optics)): Detection {
  const clicks = 1 - Math.exp(-eta * photons);
  const gain = optics.darkCountsPerPulse + clicks;
  const wrong = NOISE_ERROR * optics.darkCountsPerPulse + optics.misalignment * clicks;
  return { gain, qber: gain === 0 ? 0 : wrong / gain };
}

/** Yield and error of pulses with exactly one photon. */
export interface SinglePhotons {
  readonly yield: number;
  readonly error: number;
}

/** With infinitely many decoy states both are known (equations 7 and 9, i = 1). */
export function knownSinglePhotons(optics: Optics): SinglePhotons {
  const eta = transmittance(optics);
  const yieldOne = optics.darkCountsPerPulse + eta - optics.darkCountsPerPulse * eta;
  return {
    yield: yieldOne,
    error: (NOISE_ERROR * optics.darkCountsPerPulse + optics.misalignment * eta) / yieldOne,
  };
}

/** With vacuum and one weak decoy: a lower bound of the yield, an upper bound of the error (equations 34 and 37). */
export function boundedSinglePhotons(optics: Optics): SinglePhotons {
  const { signalPhotons: mu, decoyPhotons: nu, darkCountsPerPulse: vacuum } = optics;
  const eta = transmittance(optics);
  const signal = detection(optics, mu, eta);
  const decoy = detection(optics, nu, eta);
  const ratio = (nu * nu) / (mu * mu);
  const yieldOne =
    (mu / (mu * nu - nu * nu)) *
    (decoy.gain * Math.exp(nu) - signal.gain * Math.exp(mu) * ratio - (1 - ratio) * vacuum);
  if (!(yieldOne > 0)) return { yield: 0, error: NOISE_ERROR };
  const error = (decoy.qber * decoy.gain * Math.exp(nu) - NOISE_ERROR * vacuum) / (yieldOne * nu);
  return { yield: yieldOne, error: Math.min(NOISE_ERROR, Math.max(0, error)) };
}

/** Secret bits per sent pulse (equation 1, after Gottesman, Lo, Lutkenhaus and Preskill); negative when there are none. */
export function secretBitsPerPulse(optics: Optics, singles: SinglePhotons): number {
  const { signalPhotons: mu } = optics;
  const { gain, qber } = detection(optics, mu);
  const fromSingles = singles.yield * mu * Math.exp(-mu) * (1 - binaryEntropy(singles.error));
  return optics.siftedShare * (fromSingles - gain * optics.errorCorrection * binaryEntropy(qber));
}

/** What the link gives in a second, with two decoy states and keys long enough that statistics cost nothing. */
export function linkYield(optics: Optics): LinkYield {
  const seen = detection(optics, optics.signalPhotons);
  const secret = secretBitsPerPulse(optics, boundedSinglePhotons(optics));
  return {
    ...seen,
    countsPerSecond: seen.gain * optics.pulsesPerSecond,
    secretBitsPerSecond: Math.max(0, secret) * optics.pulsesPerSecond,
  };
}
