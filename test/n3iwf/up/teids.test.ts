import { randomFillSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Teids } from '../../../n3iwf/n3/teids.ts';
import { SeededRandom } from '../../support/world.ts';

/** TEIDs under a clock of their own, drawn from `numbers` as long as there are any and from `random` after. */
function teidsOf(numbers: readonly number[], random: (length: number) => Uint8Array) {
  const clock = { now: 0, draws: 0 };
  const queue = [...numbers];
  const teids = new Teids({
    now: () => clock.now,
    random: (length) => {
      clock.draws++;
      const next = queue.shift();
      if (next === undefined) return random(length);
      const octets = Buffer.alloc(4);
      octets.writeUInt32BE(next);
      return octets;
    },
  });
  return { teids, clock };
}

const machine = (length: number) => randomFillSync(new Uint8Array(length));

describe('TEIDs', () => {
  it('[TS29281 5.1] are the random octets that were handed in, 0 never, none twice', () => {
    const { teids } = teidsOf([0, 0xdeadbeef, 0xdeadbeef, 0, 1, 0xffffffff], machine);
    expect([teids.allocate(), teids.allocate(), teids.allocate()]).toEqual([0xdeadbeef, 1, 0xffffffff]);
    expect(teids.used).toBe(3);
  });

  it('are spread over the whole of their 32 bits', () => {
    const random = new SeededRandom(7);
    const { teids } = teidsOf([], (length) => random.octets(length));
    const drawn = Array.from({ length: 2000 }, () => teids.allocate() as number);
    for (let bit = 0; bit < 32; bit++) {
      const share = drawn.filter((teid) => Math.floor(teid / 2 ** bit) % 2 === 1).length / drawn.length;
      expect(share).toBeGreaterThan(0.4);
      expect(share).toBeLessThan(0.6);
    }
    const steps = new Set(drawn.slice(1).map((teid, at) => teid - (drawn[at] as number)));
    expect(steps.size).toBe(drawn.length - 1);
  });

  it('rest for five minutes when they are given back', () => {
    const { teids, clock } = teidsOf([5, 5, 6, 5, 5], machine);
    expect(teids.allocate()).toBe(5);
    clock.now = 1000;
    teids.release(5);
    teids.release(5);
    teids.release(77);
    expect(teids.used).toBe(0);
    expect(teids.allocate()).toBe(6);
    clock.now = 1000 + 299_999;
    expect(teids.allocate()).not.toBe(5);
    const later = teidsOf([5, 5], machine);
    later.teids.release(later.teids.allocate() ?? 0);
    later.clock.now = 300_000;
    expect(later.teids.allocate()).toBe(5);
  });

  it('end with undefined, not with a loop, when randomness fails', () => {
    const { teids, clock } = teidsOf([], () => new Uint8Array(4));
    expect(teids.allocate()).toBeUndefined();
    expect(clock.draws).toBe(64);
    const constant = teidsOf([], () => Uint8Array.of(0, 0, 0, 9));
    expect([constant.teids.allocate(), constant.teids.allocate()]).toEqual([9, undefined]);
  });

  it('take one draw each, with a hundred thousand of them out and as many resting', () => {
    const random = new SeededRandom(3);
    const { teids, clock } = teidsOf([], (length) => random.octets(length));
    const first = Array.from({ length: 100_000 }, () => teids.allocate() as number);
    for (const teid of first) teids.release(teid);
    for (let i = 0; i < 100_000; i++) teids.allocate();
    const before = clock.draws;
    for (let i = 0; i < 1000; i++) teids.allocate();
    expect(clock.draws - before).toBeLessThan(1010);
    expect(teids.used).toBe(101_000);
  });

  it('are never out twice, and never back before their time, whatever is given back when', () => {
    const step = fc.oneof(fc.constant('take' as const), fc.nat(15), fc.constant('wait' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        // four bits of randomness: collisions are the rule
        const random = new SeededRandom(seed);
        const { teids, clock } = teidsOf([], () => Uint8Array.of(0, 0, 0, (random.octets(1)[0] ?? 0) & 15));
        const out = new Set<number>();
        const back = new Map<number, number>();
        for (const one of steps) {
          if (one === 'wait') clock.now += 100_000;
          else if (one === 'take') {
            const teid = teids.allocate();
            if (teid === undefined) continue;
            expect(out.has(teid) || teid === 0).toBe(false);
            expect(clock.now - (back.get(teid) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(300_000);
            out.add(teid);
          } else {
            if (out.delete(one)) back.set(one, clock.now);
            teids.release(one);
          }
          expect(teids.used).toBe(out.size);
        }
      }),
    );
  });
});
