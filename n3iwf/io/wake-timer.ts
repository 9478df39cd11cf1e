/** An engine that says when it wants to be woken. */
export interface Wakeable {
  tick(): void;
  deadline(): number | undefined;
}

/** Keeps one OS timer armed for an engine's next deadline. Call `rearm` after every input that the engine took. */
export class WakeTimer {
  private readonly engine: Wakeable;
  private readonly now: () => number;
  private handle: NodeJS.Timeout | undefined;
  private armedFor: number | undefined;
  private stopped = false;

  constructor(engine: Wakeable, now: () => number) {
    this.engine = engine;
    this.now = now;
  }

  rearm(): void {
    if (this.stopped) return;
    const deadline = this.engine.deadline();
    if (deadline === this.armedFor && this.handle !== undefined) return;
    clearTimeout(this.handle);
    this.armedFor = deadline;
    this.handle =
      deadline === undefined ? undefined : setTimeout(() => this.fire(), Math.max(0, deadline - this.now()));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.handle);
    this.handle = undefined;
  }

  private fire(): void {
    this.handle = undefined;
    this.armedFor = undefined;
    this.engine.tick();
    this.rearm();
  }
}
