import type { GreFault } from '../nwu/gre.ts';
import type { EspFault } from './esp.ts';

/** Why the user plane drops a packet; each is counted, none is answered on NWu. */
export const dropCauses = [
  'unknownSpi',
  'malformedEsp',
  'replayed',
  'integrity',
  'padding',
  'malformedInner',
  'congestionLost',
  'spoofedSource',
  'wrongDestination',
  'malformedTcp',
  'noConnection',
  'malformedGre',
  'noGreKey',
  'unknownFlow',
  'noSession',
  'wrongType',
  'tooBig',
  'noChildSa',
  'sequenceExhausted',
  'malformedGtpu',
  'unknownTeid',
  'unexpectedGtpu',
  'unknownExtension',
] as const;

export type DropCause = (typeof dropCauses)[number];
export type DropCounters = Record<DropCause, number>;

/** A counter for each cause, all 0. */
export function newDropCounters(): DropCounters {
  return Object.fromEntries(dropCauses.map((cause) => [cause, 0])) as DropCounters;
}

/** What a fault of an ESP packet counts as; undefined for what is none. */
export const faultCauses: Record<EspFault, DropCause | undefined> = {
  short: 'malformedEsp',
  replay: 'replayed',
  integrity: 'integrity',
  padding: 'padding',
  dummy: undefined,
};

/** What a fault of a GRE header counts as. */
export const greCauses: Record<GreFault, DropCause> = { malformed: 'malformedGre', noKey: 'noGreKey' };
