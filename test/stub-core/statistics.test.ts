import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootstrap, median, medianOf, ratioOf, uniform } from './statistics.ts';

const samples = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 3, maxLength: 12 });

describe('medians with confidence intervals', () => {
  test('the median is the middle value, or the mean of both', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });

  test('the interval of a sample whose median varies as that of normal numbers holds the true value as often as it says', () => {
    const random = uniform(7);
    // sums of twelve uniform numbers: mean 6, near enough to normal
    const normal = () => Array.from({ length: 12 }, random).reduce((sum, each) => sum + each, 0);
    let held = 0;
    const rounds = 60;
    for (let round = 0; round < rounds; round++) {
      const { from, to } = medianOf(Array.from({ length: 40 }, normal));
      if (from <= 6 && 6 <= to) held++;
    }
    expect(held / rounds).toBeGreaterThan(0.85);
    expect(held).toBeLessThanOrEqual(rounds);
  });

  test('a sample without spread has an interval without width, and a ratio is that of the medians', () => {
    expect(medianOf([5, 5, 5])).toEqual({ value: 5, from: 5, to: 5 });
    expect(ratioOf([6, 6, 6], [2, 2])).toEqual({ value: 3, from: 3, to: 3 });
  });

  test('the same seed gives the same interval, and another one another', () => {
    const sample = Array.from({ length: 30 }, (_, at) => (at * 7919) % 101);
    const mean = (values: number[] = []) => values.reduce((sum, each) => sum + each, 0) / values.length;
    expect(bootstrap([sample], mean, uniform(3))).toEqual(bootstrap([sample], mean, uniform(3)));
    expect(bootstrap([sample], mean, uniform(3))).not.toEqual(bootstrap([sample], mean, uniform(4)));
  });

  test('the interval lies within the sample', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const { value, from, to } = medianOf(sample);
        expect(from).toBeGreaterThanOrEqual(Math.min(...sample));
        expect(to).toBeLessThanOrEqual(Math.max(...sample));
        expect(value).toBe(median(sample));
      }),
      { numRuns: 10 },
    );
  });
});
