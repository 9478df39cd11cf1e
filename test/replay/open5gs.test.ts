import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeTransfer, type NgapPdu } from '#ngap';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import { decodeGtpu, GTPU_PORT, GTPU_TYPE } from '../../n3iwf/n3/gtpu.ts';
import { nothing } from '../support/attached.ts';
import { type Conversation, decodeAll, Replay } from './conversations.ts';
import {
  failsAsRecorded,
  goesWithSession,
  holdsAnswerBack,
  leavesAndReturns,
  losesAmf,
  settled,
  wholeLife,
} from './lives.ts';
import { readCapture } from './read.ts';
import { answerTo, conversationOf, happened, loadCapture, recordedUe, start } from './steps.ts';

/** Open5GS's AMF and what is behind it, recorded by hand: README.md beside the captures says how and when. */
const folder = fileURLToPath(new URL('../captures/open5gs', import.meta.url));
const plmn = { mcc: '999', mnc: '70' };
const slice = { sst: 1, sd: '010203' };
const compat = { profile: 'open5gs-gnb-compat', gnb: { id: 4660, idBits: 32, cell: 0 } } as const;
const node = { name: 'qn3iwf', n3iwfId: 135, plmn, tac: '000001', slices: [slice] };

/** The IMSI of subscriber `index` in the core's own network; the keys are as in the other captures. */
const imsiOf = (index: number) => `99970${String(index + 1).padStart(10, '0')}`;

const matrix = loadCapture(`${folder}/matrix.pcap`);
const asN3iwf = loadCapture(`${folder}/as-n3iwf.pcap`);

/** The `nth` conversation of subscriber `index` in the matrix. */
const conversation = (index: number, nth = 0): Conversation =>
  conversationOf(matrix.conversations, imsiOf(index), nth);

function replay(of: Conversation, index: number, changes: object = {}, n2: object = compat): Replay {
  const own = { imsi: imsiOf(index), plmn, slice, nasAccess: '3gpp' } as const;
  const ue = recordedUe(index, { ...own, ...changes });
  return new Replay(of, { ...n2, ue }, matrix.setup);
}

describe("Open5GS's AMF on our N2, in the guise of a gNB", () => {
  test('[TS38413 8.7.1] NG Setup went out as the profile makes it, and its answer opens the association', () => {
    const request = matrix.messages.find(({ pdu }) => pdu.message === 'NGSetupRequest')?.pdu;
    expect(request?.ies).toMatchObject(ngSetupRequest({ ...node, ...compat }));
    expect(answerTo(matrix.n2, { ...node, ...compat })).toMatchObject([
      { kind: 'event', event: { type: 'setupCompleted', amf: { amfName: 'open5gs-amf0' } } },
    ]);
  });

  test.each([0, ...Array.from({ length: 10 }, (_, at) => 11 + at)])(
    '[TS24502 7.3] subscriber %i: registration, PDU session, release, deregistration',
    async (index) => {
      await wholeLife(replay(conversation(index), index));
    },
  );

  test('the Registration Accept came inside the Initial Context Setup Request', () => {
    const [first] = conversation(0).messages.flatMap(({ pdu }) =>
      pdu.message === 'InitialContextSetupRequest' ? [pdu.ies] : [],
    );
    expect(first?.nasPdu?.length).toBeGreaterThan(0);
  });

  test('a UE by the standard finds the recorded Security Mode Command forged', async () => {
    const run = replay(conversation(3), 3, { nasAccess: 'non-3gpp' });
    await start(run);
    expect(run.world.ue.events).toContainEqual(
      expect.objectContaining({ type: 'failed', step: 'NAS security' }),
    );
    expect(happened(run)).not.toContain('registered');
    expect(run.withheld).toBe(0);
  });

  test('with the profile off, the same AMF gets another first message than it had', async () => {
    const run = replay(conversation(0), 0, {}, {});
    await start(run);
    const [first] = run.world.toAmf as Extract<NgapPdu, { message: 'InitialUEMessage' }>[];
    expect(first?.ies.userLocationInformation.choice).toBe('userLocationInformationN3IWF');
    const [recorded] = conversation(0).messages;
    expect(recorded?.pdu.ies).toMatchObject({
      userLocationInformation: { choice: 'userLocationInformationNR' },
    });
  });
});

describe("what else Open5GS's AMF did on our N2", () => {
  test('[TS38413 8.3.3] deregistration with the session still up', () =>
    goesWithSession(replay(conversation(1), 1)));

  test('[TS38413 8.3.2] a UE that leaves, and comes again', () =>
    leavesAndReturns(replay(conversation(2), 2), replay(conversation(2, 1), 2)));

  test.each([
    ['Authentication Request', 6, { holdDownlink: 1 }],
    ['Security Mode Command', 7, { holdDownlink: 2 }],
    ['Registration Accept, while EAP-Success waits for the UE,', 8, { holdEapSuccess: true }],
  ])('[RFC3748 2] %s sent again by T3560 or T3550', async (_, index, hold) => {
    const own = conversation(index);
    expect(own.messages.filter(({ pdu }) => pdu.message === 'DownlinkNASTransport').length).toBeGreaterThan(
      conversation(0).messages.filter(({ pdu }) => pdu.message === 'DownlinkNASTransport').length,
    );
    await holdsAnswerBack(replay(own, index, hold));
  });

  test.each([
    ['wrong RES*', 4, { wrongResStar: true }],
    ['another K in the home network', 38, {}],
  ])('%s: the UE fails, and the AMF lets it go', async (_, index, changes) => {
    const run = replay(conversation(index), index, changes);
    await failsAsRecorded(run);
    await run.world.pass(120_000); // a UE that gave up answers nothing more
    expect(run.world.left()).toEqual(nothing);
  });

  test('a subscriber that nobody knows: rejected, released twice, and the second time there is no such UE', async () => {
    const imsi = '999700000009999';
    const run = replay(conversationOf(matrix.conversations, imsi), 5, { imsi });
    await failsAsRecorded(run);
    settled(run);
    expect(run.world.toAmf.at(-1)?.message).toBe('ErrorIndication');
  });

  test('[TS38413 8.7.1] the association is lost under a UE: it ends', () =>
    losesAmf(replay(conversation(32), 32)));
});

describe('Open5GS 2.7.7 before an N3IWF as it should be', () => {
  test('[TS38413 8.7.1] it takes the 16 bits of an N3IWF for those of a gNB, and accepts', () => {
    const request = asN3iwf.messages.find(({ pdu }) => pdu.message === 'NGSetupRequest')?.pdu;
    expect(request?.ies).toMatchObject(ngSetupRequest(node));
    expect(answerTo(asN3iwf.n2, node)).toMatchObject([{ kind: 'event', event: { type: 'setupCompleted' } }]);
  });

  test('[TS38413 8.7.5] its Error Indication at the first message ends the UE, and nothing is left', async () => {
    const [own] = asN3iwf.conversations;
    if (own === undefined) throw new Error('the capture has no UE');
    expect(own.messages.map(({ pdu }) => pdu.message)).toEqual(['InitialUEMessage', 'ErrorIndication']);
    const run = replay(own, 36, { nasAccess: 'non-3gpp' }, {});
    await failsAsRecorded(run);
    settled(run);
  });
});

describe('Open5GS 2.8.0', () => {
  const newer = loadCapture(`${folder}/v2.8.0.pcap`);
  const refused = decodeAll(readCapture(`${folder}/v2.8.0-as-n3iwf.pcap`).n2);

  test('[TS38413 8.7.1] refuses the 16 bits of an N3IWF, as they are none of a gNB', () => {
    const [request, failure] = refused.map(({ pdu }) => pdu);
    expect(request?.ies).toMatchObject(ngSetupRequest(node));
    expect(failure).toMatchObject({
      message: 'NGSetupFailure',
      ies: { cause: { choice: 'protocol', value: 'semantic-error' } },
    });
    expect(refused.map(({ pdu }) => pdu.message)).not.toContain('NGSetupResponse');
  });

  test('[TS24502 7.3] in the guise of a gNB: registration, PDU session, release, deregistration', () =>
    wholeLife(replay(conversationOf(newer.conversations, imsiOf(0)), 0)));

  test('a UE by the standard finds its Security Mode Command forged, too', async () => {
    const run = replay(conversationOf(newer.conversations, imsiOf(3)), 3, {
      nasAccess: 'non-3gpp',
    });
    await start(run);
    expect(run.world.ue.events).toContainEqual(
      expect.objectContaining({ type: 'failed', step: 'NAS security' }),
    );
  });
});

/** TEIDs that our responses to session set-ups gave to the SMF. */
function ownTeids(): number[] {
  return matrix.messages.flatMap(({ pdu }) => {
    if (pdu.message !== 'PDUSessionResourceSetupResponse') return [];
    return (pdu.ies.pduSessionResourceSetupListSURes ?? []).map((item) => {
      const octets = item.pduSessionResourceSetupResponseTransfer;
      const transfer = decodeTransfer('PDUSessionResourceSetupResponseTransfer', octets);
      if (!transfer.ok) throw transfer.error;
      const tunnel = transfer.value.dlQosFlowPerTnlInformation.upTransportLayerInformation;
      if (tunnel.choice !== 'gTPTunnel') throw new Error(tunnel.choice);
      return Buffer.from(tunnel.value.gtpTeid).readUInt32BE(0);
    });
  });
}

describe("Open5GS's UPF on our N3", () => {
  test('[TS29281 5.1] [TS38415 5.5] its packets come in our tunnels, each with its QoS flow', () => {
    const fromUpf = matrix.nwu.filter(({ from }) => from.address === '127.0.0.7' && from.port === GTPU_PORT);
    const known = new Set(ownTeids());
    expect(fromUpf.length).toBeGreaterThan(50);
    expect(known.size).toBeGreaterThan(10);
    for (const { data } of fromUpf) {
      const message = decodeGtpu(data);
      expect(message).toMatchObject({
        ok: true,
        value: { type: GTPU_TYPE.G_PDU, container: { direction: 'downlink', qfi: 1 } },
      });
      if (message.ok) expect(known).toContain(message.value.teid);
    }
  });
});
