/**
 * HTTP for operators: a few fixed pages, and under `/api` JSON requests of the console, with small limits on everything that
 * a client may send. What changes something needs a token; pages of other sites reach nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AdminPage, json, plain } from '../admin/pages.ts';
import { type AccessRule, apiPrefix, brokenRule } from './admin-access.ts';

/** Where it listens. */
export interface AdminPlace {
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
}

/** How patient it is with clients; ms and numbers. */
export interface AdminLimits {
  /** For the whole request to come in. */
  readonly requestMs: number;
  readonly headerOctets: number;
  readonly connections: number;
}

const defaultLimits: AdminLimits = { requestMs: 5_000, headerOctets: 8_192, connections: 64 };

/** A request that was not served. */
export interface Refused {
  readonly method: string;
  /** At most 100 characters of it. */
  readonly path: string;
  readonly status: number;
  readonly from: string;
}

/** JSON requests, and who may make them. */
export interface AdminApi {
  /** Does one; `url` is what follows `/api`, query included. Never rejects. */
  answer(
    method: string,
    url: string,
    body: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }>;
  /** What a client has to show; without one, there are no actions, and reading is for the loopback alone. */
  readonly token: string | undefined;
}

/** What the listener serves and whom it tells. */
export interface AdminHandlers {
  /** By the exact path; a path that is not there does not exist. */
  readonly pages: ReadonlyMap<string, () => Promise<AdminPage>>;
  readonly api?: AdminApi;
  refused(request: Refused): void;
}

/** It listens until it is closed. */
export interface AdminListener {
  /** `http://address:port`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Listens. Rejects when the place cannot be had, naming it. */
export async function listenAdmin(
  { address, port }: AdminPlace,
  handlers: AdminHandlers,
  limits: AdminLimits = defaultLimits,
): Promise<AdminListener> {
  const shown = address.includes(':') ? `[${address}]` : address;
  const onLoopback = address === '::1' || address.startsWith('127.');
  const server = createServer(
    {
      maxHeaderSize: limits.headerOctets,
      headersTimeout: limits.requestMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.max(50, limits.requestMs / 5),
      keepAliveTimeout: limits.requestMs,
    },
    (incoming, outgoing) => void answer(incoming, outgoing, handlers, onLoopback),
  );
  server.maxConnections = limits.connections;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const status = clientFaults.get(error.code ?? '') ?? 400;
    handlers.refused({ method: '?', path: '?', status, from: '?' });
    if (socket.writable) socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`);
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`the admin port ${shown}:${port} cannot be had: ${error.message}`)),
    );
    server.listen(port, address, resolve);
  });
  const bound = server.address();
  return {
    url: `http://${shown}:${typeof bound === 'object' && bound !== null ? bound.port : port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Faults that the parser of Node finds, by their codes. */
const clientFaults: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handlers: AdminHandlers,
  onLoopback: boolean,
): Promise<void> {
  outgoing.on('error', () => {}); // the client left; there is nobody to tell
  const { method = '', url = '' } = incoming;
  const refuse = ({ status, text, headers = {} }: Pick<AccessRule, 'status' | 'text' | 'headers'>): void => {
    handlers.refused({ method, path: url.slice(0, 100), status, from: incoming.socket.remoteAddress ?? '' });
    // Whatever else the client sends on this connection is not read.
    reply(outgoing, plain(status, text), { connection: 'close', ...headers });
  };
  const broken = brokenRule(incoming, { onLoopback, token: handlers.api?.token });
  if (broken !== undefined) return refuse(broken);
  try {
    const page = await pageOf(incoming, handlers);
    if (page === undefined) refuse({ status: 404, text: 'there is no such page' });
    else if (page === unreadable) refuse({ status: 400, text: 'the body is no JSON' });
    else reply(outgoing, page);
  } catch {
    refuse({ status: 500, text: 'the page could not be made' });
  }
}

const unreadable = Symbol('a body that is no JSON');

/** A page of the table, or the answer to a JSON request. */
async function pageOf(
  incoming: IncomingMessage,
  { pages, api }: AdminHandlers,
): Promise<AdminPage | typeof unreadable | undefined> {
  const { method = '', url = '' } = incoming;
  if (!url.startsWith(apiPrefix)) return await pages.get(url.split('?', 1)[0] ?? '')?.();
  if (api === undefined) return undefined;
  const body = method === 'POST' ? await bodyOf(incoming) : undefined;
  if (body === unreadable) return unreadable;
  const answered = await api.answer(method, url.slice(apiPrefix.length - 1), body);
  return json(answered.status, answered.body);
}

/** The JSON of a request whose length the rules have bounded. */
async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  for await (const piece of incoming) if (piece instanceof Uint8Array) pieces.push(piece);
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    return unreadable;
  }
}

function reply(
  outgoing: ServerResponse,
  { status, contentType, body, headers = {} }: AdminPage,
  more: Readonly<Record<string, string>> = {},
): void {
  outgoing.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...more,
  });
  outgoing.end(body);
}
