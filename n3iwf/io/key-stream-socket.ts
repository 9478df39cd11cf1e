/**
 * ETSI GS QKD 004 V2.1.1 over a Unix socket. The standard has three calls and no wire format, and every key manager has a
 * binding of its own; this one is meant for a small adapter beside it. Each message is one line of JSON; the chunk that
 * GET_KEY gives follows its line as it is, so that a key is never text. Requests are answered in their order.
 *
 *     > {"call":"OPEN_CONNECT","source":"sae-a","destination":"sae-b","qos":{...},"key_stream_ID":"..."}
 *     < {"status":0}
 *     > {"call":"GET_KEY","key_stream_ID":"...","index":7}         index left out: the next chunk
 *     < {"status":0,"index":7,"octets":32}                         and 32 octets
 *     > {"call":"CLOSE","key_stream_ID":"..."}
 *     < {"status":0}
 *
 * Members and numbers are the standard's: `qos` has Key_chunk_size (octets), Min_bps, Max_bps, Timeout (ms), TTL (s);
 * `status` is one of its codes. [ETSI004 6]
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { z } from 'zod';
import { type KeyStreamPort, Secret, type StreamQos } from '#qkd';

const MAX_LINE_OCTETS = 4096;
const MAX_CHUNK_OCTETS = 65_536;
const NEWLINE = 0x0a;

const answerSchema = z.object({
  status: z.number().int().min(0).max(255),
  index: z.number().int().min(0).optional(),
  octets: z.number().int().min(0).max(MAX_CHUNK_OCTETS).optional(),
});

type Answer = z.infer<typeof answerSchema>;

/** Cuts a stream into lines, each with the octets that it announces behind it. */
class MessageReader {
  private held: Buffer<ArrayBufferLike> = Buffer.alloc(0);

  /** Takes what arrived; gives the messages that are whole now. Throws for what is none. */
  push<T>(
    piece: Buffer,
    read: (line: unknown) => { value: T; octets: number },
  ): { value: T; body: Buffer }[] {
    this.held = Buffer.concat([this.held, piece]);
    piece.fill(0);
    const whole: { value: T; body: Buffer }[] = [];
    for (;;) {
      const end = this.held.indexOf(NEWLINE);
      if (end < 0 || end > MAX_LINE_OCTETS) {
        if (this.held.length > MAX_LINE_OCTETS) throw new Error('a line that is too long');
        return whole;
      }
      const { value, octets } = read(JSON.parse(this.held.toString('utf8', 0, end)));
      if (this.held.length < end + 1 + octets) return whole;
      const body = Buffer.from(this.held.subarray(end + 1, end + 1 + octets));
      const rest = Buffer.from(this.held.subarray(end + 1 + octets));
      this.held.fill(0);
      this.held = rest;
      whole.push({ value, body });
    }
  }
}

interface Waiting {
  readonly resolve: (answer: Answer & { readonly body: Buffer }) => void;
  readonly reject: (error: Error) => void;
}

/** A key manager at a Unix socket, connected to at the first call and again after a fault. */
export class KeyStreamSocket implements KeyStreamPort {
  private readonly path: string;
  private readonly timeoutMs: number;
  private socket: Socket | undefined;
  private reader = new MessageReader();
  private waiting: Waiting[] = [];

  constructor(path: string, timeoutMs = 2000) {
    this.path = path;
    this.timeoutMs = timeoutMs;
  }

  async open(source: string, destination: string, qos: StreamQos, streamId: string): Promise<number> {
    const words = {
      Key_chunk_size: qos.keyChunkSize,
      Min_bps: qos.minBps,
      Max_bps: qos.maxBps,
      Timeout: qos.timeoutMs,
      TTL: qos.ttlS,
    };
    const request = { call: 'OPEN_CONNECT', source, destination, qos: words, key_stream_ID: streamId };
    return (await this.ask(request)).status;
  }

  async getKey(
    streamId: string,
    index: number | undefined,
  ): Promise<{ status: number; index: number; chunk?: Secret }> {
    const answer = await this.ask({ call: 'GET_KEY', key_stream_ID: streamId, index });
    const { status, body } = answer;
    const which = answer.index ?? -1;
    if (body.length === 0) return { status, index: which };
    const chunk = Secret.own(Uint8Array.from(body));
    body.fill(0);
    return { status, index: which, chunk };
  }

  async close(streamId: string): Promise<number> {
    return (await this.ask({ call: 'CLOSE', key_stream_ID: streamId })).status;
  }

  /** Ends the connection; what waits is rejected. */
  disconnect(): void {
    this.fail(new Error(`key manager at ${this.path}: disconnected`));
  }

  private ask(request: object): Promise<Answer & { readonly body: Buffer }> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(
        () => this.fail(new Error(`key manager at ${this.path}: no answer in time`)),
        this.timeoutMs,
      );
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          clearTimeout(limit);
          how(value);
        };
      this.waiting.push({ resolve: settle(resolve), reject: settle(reject) });
      this.connected().write(`${JSON.stringify(request)}\n`);
    });
  }

  private connected(): Socket {
    if (this.socket !== undefined) return this.socket;
    const socket = createConnection(this.path);
    this.socket = socket;
    this.reader = new MessageReader();
    socket.on('data', (piece) => this.received(socket, piece));
    socket.on('error', (error) =>
      this.fail(new Error(`key manager at ${this.path}: ${error.message}`), socket),
    );
    socket.on('close', () => this.fail(new Error(`key manager at ${this.path}: hung up`), socket));
    return socket;
  }

  private received(socket: Socket, piece: Buffer): void {
    try {
      const messages = this.reader.push(piece, (line) => {
        const value = answerSchema.parse(line);
        return { value, octets: value.octets ?? 0 };
      });
      for (const { value, body } of messages) this.waiting.shift()?.resolve({ ...value, body });
    } catch {
      this.fail(new Error(`key manager at ${this.path}: an answer that is none`), socket);
    }
  }

  /** The order of answers is all that joins them to requests, so a fault ends all of them. */
  private fail(error: Error, of = this.socket): void {
    if (of !== this.socket) return;
    this.socket?.destroy();
    this.socket = undefined;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

const requestSchema = z.discriminatedUnion('call', [
  z.object({
    call: z.literal('OPEN_CONNECT'),
    source: z.string(),
    destination: z.string(),
    qos: z.object({
      Key_chunk_size: z.number().int().min(1).max(MAX_CHUNK_OCTETS),
      Min_bps: z.number().min(0),
      Max_bps: z.number().min(0),
      Timeout: z.number().min(0),
      TTL: z.number().min(0),
    }),
    key_stream_ID: z.uuid(),
  }),
  z.object({
    call: z.literal('GET_KEY'),
    key_stream_ID: z.uuid(),
    index: z.number().int().min(0).optional(),
  }),
  z.object({ call: z.literal('CLOSE'), key_stream_ID: z.uuid() }),
]);

/** Serves a key manager's three calls at a Unix socket until it is closed; what is no request ends its connection. */
export async function listenKeyStreams(
  path: string,
  manager: KeyStreamPort,
): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const reader = new MessageReader();
    let last: Promise<void> = Promise.resolve();
    socket.on('data', (piece: Buffer) => {
      try {
        const messages = reader.push(piece, (line) => ({ value: requestSchema.parse(line), octets: 0 }));
        for (const { value } of messages)
          last = last.then(() => serve(manager, value, socket)).catch(() => void socket.destroy());
      } catch {
        socket.destroy();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(
  manager: KeyStreamPort,
  request: z.infer<typeof requestSchema>,
  socket: Socket,
): Promise<void> {
  const streamId = request.key_stream_ID;
  const tell = (answer: object) => socket.write(`${JSON.stringify(answer)}\n`);
  if (request.call === 'CLOSE') tell({ status: await manager.close(streamId) });
  else if (request.call === 'OPEN_CONNECT') {
    const { Key_chunk_size: keyChunkSize, Min_bps: minBps, Max_bps: maxBps, Timeout, TTL } = request.qos;
    const qos = { keyChunkSize, minBps, maxBps, timeoutMs: Timeout, ttlS: TTL };
    tell({ status: await manager.open(request.source, request.destination, qos, streamId) });
  } else {
    const { status, index, chunk } = await manager.getKey(streamId, request.index);
    tell({ status, index, octets: chunk?.length ?? 0 });
    if (chunk === undefined) return;
    const octets = chunk.use((bytes) => Buffer.from(bytes));
    chunk.wipe();
    socket.write(octets, () => octets.fill(0));
  }
}
