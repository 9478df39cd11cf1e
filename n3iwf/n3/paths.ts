/** How paths to UPFs are watched; times in ms. */
export interface PathTimers {
  /** Between echo requests on one path; the standard allows none closer than 60 s [TS29281 7.2.1]. */
  readonly intervalMs: number;
  /** How long an answer may take before the request is repeated. */
  readonly responseMs: number;
  /** Requests without answer after which the path counts as down. */
  readonly tries: number;
  /** How long a path may be down before its tunnels are given up; without it they never are. */
  readonly giveUpMs?: number;
}

/** As often as the standard allows, with its usual three tries. */
export const defaultPathTimers: PathTimers = { intervalMs: 60_000, responseMs: 3_000, tries: 3 };

/** What is known of a path: it answers, it does not, or no tunnel takes it any more and nobody asks. */
export type PathState = 'up' | 'down' | 'unused';

/** What the supervision says. */
export interface PathPorts {
  /** An echo request with this sequence number must go to port 2152 of `address`. */
  sendEcho(address: string, sequence: number): void;
  /** A path stopped answering, or answers again, or was down and is used no more. */
  changed(address: string, state: PathState): void;
  /** A path was down for so long that its tunnels are to go; told again while there are any. */
  lost(address: string): void;
}

/** One UPF address, and how many tunnels go there. */
interface Path {
  readonly address: string;
  users: number;
  isUp: boolean;
  sequence: number;
  /** Requests sent since the last answer. */
  unanswered: number;
  /** When the next request is due; undefined until the clock is first seen. */
  nextAt: number | undefined;
  /** When its tunnels are given up; never while it is up. */
  lostAt: number;
}

/** Tunnels are given up in portions, and other work has its turn in between, in ms. */
const portionMs = 10;

/**
 * Watches each UPF address that has a tunnel by echo requests, one supervision however many tunnels [TS29281 7.2.1]. A
 * path that fails for a while may come back, so its tunnels are kept for a time that the operator chooses
 * [TS23527 5.2.2].
 */
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
        lostAt: Number.POSITIVE_INFINITY,
      });
  }

  /** One tunnel less; a path without any is watched no more, and what was wrong with it is nobody's concern. */
  release(address: string): void {
    const path = this.paths.get(address);
    if (path === undefined || --path.users > 0) return;
    this.paths.delete(address);
    if (!path.isUp) this.ports.changed(address, 'unused');
  }

  /** An echo response; only the answer to the last request counts. */
  answered(now: number, address: string, sequence: number): void {
    const path = this.paths.get(address);
    if (path === undefined || path.unanswered === 0 || sequence !== path.sequence) return;
    path.unanswered = 0;
    path.nextAt = now + this.timers.intervalMs;
    if (path.isUp) return;
    path.isUp = true;
    path.lostAt = Number.POSITIVE_INFINITY;
    this.ports.changed(address, 'up');
  }

  /** True unless echo requests to `address` went unanswered. */
  isUp(address: string): boolean {
    return this.paths.get(address)?.isUp ?? true;
  }

  tick(now: number): void {
    for (const path of this.paths.values()) {
      if (path.nextAt === undefined) path.nextAt = now + this.timers.intervalMs;
      else if (now >= path.nextAt) this.ask(now, path);
      if (now < path.lostAt) continue;
      path.lostAt = now + portionMs;
      this.ports.lost(path.address);
    }
  }

  private ask(now: number, path: Path): void {
    const { intervalMs, responseMs, tries } = this.timers;
    if (path.unanswered >= tries) {
      path.unanswered = 0;
      path.nextAt = now + intervalMs;
      this.failed(now, path);
      return;
    }
    // A repeated request keeps its number, so that a late answer counts.
    if (path.unanswered === 0) path.sequence = (path.sequence + 1) & 0xffff;
    path.unanswered++;
    path.nextAt = now + responseMs;
    this.ports.sendEcho(path.address, path.sequence);
  }

  private failed(now: number, path: Path): void {
    if (!path.isUp) return;
    path.isUp = false;
    path.lostAt = now + (this.timers.giveUpMs ?? Number.POSITIVE_INFINITY);
    this.ports.changed(path.address, 'down');
  }

  /** When `tick` is due; 0 while a path has not seen the clock. */
  deadline(): number | undefined {
    let least: number | undefined;
    for (const { nextAt = 0, lostAt } of this.paths.values()) {
      const at = Math.min(nextAt, lostAt);
      least = least === undefined || at < least ? at : least;
    }
    return least;
  }
}
