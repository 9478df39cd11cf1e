import { finishChecksum, sumWords } from './checksum.ts';

/** Codepoints of the ECN field [RFC3168 5]. */
export const ECN = { NOT_ECT: 0, ECT1: 1, ECT0: 2, CE: 3 } as const;

const lost = -1;

/**
 * The ECN field after decapsulation, by that of the arriving inner header (row) and the outer one (column: not ECT,
 * ECT(1), ECT(0), CE) [RFC6040 4.2]. A packet whose sender knows no ECN must be lost where the path was congested.
 */
const afterDecapsulation: readonly (readonly number[])[] = [
  [ECN.NOT_ECT, ECN.NOT_ECT, ECN.NOT_ECT, lost],
  [ECN.ECT1, ECN.ECT1, ECN.ECT1, ECN.CE],
  [ECN.ECT0, ECN.ECT1, ECN.ECT0, ECN.CE],
  [ECN.CE, ECN.CE, ECN.CE, ECN.CE],
];

/** The ECN field that a packet with `inner` leaves a tunnel with whose outer header had `outer`; undefined: drop it. */
export function decapsulatedEcn(outer: number, inner: number): number | undefined {
  const ecn = afterDecapsulation[inner & 3]?.[outer & 3] ?? lost;
  return ecn === lost ? undefined : ecn;
}

/** The type of service or traffic class of the IP packet at `at`; 0 for what is no IP packet. */
export function tosAt(octets: Uint8Array, at: number): number {
  const first = octets[at] ?? 0;
  if (first >>> 4 === 4) return octets[at + 1] ?? 0;
  if (first >>> 4 === 6) return ((first & 0x0f) << 4) | ((octets[at + 1] ?? 0) >>> 4);
  return 0;
}

/** Writes the ECN field of the IP packet at `at`, with the checksum of an IPv4 header; anything else stays as it is. */
export function setEcn(octets: Uint8Array, at: number, ecn: number): void {
  const first = octets[at] ?? 0;
  if (first >>> 4 === 6) {
    octets[at + 1] = ((octets[at + 1] ?? 0) & 0xcf) | (ecn << 4);
  } else if (first >>> 4 === 4) {
    octets[at + 1] = ((octets[at + 1] ?? 0) & 0xfc) | ecn;
    const end = at + (first & 0x0f) * 4;
    if (end > octets.length || end < at + 20) return;
    octets[at + 10] = 0;
    octets[at + 11] = 0;
    const checksum = finishChecksum(sumWords(octets, at, end));
    octets[at + 10] = checksum >>> 8;
    octets[at + 11] = checksum;
  }
}

/**
 * Carries congestion of an outer header with `outerTos` into the IP packet at `at` [RFC6040 4.2]; false: it is lost.
 */
export function mergeEcn(octets: Uint8Array, at: number, outerTos: number): boolean {
  const outer = outerTos & 3;
  if (outer === ECN.NOT_ECT) return true;
  const inner = tosAt(octets, at) & 3;
  const ecn = decapsulatedEcn(outer, inner);
  if (ecn === undefined) return false;
  if (ecn !== inner) setEcn(octets, at, ecn);
  return true;
}
