import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { N2Association } from '#ngap';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import { nothing } from '../n3iwf/n2/support.ts';
import type { UeConfig } from '../peers/index.ts';
import { plmn, slice, subscriberOf } from '../stub-core/settings.ts';
import { Replay } from './conversations.ts';
import { ikeSideOf } from './ike-side.ts';
import {
  conversationOf,
  deregister,
  happened,
  loadCapture,
  openSession,
  settled,
  start,
  wholeLife,
} from './steps.ts';

/** The AMF of omec-project (Aether SD-Core), recorded by hand: README.md beside the capture says how and when. */
const folder = fileURLToPath(new URL('../captures/omec', import.meta.url));
const { n2, nwu, messages, conversations, setup } = loadCapture(`${folder}/matrix.pcap`);

function replay(index: number, changes: Partial<UeConfig> = {}, nth = 0): Replay {
  const { imsi, k, opc } = subscriberOf(index);
  const ue = { imsi, k, opc, imeisv: '3560920407930100', ...changes };
  return new Replay(conversationOf(conversations, ue.imsi, nth), { ue }, setup);
}

describe("omec-project's AMF on our N2", () => {
  test('[TS38413 8.7.1] NG Setup of an N3IWF is accepted', () => {
    const ies = ngSetupRequest({ name: 'n', n3iwfId: 135, plmn, tac: '000001', slices: [slice] });
    const association = new N2Association({ setup: ies }, { random: () => 0 });
    association.connect(0);
    association.connected(0, 4);
    const answer = n2.find(({ toAmf }) => !toAmf)?.data ?? new Uint8Array(0);
    expect(association.receive(0, 0, answer)).toMatchObject([
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

  test('[TS38413 8.3.3] deregistration with the session still up', async () => {
    const run = replay(2);
    await start(run);
    await openSession(run);
    await deregister(run);
    expect(happened(run).at(-1)).toBe('closed');
    settled(run);
  });

  test('[TS38413 8.3.2] a UE that leaves, and comes again', async () => {
    const left = replay(3);
    await start(left);
    await openSession(left);
    await left.step(() => left.world.ue.ue.disconnect());
    settled(left);
    await wholeLife(replay(3, {}, 1));
  });

  test('[TS38413 8.2.2] the network ends the session', async () => {
    const run = replay(4);
    await start(run);
    await openSession(run); // the release command follows without a word of ours
    expect(happened(run)).toContain('sessionDown');
    await deregister(run);
    settled(run);
  });
});

describe("omec-project's AMF and UEs out of the ordinary", () => {
  test.each([
    ['Authentication Request sent again by T3560', 6, { holdDownlink: 1 }],
    ['Security Mode Command sent again by T3560', 7, { holdDownlink: 2 }],
    ['EAP-Success that the UE takes nine seconds over', 34, { holdEapSuccess: true }],
  ])('[RFC3748 2] %s', async (_, index, hold) => {
    const run = replay(index, hold);
    await start(run);
    await run.step(() => run.world.ue.ue.resume());
    expect(happened(run)).toContain('registered');
    await openSession(run);
    await run.step(() => run.world.ue.ue.sessions.release(1));
    await deregister(run);
    expect(happened(run).at(-1)).toBe('closed');
    settled(run);
  });

  test('wrong RES*: Authentication Reject, and the AMF lets the UE go', async () => {
    const run = replay(9, { wrongResStar: true });
    await start(run);
    expect(happened(run)).toContain('failed');
    settled(run);
  });

  test('a subscriber that nobody knows is rejected', async () => {
    const run = replay(10, { imsi: '208930000009999' });
    await start(run);
    expect(happened(run)).toContain('failed');
    settled(run);
  });

  test('another K in the home network: the UE is not convinced', async () => {
    const run = replay(38);
    await start(run);
    expect(happened(run)).toContain('failed');
    expect(happened(run)).not.toContain('registered');
  });

  test('[TS38413 8.7.1] the association is lost under a UE: it ends, and comes back', async () => {
    const run = replay(32);
    await start(run);
    await openSession(run);
    await run.step(() => run.world.loseAmf());
    expect(happened(run).at(-1)).toBe('closed');
    expect(run.world.left()).toEqual(nothing);
    await wholeLife(replay(32, {}, 1));
  });
});

describe('UEs of that capture on our IKE side', () => {
  const side = ikeSideOf(nwu, `${folder}/keys`, '127.0.0.15');

  test('[RFC7296 1.2] each IKE_SA_INIT request gets an answer of our engine', () => {
    expect(side.initiations).toBeGreaterThan(15);
    expect(side.answered).toBe(side.initiations);
  });

  test('[RFC7296 2.14] every encrypted message opens, with the payloads of its exchange and EAP-5G inside', () => {
    expect(side.sealed).toBeGreaterThan(200);
    expect([side.misplaced, side.strange]).toEqual([0, 0]);
    expect(side.eapPackets).toBeGreaterThan(100);
  });

  test('[RFC4303 3.4.4.1] every ESP packet has a good ICV and a number that is new', () => {
    expect(side.espPackets).toBeGreaterThan(200);
    expect(side.refused).toBe(0);
  });
});
