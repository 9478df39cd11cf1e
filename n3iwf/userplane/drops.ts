/** Why the user plane drops a packet; each is counted, none is answered on NWu. */
export const dropCauses = [
  'unknownSpi',
  'malformedEsp',
  'replayed',
  'integrity',
  'padding',
  'malformedInner',
  'spoofedSource',
  'wrongDestination',
  'malformedTcp',
  'noConnection',
  'malformedGre',
  'noGreKey',
  'unknownFlow',
  'noSession',
  'noChildSa',
  'sequenceExhausted',
  'malformedGtpu',
  'unknownTeid',
  'unexpectedGtpu',
] as const;

export type DropCause = (typeof dropCauses)[number];
export type DropCounters = Record<DropCause, number>;

export function newDropCounters(): DropCounters {
  return Object.fromEntries(dropCauses.map((cause) => [cause, 0])) as DropCounters;
}
