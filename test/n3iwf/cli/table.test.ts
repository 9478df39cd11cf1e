import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brief, clip, duration, pairLines, tableLines } from '../../../n3iwf/cli/table.ts';

const columns = [
  { title: 'ID', of: (row: readonly string[]) => row[0], align: 'right' as const },
  { title: 'NAME', of: (row: readonly string[]) => row[1], least: 8 },
  { title: 'WHERE', of: (row: readonly string[]) => row[2], least: 6 },
];

describe('tables', () => {
  it('stand in columns, numbers right, nothing at the end', () => {
    expect(
      tableLines(columns, [
        ['1', 'first', 'here'],
        ['20', '', 'there'],
      ]),
    ).toEqual(['ID  NAME   WHERE', ' 1  first  here', '20  -      there']);
    expect(tableLines(columns, [])).toEqual(['ID  NAME  WHERE']);
  });

  it('give way where they are widest, and keep the end of names', () => {
    const rows = [['1', 'imsi-208930000000001', 'short']];
    expect(tableLines(columns, rows, 24)).toEqual(['ID  NAME           WHERE', ' 1  …930000000001  short']);
  });

  it('give way first where most is left above the least', () => {
    const wide = (title: string, least: number) => ({ title, least, of: () => 'abcdefghijklmnopqrst' });
    const [, line] = tableLines([wide('NAME', 16), wide('PEER', 12)], [0], 39);
    expect(line).toBe('abcdefghijklmnopqrst  …efghijklmnopqrst');
  });

  it('fit the width whatever is in them, if their columns can', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.stringMatching(/^\d{0,5}$/), fc.string(), fc.string())), (rows) => {
        for (const line of tableLines(columns, rows, 40)) expect(line.length).toBeLessThanOrEqual(40);
      }),
    );
  });
});

describe('texts', () => {
  it.each([
    ['abcdef', 6, 'start', 'abcdef'],
    ['abcdef', 4, 'start', 'abc…'],
    ['abcdef', 4, 'end', '…def'],
    ['abcdef', 1, 'end', 'a'],
    ['abcdef', 0, 'start', ''],
  ] as const)('%s in %i', (text, width, keep, clipped) => {
    expect(clip(text, width, keep)).toBe(clipped);
  });

  it('pairs stand in two columns; those without a value are left out', () => {
    const pairs = [['a', 1] as const, ['long', 'x'.repeat(20)] as const, ['gone', undefined] as const];
    expect(pairLines(pairs, 16)).toEqual(['a     1', 'long  xxxxxxxxx…']);
  });

  it.each([
    [0, '0s'],
    [59.9, '59s'],
    [60, '1m00s'],
    [3725, '1h02m'],
    [90_000, '1d01h'],
    [1e7, '115d17h'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [999.6, '1.0k'],
    [1234, '1.2k'],
    [99_960, '100k'],
    [35e6, '35.0M'],
    [1e21, '1000000P'],
  ])('%d is %s', (value, text) => {
    expect(brief(value)).toBe(text);
  });
});
