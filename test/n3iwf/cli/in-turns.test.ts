import fc from 'fast-check';
import { expect, test } from 'vitest';
import { settledInTurns } from '../../../n3iwf/cli/in-turns.ts';

test('each item has its turn once, so many at a time at most, and outcomes are in the order of the list', async () => {
  const items = fc.array(fc.record({ ms: fc.nat({ max: 3 }), fails: fc.boolean() }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(items, fc.integer({ min: 1, max: 40 }), async (list, most) => {
      let [running, peak] = [0, 0];
      const begun: object[] = [];
      const outcomes = await settledInTurns(list, most, async (item) => {
        begun.push(item);
        peak = Math.max(peak, ++running);
        for (let turn = 0; turn < item.ms; turn++) await Promise.resolve();
        running--;
        if (item.fails) throw new Error('it failed');
      });
      expect(begun).toEqual(list);
      expect(peak).toBeLessThanOrEqual(most);
      expect(peak).toBeGreaterThanOrEqual(Math.min(1, list.length));
      expect(outcomes.map(({ status }) => status)).toEqual(
        list.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')),
      );
    }),
  );
});

test('as many as may be at it are at it', async () => {
  const open: (() => void)[] = [];
  const done = settledInTurns([1, 2, 3, 4, 5], 3, () => new Promise((resolve) => open.push(resolve)));
  await Promise.resolve();
  expect(open).toHaveLength(3);
  for (let at = 0; at < 5; at++) {
    open[at]?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  expect(await done).toHaveLength(5);
});
