import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeNas,
  defaultQfi,
  defaultQosRules,
  encodeNas,
  guti5g,
  imeiOfIdentity,
  imeisvIdentity,
  imsiOfIdentity,
  isProtected,
  MESSAGES,
  type MessageName,
  type NasMessage,
  suciIdentity,
} from '../../peers/nas/index.ts';
import { hex, toHex } from '../vectors.ts';

const octets = (max: number) => fc.uint8Array({ minLength: 0, maxLength: max });
const nibble = fc.integer({ min: 0, max: 15 });
const byte = fc.integer({ min: 0, max: 255 });

/** Fields of the mandatory parts, by name: everything else is four bits. */
const mandatoryFields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  mobileIdentity: octets(20),
  identity: octets(20),
  tmsi: octets(7),
  abba: octets(8),
  replayedCapability: octets(8),
  payload: octets(300),
  qosRules: octets(40),
  ambr: octets(6),
  cause: byte,
  algorithms: byte,
  maxIntegrityRates: fc.integer({ min: 0, max: 0xffff }),
  registrationType: fc.integer({ min: 1, max: 7 }),
  followOn: fc.boolean(),
  switchOff: fc.boolean(),
  reregister: fc.boolean(),
};

function mandatoryOf(name: MessageName): Record<string, fc.Arbitrary<unknown>> {
  const decoded = decodeNas(encodeNas(sample(name)));
  if (!decoded.ok) throw decoded.error;
  const { optional, protocol } = MESSAGES[name];
  const fields = Object.keys(decoded.value).filter((field) => field !== 'message' && !(field in optional));
  const header: Record<string, fc.Arbitrary<unknown>> = protocol === 'gsm'
    ? { pduSessionId: byte, pti: byte }
    : {};
  return {
    ...Object.fromEntries(fields.map((field) => [field, mandatoryFields[field] ?? nibble])),
    ...header,
  };
}

/** A message whose mandatory fields are all empty or zero, to learn their names from. */
function sample(name: MessageName): NasMessage {
  const zero = {
    mobileIdentity: 0,
    identity: 0,
    tmsi: 0,
    abba: 0,
    replayedCapability: 0,
    payload: 0,
    qosRules: 0,
    ambr: 0,
  };
  const empty = Object.fromEntries(Object.keys(zero).map((field) => [field, new Uint8Array(0)]));
  return { ...empty, message: name } as unknown as NasMessage;
}

function messageOf(name: MessageName): fc.Arbitrary<NasMessage> {
  const optional = Object.entries(MESSAGES[name].optional).map(([field, { format }]) => {
    const value =
      format.kind === 'half'
        ? nibble
        : format.kind === 'single'
          ? byte
          : format.kind === 'tv'
            ? fc.uint8Array({ minLength: format.length, maxLength: format.length })
            : octets(format.kind === 'tlv' ? 255 : 400);
    return [field, value] as const;
  });
  const required = fc.record(mandatoryOf(name));
  const elements = fc.record(Object.fromEntries(optional), { requiredKeys: [] });
  return fc
    .tuple(required, elements)
    .map(([one, two]) => ({ message: name, ...two, ...one }) as unknown as NasMessage);
}

describe('NAS codec', () => {
  it.each(Object.keys(MESSAGES) as MessageName[])('[TS24501 8.2] decodes what it encodes: %s', (name) => {
    fc.assert(
      fc.property(messageOf(name), (message) => {
        expect(decodeNas(encodeNas(message))).toEqual({ ok: true, value: message });
      }),
      { numRuns: 50 },
    );
  });

  it('returns a value or an error for any octets', () => {
    fc.assert(
      fc.property(octets(80), (data) => void decodeNas(data)),
      { numRuns: 2000 },
    );
    const start = fc.tuple(fc.constantFrom(...Object.values(MESSAGES)), octets(60));
    fc.assert(
      fc.property(start, ([{ protocol, type }, rest]) => {
        const header = protocol === 'gmm' ? [0x7e, 0, type] : [0x2e, 1, 1, type];
        expect(typeof decodeNas(Uint8Array.of(...header, ...rest)).ok).toBe('boolean');
      }),
      { numRuns: 3000 },
    );
  });

  it('[TS24501 7.6] skips elements that it does not know, by their IEI alone', () => {
    const complete = encodeNas({ message: 'SecurityModeComplete', imeisv: Uint8Array.of(1, 2) });
    const unknown = hex('a1' + '1f020304' + '7a00020506');
    const decoded = decodeNas(Uint8Array.of(...complete, ...unknown, 0x71, 0, 1, 9));
    expect(decoded).toEqual({
      ok: true,
      value: {
        message: 'SecurityModeComplete',
        imeisv: Uint8Array.of(1, 2),
        nasMessageContainer: Uint8Array.of(9),
      },
    });
  });

  it('[TS24501 7.7] keeps the first of an element that comes twice', () => {
    const decoded = decodeNas(hex('7e0057' + '2d01aa' + '2d01bb'));
    expect(decoded).toEqual({
      ok: true,
      value: { message: 'AuthenticationResponse', resStar: Uint8Array.of(0xaa) },
    });
  });
});

describe('NAS codec, by the octet', () => {
  it.each([
    ['', 'protocol discriminator'],
    ['0700', 'protocol discriminator'],
    ['7e02000000000000', 'security header'],
    ['7e00ff', 'message type'],
    ['7e00572d10aa', 'element'],
    ['7e0067010010aa', 'payload'],
  ])('says where %s is broken', (octetsText, field) => {
    const decoded = decodeNas(hex(octetsText));
    expect(decoded.ok ? '' : decoded.error.field).toBe(field);
  });

  it('lays a registration request out as TS 24.501 has it', () => {
    const request = encodeNas({
      message: 'RegistrationRequest',
      registrationType: 1,
      followOn: true,
      ngKsi: 7,
      mobileIdentity: suciIdentity('208930000000003', { mcc: '208', mnc: '93' }),
      ueSecurityCapability: Uint8Array.of(0xa0, 0x20),
    });
    expect(toHex(request)).toBe('7e004179000d0102f839f0ff00000000000030' + '2e02a020');
    expect(isProtected(request)).toBe(false);
  });
});

describe('identities', () => {
  const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`));
  const plmns = fc.record({ mcc: digits(3), mnc: fc.oneof(digits(2), digits(3)) });

  it('[TS24501 9.11.3.4] finds the IMSI in its SUCI', () => {
    fc.assert(
      fc.property(plmns, fc.stringMatching(/^\d{1,10}$/), (plmn, msin) => {
        const imsi = plmn.mcc + plmn.mnc + msin;
        expect(imsiOfIdentity(suciIdentity(imsi, plmn))).toBe(imsi);
      }),
    );
  });

  it('knows no IMSI in other identities', () => {
    expect(
      imsiOfIdentity(guti5g(hex('02f839'), { amfRegionId: 1, amfSetId: 2, amfPointer: 3 }, 4)),
    ).toBeUndefined();
    expect(imsiOfIdentity(new Uint8Array(0))).toBeUndefined();
    fc.assert(fc.property(octets(20), (identity) => void imsiOfIdentity(identity)));
  });

  it('packs an IMEISV of 16 digits', () => {
    expect(toHex(imeisvIdentity('4370816125816151'))).toBe('4573806121856151f1');
    expect(imeiOfIdentity(imeisvIdentity('4370816125816151'))).toBe('4370816125816151');
    expect(imeiOfIdentity(suciIdentity('208930000000003', { mcc: '208', mnc: '93' }))).toBeUndefined();
  });

  it('packs a 5G-GUTI', () => {
    const guti = guti5g(hex('02f839'), { amfRegionId: 0xca, amfSetId: 0x3f8, amfPointer: 1 }, 0x01020304);
    expect(toHex(guti)).toBe('f202f839cafe0101020304');
  });

  it('[TS24501 9.11.4.13] finds the QFI of the default rule', () => {
    expect(defaultQfi(defaultQosRules(9))).toBe(9);
    expect(defaultQfi(Uint8Array.of())).toBeUndefined();
    fc.assert(fc.property(octets(40), (rules) => void defaultQfi(rules)));
  });
});
