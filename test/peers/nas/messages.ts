import {
  deregistrationTypePart,
  type Element,
  half,
  halves,
  lowHalf,
  lv,
  lve,
  networkDeregistrationPart,
  octet,
  type Part,
  registrationResultPart,
  registrationTypePart,
  single,
  tlv,
  tlve,
  tv,
  word,
} from './parts.ts';

/** Extended protocol discriminators [TS24007 11.2.3.1A]. */
export const PROTOCOL = { gmm: 0x7e, gsm: 0x2e } as const;
export type Protocol = keyof typeof PROTOCOL;

interface Row<
  T extends Protocol,
  P extends readonly Part<object>[],
  O extends Readonly<Record<string, Element>>,
> {
  readonly protocol: T;
  readonly type: number;
  readonly mandatory: P;
  readonly optional: O;
}

function row<
  T extends Protocol,
  const P extends readonly Part<object>[],
  const O extends Readonly<Record<string, Element>>,
>(protocol: T, type: number, mandatory: P, optional: O): Row<T, P, O> {
  return { protocol, type, mandatory, optional };
}

const eapMessage = tlve(0x78);
const epco = tlve(0x7b);
const nothing = {} as const;

/**
 * The 5GMM and 5GSM messages that the peers use, by name: type, mandatory part, optional elements in the order in
 * which they are sent. What is not listed is skipped [TS24501 8.2] [TS24501 8.3].
 */
export const MESSAGES = {
  RegistrationRequest: row('gmm', 0x41, [registrationTypePart, lve('mobileIdentity')], {
    nonCurrentKsi: half(0xc),
    mmCapability: tlv(0x10),
    ueSecurityCapability: tlv(0x2e),
    requestedNssai: tlv(0x2f),
    lastVisitedTai: tv(0x52, 6),
    uplinkDataStatus: tlv(0x40),
    pduSessionStatus: tlv(0x50),
    micoIndication: half(0xb),
    ueStatus: tlv(0x2b),
    additionalGuti: tlve(0x77),
    updateType: tlv(0x53),
    nasMessageContainer: tlve(0x71),
  }),
  RegistrationAccept: row('gmm', 0x42, [registrationResultPart], {
    guti: tlve(0x77),
    equivalentPlmns: tlv(0x4a),
    taiList: tlv(0x54),
    allowedNssai: tlv(0x15),
    rejectedNssai: tlv(0x11),
    configuredNssai: tlv(0x31),
    networkFeatures: tlv(0x21),
    pduSessionStatus: tlv(0x50),
    micoIndication: half(0xb),
    networkSlicing: half(0x9),
    t3512: tlv(0x5e),
    non3gppDeregistrationTimer: tlv(0x5d),
    t3502: tlv(0x16),
  }),
  RegistrationComplete: row('gmm', 0x43, [], { sorContainer: tlve(0x73) }),
  RegistrationReject: row('gmm', 0x44, [octet('cause')], { t3346: tlv(0x5f), t3502: tlv(0x16), eapMessage }),
  DeregistrationRequestUe: row('gmm', 0x45, [deregistrationTypePart, lve('identity')], nothing),
  DeregistrationAcceptUe: row('gmm', 0x46, [], nothing),
  DeregistrationRequestNetwork: row('gmm', 0x47, [networkDeregistrationPart], {
    cause: single(0x58),
    t3346: tlv(0x5f),
  }),
  DeregistrationAcceptNetwork: row('gmm', 0x48, [], nothing),
  ServiceRequest: row('gmm', 0x4c, [halves('serviceType', 'ngKsi'), lve('tmsi')], {
    uplinkDataStatus: tlv(0x40),
    pduSessionStatus: tlv(0x50),
    nasMessageContainer: tlve(0x71),
  }),
  ServiceReject: row('gmm', 0x4d, [octet('cause')], {
    pduSessionStatus: tlv(0x50),
    t3346: tlv(0x5f),
    eapMessage,
  }),
  ServiceAccept: row('gmm', 0x4e, [], {
    pduSessionStatus: tlv(0x50),
    reactivationResult: tlv(0x26),
    eapMessage,
  }),
  ConfigurationUpdateCommand: row('gmm', 0x54, [], {
    updateIndication: half(0xd),
    guti: tlve(0x77),
    taiList: tlv(0x54),
    allowedNssai: tlv(0x15),
    fullName: tlv(0x43),
    shortName: tlv(0x45),
    timeZone: single(0x46),
    universalTime: tv(0x47, 7),
    daylightSaving: tlv(0x49),
  }),
  ConfigurationUpdateComplete: row('gmm', 0x55, [], nothing),
  AuthenticationRequest: row('gmm', 0x56, [lowHalf('ngKsi'), lv('abba')], {
    rand: tv(0x21, 16),
    autn: tlv(0x20),
    eapMessage,
  }),
  AuthenticationResponse: row('gmm', 0x57, [], { resStar: tlv(0x2d), eapMessage }),
  AuthenticationReject: row('gmm', 0x58, [], { eapMessage }),
  AuthenticationFailure: row('gmm', 0x59, [octet('cause')], { auts: tlv(0x30) }),
  IdentityRequest: row('gmm', 0x5b, [lowHalf('identityType')], nothing),
  IdentityResponse: row('gmm', 0x5c, [lve('mobileIdentity')], nothing),
  SecurityModeCommand: row('gmm', 0x5d, [octet('algorithms'), lowHalf('ngKsi'), lv('replayedCapability')], {
    imeisvRequest: half(0xe),
    epsAlgorithms: single(0x57),
    additionalSecurity: tlv(0x36),
    eapMessage,
    abba: tlv(0x38),
  }),
  SecurityModeComplete: row('gmm', 0x5e, [], { imeisv: tlve(0x77), nasMessageContainer: tlve(0x71) }),
  SecurityModeReject: row('gmm', 0x5f, [octet('cause')], nothing),
  GmmStatus: row('gmm', 0x64, [octet('cause')], nothing),
  UlNasTransport: row('gmm', 0x67, [lowHalf('payloadType'), lve('payload')], {
    pduSessionId: single(0x12),
    oldPduSessionId: single(0x59),
    requestType: half(0x8),
    sNssai: tlv(0x22),
    dnn: tlv(0x25),
    additionalInformation: tlv(0x24),
  }),
  DlNasTransport: row('gmm', 0x68, [lowHalf('payloadType'), lve('payload')], {
    pduSessionId: single(0x12),
    additionalInformation: tlv(0x24),
    cause: single(0x58),
    backOff: tlv(0x37),
  }),
  PduSessionEstablishmentRequest: row('gsm', 0xc1, [word('maxIntegrityRates')], {
    pduSessionType: half(0x9),
    sscMode: half(0xa),
    smCapability: tlv(0x28),
    maxPacketFilters: tv(0x55, 2),
    alwaysOn: half(0xb),
    dnRequest: tlv(0x39),
    epco,
  }),
  PduSessionEstablishmentAccept: row(
    'gsm',
    0xc2,
    [halves('sscMode', 'pduSessionType'), lve('qosRules'), lv('ambr')],
    {
      cause: single(0x59),
      address: tlv(0x29),
      rqTimer: single(0x56),
      sNssai: tlv(0x22),
      alwaysOn: half(0x8),
      epsBearers: tlve(0x75),
      eapMessage,
      qosFlows: tlve(0x79),
      epco,
      dnn: tlv(0x25),
    },
  ),
  PduSessionEstablishmentReject: row('gsm', 0xc3, [octet('cause')], {
    backOff: tlv(0x37),
    allowedSscModes: half(0xf),
    eapMessage,
    epco,
  }),
  PduSessionReleaseRequest: row('gsm', 0xd1, [], { smCause: single(0x59), epco }),
  PduSessionReleaseReject: row('gsm', 0xd2, [octet('cause')], { epco }),
  PduSessionReleaseCommand: row('gsm', 0xd3, [octet('cause')], { backOff: tlv(0x37), eapMessage, epco }),
  PduSessionReleaseComplete: row('gsm', 0xd4, [], { smCause: single(0x59), epco }),
  GsmStatus: row('gsm', 0xd6, [octet('cause')], nothing),
} as const;

export type MessageName = keyof typeof MESSAGES;

type FieldsOfPart<P> = P extends Part<infer F> ? F : never;
type Intersection<U> = (U extends unknown ? (member: U) => void : never) extends (member: infer I) => void
  ? I
  : never;
type Mandatory<P extends readonly Part<object>[]> = P['length'] extends 0
  ? object
  : Intersection<FieldsOfPart<P[number]>>;
type ValueOf<E> = E extends Element<'half' | 'single'> ? number : Uint8Array;
type Optional<O> = { readonly [K in keyof O]?: ValueOf<O[K]> };
type Header<P> = P extends 'gsm' ? { readonly pduSessionId: number; readonly pti: number } : object;

/** The fields of one message, its name among them. */
export type NasMessageOf<N extends MessageName> = { readonly message: N } & Header<
  (typeof MESSAGES)[N]['protocol']
> &
  Readonly<Mandatory<(typeof MESSAGES)[N]['mandatory']>> &
  Optional<(typeof MESSAGES)[N]['optional']>;

/** Any NAS message in clear, told apart by `message`. */
export type NasMessage = { [N in MessageName]: NasMessageOf<N> }[MessageName];
