import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bitsOf,
  LAST_LEG_MS,
  LINK_SCHEDULES,
  linkScheduleOf,
  parseLinkSchedule,
} from '../../../n3iwf/cli/lab-schedule.ts';

describe('a schedule of the link', () => {
  test('has legs in the order of time, rates in bits a second or times the need, and an end', () => {
    const { legs, endMs } = parseLinkSchedule(
      '0s 10Mbit/s; 20s 0 # dark\n60.5s 2.5kbit/s;\n70s 1.5x; 90s end',
    );
    expect(endMs).toBe(90_000);
    expect(legs.map(({ fromMs, unit, amount }) => [fromMs, unit, amount])).toEqual([
      [0, 'bits', 10_000_000],
      [20_000, 'bits', 0],
      [60_500, 'bits', 2500],
      [70_000, 'need', 1.5],
    ]);
    expect(legs.map((leg) => bitsOf(leg, 100))).toEqual([10_000_000, 0, 2500, 150]);
  });

  test('without an end its last leg lasts a minute', () => {
    expect(parseLinkSchedule('0s 7bit/s; 5s 0').endMs).toBe(5000 + LAST_LEG_MS);
  });

  test.each([
    ['', 'has no rate at all'],
    ['10s end', 'is the first and must be of 0s'],
    ['0s end', 'has no rate at all'],
    ['5s 0', '"5s 0" is the first and must be of 0s'],
    ['0s 0; 5s 1bit/s; 5s 0', '"5s 0" is not later than the one before it'],
    ['0s 0; 5s end; 6s 0', '"6s 0" comes after the end'],
    ['0s 10', '"0s 10" has no rate'],
    ['0s 10Tbit/s', 'has no rate'],
    ['0s 9999Gbit/s', 'has no rate'],
    ['0s -1x', 'has no rate'],
    ['no such file', '"no such file" is no entry'],
  ])('"%s" is refused: %s', (text, why) => {
    expect(() => linkScheduleOf(text)).toThrow(why);
  });

  test('can be a name or a file', () => {
    expect(linkScheduleOf('throttle')).toEqual(parseLinkSchedule(LINK_SCHEDULES.throttle));
    const folder = mkdtempSync(join(tmpdir(), 'schedule-'));
    const file = join(folder, 's.txt');
    writeFileSync(file, '# mine\n0s 5bit/s\n1s end\n');
    expect(linkScheduleOf(file)).toMatchObject({ endMs: 1000, legs: [{ amount: 5 }] });
    rmSync(folder, { recursive: true });
  });
});

describe('any schedule of the link', () => {
  test('any legs come out as they were written', () => {
    const entries = fc.array(
      fc.tuple(
        fc.integer({ min: 1, max: 50 }),
        fc.nat({ max: 999 }),
        fc.constantFrom('bit/s', 'kbit/s', 'x'),
      ),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(entries, (drawn) => {
        let at = -1;
        const lines = drawn.map(([gap, amount, unit], index) => {
          at = index === 0 ? 0 : at + gap;
          return [at, amount, unit] as const;
        });
        const { legs } = parseLinkSchedule(lines.map(([s, n, unit]) => `${s}s ${n}${unit}`).join(';'));
        expect(legs.map(({ fromMs, unit, amount }) => [fromMs, unit, amount])).toEqual(
          lines.map(([s, n, unit]) => [
            s * 1000,
            unit === 'x' ? 'need' : 'bits',
            unit === 'kbit/s' ? n * 1000 : n,
          ]),
        );
      }),
    );
  });

  test('whatever is written, the answer is legs or an error that says what is wrong', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789s. ;\nkMGbit/x#end') }), (text) => {
        try {
          const { legs, endMs } = parseLinkSchedule(text);
          expect(legs[0]?.fromMs).toBe(0);
          expect(endMs).toBeGreaterThan(legs.at(-1)?.fromMs ?? 0);
        } catch (error) {
          expect(String(error)).toContain('the schedule of the link');
        }
      }),
    );
  });
});
