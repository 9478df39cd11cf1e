import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  demandPerUe,
  judgeKeyRate,
  keyUseOf,
  readinessOf,
  timeText,
} from '../../../n3iwf/doctor/key-rate.ts';
import { plan } from './healthy.ts';

const fresh = keyUseOf('rfc9867', 'psk');

describe('demand', () => {
  it('is one key an attach for a PPK, one for AUTH, and one an SA where each takes its own', () => {
    expect(keyUseOf('rfc8784', 'qkd')).toEqual({ perAttach: 2, perSa: 0 });
    expect(keyUseOf('rfc9867', 'qkd')).toEqual({ perAttach: 2, perSa: 1 });
    expect(keyUseOf('none', 'certificate')).toEqual({ perAttach: 0, perSa: 0 });
    expect(keyUseOf('unheard-of', 'psk')).toEqual({ perAttach: 0, perSa: 0 });
  });

  it('adds up over attaches and Child SAs', () => {
    const pace = { childSasPerUe: 2, childSeconds: 100, ikeSeconds: 1000 };
    expect(demandPerUe(fresh, pace)).toBeCloseTo(0.021);
    expect(demandPerUe(keyUseOf('rfc8784', 'qkd'), pace)).toBeCloseTo(0.002);
  });
});

describe('readiness', () => {
  const rates = fc.double({ min: 0.001, max: 1e5, noNaN: true });
  const plans = fc.record({
    ues: fc.integer({ min: 1, max: 100_000 }),
    childSasPerUe: fc.integer({ min: 1, max: 16 }),
    childSeconds: fc.integer({ min: 60, max: 86_400 }),
    ikeSeconds: fc.integer({ min: 60, max: 604_800 }),
    keysPerSecond: fc.constant(undefined),
    outageSeconds: fc.constant(600),
  });

  it('names lifetimes that the rate does carry, and no more UEs than it carries', () => {
    fc.assert(
      fc.property(plans, rates, (of, rate) => {
        const { fitting, carriedUes } = readinessOf(fresh, of, rate, 100);
        expect(fitting).toBeDefined();
        expect(demandPerUe(fresh, { ...of, ...fitting! }) * of.ues).toBeLessThanOrEqual(rate * (1 + 1e-9));
        expect(carriedUes * demandPerUe(fresh, of)).toBeLessThanOrEqual(rate * (1 + 1e-9));
        expect((carriedUes + 1) * demandPerUe(fresh, of)).toBeGreaterThan(rate * (1 - 1e-9));
      }),
    );
  });

  it('lets the pool last longer with a link than without', () => {
    fc.assert(
      fc.property(plans, rates, fc.nat(1e6), (of, rate, pool) => {
        const { outageSeconds, pooledSeconds } = readinessOf(fresh, of, rate, pool);
        expect(pooledSeconds).toBeGreaterThanOrEqual(outageSeconds);
      }),
    );
  });

  it('has no fitting lifetime without a link', () => {
    expect(readinessOf(fresh, plan, 0, 10).fitting).toBeUndefined();
  });
});

describe('judgement', () => {
  it('fails on too low a rate, with the time that the pool lasts and lifetimes that fit', () => {
    const of = { ...plan, ues: 3600, childSasPerUe: 1, ikeSeconds: 3600 };
    expect(judgeKeyRate(fresh, of, 1, 600)).toEqual({
      severity: 'fail',
      detail: '3600 UEs need 2 keys/s, the link makes 1 keys/s: the pool of 600 keys is empty after 10 min',
      remedy: 'fitting lifetimes: Child SA 7200 s, IKE SA 7200 s; or at most 1800 UEs',
    });
    expect(judgeKeyRate(fresh, of, 0, 600).remedy).toBe('see why the link makes no keys');
  });

  it('warns when an outage would not be bridged, with the pool that would', () => {
    const of = { ...plan, ues: 3600, childSasPerUe: 1, ikeSeconds: 3600 };
    expect(judgeKeyRate(fresh, of, 5, 100)).toMatchObject({
      severity: 'warn',
      detail: expect.stringContaining('an outage of 50 s'),
      remedy: 'let the KME keep 1200 keys or more',
    });
    expect(judgeKeyRate(fresh, of, 5, 1200).severity).toBe('ok');
  });

  it('says how many UEs are carried when no number is given', () => {
    const of = { ...plan, ues: undefined, childSasPerUe: 1, ikeSeconds: 3600 };
    expect(judgeKeyRate(fresh, of, 1, 0)).toMatchObject({
      severity: 'ok',
      detail: expect.stringContaining('carry 1800 UEs'),
    });
  });

  it('is silent where no key is used or no rate is known', () => {
    expect(judgeKeyRate(keyUseOf('none', 'psk'), plan, 0, 0).severity).toBe('ok');
    expect(judgeKeyRate(fresh, plan, undefined, 5).severity).toBe('skip');
  });
});

it('shows times in the unit that fits', () => {
  expect([5, 600, 36_000, Number.POSITIVE_INFINITY].map(timeText)).toEqual([
    '5 s',
    '10 min',
    '10 h',
    'for ever',
  ]);
});
