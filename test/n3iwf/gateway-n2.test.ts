import { describe, expect, it } from 'vitest';
import type { NgapPdu } from '#ngap';
import { rrcEstablishmentCause } from '../../n3iwf/n2/establishment-cause.ts';
import { plmnOctets } from '../../n3iwf/n2/plmn.ts';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import { attached, nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';

const ids = { amfUeNgapId: 1, ranUeNgapId: 1 };
const sent = (world: World, message: NgapPdu['message']) =>
  world.toAmf.filter((pdu) => pdu.message === message);
const unspecified = { choice: 'nas', value: 'unspecified' } as const;

describe('numbers of UEs on N2', () => {
  it('[TS38413 10.6] answers a message for an unknown UE with an error indication', async () => {
    const world = await attached();
    const nasPdu = Uint8Array.of(1);
    await world.amfSends({
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId: 5, ranUeNgapId: 99, nasPdu },
    });
    await world.amfSends({
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId: 7, ranUeNgapId: 1, nasPdu },
    });
    expect(sent(world, 'ErrorIndication').map(({ ies }) => ies)).toMatchObject([
      { amfUeNgapId: 5, ranUeNgapId: 99, cause: { value: 'unknown-local-UE-NGAP-ID' } },
      { amfUeNgapId: 7, ranUeNgapId: 1, cause: { value: 'inconsistent-remote-UE-NGAP-ID' } },
    ]);
    expect(await world.ping()).toBe(true);
  });

  it('[TS38413 8.7.5] ends the UE for which the AMF indicates an error, and no other', async () => {
    const world = await attached();
    const cause = { choice: 'radioNetwork', value: 'unknown-local-UE-NGAP-ID' } as const;
    await world.amfSends({ message: 'ErrorIndication', ies: { cause } });
    await world.amfSends({ message: 'ErrorIndication', ies: { ...ids, ranUeNgapId: 99, cause } });
    expect(world.left().ues).toBe(1);
    await world.amfSends({ message: 'ErrorIndication', ies: { ...ids, cause } });
    expect(world.left()).toEqual(nothing);
    expect(world.ue.events.at(-1)?.type).toBe('closed');
  });

  it('[TS38413 8.3.3] obeys a release command that names the UE by the number of the AMF alone', async () => {
    const world = await attached();
    const command = (value: number) =>
      ({
        message: 'UEContextReleaseCommand',
        ies: { ueNgapIds: { choice: 'amfUeNgapId', value }, cause: unspecified },
      }) as const;
    await world.amfSends(command(99));
    expect(world.left().ues).toBe(1);
    await world.amfSends(command(1));
    expect(world.left()).toEqual(nothing);
    expect(sent(world, 'UEContextReleaseComplete').map(({ ies }) => ies)).toMatchObject([
      { ...ids, pduSessionResourceListCxtRelCpl: [{ pduSessionId: 1 }] },
    ]);
  });

  it('obeys a release command without its cause, whose criticality is ignore', async () => {
    const world = await attached();
    const ies = { ueNgapIds: { choice: 'ueNgapIdPair', value: ids } };
    world.gateway.receiveN2({ message: 'UEContextReleaseCommand', ies } as unknown as NgapPdu);
    await world.settle();
    expect(world.left()).toEqual(nothing);
  });
});

describe('NAS towards the UE', () => {
  it('[TS38413 8.6.2] drops a NAS message of no octets', async () => {
    const world = await attached();
    await world.amfSends({ message: 'DownlinkNASTransport', ies: { ...ids, nasPdu: new Uint8Array(0) } });
    expect(await world.ping()).toBe(true);
    expect(world.ue.events.some(({ type }) => type === 'failed')).toBe(false);
  });

  it('[TS24502 7.3A] keeps NAS messages until the NAS connection is up, in their order', async () => {
    let early = true;
    const delivered: number[] = [];
    const n2: WorldOptions['n2'] = (pdu, toAmf, world) => {
      if (toAmf && early && pdu.message === 'InitialContextSetupResponse') {
        early = false;
        const ue = world.gateway.ues.ofId(1);
        expect(ue?.nasConnected).toBe(false);
        for (const first of [0x11, 0x22]) {
          const nasPdu = Uint8Array.of(first);
          world.gateway.receiveN2({ message: 'DownlinkNASTransport', ies: { ...ids, nasPdu } });
        }
        expect(ue?.nasQueue.map(([octet]) => octet)).toEqual([0x11, 0x22]);
      }
      return pdu;
    };
    const world = new World({ n2 });
    const { nas } = world.ue.ue;
    const receive = nas.receive.bind(nas);
    nas.receive = (nasPdu) => (nasPdu.length === 1 ? void delivered.push(nasPdu[0] ?? 0) : receive(nasPdu));
    await world.register();
    expect(early).toBe(false);
    expect(delivered).toEqual([0x11, 0x22]);
    expect(world.ue.events.at(-1)?.type).toBe('registered');
  });
});

describe('set-up of contexts and sessions', () => {
  it('[TS38413 8.3.1] takes an Initial Context Setup Request that comes twice for one', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf, world) => {
      if (!toAmf && pdu.message === 'InitialContextSetupRequest') {
        const bits = Uint8Array.from(pdu.ies.securityKey.bits);
        world.gateway.receiveN2({ ...pdu, ies: { ...pdu.ies, securityKey: { bits, length: 256 } } });
      }
      return pdu;
    };
    const world = await attached({ n2 });
    expect(sent(world, 'InitialContextSetupResponse')).toHaveLength(1);
    expect(sent(world, 'InitialContextSetupFailure')).toHaveLength(0);
  });

  it('[TS38413 8.2.1] names a session with an unreadable transfer, or one that exists, as failed', async () => {
    const world = await attached();
    const item = (pduSessionId: number, transfer: Uint8Array) => ({
      pduSessionId,
      sNssai: { sst: Uint8Array.of(1) },
      pduSessionResourceSetupRequestTransfer: transfer,
    });
    const request = world.toN3iwf.find(({ message }) => message === 'PDUSessionResourceSetupRequest');
    if (request?.message !== 'PDUSessionResourceSetupRequest') throw new Error('no request was seen');
    const good = request.ies.pduSessionResourceSetupListSUReq[0]?.pduSessionResourceSetupRequestTransfer;
    const list = [item(5, Uint8Array.of(0xff, 0xff)), item(1, good ?? new Uint8Array(0))];
    await world.amfSends({
      message: 'PDUSessionResourceSetupRequest',
      ies: { ...ids, pduSessionResourceSetupListSUReq: list },
    });
    expect(sent(world, 'PDUSessionResourceSetupResponse').at(-1)?.ies).toMatchObject({
      pduSessionResourceFailedToSetupListSURes: [{ pduSessionId: 5 }, { pduSessionId: 1 }],
    });
    expect(world.left().teids).toBe(1);
    expect(world.gateway.ues.ofId(1)?.sessions.has(1)).toBe(true);
  });
});

describe('the end of contexts and sessions', () => {
  it('[TS38413 8.2.2] lets the network end a session', async () => {
    const world = await attached();
    world.core.amf.releaseSession('208930000000001', 1);
    await world.settle();
    expect(world.ue.events.at(-1)?.type).toBe('sessionDown');
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
  });

  it('ends every UE when the association with the AMF is lost', async () => {
    const world = await attached({ ues: 2 });
    await world.register(world.ues[1]);
    world.loseAmf();
    await world.settle();
    expect(world.left()).toEqual(nothing);
    expect(world.ues.map(({ events }) => events.at(-1)?.type)).toEqual(['closed', 'closed']);
  });

  it('[TS38413 8.7.4.2] ends the UEs that a reset names, or all of them', async () => {
    const world = await attached({ ues: 2 });
    await world.register(world.ues[1]);
    const cause = unspecified;
    const one = { choice: 'partOfNgInterface', value: [{ ranUeNgapId: 2 }] } as const;
    world.gateway.onN2Event(0, { type: 'resetReceived', ies: { cause, resetType: one } });
    await world.settle();
    expect(world.left().ues).toBe(1);
    expect(await world.ping()).toBe(true);
    const all = { choice: 'ngInterface', value: 'reset-all' } as const;
    world.gateway.onN2Event(0, { type: 'resetReceived', ies: { cause, resetType: all } });
    await world.settle();
    expect(world.left()).toEqual(nothing);
  });
});

describe('what N2 carries', () => {
  it('[TS38413 9.3.3.5] swaps the digits of a PLMN and fills a short MNC', () => {
    expect([...plmnOctets({ mcc: '208', mnc: '93' })]).toEqual([0x02, 0xf8, 0x39]);
    expect([...plmnOctets({ mcc: '310', mnc: '410' })]).toEqual([0x13, 0x00, 0x14]);
  });

  it('[TS38413 9.2.6.1] opens the association as an N3IWF with one tracking area', () => {
    const slices = [{ sst: 1, sd: '010203' }, { sst: 2 }];
    const plmn = { mcc: '208', mnc: '93' };
    const request = ngSetupRequest({ name: 'n', n3iwfId: 0x87, plmn, tac: '000001', slices });
    expect(request.globalRanNodeId).toMatchObject({
      choice: 'globalN3iwfId',
      value: { n3iwfId: { value: { bits: Uint8Array.of(0, 0x87), length: 16 } } },
    });
    expect(request.supportedTaList).toMatchObject([
      { tac: Uint8Array.of(0, 0, 1), broadcastPlmnList: [{ taiSliceSupportList: [{}, {}] }] },
    ]);
  });

  it('[TS24502 9.3.2.2.2] turns the establishment cause of the UE into that of NGAP', () => {
    const values = [0, 1, 3, 4, 8, 9, 7, undefined].map(rrcEstablishmentCause);
    expect(values.slice(0, 3)).toEqual(['emergency', 'highPriorityAccess', 'mo-Signalling']);
    expect(values.slice(3)).toEqual([
      'mo-Data',
      'mps-PriorityAccess',
      'mcs-PriorityAccess',
      'mo-Data',
      'mo-Signalling',
    ]);
  });
});

describe('an AMF that does not play along', () => {
  it('a procedure that throws ends in an error indication, and the UE goes on', async () => {
    const world = await attached();
    const broken = {
      message: 'PDUSessionResourceSetupRequest',
      ies: { ...ids, pduSessionResourceSetupListSUReq: 7 },
    };
    world.gateway.receiveN2(broken as unknown as NgapPdu);
    await world.settle();
    expect(sent(world, 'ErrorIndication').at(-1)?.ies).toMatchObject({
      ...ids,
      cause: { value: 'semantic-error' },
    });
    expect(await world.ping()).toBe(true);
  });

  it('a release request that is never answered ends the UE after ten seconds all the same', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await attached({ n2 });
    const [ue] = [...world.gateway.ues];
    world.gateway.release(ue!, { group: 'misc', cause: 'unspecified', text: 'test' });
    await world.pass(9_000);
    expect(world.left().ues).toBe(1);
    await world.pass(2_000);
    expect(world.left()).toEqual(nothing);
    expect(world.ue.events.at(-1)?.type).toBe('closed');
  });
});
