import { describe, expect, it } from 'vitest';
import { decodeNgap, encodeNgap, type MessageIes, type NgapPdu } from '#ngap';
import { mostQueuedNas } from '../../../n3iwf/nwu/nas-delivery.ts';
import { attached, nothing } from '../../support/attached.ts';
import { World, type WorldOptions } from '../../support/world.ts';
import {
  ids,
  lastSent,
  names,
  opened,
  sent,
  setupTransfer,
  sNssai,
  tapNas,
  toldOfUnknownIe,
  withUnknownIe,
} from './support.ts';

type ContextRequest = MessageIes<'InitialContextSetupRequest'>;
const unspecified = { choice: 'nas', value: 'unspecified' } as const;
const bitRate = { ueAggregateMaximumBitRateDl: 9_000, ueAggregateMaximumBitRateUl: 8_000 };

/** A copy that may be changed: the N3IWF wipes the key of the one it is given. */
function copyOf(ies: ContextRequest): ContextRequest {
  return { ...ies, securityKey: { bits: Uint8Array.from(ies.securityKey.bits), length: 256 } };
}

/** Nothing of any UE is heard from the first message of the AMF to it on. */
function deafAfterChallenge(): Pick<WorldOptions, 'n2' | 'channel'> {
  let deaf = false;
  return {
    n2: (pdu, toAmf) => {
      deaf ||= !toAmf && pdu.message === 'DownlinkNASTransport';
      return pdu;
    },
    channel: (datagram) => (deaf ? [] : [datagram]),
  };
}

describe('UE Context Release in the middle of EAP', () => {
  const ueNgapIds = { choice: 'ueNgapIdPair', value: ids } as const;
  const command = { message: 'UEContextReleaseCommand', ies: { ueNgapIds, cause: unspecified } } as const;

  it('[TS38413 8.3.3] a UE that answers nothing more keeps the AMF waiting for ten seconds, not for the end of its set-up', async () => {
    const world = new World(deafAfterChallenge());
    await world.register();
    await world.amfSends(command);
    await world.pass(9_000);
    expect(names(world)).not.toContain('UEContextReleaseComplete');
    await world.pass(2_000);
    expect(lastSent(world, 'UEContextReleaseComplete')).toMatchObject(ids);
    expect(world.left()).toEqual(nothing);
    await world.pass(120_000);
    expect(sent(world, 'UEContextReleaseComplete')).toHaveLength(1);
  });
});

/** Sends each Initial Context Setup Request through `change`, which says what the N3IWF gets in its place. */
function withContextRequest(
  change: (ies: ContextRequest) => ContextRequest[],
): NonNullable<WorldOptions['n2']> {
  return (pdu, toAmf, world) => {
    if (toAmf || pdu.message !== 'InitialContextSetupRequest') return pdu;
    const message = 'InitialContextSetupRequest';
    for (const ies of change(copyOf(pdu.ies))) world.gateway.receiveN2({ message, ies });
    return undefined;
  };
}

const sessionsOf = (...list: readonly (readonly [number, Uint8Array])[]) => ({
  pduSessionResourceSetupListCxtReq: list.map(([pduSessionId, transfer]) => ({
    pduSessionId,
    sNssai,
    pduSessionResourceSetupRequestTransfer: transfer,
  })),
});

/** A request for the first UE when it is attached already. */
function laterRequest(parts: Partial<ContextRequest>, world: World): NgapPdu {
  const first = world.toN3iwf.find((pdu) => pdu.message === 'InitialContextSetupRequest');
  return { message: 'InitialContextSetupRequest', ies: { ...(first?.ies as ContextRequest), ...parts } };
}

describe('Initial Context Setup', () => {
  it('[TS38413 8.3.1] sets up the sessions in the request after the signalling SA, with a result for each', async () => {
    const sessions = sessionsOf([5, setupTransfer()], [6, Uint8Array.of(0xff)], [7, setupTransfer()]);
    const n2 = withContextRequest((ies) => [{ ...ies, ...sessions, ueAggregateMaximumBitRate: bitRate }]);
    const world = await attached({ n2, ue: { refusesSessions: [7] } }, false);
    expect(world.ue.events.at(-1)?.type).toBe('registered');
    const response = lastSent(world, 'InitialContextSetupResponse');
    expect(response).toMatchObject({
      ...ids,
      pduSessionResourceSetupListCxtRes: [{ pduSessionId: 5 }],
      pduSessionResourceFailedToSetupListCxtRes: [{ pduSessionId: 6 }, { pduSessionId: 7 }],
    });
    const causes = response.pduSessionResourceFailedToSetupListCxtRes?.map(
      (item) =>
        opened(
          'PDUSessionResourceSetupUnsuccessfulTransfer',
          item.pduSessionResourceSetupUnsuccessfulTransfer,
        ).cause.value,
    );
    expect(causes).toEqual(['transfer-syntax-error', 'failure-in-radio-interface-procedure']);
    expect(world.gateway.ues.ofId(1)?.bitRate).toEqual(bitRate);
  });

  it('[TS38413 8.3.1] takes a later request for its sessions alone, and delivers its NAS', async () => {
    const world = await attached();
    const nas = tapNas(world, 0x11);
    const request = { ...sessionsOf([5, setupTransfer()]), nasPdu: Uint8Array.of(0x11, 1) };
    await world.amfSends(laterRequest(request, world));
    expect(lastSent(world, 'InitialContextSetupResponse').pduSessionResourceSetupListCxtRes).toMatchObject([
      { pduSessionId: 5 },
    ]);
    expect(nas).toEqual([Uint8Array.of(0x11, 1)]);
    expect(await world.ping()).toBe(true);
  });
});

describe('Initial Context Setup that fails', () => {
  it('[TS38413 8.3.1.3] fails with every session when the UE gets no signalling SA, then asks for the release', async () => {
    const n2 = withContextRequest((ies) => [
      { ...ies, ...sessionsOf([5, setupTransfer()], [6, setupTransfer()]) },
    ]);
    const world = new World({ n2, ues: 2, innerPool: '10.45.0.0/30' });
    await world.register(world.ues[0]);
    await world.register(world.ues[1]);
    await world.pass(30_000);
    expect(lastSent(world, 'InitialContextSetupFailure')).toMatchObject({
      ranUeNgapId: 2,
      cause: { value: 'failure-in-radio-interface-procedure' },
      pduSessionResourceFailedToSetupListCxtFail: [{ pduSessionId: 5 }, { pduSessionId: 6 }],
    });
    const order = names(world).filter((name) => /Failure|ReleaseRequest/.test(name));
    expect(order[0]).toBe('InitialContextSetupFailure');
    expect(world.left().ues).toBe(1);
  });

  it('[TS38413 8.3.1.3] fails when the UE is lost before it has its signalling SA', async () => {
    let deaf = false;
    const n2 = withContextRequest((ies) => {
      deaf = true;
      return [ies];
    });
    const world = new World({ n2, channel: (datagram) => (deaf ? [] : [datagram]) });
    await world.register();
    await world.pass(600_000);
    expect(lastSent(world, 'InitialContextSetupFailure')).toMatchObject({
      ...ids,
      cause: { value: 'radio-connection-with-ue-lost' },
    });
    expect(world.left()).toEqual(nothing);
  });

  it('[TS38413 8.3.1.3] fails for a UE that is going', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    const ueNgapIds = { choice: 'ueNgapIdPair', value: ids } as const;
    await world.amfSends({ message: 'UEContextReleaseCommand', ies: { ueNgapIds, cause: unspecified } });
    await world.amfSends(laterRequest(sessionsOf([5, setupTransfer()]), world));
    expect(lastSent(world, 'InitialContextSetupFailure')).toMatchObject({
      cause: { value: 'message-not-compatible-with-receiver-state' },
      pduSessionResourceFailedToSetupListCxtFail: [{ pduSessionId: 5 }],
    });
  });
});

describe('Initial Context Setup that comes again', () => {
  it('takes sessions and NAS of a repeated request along, and answers once', async () => {
    const nasPdu = Uint8Array.of(0x11);
    const n2 = withContextRequest((ies) => [
      { ...ies, ...sessionsOf([5, setupTransfer()]) },
      { ...copyOf(ies), ...sessionsOf([5, setupTransfer()], [6, setupTransfer()]), nasPdu },
    ]);
    const world = new World({ n2 });
    const nas = tapNas(world, 0x11);
    await world.register();
    expect(sent(world, 'InitialContextSetupResponse')).toMatchObject([
      { pduSessionResourceSetupListCxtRes: [{ pduSessionId: 5 }, { pduSessionId: 6 }] },
    ]);
    expect(nas).toHaveLength(1);
  });

  it('[TS38413 10.3.4.2] tells what was ignored of a repeated request in the one response', async () => {
    let first = true;
    const world = new World({
      n2: (pdu, toAmf, within) => {
        if (toAmf || pdu.message !== 'InitialContextSetupRequest' || !first) return pdu;
        first = false;
        const again = withUnknownIe({ ...pdu, ies: copyOf(pdu.ies) }, 'notify');
        within.gateway.receiveN2(pdu);
        const decoded = decodeNgap(encodeNgap(again));
        if (decoded.ok) within.gateway.receiveN2(decoded.value);
        return undefined;
      },
    });
    await world.register();
    expect(sent(world, 'InitialContextSetupResponse')).toMatchObject([
      { criticalityDiagnostics: toldOfUnknownIe },
    ]);
  });
});

describe('Initial Context Setup, and what it has beside sessions', () => {
  it('wipes the key, whatever becomes of the request', async () => {
    const keys: Uint8Array[] = [];
    const n2 = withContextRequest((ies) => {
      const repeated = copyOf(ies);
      keys.push(ies.securityKey.bits, repeated.securityKey.bits);
      return [ies, repeated];
    });
    await attached({ n2 });
    expect(keys.map((bits) => bits.every((octet) => octet === 0))).toEqual([true, true]);
  });

  it('[TS38413 10.3.4.2] tells in response and failure which IE was ignored', async () => {
    const world = await attached();
    await world.amfSends(withUnknownIe(laterRequest({}, world), 'notify'));
    expect(lastSent(world, 'InitialContextSetupResponse').criticalityDiagnostics).toMatchObject(
      toldOfUnknownIe,
    );
    world.gateway.ues.ofId(1)!.state = 'releasing';
    await world.amfSends(withUnknownIe(laterRequest({}, world), 'notify'));
    expect(lastSent(world, 'InitialContextSetupFailure').criticalityDiagnostics).toMatchObject(
      toldOfUnknownIe,
    );
  });
});

describe('downlink NAS before the NAS connection', () => {
  it('keeps the first thirty-two messages in order, and counts those beyond', async () => {
    const world = new World({
      n2: (pdu, toAmf, within) => {
        if (toAmf && pdu.message === 'InitialContextSetupResponse') {
          for (let at = 0; at < mostQueuedNas + 3; at++) {
            const nasPdu = Uint8Array.of(0x11, at);
            within.gateway.receiveN2({ message: 'DownlinkNASTransport', ies: { ...ids, nasPdu } });
          }
        }
        return pdu;
      },
    });
    const nas = tapNas(world, 0x11);
    await world.register();
    expect(nas.map(([, at]) => at)).toEqual(Array.from({ length: mostQueuedNas }, (_, at) => at));
    // three of those, and the Registration Accept that the AMF sent after them
    expect(world.gateway.n2Counters.of('nasQueueFull')).toBe(4);
  });
});

function contextModification(parts: Partial<MessageIes<'UEContextModificationRequest'>>): NgapPdu {
  return { message: 'UEContextModificationRequest', ies: { ...ids, ...parts } };
}

const otherGuami = {
  plmnIdentity: Uint8Array.of(2, 0xf8, 0x39),
  amfRegionId: { bits: Uint8Array.of(7), length: 8 },
  amfSetId: { bits: Uint8Array.of(1, 0), length: 10 },
  amfPointer: { bits: Uint8Array.of(4), length: 6 },
};

describe('UE Context Modification', () => {
  it('[TS38413 8.3.4] takes new bit rates and a new GUAMI, and says so with where the UE is', async () => {
    const world = await attached();
    await world.amfSends(contextModification({ ueAggregateMaximumBitRate: bitRate, newGuami: otherGuami }));
    expect(lastSent(world, 'UEContextModificationResponse')).toMatchObject({
      ...ids,
      userLocationInformation: { choice: 'userLocationInformationN3IWF' },
    });
    const ue = world.gateway.ues.ofId(1);
    expect(ue?.bitRate).toEqual(bitRate);
    expect(ue?.guami).toMatchObject({ plmn: '02f839', regionId: 7 });
  });

  it('[TS38413 8.3.4] answers under the new AMF-UE-NGAP-ID and goes by it from then on', async () => {
    const world = await attached();
    await world.amfSends(contextModification({ newAmfUeNgapId: 4711 }));
    expect(lastSent(world, 'UEContextModificationResponse').amfUeNgapId).toBe(4711);
    const nas = tapNas(world, 0x11);
    const nasPdu = Uint8Array.of(0x11);
    await world.amfSends({
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId: 4711, ranUeNgapId: 1, nasPdu },
    });
    expect(nas).toHaveLength(1);
    await world.amfSends({ message: 'DownlinkNASTransport', ies: { ...ids, nasPdu } });
    expect(lastSent(world, 'ErrorIndication').cause?.value).toBe('inconsistent-remote-UE-NGAP-ID');
  });

  it('[TS29413 5.3] ignores what concerns radio', async () => {
    const world = await attached();
    await world.amfSends(
      contextModification({
        ranPagingPriority: 1,
        indexToRfsp: 1,
        emergencyFallbackIndicator: { emergencyFallbackRequestIndicator: 'emergency-fallback-requested' },
        rrcInactiveTransitionReportRequest: 'single-rrc-connected-state-report',
      }),
    );
    expect(lastSent(world, 'UEContextModificationResponse')).not.toHaveProperty('rrcState');
    expect(await world.ping()).toBe(true);
  });
});

describe('UE Context Modification that changes nothing', () => {
  it('[TS38413 8.3.4] takes nothing of a request with a new key, which cannot be taken into use', async () => {
    const world = await attached();
    const securityKey = { bits: new Uint8Array(32).fill(7), length: 256 };
    await world.amfSends(
      contextModification({ securityKey, newAmfUeNgapId: 4711, ueAggregateMaximumBitRate: bitRate }),
    );
    expect(lastSent(world, 'UEContextModificationFailure')).toMatchObject({
      ...ids,
      cause: { choice: 'radioNetwork', value: 'unspecified' },
    });
    expect(world.gateway.ues.ofId(1)).toMatchObject({
      amfUeNgapId: 1,
      bitRate: expect.not.objectContaining(bitRate),
    });
    expect(await world.ping()).toBe(true);
  });

  it('[TS38413 8.3.4] refuses for a UE that is going', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    world.core.amf.deregister('208930000000001');
    await world.settle();
    world.gateway.ues.ofId(1)!.state = 'releasing';
    await world.amfSends(contextModification({ ueAggregateMaximumBitRate: bitRate }));
    expect(lastSent(world, 'UEContextModificationFailure').cause.value).toBe(
      'message-not-compatible-with-receiver-state',
    );
  });

  it('[TS38413 10.3.4.2] tells in both answers which IE was ignored', async () => {
    const world = await attached();
    const securityKey = { bits: new Uint8Array(32), length: 256 };
    await world.amfSends(withUnknownIe(contextModification({}), 'notify'));
    await world.amfSends(withUnknownIe(contextModification({ securityKey }), 'notify'));
    const answers = [
      lastSent(world, 'UEContextModificationResponse'),
      lastSent(world, 'UEContextModificationFailure'),
    ];
    for (const { criticalityDiagnostics } of answers)
      expect(criticalityDiagnostics).toMatchObject(toldOfUnknownIe);
  });
});

function releaseCommand(ueNgapIds: MessageIes<'UEContextReleaseCommand'>['ueNgapIds']): NgapPdu {
  return { message: 'UEContextReleaseCommand', ies: { ueNgapIds, cause: unspecified } };
}

describe('UE Context Release by the AMF', () => {
  it('[TS38413 10.6] answers a command for a UE that is not here with an error indication', async () => {
    const world = await attached();
    await world.amfSends(
      releaseCommand({ choice: 'ueNgapIdPair', value: { amfUeNgapId: 5, ranUeNgapId: 99 } }),
    );
    await world.amfSends(releaseCommand({ choice: 'amfUeNgapId', value: 99 }));
    expect(sent(world, 'ErrorIndication')).toMatchObject([
      { amfUeNgapId: 5, ranUeNgapId: 99, cause: { value: 'unknown-local-UE-NGAP-ID' } },
      { amfUeNgapId: 99, cause: { value: 'inconsistent-remote-UE-NGAP-ID' } },
    ]);
    expect(await world.ping()).toBe(true);
  });

  it('[TS38413 10.6] ends the UE whose number the AMF uses for another, without a word of it on N2', async () => {
    const world = await attached({ ues: 2 });
    await world.register(world.ues[1]);
    const before = world.toAmf.length;
    await world.amfSends(
      releaseCommand({ choice: 'ueNgapIdPair', value: { amfUeNgapId: 2, ranUeNgapId: 1 } }),
    );
    expect(world.toAmf.slice(before)).toMatchObject([
      { message: 'ErrorIndication', ies: { amfUeNgapId: 2, ranUeNgapId: 1 } },
    ]);
    expect(world.gateway.ues.ofId(2)).toBeUndefined();
    expect(world.gateway.ues.ofId(1)?.state).toBe('attached');
  });
});

describe('UE Context Release and what was under way', () => {
  it('[TS38413 8.3.3] answers what was under way, then completes with the sessions that were up', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends({
      message: 'PDUSessionResourceSetupRequest',
      ies: {
        ...ids,
        pduSessionResourceSetupListSUReq: [
          { pduSessionId: 5, sNssai, pduSessionResourceSetupRequestTransfer: setupTransfer() },
        ],
      },
    });
    await world.amfSends(releaseCommand({ choice: 'ueNgapIdPair', value: ids }));
    await world.pass(600_000);
    expect(names(world).slice(-2)).toEqual(['PDUSessionResourceSetupResponse', 'UEContextReleaseComplete']);
    expect(lastSent(world, 'UEContextReleaseComplete')).toMatchObject({
      pduSessionResourceListCxtRelCpl: [{ pduSessionId: 1 }],
    });
    expect(world.left()).toEqual(nothing);
  });

  it('[TS38413 8.3.3] completes once when the command comes twice', async () => {
    let deaf = false;
    const world = await attached({ channel: (datagram) => (deaf ? [] : [datagram]) });
    deaf = true;
    await world.amfSends(releaseCommand({ choice: 'ueNgapIdPair', value: ids }));
    await world.amfSends(releaseCommand({ choice: 'amfUeNgapId', value: 1 }));
    await world.pass(600_000);
    expect(sent(world, 'UEContextReleaseComplete')).toHaveLength(1);
    expect(world.left()).toEqual(nothing);
  });
});

describe('UE Context Release by this node', () => {
  it('[TS38413 8.3.2] asks once, though the IKE SA ends while the AMF thinks about it', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await attached({ n2 });
    const ue = world.gateway.ues.ofId(1)!;
    world.gateway.release(ue, { group: 'misc', cause: 'om-intervention', text: 'test' });
    world.ue.ue.disconnect();
    await world.settle();
    expect(sent(world, 'UEContextReleaseRequest')).toMatchObject([
      {
        ...ids,
        cause: { choice: 'misc', value: 'om-intervention' },
        pduSessionResourceListCxtRelReq: [{ pduSessionId: 1 }],
      },
    ]);
    await world.amfSends(releaseCommand({ choice: 'ueNgapIdPair', value: ids }));
    expect(lastSent(world, 'UEContextReleaseComplete').pduSessionResourceListCxtRelCpl).toMatchObject([
      { pduSessionId: 1 },
    ]);
    expect(world.left()).toEqual(nothing);
  });
});

describe('errors that end a UE context', () => {
  it('[TS38413 8.7.5] drops a UE that is gone here as soon as the AMF says that it is gone there', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await attached({ n2 });
    world.ue.ue.disconnect();
    await world.settle();
    expect(world.left().ues).toBe(1);
    const cause = { choice: 'radioNetwork', value: 'unknown-local-UE-NGAP-ID' } as const;
    await world.amfSends({ message: 'ErrorIndication', ies: { ...ids, cause } });
    expect(world.left()).toEqual(nothing);
    expect(names(world)).not.toContain('UEContextReleaseComplete');
  });

  it('[TS38413 8.7.5] keeps a UE for an error of one message, and ends one that the AMF has not taken in', async () => {
    const world = await attached();
    const cause = { choice: 'protocol', value: 'semantic-error' } as const;
    await world.amfSends({ message: 'ErrorIndication', ies: { ...ids, cause } });
    expect(await world.ping()).toBe(true);
    const other = new World({
      n2: (pdu, toAmf, within) => {
        if (!toAmf || pdu.message !== 'InitialUEMessage') return pdu;
        within.gateway.receiveN2({ message: 'ErrorIndication', ies: { ranUeNgapId: 1 } });
        return undefined;
      },
    });
    await other.register();
    await other.pass(60_000);
    expect(other.left()).toEqual(nothing);
  });

  it('[TS38413 10.3.4.2] tells in the Complete which IE was ignored', async () => {
    const world = await attached();
    await world.amfSends(withUnknownIe(releaseCommand({ choice: 'ueNgapIdPair', value: ids }), 'notify'));
    expect(lastSent(world, 'UEContextReleaseComplete').criticalityDiagnostics).toMatchObject(toldOfUnknownIe);
  });
});
