/** Numbers of one repeated measurement, and what they say. */

/** A value with the ends of its 95 % confidence interval. */
export interface Estimate {
  readonly value: number;
  readonly from: number;
  readonly to: number;
}

const resamples = 10_000;
const tail = 0.025;

/** The middle value, or the mean of both middle ones. @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('a median needs values');
  return (lower + upper) / 2;
}

/** Repeatable uniform numbers from 0 to 1: xorshift32, as resampling needs no better ones. */
export function uniform(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** As many values, drawn with replacement. */
function resampled(values: readonly number[], random: () => number): number[] {
  return values.map(() => values[Math.floor(random() * values.length)] as number);
}

/**
 * `of` the samples, with the interval that holds it in 95 % of resamplings: the percentile bootstrap, each sample
 * resampled by itself.
 */
export function bootstrap<S extends readonly (readonly number[])[]>(
  samples: S,
  of: (...samples: number[][]) => number,
  random: () => number = uniform(1),
): Estimate {
  const values = Float64Array.from({ length: resamples }, () =>
    of(...samples.map((sample) => resampled(sample, random))),
  ).sort();
  const at = (share: number) => values[Math.round(share * (resamples - 1))] as number;
  return { value: of(...samples.map((sample) => [...sample])), from: at(tail), to: at(1 - tail) };
}

/** Median of one sample. */
export function medianOf(sample: readonly number[]): Estimate {
  return bootstrap([sample], (values = []) => median(values));
}

/** Median of the first over median of the second. */
export function ratioOf(first: readonly number[], second: readonly number[]): Estimate {
  return bootstrap([first, second], (a = [], b = []) => median(a) / median(b));
}
