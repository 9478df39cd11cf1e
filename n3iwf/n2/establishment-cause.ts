import type { RRCEstablishmentCause } from '#ngap';

/** Establishment cause of the AN-parameters to that of NGAP; a value we do not know counts as mo-Data [TS24502 9.3.2.2.2]. */
const causes: Readonly<Record<number, RRCEstablishmentCause>> = {
  0: 'emergency',
  1: 'highPriorityAccess',
  3: 'mo-Signalling',
  4: 'mo-Data',
  8: 'mps-PriorityAccess',
  9: 'mcs-PriorityAccess',
};

/** The cause in the terms of NGAP; a UE that told none counts as one that signals. */
export function rrcEstablishmentCause(value: number | undefined): RRCEstablishmentCause {
  return causes[value ?? 3] ?? 'mo-Data';
}
