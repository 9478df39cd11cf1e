import { describe, expect, it } from 'vitest';
import { attached } from '../../support/attached.ts';
import type { World } from '../../support/world.ts';
import {
  delayCritical,
  flow,
  ids,
  lastSent,
  opened,
  sent,
  setupRequest,
  setupTransfer,
  standard,
  toldOfUnknownIe,
  tunnel,
  withoutBitRate,
  withUnknownIe,
} from './support.ts';

const response = (world: World) => lastSent(world, 'PDUSessionResourceSetupResponse');
const failedCause = (world: World, at = 0) =>
  opened(
    'PDUSessionResourceSetupUnsuccessfulTransfer',
    response(world).pduSessionResourceFailedToSetupListSURes?.[at]
      ?.pduSessionResourceSetupUnsuccessfulTransfer,
  ).cause.value;
const flows = (...list: ReturnType<typeof flow>[]) => ({ qosFlowSetupRequestList: list as never });

const twice = flow(7, standard(9));
const v6 = {
  choice: 'gTPTunnel',
  value: {
    transportLayerAddress: { bits: new Uint8Array(16).fill(1), length: 128 },
    gtpTeid: Uint8Array.of(0, 0, 0, 1),
  },
} as const;
const refusals = [
  ['a transfer of garbage', Uint8Array.of(0xff, 0xff), 'transfer-syntax-error'],
  ['an empty transfer', new Uint8Array(0), 'transfer-syntax-error'],
  ['no flow that can be had', setupTransfer(flows(flow(2, standard(1)))), 'invalid-qos-combination'],
  ['the same flow twice', setupTransfer(flows(twice, twice)), 'multiple-qos-flow-ID-instances'],
  ['no bit rate for a flow without guarantees', withoutBitRate({}), 'invalid-qos-combination'],
  [
    'a tunnel of another family',
    setupTransfer({ ulNguUpTnlInformation: v6 }),
    'transport-resource-unavailable',
  ],
  [
    'a tunnel to nowhere',
    setupTransfer({ ulNguUpTnlInformation: tunnel(1, '0.0.0.0') }),
    'transport-resource-unavailable',
  ],
  ['TEID 0', setupTransfer({ ulNguUpTnlInformation: tunnel(0) }), 'transport-resource-unavailable'],
] as const;

describe('PDU Session Resource Setup', () => {
  it('[TS38413 8.2.1] sets several sessions up and answers once, with a tunnel end of ours for each', async () => {
    const world = await attached({}, false);
    await world.amfSends(
      setupRequest([
        [5, setupTransfer()],
        [6, setupTransfer()],
      ]),
    );
    const { pduSessionResourceSetupListSURes: done = [], ...rest } = response(world);
    expect(done.map(({ pduSessionId }) => pduSessionId)).toEqual([5, 6]);
    expect(rest).not.toHaveProperty('pduSessionResourceFailedToSetupListSURes');
    expect(rest.userLocationInformation?.choice).toBe('userLocationInformationN3IWF');
    const teids = done.map((item) => {
      const { dlQosFlowPerTnlInformation: info } = opened(
        'PDUSessionResourceSetupResponseTransfer',
        item.pduSessionResourceSetupResponseTransfer,
      );
      expect(info.associatedQosFlowList.map(({ qosFlowIdentifier }) => qosFlowIdentifier)).toEqual([1]);
      const end = info.upTransportLayerInformation;
      return end.choice === 'gTPTunnel' ? Buffer.from(end.value.gtpTeid).readUInt32BE() : 0;
    });
    expect(new Set(teids).size).toBe(2);
    expect(sent(world, 'PDUSessionResourceSetupResponse')).toHaveLength(1);
    expect(world.left().teids).toBe(2);
  });

  it('[TS38413 8.2.1.4] names the flows that fail beside those that ride', async () => {
    const world = await attached({}, false);
    const list = flows(
      flow(1, standard(9)),
      flow(2, standard(1)),
      flow(3, delayCritical()),
      flow(4, standard(2, true)),
    );
    await world.amfSends(setupRequest([[5, setupTransfer(list)]]));
    const transfer = opened(
      'PDUSessionResourceSetupResponseTransfer',
      response(world).pduSessionResourceSetupListSURes?.[0]?.pduSessionResourceSetupResponseTransfer,
    );
    const riding = transfer.dlQosFlowPerTnlInformation.associatedQosFlowList;
    expect(riding.map(({ qosFlowIdentifier }) => qosFlowIdentifier)).toEqual([1, 4]);
    expect(transfer.qosFlowFailedToSetupList).toMatchObject([
      { qosFlowIdentifier: 2, cause: { value: 'invalid-qos-combination' } },
      { qosFlowIdentifier: 3, cause: { value: 'invalid-qos-combination' } },
    ]);
    expect([...(world.gateway.ues.ofId(1)?.sessions.get(5)?.flows.keys() ?? [])]).toEqual([1, 4]);
  });
});

describe('PDU Session Resource Setup that is refused', () => {
  for (const [what, transfer, cause] of refusals) {
    it(`[TS38413 8.2.1.4] refuses a session with ${what}, and it alone`, async () => {
      const world = await attached({}, false);
      await world.amfSends(
        setupRequest([
          [5, transfer],
          [6, setupTransfer()],
        ]),
      );
      expect(failedCause(world)).toBe(cause);
      expect(response(world)).toMatchObject({
        pduSessionResourceSetupListSURes: [{ pduSessionId: 6 }],
        pduSessionResourceFailedToSetupListSURes: [{ pduSessionId: 5 }],
      });
      expect(world.left().teids).toBe(1);
    });
  }

  it('a guaranteed flow alone needs no aggregate bit rate', async () => {
    const world = await attached({}, false);
    await world.amfSends(setupRequest([[5, withoutBitRate(flows(flow(1, standard(1, true))))]]));
    expect(response(world).pduSessionResourceSetupListSURes).toHaveLength(1);
  });

  it('[TS38413 8.2.1.4] fails every session of an ID that comes twice, and one that is up', async () => {
    const world = await attached();
    await world.amfSends(
      setupRequest([
        [5, setupTransfer()],
        [5, setupTransfer()],
        [1, setupTransfer()],
      ]),
    );
    expect(response(world).pduSessionResourceFailedToSetupListSURes).toHaveLength(3);
    expect([0, 1, 2].map((at) => failedCause(world, at))).toEqual(
      new Array(3).fill('multiple-PDU-session-ID-instances'),
    );
    expect(world.gateway.ues.ofId(1)?.sessions.has(1)).toBe(true);
    expect(world.left().teids).toBe(1);
  });

  it('answers when all fail, and when the UE takes no Child SA', async () => {
    const world = await attached({ ue: { refusesSessions: [5] } }, false);
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    expect(failedCause(world)).toBe('failure-in-radio-interface-procedure');
    expect(response(world)).not.toHaveProperty('pduSessionResourceSetupListSURes');
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
  });
});

describe('PDU Session Resource Setup for a UE that is not there yet, or no more', () => {
  it('fails sessions for a UE that is not attached yet', async () => {
    const world = await attached({
      n2: (pdu, toAmf, within) => {
        if (!toAmf && pdu.message === 'InitialContextSetupRequest') {
          within.gateway.receiveN2(setupRequest([[5, setupTransfer()]]));
        }
        return pdu;
      },
    });
    expect(sent(world, 'PDUSessionResourceSetupResponse')[0]).toMatchObject({
      pduSessionResourceFailedToSetupListSURes: [{ pduSessionId: 5 }],
    });
    expect(world.left().teids).toBe(1);
  });

  it('answers with the UE lost when the UE goes before it has taken the Child SA, then asks for its release', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) }, false);
    deaf = true;
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    await world.pass(600_000);
    expect(response(world)).toMatchObject({
      ...ids,
      pduSessionResourceFailedToSetupListSURes: [{ pduSessionId: 5 }],
    });
    expect(sent(world, 'UEContextReleaseRequest')).toHaveLength(1);
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });
});

describe('PDU Session Resource Setup that something overtakes', () => {
  it('a release command calls a set-up off, and the late Child SA is deleted', async () => {
    let release = true;
    const world = await attached({
      channel: (datagram, within) => {
        if (release && within.gateway.ues.ofId(1)?.sessionSetups.has(5) === true) {
          release = false;
          within.gateway.receiveN2({
            message: 'PDUSessionResourceReleaseCommand',
            ies: {
              ...ids,
              pduSessionResourceToReleaseListRelCmd: [
                { pduSessionId: 5, pduSessionResourceReleaseCommandTransfer: Uint8Array.of(0) },
              ],
            },
          });
        }
        return [datagram];
      },
    });
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    expect(failedCause(world)).toBe('interaction-with-other-procedure');
    expect(sent(world, 'PDUSessionResourceReleaseResponse')).toHaveLength(1);
    expect(world.gateway.ues.ofId(1)?.sessions.has(5)).toBe(false);
    expect(world.left().teids).toBe(1);
    await world.amfSends(setupRequest([[5, setupTransfer()]]));
    expect(response(world)).toMatchObject({ pduSessionResourceSetupListSURes: [{ pduSessionId: 5 }] });
  });

  it('[TS38413 10.3.4.2] tells in the response which IE was ignored', async () => {
    const world = await attached({}, false);
    await world.amfSends(withUnknownIe(setupRequest([[5, setupTransfer()]]), 'notify'));
    expect(response(world).criticalityDiagnostics).toMatchObject(toldOfUnknownIe);
  });
});
