import { describe, expect, it } from 'vitest';
import { decodeNgap, encodeNgap, N2Association, type N2Output, type NgapPdu } from '../../ngap/index.ts';
import { example } from '../support/ngap-examples.ts';

const setup = (example('NGSetupRequest') as Extract<NgapPdu, { message: 'NGSetupRequest' }>).ies;
const make = () =>
  new N2Association(
    { setup, timers: { setupTimeoutMs: 1000, retryFirstMs: 100, retryMostMs: 400 } },
    { random: () => 0 },
  );

/** Event types and names of sent messages, in order. */
function told(outputs: readonly N2Output[]): string[] {
  return outputs.map((output) => {
    if (output.kind === 'event') return output.event.type;
    return `${sent(output).message}@${output.stream}`;
  });
}

function sent(output: N2Output | undefined): NgapPdu {
  if (output?.kind !== 'transmit') throw new Error('nothing was sent');
  const decoded = decodeNgap(output.data);
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

function ready(streams = 5): N2Association {
  const association = make();
  association.connect(0);
  association.connected(0, streams);
  const outputs = association.receive(1, 0, encodeNgap(example('NGSetupResponse')));
  expect(told(outputs)).toEqual(['setupCompleted']);
  return association;
}

const unknownIe = { id: 65000, criticality: 'reject' as const, value: Uint8Array.of(1) };

describe('NG Setup', () => {
  it('[TS38413 8.7.1.1] goes first once the transport is up, on stream 0', () => {
    const association = make();
    expect(told(association.connect(0))).toEqual(['connectDue']);
    expect(told(association.connect(0))).toEqual([]);
    expect(told(association.connected(0, 5))).toEqual(['NGSetupRequest@0']);
    expect(association.state).toBe('settingUp');
    expect(association.deadline()).toBe(1000);
  });

  it('an AMF that keeps silent: a fresh transport after a growing pause, for ever', () => {
    const association = make();
    association.connect(0);
    let now = 0;
    const pauses: number[] = [];
    for (let round = 0; round < 5; round++) {
      association.connected(now, 5);
      now += 1000;
      expect(told(association.tick(now))).toEqual(['setupFailed', 'disconnectDue']);
      pauses.push((association.deadline() ?? 0) - now);
      now = association.deadline() ?? 0;
      expect(told(association.tick(now))).toEqual(['connectDue']);
    }
    expect(pauses).toEqual([100, 200, 400, 400, 400]);
  });
});

describe('NG Setup that does not succeed at once', () => {
  it('[TS38413 8.7.1.3] a refusal: not before Time to Wait, on the same transport', () => {
    const association = make();
    association.connect(0);
    association.connected(0, 5);
    const refusal: NgapPdu = {
      message: 'NGSetupFailure',
      ies: { cause: { choice: 'misc', value: 'unknown-PLMN-or-SNPN' }, timeToWait: 'v10s' },
    };
    const [output] = association.receive(5, 0, encodeNgap(refusal));
    expect(output).toMatchObject({ event: { type: 'setupFailed', retryInMs: 10_000 } });
    expect(association.tick(10_004)).toEqual([]);
    expect(told(association.tick(10_005))).toEqual(['NGSetupRequest@0']);
  });

  it('an answer that cannot be read or lacks what it must have is a refusal', () => {
    for (const octets of [
      encodeNgap({ message: 'ErrorIndication', ies: { cause: { choice: 'misc', value: 'unspecified' } } }),
      Uint8Array.from(Buffer.from('2015000700000100564001ff', 'hex')),
    ]) {
      const association = make();
      association.connect(0);
      association.connected(0, 5);
      expect(told(association.receive(1, 0, octets))).toContain('setupFailed');
      expect(association.state).toBe('waiting');
    }
  });

  it('a lost transport comes back by itself', () => {
    const association = ready();
    expect(association.disconnected(50, 'reset by peer')).toEqual([
      { kind: 'event', event: { type: 'associationLost', reason: 'reset by peer', wasReady: true } },
    ]);
    expect(told(association.tick(150))).toEqual(['connectDue']);
    expect(told(association.connected(160, 5))).toEqual(['NGSetupRequest@0']);
  });
});

describe('messages that are handed on or refused', () => {
  it('[TS38412 7] a UE keeps one stream other than 0; with one stream there is no choice', () => {
    const uplink = (ranUeNgapId: number): NgapPdu => ({
      message: 'UEContextReleaseRequest',
      ies: { amfUeNgapId: 1, ranUeNgapId, cause: { choice: 'nas', value: 'unspecified' } },
    });
    const streams = [0, 1, 2, 3, 4].map((id) => told(ready(5).send(0, uplink(id)))[0]?.split('@')[1]);
    expect(streams).toEqual(['1', '2', '3', '4', '1']);
    expect(told(ready(1).send(0, uplink(7)))).toEqual(['UEContextReleaseRequest@0']);
  });

  it('a message for a UE, or of none that the association serves, is handed on', () => {
    const association = ready();
    for (const message of ['DownlinkNASTransport', 'Paging', 'TraceStart', 'DeactivateTrace'] as const) {
      expect(told(association.receive(2, 1, encodeNgap(example(message))))).toEqual(['messageReceived']);
    }
  });

  it('before NG Setup is done anything else is out of place', () => {
    const association = make();
    association.connect(0);
    association.connected(0, 2);
    const outputs = association.receive(1, 0, encodeNgap(example('DownlinkNASTransport')));
    expect(told(outputs)).toEqual(['messageRejected', 'ErrorIndication@1']);
    expect(sent(outputs[1]).ies).toMatchObject({
      cause: { value: 'message-not-compatible-with-receiver-state' },
    });
  });
});

describe('messages of no UE', () => {
  it('[TS38413 8.7.4.2.1] a reset: the UEs first, then the acknowledgement with the same list', () => {
    const outputs = ready().receive(
      2,
      0,
      encodeNgap({
        message: 'NGReset',
        ies: {
          cause: { choice: 'misc', value: 'om-intervention' },
          resetType: { choice: 'partOfNgInterface', value: [{ amfUeNgapId: 5 }, { ranUeNgapId: 6 }] },
        },
      }),
    );
    expect(told(outputs)).toEqual(['resetReceived', 'NGResetAcknowledge@0']);
    expect(sent(outputs[1]).ies).toEqual({
      ueAssociatedLogicalNgConnectionList: [{ amfUeNgapId: 5 }, { ranUeNgapId: 6 }],
    });
  });

  it('a configuration update is acknowledged, unless it names addresses that the transport must try', () => {
    const plain: NgapPdu = { message: 'AMFConfigurationUpdate', ies: { relativeAmfCapacity: 3 } };
    expect(told(ready().receive(2, 0, encodeNgap(plain)))).toEqual([
      'amfConfigurationUpdated',
      'AMFConfigurationUpdateAcknowledge@0',
    ]);
    expect(told(ready().receive(2, 0, encodeNgap(example('AMFConfigurationUpdate'))))).toEqual([
      'amfConfigurationUpdated',
    ]);
  });

  it('overload starts and stops', () => {
    const association = ready();
    expect(told(association.receive(2, 0, encodeNgap(example('OverloadStart'))))).toEqual([
      'overloadStarted',
    ]);
    expect(told(association.receive(3, 0, encodeNgap(example('OverloadStop'))))).toEqual(['overloadStopped']);
  });
});

describe('faults of what the AMF sends', () => {
  it('[TS38413 10.2] octets that are no PDU: transfer syntax error', () => {
    for (const octets of ['', 'ff', '0015', '80000000', '000e0005000001']) {
      const outputs = ready().receive(2, 0, Uint8Array.from(Buffer.from(octets, 'hex')));
      expect(told(outputs)).toEqual(['messageRejected', 'ErrorIndication@0']);
      expect(sent(outputs[1]).ies).toMatchObject({ cause: { value: 'transfer-syntax-error' } });
    }
  });

  it('[TS38413 10.3.4] a procedure that this node does not know, by its criticality', () => {
    const handover: NgapPdu = { message: 'HandoverRequest', ies: {} };
    const outputs = ready().receive(2, 0, encodeNgap(handover));
    expect(told(outputs)).toEqual(['messageRejected', 'ErrorIndication@0']);
    expect(sent(outputs[1]).ies).toMatchObject({
      cause: { value: 'abstract-syntax-error-reject' },
      criticalityDiagnostics: { procedureCode: 13, procedureCriticality: 'reject' },
    });
    const ignored: NgapPdu = { message: 'DownlinkRANStatusTransfer', ies: {} };
    expect(told(ready().receive(2, 0, encodeNgap(ignored)))).toEqual(['messageRejected']);
    expect(told(ready().receive(2, 0, Uint8Array.of(0, 99, 0, 1, 0)))).toContain('ErrorIndication@0');
    expect(told(ready().receive(2, 0, Uint8Array.of(0, 99, 0x40, 1, 0)))).toEqual(['messageRejected']);
  });

  it('[TS38413 8.7.5] the failure message of the procedure where it has one, an Error Indication where not', () => {
    const request = example('InitialContextSetupRequest');
    const octets = encodeNgap({ ...request, ies: { ...request.ies, unknownIes: [unknownIe] } } as NgapPdu);
    const outputs = ready().receive(2, 1, octets);
    expect(told(outputs)).toEqual(['messageRejected', 'InitialContextSetupFailure@1']);
    const down = example('DownlinkNASTransport');
    const other = encodeNgap({ ...down, ies: { ...down.ies, unknownIes: [unknownIe] } } as NgapPdu);
    expect(told(ready().receive(2, 1, other))).toEqual(['messageRejected', 'ErrorIndication@1']);
  });

  it('an Error Indication is never answered by one', () => {
    const octets = encodeNgap({ message: 'ErrorIndication', ies: { unknownIes: [unknownIe] } });
    expect(told(ready().receive(2, 0, octets))).toEqual(['messageRejected']);
  });

  it('what is to be notified goes on and is reported', () => {
    const down = example('DownlinkNASTransport');
    const notify = { ...unknownIe, criticality: 'notify' as const };
    const octets = encodeNgap({ ...down, ies: { ...down.ies, unknownIes: [notify] } } as NgapPdu);
    expect(told(ready().receive(2, 1, octets))).toEqual(['messageReceived', 'ErrorIndication@1']);
  });
});

describe('what the AMF is to be notified of', () => {
  it('[TS38413 10.3.4.2] what a request is to be notified of is left to its response', () => {
    const notify = { ...unknownIe, criticality: 'notify' as const };
    const requests = [
      'InitialContextSetupRequest',
      'PDUSessionResourceSetupRequest',
      'PDUSessionResourceModifyRequest',
      'PDUSessionResourceReleaseCommand',
      'UEContextModificationRequest',
      'UEContextReleaseCommand',
    ] as const;
    for (const message of requests) {
      const pdu = example(message);
      const octets = encodeNgap({ ...pdu, ies: { ...pdu.ies, unknownIes: [notify] } } as NgapPdu);
      const [output, ...others] = ready().receive(2, 1, octets);
      expect(others).toEqual([]);
      expect(output).toMatchObject({
        event: {
          type: 'messageReceived',
          pdu: { diagnosis: { reaction: 'notify', items: [{ ieId: notify.id }] } },
        },
      });
    }
  });

  it('[TS38413 10.3.4.2] a request with an answer of its own gets the report in it', () => {
    const ignored = [{ id: 65000, criticality: 'notify' as const, value: Uint8Array.of(1) }];
    const association = ready();
    const answers = (['NGReset', 'AMFConfigurationUpdate'] as const).map((message) => {
      const pdu = example(message);
      const { amfTnlAssociationToAddList: _, ...ies } = pdu.ies as Record<string, unknown>;
      const outputs = association.receive(
        2,
        0,
        encodeNgap({ message, ies: { ...ies, unknownIes: ignored } } as never),
      );
      expect(outputs).toHaveLength(2);
      return sent(outputs[1]);
    });
    for (const { message, ies } of answers) {
      expect(message).toMatch(/Acknowledge$/);
      const { iesCriticalityDiagnostics } = (
        ies as { criticalityDiagnostics: { iesCriticalityDiagnostics: unknown } }
      ).criticalityDiagnostics;
      expect(iesCriticalityDiagnostics).toMatchObject([{ ieId: 65000, typeOfError: 'not-understood' }]);
    }
    const plain = association.receive(3, 0, encodeNgap(example('NGReset')));
    expect(sent(plain[1]).ies).not.toHaveProperty('criticalityDiagnostics');
  });

  it('three hundred unknown IEs are answered with the 256 that fit', () => {
    const unknownIes = Array.from({ length: 300 }, (_, at) => ({ ...unknownIe, id: 60_000 + at }));
    const down = example('DownlinkNASTransport');
    const octets = encodeNgap({ ...down, ies: { ...down.ies, unknownIes } } as NgapPdu);
    const outputs = ready().receive(2, 1, octets);
    expect(told(outputs)).toEqual(['messageRejected', 'ErrorIndication@1']);
  });
});

const cause = { choice: 'misc', value: 'om-intervention' } as const;
const connections = [{ amfUeNgapId: 7, ranUeNgapId: 9 }];
const acknowledge = encodeNgap({ message: 'NGResetAcknowledge', ies: {} });
const update: NgapPdu = { message: 'RANConfigurationUpdateAcknowledge', ies: {} };

describe('what this node starts', () => {
  it('[TS38413 8.7.4.2.2] a reset of all, then of some: the second waits for the first acknowledgement', () => {
    const association = ready();
    const [all] = association.reset(10, cause);
    expect(sent(all)).toMatchObject({ ies: { cause, resetType: { choice: 'ngInterface' } } });
    expect(association.reset(11, cause, connections)).toEqual([]);
    const outputs = association.receive(20, 0, acknowledge);
    expect(told(outputs)).toEqual(['requestAnswered', 'NGReset@0']);
    expect(sent(outputs[1])).toMatchObject({ ies: { resetType: { value: connections } } });
    expect(told(association.receive(30, 0, acknowledge))).toEqual(['requestAnswered']);
    expect(association.receive(31, 0, acknowledge)).toEqual([]);
    expect(association.deadline()).toBeUndefined();
  });

  it('a request without an answer goes out three times, then the owner hears of it', () => {
    const association = ready();
    association.reset(0, cause);
    expect(association.deadline()).toBe(5000);
    expect(told(association.tick(5000))).toEqual(['NGReset@0']);
    expect(association.tick(9999)).toEqual([]);
    expect(told(association.tick(10_000))).toEqual(['NGReset@0']);
    association.reset(10_001, cause, connections);
    expect(told(association.tick(15_000))).toEqual(['requestUnanswered', 'NGReset@0']);
  });
});

describe('updates that this node starts', () => {
  it('[TS38413 8.7.2.2] a RAN configuration update is acknowledged', () => {
    const association = ready();
    expect(told(association.updateRanConfiguration(5, { ranNodeName: 'new' }))).toEqual([
      'RANConfigurationUpdate@0',
    ]);
    expect(told(association.receive(6, 0, encodeNgap(update)))).toEqual(['requestAnswered']);
  });

  it('[TS38413 8.7.2.3] a refused update comes again after Time to Wait, and never without one', () => {
    const refusal = (timeToWait?: 'v2s') =>
      encodeNgap({
        message: 'RANConfigurationUpdateFailure',
        ies: { cause, ...(timeToWait === undefined ? {} : { timeToWait }) },
      });
    const association = ready();
    association.updateRanConfiguration(0, { ranNodeName: 'new' });
    expect(told(association.receive(10, 0, refusal('v2s')))).toEqual(['requestRefused']);
    expect(association.tick(2009)).toEqual([]);
    expect(told(association.tick(2010))).toEqual(['RANConfigurationUpdate@0']);
    expect(told(association.receive(2020, 0, refusal()))).toEqual(['requestRefused']);
    expect(association.deadline()).toBeUndefined();
  });

  it('nothing is started before NG Setup, and a lost association forgets what waits', () => {
    expect(make().reset(0, cause)).toEqual([]);
    const association = ready();
    association.reset(0, cause);
    association.disconnected(10, 'gone');
    expect(association.deadline()).toBe(110);
    expect(told(association.tick(110))).toEqual(['connectDue']);
  });

  it('[TS38413 8.7.3.2] acknowledges addresses that the transport has tried', () => {
    const address = {
      choice: 'endpointIpAddress',
      value: { bits: Uint8Array.of(10, 0, 0, 1), length: 32 },
    } as const;
    const ies = { amfTnlAssociationSetupList: [{ amfTnlAssociationAddress: address }] };
    expect(sent(ready().acknowledgeUpdate(0, ies)[0])).toMatchObject({ ies });
  });
});

describe('another association to the same AMF', () => {
  const joining = () => {
    const association = new N2Association(
      { setup, timers: { setupTimeoutMs: 1000, retryFirstMs: 100 } },
      { random: () => 0, joins: () => true },
    );
    association.connect(0);
    return { association, outputs: association.connected(0, 5) };
  };

  it('[TS38413 8.7.2.2] names its node and leaves the UEs of the interface alone', () => {
    const { association, outputs } = joining();
    expect(told(outputs)).toEqual(['RANConfigurationUpdate@0']);
    expect(sent(outputs[0]).ies).toEqual({ globalRanNodeId: setup.globalRanNodeId });
    const answer = encodeNgap({ message: 'RANConfigurationUpdateAcknowledge', ies: {} });
    expect(told(association.receive(1, 0, answer))).toEqual(['joined']);
    expect(association.state).toBe('ready');
  });

  it('a refusal counts like one of NG Setup', () => {
    const { association } = joining();
    const answer = encodeNgap({
      message: 'RANConfigurationUpdateFailure',
      ies: { cause: { choice: 'misc', value: 'unspecified' }, timeToWait: 'v5s' },
    });
    const [output] = association.receive(1, 0, answer);
    expect(output).toMatchObject({ event: { type: 'setupFailed', retryInMs: 5000 } });
    expect(association.state).toBe('waiting');
  });
});
