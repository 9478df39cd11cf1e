import { expect, test } from 'vitest';
import { fallbackChart } from '../support/fallback-chart.ts';
import { FallbackWorld, HARD_MS, type Sample } from '../support/fallback-world.ts';

const FULL = 10_000_000;

test('a link throttled to nothing and back costs no packet, and keying falls back before the pool is empty', async () => {
  const world = new FallbackWorld({ ues: 20, poolKeys: 60, packetEveryMs: 500 });
  await world.run(60_000, () => FULL);
  expect(world.mode).toBe('qkd');
  expect(world.tally).toMatchObject({ mlKemRekeys: 0, lost: 0 });
  await world.run(240_000, () => 0);
  expect(world.mode).toBe('fallback');
  expect(world.changes).toHaveLength(1);
  expect(world.changes[0]!.storedKeys).toBeGreaterThan(0);
  expect(world.tally.mlKemRekeys).toBeGreaterThan(15);
  await world.run(120_000, () => FULL);
  expect(world.mode).toBe('qkd');
  expect(world.changes).toHaveLength(2);
  expect(world.changes[1]!.atMs - world.changes[0]!.atMs).toBeGreaterThanOrEqual(60_000);
  const { sent, received, lost, reordered, pastHardLimit, oldestMs, refusedByKme } = world.tally;
  expect({ lost, reordered, pastHardLimit, refusedByKme }).toEqual({
    lost: 0,
    reordered: 0,
    pastHardLimit: 0,
    refusedByKme: 0,
  });
  expect(oldestMs).toBeLessThan(HARD_MS);
  // What was sent last is still on its way.
  expect(sent - received).toBeLessThanOrEqual(20);
  expect(sent).toBeGreaterThan(16_000);
}, 60_000);

test('a link at the boundary makes keying flap at most once a minute', async () => {
  const world = new FallbackWorld({ ues: 20, poolKeys: 40, packetEveryMs: 5000 });
  const need = (20 / 60) * 256;
  await world.run(600_000, (ms) => need * (ms % 40_000 < 20_000 ? 1.1 : 0.4));
  const entries = world.changes.filter((change) => change.mode === 'fallback');
  expect(entries.length).toBeGreaterThan(0);
  for (const [index, entry] of entries.entries())
    if (index > 0) expect(entry.atMs - entries[index - 1]!.atMs).toBeGreaterThanOrEqual(60_000);
  expect(world.tally).toMatchObject({ lost: 0, pastHardLimit: 0 });
}, 60_000);

test('the picture has a curve for pool, need and both rates, and shades the fallback', () => {
  const at = (atMs: number, mode: Sample['mode']): Sample => ({
    atMs,
    storedKeys: 10,
    keysPerSecond: 2,
    needKeys: 5,
    linkBitsPerSecond: 1000,
    mode,
  });
  const chart = fallbackChart([
    at(0, 'qkd'),
    at(60_000, 'fallback'),
    at(90_000, 'qkd'),
    at(120_000, 'fallback'),
  ]);
  expect(chart.match(/<polyline/g)).toHaveLength(4);
  expect(chart.match(/opacity/g)).toHaveLength(2);
  expect(chart.startsWith('<svg') && chart.endsWith('</svg>\n')).toBe(true);
  expect(chart).not.toContain('NaN');
});
