/** Local HTTP for operators: JSON in, JSON out, on loopback or on a Unix socket. It never listens on an outside address. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

/** Where it listens. */
export type ControlPlace = { readonly port: number } | { readonly path: string };

/** Answers one request; `body` is parsed JSON, undefined when the request has none. */
export type ControlHandler = (
  method: string,
  path: string,
  body: unknown,
) => ControlReply | Promise<ControlReply>;

/** An HTTP status and a JSON value. */
export interface ControlReply {
  readonly status: number;
  readonly body: unknown;
}

/** It listens until it is closed. */
export interface ControlListener {
  /** `http://127.0.0.1:PORT`, or the path of the socket. */
  readonly place: string;
  close(): Promise<void>;
}

const MAX_REQUEST_OCTETS = 16 * 1024;

/** Rejects when the place is taken, naming it. A stale socket is removed first; the new one is for its owner only. */
export async function listenControl(place: ControlPlace, handler: ControlHandler): Promise<ControlListener> {
  const server = createServer((incoming, outgoing) => {
    answer(incoming, handler).then(
      ({ status, body }) => {
        outgoing.writeHead(status, { 'content-type': 'application/json' });
        outgoing.end(`${JSON.stringify(body)}\n`);
      },
      () => outgoing.destroy(),
    );
  });
  server.requestTimeout = 5000;
  if ('path' in place) await makeWay(place.path);
  await new Promise<void>((resolve, reject) => {
    const name = 'path' in place ? place.path : `127.0.0.1:${place.port}`;
    server.once('error', (error) => reject(new Error(`the control socket ${name}: ${error.message}`)));
    if ('path' in place) server.listen(place.path, resolve);
    else server.listen(place.port, '127.0.0.1', resolve);
  });
  if ('path' in place) chmodSync(place.path, 0o600);
  const bound = server.address();
  return {
    place: typeof bound === 'object' && bound !== null ? `http://127.0.0.1:${bound.port}` : String(bound),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Removes the socket that a process left behind that ended without a word; one that is served stays. */
async function makeWay(path: string): Promise<void> {
  if (await isServed(path)) throw new Error(`the control socket ${path}: another process serves it`);
  rmSync(path, { force: true });
}

/** Whether somebody answers at the socket, as opposed to a file that a crash left. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (served: boolean) => {
      socket.destroy();
      resolve(served);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** A browser page must not reach it: a request with an Origin is refused, whatever it asks. */
async function answer(incoming: IncomingMessage, handler: ControlHandler): Promise<ControlReply> {
  if (incoming.headers.origin !== undefined) return refuse(403, 'not for browsers');
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of incoming) {
    if (!(piece instanceof Uint8Array)) continue;
    length += piece.length;
    if (length > MAX_REQUEST_OCTETS) return refuse(413, 'the request is too long');
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString('utf8');
  const body = text === '' ? { ok: true as const, value: undefined } : parse(text);
  if (!body.ok) return refuse(400, 'the body is no JSON');
  return await handler(incoming.method ?? '', incoming.url ?? '', body.value);
}

/** An answer that says why not. */
function refuse(status: number, message: string): ControlReply {
  return { status, body: { message } };
}

/** JSON, or that it is none. */
function parse(text: string): { readonly ok: true; readonly value: unknown } | { readonly ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

/** Asks a control socket at a path. Rejects when nothing listens there, or the answer is no JSON. */
export function askControl(
  path: string,
  method: string,
  request: string,
  body?: unknown,
): Promise<ControlReply> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ socketPath: path, method, path: request, timeout: 10_000 }, (incoming) => {
      const pieces: Uint8Array[] = [];
      incoming.on('data', (piece: Uint8Array) => pieces.push(piece));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const answered = parse(Buffer.concat(pieces).toString('utf8'));
        if (answered.ok) resolve({ status: incoming.statusCode ?? 0, body: answered.value });
        else reject(new Error(`${path} gave no JSON`));
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${path} gave no answer in time`)));
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
