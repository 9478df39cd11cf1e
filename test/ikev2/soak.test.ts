import { describe, expect, it } from 'vitest';
import { type SoakReport, soak } from '../support/ike-soak.ts';

/** Seeds of runs that once ended in disagreement. */
const once: readonly number[] = [];

function total(reports: readonly SoakReport[]): SoakReport {
  const sum = (key: keyof SoakReport) => reports.reduce((all, each) => all + each[key], 0);
  return {
    childRekeys: sum('childRekeys'),
    ikeRekeys: sum('ikeRekeys'),
    redundant: sum('redundant'),
    multiple: sum('multiple'),
    lost: sum('lost'),
    delivered: sum('delivered'),
  };
}

/** Names the seed with what went wrong: `npm run fuzz -- ikev2-soak --seed N --count 1` repeats it. */
function named(seed: number): SoakReport {
  try {
    return soak(seed);
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

describe('random schedules', () => {
  it('[RFC7296 2.25] 300 of them end with both sides in agreement on SAs and keys', {
    timeout: 180_000,
  }, () => {
    const seeds = Array.from({ length: 300 }, (_, i) => i + 1);
    const { childRekeys, ikeRekeys, redundant, multiple, lost, delivered } = total(
      [...once, ...seeds].map(named),
    );
    // Without collisions and loss the runs would prove little.
    expect(childRekeys).toBeGreaterThan(600);
    expect(ikeRekeys).toBeGreaterThan(300);
    expect(redundant).toBeGreaterThan(20);
    expect(multiple).toBeGreaterThan(500);
    expect(lost / (lost + delivered)).toBeGreaterThan(0.1);
  });

  it('the same seed gives the same run', () => {
    expect(soak(77)).toEqual(soak(77));
  });
});
