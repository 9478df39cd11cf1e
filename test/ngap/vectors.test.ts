import { describe, expect, it } from 'vitest';
import { decodeNgap, decodeTransfer, encodeNgap, type NgapPdu } from '../../ngap/index.ts';

const of = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

/** Octets written by this codec and found the same by pycrate 0.8.1 (decode, encode, compare). */
const vectors: readonly [string, string, (pdu: NgapPdu) => void][] = [
  [
    'NG Setup Request of an N3IWF',
    '00150035000004001b00078002f839004380005240080280716e336977660066001200000000010002f8390001100801020300080015400140',
    (pdu) => {
      if (pdu.message !== 'NGSetupRequest') throw new Error(pdu.message);
      expect(pdu.ies.ranNodeName).toBe('qn3iwf');
      expect(pdu.ies.globalRanNodeId).toEqual({
        choice: 'globalN3iwfId',
        value: {
          plmnIdentity: of('02f839'),
          n3iwfId: { choice: 'n3iwfId', value: { bits: of('0087'), length: 16 } },
        },
      });
      expect(pdu.ies.supportedTaList[0]?.broadcastPlmnList[0]?.taiSliceSupportList[0]?.sNssai).toEqual({
        sst: of('01'),
        sd: of('010203'),
      });
    },
  ],
  [
    'NG Setup Response with Criticality Diagnostics that say nothing, as free5GC sends it',
    '20150031000005000100050100414d4600600008000002f839cafe0000564001ff0050000b0002f839000010080102030013400100',
    (pdu) => {
      if (pdu.message !== 'NGSetupResponse') throw new Error(pdu.message);
      expect(pdu.ies.criticalityDiagnostics).toEqual({});
      expect(pdu.ies.relativeAmfCapacity).toBe(255);
    },
  ],
  [
    'Initial UE Message with the UE’s outer address and port',
    '000f403700000500550002000100260014137e004179000d0102f8390000000000000000010079000880f80a00000101f4005a4001180070400100',
    (pdu) => {
      if (pdu.message !== 'InitialUEMessage') throw new Error(pdu.message);
      expect(pdu.ies.userLocationInformation).toEqual({
        choice: 'userLocationInformationN3IWF',
        value: { ipAddress: { bits: of('0a000001'), length: 32 }, portNumber: of('01f4') },
      });
    },
  ],
  [
    'UE Context Release Command, cause NAS normal release',
    '00290014000002007200080401117080011170000f400140',
    (pdu) => expect(pdu.ies).toMatchObject({ cause: { choice: 'nas', value: 'normal-release' } }),
  ],
  [
    'Error Indication with Criticality Diagnostics',
    '0009401b000003000a40020001000f40020380001340086804000000005540',
    (pdu) =>
      expect(pdu.ies).toMatchObject({
        criticalityDiagnostics: {
          procedureCode: 4,
          triggeringMessage: 'initiating-message',
          iesCriticalityDiagnostics: [{ ieCriticality: 'reject', ieId: 85, typeOfError: 'missing' }],
        },
      }),
  ],
];

describe('[TS38413 9.3.1.2] [TS38413 9.3.1.3] [TS38413 9.3.1.16] known octets', () => {
  for (const [title, octets, check] of vectors) {
    it(title, () => {
      const decoded = decodeNgap(of(octets));
      if (!decoded.ok) throw decoded.error;
      check(decoded.value);
      expect(hex(encodeNgap(decoded.value))).toBe(octets);
    });
  }

  it('PDU Session Resource Setup Request and the transfer in it', () => {
    const octets =
      '001d0062000004000a000200050055000340012c004a00400040010a7e00680100042e0100d600202f0000040082000a0c3b9aca00301dcd6500008b000a01f07f0000010000000900860001000088000700010000091c00006e400a1403a3529440001003e8';
    const decoded = decodeNgap(of(octets));
    if (!decoded.ok || decoded.value.message !== 'PDUSessionResourceSetupRequest')
      throw new Error('no request');
    const [item] = decoded.value.ies.pduSessionResourceSetupListSUReq;
    const transfer = decodeTransfer(
      'PDUSessionResourceSetupRequestTransfer',
      item!.pduSessionResourceSetupRequestTransfer,
    );
    if (!transfer.ok) throw transfer.error;
    expect(transfer.value.pduSessionType).toBe('ipv4');
    expect(transfer.value.ulNguUpTnlInformation).toEqual({
      choice: 'gTPTunnel',
      value: { transportLayerAddress: { bits: of('7f000001'), length: 32 }, gtpTeid: of('00000009') },
    });
    expect(hex(encodeNgap(decoded.value))).toBe(octets);
  });
});

describe('quirks that are taken', () => {
  it('a NAS-PDU of no octets', () => {
    const pdu: NgapPdu = {
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId: 1, ranUeNgapId: 2, nasPdu: new Uint8Array(0) },
    };
    expect(decodeNgap(encodeNgap(pdu))).toEqual({ ok: true, value: pdu });
  });

  it('[TS38413 9.4.7] an extension that is not known, kept as it came', () => {
    const ieExtensions = { unknownIes: [{ id: 60001, criticality: 'reject' as const, value: of('0102') }] };
    const pdu: NgapPdu = {
      message: 'UEContextReleaseCommand',
      ies: {
        ueNgapIds: { choice: 'ueNgapIdPair', value: { amfUeNgapId: 1, ranUeNgapId: 2, ieExtensions } },
        cause: { choice: 'nas', value: 'deregister' },
      },
    };
    expect(decodeNgap(encodeNgap(pdu))).toEqual({ ok: true, value: pdu });
  });

  it('[TS38413 9.3.2.6] transport addresses of an AMF, and [TS38413 9.3.1.65] a location request', () => {
    const address = { choice: 'endpointIpAddress' as const, value: { bits: of('c0000201'), length: 32 } };
    const pdus: NgapPdu[] = [
      {
        message: 'AMFConfigurationUpdate',
        ies: {
          amfTnlAssociationToAddList: [{ amfTnlAssociationAddress: address, tnlAddressWeightFactor: 7 }],
        },
      },
      {
        message: 'LocationReportingControl',
        ies: {
          amfUeNgapId: 1,
          ranUeNgapId: 2,
          locationReportingRequestType: { eventType: 'direct', reportArea: 'cell' },
        },
      },
    ];
    for (const pdu of pdus) expect(decodeNgap(encodeNgap(pdu))).toEqual({ ok: true, value: pdu });
  });

  it('a transfer without a mandatory IE is an error, not a hole', () => {
    expect(decodeTransfer('PDUSessionResourceSetupRequestTransfer', of('000000'))).toMatchObject({
      ok: false,
    });
  });
});
