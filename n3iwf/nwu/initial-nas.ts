import { attempt, OctetReader, type Result } from '#ikev2';
import type { Guami } from './an-parameters.ts';
import { nameOfIdentity, type UeName } from './ue-identity.ts';

/** The temporary identity by which a UE calls itself in its first NAS message. */
export interface TemporaryIdentity {
  /** Absent where the UE sent the short form, 5G-S-TMSI, which lacks PLMN and AMF region. */
  readonly guami?: Guami;
  readonly amfSetId: number;
  readonly amfPointer: number;
  /** Four octets. */
  readonly tmsi: Uint8Array;
}

/** What the node must know of a UE's first NAS message to reach the right AMF; the rest is between UE and AMF. */
export interface InitialNas {
  readonly isInitialRegistration: boolean;
  readonly identity?: TemporaryIdentity;
  /** For operators. */
  readonly name?: UeName;
}

const mobilityManagement = 0x7e;
const messageType = { registrationRequest: 0x41, deregistrationRequest: 0x45, serviceRequest: 0x4c } as const;
const withIdentity: ReadonlySet<number> = new Set(Object.values(messageType));
/** Registration types that stand for a first registration: initial and emergency [TS24501 9.11.3.7]. */
const initialTypes: ReadonlySet<number> = new Set([1, 4]);
const identityType = { guti: 2, sTmsi: 4 } as const;
const plain = 0;
const integrityProtected: ReadonlySet<number> = new Set([1, 3]);

/**
 * Reads a UE's first NAS message, plain or integrity-protected [TS24501 8.2.6, 8.2.16]. A message of another kind, or a
 * ciphered one, tells nothing: it is no initial registration and names nobody.
 */
export function decodeInitialNas(nasPdu: Uint8Array): Result<InitialNas> {
  return attempt(() => {
    const reader = new OctetReader(nasPdu);
    const nothing = { isInitialRegistration: false };
    if (reader.u8('NAS protocol') !== mobilityManagement) return nothing;
    const security = reader.u8('NAS security header') & 0x0f;
    if (integrityProtected.has(security))
      reader.skip(7, 'NAS security header'); // MAC, sequence number, inner header
    else if (security !== plain) return nothing;
    const type = reader.u8('NAS message type');
    if (!withIdentity.has(type)) return nothing;
    const kind = reader.u8('NAS type and key set') & 0x07;
    const isInitialRegistration = type === messageType.registrationRequest && initialTypes.has(kind);
    const octets = reader.take(reader.u16('identity length'), '5GS mobile identity');
    const identity = decodeIdentity(new OctetReader(octets));
    const name = nameOfIdentity(octets);
    return {
      isInitialRegistration,
      ...(identity === undefined ? {} : { identity }),
      ...(name === undefined ? {} : { name }),
    };
  });
}

/** A 5G-GUTI or 5G-S-TMSI; undefined for other identities [TS24501 9.11.3.4]. */
export function decodeIdentity(reader: OctetReader): TemporaryIdentity | undefined {
  if (reader.remaining === 0) return undefined;
  const kind = reader.u8('identity type') & 0x07;
  if (kind !== identityType.guti && kind !== identityType.sTmsi) return undefined;
  const region =
    kind === identityType.guti
      ? { plmn: reader.take(3, 'PLMN'), amfRegionId: reader.u8('AMF region') }
      : undefined;
  const setAndPointer = reader.u16('AMF set and pointer');
  const short = { amfSetId: setAndPointer >>> 6, amfPointer: setAndPointer & 0x3f };
  const tmsi = reader.take(4, '5G-TMSI');
  return region === undefined ? { ...short, tmsi } : { guami: { ...region, ...short }, ...short, tmsi };
}
