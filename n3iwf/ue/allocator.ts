/** Hands out whole numbers of a range, lowest unused after the last one first, so that a freed number rests before it returns. */
export class NumberAllocator {
  private readonly taken = new Set<number>();
  private readonly first: number;
  private readonly last: number;
  private next: number;

  constructor(first: number, last: number) {
    this.first = first;
    this.last = last;
    this.next = first;
  }

  /** A free number, or undefined when all are taken. */
  allocate(): number | undefined {
    if (this.taken.size > this.last - this.first) return undefined;
    while (this.taken.has(this.next)) this.step();
    const value = this.next;
    this.taken.add(value);
    this.step();
    return value;
  }

  /** Marks a number of the range as taken. */
  take(value: number): void {
    if (value >= this.first && value <= this.last) this.taken.add(value);
  }

  /** Gives a number back; it comes again once the range was gone through. */
  release(value: number): void {
    this.taken.delete(value);
  }

  /** Numbers that are taken at present. */
  get used(): number {
    return this.taken.size;
  }

  /** On to the next, and round at the end. */
  private step(): void {
    this.next = this.next === this.last ? this.first : this.next + 1;
  }
}
