import type { Plmn } from '../usim/kdf.ts';

/** Types of a 5GS mobile identity [TS24501 9.11.3.4]. */
export const IDENTITY_TYPE = { none: 0, suci: 1, guti: 2, imei: 3, sTmsi: 4, imeisv: 5 } as const;

const filler = 0x0f;
/** SUCI octets before the scheme output: type, PLMN, routing indicator, scheme, key ID. */
const suciHeaderLength = 8;

/** Digits two to an octet, the first in the low half, filled with F. */
function packDigits(digits: readonly number[]): number[] {
  const octets: number[] = [];
  for (let at = 0; at < digits.length; at += 2)
    octets.push(((digits[at + 1] ?? filler) << 4) | (digits[at] ?? 0));
  return octets;
}

function unpackDigits(octets: Uint8Array): number[] {
  return [...octets].flatMap((octet) => [octet & 0x0f, octet >>> 4]).filter((digit) => digit !== filler);
}

function digitsOf(text: string): number[] {
  return [...text].map(Number);
}

/** PLMN octets in the order of TS 24.501, which is that of NGAP. */
function packPlmn({ mcc, mnc }: Plmn): number[] {
  const [a = 0, b = 0, c = 0] = digitsOf(mcc);
  const [d = 0, e = 0, f = filler] = digitsOf(mnc);
  return [(b << 4) | a, (f << 4) | c, (e << 4) | d];
}

/** SUCI of an IMSI by the null scheme: the subscriber's number in clear [TS24501 9.11.3.4]. */
export function suciIdentity(imsi: string, plmn: Plmn): Uint8Array {
  const msin = digitsOf(imsi.slice(plmn.mcc.length + plmn.mnc.length));
  const routingIndicator = [0xf0, 0xff];
  const nullScheme = 0;
  const noKey = 0;
  return Uint8Array.of(
    IDENTITY_TYPE.suci,
    ...packPlmn(plmn),
    ...routingIndicator,
    nullScheme,
    noKey,
    ...packDigits(msin),
  );
}

/** The IMSI in a SUCI of the null scheme; undefined for every other identity. */
export function imsiOfIdentity(identity: Uint8Array): string | undefined {
  const isImsiSuci = ((identity[0] ?? 0) & 0x77) === IDENTITY_TYPE.suci;
  const nullScheme = ((identity[6] ?? 1) & 0x0f) === 0;
  if (identity.length <= suciHeaderLength || !isImsiSuci || !nullScheme) return undefined;
  const [first = 0, second = 0, third = 0] = identity.subarray(1, 4);
  const mcc = [first & 0x0f, first >>> 4, second & 0x0f];
  const mnc = [third & 0x0f, third >>> 4, second >>> 4].filter((digit) => digit !== filler);
  const digits = [...mcc, ...mnc, ...unpackDigits(identity.subarray(suciHeaderLength))];
  return digits.every((digit) => digit <= 9) ? digits.join('') : undefined;
}

/** IMEISV of 16 digits as a mobile identity. */
export function imeisvIdentity(imeisv: string): Uint8Array {
  const [first = 0, ...others] = digitsOf(imeisv);
  const odd = imeisv.length % 2 === 1 ? 0x08 : 0;
  return Uint8Array.of((first << 4) | odd | IDENTITY_TYPE.imeisv, ...packDigits(others));
}

/** Digits of an IMEI or IMEISV identity; undefined for every other identity. */
export function imeiOfIdentity(identity: Uint8Array): string | undefined {
  const [first = 0] = identity;
  const type = first & 0x07;
  if (type !== IDENTITY_TYPE.imei && type !== IDENTITY_TYPE.imeisv) return undefined;
  return [first >>> 4, ...unpackDigits(identity.subarray(1))].join('');
}

/** Where a 5G-GUTI's AMF is. */
export interface AmfIdentity {
  readonly amfRegionId: number;
  readonly amfSetId: number;
  readonly amfPointer: number;
}

/** 5G-GUTI; `plmn` are its three octets, `tmsi` 32 bits [TS24501 9.11.3.4]. */
export function guti5g(plmn: Uint8Array, amf: AmfIdentity, tmsi: number): Uint8Array {
  const octets = new Uint8Array(11);
  octets[0] = 0xf0 | IDENTITY_TYPE.guti;
  octets.set(plmn, 1);
  octets[4] = amf.amfRegionId;
  const view = new DataView(octets.buffer);
  view.setUint16(5, (amf.amfSetId << 6) | amf.amfPointer);
  view.setUint32(7, tmsi);
  return octets;
}

/** QoS rules of a session with one flow: rule 1, default, matches everything [TS24501 9.11.4.13]. */
export function defaultQosRules(qfi: number): Uint8Array {
  const ruleId = 1;
  const createDefaultWithOneFilter = 0x31;
  const bothDirections = 0x30;
  const filter = [bothDirections | 1, 1, 0x01];
  const lowestPrecedence = 255;
  const body = [createDefaultWithOneFilter, ...filter, lowestPrecedence, qfi & 0x3f];
  return Uint8Array.of(ruleId, 0, body.length, ...body);
}

/** QFI of the default rule; undefined when there is none or the octets do not hold together. */
export function defaultQfi(rules: Uint8Array): number | undefined {
  for (let at = 0; at + 3 <= rules.length; ) {
    const end = at + 3 + (((rules[at + 1] ?? 0) << 8) | (rules[at + 2] ?? 0));
    if (end > rules.length || end < at + 6) return undefined;
    if (((rules[at + 3] ?? 0) & 0x10) !== 0) return (rules[end - 1] ?? 0) & 0x3f;
    at = end;
  }
  return undefined;
}
