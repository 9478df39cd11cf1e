/** What a UE calls itself in its first NAS message, as text for operators: its SUPI where it is in clear. */
import { attempt, OctetReader } from '#ikev2';
import { hexOf } from '../hex.ts';

/** A UE's name. `supi` is there only when the UE told it: by a SUCI of the null scheme. */
export interface UeName {
  /** `imsi-...`, `suci-...`, `5g-guti-...` or `5g-s-tmsi-...`. */
  readonly text: string;
  readonly supi?: string;
}

const identityTypes = { suci: 1, guti: 2, sTmsi: 4 } as const;
const formats = { imsi: 0 } as const;
const nullScheme = 0;
const filler = 0x0f;
/** Octets in front of the scheme output: type, PLMN, routing indicator, scheme, key of the home network. */
const mostTail = 4;

/** Digits two to an octet, the low half first, up to the filler. */
const digits = (octets: Uint8Array): string =>
  [...octets]
    .flatMap((octet) => [octet & 0x0f, octet >>> 4])
    .filter((digit) => digit !== filler)
    .map((digit) => digit.toString(16))
    .join('');

/** MCC and MNC of three octets [TS24501 9.11.3.4]. */
function plmnDigits(plmn: Uint8Array): string {
  const [first = 0, second = 0, third = 0] = plmn;
  const mnc = [third & 0x0f, third >>> 4, second >>> 4].filter((digit) => digit !== filler);
  return [first & 0x0f, first >>> 4, second & 0x0f, ...mnc].map((digit) => digit.toString(16)).join('');
}

/**
 * Names the UE by a 5GS mobile identity, its octets without length [TS24501 9.11.3.4]. A concealed SUPI stays concealed:
 * of the scheme output only its end is shown, to tell UEs apart. Undefined for identities of no subscriber.
 */
export function nameOfIdentity(identity: Uint8Array): UeName | undefined {
  const named = attempt((): UeName | undefined => {
    const reader = new OctetReader(identity);
    const first = reader.u8('identity type');
    const type = first & 0x07;
    if (type === identityTypes.guti) return guti(reader);
    if (type === identityTypes.sTmsi) return { text: `5g-s-tmsi-${hexOf(reader.take(6, '5G-S-TMSI'))}` };
    if (type !== identityTypes.suci || ((first >>> 4) & 0x07) !== formats.imsi) return undefined;
    return suci(reader);
  });
  return named.ok ? named.value : undefined;
}

/** PLMN, AMF and TMSI. */
function guti(reader: OctetReader): UeName {
  const plmn = plmnDigits(reader.take(3, 'PLMN'));
  const region = hexOf(reader.take(1, 'AMF region'));
  const setAndPointer = hexOf(reader.take(2, 'AMF set and pointer'));
  return { text: `5g-guti-${plmn}-${region}${setAndPointer}-${hexOf(reader.take(4, '5G-TMSI'))}` };
}

/** With the null scheme the SUPI itself; else no more of it than tells UEs apart. */
function suci(reader: OctetReader): UeName {
  const plmn = plmnDigits(reader.take(3, 'PLMN'));
  reader.skip(2, 'routing indicator');
  const scheme = reader.u8('protection scheme') & 0x0f;
  const key = reader.u8('key of the home network');
  const output = reader.take(reader.remaining, 'scheme output');
  if (scheme !== nullScheme)
    return { text: `suci-${plmn}-${scheme}-${key}-..${hexOf(output.subarray(-mostTail))}` };
  const supi = `imsi-${plmn}${digits(output)}`;
  return { text: supi, supi };
}
