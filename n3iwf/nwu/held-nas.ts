import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { onNasOpened } from './nas-delivery.ts';

/** Most that a session's NAS may be made to wait, in ms: the AMF sends it again after some seconds. */
export const mostNasDelayMs = 5000;

/**
 * NAS of UEs that are not ready for it yet. A UE may answer for a Child SA before it can use it, as free5GC's does, and
 * then has no use for the NAS message that opens the session: that one and all after it wait for a while, in order, as
 * NAS counts them. Every hold is equally long, so the oldest is over first.
 */
export class HeldNas {
  private readonly node: Node;
  private readonly untilMs = new Map<UeContext, number>();

  constructor(node: Node) {
    this.node = node;
  }

  /** The last Child SA of a session is up: from now on the UE's NAS waits, where the policy says so. */
  hold(ue: UeContext): void {
    const { nasDelayMs = 0 } = this.node.sessionPolicy;
    if (nasDelayMs === 0) return;
    this.untilMs.delete(ue);
    this.untilMs.set(ue, this.node.now() + nasDelayMs);
  }

  /** True while NAS of the UE waits. */
  holds(ue: UeContext): boolean {
    return this.untilMs.has(ue);
  }

  /** Sends what has waited long enough; that of a UE that is gone is forgotten. */
  tick(): void {
    for (const [ue, untilMs] of this.untilMs) {
      if (untilMs > this.node.now()) return;
      this.untilMs.delete(ue);
      if (ue.nasConnected && this.node.ues.ofId(ue.id) === ue) onNasOpened(this.node, ue);
    }
  }

  /** When `tick` is due, in ms of the clock. */
  deadline(): number | undefined {
    for (const untilMs of this.untilMs.values()) return untilMs;
    return undefined;
  }
}
