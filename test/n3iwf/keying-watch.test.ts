import { describe, expect, it } from 'vitest';
import { KeyingWatch } from '../../n3iwf/keying-watch.ts';
import { type Log, silentLog } from '../../n3iwf/log.ts';

function watched(): { watch: KeyingWatch; told: string[] } {
  const told: string[] = [];
  const log: Log = {
    ...silentLog,
    info: (_, text) => told.push(`info ${text}`),
    warn: (_, text) => told.push(`warn ${text}`),
  };
  return { watch: new KeyingWatch({ policy: 'qkd-preferred' }, log), told };
}

describe('the watch on the supply', () => {
  it('tells before the pool is empty that the rate is below what UEs ask for, and when it suffices again', () => {
    const { watch, told } = watched();
    let [stored, used] = [400, 0];
    const second = (now: number, asked: number, received: number) => {
      used += asked;
      for (let key = 0; key < asked; key++) watch.named(now * 1000);
      stored = Math.max(0, stored - asked + received);
      return watch.observe(now * 1000, { storedKeys: stored, usedKeys: used, trusted: true });
    };
    for (let now = 0; now < 120; now++) second(now, 2, 2);
    expect(told).toEqual([]);
    expect(watch.state).toMatchObject({ mode: 'qkd', reason: 'enough' });
    expect(watch.state?.keysPerSecond).toBeCloseTo(2, 0);
    for (let now = 120; stored > 0 && told.length === 0; now++) second(now, 2, 0);
    expect(told).toEqual([
      'warn quantum keys are too few: more keys fall due within the horizon than pool and rate give',
    ]);
    expect(stored).toBeGreaterThan(50);
    for (let now = 400; now < 600; now++) second(now, 1, 5);
    expect(told.at(-1)).toBe('info quantum keys suffice again: pool and rate cover the keys that fall due');
    expect(told).toHaveLength(2);
  });

  it('tells a KME that is lost and a link that is distrusted', () => {
    const { watch } = watched();
    expect(watch.observe(0, { storedKeys: 100, usedKeys: 0, trusted: true }).mode).toBe('qkd');
    expect(watch.observe(1, { storedKeys: undefined, usedKeys: 0, trusted: true }).reason).toBe('kme-lost');
    expect(watch.observe(2, { storedKeys: 100, usedKeys: 0, trusted: false }).reason).toBe('link-distrusted');
  });

  it('takes what is there at the first look for stock, not for income', () => {
    const { watch } = watched();
    expect(watch.observe(0, { storedKeys: 10_000, usedKeys: 50, trusted: true })).toMatchObject({
      keysPerSecond: 0,
      needKeys: 0,
      storedKeys: 10_000,
    });
  });
});
