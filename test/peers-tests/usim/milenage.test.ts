import { describe, expect, it } from 'vitest';
import { deriveOpc, milenage } from '../../peers/usim/index.ts';
import { hex, toHex, vectors } from '../vectors.ts';

type Set = Record<'k' | 'rand' | 'sqn' | 'amf' | 'op' | 'opc', string> &
  Record<'f1' | 'f1Star' | 'f2' | 'f3' | 'f4' | 'f5' | 'f5Star', string> & { set: number };
const { sets } = vectors<{ sets: Set[] }>('milenage');

describe('Milenage', () => {
  it('has six sets to prove itself with', () => {
    expect(sets.map(({ set }) => set)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each(sets)('[TS35206 4.1] computes f1 to f5* of TS 35.208 set $set', (vector) => {
    const { k, opc, rand, sqn, amf } = vector;
    const output = milenage(hex(k), hex(opc), hex(rand), hex(sqn), hex(amf));
    expect({
      f1: toHex(output.macA),
      f1Star: toHex(output.macS),
      f2: toHex(output.res),
      f3: toHex(output.ck),
      f4: toHex(output.ik),
      f5: toHex(output.ak),
      f5Star: toHex(output.akStar),
    }).toEqual({
      f1: vector.f1,
      f1Star: vector.f1Star,
      f2: vector.f2,
      f3: vector.f3,
      f4: vector.f4,
      f5: vector.f5,
      f5Star: vector.f5Star,
    });
  });

  it.each(sets)('derives OPc of TS 35.208 set $set', ({ k, op, opc }) => {
    expect(toHex(deriveOpc(hex(k), hex(op)))).toBe(opc);
  });
});
