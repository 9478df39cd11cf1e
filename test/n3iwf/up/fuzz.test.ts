import { expect, it } from 'vitest';
import { run } from '../../fuzz/userplane.ts';

it('a short run of mutated packets: none throws, stalls or reaches another UE', async () => {
  const summary = await run({ count: 10_000 });
  expect(summary).toContain('none threw or strayed');
  expect(Number(/(\d+) went up/.exec(summary)?.[1])).toBeGreaterThan(1000);
  expect(Number(/(\d+) down/.exec(summary)?.[1])).toBeGreaterThan(1000);
});
