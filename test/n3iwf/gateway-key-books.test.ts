import { describe, expect, it } from 'vitest';
import { World } from '../support/world.ts';

const sorted = (ids: readonly string[]) => [...new Set(ids)].sort();

describe('books of QKD keys', () => {
  it.each(['rfc8784', 'rfc9867'] as const)(
    '%s: in use once the SAs stand, retired when they are gone',
    async (ppk) => {
      const world = new World({ auth: 'qkd', ppk });
      await world.register();
      expect(world.fetched.length).toBeGreaterThan(1);
      expect(sorted(world.confirmed)).toEqual(sorted(world.fetched));
      expect(world.retired).toEqual([]);
      await world.openSession();
      const all = sorted([...world.fetched, ...world.obtained]);
      expect(sorted(world.confirmed)).toEqual(all);
      world.gateway.ike((engine, now) => engine.deleteIkeSa(now, world.gateway.ues.ofId(1)!.ikeSaId));
      await world.settle();
      expect(sorted(world.retired)).toEqual(all);
    },
  );

  it('a key of an attempt that failed is retired without ever having been in use', async () => {
    const world = new World({ auth: 'qkd', ppk: 'rfc8784', refuse: 'registration' });
    await world.register();
    await world.pass(60_000);
    expect(world.fetched.length).toBeGreaterThan(0);
    expect(world.confirmed).toEqual([]);
    expect(sorted(world.retired)).toEqual(sorted(world.fetched));
  });

  it('[RFC7296 2.8] each fresh key of a rekey is booked', async () => {
    const world = new World({ auth: 'qkd', ppk: 'rfc9867' });
    await world.register();
    await world.openSession();
    const before = world.confirmed.length;
    world.gateway.ike((engine, now) => engine.rekeyIkeSa(now, world.gateway.ues.ofId(1)!.ikeSaId));
    await world.settle();
    expect(world.confirmed.length).toBeGreaterThan(before);
    expect(sorted(world.confirmed)).toEqual(sorted([...world.fetched, ...world.obtained]));
  });
});
