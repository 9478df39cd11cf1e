import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Replay } from './conversations.ts';
import { wholeLife } from './lives.ts';
import { conversationOf, loadCapture, recordedUe } from './steps.ts';

/** Our UE and free5GC's AMF around a node by free5GC's configuration file. */
const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));
const { messages, conversations, setup } = loadCapture(`${folder}/n3iwfcfg.pcap`);

test("[TS24502 7.3] a node by free5GC's configuration file: the AMF's messages lead a UE through its life", () => {
  const ue = recordedUe(35);
  return wholeLife(new Replay(conversationOf(conversations, ue.imsi), { ue }, setup));
});

test("the node's NG Setup Request says what the file says", () => {
  const request = messages.find(({ pdu }) => pdu.message === 'NGSetupRequest')?.pdu;
  expect(request?.ies).toMatchObject({
    globalRanNodeId: { choice: 'globalN3iwfId' },
    ranNodeName: 'by-file-of-free5gc',
  });
});
