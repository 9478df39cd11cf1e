import { describe, expect, it } from 'vitest';
import { type Datagram, World, type WorldOptions } from '../support/world.ts';

const elsewhere = '192.0.2.200';
const imsi = '208930000000001';

/** An attached UE that asked for MOBIKE, or not, and what was sent to which address. */
async function attached(
  options: WorldOptions = {},
): Promise<{ world: World; sentTo: Map<string, Datagram[]> }> {
  const sentTo = new Map<string, Datagram[]>();
  const channel: WorldOptions['channel'] = (datagram, world) => {
    sentTo.set(datagram.to.address, [...(sentTo.get(datagram.to.address) ?? []), datagram]);
    return options.channel?.(datagram, world) ?? [datagram];
  };
  const world = new World({ ppk: 'rfc9867', ...options, channel, ue: { mobile: true, ...options.ue } });
  await world.register();
  await world.openSession();
  expect(await world.ping()).toBe(true);
  return { world, sentTo };
}

const moved = (world: World) => world.ue.events.filter(({ type }) => type === 'moved');

describe('a UE that roams', () => {
  it('[RFC4555 3.5] keeps its session and its SAs, and pings from its new address', async () => {
    const { world, sentTo } = await attached();
    const before = world.ue.ue.stack.spis();
    world.roam(elsewhere);
    await world.settle();
    expect(moved(world)).toEqual([{ type: 'moved', address: elsewhere }]);
    sentTo.clear();
    for (let round = 0; round < 5; round++) expect(await world.ping()).toBe(true);
    expect([...sentTo.keys()]).not.toContain('192.0.2.16');
    expect(world.ue.ue.stack.spis()).toEqual(before);
    expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
    expect(world.gateway.ues.ofId(1)?.remote.address).toBe(elsewhere);
  });

  it('[RFC4555 3.5] is reached there through SAs in which it has sent nothing since', async () => {
    const { world, sentTo } = await attached();
    world.roam(elsewhere);
    await world.settle();
    sentTo.clear();
    world.core.amf.releaseSession(imsi, 1);
    await world.settle();
    expect(sentTo.get('192.0.2.16')).toBeUndefined();
    expect(world.ue.events.map(({ type }) => type)).toContain('sessionDown');
  });

  it('[RFC4555 3.5] takes ESP outside of UDP along, which no packet moves by itself', async () => {
    const { world, sentTo } = await attached({ bareEsp: true });
    world.roam(elsewhere);
    await world.settle();
    sentTo.clear();
    expect(await world.ping()).toBe(true);
    world.core.amf.releaseSession(imsi, 1);
    await world.settle();
    expect(sentTo.get('192.0.2.16')).toBeUndefined();
    expect(sentTo.get(elsewhere)?.filter(({ to }) => to.port === 0).length).toBeGreaterThan(1);
    expect(world.ue.events.map(({ type }) => type)).toContain('sessionDown');
  });
});

describe('a UE that roams to or from a NAT', () => {
  it('[RFC4555 3.5] has ESP inside UDP where there is a NAT now, and outside of it again where there is none', async () => {
    const nat = { address: '203.0.113.1', port: 61_000 };
    const { world, sentTo } = await attached({
      bareEsp: true,
      channel: ({ data, from, to }) => {
        if (to.address === nat.address)
          return to.port === nat.port ? [{ data, from, to: { address: elsewhere, port: 4500 } }] : [];
        return [
          {
            data,
            from:
              from.address === elsewhere ? { ...nat, port: from.port === 4500 ? nat.port : 61_500 } : from,
            to,
          },
        ];
      },
    });
    const ports = (address: string) => new Set(sentTo.get(address)?.map(({ to }) => to.port));
    world.roam(elsewhere);
    await world.settle();
    sentTo.clear();
    expect(await world.ping()).toBe(true);
    expect([...ports(nat.address)]).toEqual([nat.port]);
    world.ue.ue.rekeyAll();
    await world.pass(5000);
    expect(await world.ping()).toBe(true);
    world.roam('192.0.2.201');
    await world.settle();
    sentTo.clear();
    expect(await world.ping()).toBe(true);
    expect([...ports('192.0.2.201')]).toEqual([0]);
  });

  it('loses only what was sent to where it is no more', async () => {
    let isAway = false;
    const { world } = await attached({ channel: (datagram) => (isAway ? [] : [datagram]) });
    isAway = true;
    for (const sequence of [101, 102, 103]) expect(await world.ping(world.ue, 1, sequence)).toBe(false);
    isAway = false;
    world.roam(elsewhere);
    await world.settle();
    expect(await world.ping(world.ue, 1, 104)).toBe(true);
    const answered = world.ue.events.flatMap((event) => (event.type === 'pong' ? [event.sequence] : []));
    expect(answered.filter((sequence) => sequence > 100 && sequence < 105)).toEqual([104]);
  });
});

describe('a UE that roams against odds', () => {
  it('[RFC4555 3.5] tells its address again when that is lost, and rekeys and detaches from there', async () => {
    let lost = 0;
    const { world } = await attached({
      channel: (datagram) => (datagram.from.address === elsewhere && lost++ < 2 ? [] : [datagram]),
    });
    world.roam(elsewhere);
    await world.pass(20_000);
    expect(moved(world)).toHaveLength(1);
    world.ue.ue.rekeyAll();
    await world.pass(10_000);
    world.ue.ue.rekeyIke();
    await world.pass(10_000);
    expect(await world.ping()).toBe(true);
    world.ue.ue.nas.deregister();
    await world.pass(10_000);
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });

  it('there and back, twice in a row', async () => {
    const { world } = await attached();
    for (const address of [elsewhere, '192.0.2.16', '192.0.2.201', elsewhere]) {
      world.roam(address);
      await world.settle();
      expect(await world.ping()).toBe(true);
    }
    expect(moved(world)).toHaveLength(4);
  });

  it('[RFC4555 3.1] without having asked for MOBIKE is not followed by IKE', async () => {
    const { world } = await attached({ ue: { mobile: false } });
    world.roam(elsewhere);
    await world.settle();
    expect(moved(world)).toEqual([]);
  });
});
