import { describe, expect, test } from 'vitest';
import { changeText, type LinkRun, type LinkSample, verdictsOn } from '../../../n3iwf/cli/lab-verdict.ts';

const settings = {
  policy: 'qkd-preferred',
  minFallbackMs: 60_000,
  holdMs: 15_000,
  returnFactor: 1.25,
} as const;

const at = (seconds: number, mode: LinkSample['mode'], parts: Partial<LinkSample> = {}): LinkSample => ({
  atMs: seconds * 1000,
  storedKeys: 100,
  needKeys: 100,
  supplyKeys: 100,
  keysPerSecond: 0,
  linkBitsPerSecond: 0,
  mode,
  reason: mode === 'qkd' ? 'enough' : 'need-above-supply',
  ...parts,
});

const counts = {
  quantumRekeys: 9,
  mlKemRekeys: 9,
  failedRekeys: 0,
  pastHardLimit: 0,
  ended: 0,
  oldestMs: 20_000,
};

function run(samples: readonly LinkSample[], parts: Partial<LinkRun> = {}): LinkRun {
  const changes = samples.filter(({ mode }, index) => mode !== (samples[index - 1]?.mode ?? 'qkd'));
  return { legs: [], samples, changes, leastInQkd: 90, counts, packets: { sent: 10, lost: 0 }, ...parts };
}

/** Which of the five claims hold. */
const held = (...parts: Parameters<typeof run>) =>
  verdictsOn(run(...parts), settings).map(({ held }) => held);

const good = [at(1, 'qkd'), at(30, 'fallback'), at(95, 'qkd'), at(120, 'qkd')];

describe('what a run with a schedule has to show', () => {
  test('a switch in time and a way back in time are as they should be', () => {
    expect(verdictsOn(run(good), settings)).toEqual([
      { claim: 'left QKD before the pool was empty', held: true, seen: 'with 100 keys in the pool' },
      { claim: 'no packet lost', held: true, seen: '0 of 10 lost' },
      {
        claim: 'no SA past its hard limit, none ended',
        held: true,
        seen: '0 past it, 0 IKE SAs ended; oldest Child SA 20.0 s',
      },
      { claim: 'back to QKD by hysteresis, not before 60.0 s', held: true, seen: 'after 65.0 s' },
      { claim: 'at most one flap in 60.0 s', held: true, seen: '1 in all' },
    ]);
  });

  test('a pool that was empty while quantum keys were taken is seen, at the switch or before it', () => {
    expect(held(good, { leastInQkd: 0 })).toEqual([false, true, true, true, true]);
    const late = [at(30, 'fallback', { storedKeys: 0, reason: 'pool-at-reserve' })];
    expect(held(late)[0]).toBe(false);
    // A KME that is gone is no fault of the controller.
    expect(held([at(30, 'fallback', { storedKeys: 0, reason: 'kme-lost' })])[0]).toBe(true);
  });

  test('one packet lost, none sent, one SA that ended or outlived its limit', () => {
    expect(held(good, { packets: { sent: 10, lost: 1 } })[1]).toBe(false);
    expect(held(good, { packets: { sent: 0, lost: 0 } })[1]).toBe(false);
    expect(held(good, { counts: { ...counts, pastHardLimit: 1 } })[2]).toBe(false);
    expect(held(good, { counts: { ...counts, ended: 1 } })[2]).toBe(false);
  });

  test('a way back that comes too early, or never', () => {
    expect(held([at(30, 'fallback'), at(80, 'qkd')])[3]).toBe(false);
    const rich = { reason: 'recovering', supplyKeys: 1000 } as const;
    const stuck = [at(30, 'fallback'), ...[60, 80, 100, 101].map((s) => at(s, 'fallback', rich))];
    expect(held(stuck)[3]).toBe(false);
    // Not for long enough yet: after the way in, or of comfort.
    expect(held(stuck.slice(0, 3))[3]).toBe(true);
    expect(held([at(30, 'fallback'), at(90, 'fallback'), at(110, 'fallback', rich)])[3]).toBe(true);
    expect(held([at(30, 'fallback'), at(200, 'fallback', { reason: 'need-above-supply' })])[3]).toBe(true);
  });

  test('two ways into fallback within a minute', () => {
    const flapping = [at(30, 'fallback'), at(50, 'qkd'), at(60, 'fallback')];
    expect(held(flapping).slice(3)).toEqual([false, false]);
    expect(held([at(30, 'fallback'), at(95, 'qkd'), at(100, 'fallback')])[4]).toBe(true);
  });

  test('a change is told with its reason and the keys that are left', () => {
    expect(changeText(at(1, 'fallback', { needKeys: 120.4 }))).toBe(
      'fallback to ML-KEM: more keys fall due within the horizon than pool and rate give (100 keys in the pool, 120 fall due)',
    );
    expect(changeText(at(1, 'qkd'))).toMatch(/^back to QKD: pool and rate cover/);
  });
});
