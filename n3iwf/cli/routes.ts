/** Requests of the control socket as a table: each by its method and path, with what it takes and what it does. */
import { z } from 'zod';

/** One answer: an HTTP status and a JSON value. */
export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** What a request brings: parts of its path that stand for something, its query, its body as parsed JSON. */
export interface RouteRequest {
  readonly parts: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** Thrown by a route for what is not there. */
export class NotThere extends Error {}

/**
 * Keys are `METHOD /path/:part`. A route gives the body of a 200; a `ZodError` becomes a 400 that names each fault,
 * {@link NotThere} a 404, anything else a 500.
 */
export type Routes = Readonly<Record<string, (request: RouteRequest) => unknown>>;

/** Segments of a path, decoded; undefined for one whose escapes are wrong. */
function segmentsOf(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function partsOf(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/').slice(1);
  const given = segmentsOf(path);
  if (given?.length !== wanted.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [at, word] of wanted.entries()) {
    const value = given[at] ?? '';
    if (word.startsWith(':')) parts[word.slice(1)] = value;
    else if (word !== value) return undefined;
  }
  return parts;
}

/** Does one request; never rejects. A path that no route has is answered with the list of those that there are. */
export async function answerRoute(
  routes: Routes,
  method: string,
  url: string,
  body: unknown,
): Promise<RouteAnswer> {
  const [path = '', query = ''] = url.split('?', 2);
  for (const [key, run] of Object.entries(routes)) {
    const [verb, pattern = ''] = key.split(' ', 2);
    const parts = verb === method ? partsOf(pattern, path) : undefined;
    if (parts !== undefined) return await carryOut(run, { parts, query: new URLSearchParams(query), body });
  }
  return { status: 404, body: { requests: Object.keys(routes) } };
}

async function carryOut(run: Routes[string], request: RouteRequest): Promise<RouteAnswer> {
  try {
    return { status: 200, body: await run(request) };
  } catch (error) {
    if (error instanceof NotThere) return { status: 404, body: { message: error.message } };
    if (!(error instanceof z.ZodError)) return { status: 500, body: { message: String(error) } };
    const faults = error.issues.map((issue) => `${issue.path.join('.') || '(body)'}: ${issue.message}`);
    return { status: 400, body: { message: faults.join('; ') } };
  }
}
