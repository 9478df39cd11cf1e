/** Random lives of IKE SAs over bad networks, both sides rekeying: both ends agree when the weather clears. */
import { soak } from '../support/ike-soak.ts';

/**
 * Runs seeds 1 to `count` (10,000 when no limit is given), or until `minutes` have passed; with `seed` from there on. A
 * run that fails names its seed.
 */
export async function run(limits: { minutes?: number; count?: number; seed?: number }): Promise<string> {
  const first = limits.seed ?? 1;
  const count = limits.count ?? (limits.minutes === undefined ? 10_000 : Number.POSITIVE_INFINITY);
  const end = performance.now() + (limits.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const sum = { childRekeys: 0, ikeRekeys: 0, redundant: 0, multiple: 0, lost: 0, delivered: 0 };
  let done = 0;
  for (; done < count && performance.now() < end; done++) {
    try {
      const report = soak(first + done);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += report[key];
    } catch (error) {
      throw new Error(`seed ${first + done} ended in disagreement`, { cause: error });
    }
  }
  const { childRekeys, ikeRekeys, redundant, multiple, lost, delivered } = sum;
  return `${done} schedules agree: ${childRekeys} rekeys of Child SAs (${redundant} lost a collision), ${ikeRekeys} of IKE SAs, ${multiple} SAs by several key exchanges, ${lost} of ${lost + delivered} datagrams lost`;
}
