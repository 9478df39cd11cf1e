import { describe, expect, it } from 'vitest';
import { InactivityWatch } from '../../../n3iwf/ue/inactivity-watch.ts';
import { attached, nothing } from '../../support/attached.ts';
import { lastSent, names, sent } from '../n2/support.ts';

const limitMs = 60_000;
const sa = (childSaId: number, packetsIn: number, packetsOut = 0) => ({
  childSaId,
  packetsIn,
  packetsOut,
  spiIn: 1,
  spiOut: 2,
  octetsIn: 0,
  octetsOut: 0,
});

const attachedFor = (inactivityMs: number | undefined) =>
  attached({ gateway: inactivityMs === undefined ? {} : { inactivityMs } });

describe('watch for idle UEs', () => {
  it('a UE is idle when none of its Child SAs has carried anything for the time', () => {
    const watch = new InactivityWatch(limitMs);
    const idle = (now: number, ...childSas: ReturnType<typeof sa>[]) =>
      watch.isIdle(now, { ueId: 1, childSas });
    expect(idle(0, sa(1, 5), sa(2, 0))).toBe(false);
    expect(idle(59_999, sa(1, 5), sa(2, 0))).toBe(false);
    expect(idle(60_000, sa(1, 5), sa(2, 0))).toBe(true);
    expect(idle(60_001, sa(1, 5), sa(2, 0, 1))).toBe(false);
    expect(idle(120_000, sa(1, 5), sa(2, 0, 1))).toBe(false);
    expect(idle(120_001, sa(1, 5), sa(2, 0, 1))).toBe(true);
  });

  it('a new Child SA in the place of one is no activity until it carries something', () => {
    const watch = new InactivityWatch(limitMs);
    const idle = (now: number, ...childSas: ReturnType<typeof sa>[]) =>
      watch.isIdle(now, { ueId: 1, childSas });
    expect(idle(0, sa(1, 100))).toBe(false);
    expect(idle(60_000, sa(7, 0))).toBe(true);
    expect(idle(60_001, sa(7, 1))).toBe(false);
  });

  it('without a limit there is nothing to look at, and without UEs neither', () => {
    expect(new InactivityWatch().deadline(5, 3)).toBeUndefined();
    const watch = new InactivityWatch(limitMs);
    expect([watch.deadline(5, 0), watch.due(100_000)]).toEqual([undefined, false]);
    expect(watch.deadline(5, 1)).toBe(10_005);
    expect([watch.due(10_004), watch.due(10_005), watch.deadline(10_005, 1)]).toEqual([false, true, 20_005]);
  });
});

describe('a UE without traffic', () => {
  it('[TS38413 8.3.2] is released with the cause user-inactivity, its sessions named, and nothing is left', async () => {
    const world = await attachedFor(limitMs);
    await world.pass(55_000);
    expect(names(world)).not.toContain('UEContextReleaseRequest');
    expect(await world.ping()).toBe(true);
    await world.pass(55_000);
    expect(names(world)).not.toContain('UEContextReleaseRequest');
    await world.pass(30_000);
    expect(lastSent(world, 'UEContextReleaseRequest')).toMatchObject({
      cause: { choice: 'radioNetwork', value: 'user-inactivity' },
      pduSessionResourceListCxtRelReq: [{ pduSessionId: 1 }],
    });
    expect(sent(world, 'UEContextReleaseRequest')).toHaveLength(1);
    expect(world.left()).toEqual(nothing);
  });

  it('stays where no limit is set', async () => {
    for (const limit of [undefined, 0]) {
      const world = await attachedFor(limit);
      await world.pass(3_600_000);
      expect(sent(world, 'UEContextReleaseRequest')).toEqual([]);
      expect(await world.ping()).toBe(true);
    }
  });
});
