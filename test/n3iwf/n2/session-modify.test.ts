import { describe, expect, it } from 'vitest';
import { attached, nothing } from '../../support/attached.ts';
import type { World } from '../../support/world.ts';
import {
  flow,
  lastSent,
  modifyRequest,
  opened,
  ownTunnel,
  sent,
  setupRequest,
  setupTransfer,
  standard,
  tapNas,
  toldOfUnknownIe,
  tunnel,
  withUnknownIe,
} from './support.ts';

const response = (world: World) => lastSent(world, 'PDUSessionResourceModifyResponse');
const done = (world: World, at = 0) =>
  opened(
    'PDUSessionResourceModifyResponseTransfer',
    response(world).pduSessionResourceModifyListModRes?.[at]?.pduSessionResourceModifyResponseTransfer,
  );
const failedCause = (world: World, at = 0) =>
  opened(
    'PDUSessionResourceModifyUnsuccessfulTransfer',
    response(world).pduSessionResourceFailedToModifyListModRes?.[at]
      ?.pduSessionResourceModifyUnsuccessfulTransfer,
  ).cause.value;
const session = (world: World) => world.gateway.ues.ofId(1)?.sessions.get(1);
const qfis = (world: World) => [...(session(world)?.flows.keys() ?? [])];
const add = (...list: ReturnType<typeof flow>[]) => ({ qosFlowAddOrModifyRequestList: list });
const remove = (...list: number[]) => ({
  qosFlowToReleaseList: list.map((qosFlowIdentifier) => ({
    qosFlowIdentifier,
    cause: { choice: 'nas', value: 'normal-release' } as const,
  })),
});
const flowsTold = (world: World) =>
  world.ue.events.flatMap((event) => (event.type === 'flowsChanged' ? [event.qfis] : []));

describe('PDU Session Resource Modify', () => {
  it('[TS38413 8.2.3] [TS24502 7.6.2] adds a flow: the UE is told, then the AMF, then NAS follows', async () => {
    const world = await attached();
    const nas = tapNas(world, 0x11);
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(1, true))), Uint8Array.of(0x11)]]));
    expect(done(world)).toMatchObject({ qosFlowAddOrModifyResponseList: [{ qosFlowIdentifier: 2 }] });
    expect(done(world)).not.toHaveProperty('qosFlowFailedToAddOrModifyList');
    expect(flowsTold(world)).toEqual([[1, 2]]);
    expect(qfis(world)).toEqual([1, 2]);
    expect(nas).toHaveLength(1);
    expect(await world.ping()).toBe(true);
  });

  it('[TS38413 8.2.3] carries packets of an added flow up, and drops those of a released one', async () => {
    const world = await attached();
    await world.amfSends(modifyRequest([[1, { ...add(flow(2, standard(9))), ...remove(1) }]]));
    expect(flowsTold(world)).toEqual([[2]]);
    expect(await world.ping()).toBe(true); // the UE marks with its first flow, now 2
    world.ue.ue.sessions.onFlows({ pduSessionId: 1, qfis: [1], isDefault: true });
    expect(await world.ping()).toBe(false);
    expect(world.gateway.plane.counters().drops.unknownFlow).toBeGreaterThan(0);
  });

  it('[TS38413 8.2.3] changes the parameters of a flow without a word to the UE', async () => {
    const world = await attached();
    await world.amfSends(modifyRequest([[1, add(flow(1, standard(8)))]]));
    expect(done(world)).toMatchObject({ qosFlowAddOrModifyResponseList: [{ qosFlowIdentifier: 1 }] });
    expect(session(world)?.flows.get(1)?.qosCharacteristics).toMatchObject({ value: { fiveQi: 8 } });
    expect(flowsTold(world)).toEqual([]);
  });
});

describe('PDU Session Resource Modify of a whole session', () => {
  it('[TS38413 8.2.3] sends uplink to the new tunnel end of the UPF', async () => {
    const world = await attached();
    const { upf } = world.core;
    const dlTeid = session(world)?.dlTeid ?? 0;
    const address = Uint8Array.of(10, 60, 0, 1);
    upf.addSession({ address, ulTeid: 1, qfi: 1 }); // takes packets in, lets none out
    upf.addSession({
      address,
      ulTeid: 99,
      qfi: 1,
      downlink: { teid: dlTeid, gateway: { address: '192.0.2.1', port: 2152 } },
    });
    expect(await world.ping()).toBe(false);
    const ends = { ulNguUpTnlInformation: tunnel(99), dlNguUpTnlInformation: ownTunnel(world) };
    await world.amfSends(modifyRequest([[1, { ulNguUpTnlModifyList: [ends] }]]));
    expect(response(world).pduSessionResourceModifyListModRes).toHaveLength(1);
    expect(await world.ping()).toBe(true);
  });

  it('[TS38413 8.2.3] takes a new aggregate bit rate of the session', async () => {
    const world = await attached();
    const pduSessionAggregateMaximumBitRate = {
      pduSessionAggregateMaximumBitRateDl: 5,
      pduSessionAggregateMaximumBitRateUl: 4,
    };
    await world.amfSends(modifyRequest([[1, { pduSessionAggregateMaximumBitRate }]]));
    expect(session(world)?.bitRate).toEqual(pduSessionAggregateMaximumBitRate);
    expect(done(world)).toEqual({});
  });
});

describe('PDU Session Resource Modify that is refused in part', () => {
  it('[TS38413 8.2.3.4] serves what it can of a session and names the rest', async () => {
    const world = await attached();
    const wanted = add(flow(2, standard(9)), flow(3, standard(1)), flow(4, standard(9)), flow(5));
    await world.amfSends(modifyRequest([[1, { ...wanted, ...remove(4) }]]));
    expect(done(world)).toMatchObject({
      qosFlowAddOrModifyResponseList: [{ qosFlowIdentifier: 2 }],
      qosFlowFailedToAddOrModifyList: [
        { qosFlowIdentifier: 3, cause: { value: 'invalid-qos-combination' } },
        { qosFlowIdentifier: 4, cause: { value: 'multiple-qos-flow-ID-instances' } },
        { qosFlowIdentifier: 5, cause: { value: 'unkown-qos-flow-ID' } },
      ],
    });
    expect(qfis(world)).toEqual([1, 2]);
  });

  it('[TS38413 8.2.3.4] keeps a flow that stands in both lists', async () => {
    const world = await attached();
    await world.amfSends(
      modifyRequest([[1, { ...add(flow(1, standard(8)), flow(2, standard(9))), ...remove(1) }]]),
    );
    expect(done(world).qosFlowFailedToAddOrModifyList).toMatchObject([{ qosFlowIdentifier: 1 }]);
    expect(qfis(world)).toEqual([1, 2]);
    expect(session(world)?.flows.get(1)?.qosCharacteristics).toMatchObject({ value: { fiveQi: 9 } });
  });
});

describe('PDU Session Resource Modify that is refused as a whole', () => {
  const endsOf = (ul: ReturnType<typeof tunnel>, dl: ReturnType<typeof tunnel>) => ({
    ulNguUpTnlModifyList: [{ ulNguUpTnlInformation: ul, dlNguUpTnlInformation: dl }],
  });
  const refusals = [
    ['octets that are no transfer', () => Uint8Array.of(0xff, 0xff), 'transfer-syntax-error'],
    ['no octets', () => new Uint8Array(0), 'transfer-syntax-error'],
    ['only flows that cannot be had', () => add(flow(3, standard(1))), 'invalid-qos-combination'],
    ['no flow left', () => remove(1), 'invalid-qos-combination'],
    ['a tunnel that is not ours', () => endsOf(tunnel(99), tunnel(4711)), 'transport-resource-unavailable'],
    [
      'a tunnel to nowhere',
      (world: World) => endsOf(tunnel(9, '0.0.0.0'), ownTunnel(world)),
      'transport-resource-unavailable',
    ],
  ] as const;
  for (const [what, transferOf, cause] of refusals) {
    it(`[TS38413 8.2.3.4] leaves a session as it is when the request has ${what}; its NAS is not delivered`, async () => {
      const world = await attached();
      const before = { ...session(world) };
      const nas = tapNas(world, 0x11);
      await world.amfSends(modifyRequest([[1, transferOf(world), Uint8Array.of(0x11)]]));
      expect(failedCause(world)).toBe(cause);
      expect(response(world)).not.toHaveProperty('pduSessionResourceModifyListModRes');
      expect(session(world)).toEqual(before);
      expect(nas).toEqual([]);
      expect(await world.ping()).toBe(true);
    });
  }

  it('[TS38413 8.2.3.4] fails an unknown session, and one that comes twice, each with its cause', async () => {
    const world = await attached();
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    const change = add(flow(2, standard(9)));
    await world.amfSends(
      modifyRequest([
        [9, change],
        [1, change],
        [5, change],
        [5, change],
      ]),
    );
    expect(response(world).pduSessionResourceModifyListModRes).toMatchObject([{ pduSessionId: 1 }]);
    expect([0, 1, 2].map((at) => failedCause(world, at))).toEqual([
      'unknown-PDU-session-ID',
      'multiple-PDU-session-ID-instances',
      'multiple-PDU-session-ID-instances',
    ]);
  });
});

describe('PDU Session Resource Modify and the answer of the UE', () => {
  it('[TS24502 7.6.3] goes back to the flows from before when the UE refuses', async () => {
    const world = await attached({ ue: { refusesFlows: [2] } });
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    expect(failedCause(world)).toBe('failure-in-radio-interface-procedure');
    expect(qfis(world)).toEqual([1]);
    expect(await world.ping()).toBe(true);
  });

  it('refuses a second change while the UE has not answered the first, and a change of a session that is being set up', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    expect(sent(world, 'PDUSessionResourceModifyResponse')).toEqual([]);
    await world.amfSends(modifyRequest([[1, add(flow(3, standard(9)))]]));
    expect(failedCause(world)).toBe('interaction-with-other-procedure');
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    await world.amfSends(modifyRequest([[5, add(flow(3, standard(9)))]]));
    expect(failedCause(world)).toBe('interaction-with-other-procedure');
    deaf = false;
    await world.pass(30_000);
    expect(done(world)).toMatchObject({ qosFlowAddOrModifyResponseList: [{ qosFlowIdentifier: 2 }] });
    expect(qfis(world)).toEqual([1, 2]);
  });
});

describe('PDU Session Resource Modify that something overtakes', () => {
  it('answers a change whose UE is lost before it asks for the release', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    await world.pass(600_000);
    expect(failedCause(world)).toBe('failure-in-radio-interface-procedure');
    expect(world.toAmf.slice(-3).map(({ message }) => message)).toEqual([
      'PDUSessionResourceModifyResponse',
      'UEContextReleaseRequest',
      'UEContextReleaseComplete',
    ]);
    expect(world.left()).toEqual(nothing);
  });

  it('a release overtakes a change that waits for the UE: both are answered', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends(modifyRequest([[1, add(flow(2, standard(9)))]]));
    world.core.amf.releaseSession('208930000000001', 1);
    await world.settle();
    expect(failedCause(world)).toBe('interaction-with-other-procedure');
    expect(sent(world, 'PDUSessionResourceReleaseResponse')).toHaveLength(1);
    deaf = false;
    await world.pass(30_000);
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
    expect(sent(world, 'PDUSessionResourceModifyResponse')).toHaveLength(1);
  });

  it('[TS38413 10.3.4.2] tells in the response which IE was ignored', async () => {
    const world = await attached();
    await world.amfSends(withUnknownIe(modifyRequest([[1, add(flow(1, standard(8)))]]), 'notify'));
    expect(response(world).criticalityDiagnostics).toMatchObject(toldOfUnknownIe);
  });
});
