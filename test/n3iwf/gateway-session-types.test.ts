import { describe, expect, it } from 'vitest';
import { formatAddress, requireAddress } from '../../n3iwf/userplane/address.ts';
import { encodeIp, IP_PROTOCOL } from '../../n3iwf/userplane/ip.ts';
import type { UserPacketType } from '../../n3iwf/userplane/plane.ts';
import { encodeUdp } from '../../n3iwf/userplane/udp.ts';
import { World, type WorldOptions } from '../support/world.ts';

const server4 = requireAddress('198.51.100.7');
const server6 = requireAddress('2001:db8:99::7');
const flows = [
  { qfi: 1, fiveQi: 9 },
  { qfi: 2, fiveQi: 8 },
  { qfi: 3, fiveQi: 1, guaranteed: true },
] as const;
const qfis = flows.map(({ qfi }) => qfi);
const report = (world: World) => world.gateway.plane.report(1);

/** A registered UE with a session of each of `types`, numbered from 1, of three flows each. */
async function withSessions(types: readonly UserPacketType[], options: WorldOptions = {}): Promise<World> {
  const sessions = { childSas: 'gbr', dscp: new Map([[1, 46]]) } as const;
  const world = new World({
    cores: [{ flows }],
    gateway: { sessions, userPlane: { nwuMtu: 1500, n3Mtu: 1500, clampMss: true } },
    ...options,
  });
  await world.register();
  for (const [at, type] of types.entries()) await world.openSession(world.ue, at + 1, type);
  return world;
}

const eventsOf = <T extends string>(world: World, type: T) =>
  world.ue.events.flatMap((event) =>
    event.type === type ? [event as Extract<typeof event, { type: T }>] : [],
  );

/** Numbers that came back from the UDP echo, by session and flow, in the order of arrival. */
function echoed(world: World, id: number, qfi: number): number[] {
  return eventsOf(world, 'udpEchoed')
    .filter((event) => event.pduSessionId === id && event.qfi === qfi)
    .map(({ number }) => number);
}

const both = [
  [1, server4, 28],
  [2, server6, 48],
] as const;
const everyFlow = both.flatMap(([id, server, header]) =>
  qfis.map((qfi) => ({ id, server, header, qfi }) as const),
);

describe('a session of IPv4 and one of IPv6, three flows each', () => {
  it('[TS23501 5.8.2.2] the one of IPv6 has the address that its router advertised; guaranteed flows have their own Child SA', async () => {
    const world = await withSessions(['ipv4', 'ipv6']);
    expect(eventsOf(world, 'sessionUp')).toMatchObject([
      { pduSessionId: 1, address: '10.60.0.1', qfis },
      { pduSessionId: 2, address: 'fd00:a3c:0:2::2', qfis },
    ]);
    for (const { flows: list } of report(world)?.sessions ?? []) {
      const [one, two, three] = list.map(({ childSaId }) => childSaId);
      expect(one).toBe(two);
      expect(three).not.toBe(one);
    }
    expect(report(world)?.childSas).toHaveLength(5);
  });

  it('ping, UDP and TCP echo pass in each flow both ways, packets of 1400 octets too', async () => {
    const world = await withSessions(['ipv4', 'ipv6']);
    const { sessions } = world.ue.ue;
    for (const { id, qfi, server, header } of everyFlow) {
      sessions.ping(id, server, 10 * id + qfi, { qfi, octets: 1400 - header });
      sessions.echoUdp(id, qfi, server, qfi, 1400 - header);
      sessions.echoTcp(id, qfi, server, 20_000);
    }
    await world.settle();
    const pongs = eventsOf(world, 'pong').map(({ sequence }) => sequence);
    expect(pongs.sort()).toEqual([11, 12, 13, 21, 22, 23]);
    for (const { id, qfi } of everyFlow) expect(echoed(world, id, qfi)).toEqual([qfi]);
    expect(eventsOf(world, 'tcpEchoed')).toHaveLength(6);
    for (const event of eventsOf(world, 'tcpEchoed'))
      expect(event).toMatchObject({ octets: 20_000, intact: true });
    const sizes = world.ue.packets.map(({ packet }) => packet.length);
    expect(sizes.filter((length) => length === 1400)).toHaveLength(12);
    expect(report(world)?.drops).toEqual({});
  });
});

describe('a session of IPv4 and one of IPv6, while SAs and addresses change', () => {
  it('a rekey of every SA from both sides, and a NAT that changes its mapping, lose none of a numbered stream', async () => {
    let port = 4500;
    const nat = '203.0.113.1';
    const world = await withSessions(['ipv4', 'ipv6'], {
      channel: ({ data, from, to }) => {
        if (to.address === nat)
          return to.port === port ? [{ data, from, to: { address: '192.0.2.16', port: 4500 } }] : [];
        const isFromUe = from.port === 4500 && from.address === '192.0.2.16';
        return [isFromUe ? { data, from: { address: nat, port }, to } : { data, from, to }];
      },
    });
    const ikeSaId = () => world.gateway.ues.ofId(1)?.ikeSaId ?? 0;
    const all = Array.from({ length: 240 }, (_, number) => number);
    for (const number of all) {
      for (const { id, qfi, server } of everyFlow) world.ue.ue.sessions.echoUdp(id, qfi, server, number, 200);
      if (number === 40) world.ue.ue.rekeyAll();
      if (number === 90) await world.settle();
      if (number === 90) port = 61_234;
      if (number === 130)
        for (const { childSaId } of report(world)?.childSas ?? [])
          world.gateway.ike((engine, now) => engine.rekeyChildSa(now, ikeSaId(), childSaId));
      if (number === 180) world.gateway.ike((engine, now) => engine.rekeyIkeSa(now, ikeSaId()));
      if (number === 210) world.ue.ue.rekeyIke();
      if (number % 3 === 0) await world.settle();
    }
    await world.pass(60_000);
    for (const { id, qfi } of everyFlow) expect(echoed(world, id, qfi)).toEqual(all);
    expect([report(world)?.drops, report(world)?.childSas.length]).toEqual([{}, 5]);
  });
});

describe('sessions of the other types', () => {
  it('[TS23501 5.6.10.3] one of IPv4 and IPv6 has an address of each, and packets of both', async () => {
    const world = await withSessions(['ipv4v6']);
    expect(eventsOf(world, 'sessionUp')[0]?.address).toBe('10.60.0.1 fd00:a3c:0:1::1');
    for (const server of [server4, server6]) world.ue.ue.sessions.echoUdp(1, 2, server, server.length, 100);
    await world.settle();
    expect(echoed(world, 1, 2)).toEqual([4, 16]);
    expect(world.gateway.ues.ofId(1)?.sessions.get(1)?.type).toBe('ipv4v6');
  });

  it.each(['ethernet', 'unstructured'] as const)(
    '[TS23501 5.6.10] one of type %s has no address, and its packets are relayed as they are',
    async (type) => {
      const world = await withSessions([type]);
      expect(eventsOf(world, 'sessionUp')[0]?.address).toBe('');
      const frame = Uint8Array.from({ length: 1400 }, (_, at) => (at * 7) & 0xff);
      for (const qfi of qfis) world.ue.ue.sessions.send(1, qfi, frame);
      await world.settle();
      const back = Uint8Array.from(frame);
      if (type === 'ethernet') back.set([...frame.subarray(6, 12), ...frame.subarray(0, 6)]);
      expect(world.ue.packets.map(({ qfi }) => qfi)).toEqual(qfis);
      for (const { packet } of world.ue.packets) expect(Buffer.compare(packet, back)).toBe(0);
      expect(report(world)?.drops).toEqual({});
    },
  );

  it('[TS23501 5.6.10] a packet of another family than the session has is dropped, whichever way it goes', async () => {
    const world = await withSessions(['ipv6']);
    const own = requireAddress('10.60.0.1');
    const datagram = encodeUdp({ sourcePort: 1, destinationPort: 7, data: new Uint8Array(4) }, own, server4);
    world.ue.ue.sessions.send(1, 1, encodeIp(own, server4, IP_PROTOCOL.UDP, datagram));
    await world.settle();
    expect(report(world)?.drops).toEqual({ wrongType: 1 });
    expect(world.core.upf.counters).toMatchObject({ dropped: 0, spoofed: 0 });
  });

  it('the UPF lets no session use the prefix of another', async () => {
    const world = await withSessions(['ipv6', 'ipv6']);
    const other = world.ue.ue.sessions.addressOf(2) ?? server6;
    expect(formatAddress(other)).toBe('fd00:a3c:0:2::2');
    const datagram = encodeUdp(
      { sourcePort: 1, destinationPort: 7, data: new Uint8Array(4) },
      other,
      server6,
    );
    world.ue.ue.sessions.send(1, 1, encodeIp(other, server6, IP_PROTOCOL.UDP, datagram));
    await world.settle();
    expect(world.core.upf.counters.spoofed).toBe(1);
  });
});

describe('GRE header towards UEs', () => {
  it("[TS24502 9.3.3] is the standard's, or that of free5GC's UE where the configuration says so of its identity", async () => {
    const greVariants = new Map([['ue-0002', 'free5gc']] as const);
    const sessions = { childSas: 'session', dscp: new Map(), greVariants } as const;
    const world = new World({ ues: 2, gateway: { sessions } });
    const headers: string[] = [];
    for (const who of world.ues) {
      const onPacket = who.ue.sessions.onPacket.bind(who.ue.sessions);
      who.ue.sessions.onPacket = (id, gre) => {
        headers.push(Buffer.from(gre.subarray(0, 8)).toString('hex'));
        onPacket(id, gre);
      };
      await world.register(who);
      await world.openSession(who);
      expect(await world.ping(who)).toBe(true);
    }
    expect(headers).toEqual(['2000000001000000', '2000080001000000']);
  });
});

describe('ESP outside of UDP', () => {
  it('[RFC7296 2.23] is what a UE without a NAT gets where the configuration lets it, through rekeys of every SA', async () => {
    const kinds = new Set<string>();
    const world = await withSessions(['ipv4', 'ipv6'], {
      bareEsp: true,
      channel: (datagram) => {
        kinds.add(`${datagram.from.port} ${datagram.to.port}`);
        return [datagram];
      },
    });
    for (const [id, server] of [
      [1, server4],
      [2, server6],
    ] as const)
      for (const qfi of qfis) world.ue.ue.sessions.echoUdp(id, qfi, server, qfi, 1300);
    await world.settle();
    world.ue.ue.rekeyAll();
    await world.pass(5_000);
    world.ue.ue.sessions.echoUdp(1, 3, server4, 99, 1300);
    await world.settle();
    expect(qfis.map((qfi) => echoed(world, 2, qfi))).toEqual([[1], [2], [3]]);
    expect(echoed(world, 1, 3)).toEqual([3, 99]);
    expect([...kinds].sort()).toEqual(['0 0', '500 500']);
    expect(report(world)?.drops).toEqual({});
  });

  it('[RFC7296 2.23] a packet from elsewhere moves no UE: only what comes inside UDP may', async () => {
    let elsewhere = false;
    const world = await withSessions(['ipv4'], {
      bareEsp: true,
      channel: ({ data, from, to }) => {
        if (to.address === '203.0.113.66') return [];
        const isMoved = elsewhere && from.port === 0 && to.address === '192.0.2.1';
        return [isMoved ? { data, from: { address: '203.0.113.66', port: 0 }, to } : { data, from, to }];
      },
    });
    elsewhere = true;
    world.ue.ue.sessions.echoUdp(1, 1, server4, 1, 100);
    await world.settle();
    expect(echoed(world, 1, 1)).toEqual([1]);
  });
});

describe('padding of ESP', () => {
  it.each([
    [false, 1000],
    [true, 0],
  ])('[RFC7296 1.3.1] with a UE that refuses it: %s', async (refusesPadding, least) => {
    const lengths: number[] = [];
    const world = await withSessions(['ipv4'], {
      ue: { refusesPadding },
      gateway: { userPlane: { padTo: 1000, nwuMtu: 1500 } },
      channel: (datagram) => {
        const isEsp = datagram.data.subarray(0, 4).some((octet) => octet !== 0);
        if (datagram.from.address === '192.0.2.1' && datagram.from.port === 4500 && isEsp)
          lengths.push(datagram.data.length);
        return [datagram];
      },
    });
    lengths.length = 0;
    world.ue.ue.sessions.echoUdp(1, 1, server4, 1, 20);
    await world.settle();
    world.ue.ue.rekeyAll();
    await world.settle();
    world.ue.ue.sessions.echoUdp(1, 1, server4, 2, 20);
    await world.settle();
    expect(echoed(world, 1, 1)).toEqual([1, 2]);
    // a rekey from the UE's side says nothing of padding: what it said of the SA before stands
    for (const length of [lengths[0] ?? 0, lengths.at(-1) ?? 0])
      expect([length > least, length < least + 200]).toEqual([true, true]);
  });
});
