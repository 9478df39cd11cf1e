/** A number below `below`; the same seed gives the same numbers (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Values that lengths and flags break at. */
const edges = [0, 0x01, 0x7f, 0x80, 0xbf, 0xc0, 0xff];

/** One of `corpus` with one to three octets changed, cut off, put in, or taken from another of them. */
export function mutated(corpus: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  let octets = Uint8Array.from(corpus[random(corpus.length)] as Uint8Array);
  for (let edits = 1 + random(3); edits > 0 && octets.length > 0; edits--) {
    const at = random(octets.length);
    switch (random(5)) {
      case 0:
        octets[at] = (octets[at] as number) ^ (1 << random(8));
        break;
      case 1:
        octets = octets.slice(0, at);
        break;
      case 2:
        octets[at] = edges[random(edges.length)] as number;
        break;
      case 3: {
        const other = corpus[random(corpus.length)] as Uint8Array;
        octets = Uint8Array.from([...octets.subarray(0, at), ...other.subarray(random(other.length))]);
        break;
      }
      default:
        octets = Uint8Array.from([
          ...octets.subarray(0, at),
          random(256),
          random(256),
          ...octets.subarray(at),
        ]);
    }
  }
  return octets;
}
