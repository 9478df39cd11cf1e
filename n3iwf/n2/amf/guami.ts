import type { BitString, Guami as NgapGuami } from '#ngap';
import { hexOf } from '../../hex.ts';
import type { Guami as AnGuami } from '../../nwu/an-parameters.ts';

/** A GUAMI as this node compares it: PLMN in hexadecimal of its three octets, the rest as numbers [TS23003 2.10.1]. */
export interface Guami {
  readonly plmn: string;
  readonly regionId: number;
  readonly setId: number;
  readonly pointer: number;
}

/** The value of a bit string of up to 32 bits. */
export function bitsToNumber({ bits, length }: BitString): number {
  const whole = bits.reduce((sum, octet) => sum * 256 + octet, 0);
  return Math.floor(whole / 2 ** (bits.length * 8 - length));
}

/** The bit string of `length` bits, up to 48, that holds `value`. */
export function numberToBits(value: number, length: number): BitString {
  const octets = Math.ceil(length / 8);
  const shifted = value * 2 ** (octets * 8 - length);
  const bits = Uint8Array.from({ length: octets }, (_, at) => (shifted / 256 ** (octets - 1 - at)) & 0xff);
  return { bits, length };
}

/** The GUAMI of an NGAP message. */
export function guamiOfNgap({ plmnIdentity, amfRegionId, amfSetId, amfPointer }: NgapGuami): Guami {
  return {
    plmn: hexOf(plmnIdentity),
    regionId: bitsToNumber(amfRegionId),
    setId: bitsToNumber(amfSetId),
    pointer: bitsToNumber(amfPointer),
  };
}

/** The GUAMI that a UE sent among its AN-parameters. */
export function guamiOfUe({ plmn, amfRegionId, amfSetId, amfPointer }: AnGuami): Guami {
  return { plmn: hexOf(plmn), regionId: amfRegionId, setId: amfSetId, pointer: amfPointer };
}

/** True when both name AMFs of one AMF set, which share their UEs' contexts [TS23501 5.21.1.1]. */
export function sameSet(one: Guami, other: Guami): boolean {
  return one.plmn === other.plmn && one.regionId === other.regionId && one.setId === other.setId;
}

/** True when both name the same AMF. */
export function sameGuami(one: Guami, other: Guami): boolean {
  return sameSet(one, other) && one.pointer === other.pointer;
}
