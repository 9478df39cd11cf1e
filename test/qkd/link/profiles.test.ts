import { describe, expect, it } from 'vitest';
import { LINK_PROFILES, type LinkFault, LinkSimulator, type LinkState, METRO_RING } from '#qkd';

const HOUR_MS = 3_600_000;

/** A link of a profile with room for all it makes, run for `hours`; what it showed each second. */
function watched(
  profile: keyof typeof LINK_PROFILES,
  hours: number,
): { link: LinkSimulator; trace: LinkState[] } {
  const link = new LinkSimulator(`test ${profile}`, { ...LINK_PROFILES[profile], capacityBits: 1e15 });
  link.advance(0);
  const trace: LinkState[] = [];
  for (let second = 1; second <= hours * 3600; second++) {
    link.advance(second * 1000);
    trace.push(link.state());
  }
  return { link, trace };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function spread(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}

describe('the profiles', () => {
  it('metro: a hop of a 240 km ring of 18 nodes, 10 Mbit/s, 39,000 keys a second', () => {
    expect(METRO_RING.lengthKm / METRO_RING.nodes).toBeCloseTo(13.3, 1);
    const { trace } = watched('metro', 1);
    expect(mean(trace.map((state) => state.rateBitsPerSecond)) / 1e7).toBeCloseTo(1, 2);
    expect(mean(trace.map((state) => state.qber))).toBeCloseTo(0.02, 2);
    expect(trace.at(-1)!.distilledBits / 3600 / 256).toBeGreaterThan(38_500);
  });

  it('laboratory: between 1 and 2 Mbit/s', () => {
    const { trace } = watched('laboratory', 1);
    expect(mean(trace.map((state) => state.rateBitsPerSecond))).toBeGreaterThan(1e6);
    expect(mean(trace.map((state) => state.rateBitsPerSecond))).toBeLessThan(2e6);
  });

  it('field-69km: 22.2 bit/s with a spread of 4.7, 6.1 % errors, as published in arXiv:2608.18869', () => {
    const { trace } = watched('field-69km', 12);
    expect(Math.abs(mean(trace.map((state) => state.rateBitsPerSecond)) - 22.2)).toBeLessThan(1);
    expect(spread(trace.map((state) => state.rateBitsPerSecond))).toBeLessThan(8);
    expect(mean(trace.map((state) => state.qber))).toBeCloseTo(0.061, 2);
  });

  it('field-70km-aerial: 12.7 bit/s with a spread above its calm, 13.3 % errors, mostly from wind', () => {
    const { trace } = watched('field-70km-aerial', 48);
    const rate = trace.map((state) => state.rateBitsPerSecond);
    expect(mean(rate)).toBeGreaterThan(9);
    expect(mean(rate)).toBeLessThan(16);
    expect(spread(rate)).toBeGreaterThan(8);
    expect(mean(trace.map((state) => state.qber))).toBeGreaterThan(0.11);
    expect(mean(trace.map((state) => state.qber))).toBeLessThan(0.155);
    expect(trace.some((state) => state.qber > 0.18 && state.rateBitsPerSecond === 0)).toBe(true);
  });

  it('age: thirty days wear the detectors', { timeout: 300_000 }, () => {
    const [young, old] = [
      new LinkSimulator('age', LINK_PROFILES.metro),
      new LinkSimulator('age', LINK_PROFILES.metro),
    ];
    young.advance(0);
    old.advance(0);
    young.advance(HOUR_MS);
    old.advance(30 * 24 * HOUR_MS);
    expect(old.state().receiverEfficiency / young.state().receiverEfficiency).toBeCloseTo(
      0.95 ** (30 / 365.25),
      4,
    );
    expect(old.state().countsPerSecond).toBeLessThan(young.state().countsPerSecond);
  });
});

function faulty(fault: LinkFault): { during: LinkState; after: LinkState } {
  const link = new LinkSimulator('faults', LINK_PROFILES.laboratory);
  link.advance(0);
  link.advance(10_000);
  link.inject(fault);
  link.advance(15_000);
  const during = link.state();
  link.advance(25_000);
  return { during, after: link.state() };
}

describe('faults of a link with optics', () => {
  it('a cut leaves dark counts alone', () => {
    const { during, after } = faulty({ kind: 'outage', durationMs: 10_000 });
    expect(during).toMatchObject({ up: false, synchronised: false, rateBitsPerSecond: 0 });
    expect(during.countsPerSecond).toBeLessThan(1000);
    expect(after.up).toBe(true);
    expect(after.rateBitsPerSecond).toBeGreaterThan(1e6);
    expect(after.availableMs).toBe(15_000);
    expect(after.observedMs).toBe(25_000);
  });

  it('lost step leaves the light and makes every second bit wrong', () => {
    const { during, after } = faulty({ kind: 'sync-loss', durationMs: 10_000 });
    expect(during).toMatchObject({ up: true, synchronised: false, rateBitsPerSecond: 0, qber: 0.5 });
    expect(during.countsPerSecond).toBeGreaterThan(1e6);
    expect(after).toMatchObject({ synchronised: true, availableMs: 15_000 });
  });

  it('an intruder shows as errors, not as missing light', () => {
    const { during } = faulty({ kind: 'intrusion', durationMs: 10_000, qber: 0.25 });
    expect(during).toMatchObject({ up: true, qber: 0.25, rateBitsPerSecond: 0 });
    expect(during.countsPerSecond).toBeGreaterThan(1e6);
    const faint = faulty({ kind: 'intrusion', durationMs: 10_000, qber: 0.06 }).during.rateBitsPerSecond;
    expect(faint).toBeGreaterThan(0);
    expect(faint).toBeLessThan(1e6);
  });

  it('ten decibels more leave a tenth of the light', () => {
    const { during, after } = faulty({ kind: 'attenuation', durationMs: 10_000, lossDb: 10 });
    expect(during.countsPerSecond / after.countsPerSecond).toBeCloseTo(0.1, 1);
    expect(during.rateBitsPerSecond / after.rateBitsPerSecond).toBeLessThan(0.11);
  });

  it('a limit of the rate throttles it, and is taken off with the fault', () => {
    const link = new LinkSimulator('throttle', LINK_PROFILES.laboratory);
    link.setRate(1000);
    expect(link.state().rateBitsPerSecond).toBe(1000);
    link.inject({ kind: 'outage', durationMs: 1e9 });
    expect(link.state().rateBitsPerSecond).toBe(0);
    link.clear();
    expect(link.state()).toMatchObject({ up: true });
    expect(link.state().rateBitsPerSecond).toBeGreaterThan(1e6);
  });

  it('do not shift the trace: after them it is the one of an undisturbed link', () => {
    const [calm, disturbed] = [0, 1].map(() => new LinkSimulator('same', LINK_PROFILES['field-70km-aerial']));
    for (const link of [calm!, disturbed!]) link.advance(0);
    disturbed!.inject({ kind: 'sync-loss', durationMs: 5000 });
    for (const link of [calm!, disturbed!]) link.advance(60_000);
    expect(disturbed!.state().qber).toBe(calm!.state().qber);
    expect(disturbed!.state().distilledBits).toBeLessThan(calm!.state().distilledBits);
  });
});

describe('a link without optics', () => {
  it('loses rate with its light too', () => {
    const link = new LinkSimulator('plain', { rateBitsPerSecond: 1000, qberNoise: 0 });
    link.inject({ kind: 'attenuation', durationMs: 1000, lossDb: 20 });
    expect(link.state().rateBitsPerSecond).toBeCloseTo(10, 6);
    expect(link.state().receiverEfficiency).toBe(1);
  });
});
