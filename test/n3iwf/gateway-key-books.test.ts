import { describe, expect, it } from 'vitest';
import { type KeyReply, Secret } from '#qkd';
import { census } from '../support/census.ts';
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

  it('a key that comes when its UE is gone is wiped and retired, and nothing is kept of it', async () => {
    const keyId = '5f2b9d0e-8a43-4a7b-9d7e-0123456789ab';
    const octets = new Uint8Array(32).fill(7);
    const retired: string[] = [];
    let arrive: (reply: KeyReply) => void = () => {};
    const node = {
      obtain: () => Promise.reject(new Error('not asked')),
      fetch: () => new Promise<KeyReply>((resolve) => (arrive = resolve)),
      retire: async (id: string) => retired.push(id) > 0,
    };
    const drawn = async () => ({ keyId, secret: Uint8Array.from(octets) });
    const world = new World({ auth: 'qkd', keys: { node, draw: drawn, find: drawn } });
    await world.register().catch(() => undefined);
    const before = world.gateway.keyUses.total;
    await world.pass(200_000);
    arrive({ status: 'ok', keyId, secret: Secret.own(octets), ageMs: 0 });
    await world.settle();
    expect(world.gateway.keyUses.total).toBe(before + 1);
    expect(retired).toEqual([keyId]);
    expect(octets.every((octet) => octet === 0)).toBe(true);
    expect(census(world.gateway.keyUses).get('.sas')).toBe(0);
  });
});

describe('books of fresh QKD keys', () => {
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
