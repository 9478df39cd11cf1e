import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { UeConfig } from '../peers/index.ts';
import { plmn, slice } from '../stub-core/settings.ts';
import { Replay } from './conversations.ts';
import {
  fails,
  goesWithSession,
  holdsAnswerBack,
  leavesAndReturns,
  losesAmf,
  losesSessionToNetwork,
  settled,
  wholeLife,
} from './lives.ts';
import { answerTo, conversationOf, loadCapture, recordedUe } from './steps.ts';

/** The AMF of omec-project (Aether SD-Core), recorded by hand: README.md beside the capture says how and when. */
const folder = fileURLToPath(new URL('../captures/omec', import.meta.url));
const { n2, messages, conversations, setup } = loadCapture(`${folder}/matrix.pcap`);

function replay(index: number, changes: Partial<UeConfig> = {}, nth = 0): Replay {
  const ue = recordedUe(index, changes);
  return new Replay(conversationOf(conversations, ue.imsi, nth), { ue }, setup);
}

describe("omec-project's AMF on our N2", () => {
  test('[TS38413 8.7.1] NG Setup of an N3IWF is accepted', () => {
    const node = { name: 'n', n3iwfId: 135, plmn, tac: '000001', slices: [slice] };
    expect(answerTo(n2, node)).toMatchObject([
      { kind: 'event', event: { type: 'setupCompleted', amf: { amfName: 'AMF' } } },
    ]);
  });

  test('[TS38413 8.7.1] started again, it refuses until it has its configuration: our next try is accepted', () => {
    const setups = messages.map(({ pdu }) => pdu.message).filter((message) => message.startsWith('NGSetup'));
    expect(setups).toEqual([
      'NGSetupRequest',
      'NGSetupResponse',
      'NGSetupRequest',
      'NGSetupFailure',
      'NGSetupRequest',
      'NGSetupResponse',
    ]);
    const failure = messages.find(({ pdu }) => pdu.message === 'NGSetupFailure')?.pdu.ies;
    expect(failure).toMatchObject({ cause: { choice: 'misc', value: 'unknown-PLMN-or-SNPN' } });
  });

  test.each([1, ...Array.from({ length: 6 }, (_, at) => 11 + at)])(
    '[TS24502 7.3] subscriber %i: registration, PDU session, release, deregistration',
    (index) => wholeLife(replay(index)),
  );

  test('[TS38413 8.3.3] deregistration with the session still up', () => goesWithSession(replay(2)));

  test('[TS38413 8.3.2] a UE that leaves, and comes again', () =>
    leavesAndReturns(replay(3), replay(3, {}, 1)));

  test('[TS38413 8.2.2] the network ends the session', () => losesSessionToNetwork(replay(4)));
});

describe("omec-project's AMF and UEs out of the ordinary", () => {
  test.each([
    ['Authentication Request sent again by T3560', 6, { holdDownlink: 1 }],
    ['Security Mode Command sent again by T3560', 7, { holdDownlink: 2 }],
    ['EAP-Success that the UE takes nine seconds over', 34, { holdEapSuccess: true }],
  ])('[RFC3748 2] %s', (_, index, hold) => holdsAnswerBack(replay(index, hold)));

  test.each([
    ['wrong RES*: Authentication Reject, and the AMF lets the UE go', 9, { wrongResStar: true }],
    ['a subscriber that nobody knows is rejected', 10, { imsi: '208930000009999' }],
  ])('%s', async (_, index, changes) => {
    const run = replay(index, changes);
    await fails(run);
    settled(run);
  });

  test('another K in the home network: the UE is not convinced', () => fails(replay(38)));

  test('[TS38413 8.7.1] the association is lost under a UE: it ends, and comes back', async () => {
    await losesAmf(replay(32));
    await wholeLife(replay(32, {}, 1));
  });
});
