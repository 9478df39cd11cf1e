import type { RRCEstablishmentCause } from '#ngap';
import type { Amf } from './amf.ts';
import { type Guami, sameSet } from './guami.ts';
import { admits } from './overload.ts';
import type { SliceKey } from './slices.ts';

/** What a UE, or the AMF that sends it on, says about the AMF it needs. */
export interface AmfWish {
  readonly cause: RRCEstablishmentCause;
  /** The AMF that registered the UE. */
  readonly guami?: Guami;
  /** PLMN that the UE selected, in hexadecimal of its three octets. */
  readonly plmn?: string;
  readonly slices: readonly SliceKey[];
  /** AMF set asked for by a Reroute NAS Request: then no other will do. */
  readonly setId?: number;
  /** AMFs that were tried already or sent the UE away. */
  readonly not?: readonly Amf[];
}

/** The AMF for a UE, or why there is none. `congestion`: there are some, but too busy for this UE. */
export type Selection = { readonly amf: Amf } | { readonly none: 'unreachable' | 'congestion' };

/** One step of the choice: those of the candidates that fit better. */
type Narrowing = (candidates: readonly Amf[], wish: AmfWish) => readonly Amf[];

const withGuami =
  (fits: (amf: Amf, guami: Guami) => boolean): Narrowing =>
  (candidates, { guami }) =>
    guami === undefined ? candidates : candidates.filter((amf) => fits(amf, guami));

const ofSet: Narrowing = withGuami((amf, guami) => amf.served.some((entry) => sameSet(entry.guami, guami)));

/** Most wanted first; a step that would leave nobody is passed over [TS23501 6.3.5]. */
const narrowings: readonly Narrowing[] = [
  withGuami((amf, guami) => amf.serves(guami) !== undefined),
  (candidates, { guami }) => (guami === undefined ? candidates : backupsOf(candidates, guami)),
  (candidates, { plmn }) =>
    plmn === undefined ? candidates : candidates.filter((amf) => amf.supportsPlmn(plmn)),
  (candidates, { slices, plmn }) => {
    const most = Math.max(...candidates.map((amf) => amf.countSlices(slices, plmn)));
    return candidates.filter((amf) => amf.countSlices(slices, plmn) === most);
  },
  (candidates) => candidates.filter(({ capacity }) => capacity > 0),
];

/** Those that some AMF names as its stand-in for the GUAMI. */
function backupsOf(candidates: readonly Amf[], guami: Guami): readonly Amf[] {
  const names = candidates.flatMap((amf) =>
    amf.served.filter((entry) => sameSet(entry.guami, guami)).flatMap(({ backupAmf }) => backupAmf ?? []),
  );
  return candidates.filter(({ name }) => names.includes(name));
}

/** A step that leaves nobody counts for nothing. */
function narrow(candidates: readonly Amf[], step: Narrowing, wish: AmfWish): readonly Amf[] {
  const left = step(candidates, wish);
  return left.length > 0 ? left : candidates;
}

/**
 * Chooses the AMF for a UE: the one that has its context or one of the same set, then by PLMN and slices, then by
 * chance weighted with the AMFs' relative capacities [TS23501 6.3.5]. `draw` gives numbers from 0 up to 1.
 */
export function selectAmf(amfs: readonly Amf[], wish: AmfWish, draw: () => number): Selection {
  const { setId, not = [] } = wish;
  const reachable = amfs.filter(
    (amf) =>
      amf.available &&
      !not.includes(amf) &&
      (setId === undefined || amf.served.some(({ guami }) => guami.setId === setId)),
  );
  if (reachable.length === 0) return { none: 'unreachable' };
  const admitting = narrow(reachable, ofSet, wish).filter(
    ({ overload }) => overload === undefined || admits(overload, wish.cause, wish.slices, draw()),
  );
  if (admitting.length === 0) return { none: 'congestion' };
  return { amf: weighted(narrowAll(admitting, wish), draw()) };
}

/** All steps in their order, the weightiest first. */
function narrowAll(candidates: readonly Amf[], wish: AmfWish): readonly Amf[] {
  let left = candidates;
  for (const step of narrowings) left = narrow(left, step, wish);
  return left;
}

/** One of them, by chance with the capacities as weights; `draw` is from 0 up to 1. */
function weighted(candidates: readonly Amf[], draw: number): Amf {
  const weightOf = ({ capacity }: Amf) => Math.max(capacity, 1);
  let rest = draw * candidates.reduce((sum, amf) => sum + weightOf(amf), 0);
  for (const amf of candidates) {
    rest -= weightOf(amf);
    if (rest < 0) return amf;
  }
  return candidates.at(-1) as Amf;
}
