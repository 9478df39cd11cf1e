/**
 * What an operator may ask of a running N3IWF over its local control socket: views of it, UEs released and rekeyed, the
 * node drained; and of its keys: announced, distrusted, destroyed.
 */
import { z } from 'zod';
import type { KeyCounts, KeyingState } from '#qkd';
import type { NodeActions } from '../admin/actions.ts';
import type { NodeView } from '../admin/view.ts';
import { OperatorError } from '../errors.ts';
import type { IncidentReport } from '../incidents.ts';
import { type ControlListener, type ControlPlace, listenControl } from '../io/control-http.ts';
import { mostTraceOctets, type UeTraces } from '../io/ue-trace.ts';
import { answerRoute, NotThere, type RouteAnswer, type RouteRequest, type Routes } from './routes.ts';

/** The parts of the running node that requests about keys reach. */
export interface ControlledKeys {
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

const reason = z.string().min(1).max(200).default('by an operator');

/** Requests about the keys of a node that has some. */
export function keyRoutes({ incidents, store, keying }: ControlledKeys): Routes {
  return {
    'GET /keys': () => store.counts(),
    'GET /keys/supply': () => keying.state ?? null,
    'POST /keys/announce': async ({ body }) => {
      const { peer, keyIds } = z
        .strictObject({ peer: z.string().min(1), keyIds: z.array(z.uuid()).min(1).max(10_000) })
        .parse(body);
      return { stored: await store.announce(peer, keyIds) };
    },
    'POST /keys/quarantine': ({ body }) => {
      const request = z
        .strictObject({ sinceMs: z.number().min(0), link: z.string().min(1).optional(), reason })
        .parse(body);
      return incidents.quarantine(request.sinceMs, request.reason, request.link);
    },
    'POST /keys/zeroise': ({ body }) => incidents.tamper(z.strictObject({ reason }).parse(body ?? {}).reason),
  };
}

const count = (fallback: number) => z.coerce.number().int().min(0).max(1e15).default(fallback);

/** Requests that any node takes: its views, and what an operator does with UEs and with the node itself. */
export function nodeRoutes(view: NodeView, actions: NodeActions): Routes {
  const ueOf = ({ parts }: RouteRequest) => {
    const ue = view.find(parts.ue ?? '');
    if (ue === undefined) throw new NotThere(`there is no UE "${parts.ue}"`);
    return ue;
  };
  const textOf = ({ body }: RouteRequest) => z.strictObject({ reason }).parse(body ?? {}).reason;
  return {
    'GET /status': () => view.status(),
    'GET /ues': () => view.ues(),
    'GET /ues/:ue': (request) => view.ue(`#${ueOf(request).id}`),
    'GET /ues/:ue/ladder': (request) => view.ladder(ueOf(request).id),
    'GET /sessions': () => view.sessions(),
    'GET /amfs': () => view.amfs(),
    'GET /alarms': () => view.alarms(),
    'GET /keys/view': () => view.keys(),
    'GET /audit': async ({ query }) =>
      (await view.audit(count(50).parse(query.get('limit') ?? undefined))) ?? null,
    'GET /events': ({ query }) => {
      const since = count(0).parse(query.get('since') ?? undefined);
      return view.events(since, count(1000).parse(query.get('limit') ?? undefined));
    },
    'POST /ues/:ue/release': (request) => {
      const ue = ueOf(request);
      actions.release(ue.id, textOf(request));
      return { released: ue.id };
    },
    'POST /ues/:ue/rekey': (request) => {
      const ue = ueOf(request);
      return { ue: ue.id, sas: actions.rekey(ue.id) };
    },
    'POST /drain': (request) => {
      actions.drain(textOf(request));
      return { draining: true };
    },
  };
}

const traceLimits = z.strictObject({
  seconds: z.number().positive().max(3600).default(60),
  octets: z.number().int().min(1024).max(mostTraceOctets).default(8_000_000),
});

/** Requests for the traffic of single UEs. */
export function traceRoutes(view: NodeView, traces: UeTraces): Routes {
  return {
    'POST /ues/:ue/trace': ({ parts, body }) => {
      const ue = view.find(parts.ue ?? '');
      if (ue === undefined) throw new NotThere(`there is no UE "${parts.ue}"`);
      const trace = traces.start(ue.id, traceLimits.parse(body ?? {}));
      if (trace === undefined) throw new NotThere('there are as many traces as can be; wait for one to end');
      return { trace };
    },
    'POST /traces/:id/stop': ({ parts }) => {
      traces.stop(parts.id ?? '');
      return {};
    },
    'GET /traces/:id': ({ parts, query }) => {
      const piece = traces.read(parts.id ?? '', count(0).parse(query.get('from') ?? undefined));
      if (piece === undefined) throw new NotThere('there is no such trace');
      return { ...piece, data: Buffer.from(piece.data).toString('base64') };
    },
  };
}

/** Requests to a running node, by its socket and by the console; what it serves grows as parts of the node come up. */
export class NodeControl {
  private routes: Routes = {};
  private listener: ControlListener | undefined;

  /** Listens, where there is a place for it. @throws OperatorError N3IWF_E_BIND when the socket cannot be made */
  static async open(place: ControlPlace | undefined): Promise<NodeControl> {
    const control = new NodeControl();
    if (place === undefined) return control;
    try {
      control.listener = await listenControl(place, control.answer);
      return control;
    } catch (error) {
      throw new OperatorError('N3IWF_E_BIND', error instanceof Error ? error.message : String(error));
    }
  }

  /** Does one request; never rejects. */
  readonly answer = (method: string, url: string, body: unknown): Promise<RouteAnswer> =>
    answerRoute(this.routes, method, url, body);

  /** Takes requests of these kinds from now on, too. */
  serve(routes: Routes): void {
    this.routes = { ...this.routes, ...routes };
  }

  async close(): Promise<void> {
    await this.listener?.close();
  }
}
