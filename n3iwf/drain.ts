/**
 * The orderly end of a node: no new UE is taken, UEs that follow REDIRECT are sent to another node and leave by themselves,
 * each other UE is released towards its AMF and itself, what is left is deleted by IKE, and the NG interfaces are reset
 * last. It takes a bounded time, whatever peers do.
 */
import type { Gateway } from './gateway.ts';
import { endIkeSa } from './n2/procedures/ue-context-release.ts';
import type { UeContext } from './ue/context.ts';

/** How long it may take, in ms. */
export interface DrainLimits {
  readonly totalMs: number;
  /** UEs whose release is under way at a time, so that the AMF is not flooded. */
  readonly atOnce: number;
}

/** What it needs of the world around. */
export interface DrainPorts {
  /** Runs commands on the gateway, and lets what they send go out. */
  act(command: (gateway: Gateway) => void): void;
  /** Resolves after so many ms, or at once when the end may not wait any more. */
  wait(ms: number): Promise<void>;
  /** True when the end may not wait any more. */
  cut(): boolean;
}

/** How a drain ended. */
export interface DrainResult {
  /** UEs that were there when it began. */
  readonly ues: number;
  /** Those of them that were told to go to another node, and how many of these left by themselves. */
  readonly redirected: number;
  readonly moved: number;
  /** UEs that had to go without the word of their AMF. */
  readonly forced: number;
  /** IKE SAs whose UE never confirmed the Delete. */
  readonly unanswered: number;
  readonly tookMs: number;
}

/** UEs that are under release at the same time, so that the AMF is not flooded. */
export const defaultAtOnce = 64;
const stepMs = 20;
/** Share of the time that is kept for Deletes of UEs whose AMF did not answer. */
const shareForDeletes = 0.25;
/** Share of the time in which UEs are redirected, and that each of them has to leave. */
const shareForRedirects = 0.4;
const shareForLeaving = 0.25;
/** For the acknowledgements of NG Reset, at most. */
const resetMs = 300;

/** Ends `gateway`'s UEs and interfaces. The sockets stay open: they are the caller's. */
export async function drain(
  gateway: Gateway,
  { totalMs, atOnce }: DrainLimits,
  ports: DrainPorts,
): Promise<DrainResult> {
  const startMs = gateway.now();
  const ues = gateway.ues.size;
  ports.act((node) => node.startDraining());
  const until = async (deadline: number, done: () => boolean): Promise<void> => {
    while (!done() && !ports.cut() && gateway.now() < deadline) await ports.wait(stepMs);
  };
  const releaseEnd = startMs + totalMs * (1 - shareForDeletes);
  const redirects = new Redirects(startMs + totalMs * shareForRedirects, totalMs * shareForLeaving);
  await until(releaseEnd, () => {
    ports.act((node) => releaseSome(node, atOnce, redirects));
    return gateway.ues.size === 0;
  });
  const counts = redirects.end(gateway);
  const forced = gateway.ues.size;
  ports.act(endIkeSas);
  await until(startMs + totalMs - Math.min(resetMs, totalMs / 10), () => standing(gateway) === 0);
  const unanswered = standing(gateway);
  ports.act((node) => node.resetInterfaces());
  await until(
    gateway.now() + Math.min(resetMs, totalMs / 10),
    () => ![...gateway.amfs].some(({ resetting }) => resetting),
  );
  const tookMs = Math.round(gateway.now() - startMs);
  return { ues, ...counts, forced, unanswered, tookMs };
}

/** Which UEs are left to themselves, as they were told to go to another node. */
class Redirects {
  /** By the numbers of their contexts. */
  private readonly told = new Set<number>();
  /** Those that did not leave in their time. */
  private readonly stayed = new Set<number>();
  private readonly endMs: number;
  private readonly leaveMs: number;

  /** @param endMs until when UEs are told; after `leaveMs` one is released that has not gone */
  constructor(endMs: number, leaveMs: number) {
    this.endMs = endMs;
    this.leaveMs = leaveMs;
  }

  /** True when the UE is going, or is told to now. */
  takes(node: Gateway, ue: UeContext): boolean {
    const now = node.now();
    if (ue.redirectedMs !== undefined) {
      if (now < ue.redirectedMs + this.leaveMs) return true;
      this.stayed.add(ue.id);
      return false;
    }
    if (now >= this.endMs || !node.redirect(ue)) return false;
    this.told.add(ue.id);
    return true;
  }

  /** How it went; UEs that are there now have not left. */
  end({ ues }: Gateway): Pick<DrainResult, 'redirected' | 'moved'> {
    for (const { id, state } of ues) if (this.told.has(id) && state !== 'closed') this.stayed.add(id);
    return { redirected: this.told.size, moved: this.told.size - this.stayed.size };
  }
}

/** Releases the next UEs, oldest first, as long as there are not too many under way. */
function releaseSome(node: Gateway, atOnce: number, redirects: Redirects): void {
  let underWay = 0;
  for (const ue of [...node.ues]) {
    if (underWay >= atOnce) return;
    underWay++;
    if (ue.releaseRequested || ue.releaseCommanded || ue.state === 'releasing' || ue.state === 'closed')
      continue;
    if (redirects.takes(node, ue)) continue;
    node.release(ue, { group: 'misc', cause: 'om-intervention', text: 'the node is ending' });
  }
}

/** Deletes every IKE SA without a word to the AMF, which is reset soon. */
export function endIkeSas(node: Gateway): void {
  for (const ue of [...node.ues]) {
    ue.amfUeNgapId = undefined;
    endIkeSa(node, ue);
  }
}

/** IKE SAs that stand, those whose Delete is under way included. */
function standing({ journal }: Gateway): number {
  return [...journal.sas].filter(({ established }) => established).length;
}
