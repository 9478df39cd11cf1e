/**
 * HTTPS with mutual TLS for ETSI GS QKD 014: the client's transport, which confirms the KME by its certificate before any
 * request is written, and the server, which names the SAE by its certificate on each request. [ETSI014 5.1]
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import {
  type KmeRequest,
  type KmeResponse,
  type KmeServer,
  type KmeTransport,
  KmeTransportError,
} from '#qkd';
import { bareHost, httpsUrl, isTimeout, type KeySourceRoute, readBody, requestOnce } from './key-request.ts';

/** PEM texts. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly privateKey: string;
  readonly authority: string;
}

const MIN_VERSION = 'TLSv1.2';
/** A request of 128 key IDs takes some 8 kB; an answer of 128 keys of 1024 bits some 32 kB. */
const MAX_REQUEST_OCTETS = 64 * 1024;
const MAX_ANSWER_OCTETS = 1024 * 1024;

/** How one SAE reaches its KME. */
export interface KmeHttpsOptions {
  /** `https://host:port`; a path in front of the API's may follow. */
  readonly url: string;
  /** Must be the common name or a subject alternative name of the KME's certificate. */
  readonly kmeId: string;
  readonly tls: TlsMaterial;
  /** For connecting and for the whole answer. Default 2000. */
  readonly timeoutMs?: number;
}

/** Keeps connections open between requests. One per SAE and KME. */
export class KmeHttpsTransport implements KmeTransport {
  #options: KmeHttpsOptions;
  readonly #base: URL;
  #agent: IdentifyingAgent;
  #route: KeySourceRoute;
  /** Of certificates before a {@link renew}: they end with the requests that are on their way. */
  readonly #retired: IdentifyingAgent[] = [];

  /** Throws when the URL is none, or not https. */
  constructor(options: KmeHttpsOptions) {
    this.#options = options;
    this.#base = httpsUrl('KME', options.url);
    this.#agent = new IdentifyingAgent(options, this.#base, options.timeoutMs ?? defaultTimeoutMs);
    this.#route = this.#routeBy(this.#agent);
  }

  #routeBy(agent: IdentifyingAgent): KeySourceRoute {
    const options = this.#options;
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    return {
      ...{ base: this.#base, agent, timeoutMs, mostOctets: MAX_ANSWER_OCTETS },
      // An agent hands the socket over only when the KME is confirmed: from here on the request is on its way.
      watch: (outgoing, sent) => void outgoing.on('socket', sent),
      failure: (error, sent) => failure(options, error, sent),
    };
  }

  /**
   * Connections from now on are made with other certificates; requests that are on their way end on the old ones. False
   * when these are the ones that are in use.
   *
   * @throws Error for certificates and a key that TLS cannot use; then nothing has changed
   */
  renew(tls: TlsMaterial): boolean {
    if (isDeepStrictEqual(tls, this.#options.tls)) return false;
    checkTls(tls);
    this.#options = { ...this.#options, tls };
    this.#agent.retire();
    this.#retired.push(this.#agent);
    this.#agent = new IdentifyingAgent(
      this.#options,
      this.#base,
      this.#options.timeoutMs ?? defaultTimeoutMs,
    );
    this.#route = this.#routeBy(this.#agent);
    return true;
  }

  /** Sends one request, once. Rejects with a {@link KmeTransportError} that names the URL. */
  request(request: KmeRequest): Promise<KmeResponse> {
    return requestOnce(this.#route, request);
  }

  close(): void {
    for (const agent of [...this.#retired, this.#agent]) agent.destroy();
  }
}

const defaultTimeoutMs = 2000;

/** @throws Error for a certificate, a key or an authority that is none, or a key that is not that of the certificate */
export function checkTls({ certificate, privateKey, authority }: TlsMaterial): void {
  createSecureContext({ ca: authority, cert: certificate, key: privateKey });
}

/** Every failure gets the KME and its URL in front, since it is what an operator looks for. */
function failure({ kmeId, url }: KmeHttpsOptions, error: Error, sent: boolean): KmeTransportError {
  const wrongKme = error instanceof WrongKmeError;
  const reason = isTimeout(error) ? 'no answer in time' : error.message;
  const message = `KME ${kmeId} at ${url}: ${reason}`;
  return new KmeTransportError(wrongKme ? 'wrong-kme' : 'unreachable', message, sent && !wrongKme);
}

/** What answered has no certificate of the KME that was asked for. */
class WrongKmeError extends Error {}

/** An agent whose sockets are given to a request only after the handshake and the check of the KME's name. */
class IdentifyingAgent extends Agent {
  readonly #connect: (done: (error: Error | null, socket?: TLSSocket) => void) => TLSSocket;

  constructor(options: KmeHttpsOptions, base: URL, timeoutMs: number) {
    super({ keepAlive: true, maxSockets: 8 });
    const { kmeId, tls } = options;
    this.#connect = (done) => {
      const socket = connect({
        host: bareHost(base),
        port: base.port === '' ? 443 : Number(base.port),
        ca: tls.authority,
        cert: tls.certificate,
        key: tls.privateKey,
        minVersion: MIN_VERSION,
        ALPNProtocols: ['http/1.1'],
        checkServerIdentity: (_host, certificate) =>
          namesOf(certificate).includes(kmeId)
            ? undefined
            : new WrongKmeError(`its certificate names ${namesOf(certificate).join(', ') || 'nobody'}`),
      });
      const abandon = (): void => {
        socket.destroy(new Error('no answer in time'));
      };
      socket.setTimeout(timeoutMs, abandon);
      const refuse = (error: Error): void => {
        const untrusted = socket.authorizationError !== null && !(error instanceof WrongKmeError);
        done(untrusted ? new WrongKmeError(`its certificate is not accepted: ${error.message}`) : error);
      };
      socket.once('error', refuse);
      socket.once('secureConnect', () => {
        socket.removeListener('error', refuse);
        socket.removeListener('timeout', abandon);
        socket.setTimeout(0);
        done(null, socket);
      });
      return socket;
    };
  }

  /** Keeps no connection any more: those that are idle end now, others when their request is answered. */
  retire(): void {
    this.on('free', (socket: Duplex) => socket.destroy());
    for (const idle of Object.values(this.freeSockets)) for (const socket of idle ?? []) socket.destroy();
  }

  /** Nothing is returned, so that the socket counts as made only when the callback says so. */
  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#connect((error, socket) => {
      if (callback === undefined) return;
      // On an error the stream is not looked at; the declared type wants one all the same.
      callback(error, socket as Duplex);
    });
  }
}

/** Common name and subject alternative names of a certificate, as identities of a KME or an SAE. */
export function namesOf(certificate: PeerCertificate): string[] {
  const commonName = certificate.subject?.CN;
  const alternatives = (certificate.subjectaltname ?? '')
    .split(', ')
    .map((name) => /^(?:DNS|URI|IP Address):(.+)$/.exec(name)?.[1]);
  const all = [...(Array.isArray(commonName) ? commonName : [commonName]), ...alternatives];
  return [...new Set(all.filter((name): name is string => typeof name === 'string'))];
}

/** Where a KME listens and as whom. */
export interface KmeListenerOptions {
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: TlsMaterial;
  /** Clock of the links, ms. */
  readonly now: () => number;
  /** A request that could not be served, for a log. */
  readonly onFault?: (error: Error) => void;
  /** How the KME behaves at the moment: slow, or answering nothing. Read at each request; for the simulated KMEs. */
  readonly manners?: { readonly delayMs: number; readonly down: boolean };
}

/** A KME that listens. */
export interface KmeListener {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * How long a connection may be idle. Clients are told of it and close theirs a moment sooner; where both ends share a machine
 * that is busy, a short time makes them meet, and a request that was on its way is lost with what it may have cost.
 */
const KEEP_ALIVE_MS = 60_000;

/**
 * Serves `kme` until it is closed. A client without a certificate of the authority does not get past the handshake.
 * Rejects when the address is busy, naming it.
 */
export async function listenKme(kme: KmeServer, options: KmeListenerOptions): Promise<KmeListener> {
  const server = createServer(
    {
      ca: options.tls.authority,
      cert: options.tls.certificate,
      key: options.tls.privateKey,
      minVersion: MIN_VERSION,
      requestCert: true,
      rejectUnauthorized: true,
      requestTimeout: 10_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (incoming, outgoing) => {
      serve(kme, options, incoming, outgoing).catch((error: unknown) => {
        outgoing.destroy();
        options.onFault?.(error instanceof Error ? error : new Error(String(error)));
      });
    },
  );
  const port = await listen(server, kme.kmeId, options);
  const host = options.address.includes(':') ? `[${options.address}]` : options.address;
  return {
    url: `https://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Gives the port that was bound, which differs from the one asked for when that is 0. */
function listen(server: Server, kmeId: string, options: KmeListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`KME ${kmeId} cannot listen on ${options.address}:${options.port}: ${error.message}`)),
    );
    server.listen(options.port, options.address, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : options.port);
    });
  });
}

async function serve(
  kme: KmeServer,
  options: KmeListenerOptions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await readBody(incoming, MAX_REQUEST_OCTETS);
  if (options.manners?.down === true) {
    outgoing.destroy();
    return;
  }
  const delayMs = options.manners?.delayMs ?? 0;
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  const request = { method: incoming.method ?? '', path: incoming.url ?? '', body };
  const answer = kme.handle(saeOf(incoming), request, options.now());
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  outgoing.writeHead(answer.status, { ...headers, 'content-length': answer.body.length });
  await new Promise<void>((resolve) => {
    outgoing.once('close', resolve);
    outgoing.end(answer.body);
  });
  answer.body.fill(0);
}

/** The SAE is the certificate's common name. It is read on each request, not once per connection. [ETSI014 5.1] */
function saeOf(incoming: IncomingMessage): string | undefined {
  const socket = incoming.socket as TLSSocket;
  if (!socket.authorized) return undefined;
  const commonName = socket.getPeerCertificate().subject?.CN;
  return typeof commonName === 'string' ? commonName : undefined;
}
