/** HTTP for monitoring: a few fixed pages, GET only, with small limits on everything that a client may send. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { type AdminPage, plain } from '../admin/pages.ts';

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

/** What the listener serves and whom it tells. */
export interface AdminHandlers {
  /** By the exact path; a path that is not there does not exist. */
  readonly pages: ReadonlyMap<string, () => Promise<AdminPage>>;
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

/** Rules that a request must keep, the first broken one counts. */
const rules: readonly {
  readonly status: number;
  readonly text: string;
  readonly broken: (request: IncomingMessage, onLoopback: boolean) => boolean;
}[] = [
  { status: 405, text: 'only GET', broken: ({ method }) => method !== 'GET' },
  {
    status: 403,
    text: 'not for pages of other sites',
    broken: ({ headers }) =>
      headers.origin !== undefined ||
      (headers['sec-fetch-site'] !== undefined &&
        !/^(?:none|same-origin)$/.test(String(headers['sec-fetch-site']))),
  },
  {
    // A name that a stranger's DNS leads here would make the port his own origin in a browser.
    status: 403,
    text: 'not by that name',
    broken: ({ headers }, onLoopback) => onLoopback && !isLocalHost(headers.host ?? ''),
  },
  {
    status: 413,
    text: 'no body is taken',
    broken: ({ headers }) =>
      headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0,
  },
];

function isLocalHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isIP(name) !== 0;
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { pages, refused }: AdminHandlers,
  onLoopback: boolean,
): Promise<void> {
  outgoing.on('error', () => {}); // the client left; there is nobody to tell
  const { method = '', url = '' } = incoming;
  const refuse = (status: number, text: string): void => {
    refused({ method, path: url.slice(0, 100), status, from: incoming.socket.remoteAddress ?? '' });
    // Whatever else the client sends on this connection is not read.
    reply(outgoing, plain(status, text), {
      connection: 'close',
      ...(status === 405 ? { allow: 'GET' } : {}),
    });
  };
  const broken = rules.find((rule) => rule.broken(incoming, onLoopback));
  if (broken !== undefined) return refuse(broken.status, broken.text);
  const page = pages.get(url.split('?', 1)[0] ?? '');
  if (page === undefined) return refuse(404, 'there is no such page');
  try {
    reply(outgoing, await page());
  } catch {
    refuse(500, 'the page could not be made');
  }
}

function reply(
  outgoing: ServerResponse,
  { status, contentType, body }: AdminPage,
  more: Readonly<Record<string, string>> = {},
): void {
  outgoing.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...more,
  });
  outgoing.end(body);
}
