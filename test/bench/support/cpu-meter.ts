/** CPU of this thread that goes into chosen calls, however they call each other. */
export class CpuMeter {
  /** µs so far. */
  spent = 0;
  #depth = 0;

  /** Runs `work`; what runs inside of another metered call counts once. */
  run<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    const before = process.threadCpuUsage();
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
      const { user, system } = process.threadCpuUsage(before);
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
