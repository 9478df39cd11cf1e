/** What requests for keys over HTTPS have in common, whoever proves to whom that they are who they say. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { type Agent, request as httpsRequest } from 'node:https';
import type { KmeRequest, KmeResponse, KmeTransportError } from '#qkd';

/** How one source of keys is reached. */
export interface KeySourceRoute {
  readonly base: URL;
  /** Keeps connections, and decides whom to believe. */
  readonly agent: Agent;
  /** For connecting and for the whole answer. */
  readonly timeoutMs: number;
  /** A longer answer is an error. */
  readonly mostOctets: number;
  /** Calls `sent` when `outgoing` may leave: what is lost from then on may have cost keys. */
  watch(outgoing: ClientRequest, sent: () => void): void;
  /** The error to reject with; `sent` says whether the request may have left. */
  failure(error: Error, sent: boolean): KmeTransportError;
}

/** The URL of a source of keys. @throws when `url` is none, or not https; `what` begins the message */
export function httpsUrl(what: string, url: string): URL {
  const base = new URL(url);
  if (base.protocol !== 'https:') throw new Error(`${what} URL ${url}: must begin with https://`);
  return base;
}

/** Sends one request, once, and reads the whole answer. Rejects with what the route makes of the error. */
export function requestOnce(route: KeySourceRoute, { method, path, body }: KmeRequest): Promise<KmeResponse> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const failed = (error: Error): void => reject(route.failure(error, sent));
    const ofBody =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };
    const outgoing = httpsRequest(
      {
        agent: route.agent,
        host: bareHost(route.base),
        port: route.base.port === '' ? 443 : route.base.port,
        method,
        path: `${route.base.pathname.replace(/\/$/, '')}${path}`,
        headers: { accept: 'application/json', ...ofBody },
        signal: AbortSignal.timeout(route.timeoutMs),
      },
      (incoming) => {
        readBody(incoming, route.mostOctets).then(
          (octets) => resolve({ status: incoming.statusCode ?? 0, body: octets }),
          failed,
        );
      },
    );
    route.watch(outgoing, () => {
      sent = true;
    });
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}

/** Whether the time of a request was over before its answer was there. */
export function isTimeout({ name }: Error): boolean {
  return name === 'TimeoutError' || name === 'AbortError';
}

/** Collects a body into a buffer of its own and zeroes the pieces. */
export async function readBody(incoming: IncomingMessage, limit: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of incoming) {
    if (!(piece instanceof Uint8Array)) continue;
    length += piece.length;
    if (length > limit) throw new Error(`a body of more than ${limit} octets`);
    pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  }
  if (!incoming.complete) throw new Error('the connection ended within the body');
  const body = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
    piece.fill(0);
  }
  return body;
}

/** Without the brackets that a URL has around an IPv6 address. */
export function bareHost(base: URL): string {
  return base.hostname.replace(/^\[|\]$/g, '');
}
