/** How long a TEID that was given back is not used again, in ms: the UPF may go on sending to it for a while. */
const restMs = 300_000;
/** TEIDs that rest; above that the oldest may return early, so that sessions in quick turns fill no memory. */
const mostResting = 65_536;
/** Draws for one TEID. Even with half of all numbers taken, not one of them being free has odds of 2^-64. */
const draws = 64;

/** What TEIDs are made of. */
export interface TeidPorts {
  /** So many octets that nobody can foretell. */
  random(length: number): Uint8Array;
  /** In ms. */
  now(): number;
}

/**
 * TEIDs of our ends of tunnels: 32-bit numbers other than 0 that a stranger cannot guess, as all that a downlink packet
 * must know to reach a UE is its TEID [TS29281 5.1]. Giving one out and taking it back takes the same time however many there are.
 */
export class Teids {
  private readonly ports: TeidPorts;
  private readonly taken = new Set<number>();
  private readonly resting = new Set<number>();
  /** Those that rest with the time from which they may be used, in order, from `head` on; what is before is over. */
  private queue: { readonly teid: number; readonly until: number }[] = [];
  private head = 0;

  constructor(ports: TeidPorts) {
    this.ports = ports;
  }

  /** A free one, or undefined when none was found. */
  allocate(): number | undefined {
    this.wake(this.ports.now());
    for (let i = 0; i < draws; i++) {
      const [a = 0, b = 0, c = 0, d = 0] = this.ports.random(4);
      const teid = a * 0x100_0000 + ((b << 16) | (c << 8) | d);
      if (teid === 0 || this.taken.has(teid) || this.resting.has(teid)) continue;
      this.taken.add(teid);
      return teid;
    }
    return undefined;
  }

  /** Gives one back; what was not given out is left alone. */
  release(teid: number): void {
    if (!this.taken.delete(teid)) return;
    this.resting.add(teid);
    this.queue.push({ teid, until: this.ports.now() + restMs });
  }

  /** How many are given out. */
  get used(): number {
    return this.taken.size;
  }

  private wake(now: number): void {
    for (let first = this.queue[this.head]; first !== undefined; first = this.queue[++this.head]) {
      if (first.until > now && this.queue.length - this.head <= mostResting) break;
      this.resting.delete(first.teid);
    }
    // cut seldom, and by half at least: each entry is moved once at the most on the average
    if (this.head <= this.queue.length / 2) return;
    this.queue = this.queue.slice(this.head);
    this.head = 0;
  }
}
