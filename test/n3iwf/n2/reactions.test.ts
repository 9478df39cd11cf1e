import { describe, expect, it } from 'vitest';
import type { MessageIes, NgapPdu } from '#ngap';
import { AwaitedAnswers, answerWaitMs } from '../../../n3iwf/n2/awaited.ts';
import { N2Counters } from '../../../n3iwf/n2/counters.ts';
import { noReport, reportOf } from '../../../n3iwf/n2/report.ts';
import { UeContext } from '../../../n3iwf/ue/context.ts';
import { UeRegistry } from '../../../n3iwf/ue/registry.ts';
import { attached } from '../../support/attached.ts';
import { example } from '../../support/ngap-examples.ts';
import { ids, lastSent, names, sent } from './support.ts';

type RequestType = MessageIes<'LocationReportingControl'>['locationReportingRequestType'];

function control(eventType: RequestType['eventType'], parts: Partial<RequestType> = {}): NgapPdu {
  const locationReportingRequestType = { eventType, reportArea: 'cell', ...parts } as const;
  return { message: 'LocationReportingControl', ies: { ...ids, locationReportingRequestType } };
}

/** What the N3IWF sent since `from`. */
const since = (world: { toAmf: readonly NgapPdu[] }, from: number) =>
  world.toAmf.slice(from).map(({ message }) => message);

describe('requests of Location Reporting', () => {
  const reactions = [
    ['direct', ['LocationReport']],
    ['change-of-serve-cell', ['LocationReport']],
    ['stop-change-of-serve-cell', []],
    ['cancel-location-reporting-for-the-ue', []],
    ['stop-ue-presence-in-area-of-interest', []],
    ['ue-presence-in-area-of-interest', ['LocationReportingFailureIndication']],
  ] as const;
  for (const [eventType, answers] of reactions) {
    it(`[TS38413 8.12.1] answers ${eventType} with ${answers[0] ?? 'nothing'}`, async () => {
      const world = await attached();
      const from = world.toAmf.length;
      await world.amfSends(control(eventType));
      expect(since(world, from)).toEqual(answers);
    });
  }

  it('[TS38413 8.12.3] reports the outer address of the UE with the request that asked for it', async () => {
    const world = await attached();
    await world.amfSends(control('direct'));
    expect(lastSent(world, 'LocationReport')).toMatchObject({
      ...ids,
      userLocationInformation: {
        choice: 'userLocationInformationN3IWF',
        value: { ipAddress: { bits: Uint8Array.of(192, 0, 2, 16), length: 32 } },
      },
      locationReportingRequestType: { eventType: 'direct' },
    });
  });
});

describe('Location Reporting over time', () => {
  it('[TS38413 8.12.1] refuses a request with the same reference twice', async () => {
    const world = await attached();
    const item = { areaOfInterest: {}, locationReportingReferenceId: 1 };
    await world.amfSends(control('ue-presence-in-area-of-interest', { areaOfInterestList: [item, item] }));
    expect(lastSent(world, 'LocationReportingFailureIndication').cause.value).toBe(
      'multiple-location-reporting-reference-ID-instances',
    );
  });

  it('[TS38413 8.12.3] follows the UE to a new address until it is told to stop', async () => {
    let port = 44_000;
    const nat = '198.51.100.7';
    const world = await attached({
      channel: ({ data, from, to }) => {
        if (to.address === nat) {
          return [{ data, from, to: { address: '192.0.2.16', port: to.port === 10_500 ? 500 : 4500 } }];
        }
        return [{ data, to, from: { address: nat, port: from.port === 500 ? 10_500 : port } }];
      },
    });
    await world.amfSends(control('change-of-serve-cell'));
    expect(sent(world, 'LocationReport')).toHaveLength(1);
    port = 45_000;
    world.ue.ue.rekey(1);
    await world.settle();
    const place = lastSent(world, 'LocationReport').userLocationInformation;
    expect(sent(world, 'LocationReport')).toHaveLength(2);
    expect(place.choice === 'userLocationInformationN3IWF' && [...place.value.portNumber]).toEqual([
      0xaf, 0xc8,
    ]);
    await world.amfSends(control('stop-change-of-serve-cell'));
    port = 46_000;
    world.ue.ue.rekey(1);
    await world.settle();
    expect(sent(world, 'LocationReport')).toHaveLength(2);
  });
});

describe('what a node like this does not do', () => {
  it('[TS38413 8.11.2] says that it does not trace, by the number of the trace', async () => {
    const world = await attached();
    const pdu = example('TraceStart') as Extract<NgapPdu, { message: 'TraceStart' }>;
    await world.amfSends({ ...pdu, ies: { ...pdu.ies, ...ids } });
    expect(lastSent(world, 'TraceFailureIndication')).toMatchObject({
      ...ids,
      ngranTraceId: pdu.ies.traceActivation.ngranTraceId,
      cause: { choice: 'misc', value: 'unspecified' },
    });
  });

  it('[TS23501 5.5.2] discards and counts Paging, and the end of a trace', async () => {
    const world = await attached();
    const from = world.toAmf.length;
    const trace = example('DeactivateTrace');
    await world.amfSends(example('Paging'));
    await world.amfSends(example('Paging'));
    await world.amfSends({ ...trace, ies: { ...trace.ies, ...ids } } as NgapPdu);
    expect(since(world, from)).toEqual([]);
    expect(world.gateway.n2Counters.entries()).toEqual(
      new Map([
        ['Paging', 2],
        ['DeactivateTrace', 1],
      ]),
    );
  });

  it('[TS38413 10.6] takes none of its messages for a UE that is not here', async () => {
    const world = await attached();
    const messages = [
      'TraceStart',
      'DeactivateTrace',
      'LocationReportingControl',
      'UEContextModificationRequest',
      'PDUSessionResourceModifyRequest',
      'PDUSessionResourceModifyConfirm',
      'PDUSessionResourceReleaseCommand',
      'InitialContextSetupRequest',
    ] as const;
    for (const message of messages) {
      const pdu = example(message);
      const before = names(world).length;
      await world.amfSends({ ...pdu, ies: { ...pdu.ies, amfUeNgapId: 8, ranUeNgapId: 88 } } as NgapPdu);
      expect(since(world, before)).toEqual(['ErrorIndication']);
      expect(lastSent(world, 'ErrorIndication')).toMatchObject({
        ranUeNgapId: 88,
        cause: { value: 'unknown-local-UE-NGAP-ID' },
      });
    }
    expect(await world.ping()).toBe(true);
  });
});

describe('messages that are out of place', () => {
  it('drops and counts a message of a procedure that it has no part in', async () => {
    const world = await attached();
    const from = world.toAmf.length;
    world.gateway.receiveN2({ message: 'HandoverSuccess', ies: {} } as NgapPdu);
    expect(since(world, from)).toEqual([]);
    expect(world.gateway.n2Counters.of('HandoverSuccess')).toBe(1);
  });

  it('[TS38413 10.4] answers a request that it stumbles over with the failure of the procedure, where there is one', async () => {
    const world = await attached();
    const broken = { message: 'InitialContextSetupRequest', ies: ids };
    world.gateway.receiveN2(broken as unknown as NgapPdu);
    expect(lastSent(world, 'InitialContextSetupFailure')).toMatchObject({
      ...ids,
      cause: { value: 'semantic-error' },
      criticalityDiagnostics: { procedureCode: 14, triggeringMessage: 'initiating-message' },
    });
  });

  it('[TS38413 10.5] answers nothing to an Error Indication, whatever is in it', async () => {
    const world = await attached();
    const from = world.toAmf.length;
    world.gateway.receiveN2({ message: 'ErrorIndication', ies: undefined } as unknown as NgapPdu);
    expect(since(world, from)).toEqual([]);
  });

  it('[TS38413 10.4] names the message in which an error was that is of no IE', async () => {
    const world = await attached();
    const broken = {
      message: 'PDUSessionResourceModifyRequest',
      ies: { ...ids, pduSessionResourceModifyListModReq: 7 },
    };
    world.gateway.receiveN2(broken as unknown as NgapPdu);
    expect(lastSent(world, 'ErrorIndication')).toMatchObject({
      cause: { value: 'semantic-error' },
      criticalityDiagnostics: { procedureCode: 26, triggeringMessage: 'initiating-message' },
    });
  });
});

describe('parts', () => {
  const remote = { address: '192.0.2.16', port: 500 };
  const ue = (id: number) => new UeContext(id, id, remote, 0, 0);

  it('reports what is to be notified and nothing else', () => {
    const about = {
      procedureCode: 29,
      triggeringMessage: 'initiating',
      procedureCriticality: 'reject',
    } as const;
    const items = [{ ieCriticality: 'notify', ieId: 9, typeOfError: 'missing' }] as const;
    expect(reportOf({})).toBe(noReport);
    expect(reportOf({ diagnosis: { reaction: 'ignore', ...about } })).toBe(noReport);
    expect(reportOf({ diagnosis: { reaction: 'notify', ...about, items } })).toEqual({
      criticalityDiagnostics: {
        procedureCode: 29,
        triggeringMessage: 'initiating-message',
        procedureCriticality: 'reject',
        iesCriticalityDiagnostics: items,
      },
    });
  });

  it('expires answers in the order in which they were asked for, each once', () => {
    const awaited = new AwaitedAnswers();
    const [one, two] = [ue(1), ue(2)];
    expect(awaited.deadline()).toBeUndefined();
    awaited.expect(0, one, 'UEContextReleaseCommand');
    awaited.expect(5, two, 'PDUSessionResourceModifyConfirm');
    awaited.expect(7, one, 'UEContextReleaseCommand');
    expect(awaited.deadline()).toBe(5 + answerWaitMs);
    expect(awaited.expire(4 + answerWaitMs)).toEqual([]);
    expect(awaited.expire(5 + answerWaitMs).map((wait) => wait.ue.id)).toEqual([2]);
    awaited.settle(one, 'UEContextReleaseCommand');
    expect(awaited.expire(1e9)).toEqual([]);
  });

  it('counts by name', () => {
    const counters = new N2Counters();
    counters.count('Paging');
    counters.count('Paging');
    expect([counters.of('Paging'), counters.of('none')]).toEqual([2, 0]);
  });

  it('[TS38413 9.3.3.2] never allots RAN-UE-NGAP-ID 4294967295, though the numbers run out', () => {
    const registry = new UeRegistry(0xfffffffd);
    expect([registry.allocateId(), registry.allocateId()]).toEqual([0xfffffffd, 0xfffffffe]);
    expect(registry.allocateId()).toBe(undefined);
    const held = new UeContext(0xfffffffd, 1, remote, 0, 0);
    registry.add(held);
    registry.remove(held);
    expect(registry.allocateId()).toBe(0xfffffffd);
  });
});
