import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NOTIFY } from '#ikev2';
import type { AnParameters } from '../../../n3iwf/nwu/an-parameters.ts';
import {
  decodeEap5g,
  eapFailure,
  eapNasRequest,
  eapNasResponse,
  eapStart,
  eapStop,
  eapSuccess,
} from '../../../n3iwf/nwu/eap5g.ts';
import { encodeNasEnvelope, NasEnvelopeReader } from '../../../n3iwf/nwu/nas-envelope.ts';
import {
  backoffTimerNotify,
  decodeQosInfo,
  nasAddressNotify,
  nasTcpPortNotify,
  qosInfoNotify,
  readNwuAddresses,
  upAddressNotify,
} from '../../../n3iwf/nwu/notifies.ts';

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const byte = fc.integer({ min: 0, max: 255 });
const toHex = (data: Uint8Array) => Buffer.from(data).toString('hex');
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const sNssai = fc.oneof(
  fc.record({ sst: byte }),
  fc.record({ sst: byte, mappedSst: byte }),
  fc.record({ sst: byte, sd: octets(3) }),
  fc.record({ sst: byte, sd: octets(3), mappedSst: byte }),
  fc.record({ sst: byte, sd: octets(3), mappedSst: byte, mappedSd: octets(3) }),
);
const guami = fc.record({
  plmn: octets(3),
  amfRegionId: byte,
  amfSetId: fc.integer({ min: 0, max: 1023 }),
  amfPointer: fc.integer({ min: 0, max: 63 }),
});
const anParameters = fc.record(
  {
    guami,
    selectedPlmn: octets(3),
    requestedNssai: fc.array(sNssai, { maxLength: 8 }),
    establishmentCause: fc.integer({ min: 0, max: 15 }),
    selectedNid: octets(6),
    ueIdentity: fc.uint8Array({ maxLength: 30 }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<AnParameters>;

describe('EAP-5G', () => {
  it('[TS24502 9.3.2.1] [TS24502 9.3.2.2] lays packets out with vendor and message identifiers', () => {
    expect(toHex(eapStart(7))).toBe('0107000efe0028af000000030100');
    expect(toHex(eapStop(8))).toBe('0208000efe0028af000000030400');
    expect(toHex(eapNasRequest(9, hex('7e0056')))).toBe('01090013fe0028af00000003020000037e0056');
    expect(toHex(eapNasResponse(9, {}, hex('7e')))).toBe('02090013fe0028af000000030200000000017e');
  });

  it('[RFC3748 4] [RFC3748 4.2] ends with the identifier of the response', () => {
    expect(toHex(eapSuccess(9))).toBe('03090004');
    expect(toHex(eapFailure(9))).toBe('04090004');
    const ended = decodeEap5g(eapSuccess(9));
    expect(ended).toEqual({ ok: true, value: { code: 'success', identifier: 9, kind: 'end' } });
  });

  it('[TS24502 9.3.2.2.2.3] decodes the AN-parameters and the NAS message that it encodes', () => {
    fc.assert(
      fc.property(byte, anParameters, fc.uint8Array({ maxLength: 500 }), (identifier, parameters, nasPdu) => {
        expect(decodeEap5g(eapNasResponse(identifier, parameters, nasPdu))).toEqual({
          ok: true,
          value: { code: 'response', identifier, kind: 'nas', anParameters: parameters, nasPdu },
        });
      }),
    );
  });

  it('skips AN-parameters of unknown types, whatever their length, and octets after the NAS message', () => {
    for (let length = 0; length <= 255; length++) {
      const unknown = Uint8Array.of(200, length, ...new Uint8Array(length));
      const parameters = Uint8Array.of(...unknown, 4, 1, 3);
      const decoded = decodeEap5g(response(parameters, hex('7e0041'), hex('0102')));
      expect(decoded.ok && decoded.value).toMatchObject({
        anParameters: { establishmentCause: 3 },
        nasPdu: hex('7e0041'),
      });
    }
  });
});

describe('EAP-5G with broken contents', () => {
  it.each([
    ['GUAMI too short', '0105' + '02f8390102'],
    ['value past the end', '02ff02f839'],
    ['no length', '02'],
    ['no cause', '0400'],
  ])('refuses AN-parameters: %s', (_, parameters) => {
    expect(decodeEap5g(response(hex(parameters), hex('7e'))).ok).toBe(false);
  });

  it('[TS24501 9.11.2.8] refuses an S-NSSAI of a length that does not exist', () => {
    for (const length of [0, 3, 6, 7, 9]) {
      const parameters = Uint8Array.of(3, length + 1, length, ...new Uint8Array(length));
      expect(decodeEap5g(response(parameters, hex('7e'))).ok).toBe(false);
    }
  });

  it('returns a value or an error for any octets', () => {
    const anything = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(anything, (packet) => void decodeEap5g(packet)),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(anything, anything, (parameters, nas) => void decodeEap5g(response(parameters, nas))),
      { numRuns: 2000 },
    );
  });
});

function response(
  parameters: Uint8Array,
  nasPdu: Uint8Array,
  extra: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const body = [0, parameters.length, ...parameters, 0, nasPdu.length, ...nasPdu, ...extra];
  // A parameter list of more than 255 octets needs both octets of its length.
  body[0] = parameters.length >>> 8;
  body[1] = parameters.length & 0xff;
  const length = 14 + body.length;
  return Uint8Array.of(2, 1, length >>> 8, length, ...hex('fe0028af000000030200'), ...body);
}

describe('NWu notifies', () => {
  const qosInfo = fc.record({
    pduSessionId: byte,
    qfis: fc.array(fc.integer({ min: 0, max: 63 }), { maxLength: 10 }),
    isDefault: fc.boolean(),
  });

  it('[TS24502 9.3.1.1] decodes the 5G_QOS_INFO that it encodes, with and without DSCP', () => {
    fc.assert(
      fc.property(qosInfo, fc.option(fc.integer({ min: 0, max: 63 }), { nil: undefined }), (info, dscp) => {
        const value = dscp === undefined ? info : { ...info, dscp };
        expect(decodeQosInfo(qosInfoNotify(value).data)).toEqual({ ok: true, value });
      }),
    );
    expect(toHex(qosInfoNotify({ pduSessionId: 1, qfis: [9], isDefault: true }).data)).toBe('0501010902');
  });

  it('takes a length that does not count itself, and returns an error for broken octets', () => {
    expect(decodeQosInfo(hex('0401010902')).ok).toBe(true);
    for (const text of ['', '05', '0901010902', '050105', '0501010901'])
      expect(decodeQosInfo(hex(text)).ok).toBe(false);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (data) => void decodeQosInfo(data)));
  });

  it('finds the addresses of both families and leaves broken ones out', () => {
    fc.assert(
      fc.property(fc.constantFrom(4, 16), fc.integer({ min: 0, max: 65535 }), (length, nasPort) => {
        const [nasAddress, upAddress] = [new Uint8Array(length).fill(1), new Uint8Array(length).fill(2)];
        const notifies = [
          nasAddressNotify(nasAddress),
          upAddressNotify(upAddress),
          nasTcpPortNotify(nasPort),
        ];
        expect(readNwuAddresses(notifies)).toEqual({ nasAddress, upAddress, nasPort });
      }),
    );
    expect(readNwuAddresses([{ ...nasTcpPortNotify(1), data: hex('01') }])).toEqual({});
    expect(backoffTimerNotify(0x21)).toMatchObject({
      notifyType: NOTIFY.N3GPP_BACKOFF_TIMER,
      data: hex('0121'),
    });
  });
});

describe('NAS envelope', () => {
  it('[TS24502 9.4] cuts a stream into its messages however it was cut before', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (list, cuts) => {
        const stream = Buffer.concat(list.map(encodeNasEnvelope));
        const reader = new NasEnvelopeReader();
        const got: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          got.push(...reader.push(Uint8Array.from(stream.subarray(at, at + size))));
          at += size;
        }
        expect(got).toEqual(list);
      }),
    );
  });
});
