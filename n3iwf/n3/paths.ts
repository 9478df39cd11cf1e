/** How paths to UPFs are watched; times in ms. */
export interface PathTimers {
  /** Between echo requests on one path; the standard allows none closer than 60 s [TS29281 7.2.1]. */
  readonly intervalMs: number;
  /** How long an answer may take before the request is repeated. */
  readonly responseMs: number;
  /** Requests without answer after which the path counts as down. */
  readonly tries: number;
}

export const defaultPathTimers: PathTimers = { intervalMs: 60_000, responseMs: 3_000, tries: 3 };

/** What the supervision says. */
export interface PathPorts {
  /** An echo request with this sequence number must go to port 2152 of `address`. */
  sendEcho(address: string, sequence: number): void;
  /** A path stopped answering, or answers again. */
  changed(address: string, isUp: boolean): void;
}

interface Path {
  readonly address: string;
  users: number;
  isUp: boolean;
  sequence: number;
  /** Requests sent since the last answer. */
  unanswered: number;
  /** When the next request is due; undefined until the clock is first seen. */
  nextAt: number | undefined;
}

/** Watches each UPF address that has a tunnel by echo requests, one supervision however many tunnels [TS29281 7.2.1]. */
export class PathSupervisor {
  private readonly timers: PathTimers;
  private readonly ports: PathPorts;
  private readonly paths = new Map<string, Path>();

  constructor(timers: PathTimers, ports: PathPorts) {
    this.timers = timers;
    this.ports = ports;
  }

  /** One more tunnel ends at `address`. */
  use(address: string): void {
    const path = this.paths.get(address);
    if (path !== undefined) path.users++;
    else
      this.paths.set(address, {
        address,
        users: 1,
        isUp: true,
        sequence: 0,
        unanswered: 0,
        nextAt: undefined,
      });
  }

  /** One tunnel less; a path without any is watched no more. */
  release(address: string): void {
    const path = this.paths.get(address);
    if (path !== undefined && --path.users === 0) this.paths.delete(address);
  }

  /** An echo response; only the answer to the last request counts. */
  answered(now: number, address: string, sequence: number): void {
    const path = this.paths.get(address);
    if (path === undefined || path.unanswered === 0 || sequence !== path.sequence) return;
    path.unanswered = 0;
    path.nextAt = now + this.timers.intervalMs;
    if (path.isUp) return;
    path.isUp = true;
    this.ports.changed(address, true);
  }

  /** True unless echo requests to `address` went unanswered. */
  isUp(address: string): boolean {
    return this.paths.get(address)?.isUp ?? true;
  }

  tick(now: number): void {
    for (const path of this.paths.values()) {
      if (path.nextAt === undefined) path.nextAt = now + this.timers.intervalMs;
      else if (now >= path.nextAt) this.ask(now, path);
    }
  }

  private ask(now: number, path: Path): void {
    const { intervalMs, responseMs, tries } = this.timers;
    if (path.unanswered >= tries) {
      path.unanswered = 0;
      path.nextAt = now + intervalMs;
      if (!path.isUp) return;
      path.isUp = false;
      this.ports.changed(path.address, false);
      return;
    }
    // A repeated request keeps its number, so that a late answer counts.
    if (path.unanswered === 0) path.sequence = (path.sequence + 1) & 0xffff;
    path.unanswered++;
    path.nextAt = now + responseMs;
    this.ports.sendEcho(path.address, path.sequence);
  }

  /** When `tick` is due; 0 while a path has not seen the clock. */
  deadline(): number | undefined {
    let least: number | undefined;
    for (const { nextAt = 0 } of this.paths.values())
      least = least === undefined || nextAt < least ? nextAt : least;
    return least;
  }
}
