import type { SNssai as NgapSNssai } from '#ngap';
import { hexOf } from '../../hex.ts';
import type { SNssai as UeSNssai } from '../../nwu/an-parameters.ts';

/** A slice as text to compare: `1` or `1-010203`. SD FFFFFF means that there is none [TS23003 28.4.2]. */
export type SliceKey = string;

function keyOf(sst: number, sd: Uint8Array | undefined): SliceKey {
  const text = sd === undefined ? 'ffffff' : hexOf(sd);
  return text === 'ffffff' ? `${sst}` : `${sst}-${text}`;
}

/** The slice of an NGAP message. */
export function sliceOfNgap({ sst, sd }: NgapSNssai): SliceKey {
  return keyOf(sst[0] ?? 0, sd);
}

/** The slice that a UE requests. */
export function sliceOfUe({ sst, sd }: UeSNssai): SliceKey {
  return keyOf(sst, sd);
}
