/** Internet checksum over `octets` from `start` to `end`, on top of `sum` [RFC1071 1]. Not yet folded or inverted. */
export function sumWords(octets: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let at = start;
  for (; at + 1 < end; at += 2) total += ((octets[at] as number) << 8) | (octets[at + 1] as number);
  if (at < end) total += (octets[at] as number) << 8;
  return total;
}

/** The checksum that belongs into a header for the sum of its words. */
export function finishChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 65536);
  return ~folded & 0xffff;
}

/** Sum of the IPv4 or IPv6 pseudo header for an upper-layer checksum [RFC9293 3.1], [RFC8200 8.1]. */
export function pseudoHeaderSum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): number {
  const addresses = sumWords(destination, 0, destination.length, sumWords(source, 0, source.length));
  return addresses + protocol + (length >>> 16) + (length & 0xffff);
}
