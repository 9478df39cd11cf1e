/**
 * HTTPS with TLS-PSK for SKIP (draft-cisco-skip-02): both ends prove themselves by a shared key, and its identity names the
 * system that asks. TLS 1.2 with AES-256: Node binds a pre-shared key of TLS 1.3 to SHA-256, so AES-256-GCM-SHA384 cannot
 * be had there.
 */
import { Agent, createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import {
  type KmeRequest,
  type KmeResponse,
  type KmeTransport,
  KmeTransportError,
  type Secret,
  type SkipServer,
} from '#qkd';
import { httpsUrl, isTimeout, type KeySourceRoute, requestOnce } from './key-request.ts';

/** Ephemeral Diffie-Hellman under the key, so that a key that leaks later opens no recorded connection. */
const CIPHERS = 'DHE-PSK-AES256-GCM-SHA384:ECDHE-PSK-AES256-CBC-SHA384';
const VERSIONS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
/** SKIP has no request body and short answers. */
const MAX_BODY_OCTETS = 16 * 1024;

/** How one encryptor reaches its key provider. */
export interface SkipHttpsOptions {
  /** `https://host:port`. */
  readonly url: string;
  /** Identity of the pre-shared key: the ID of this system. */
  readonly systemId: string;
  readonly key: Secret;
  /** For connecting and for the whole answer. Default 2000. */
  readonly timeoutMs?: number;
}

/** One per system and provider. */
export class SkipHttpsTransport implements KmeTransport {
  readonly #agent: Agent;
  readonly #route: KeySourceRoute;

  /** Throws when the URL is none, or not https. */
  constructor(options: SkipHttpsOptions) {
    this.#agent = new Agent({
      ...VERSIONS,
      keepAlive: true,
      maxSockets: 4,
      ciphers: CIPHERS,
      pskCallback: () => options.key.use((psk) => ({ identity: options.systemId, psk })),
      // There is no certificate to look at: who knows the key is the provider.
      checkServerIdentity: () => undefined,
    });
    this.#route = {
      ...{ base: httpsUrl('SKIP', options.url), agent: this.#agent, mostOctets: MAX_BODY_OCTETS },
      timeoutMs: options.timeoutMs ?? 2000,
      watch: (outgoing, sent) => {
        outgoing.on('socket', (socket: TLSSocket) => {
          // A connection that is kept open has no handshake any more.
          if (outgoing.reusedSocket) sent();
          else socket.once('secureConnect', sent);
        });
      },
      failure: (error, sent) => failure(options.url, error, sent),
    };
  }

  /** Sends one request, once. Rejects with a {@link KmeTransportError} that names the URL. */
  request(request: KmeRequest): Promise<KmeResponse> {
    return requestOnce(this.#route, request);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A handshake that fails by an alert means another key, and so somebody else. */
function failure(url: string, error: Error, sent: boolean): KmeTransportError {
  const late = isTimeout(error);
  const wrong = !sent && !late && /alert|bad record mac/.test(error.message);
  const refused = wrong ? 'the pre-shared key is not accepted' : error.message;
  const message = `key provider at ${url}: ${late ? 'no answer in time' : refused}`;
  return new KmeTransportError(wrong ? 'wrong-kme' : 'unreachable', message, sent);
}

/** Where a key provider listens, and whom it knows. */
export interface SkipListenerOptions {
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
  /** Pre-shared key by system ID. */
  readonly keys: ReadonlyMap<string, Secret>;
  /** Clock of the links, ms. */
  readonly now: () => number;
}

/** Serves `provider` until it is closed. Rejects when the address is busy, naming it. */
export async function listenSkip(
  provider: SkipServer,
  { address, port, keys, now }: SkipListenerOptions,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  /** Who proved to know a key; TLS tells the identity only while it asks for the key. */
  const systems = new WeakMap<object, string>();
  const server = createServer(
    {
      ...VERSIONS,
      ciphers: CIPHERS,
      dhparam: 'auto',
      requestTimeout: 10_000,
      pskCallback: (socket, identity) => {
        systems.set(socket, identity);
        return keys.get(identity)?.use((psk) => Uint8Array.from(psk)) ?? null;
      },
    },
    (incoming, outgoing) => {
      const request = { method: incoming.method ?? '', path: incoming.url ?? '', body: new Uint8Array(0) };
      incoming.resume();
      const answer = provider.handle(systems.get(incoming.socket), request, now());
      outgoing.writeHead(answer.status, {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'content-length': answer.body.length,
      });
      outgoing.once('close', () => answer.body.fill(0));
      outgoing.end(answer.body);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new Error(`the key provider ${provider.kmeId} cannot listen on ${address}:${port}: ${error.message}`),
      ),
    );
    server.listen(port, address, resolve);
  });
  const bound = server.address();
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    url: `https://${host}:${typeof bound === 'object' && bound !== null ? bound.port : port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
