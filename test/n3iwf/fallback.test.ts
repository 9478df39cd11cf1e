import { expect, test } from 'vitest';
import { type SupplySample, supplyChart } from '../../n3iwf/cli/supply-chart.ts';
import { FallbackWorld, HARD_MS, LATENCY_MS } from '../support/fallback-world.ts';

const FULL = 10_000_000;

test('the N3IWF leaves QKD before the pool is empty and comes back to it, and no packet of its UEs is lost', async () => {
  const world = new FallbackWorld({ ues: 8, poolKeys: 60, packetEveryMs: 500 });
  await world.run(90_000, () => FULL);
  expect(world.mode).toBe('qkd');
  expect(world.tally).toMatchObject({ mlKemRekeys: 0, lost: 0 });
  expect(world.tally.quantumRekeys).toBeGreaterThan(16);
  await world.run(300_000, () => 0);
  expect(world.mode).toBe('fallback');
  expect(world.changes).toHaveLength(1);
  expect(world.changes[0]!.storedKeys).toBeGreaterThan(8);
  expect(world.tally.mlKemRekeys).toBeGreaterThan(30);
  const quantum = world.tally.quantumRekeys;
  await world.run(150_000, () => FULL);
  expect(world.mode).toBe('qkd');
  expect(world.changes).toHaveLength(2);
  expect(world.changes[1]!.atMs - world.changes[0]!.atMs).toBeGreaterThanOrEqual(60_000);
  expect(world.tally.quantumRekeys).toBeGreaterThan(quantum + 16);
  const { sent, received, lost, pastHardLimit, ended, failedRekeys, oldestMs } = world.tally;
  expect({ lost, pastHardLimit, ended, failedRekeys }).toEqual({
    lost: 0,
    pastHardLimit: 0,
    ended: 0,
    failedRekeys: 0,
  });
  expect(oldestMs).toBeLessThan(HARD_MS);
  // What was sent last is still on its way.
  expect(sent - received).toBeLessThanOrEqual(8);
  expect(sent).toBeGreaterThan(8 * 2 * 500);
}, 120_000);

test('a policy that wants quantum keys is refused them one by one, and never falls back', async () => {
  const world = new FallbackWorld({ ues: 2, poolKeys: 20, packetEveryMs: 1000, policy: 'qkd-required' });
  await world.run(60_000, () => FULL);
  await world.run(240_000, () => 0);
  expect(world.tally.mlKemRekeys).toBe(0);
  expect(world.tally.failedRekeys).toBeGreaterThan(0);
  expect(world.tally.oldestMs).toBeLessThanOrEqual(HARD_MS + 2 * LATENCY_MS);
}, 60_000);

test('a link at the boundary makes keying flap at most once a minute', async () => {
  const world = new FallbackWorld({ ues: 8, poolKeys: 40, packetEveryMs: 5000 });
  const need = (17 / 60) * 256;
  await world.run(600_000, (ms) => need * (ms % 40_000 < 20_000 ? 1.1 : 0.4));
  const entries = world.changes.filter((change) => change.mode === 'fallback');
  expect(entries.length).toBeGreaterThan(0);
  for (const [index, entry] of entries.entries())
    if (index > 0) expect(entry.atMs - entries[index - 1]!.atMs).toBeGreaterThanOrEqual(60_000);
  expect(world.tally).toMatchObject({ lost: 0, pastHardLimit: 0, ended: 0 });
}, 120_000);

test('the picture has a curve for pool, need and both rates, and shades the fallback', () => {
  const at = (atMs: number, mode: SupplySample['mode']): SupplySample => ({
    atMs,
    storedKeys: 10,
    keysPerSecond: 2,
    needKeys: 5,
    linkBitsPerSecond: 1000,
    mode,
  });
  const chart = supplyChart([
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
