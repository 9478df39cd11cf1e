import { describe, expect, it } from 'vitest';
import { type Datagram, World, type WorldOptions } from '../support/world.ts';

async function attached(options: WorldOptions): Promise<World> {
  const world = new World({ ues: 2, auth: 'qkd', ...options });
  for (const who of world.ues) {
    await world.register(who);
    await world.pass(1000);
    await world.openSession(who);
    await world.pass(1000);
  }
  return world;
}

/** Keys of the first UE that an SA of it rests on at the N3IWF. */
function keysInUse(world: World): readonly string[] {
  return world.gateway.keyUses.keysOf(world.gateway.ues.ofId(1)?.ikeSaId ?? -1);
}

/** A numbered stream through each UE while time passes; gives the numbers that never came back, by UE. */
async function lostWhile(world: World, seconds: number): Promise<number[][]> {
  const numbers: number[] = [];
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    numbers.push(tenth + 1);
    for (const { ue } of world.ues) ue.sessions.ping(1, Uint8Array.of(198, 51, 100, 1), tenth + 1);
    await world.pass(100);
  }
  await world.pass(1000);
  return world.ues.map(({ events }) => {
    const back = new Set(events.map((event) => (event.type === 'pong' ? event.sequence : -1)));
    return numbers.filter((number) => !back.has(number));
  });
}

describe('keys that are no longer trusted are replaced', () => {
  it('are replaced in every SA that rests on them, and no packet is lost', async () => {
    const world = await attached({ ppk: 'rfc9867', latencyMs: 30 });
    const before = keysInUse(world);
    const others = world.gateway.keyUses.keysOf(world.gateway.ues.ofId(2)?.ikeSaId ?? -1);
    const drawn = world.obtained.length;
    expect(
      world.gateway.rekeySasOf(
        before.map((keyId) => keyId.toUpperCase()),
        'incident 1',
      ),
    ).toBe(1);
    expect(await lostWhile(world, 5)).toEqual([[], []]);
    const after = keysInUse(world);
    expect(after.filter((keyId) => before.includes(keyId))).toEqual([]);
    // The IKE SA, the signalling SA and that of the session.
    expect(after).toHaveLength(3);
    expect(world.obtained.slice(drawn).toSorted()).toEqual(after.toSorted());
    expect(world.gateway.keyUses.keysOf(world.gateway.ues.ofId(2)?.ikeSaId ?? -1)).toEqual(others);
    expect(world.gateway.deadline()).toBeGreaterThan(world.now);
    expect(world.retired.toSorted()).toEqual(before.toSorted());
  });

  it('are replaced in one Child SA alone where only that one rests on them', async () => {
    const world = await attached({ ppk: 'rfc9867', latencyMs: 30 });
    const before = keysInUse(world);
    const own = world.obtained[0] ?? '';
    expect(world.gateway.rekeySasOf([own], 'incident 2')).toBe(1);
    expect(await lostWhile(world, 3)).toEqual([[], []]);
    expect(before.filter((keyId) => !keysInUse(world).includes(keyId))).toEqual([own]);
    expect(world.obtained).toHaveLength(3);
  });

  it('are replaced by ML-KEM where the policy allows and the link is distrusted', async () => {
    const world = await attached({
      ppk: 'rfc9867',
      policy: 'qkd-preferred',
      proposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
      espProposals: ['aes256gcm16-mlkem768'],
      ue: { ikeProposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'], ppkOptional: true },
      latencyMs: 30,
    });
    world.gateway.lookAtSupply({ storedKeys: 1000, trusted: false });
    const before = keysInUse(world);
    const drawn = world.obtained.length;
    expect(world.gateway.rekeySasOf(before, 'incident 3')).toBe(1);
    expect(await lostWhile(world, 5)).toEqual([[], []]);
    expect(keysInUse(world)).toEqual([]);
    expect(world.obtained).toHaveLength(drawn);
    expect(world.left().ues).toBe(2);
  });
});

describe('keys that are no longer trusted', () => {
  it('end the UE by its AMF where a rekey gives no fresh key and the policy wants one, and no other', async () => {
    const world = await attached({ ppk: 'rfc8784' });
    const [spied, calm] = world.ues;
    const [authKey = '', ppk = ''] = spied!.ue.keyIds;
    expect(world.gateway.rekeySasOf([ppk.toUpperCase(), authKey], 'incident 4')).toBe(1);
    await world.settle();
    expect(world.toAmf.at(-2)?.message).toBe('UEContextReleaseRequest');
    expect(spied!.events.map(({ type }) => type)).toContain('closed');
    expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
    expect(await world.ping(calm)).toBe(true);
    expect(world.gateway.keyUses.affected()).toEqual([]);
  });

  it('end the UE whose rekeys do not succeed within the time, and no other', async () => {
    let mute = false;
    const channel = (datagram: Datagram) =>
      mute && datagram.from.address === '192.0.2.16' ? [] : [datagram];
    const world = await attached({ ppk: 'rfc9867', channel });
    mute = true;
    expect(world.gateway.rekeySasOf(keysInUse(world), 'incident 5')).toBe(1);
    await world.pass(29_000);
    expect(world.left().ues).toBe(2);
    await world.pass(300_000);
    expect(world.left().ues).toBe(1);
    expect(await world.ping(world.ues[1])).toBe(true);
  });

  it('end one that was about to be set up with them', async () => {
    const world = new World({ ppk: 'rfc8784', n2: () => undefined });
    world.gateway.keyUses.expectKey(77);
    world.gateway.keyUses.note(77, 'aa');
    expect(world.gateway.rekeySasOf(['aa'], 'incident 6')).toBe(1);
  });

  it('take nobody when no SA rests on them', async () => {
    const world = await attached({ ppk: 'rfc8784' });
    expect(world.gateway.rekeySasOf(['0a782fb5-3434-48fe-aa4d-14f41d46cf92'], 'incident 7')).toBe(0);
    expect(await world.ping(world.ues[0])).toBe(true);
  });

  it('take everybody after tampering', async () => {
    const world = await attached({ ppk: 'rfc8784' });
    expect(world.gateway.endAllSas('incident 8')).toBe(2);
    await world.settle();
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });
});
