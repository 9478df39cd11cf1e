import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  binaryEntropy,
  boundedSinglePhotons,
  detection,
  GYS_OPTICS,
  knownSinglePhotons,
  linkYield,
  type Optics,
  type SinglePhotons,
  secretBitsPerPulse,
  transmittance,
} from '../../../qkd/link/decoy-bb84.ts';

/** The distance at which no secret bit is left, by bisection. */
function greatestDistance(optics: Optics, singles: (optics: Optics) => SinglePhotons): number {
  let [near, far] = [0, 400];
  for (let round = 0; round < 60; round++) {
    const distanceKm = (near + far) / 2;
    const there = { ...optics, distanceKm };
    if (secretBitsPerPulse(there, singles(there)) > 0) near = distanceKm;
    else far = distanceKm;
  }
  return near;
}

/** The mean photon number that gives most secret bits. */
function bestPhotonNumber(optics: Optics): number {
  let best = { photons: 0, bits: 0 };
  for (let photons = 0.05; photons < 1; photons += 0.005) {
    const there = { ...optics, signalPhotons: photons };
    const bits = secretBitsPerPulse(there, knownSinglePhotons(there));
    if (bits > best.bits) best = { photons, bits };
  }
  return best.photons;
}

const optics = fc.record({
  pulsesPerSecond: fc.constant(1e8),
  signalPhotons: fc.double({ min: 0.2, max: 0.9, noNaN: true }),
  decoyPhotons: fc.double({ min: 0.01, max: 0.15, noNaN: true }),
  distanceKm: fc.double({ min: 0, max: 200, noNaN: true }),
  lossDbPerKm: fc.double({ min: 0.15, max: 0.4, noNaN: true }),
  extraLossDb: fc.double({ min: 0, max: 10, noNaN: true }),
  receiverEfficiency: fc.double({ min: 0.01, max: 0.9, noNaN: true }),
  darkCountsPerPulse: fc.double({ min: 1e-8, max: 1e-4, noNaN: true }),
  misalignment: fc.double({ min: 0, max: 0.2, noNaN: true }),
  errorCorrection: fc.double({ min: 1, max: 1.5, noNaN: true }),
  siftedShare: fc.constantFrom(0.5, 0.9),
});

describe('the published figures of quant-ph/0503005', () => {
  it('a greatest distance of 142 km for the experiment of Gobby, Yuan and Shields', () => {
    expect(greatestDistance(GYS_OPTICS, knownSinglePhotons)).toBeCloseTo(142.0, 0);
  });

  it('some 140 km with vacuum and one weak decoy, and the limit as that decoy fades', () => {
    expect(greatestDistance(GYS_OPTICS, boundedSinglePhotons)).toBeGreaterThan(140);
    const faint = { ...GYS_OPTICS, decoyPhotons: 0.001 };
    expect(greatestDistance(faint, boundedSinglePhotons)).toBeCloseTo(142.0, 0);
  });

  it('a best mean photon number of 0.54 with perfect error correction and 0.48 with a real one', () => {
    const there = { ...GYS_OPTICS, distanceKm: 50 };
    expect(bestPhotonNumber({ ...there, errorCorrection: 1 })).toBeCloseTo(0.54, 1);
    expect(Math.abs(bestPhotonNumber({ ...there, errorCorrection: 1 }) - 0.54)).toBeLessThan(0.01);
    expect(Math.abs(bestPhotonNumber(there) - 0.48)).toBeLessThan(0.01);
  });

  it('the best photon number solves the equation that the paper gives for it', () => {
    // (1 - mu) exp(-mu) = f h(e_d) / (1 - h(e_d)), its equation 12.
    const mu = bestPhotonNumber({ ...GYS_OPTICS, distanceKm: 40 });
    const h = binaryEntropy(GYS_OPTICS.misalignment);
    expect((1 - mu) * Math.exp(-mu)).toBeCloseTo((GYS_OPTICS.errorCorrection * h) / (1 - h), 2);
  });
});

describe('the link as a function of its optics', () => {
  it('loses a tenth of its light per 10 dB', () => {
    const near = { ...GYS_OPTICS, lossDbPerKm: 0.2 };
    expect(transmittance(near)).toBeCloseTo(0.045, 12);
    expect(transmittance({ ...near, distanceKm: 50 })).toBeCloseTo(0.0045, 12);
    expect(transmittance({ ...near, distanceKm: 25, extraLossDb: 5 })).toBeCloseTo(0.0045, 12);
  });

  it('errs as its alignment does while there is light, and every other time in the dark', () => {
    expect(detection(GYS_OPTICS, 0.48).qber).toBeCloseTo(0.033, 3);
    expect(detection({ ...GYS_OPTICS, distanceKm: 1000 }, 0.48).qber).toBeCloseTo(0.5, 3);
    expect(linkYield({ ...GYS_OPTICS, distanceKm: 1000 }).secretBitsPerSecond).toBe(0);
    expect(detection({ ...GYS_OPTICS, darkCountsPerPulse: 0, receiverEfficiency: 0 }, 0.48)).toEqual({
      gain: 0,
      qber: 0,
    });
  });

  it('what two decoys show is never more than what is there', () => {
    fc.assert(
      fc.property(optics, (sample) => {
        const known = knownSinglePhotons(sample);
        const bounded = boundedSinglePhotons(sample);
        expect(bounded.yield).toBeLessThanOrEqual(known.yield * (1 + 1e-6));
        if (bounded.yield > 0) expect(bounded.error).toBeGreaterThanOrEqual(known.error * (1 - 1e-3));
        expect(secretBitsPerPulse(sample, bounded)).toBeLessThanOrEqual(
          Math.max(0, secretBitsPerPulse(sample, known)) * (1 + 1e-6) + 1e-15,
        );
      }),
    );
  });

  it('has probabilities that are probabilities, and less light never gives more key', () => {
    fc.assert(
      fc.property(optics, fc.double({ min: 0.1, max: 20, noNaN: true }), (sample, moreLoss) => {
        const here = linkYield(sample);
        const farther = linkYield({ ...sample, extraLossDb: sample.extraLossDb + moreLoss });
        for (const { gain, qber, secretBitsPerSecond } of [here, farther]) {
          expect(gain).toBeGreaterThan(0);
          expect(gain).toBeLessThanOrEqual(1.001);
          expect(qber).toBeGreaterThanOrEqual(0);
          expect(qber).toBeLessThanOrEqual(0.5);
          expect(secretBitsPerSecond).toBeGreaterThanOrEqual(0);
        }
        expect(farther.countsPerSecond).toBeLessThan(here.countsPerSecond);
      }),
    );
  });

  it('has an entropy of 1 at a half and 0 at the ends', () => {
    expect([0, 0.5, 1, 0.11].map(binaryEntropy)).toEqual([0, 1, 0, expect.closeTo(0.4999, 3)]);
  });
});
