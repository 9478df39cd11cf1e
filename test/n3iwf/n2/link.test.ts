import { describe, expect, test } from 'vitest';
import { decodeNgap, encodeNgap, type NgapPdu } from '#ngap';
import { silentLog } from '../../../n3iwf/log.ts';
import { N2Link, type N2Transport } from '../../../n3iwf/n2/link.ts';
import { ngSetupRequest } from '../../../n3iwf/n2/setup.ts';

const plmn = { mcc: '208', mnc: '93' };
const setup = ngSetupRequest({ name: 'node', n3iwfId: 1, plmn, tac: '000001', slices: [{ sst: 1 }] });
const plmnIdentity = Uint8Array.of(0x02, 0xf8, 0x39);
const accepted: NgapPdu = {
  message: 'NGSetupResponse',
  ies: {
    amfName: 'AMF',
    servedGuamiList: [
      {
        guami: {
          plmnIdentity,
          amfRegionId: { bits: Uint8Array.of(0xca), length: 8 },
          amfSetId: { bits: Uint8Array.of(0xfe, 0x00), length: 10 },
          amfPointer: { bits: Uint8Array.of(0), length: 6 },
        },
      },
    ],
    relativeAmfCapacity: 255,
    plmnSupportList: [{ plmnIdentity, sliceSupportList: [{ sNssai: { sst: Uint8Array.of(1) } }] }],
  },
};

/** A link over a transport that keeps what is sent, with so many streams negotiated. */
async function linkWith(streams: number) {
  const sent: { stream: number; message: string }[] = [];
  let deliver: (data: Uint8Array, stream: number) => void = () => {};
  const transport: N2Transport = {
    streams,
    onEvent: () => {},
    send: (stream, data) => {
      const pdu = decodeNgap(data);
      sent.push({ stream, message: pdu.ok ? pdu.value.message : 'unreadable' });
    },
    onMessage: (listener) => {
      deliver = listener;
    },
    onClosed: () => {},
    close: () => {},
  };
  const link = new N2Link(
    { setup },
    {
      now: () => 0,
      random: () => 0,
      dial: () => Promise.resolve(transport),
      joins: () => false,
      happened: () => {},
      rearm: () => {},
      tap: () => {},
    },
    silentLog,
  );
  link.start();
  link.tick();
  await new Promise((resolve) => setImmediate(resolve));
  deliver(encodeNgap(accepted), 0);
  expect(link.ready).toBe(true);
  const streamOf = (ranUeNgapId: number) => {
    link.send({
      message: 'UplinkNASTransport',
      ies: {
        amfUeNgapId: 1,
        ranUeNgapId,
        nasPdu: Uint8Array.of(0x7e),
        userLocationInformation: {
          choice: 'userLocationInformationN3IWF',
          value: {
            ipAddress: { bits: Uint8Array.of(192, 0, 2, 1), length: 32 },
            portNumber: Uint8Array.of(0, 1),
          },
        },
      },
    });
    return sent.at(-1)?.stream ?? -1;
  };
  return { sent, streamOf };
}

describe('streams of an N2 association', () => {
  const ues = Array.from({ length: 40 }, (_, at) => at + 1);

  test('[TS38412 7] UEs take the streams that the AMF takes in, and no other: free5GC takes five', async () => {
    const { sent, streamOf } = await linkWith(5);
    expect(sent[0]).toEqual({ stream: 0, message: 'NGSetupRequest' });
    expect(new Set(ues.map(streamOf))).toEqual(new Set([1, 2, 3, 4]));
  });

  test('[TS38412 7] a UE keeps its stream, and one stream has to do where there is no other', async () => {
    const { streamOf } = await linkWith(5);
    expect(streamOf(7)).toBe(streamOf(7));
    const single = await linkWith(1);
    expect(new Set(ues.map(single.streamOf))).toEqual(new Set([0]));
  });
});
