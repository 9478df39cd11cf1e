import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinkProfile, LinkSimulator } from '#qkd';
import { STEP_MS, secretFraction } from '../../../qkd/link/link-simulator.ts';
import { SeededRandom } from '../../../qkd/link/seeded-random.ts';

const ROUGH: Partial<LinkProfile> = {
  rateBitsPerSecond: 10_000,
  qber: 0.05,
  qberNoise: 0.02,
  meanUpMs: 3000,
  meanOutMs: 1000,
};

function started(seed: string, profile: Partial<LinkProfile> = ROUGH): LinkSimulator {
  const link = new LinkSimulator(seed, profile);
  link.advance(0);
  return link;
}

function drawn(link: LinkSimulator, bits: number): string {
  const key = link.draw(bits);
  return key === undefined ? 'none' : `${key.keyId} ${Buffer.from(key.bytes).toString('hex')}`;
}

describe('the link simulator', () => {
  it('has one trace per seed, whatever the moments at which it is asked', () => {
    const moments = fc.array(fc.nat({ max: 4000 }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.string(), moments, (seed, steps) => {
        const [often, once] = [started(seed), started(seed)];
        let now = 0;
        for (const step of steps) {
          now += step;
          often.advance(now);
        }
        once.advance(now);
        expect(often.state()).toEqual(once.state());
        expect(drawn(often, 256)).toBe(drawn(once, 256));
      }),
    );
  });

  it('has another trace and other keys for another seed', () => {
    const [a, b] = [started('a'), started('b')];
    for (const link of [a, b]) link.advance(60_000);
    expect(a.state()).not.toEqual(b.state());
    expect(drawn(a, 256)).not.toBe(drawn(b, 256));
  });

  it('makes bits at its rate while it is calm', () => {
    const link = started('calm', { rateBitsPerSecond: 25_600, qberNoise: 0 });
    link.advance(10_000);
    expect(link.state()).toMatchObject({ up: true, availableBits: 256_000, distilledBits: 256_000 });
    link.setRate(0);
    link.advance(20_000);
    expect(link.state()).toMatchObject({ rateBitsPerSecond: 0, availableBits: 256_000 });
  });

  it('keeps no more than its capacity and counts the rest', () => {
    const link = started('full', { rateBitsPerSecond: 1000, qberNoise: 0, capacityBits: 2500 });
    link.advance(10_000);
    expect(link.state()).toMatchObject({ availableBits: 2500, distilledBits: 10_000, discardedBits: 7500 });
  });
});

describe('the bits of the link simulator', () => {
  it('gives only bits that it has, and every bit once', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(64, 128, 256), { maxLength: 30 }), (sizes) => {
        const link = started('sum', { rateBitsPerSecond: 0, initialBits: 2048 });
        let left = 2048;
        const seen = new Set<string>();
        for (const bits of sizes) {
          const key = link.draw(bits);
          expect(key !== undefined).toBe(bits <= left);
          if (key === undefined) continue;
          left -= bits;
          expect(key.bytes.length).toBe(bits / 8);
          expect(seen.has(key.keyId)).toBe(false);
          seen.add(key.keyId);
          expect(key.keyId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        }
        expect(link.state().availableBits).toBe(left);
      }),
    );
  });

  it('is out about as long as its profile says', () => {
    const link = started('availability', { ...ROUGH, meanUpMs: 9000, meanOutMs: 1000 });
    let up = 0;
    const steps = 100_000;
    for (let step = 1; step <= steps; step++) {
      link.advance(step * STEP_MS);
      if (link.state().up) up++;
    }
    expect(up / steps).toBeGreaterThan(0.87);
    expect(up / steps).toBeLessThan(0.93);
  });
});

describe('the link simulator when something goes on', () => {
  it('stops while the fibre is cut and comes back', () => {
    const link = started('cut', { rateBitsPerSecond: 1000, qberNoise: 0 });
    link.inject({ kind: 'outage', durationMs: 5000 });
    link.advance(5000);
    expect(link.state()).toMatchObject({ up: false, rateBitsPerSecond: 0, availableBits: 0 });
    link.advance(6000);
    expect(link.state()).toMatchObject({ up: true, availableBits: 1000 });
  });

  it('makes nothing secret while someone listens', () => {
    const link = started('intrusion', { rateBitsPerSecond: 1000, qberNoise: 0 });
    link.inject({ kind: 'intrusion', durationMs: 2000, qber: 0.25 });
    link.advance(2000);
    expect(link.state()).toMatchObject({ up: true, qber: 0.25, rateBitsPerSecond: 0, availableBits: 0 });
    link.advance(3000);
    expect(link.state()).toMatchObject({ qber: 0.02, availableBits: 1000 });
  });

  it('does not run backwards', () => {
    const link = started('back', { rateBitsPerSecond: 1000, qberNoise: 0 });
    link.advance(1000);
    link.advance(0);
    link.advance(1000);
    expect(link.state().distilledBits).toBe(1000);
  });

  it('has no secret bit left at about 11 % errors', () => {
    expect(secretFraction(0)).toBe(1);
    expect(secretFraction(0.02)).toBeCloseTo(0.694, 2);
    expect(secretFraction(0.11)).toBe(0);
    expect(secretFraction(0.5)).toBe(0);
  });
});

describe('the seeded stream', () => {
  it('gives the same octets however they are taken', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 }), { maxLength: 10 }), (lengths) => {
        const pieces = new SeededRandom('s');
        const whole = new SeededRandom('s').bytes(lengths.reduce((sum, length) => sum + length, 0));
        expect(Buffer.concat(lengths.map((length) => pieces.bytes(length)))).toEqual(Buffer.from(whole));
      }),
    );
  });

  it('has numbers spread over [0, 1)', () => {
    const random = new SeededRandom('spread');
    const values = Array.from({ length: 10_000 }, () => random.unit());
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((sum, value) => sum + value) / values.length).toBeCloseTo(0.5, 1);
  });
});
