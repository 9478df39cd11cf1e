import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINK_PROFILES, LinkAlarm, LinkSimulator } from '#qkd';

describe('the alarm of the error rate', () => {
  it('is raised after its time, names the last good moment, and is cleared after a quiet one', () => {
    const alarm = new LinkAlarm({ raiseAfterMs: 1000, clearAfterMs: 5000 });
    expect(alarm.observe(0, 0.02)).toBeUndefined();
    expect(alarm.observe(500, 0.2)).toBeUndefined();
    expect(alarm.observe(1499, 0.2)).toBeUndefined();
    expect(alarm.observe(1500, 0.21)).toEqual({ kind: 'raised', sinceMs: 0, qber: 0.21 });
    expect(alarm.standing).toBe(true);
    expect(alarm.observe(2000, 0.01)).toBeUndefined();
    expect(alarm.observe(6000, 0.06)).toBeUndefined();
    expect(alarm.observe(7000, 0.01)).toBeUndefined();
    expect(alarm.observe(12_000, 0.01)).toEqual({ kind: 'cleared', sinceMs: 0 });
    expect(alarm.standing).toBe(false);
  });

  it('is not raised by one outlier', () => {
    const alarm = new LinkAlarm();
    for (let now = 0; now < 60_000; now += 1000)
      expect(alarm.observe(now, now % 2000 === 0 ? 0.3 : 0.02)).toBeUndefined();
  });

  it('distrusts from the first measurement on when none was good', () => {
    const alarm = new LinkAlarm({ raiseAfterMs: 100 });
    alarm.observe(7000, 0.3);
    expect(alarm.observe(7100, 0.3)).toMatchObject({ kind: 'raised', sinceMs: 7000 });
  });
});

describe('the alarm of the error rate, over any measurements', () => {
  it('alternates, and what is raised lies behind what was cleared, for any measurements', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5000), fc.double({ min: 0, max: 0.5, noNaN: true }))),
        (samples) => {
          const alarm = new LinkAlarm({ raiseAfterMs: 1000, clearAfterMs: 2000 });
          let now = 0;
          let standing = false;
          for (const [passed, qber] of samples) {
            now += passed;
            const change = alarm.observe(now, qber);
            if (change === undefined) continue;
            expect(change.kind).toBe(standing ? 'cleared' : 'raised');
            expect(change.sinceMs).toBeLessThanOrEqual(now);
            standing = !standing;
            expect(alarm.standing).toBe(standing);
          }
        },
      ),
    );
  });

  it('sees an intruder on a simulated link within five seconds', () => {
    const link = new LinkSimulator('spy', LINK_PROFILES.metro);
    const alarm = new LinkAlarm();
    link.advance(0);
    for (let now = 0; now <= 60_000; now += 500) {
      link.advance(now);
      expect(alarm.observe(now, link.state().qber)).toBeUndefined();
    }
    link.inject({ kind: 'intrusion', durationMs: 60_000, qber: 0.2 });
    let raisedAt = 0;
    for (let now = 60_500; now <= 70_000 && raisedAt === 0; now += 500) {
      link.advance(now);
      const change = alarm.observe(now, link.state().qber);
      if (change === undefined) continue;
      expect(change).toMatchObject({ kind: 'raised', sinceMs: 60_000 });
      raisedAt = now;
    }
    expect(raisedAt).toBeGreaterThan(60_000);
    expect(raisedAt).toBeLessThan(65_000);
  });
});
