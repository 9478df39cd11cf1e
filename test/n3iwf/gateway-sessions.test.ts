import { describe, expect, it } from 'vitest';
import { encodeGpdu } from '../../n3iwf/n3/gtpu.ts';
import type { ChildSaPolicy } from '../../n3iwf/nwu/child-sa-policy.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../n3iwf/userplane/ip.ts';
import { decodeUdp, encodeUdp } from '../../n3iwf/userplane/udp.ts';
import { World, type WorldOptions } from '../support/world.ts';
import { lastSent, opened, sent } from './n2/support.ts';

const server = Uint8Array.of(198, 51, 100, 7);
const flows = [
  { qfi: 1, fiveQi: 9 },
  { qfi: 2, fiveQi: 8 },
  { qfi: 3, fiveQi: 1, guaranteed: true },
] as const;
const qfis = flows.map(({ qfi }) => qfi);
const sessionIds = [1, 2] as const;

/** A registered UE with two sessions of three flows each. */
async function withSessions(childSas: ChildSaPolicy, options: WorldOptions = {}): Promise<World> {
  const world = new World({
    cores: [{ flows }],
    gateway: { sessions: { childSas, dscp: new Map([[1, 46]]) }, userPlane: { nwuMtu: 1500, n3Mtu: 1500 } },
    ...options,
  });
  await world.register();
  for (const id of sessionIds) await world.openSession(world.ue, id);
  return world;
}

/** A numbered datagram of `octets` in all to the echo port of the data network. */
function sendNumbered(world: World, pduSessionId: number, qfi: number, number: number, octets = 100): void {
  const { sessions } = world.ue.ue;
  const own = sessions.addressOf(pduSessionId) ?? new Uint8Array(4);
  const data = new Uint8Array(octets - 28);
  new DataView(data.buffer).setUint32(0, number);
  const datagram = encodeUdp({ sourcePort: 4000, destinationPort: 7, data }, own, server);
  sessions.send(pduSessionId, qfi, encodeIp(own, server, IP_PROTOCOL.UDP, datagram));
}

/** The numbers that came back in a flow, in the order of arrival. */
function returned(world: World, pduSessionId: number, qfi: number): number[] {
  return world.ue.packets
    .filter((each) => each.pduSessionId === pduSessionId && each.qfi === qfi)
    .map(({ packet }) => {
      const ip = decodeIp(packet);
      const udp = ip.ok ? decodeUdp(ip.value.payload) : undefined;
      return udp?.ok === true ? Buffer.from(udp.value.data).readUInt32BE() : -1;
    });
}

const everyFlow = sessionIds.flatMap((id) => qfis.map((qfi) => [id, qfi] as const));
const report = (world: World) => world.gateway.plane.report(1);

describe('two sessions with three flows each', () => {
  it.each([
    ['session', 2],
    ['gbr', 4],
    ['flow', 6],
  ] as const)(
    '[TS24502 7.5] one Child SA per %s: each flow rides on its own, both ways, at 1400 octets',
    async (policy, count) => {
      const world = await withSessions(policy);
      expect(report(world)?.childSas).toHaveLength(count + 1);
      for (const octets of [60, 1400])
        for (const [id, qfi] of everyFlow) sendNumbered(world, id, qfi, octets, octets);
      await world.settle();
      for (const [id, qfi] of everyFlow) expect(returned(world, id, qfi)).toEqual([60, 1400]);
      const sessions = report(world)?.sessions ?? [];
      expect(sessions.map(({ pduSessionId }) => pduSessionId)).toEqual([1, 2]);
      for (const { flows: list } of sessions) {
        expect(new Set(list.map(({ childSaId }) => childSaId)).size).toBe(count / 2);
        for (const flow of list)
          expect(flow).toMatchObject({ uplinkPackets: 2, downlinkPackets: 2, uplinkOctets: 1460 });
      }
      expect(report(world)?.drops).toEqual({});
    },
  );

  it('answers the SMF once all Child SAs are there, with every flow', async () => {
    const world = await withSessions('flow');
    const responses = sent(world, 'PDUSessionResourceSetupResponse');
    expect(responses).toHaveLength(2);
    const { dlQosFlowPerTnlInformation: info } = opened(
      'PDUSessionResourceSetupResponseTransfer',
      responses[0]?.pduSessionResourceSetupListSURes?.[0]?.pduSessionResourceSetupResponseTransfer,
    );
    expect(info.associatedQosFlowList.map(({ qosFlowIdentifier }) => qosFlowIdentifier)).toEqual(qfis);
  });

  it('a rekey of every SA from either side loses no packet of a stream', async () => {
    const world = await withSessions('gbr');
    const ikeSaId = world.gateway.ues.ofId(1)?.ikeSaId ?? 0;
    const all = Array.from({ length: 300 }, (_, number) => number);
    for (const number of all) {
      for (const [id, qfi] of everyFlow) sendNumbered(world, id, qfi, number);
      if (number === 50) world.ue.ue.rekeyAll();
      if (number === 150)
        for (const { childSaId } of report(world)?.childSas ?? [])
          world.gateway.ike((engine, now) => engine.rekeyChildSa(now, ikeSaId, childSaId));
      if (number === 220) world.gateway.ike((engine, now) => engine.rekeyIkeSa(now, ikeSaId));
      if (number % 3 === 0) await world.settle();
    }
    const before = report(world)?.childSas.length;
    await world.pass(60_000);
    for (const [id, qfi] of everyFlow) expect(returned(world, id, qfi)).toEqual(all);
    expect(before).toBeGreaterThanOrEqual(5);
    expect(report(world)?.childSas).toHaveLength(5);
    expect(report(world)?.drops).toEqual({});
    expect(world.ue.events.filter(({ type }) => type === 'childSaRekeyed').length).toBeGreaterThanOrEqual(5);
  });
});

/** A datagram of the N3IWF that answers a CREATE_CHILD_SA request; with the marker of the NAT traversal port in front. */
function isCreateChildSaResponse({ data, from }: { data: Uint8Array; from: { port: number } }): boolean {
  const header = data.subarray(4);
  const isIke = from.port === 4500 && data.subarray(0, 4).every((octet) => octet === 0);
  return isIke && header[18] === 36 && ((header[19] ?? 0) & 0x20) !== 0;
}

describe('a UE that is slow to learn that its rekey was answered', () => {
  it('[RFC7296 2.8] gets by the old SAs what is sent to it meanwhile: nothing is lost', async () => {
    let swallowed = 0;
    let isSlow = false;
    const world = await withSessions('session', {
      channel: (datagram) => {
        if (!isSlow || !isCreateChildSaResponse(datagram)) return [datagram];
        swallowed++;
        return [];
      },
    });
    const teids = sessionIds.map((id) => world.gateway.ues.ofId(1)?.sessions.get(id)?.dlTeid ?? 0);
    let count = 0;
    /** One packet down in every flow; the UE sends nothing. */
    const down = async () => {
      count++;
      for (const [at, id] of sessionIds.entries()) {
        const packet = encodeIp(
          server,
          world.ue.ue.sessions.addressOf(id) ?? server,
          IP_PROTOCOL.UDP,
          new Uint8Array(60),
        );
        for (const qfi of qfis)
          world.gateway.receiveGtpu(
            encodeGpdu(teids[at] ?? 0, { direction: 'downlink', qfi, rqi: false }, packet),
            {
              address: '192.0.2.2',
              port: 2152,
            },
          );
      }
      await world.settle();
      for (const [id, qfi] of everyFlow) expect(returned(world, id, qfi)).toHaveLength(count);
    };
    await down();
    isSlow = true;
    for (const id of [1, 2, undefined]) world.ue.ue.rekey(id);
    for (let i = 0; i < 10; i++) {
      await world.pass(500);
      await down();
    }
    expect(swallowed).toBeGreaterThan(1);
    expect(report(world)?.childSas.length).toBeGreaterThan(3);
    isSlow = false;
    for (let i = 0; i < 20; i++) {
      await world.pass(3000);
      await down();
    }
    expect(report(world)?.childSas).toHaveLength(3);
    expect(report(world)?.drops).toEqual({});
  });
});

describe('two sessions with three flows each, behind a NAT that changes', () => {
  it('a NAT that changes its mapping in the middle of a stream loses none, and no one else moves the UE', async () => {
    let port = 4500;
    const nat = '203.0.113.1';
    const world = await withSessions('gbr', {
      channel: ({ data, from, to }) => {
        if (to.address === nat)
          return to.port === port ? [{ data, from, to: { address: '192.0.2.16', port: 4500 } }] : [];
        return from.port === 4500 && from.address === '192.0.2.16'
          ? [{ data, from: { address: nat, port }, to }]
          : [{ data, from, to }];
      },
    });
    const all = Array.from({ length: 100 }, (_, number) => number);
    for (const number of all) {
      if (number === 50) {
        await world.settle();
        port = 61_234;
      }
      for (const [id, qfi] of everyFlow) sendNumbered(world, id, qfi, number);
      if (number === 60) {
        const forged = new Uint8Array(200).fill(1);
        world.gateway.receiveEsp(
          forged,
          { address: '192.0.2.1', port: 4500 },
          { address: '203.0.113.66', port: 1 },
        );
      }
    }
    await world.settle();
    for (const [id, qfi] of everyFlow) expect(returned(world, id, qfi)).toEqual(all);
    world.ue.ue.rekeyAll();
    await world.pass(10_000);
    for (const [id, qfi] of everyFlow) sendNumbered(world, id, qfi, 100);
    await world.settle();
    for (const [id, qfi] of everyFlow) expect(returned(world, id, qfi)).toHaveLength(101);
  });
});

describe('the end of Child SAs with flows on them', () => {
  it('[TS38413 8.2.4] a Child SA of one flow that goes ends that flow, the default one its session', async () => {
    const world = await withSessions('gbr');
    const own = report(world)?.sessions[0]?.flows.find(({ qfi }) => qfi === 3)?.childSaId ?? 0;
    const use = world.gateway.ues.ofId(1)?.childUses.get(own);
    expect(use).toMatchObject({ qfis: [3], isDefault: false, dscp: 46 });
    world.ue.ue.deleteChildSaOf(1, 3);
    await world.settle();
    const notified = lastSent(world, 'PDUSessionResourceNotify').pduSessionResourceNotifyList?.[0];
    expect(notified?.pduSessionId).toBe(1);
    const { qosFlowReleasedList } = opened(
      'PDUSessionResourceNotifyTransfer',
      notified?.pduSessionResourceNotifyTransfer,
    );
    expect(qosFlowReleasedList).toMatchObject([{ qosFlowIdentifier: 3 }]);
    sendNumbered(world, 1, 1, 1);
    sendNumbered(world, 1, 3, 1);
    await world.settle();
    expect([returned(world, 1, 1), returned(world, 1, 3)]).toEqual([[1], []]);
    expect(report(world)?.drops).toEqual({ unknownFlow: 1 });
    world.ue.ue.deleteChildSa(1);
    await world.settle();
    expect(
      lastSent(world, 'PDUSessionResourceNotify').pduSessionResourceReleasedListNot?.[0]?.pduSessionId,
    ).toBe(1);
    expect(report(world)?.sessions.map(({ pduSessionId }) => pduSessionId)).toEqual([2]);
  });

  it('nothing stays when the UE goes', async () => {
    const world = await withSessions('flow');
    world.ue.ue.disconnect();
    await world.pass(30_000);
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
    expect(report(world)).toBeUndefined();
  });
});

describe('a UE with an IPv6 inner address', () => {
  it('[TS24502 7.3.4] registers, has sessions, and its session is of any type', async () => {
    const world = new World({
      ue: { innerIpv6: true },
      gateway: { inner: { pool6: '2001:db8:45::/64', address6: '2001:db8:45::1' } },
    });
    await world.register();
    await world.openSession();
    expect(world.ue.events).toContainEqual(expect.objectContaining({ innerAddress: '2001:db8:45::2' }));
    expect(await world.ping()).toBe(true);
    const teid = world.gateway.ues.ofId(1)?.sessions.get(1)?.dlTeid ?? 0;
    const packet = new Uint8Array(60).fill(0x60);
    world.gateway.receiveGtpu(encodeGpdu(teid, { direction: 'downlink', qfi: 1, rqi: false }, packet), {
      address: '192.0.2.2',
      port: 2152,
    });
    expect(report(world)?.drops).toEqual({ wrongType: 1 });
  });
});
