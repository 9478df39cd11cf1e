import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkPayloads, decodeMessage, EXCHANGE } from '#ikev2';
import { N2Association } from '#ngap';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import { decodeEap5g } from '../../n3iwf/nwu/eap5g.ts';
import { EspReceiver } from '../../n3iwf/userplane/esp.ts';
import { faults, subscriberCount, subscriberOf } from '../stub-core/settings.ts';
import { type Conversation, conversationsOf, decodeAll, Replay } from './conversations.ts';
import { responder } from './ike-side.ts';
import { readCapture, readEspKeys, readIkeKeys } from './read.ts';
import { isEsp, isSealedIke, opened } from './sealed.ts';

/** free5GC's AMF, recorded by `npm run test:stub-core`: README.md beside the capture says which and when. */
const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));
const { n2, nwu } = readCapture(`${folder}/matrix.pcap`);
const messages = decodeAll(n2);
const conversations = conversationsOf(messages);
const setup = messages.find(({ pdu }) => pdu.message === 'NGSetupResponse')?.pdu;
if (setup === undefined) throw new Error('the capture has no NG Setup Response');

const nothing = { ues: 0, teids: 0, addresses: 0 };
const imsiOf = (index: number) => subscriberOf(index).imsi;

/** The `nth` conversation of subscriber `index`. */
function conversation(index: number, nth = 0): Conversation {
  const found = conversations.filter(({ imsi }) => imsi === imsiOf(index))[nth];
  if (found === undefined) throw new Error(`the capture has no conversation ${nth} of subscriber ${index}`);
  return found;
}

function replay(of: Conversation, index: number, changes: object = {}): Replay {
  const { imsi, k, opc } = subscriberOf(index);
  return new Replay(
    of,
    { ue: { imsi, k, opc, imeisv: '3560920407930100', ...changes } },
    setup as NonNullable<typeof setup>,
  );
}

const happened = (run: Replay) => run.world.ue.events.map(({ type }) => type);
const start = (run: Replay) => run.step(() => run.world.ue.ue.start());
const session = (run: Replay) => run.step(() => run.world.ue.ue.sessions.request(1));
const release = (run: Replay) => run.step(() => run.world.ue.ue.sessions.release(1));
const deregister = (run: Replay) => run.step(() => run.world.ue.ue.nas.deregister());

/** Nothing differed from the recording, and nothing of the UE is left. */
function settled(run: Replay): void {
  expect({ unexpected: run.unexpected, missing: run.missing, withheld: run.withheld }).toEqual({
    unexpected: [],
    missing: [],
    withheld: 0,
  });
  expect(run.world.left()).toEqual(nothing);
}

describe("free5GC's AMF on our N2", () => {
  test('[TS38413 8.7.1] its NG Setup Response, with the empty diagnostics that it always adds, opens the association', () => {
    const plmn = { mcc: '208', mnc: '93' };
    const slices = [{ sst: 1, sd: '010203' }];
    const ies = ngSetupRequest({ name: 'n', n3iwfId: 135, plmn, tac: '000001', slices });
    const association = new N2Association({ setup: ies }, { random: () => 0 });
    association.connect(0);
    association.connected(0, 4);
    const answer = n2.find(({ toAmf }) => !toAmf)?.data ?? new Uint8Array(0);
    const outputs = association.receive(0, 0, answer);
    expect(outputs).toMatchObject([
      { kind: 'event', event: { type: 'setupCompleted', amf: { amfName: 'AMF' } } },
    ]);
  });

  test('every number of a UE stands in one conversation, and every subscriber has one', () => {
    const seen = new Set(conversations.map(({ imsi }) => imsi));
    expect(conversations.every(({ messages: own }) => own[0]?.pdu.message === 'InitialUEMessage')).toBe(true);
    const unused = [10, 31, 35, 36, 37]; // in reserve; 10 attached under a number that nobody knows
    const used = Array.from({ length: subscriberCount }, (_, at) => at).filter((at) => !unused.includes(at));
    for (const index of used) expect(seen).toContain(imsiOf(index));
  });

  test.each([0, 1, ...Array.from({ length: 20 }, (_, at) => 11 + at)])(
    '[TS24502 7.3] subscriber %i: registration, session, release, deregistration',
    async (index) => {
      const run = replay(conversation(index), index);
      await start(run);
      expect(happened(run)).toContain('registered');
      await session(run);
      expect(run.world.ue.events).toContainEqual(
        expect.objectContaining({ type: 'sessionUp', pduSessionId: 1 }),
      );
      await release(run);
      expect(happened(run)).toContain('sessionDown');
      await deregister(run);
      expect(happened(run).at(-1)).toBe('closed');
      settled(run);
    },
  );

  test('[TS38413 8.3.3] deregistration with the session still up', async () => {
    const run = replay(conversation(2), 2);
    await start(run);
    await session(run);
    await deregister(run);
    expect(happened(run).at(-1)).toBe('closed');
    settled(run);
  });

  test('[TS38413 8.3.2] a UE that leaves, and comes again', async () => {
    const left = replay(conversation(3), 3);
    await start(left);
    await session(left);
    await left.step(() => left.world.ue.ue.disconnect());
    settled(left);
    const again = replay(conversation(3, 1), 3);
    await start(again);
    await session(again);
    await release(again);
    await deregister(again);
    settled(again);
  });

  test('[TS38413 8.2.2] the network ends the session', async () => {
    const run = replay(conversation(4), 4);
    await start(run);
    await session(run); // the release command follows without a word of ours
    expect(happened(run)).toContain('sessionDown');
    await deregister(run);
    settled(run);
  });

  test('[TS38413 8.7.5] an AMF that forgot the UE says so at its next message, and the UE ends', async () => {
    const run = replay(conversation(5), 5);
    await start(run);
    await session(run);
    await release(run);
    expect(happened(run).at(-1)).toBe('closed');
    settled(run);
  });

  test.each([
    ['Authentication Request', 6, { holdDownlink: 1 }, 'DownlinkNASTransport'],
    ['Security Mode Command', 7, { holdDownlink: 2 }, 'DownlinkNASTransport'],
    ['Initial Context Setup Request', 34, { holdEapSuccess: true }, 'InitialContextSetupRequest'],
    ['Registration Accept', 8, { holdDownlink: 3 }, 'DownlinkNASTransport'],
  ])('[RFC3748 2] %s sent again by T3560 or T3550', async (_, index, hold, repeated) => {
    const own = conversation(index);
    const run = replay(own, index, hold);
    expect(own.messages.filter(({ pdu }) => pdu.message === repeated).length).toBeGreaterThan(1);
    await start(run);
    await run.step(() => run.world.ue.ue.resume());
    expect(happened(run)).toContain('registered');
    await session(run);
    await release(run);
    await deregister(run);
    expect(happened(run).at(-1)).toBe('closed');
    settled(run);
  });

  test('wrong RES*: Authentication Reject, and the AMF lets the UE go', async () => {
    const run = replay(conversation(9), 9, { wrongResStar: true });
    await start(run);
    expect(happened(run)).toContain('failed');
    expect(run.withheld).toBe(0);
  });

  test.each(Object.entries(faults))(
    'subscriber %s, whose %s the network has wrong, is not convinced',
    async (index) => {
      const run = replay(conversation(Number(index)), Number(index));
      await start(run);
      expect(happened(run)).toContain('failed');
      expect(happened(run)).not.toContain('registered');
      expect(run.withheld).toBe(0);
    },
  );

  test('a subscriber that nobody knows is rejected', async () => {
    const stranger = conversations.find(({ imsi }) => imsi === '208930000009999');
    if (stranger === undefined) throw new Error('the capture has no stranger');
    const run = replay(stranger, 10, { imsi: '208930000009999' });
    await start(run);
    expect(happened(run)).toContain('failed');
    expect(run.withheld).toBe(0);
  });

  test.each([32, 33])(
    '[TS38413 8.7.1] the association is lost under subscriber %i: the UE ends',
    async (index) => {
      const run = replay(conversation(index), index);
      await start(run);
      await session(run);
      await run.step(() => run.world.loseAmf());
      expect(happened(run).at(-1)).toBe('closed');
      expect(run.world.left()).toEqual(nothing);
    },
  );
});

describe('UEs of that capture on our IKE side', () => {
  const ikeKeys = readIkeKeys(`${folder}/keys`);
  const espKeys = readEspKeys(`${folder}/keys`);
  const fromUe = (frame: (typeof nwu)[number]) => frame.to.address === '127.0.0.15';

  test('[RFC7296 1.2] each IKE_SA_INIT request gets an answer of our engine', () => {
    const requests = nwu.filter((frame) => fromUe(frame) && frame.to.port === 500);
    expect(requests.length).toBeGreaterThan(30);
    for (const { data, from, to } of requests) {
      const engine = responder();
      const sent = engine
        .receive(0, data, to, from)
        .flatMap((output) => (output.kind === 'transmit' ? [output] : []));
      const answer = decodeMessage(sent[0]?.data ?? new Uint8Array(0));
      expect(answer).toMatchObject({ ok: true, value: { header: { exchange: EXCHANGE.IKE_SA_INIT } } });
    }
  });

  test('[RFC7296 2.14] every encrypted message opens, decodes and has the payloads of its exchange', () => {
    const encrypted = nwu.filter(isSealedIke);
    expect(encrypted.length).toBeGreaterThan(400);
    for (const frame of encrypted) {
      const { exchange, isResponse, payloads } = opened(frame, ikeKeys);
      expect(checkPayloads(exchange, isResponse ? 'response' : 'request', payloads)).toMatchObject({
        ok: true,
      });
    }
  });

  test('[TS24502 9.3.2] every EAP packet inside is EAP-5G, Success or Failure', () => {
    const kinds = nwu
      .filter(isSealedIke)
      .flatMap((frame) => opened(frame, ikeKeys).payloads)
      .flatMap((payload) => (payload.type === 'EAP' ? [decodeEap5g(payload.packet)] : []));
    expect(kinds.every(({ ok }) => ok)).toBe(true);
    expect(kinds.length).toBeGreaterThan(200);
  });

  test('[RFC4303 3.4.4.1] every ESP packet has a good ICV and a number that is new', () => {
    const receivers = new Map(
      [...espKeys].map(([spi, encr]) => [
        spi,
        new EspReceiver(
          spi,
          { encr: 'aes256-gcm16', integ: 'none', esn: false },
          { encr, integ: new Uint8Array(0) },
        ),
      ]),
    );
    const packets = nwu.filter(isEsp);
    expect(packets.length).toBeGreaterThan(300);
    for (const { data } of packets) {
      const outcome = receivers.get(Buffer.from(data).readUInt32BE(0))?.open(data);
      expect(outcome).toMatchObject({ ok: true });
    }
  });
});
