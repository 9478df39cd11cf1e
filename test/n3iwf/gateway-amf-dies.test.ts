import { describe, expect, it } from 'vitest';
import { nothing } from '../support/attached.ts';
import { World } from '../support/world.ts';

/** An attach with a session whose AMF dies after `count` messages on N2; the message after which it did. */
async function dyingAfter(count: number): Promise<{ world: World; last: string | undefined }> {
  let seen = 0;
  let last: string | undefined;
  const world = new World({
    ues: 2,
    n2: (pdu, toAmf, { core }) => {
      if (++seen === count) {
        last = `${toAmf ? '>' : '<'} ${pdu.message}`;
        core.amf.die();
      }
      return seen < count || (seen === count && !toAmf) ? pdu : undefined;
    },
  });
  await world.register();
  if (last === undefined) await world.openSession();
  return { world, last };
}

const counts = Array.from({ length: 13 }, (_, at) => at + 1);

describe('an AMF that dies between two messages of an attach', () => {
  it.each(counts)('after message %i: the UE ends, nothing is left, the next one attaches', async (count) => {
    const { world, last } = await dyingAfter(count);
    expect(last).toBeDefined();
    await world.pass(120_000);
    expect(world.left()).toEqual(nothing);
    const ends = world.ue.events.filter(({ type }) => type === 'closed' || type === 'failed');
    expect(ends.length).toBeGreaterThan(0);
    world.core.amf.revive();
    world.setUpAmf();
    expect(world.gateway.amfs.anyAvailable).toBe(true);
    expect(world.core.amf.knownUes).toBe(0);
  });

  it('the thirteen messages are the whole of it', async () => {
    expect((await dyingAfter(13)).last).toBe('> PDUSessionResourceSetupResponse');
    expect((await dyingAfter(1)).last).toBe('> InitialUEMessage');
    const { world, last } = await dyingAfter(14);
    expect([last, world.core.amf.registeredUes]).toEqual([undefined, 1]);
  });
});

describe('an AMF that answers badly', () => {
  it.each(['twice', 'late'])('%s: the attach goes on', async (how) => {
    const world: World = new World({
      n2: (pdu, toAmf) => {
        if (toAmf || pdu.message !== 'DownlinkNASTransport') return pdu;
        if (how === 'twice') world.gateway.receiveN2(pdu);
        else world.now += 2000;
        return pdu;
      },
    });
    await world.register();
    if (how === 'late') expect(world.ue.events.at(-1)?.type).toBe('registered');
    await world.pass(60_000);
    expect(world.left().ues).toBeLessThan(2);
  });
});
