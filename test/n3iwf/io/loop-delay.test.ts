import { expect, it } from 'vitest';
import { measureLoopDelay } from '../../../n3iwf/io/loop-delay.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('sees a loop that was held up, once', async () => {
  const delay = measureLoopDelay();
  expect(delay.read()).toEqual({ median: 0, p99: 0, most: 0 });
  await pause(60);
  const until = performance.now() + 300;
  while (performance.now() < until);
  await pause(60);
  const { median, p99, most } = delay.read();
  expect(most).toBeGreaterThan(0.2);
  expect(most).toBeGreaterThanOrEqual(p99);
  expect(p99).toBeGreaterThanOrEqual(median);
  expect(delay.read().most).toBeLessThan(most);
  delay.stop();
});
