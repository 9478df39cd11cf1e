import type { UeReport } from '../userplane/counters.ts';

/** How often UEs are looked at, in ms, at the least: an idle UE is released that much late at most. */
const everyMs = 10_000;

/** What a UE's Child SAs had carried when one of them last carried something. */
interface Seen {
  readonly packets: ReadonlyMap<number, number>;
  readonly atMs: number;
}

/**
 * Says which UEs have neither sent nor got a packet for so long, NAS included. It goes by the counters of Child SAs,
 * which the relay keeps anyway; a rekey, whose new SA has carried nothing, is no activity.
 */
export class InactivityWatch {
  private readonly limitMs: number;
  private readonly lookMs: number;
  private readonly seen = new Map<number, Seen>();
  private at: number | undefined;

  /** With 0 no UE is ever idle, and nothing is to be looked at. */
  constructor(limitMs = 0) {
    this.limitMs = limitMs;
    this.lookMs = Math.min(everyMs, limitMs);
  }

  /** True when it is time to look; the next time is one interval on. */
  due(now: number): boolean {
    if (this.at === undefined || now < this.at) return false;
    this.at = now + this.lookMs;
    return true;
  }

  /** When to look again, as long as there are UEs. */
  deadline(now: number, ues: number): number | undefined {
    if (this.limitMs === 0 || ues === 0) this.at = undefined;
    else this.at ??= now + this.lookMs;
    return this.at;
  }

  /** True when the UE has carried nothing since `limitMs` or more. */
  isIdle(now: number, { ueId, childSas }: Pick<UeReport, 'ueId' | 'childSas'>): boolean {
    const before = this.seen.get(ueId);
    const isActive =
      before === undefined ||
      childSas.some((sa) => sa.packetsIn + sa.packetsOut > (before.packets.get(sa.childSaId) ?? 0));
    if (!isActive) return now - before.atMs >= this.limitMs;
    const packets = new Map(childSas.map((sa) => [sa.childSaId, sa.packetsIn + sa.packetsOut]));
    this.seen.set(ueId, { packets, atMs: now });
    return false;
  }

  /** The UE is gone. */
  forget(ueId: number): void {
    this.seen.delete(ueId);
  }
}
