/**
 * CPU that goes into chosen calls, however they call each other; V8's own threads count, too. Of a single thread Linux tells
 * by clock ticks, which are longer than such calls.
 */
export class CpuMeter {
  /** µs so far. */
  spent = 0;
  #depth = 0;

  /** Runs `work`; what runs inside of another metered call counts once. */
  run<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    const before = process.cpuUsage();
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
      const { user, system } = process.cpuUsage(before);
      this.spent += user + system;
    }
  }

  /** Puts the meter before methods of an object. */
  attach<T extends object>(target: T, names: readonly (keyof T)[]): void {
    for (const name of names) {
      const method = (target[name] as (...args: unknown[]) => unknown).bind(target);
      Object.defineProperty(target, name, { value: (...args: unknown[]) => this.run(() => method(...args)) });
    }
  }
}
