import { describe, expect, it } from 'vitest';
import {
  decodeNas,
  defaultQosRules,
  encodeNas,
  guti5g,
  isProtected,
  MESSAGES,
  type MessageName,
  type NasMessage,
  NasSecurity,
  SECURITY_HEADER,
} from '../../peers/nas/index.ts';
import { hex, toHex } from '../vectors.ts';

const guti = guti5g(hex('02f839'), { amfRegionId: 0xca, amfSetId: 0x3f8, amfPointer: 1 }, 0x01020304);
const gutiText = 'f202f839cafe0101020304';
const session = { pduSessionId: 5, pti: 1 } as const;

/** Octets written by hand from the tables of TS 24.501 clause 8. */
const layouts: readonly (readonly [string, NasMessage])[] = [
  [
    `7e0042010277000b${gutiText}150504010102035e0121`,
    {
      message: 'RegistrationAccept',
      registrationResult: 2,
      guti,
      allowedNssai: hex('0401010203'),
      t3512: hex('21'),
    },
  ],
  ['7e00440b', { message: 'RegistrationReject', cause: 11 }],
  [
    `7e00560302000021${'05'.repeat(16)}2010${'06'.repeat(16)}`,
    {
      message: 'AuthenticationRequest',
      ngKsi: 3,
      abba: hex('0000'),
      rand: new Uint8Array(16).fill(5),
      autn: new Uint8Array(16).fill(6),
    },
  ],
  [
    `7e005915300e${'00'.repeat(14)}`,
    { message: 'AuthenticationFailure', cause: 21, auts: new Uint8Array(14) },
  ],
  [
    '7e005d220002a020e1360102',
    {
      message: 'SecurityModeCommand',
      algorithms: 0x22,
      ngKsi: 0,
      replayedCapability: hex('a020'),
      imeisvRequest: 1,
      additionalSecurity: hex('02'),
    },
  ],
  [
    '7e0067010004aabbccdd1205' + '81' + '2201012503026161',
    {
      message: 'UlNasTransport',
      payloadType: 1,
      payload: hex('aabbccdd'),
      pduSessionId: 5,
      requestType: 1,
      sNssai: hex('01'),
      dnn: hex('026161'),
    },
  ],
  [
    '7e00680100' + '01aa' + '1205585a',
    { message: 'DlNasTransport', payloadType: 1, payload: hex('aa'), pduSessionId: 5, cause: 90 },
  ],
  [
    '2e0501c1ffff91a1',
    {
      message: 'PduSessionEstablishmentRequest',
      ...session,
      maxIntegrityRates: 0xffff,
      pduSessionType: 1,
      sscMode: 1,
    },
  ],
  [
    '2e0501c2110009010006313101' + '01ff09' + '060603e80603e8' + '2905010a2d0002' + '790006092041010109',
    {
      message: 'PduSessionEstablishmentAccept',
      ...session,
      pduSessionType: 1,
      sscMode: 1,
      qosRules: defaultQosRules(9),
      ambr: hex('0603e80603e8'),
      address: hex('010a2d0002'),
      qosFlows: hex('092041010109'),
    },
  ],
  ['2e0501d324', { message: 'PduSessionReleaseCommand', ...session, cause: 36 }],
];

describe('NAS layouts', () => {
  it.each(layouts)('[TS24501 8.3] [TS24007 11.2.3.1A] lays out %s', (text, message) => {
    expect(toHex(encodeNas(message))).toBe(text);
    expect(decodeNas(hex(text))).toEqual({ ok: true, value: message });
  });

  it('[TS24501 9.11.3.6] reads past octets that a registration result may get later', () => {
    expect(decodeNas(hex('7e00420302ffff5e0121'))).toEqual({
      ok: true,
      value: { message: 'RegistrationAccept', registrationResult: 2, t3512: hex('21') },
    });
  });

  it.each([
    ['7e00417900' + '00', { registrationType: 1, followOn: true, ngKsi: 7 }],
    ['7e00411a00' + '00', { registrationType: 2, followOn: true, ngKsi: 1 }],
    ['7e00410300' + '00', { registrationType: 3, followOn: false, ngKsi: 0 }],
  ])('[TS24501 9.11.3.7] reads the registration type of %s', (text, fields) => {
    const value = { message: 'RegistrationRequest', mobileIdentity: new Uint8Array(0), ...fields };
    expect(decodeNas(hex(text))).toEqual({ ok: true, value });
  });

  it('[TS24501 9.11.3.20] asks for de-registration of non-3GPP access alone', () => {
    const ue = { message: 'DeregistrationRequestUe', ngKsi: 1, identity: guti } as const;
    expect(toHex(encodeNas({ ...ue, switchOff: false }))).toBe(`7e004512000b${gutiText}`);
    expect(toHex(encodeNas({ ...ue, switchOff: true }))).toBe(`7e00451a000b${gutiText}`);
    const network = { message: 'DeregistrationRequestNetwork', cause: 3 } as const;
    expect(toHex(encodeNas({ ...network, reregister: true }))).toBe('7e0047065803');
  });
});

describe('NAS elements', () => {
  const halfAndWhole = '2e0501c1ffff' + '0901aa' + '0a00' + '92';

  it('[TS24007 11.2.4] takes no IEI of eight bits for one of four', () => {
    expect(decodeNas(hex(halfAndWhole))).toEqual({
      ok: true,
      value: {
        message: 'PduSessionEstablishmentRequest',
        ...session,
        maxIntegrityRates: 0xffff,
        pduSessionType: 2,
      },
    });
  });

  /** One of each format, and the octets that it takes after the message's own. */
  it.each([
    ['half', { message: 'RegistrationAccept', registrationResult: 2, micoIndication: 1 }, 'b1'],
    ['single', { message: 'ConfigurationUpdateCommand', timeZone: 0x40 }, '4640'],
    ['tv', { message: 'ConfigurationUpdateCommand', universalTime: new Uint8Array(7) }, '4700000000000000'],
    ['tlv', { message: 'AuthenticationResponse', resStar: hex('aabb') }, '2d02aabb'],
    ['tlve', { message: 'RegistrationComplete', sorContainer: hex('aabb') }, '730002aabb'],
  ] as const)('[TS24007 11.2.1.1] writes an element of format %s', (_, message, text) => {
    expect(toHex(encodeNas(message)).endsWith(text)).toBe(true);
    expect(decodeNas(encodeNas(message))).toEqual({ ok: true, value: message });
  });

  it('no two elements of a message begin alike', () => {
    for (const { optional } of Object.values(MESSAGES)) {
      const begins = Object.values(optional).map(({ iei, format }) => `${format.kind === 'half'} ${iei}`);
      expect(new Set(begins).size).toBe(begins.length);
    }
  });

  it.each(layouts)('cut anywhere %s is an error or a message with fewer elements', (text, message) => {
    const whole = hex(text);
    for (let length = 0; length < whole.length; length++) {
      const decoded = decodeNas(whole.subarray(0, length));
      if (!decoded.ok) expect(decoded.error.offset).toBeLessThanOrEqual(length);
      else expect(Object.keys(message)).toEqual(expect.arrayContaining(Object.keys(decoded.value)));
    }
  });

  const withMandatory = (Object.keys(MESSAGES) as MessageName[]).filter(
    (name) => MESSAGES[name].mandatory.length > 0,
  );
  it.each(withMandatory)('the header of %s alone is an error', (name) => {
    const { protocol, type } = MESSAGES[name];
    const header = protocol === 'gmm' ? [0x7e, 0, type] : [0x2e, 5, 1, type];
    expect(decodeNas(Uint8Array.from(header)).ok).toBe(false);
  });
});

describe('NAS envelope', () => {
  const keys = {
    knasInt: new Uint8Array(16),
    knasEnc: new Uint8Array(16),
    integrity: 2,
    ciphering: 0,
  } as const;
  const plain = encodeNas({ message: 'RegistrationComplete' });

  it('[TS24501 9.3] puts discriminator, header type, MAC and sequence number in front', () => {
    const ue = new NasSecurity({ ...keys, bearer: 2, role: 'ue' });
    for (const header of [1, 2, 3, 4]) {
      const sent = ue.protect(plain, header);
      expect([sent[0], sent[1], sent[6]]).toEqual([0x7e, header, header - 1]);
      expect(sent.subarray(7)).toEqual(plain);
      expect(isProtected(sent)).toBe(true);
    }
    const network = new NasSecurity({ ...keys, bearer: 2, role: 'network' });
    const unknown = ue.protect(plain, SECURITY_HEADER.integrity);
    unknown[1] = 5;
    expect(network.unprotect(unknown)).toMatchObject({ ok: false, reason: expect.stringContaining('5') });
    expect(network.unprotect(unknown.subarray(0, 7)).ok).toBe(false);
  });

  it('[TS33501 6.4.2.2] keeps the accesses apart by the bearer', () => {
    const non3gppAccess = new NasSecurity({ ...keys, bearer: 2, role: 'ue' });
    const threeGppAccess = new NasSecurity({ ...keys, bearer: 1, role: 'network' });
    expect(threeGppAccess.unprotect(non3gppAccess.protect(plain, SECURITY_HEADER.integrity)).ok).toBe(false);
  });
});
