import { describe, expect, it } from 'vitest';
import { census, grown } from '../support/census.ts';
import { World, type WorldOptions } from '../support/world.ts';

/** Histories of bounded length, and counters by name. */
const history = ['.journal.', '.log', '.n2Counters', '.teids.resting', '.teids.queue'];
const n3iwf = '192.0.2.1';
const uesOfOneWorld = 50;

/** UEs of which the n-th stops for good after its n-th datagram, and hears nothing any more. */
function stopping(first: number, steps: number): NonNullable<WorldOptions['channel']> {
  const sent = new Map<string, number>();
  const limitOf = (address: string) => 1 + ((first + Number(address.split('.')[3]) - 16) % steps);
  return (datagram) => {
    const isUplink = datagram.to.address === n3iwf;
    const ue = (isUplink ? datagram.from : datagram.to).address;
    const count = (sent.get(ue) ?? 0) + (isUplink ? 1 : 0);
    if (isUplink) sent.set(ue, count);
    return count > limitOf(ue) ? [] : [datagram];
  };
}

describe.each([
  { auth: 'psk', ppk: 'none' },
  { auth: 'qkd', ppk: 'rfc8784' },
  { auth: 'qkd', ppk: 'rfc9867' },
] as const)('1,000 UEs that stop after each of their messages in turn, $auth and $ppk', ({ auth, ppk }) => {
  it('leave nothing behind', { timeout: 600_000 }, async () => {
    const rounds = 1_000 / 3 / uesOfOneWorld;
    for (let round = 0; round < rounds; round++) {
      const channel = stopping(round * uesOfOneWorld, 24);
      const world = new World({ seed: round + 1, auth, ppk, ues: uesOfOneWorld, channel });
      const before = census(world.gateway);
      const retired = () => world.fetched.filter((keyId) => !world.retired.includes(keyId));
      for (const ue of world.ues) await world.register(ue).catch(() => undefined);
      for (const ue of world.ues) ue.ue.sessions.request(1, 'ipv4');
      await world.settle();
      expect(world.gateway.ues.size).toBeGreaterThan(10);
      await world.pass(2_000_000);
      expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
      expect(grown(before, census(world.gateway), history)).toEqual([]);
      expect(world.gateway.deadline()).toBeUndefined();
      expect(retired()).toEqual([]);
    }
  });
});
