import { expect, it } from 'vitest';
import { exercise, run } from '../fuzz/ngap.ts';

/** Octets that once broke something stay here. */
const found: readonly [string, string][] = [
  ['a list of no elements', '20140018000002006f40050060000000001340087800000000000000'],
  ['a mandatory IE unreadable and marked to be ignored', '0014000e000002004f4002000000587800000000000000'],
];

it('a short run of mutated PDUs', async () => {
  expect(await run({ count: 5_000 })).toContain('none threw');
});

it('what once failed does no more', () => {
  for (const [why, octets] of found)
    expect(() => exercise(Uint8Array.from(Buffer.from(octets, 'hex'))), why).not.toThrow();
});
