/**
 * Faults on demand: what an operator of the simulated key managers may change while they run. Requests are small JSON
 * documents over local HTTP; this file holds the rules, `n3iwf/io/control-http.ts` the socket.
 */
import { z } from 'zod';
import type { LinkFault, LinkSimulator } from '#qkd';

/** The parts of the running key managers that a fault can be set in. */
export interface ControlledKmes {
  readonly links: readonly { readonly name: string; readonly simulator: LinkSimulator }[];
  /** By KME ID: how it answers. */
  readonly manners: ReadonlyMap<string, KmeManners>;
  /** Clock of the links, ms. */
  now(): number;
}

/** How one KME answers; changed by a control request, read at each request of an SAE. */
export interface KmeManners {
  /** Added to every answer, ms: half of what a request over a far link takes longer. */
  delayMs: number;
  /** Closes the connection instead of an answer. */
  down: boolean;
}

/** One answer: an HTTP status and a JSON value. */
export interface ControlAnswer {
  readonly status: 200 | 400 | 404 | 405;
  readonly body: unknown;
}

const durationMs = z.number().positive().default(60_000);
const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('outage'), durationMs }),
  z.strictObject({ kind: z.literal('sync-loss'), durationMs }),
  z.strictObject({
    kind: z.literal('intrusion'),
    durationMs,
    qber: z.number().min(0).max(0.5).default(0.25),
  }),
  z.strictObject({ kind: z.literal('attenuation'), durationMs, lossDb: z.number().positive().max(100) }),
]);
const rateSchema = z.strictObject({ bitsPerSecond: z.number().min(0) });
const mannersSchema = z.strictObject({
  delayMs: z.number().min(0).max(60_000).optional(),
  down: z.boolean().optional(),
});

/** `/links`, `/links/NAME/fault`, `/links/NAME/rate`, `/kmes`, `/kmes/ID`; the name `all` stands for every link. */
const ROUTE = /^\/(links|kmes)(?:\/([^/]+)(?:\/(fault|rate))?)?$/;

/** Every request that the control socket understands. */
export const CONTROL_REQUESTS = [
  'GET /links',
  'POST /links/NAME/fault {"kind":"outage|sync-loss|intrusion|attenuation","durationMs":60000,...}',
  'POST /links/NAME/rate {"bitsPerSecond":0}',
  'DELETE /links/NAME/fault',
  'GET /kmes',
  'POST /kmes/ID {"delayMs":200,"down":false}',
] as const;

/** Does one request. `body` is parsed JSON, undefined when there is none. Never throws for what it is asked. */
export function handleControl(
  kmes: ControlledKmes,
  method: string,
  path: string,
  body: unknown,
): ControlAnswer {
  const [, kind, encodedName, action] = ROUTE.exec(path) ?? [];
  const name = safeDecode(encodedName);
  if (kind === 'links' && name === undefined && method === 'GET')
    return { status: 200, body: linkStates(kmes) };
  if (kind === 'kmes' && name === undefined && method === 'GET')
    return { status: 200, body: Object.fromEntries(kmes.manners) };
  if (kind === undefined || name === undefined) return { status: 404, body: { requests: CONTROL_REQUESTS } };
  if (kind === 'kmes') return setManners(kmes, method, name, body);
  const links = kmes.links.filter((link) => name === 'all' || link.name === name);
  if (links.length === 0)
    return { status: 404, body: { message: `no link ${name}`, links: kmes.links.map((l) => l.name) } };
  return changeLinks(
    kmes,
    links.map((link) => link.simulator),
    `${method} ${action ?? ''}`,
    body,
  );
}

function changeLinks(
  kmes: ControlledKmes,
  simulators: readonly LinkSimulator[],
  request: string,
  body: unknown,
): ControlAnswer {
  // The link first comes up to now, so that the fault begins now and not where it was last looked at.
  for (const simulator of simulators) simulator.advance(kmes.now());
  if (request === 'DELETE fault') {
    for (const simulator of simulators) simulator.clear();
    return { status: 200, body: linkStates(kmes) };
  }
  if (request === 'POST rate') {
    const rate = rateSchema.safeParse(body);
    if (!rate.success) return misread(rate.error);
    for (const simulator of simulators) simulator.setRate(rate.data.bitsPerSecond);
    return { status: 200, body: linkStates(kmes) };
  }
  if (request !== 'POST fault') return { status: 405, body: { requests: CONTROL_REQUESTS } };
  const fault = faultSchema.safeParse(body);
  if (!fault.success) return misread(fault.error);
  for (const simulator of simulators) simulator.inject(fault.data satisfies LinkFault);
  return { status: 200, body: linkStates(kmes) };
}

function setManners(kmes: ControlledKmes, method: string, kmeId: string, body: unknown): ControlAnswer {
  const manners = kmes.manners.get(kmeId);
  if (manners === undefined)
    return { status: 404, body: { message: `no KME ${kmeId}`, kmes: [...kmes.manners.keys()] } };
  if (method !== 'POST') return { status: 405, body: { requests: CONTROL_REQUESTS } };
  const wanted = mannersSchema.safeParse(body);
  if (!wanted.success) return misread(wanted.error);
  manners.delayMs = wanted.data.delayMs ?? manners.delayMs;
  manners.down = wanted.data.down ?? manners.down;
  return { status: 200, body: manners };
}

/** What a monitoring system wants of a link: photon counts, detector efficiency, error rate, key rate, availability. */
function linkStates(kmes: ControlledKmes): Record<string, unknown> {
  for (const { simulator } of kmes.links) simulator.advance(kmes.now());
  return Object.fromEntries(kmes.links.map(({ name, simulator }) => [name, simulator.state()]));
}

function misread(error: z.ZodError): ControlAnswer {
  const faults = error.issues.map((issue) => `${issue.path.join('.') || '(body)'}: ${issue.message}`);
  return { status: 400, body: { message: faults.join('; ') } };
}

/** Undefined for a percent sign that encodes nothing. */
function safeDecode(segment: string | undefined): string | undefined {
  try {
    return segment === undefined ? undefined : decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
