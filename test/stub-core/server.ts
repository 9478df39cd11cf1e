import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { WakeTimer } from '../../n3iwf/io/wake-timer.ts';
import {
  type CallBack,
  encodeMultipart,
  type SbiResponse,
  StubCore,
  type StubCoreConfig,
} from '../peers/stub-core/index.ts';

/** How often and how long a call-back is tried again while the AMF has no place for it yet, or was not reached (0). */
const retry = { limit: 100, firstMs: 20, everyMs: 100, while: new Set([0, 404, 409]) };
const gtpuPort = 2152;

/** The stub core on sockets: one HTTP/2 server without TLS, and GTP-U. */
export class StubCoreServer {
  readonly core: StubCore;
  private readonly server: Http2Server;
  private readonly timer: WakeTimer;
  private upf: UdpSocket | undefined;
  /** Connections to AMFs by their origin. */
  private readonly sessions = new Map<string, ClientHttp2Session>();
  /** Call-backs that the AMF refused for good, as `status path`. */
  readonly refused: string[] = [];

  private constructor(config: StubCoreConfig) {
    this.core = new StubCore(config, {
      random: randomOctets,
      now: monotonicMs,
      callBack: (request) => void this.callBack(request),
      sendGtpu: (datagram, remote) => this.upf?.send(datagram, remote),
    });
    this.timer = new WakeTimer(this.core, monotonicMs);
    this.server = createServer();
    this.server.on('stream', (stream, headers) => this.onStream(stream, headers));
  }

  /** Listens on the origin of `config` and on GTP-U of its UPF. */
  static async open(config: StubCoreConfig): Promise<StubCoreServer> {
    const shell = new StubCoreServer(config);
    shell.upf = await UdpSocket.open({ address: config.upfAddress, port: gtpuPort }, (data, remote) => {
      shell.core.receiveGtpu(data, remote);
      shell.timer.rearm();
    });
    const { hostname, port } = new URL(config.origin);
    await new Promise<void>((resolve, reject) => {
      shell.server.once('error', reject);
      shell.server.listen(Number(port), hostname, resolve);
    });
    return shell;
  }

  async close(): Promise<void> {
    this.timer.stop();
    for (const session of this.sessions.values()) session.destroy();
    this.server.close();
    await this.upf?.close();
  }

  private onStream(stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>): void {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {}); // the AMF gave up: nobody is left to be told
    stream.on('end', () => {
      const answer = this.core.receive({
        method: String(headers[':method']),
        path: String(headers[':path']),
        contentType: String(headers['content-type'] ?? ''),
        body: Uint8Array.from(Buffer.concat(chunks)),
      });
      if (!stream.destroyed) respond(stream, answer);
    });
  }

  private async callBack(request: CallBack): Promise<void> {
    for (let tried = 0; tried < retry.limit; tried++) {
      await new Promise((resolve) => setTimeout(resolve, tried === 0 ? retry.firstMs : retry.everyMs));
      const status = await this.post(request).catch(() => 0);
      if (!retry.while.has(status)) {
        if (status < 200 || status > 299) this.refused.push(`${status} ${request.path}`);
        return;
      }
    }
    this.refused.push(`no place ${request.path}`);
  }

  /** The connection to an AMF that is there already, or a new one; one that ends is forgotten. */
  private sessionTo(origin: string): ClientHttp2Session {
    const known = this.sessions.get(origin);
    if (known !== undefined) return known;
    const session = connect(origin);
    const forget = () => this.sessions.delete(origin);
    session.on('error', forget);
    session.on('close', forget);
    session.on('goaway', forget);
    this.sessions.set(origin, session);
    return session;
  }

  /** The status of the AMF's answer. Rejects when there is none. */
  private post({ method, origin, path, payload }: CallBack): Promise<number> {
    const { type, body } =
      payload.parts.length === 0
        ? { type: 'application/json', body: Buffer.from(JSON.stringify(payload.json)) }
        : encodeMultipart(payload);
    return new Promise((resolve, reject) => {
      const stream = this.sessionTo(origin).request({
        ':method': method,
        ':path': path,
        'content-type': type,
      });
      stream.once('error', reject);
      stream.once('close', () => reject(new Error('closed without an answer')));
      stream.once('response', (headers) => resolve(Number(headers[':status'])));
      stream.resume();
      stream.end(body);
    });
  }
}

function respond(stream: ServerHttp2Stream, { status, location, json, parts }: SbiResponse): void {
  const where = location === undefined ? {} : { location };
  if (json === undefined) {
    stream.respond({ ':status': status, ...where }, { endStream: true });
    return;
  }
  const { type, body } =
    parts === undefined
      ? {
          type: status < 400 ? 'application/json' : 'application/problem+json',
          body: Buffer.from(JSON.stringify(json)),
        }
      : encodeMultipart({ json, parts });
  stream.respond({ ':status': status, 'content-type': type, 'content-length': body.length, ...where });
  stream.end(body);
}
