import { describe, expect, test } from 'vitest';
import { nothing } from '../support/attached.ts';
import { World } from '../support/world.ts';

/** Longer than the set-up timer of an IKE SA and every wait for an AMF. */
const longEnoughMs = 200_000;

/** A world whose AMF falls silent with its association right after the `last`-th N2 message of the first UE. */
function mortal(last: number): { world: World; messages: string[]; revive: () => void } {
  const messages: string[] = [];
  let dead = false;
  let mayDie = true;
  const world = new World({
    ues: 2,
    n2: (pdu, toAmf, own) => {
      if (dead) return undefined;
      messages.push(pdu.message);
      if (!mayDie || messages.length < last) return pdu;
      dead = true;
      // The message itself still arrives; what follows it does not.
      if (toAmf) own.loseAmf();
      else queueMicrotask(() => own.loseAmf());
      return pdu;
    },
  });
  return {
    world,
    messages,
    revive: () => {
      dead = false;
      mayDie = false;
      world.setUpAmf();
    },
  };
}

/** Registration, session, ping, and the way out again: everything that an attach sends on N2. */
async function wholeLife(world: World): Promise<void> {
  await world.register();
  await world.openSession();
  await world.ping();
  world.ue.ue.sessions.release(1);
  await world.settle();
  world.ue.ue.nas.deregister();
  await world.settle();
}

/** How many messages that is, with an AMF that lives. */
async function countOf(): Promise<number> {
  const { world, messages } = mortal(Number.POSITIVE_INFINITY);
  await wholeLife(world);
  expect(world.left()).toEqual(nothing);
  return messages.length;
}

const count = await countOf();

describe('an AMF that dies in the middle', () => {
  test('an attach and its end take as many messages as are killed after below', () => {
    expect(count).toBeGreaterThan(15);
  });

  test.each(Array.from({ length: count }, (_, at) => at + 1))(
    'after message %i: the UE gets a proper end, nothing is left, and the next UE attaches when the AMF is back',
    async (last) => {
      const { world, revive } = mortal(last);
      await wholeLife(world);
      await world.pass(longEnoughMs);
      expect(world.left()).toEqual(nothing);
      const ends = world.ue.events.filter(({ type }) => type === 'closed' || type === 'failed');
      expect(ends.length).toBeGreaterThan(0);
      revive();
      const next = world.ues[1];
      if (next === undefined) throw new Error('no second UE');
      await world.register(next);
      await world.openSession(next);
      expect(await world.ping(next)).toBe(true);
    },
  );
});
