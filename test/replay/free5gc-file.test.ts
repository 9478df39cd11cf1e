import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { subscriberOf } from '../stub-core/settings.ts';
import { conversationsOf, decodeAll, Replay } from './conversations.ts';
import { readCapture } from './read.ts';

/** Our UE and free5GC's AMF around a node by free5GC's configuration file. */
const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));
const messages = decodeAll(readCapture(`${folder}/n3iwfcfg.pcap`).n2);
const index = 35;

test("[TS24502 7.3] a node by free5GC's configuration file: the AMF's messages lead a UE through its life", async () => {
  const setup = messages.find(({ pdu }) => pdu.message === 'NGSetupResponse')?.pdu;
  const [conversation] = conversationsOf(messages);
  if (setup === undefined || conversation === undefined) throw new Error('the capture has no UE');
  const { imsi, k, opc } = subscriberOf(index);
  expect(conversation.imsi).toBe(imsi);
  const run = new Replay(conversation, { ue: { imsi, k, opc, imeisv: '3560920407930100' } }, setup);
  const { ue } = run.world.ue;
  for (const step of [
    () => ue.start(),
    () => ue.sessions.request(1),
    () => ue.sessions.release(1),
    () => ue.nas.deregister(),
  ])
    await run.step(step);
  expect({ unexpected: run.unexpected, missing: run.missing, withheld: run.withheld }).toEqual({
    unexpected: [],
    missing: [],
    withheld: 0,
  });
  expect(run.world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
});

test("the node's NG Setup Request says what the file says", () => {
  const request = messages.find(({ pdu }) => pdu.message === 'NGSetupRequest')?.pdu;
  expect(request?.ies).toMatchObject({
    globalRanNodeId: { choice: 'globalN3iwfId' },
    ranNodeName: 'by-file-of-free5gc',
  });
});
