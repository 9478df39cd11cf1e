import { describe, expect, it } from 'vitest';
import { encodeTransfer, type NgapPdu } from '#ngap';
import { attached } from '../../support/attached.ts';
import type { World } from '../../support/world.ts';
import { ids, lastSent, names, opened, sent, tunnel } from './support.ts';

const session = (world: World) => world.gateway.ues.ofId(1)?.sessions.get(1);
const upfEnd = (teid: number) => ({
  address: Uint8Array.of(10, 60, 0, 1),
  ulTeid: 1,
  qfi: 1,
  downlink: { teid, gateway: { address: '192.0.2.1', port: 2152 } },
});

/** A session whose downlink is on its way to another TEID. */
async function moving() {
  const world = await attached();
  const from = session(world)?.dlTeid ?? 0;
  expect(world.gateway.moveDownlinkTunnel(1, 1)).toBe(true);
  await world.settle();
  const [item] = lastSent(world, 'PDUSessionResourceModifyIndication').pduSessionResourceModifyListModInd;
  const transfer = opened(
    'PDUSessionResourceModifyIndicationTransfer',
    item?.pduSessionResourceModifyIndicationTransfer,
  );
  const end = transfer.dlQosFlowPerTnlInformation.upTransportLayerInformation;
  const to = end.choice === 'gTPTunnel' ? Buffer.from(end.value.gtpTeid).readUInt32BE() : 0;
  expect(to).not.toBe(from);
  return { world, from, to, transfer };
}

function confirm(octets?: Uint8Array): NgapPdu {
  const transfer = encodeTransfer('PDUSessionResourceModifyConfirmTransfer', {
    qosFlowModifyConfirmList: [{ qosFlowIdentifier: 1 }],
    ulNguUpTnlInformation: tunnel(1),
  });
  const list = [{ pduSessionId: 1, pduSessionResourceModifyConfirmTransfer: octets ?? transfer }];
  return {
    message: 'PDUSessionResourceModifyConfirm',
    ies: { ...ids, pduSessionResourceModifyListModCfm: list },
  };
}

/** Pings through both TEIDs: which of them the N3IWF hears. */
async function heard(world: World, teids: readonly number[]): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (const teid of teids) {
    world.core.upf.addSession(upfEnd(teid));
    answers.push(await world.ping());
  }
  return answers;
}

describe('PDU Session Resource Modify Indication', () => {
  it('[TS38413 8.2.5] names the new TEID with every flow, and hears both until the SMF answers', async () => {
    const { world, from, to, transfer } = await moving();
    const flows = transfer.dlQosFlowPerTnlInformation.associatedQosFlowList;
    expect(flows.map(({ qosFlowIdentifier }) => qosFlowIdentifier)).toEqual([1]);
    expect(await heard(world, [from, to])).toEqual([true, true]);
    expect(world.left().teids).toBe(2);
  });

  it('[TS38413 8.2.5.2] hears the new TEID alone once the SMF has confirmed', async () => {
    const { world, from, to } = await moving();
    await world.amfSends(confirm());
    expect(session(world)?.dlTeid).toBe(to);
    expect(await heard(world, [from, to])).toEqual([false, true]);
    expect(world.left().teids).toBe(1);
    await world.pass(20_000);
    expect(await world.ping()).toBe(true);
  });

  const unsuccessful = encodeTransfer('PDUSessionResourceModifyIndicationUnsuccessfulTransfer', {
    cause: { choice: 'radioNetwork', value: 'unspecified' },
  });
  const nowhere = encodeTransfer('PDUSessionResourceModifyConfirmTransfer', {
    qosFlowModifyConfirmList: [{ qosFlowIdentifier: 1 }],
    ulNguUpTnlInformation: tunnel(1, '0.0.0.0'),
  });
  const failures: readonly (readonly [string, NgapPdu])[] = [
    [
      'the SMF refuses',
      {
        message: 'PDUSessionResourceModifyConfirm',
        ies: {
          ...ids,
          pduSessionResourceFailedToModifyListModCfm: [
            { pduSessionId: 1, pduSessionResourceModifyIndicationUnsuccessfulTransfer: unsuccessful },
          ],
        },
      },
    ],
    ['the answer does not name the session', { message: 'PDUSessionResourceModifyConfirm', ies: ids }],
    ['the answer cannot be read', confirm(Uint8Array.of(0xff, 0xff))],
    ['the answer names a tunnel to nowhere', confirm(nowhere)],
    [
      'the AMF indicates an error',
      { message: 'ErrorIndication', ies: { ...ids, cause: { choice: 'protocol', value: 'semantic-error' } } },
    ],
  ];
  for (const [what, pdu] of failures) {
    it(`[TS38413 8.2.5.2] [TS38413 10.4] keeps the tunnel from before when ${what}`, async () => {
      const { world, from, to } = await moving();
      await world.amfSends(pdu);
      expect(session(world)?.dlTeid).toBe(from);
      expect(await heard(world, [to, from])).toEqual([false, true]);
      expect(world.left().teids).toBe(1);
      expect(world.gateway.moveDownlinkTunnel(1, 1)).toBe(true);
    });
  }
});

describe('PDU Session Resource Modify Indication that nobody answers', () => {
  it('keeps the tunnel from before when the AMF is silent for ten seconds', async () => {
    const { world, from } = await moving();
    await world.pass(9_000);
    expect(world.left().teids).toBe(2);
    await world.pass(2_000);
    expect(world.left().teids).toBe(1);
    expect(session(world)?.dlTeid).toBe(from);
    await world.amfSends(confirm()); // too late
    expect(session(world)?.dlTeid).toBe(from);
  });

  it('is not started for a session that is moving, unknown, or of no UE', async () => {
    const { world } = await moving();
    const asked = [
      [1, 1],
      [1, 9],
      [7, 1],
    ] as const;
    expect(asked.map(([ue, id]) => world.gateway.moveDownlinkTunnel(ue, id))).toEqual([false, false, false]);
    expect(sent(world, 'PDUSessionResourceModifyIndication')).toHaveLength(1);
  });

  it('ends with its session', async () => {
    const { world, from, to } = await moving();
    world.core.amf.releaseSession('208930000000001', 1);
    await world.settle();
    expect(world.left().teids).toBe(0);
    await world.amfSends(confirm());
    expect(await heard(world, [from, to])).toEqual([false, false]);
  });
});

describe('PDU Session Resource Notify', () => {
  it('[TS38413 8.2.4] tells the AMF of a session whose Child SA the UE deleted; the UE keeps the rest', async () => {
    const world = await attached();
    await world.openSession(world.ue, 2);
    world.ue.ue.deleteChildSa(1);
    await world.settle();
    const { pduSessionResourceReleasedListNot: released = [] } = lastSent(world, 'PDUSessionResourceNotify');
    expect(released).toMatchObject([{ pduSessionId: 1 }]);
    expect(
      opened(
        'PDUSessionResourceNotifyReleasedTransfer',
        released[0]?.pduSessionResourceNotifyReleasedTransfer,
      ).cause,
    ).toEqual({ choice: 'radioNetwork', value: 'radio-connection-with-ue-lost' });
    expect(await world.ping(world.ue, 2)).toBe(true);
    expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
  });

  it('[TS38413 8.2.4] tells the AMF of a session whose tunnel the UPF has lost', async () => {
    const world = await attached();
    world.core.upf.removeSession(1);
    expect(await world.ping()).toBe(false);
    const [released] = lastSent(world, 'PDUSessionResourceNotify').pduSessionResourceReleasedListNot ?? [];
    expect(
      opened('PDUSessionResourceNotifyReleasedTransfer', released?.pduSessionResourceNotifyReleasedTransfer)
        .cause,
    ).toEqual({ choice: 'transport', value: 'transport-resource-unavailable' });
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
  });
});

describe('PDU Session Resource Notify of many sessions, and none', () => {
  it('[TS38413 8.2.4] [TS23527 5.2.2] tells the AMF of every session of a UPF that is silent for too long', async () => {
    const pathTimers = { intervalMs: 60_000, responseMs: 3000, tries: 3, giveUpMs: 20_000 };
    const world = await attached({ ues: 2, gateway: { userPlane: { pathTimers } } });
    await world.openSession(world.ue, 2);
    await world.register(world.ues[1]);
    await world.openSession(world.ues[1], 1);
    world.core.upf.receive = () => {};
    await world.pass(60_000 + 3 * 3000 + 19_000);
    expect(world.left()).toEqual({ ues: 2, teids: 3, addresses: 2 });
    expect(world.gateway.journal.alarms.standing()).toMatchObject([{ name: 'upfSilent' }]);
    expect(names(world)).not.toContain('PDUSessionResourceNotify');
    await world.pass(5000);
    const told = sent(world, 'PDUSessionResourceNotify').map(({ ranUeNgapId, ...ies }) => [
      ranUeNgapId,
      ies.pduSessionResourceReleasedListNot?.map(({ pduSessionId }) => pduSessionId),
    ]);
    expect(told).toEqual([
      [1, [1, 2]],
      [2, [1]],
    ]);
    const [item] = lastSent(world, 'PDUSessionResourceNotify').pduSessionResourceReleasedListNot ?? [];
    expect(
      opened('PDUSessionResourceNotifyReleasedTransfer', item?.pduSessionResourceNotifyReleasedTransfer)
        .cause,
    ).toEqual({ choice: 'transport', value: 'transport-resource-unavailable' });
    expect(world.left()).toEqual({ ues: 2, teids: 0, addresses: 2 });
    expect(world.gateway.plane.report(1)?.childSas).toHaveLength(1);
    expect(world.gateway.journal.alarms.standing()).toEqual([]);
  });

  it('is not sent when the IKE SA ends with the session: the release request names it', async () => {
    const world = await attached();
    world.ue.ue.disconnect();
    await world.settle();
    expect(names(world)).not.toContain('PDUSessionResourceNotify');
    expect(lastSent(world, 'UEContextReleaseRequest').pduSessionResourceListCxtRelReq).toMatchObject([
      { pduSessionId: 1 },
    ]);
  });
});

describe('PDU Session Resource Release', () => {
  const command = (...list: readonly (readonly [number, Uint8Array])[]): NgapPdu => ({
    message: 'PDUSessionResourceReleaseCommand',
    ies: {
      ...ids,
      pduSessionResourceToReleaseListRelCmd: list.map(([pduSessionId, transfer]) => ({
        pduSessionId,
        pduSessionResourceReleaseCommandTransfer: transfer,
      })),
    },
  });
  const sound = encodeTransfer('PDUSessionResourceReleaseCommandTransfer', {
    cause: { choice: 'nas', value: 'normal-release' },
  });
  const released = (world: World) =>
    lastSent(world, 'PDUSessionResourceReleaseResponse').pduSessionResourceReleasedListRelRes.map(
      ({ pduSessionId }) => pduSessionId,
    );

  it('[TS38413 8.2.2] answers for a session that is not here, and once for one that comes twice', async () => {
    const world = await attached();
    await world.amfSends(command([9, sound], [1, sound], [1, sound]));
    expect(released(world)).toEqual([9, 1]);
    expect(world.left().teids).toBe(0);
    expect(sent(world, 'ErrorIndication')).toEqual([]);
  });

  it('[TS38413 8.2.2] releases whatever the reason, readable or not', async () => {
    const world = await attached();
    await world.amfSends(command([1, Uint8Array.of(0xff, 0xff)]));
    expect(released(world)).toEqual([1]);
    expect(world.left().teids).toBe(0);
  });

  it('[TS38413 8.2.2] lets the same ID be set up again at once', async () => {
    const world = await attached();
    await world.amfSends(command([1, sound]));
    await world.openSession(world.ue, 1);
    expect(await world.ping()).toBe(true);
  });
});
