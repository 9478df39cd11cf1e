/** What an operator may ask of a running N3IWF over its local control socket: keys announced, distrusted, destroyed. */
import { z } from 'zod';
import type { KeyCounts, KeyingState } from '#qkd';
import type { IncidentReport } from '../incidents.ts';

/** The parts of the running node that requests reach. */
export interface ControlledNode {
  readonly incidents: {
    quarantine(sinceWallMs: number, reason: string, link?: string): Promise<IncidentReport>;
    tamper(reason: string): Promise<IncidentReport>;
  };
  readonly store: {
    counts(): Promise<KeyCounts>;
    announce(peerSae: string, keyIds: readonly string[]): Promise<number>;
  };
  readonly keying: { readonly state: KeyingState | undefined };
}

/** One answer: an HTTP status and a JSON value. */
export interface NodeControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

const reason = z.string().min(1).max(200).default('by an operator');

/** Each request by its method and path: what its body is, and what it does. */
const REQUESTS: Readonly<Record<string, (node: ControlledNode, body: unknown) => Promise<unknown>>> = {
  'GET /keys': (node) => node.store.counts(),
  'GET /keys/supply': async (node) => node.keying.state ?? null,
  'POST /keys/announce': async (node, body) => {
    const { peer, keyIds } = z
      .strictObject({ peer: z.string().min(1), keyIds: z.array(z.uuid()).min(1).max(10_000) })
      .parse(body);
    return { stored: await node.store.announce(peer, keyIds) };
  },
  'POST /keys/quarantine': (node, body) => {
    const request = z
      .strictObject({ sinceMs: z.number().min(0), link: z.string().min(1).optional(), reason })
      .parse(body);
    return node.incidents.quarantine(request.sinceMs, request.reason, request.link);
  },
  'POST /keys/zeroise': (node, body) =>
    node.incidents.tamper(z.strictObject({ reason }).parse(body ?? {}).reason),
};

/** Does one request; a fault of the store is told as 500, never thrown. */
export async function handleNodeControl(
  node: ControlledNode,
  method: string,
  path: string,
  body: unknown,
): Promise<NodeControlAnswer> {
  const run = REQUESTS[`${method} ${path}`];
  if (run === undefined) return { status: 404, body: { requests: Object.keys(REQUESTS) } };
  try {
    return { status: 200, body: await run(node, body) };
  } catch (error) {
    if (!(error instanceof z.ZodError)) return { status: 500, body: { message: String(error) } };
    const faults = error.issues.map((issue) => `${issue.path.join('.') || '(body)'}: ${issue.message}`);
    return { status: 400, body: { message: faults.join('; ') } };
  }
}
