import { decodePayload, type Payload } from './multipart.ts';

/** A request to one of the stub's services, its body read whole. `path` may carry a query. */
export interface SbiRequest {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** What the stub answers; a body is JSON unless `parts` make it multipart. */
export interface SbiResponse {
  readonly status: number;
  readonly location?: string;
  readonly json?: unknown;
  readonly parts?: Payload['parts'];
}

/** A request that the stub makes of the AMF: a call-back. */
export interface CallBack {
  readonly method: 'POST';
  /** Scheme, host and port. */
  readonly origin: string;
  readonly path: string;
  readonly payload: Payload;
}

/** What a handler sees: the named segments of the path, the query, and the JSON of the body, an object or empty. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly json: Readonly<Record<string, unknown>>;
  readonly parts: Payload['parts'];
}

/** One operation: its method, its path with `:name` segments, and what it does. */
export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly run: (call: Call) => SbiResponse;
}

/** A refusal in the form of RFC 9457, which every service operation uses [TS29500 5.2.7.2]. */
export function problem(status: number, cause: string): SbiResponse {
  return { status, json: { status, cause } };
}

/** Gives a request to the first route that fits; none is 404, a body that cannot be read 400. */
export function route(routes: readonly Route[], request: SbiRequest): SbiResponse {
  const [path = '', query = ''] = request.path.split('?', 2);
  for (const { method, path: template, run } of routes) {
    const params = method === request.method ? match(template, path) : undefined;
    if (params === undefined) continue;
    const payload =
      request.body.length === 0 ? { json: {}, parts: [] } : decodePayload(request.contentType, request.body);
    if (payload === undefined) return problem(400, 'INVALID_MSG_FORMAT');
    return run({
      params,
      query: new URLSearchParams(query),
      json: asObject(payload.json),
      parts: payload.parts,
    });
  }
  return problem(404, 'RESOURCE_URI_STRUCTURE_NOT_FOUND');
}

/** The named segments of `path`, or undefined when it does not follow the template. */
function match(template: string, path: string): Record<string, string> | undefined {
  const wanted = template.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, segment] of wanted.entries()) {
    const value = given[at] ?? '';
    if (segment.startsWith(':')) params[segment.slice(1)] = unescaped(value);
    else if (segment !== value) return undefined;
  }
  return params;
}

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // a stray percent sign is taken as it stands
  }
}

/** `value` as an object: anything else reads as one without members, and the operation finds its member missing. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
