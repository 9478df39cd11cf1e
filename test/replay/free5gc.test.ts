import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { faults, plmn, slice, subscriberCount, subscriberOf } from '../stub-core/settings.ts';
import { type Conversation, Replay } from './conversations.ts';
import {
  failsAsRecorded,
  goesWithSession,
  holdsAnswerBack,
  leavesAndReturns,
  losesAmf,
  losesSessionToNetwork,
  settled,
  wholeLife,
} from './lives.ts';
import {
  answerTo,
  conversationOf,
  endSession,
  happened,
  loadCapture,
  openSession,
  recordedUe,
  start,
} from './steps.ts';

/** free5GC's AMF, recorded by `npm run test:stub-core`: README.md beside the capture says which and when. */
const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));
const { n2, conversations, setup } = loadCapture(`${folder}/matrix.pcap`);

/** The `nth` conversation of subscriber `index`. */
const conversation = (index: number, nth = 0): Conversation =>
  conversationOf(conversations, subscriberOf(index).imsi, nth);

function replay(index: number, changes: object = {}, of = conversation(index)): Replay {
  return new Replay(of, { ue: recordedUe(index, changes) }, setup);
}

describe("free5GC's AMF on our N2", () => {
  test('[TS38413 8.7.1] its NG Setup Response, with the empty diagnostics that it always adds, opens the association', () => {
    const node = { name: 'n', n3iwfId: 135, plmn, tac: '000001', slices: [slice] };
    expect(answerTo(n2, node)).toMatchObject([
      { kind: 'event', event: { type: 'setupCompleted', amf: { amfName: 'AMF' } } },
    ]);
  });

  test('every number of a UE stands in one conversation, and every subscriber has one', () => {
    const seen = new Set(conversations.map(({ imsi }) => imsi));
    expect(conversations.every(({ messages: own }) => own[0]?.pdu.message === 'InitialUEMessage')).toBe(true);
    const unused = [10, 31, 35, 36, 37]; // in reserve; 10 attached under a number that nobody knows
    const used = Array.from({ length: subscriberCount }, (_, at) => at).filter((at) => !unused.includes(at));
    for (const index of used) expect(seen).toContain(subscriberOf(index).imsi);
  });

  test.each([0, 1, ...Array.from({ length: 20 }, (_, at) => 11 + at)])(
    '[TS24502 7.3] subscriber %i: registration, session, release, deregistration',
    (index) => wholeLife(replay(index)),
  );

  test('[TS38413 8.3.3] deregistration with the session still up', () => goesWithSession(replay(2)));

  test('[TS38413 8.3.2] a UE that leaves, and comes again', () =>
    leavesAndReturns(replay(3), replay(3, {}, conversation(3, 1))));

  test('[TS38413 8.2.2] the network ends the session', () => losesSessionToNetwork(replay(4)));

  test('[TS38413 8.7.5] an AMF that forgot the UE says so at its next message, and the UE ends', async () => {
    const run = replay(5);
    await start(run);
    await openSession(run);
    await endSession(run);
    expect(happened(run).at(-1)).toBe('closed');
    settled(run);
  });
});

describe("free5GC's AMF and UEs out of the ordinary", () => {
  test.each([
    ['Authentication Request', 6, { holdDownlink: 1 }, 'DownlinkNASTransport'],
    ['Security Mode Command', 7, { holdDownlink: 2 }, 'DownlinkNASTransport'],
    ['Initial Context Setup Request', 34, { holdEapSuccess: true }, 'InitialContextSetupRequest'],
    ['Registration Accept', 8, { holdDownlink: 3 }, 'DownlinkNASTransport'],
  ])('[RFC3748 2] %s sent again by T3560 or T3550', async (_, index, hold, repeated) => {
    const own = conversation(index);
    expect(own.messages.filter(({ pdu }) => pdu.message === repeated).length).toBeGreaterThan(1);
    await holdsAnswerBack(replay(index, hold));
  });

  test('wrong RES*: Authentication Reject, and the AMF lets the UE go', () =>
    failsAsRecorded(replay(9, { wrongResStar: true })));

  test.each(Object.entries(faults))(
    'subscriber %s, whose %s the network has wrong, is not convinced',
    (index) => failsAsRecorded(replay(Number(index))),
  );

  test('a subscriber that nobody knows is rejected', () => {
    const imsi = '208930000009999';
    return failsAsRecorded(replay(10, { imsi }, conversationOf(conversations, imsi)));
  });

  test.each([32, 33])('[TS38413 8.7.1] the association is lost under subscriber %i: the UE ends', (index) =>
    losesAmf(replay(index)),
  );
});
