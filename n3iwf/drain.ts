/**
 * The orderly end of a node: no new UE is taken, each UE is released towards its AMF and itself, what is left is deleted by
 * IKE, and the NG interfaces are reset last. It takes a bounded time, whatever peers do.
 */
import type { Gateway } from './gateway.ts';
import { endIkeSa } from './n2/procedures/ue-context-release.ts';

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
  /** UEs that had to go without the word of their AMF. */
  readonly forced: number;
  /** IKE SAs whose UE never confirmed the Delete. */
  readonly unanswered: number;
  readonly tookMs: number;
}

export const defaultAtOnce = 64;
const stepMs = 20;
/** Share of the time that is kept for Deletes of UEs whose AMF did not answer. */
const shareForDeletes = 0.25;
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
  await until(releaseEnd, () => {
    ports.act((node) => releaseSome(node, atOnce));
    return gateway.ues.size === 0;
  });
  const forced = gateway.ues.size;
  ports.act(endIkeSas);
  await until(startMs + totalMs - Math.min(resetMs, totalMs / 10), () => standing(gateway) === 0);
  const unanswered = standing(gateway);
  ports.act((node) => node.resetInterfaces());
  await until(
    gateway.now() + Math.min(resetMs, totalMs / 10),
    () => ![...gateway.amfs].some(({ resetting }) => resetting),
  );
  return { ues, forced, unanswered, tookMs: Math.round(gateway.now() - startMs) };
}

/** Releases the next UEs, oldest first, as long as there are not too many under way. */
function releaseSome(node: Gateway, atOnce: number): void {
  let underWay = 0;
  for (const ue of [...node.ues]) {
    if (underWay >= atOnce) return;
    underWay++;
    if (ue.releaseRequested || ue.releaseCommanded || ue.state === 'releasing' || ue.state === 'closed')
      continue;
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
