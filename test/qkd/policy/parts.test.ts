import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClassTable, classFaults, DEFAULT_CLASSES, DemandForecast, rankOf } from '#qkd';
import { RateMeter } from '../../../qkd/policy/rate-meter.ts';

const TABLE: ClassTable = {
  classes: [
    { name: 'gold', atLeastEveryMs: 1000 },
    { name: 'silver', atLeastEveryMs: 2000 },
    { name: 'rest', atLeastEveryMs: 3000 },
  ],
  rules: [
    { ues: ['imsi-1'], class: 'gold' },
    { slices: ['1-010203'], fiveQis: [5], class: 'silver' },
  ],
};

describe('classes', () => {
  it.each([
    [{ ue: 'imsi-1', fiveQi: 9 }, 0],
    [{ ue: 'imsi-2', slice: '1-010203', fiveQi: 5 }, 1],
    [{ slice: '1-010203', fiveQi: 9 }, 2],
    [{ slice: '1-010203' }, 2],
    [{}, 2],
  ])('the first rule that fits in all its members decides: %j is of rank %i', (subject, rank) => {
    expect(rankOf(TABLE, subject)).toBe(rank);
  });

  it('put voice and mission-critical flows first by default', () => {
    expect(rankOf(DEFAULT_CLASSES, { fiveQi: 1 })).toBe(0);
    expect(rankOf(DEFAULT_CLASSES, { fiveQi: 9 })).toBe(1);
    expect(classFaults(DEFAULT_CLASSES)).toEqual([]);
  });

  it('tell what is wrong with a table', () => {
    expect(classFaults({ classes: [], rules: [] })).toEqual(['there is no class']);
    const twice = { name: 'a', atLeastEveryMs: 0 };
    expect(classFaults({ classes: [twice, twice], rules: [{ class: 'b' }] })).toEqual([
      'class a stands twice',
      'class a: atLeastEveryMs must be above 0',
      'class a: atLeastEveryMs must be above 0',
      'a rule names the unknown class b',
    ]);
  });
});

describe('the rate meter', () => {
  it('comes to the true rate of even events, whatever their batches', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 50, max: 1000 }), (batch, everyMs) => {
        const meter = new RateMeter(10_000);
        meter.count(0, 0);
        for (let now = everyMs; now <= 60_000; now += everyMs) meter.count(now, batch);
        const truth = (batch * 1000) / everyMs;
        expect(meter.perSecond(60_000) / truth).toBeGreaterThan(0.85);
        expect(meter.perSecond(60_000) / truth).toBeLessThan(1.15);
      }),
    );
  });

  it('forgets with its time constant and is nothing before the first count', () => {
    const meter = new RateMeter(1000);
    expect(meter.perSecond(5)).toBe(0);
    meter.count(10, 0);
    for (let now = 20; now <= 20_010; now += 10) meter.count(now, 1);
    const rate = meter.perSecond(20_010);
    expect(rate).toBeCloseTo(100, -1);
    expect(meter.perSecond(21_010) / rate).toBeCloseTo(Math.exp(-1), 3);
  });
});

describe('the forecast', () => {
  const sa = fc.record({
    dueMs: fc.nat(1000),
    rank: fc.nat(2),
    keying: fc.constantFrom('qkd' as const, 'pqc' as const),
  });

  it('counts what is due by class, as a plain count does', () => {
    fc.assert(
      fc.property(fc.array(sa), fc.nat(1000), fc.nat(3), (sas, untilMs, below) => {
        const forecast = new DemandForecast();
        for (const [index, entry] of sas.entries()) forecast.book(index, entry);
        expect(forecast.due(untilMs, below)).toBe(
          sas.filter((entry) => entry.dueMs <= untilMs && entry.rank < below).length,
        );
        expect(forecast.count()).toBe(sas.length);
        for (const index of sas.keys()) forecast.forget(index);
        expect(forecast.count()).toBe(0);
      }),
    );
  });

  it('brings SAs forward evenly, never later than they were due, and never those with a quantum key', () => {
    fc.assert(
      fc.property(fc.array(sa), fc.nat(20), fc.integer({ min: 1, max: 500 }), (sas, number, overMs) => {
        const forecast = new DemandForecast();
        for (const [index, entry] of sas.entries()) forecast.book(index, entry);
        const chosen = forecast.pullForward(0, number, overMs);
        expect(chosen.length).toBeLessThanOrEqual(number);
        for (const [index, entry] of sas.entries()) {
          const now = forecast.find(index)!;
          expect(now.dueMs).toBeLessThanOrEqual(entry.dueMs);
          if (!chosen.includes(index)) expect(now).toEqual(entry);
          else expect(entry.keying).toBe('pqc');
        }
        const dues = chosen.map((id) => forecast.find(id)!.dueMs);
        for (const [index, due] of dues.entries())
          expect(due).toBeCloseTo((overMs * (index + 1)) / chosen.length, 6);
      }),
    );
  });
});
