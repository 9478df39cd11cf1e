/** Sliding window against replayed packets; numbers up to 2^53 serve extended sequence numbers too [RFC4303 3.4.3]. */
export class ReplayWindow {
  /** How many numbers up to the highest are remembered; a multiple of 32. */
  readonly size: number;
  /** The highest number that was authenticated, 0 before the first. */
  highest = 0;
  private readonly seen: Uint32Array;

  constructor(size = 1024) {
    this.size = Math.max(64, Math.ceil(size / 32) * 32);
    // One word more than the window: entering a word clears it, and it must not hold numbers still in the window.
    this.seen = new Uint32Array(this.size / 32 + 1);
  }

  /** True when `sequence` is new and not too old. Ask before the ICV is checked, `mark` after. */
  accepts(sequence: number): boolean {
    if (sequence === 0) return false;
    if (sequence > this.highest) return true;
    if (this.highest - sequence >= this.size) return false;
    return (((this.seen[this.wordOf(sequence)] as number) >>> (sequence % 32)) & 1) === 0;
  }

  /** Records an authenticated sequence number. */
  mark(sequence: number): void {
    if (sequence > this.highest) this.advance(sequence);
    const at = this.wordOf(sequence);
    this.seen[at] = (this.seen[at] as number) | (1 << (sequence % 32));
  }

  private wordOf(sequence: number): number {
    return Math.floor(sequence / 32) % this.seen.length;
  }

  /** Clears the words that the window moves into. */
  private advance(sequence: number): void {
    const words = Math.floor(sequence / 32) - Math.floor(this.highest / 32);
    for (let i = 0; i < Math.min(words, this.seen.length); i++) this.seen[this.wordOf(sequence - 32 * i)] = 0;
    this.highest = sequence;
  }
}
