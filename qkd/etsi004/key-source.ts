/**
 * Keys from an ETSI GS QKD 004 V2.1.1 key manager behind the interface of the store. 004 has streams instead of keys: both
 * ends open the same stream and read chunks by their index. It fixes no wire format, so the three calls are a port that an
 * adapter of the manager's own binding fills.
 *
 * So that either end can name a chunk by one ID, both derive the stream's ID from the pair, and a key's ID is the first 12
 * octets of it with the index behind, in the layout of a UUID. 2^32 chunks are a stream's life.
 */
import { createHash } from 'node:crypto';
import type { ClientError } from '../etsi014/client.ts';
import type { DeliveredKey } from '../etsi014/types.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Secret } from '../secret.ts';
import type { KeySource } from '../store/key-store.ts';

/** Status codes of V2.1.1. [ETSI004 6] */
export const STREAM_STATUS = {
  ok: 0,
  peerNotConnected: 1,
  insufficientKey: 2,
  getKeyPeerNotConnected: 3,
  noConnection: 4,
  streamInUse: 5,
  timeout: 6,
  qosNotMet: 7,
  metadataTooSmall: 8,
} as const;

/** What a stream shall give; sizes in octets here, not in bits. [ETSI004 6] */
export interface StreamQos {
  readonly keyChunkSize: number;
  readonly minBps: number;
  readonly maxBps: number;
  readonly timeoutMs: number;
  /** Seconds after which a chunk may be thrown away. */
  readonly ttlS: number;
}

/** The three calls. They reject when the manager cannot be reached; then nobody knows whether a chunk was spent. */
export interface KeyStreamPort {
  /** OPEN_CONNECT with a stream ID of the caller's choice, 16 octets as UUID text. Gives a status code. */
  open(source: string, destination: string, qos: StreamQos, streamId: string): Promise<number>;
  /** GET_KEY; without an index the next chunk. The chunk is the receiver's to wipe. */
  getKey(
    streamId: string,
    index: number | undefined,
  ): Promise<{ readonly status: number; readonly index: number; readonly chunk?: Secret }>;
  /** CLOSE. */
  close(streamId: string): Promise<number>;
}

/** What a status other than 0 means to the store. */
const STATUS_KINDS: Readonly<Record<number, ClientError['kind']>> = {
  [STREAM_STATUS.peerNotConnected]: 'unavailable',
  [STREAM_STATUS.insufficientKey]: 'unavailable',
  [STREAM_STATUS.getKeyPeerNotConnected]: 'unavailable',
  [STREAM_STATUS.noConnection]: 'unavailable',
  [STREAM_STATUS.streamInUse]: 'bad-request',
  [STREAM_STATUS.timeout]: 'unavailable',
  [STREAM_STATUS.qosNotMet]: 'unavailable',
};

/** Answers after which OPEN_CONNECT has a stream that can be read: with the peer there, or still to come. */
const OPENED: ReadonlySet<number> = new Set([STREAM_STATUS.ok, STREAM_STATUS.peerNotConnected]);
const MAX_INDEX = 0xffff_ffff;

/** A stream per direction of a pair, opened at its first use. */
export class Etsi004Source implements KeySource {
  readonly #port: KeyStreamPort;
  readonly #localSaeId: string;
  readonly #qos: StreamQos;
  readonly #open = new Map<string, Promise<number>>();

  constructor(port: KeyStreamPort, options: { readonly saeId: string; readonly qos: StreamQos }) {
    this.#port = port;
    this.#localSaeId = options.saeId;
    this.#qos = options.qos;
  }

  /** Opens the stream from here to `slaveSaeId` if it is not; the manager's refusal when it cannot be. [ETSI004 6] */
  async connect(slaveSaeId: string): Promise<Result<undefined, ClientError>> {
    const streamId = streamIdOf(this.#localSaeId, slaveSaeId);
    try {
      const status = await this.#opened(streamId, this.#localSaeId, slaveSaeId);
      return OPENED.has(status) ? ok(undefined) : fail(statusError('OPEN_CONNECT', status));
    } catch (error) {
      this.#open.delete(streamId);
      return fail(refusal('unreachable', error instanceof Error ? error.message : 'it failed', false));
    }
  }

  /** The next chunks of the stream from here to `slaveSaeId`; fewer than asked for when it runs dry. [ETSI004 6] */
  async encKeys(slaveSaeId: string, number: number): Promise<Result<readonly DeliveredKey[], ClientError>> {
    return await this.#read(
      this.#localSaeId,
      slaveSaeId,
      Array.from({ length: number }, () => undefined),
    );
  }

  /** Chunks of the stream from `masterSaeId` to here, by the index in their IDs: all or none. [ETSI004 6] */
  async decKeys(
    masterSaeId: string,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const streamId = streamIdOf(masterSaeId, this.#localSaeId);
    const indices = keyIds.map((keyId) => indexOf(streamId, keyId));
    const foreign = indices.indexOf(undefined);
    if (foreign >= 0) return fail(refusal('unknown-key', 'the key ID is of another stream', false));
    return await this.#read(masterSaeId, this.#localSaeId, indices);
  }

  /** An index of undefined is the next chunk. What came before a failure is kept when the next chunks were asked for. */
  async #read(
    master: string,
    slave: string,
    indices: readonly (number | undefined)[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const streamId = streamIdOf(master, slave);
    const keys: DeliveredKey[] = [];
    try {
      const opened = await this.#opened(streamId, master, slave);
      if (!OPENED.has(opened)) return fail(statusError('OPEN_CONNECT', opened));
      for (const index of indices) {
        const key = await this.#chunk(streamId, index);
        if (key.ok) keys.push(key.value);
        else if (index === undefined && keys.length > 0 && !key.error.mayHaveBurnt) return ok(keys);
        else return fail(withBurnt(key.error, keys));
      }
      return ok(keys);
    } catch (error) {
      this.#open.delete(streamId);
      const detail = error instanceof Error ? error.message : 'the key manager failed';
      return fail(withBurnt(refusal('unreachable', detail, true), keys));
    }
  }

  /** Opened once; a refusal is forgotten, so that the next need tries again. */
  async #opened(streamId: string, master: string, slave: string): Promise<number> {
    const known = this.#open.get(streamId);
    if (known !== undefined) return known;
    const opening = this.#port.open(master, slave, this.#qos, streamId);
    this.#open.set(streamId, opening);
    const status = await opening;
    if (!OPENED.has(status)) this.#open.delete(streamId);
    return status;
  }

  async #chunk(streamId: string, index: number | undefined): Promise<Result<DeliveredKey, ClientError>> {
    const answer = await this.#port.getKey(streamId, index);
    const { chunk } = answer;
    if (answer.status !== STREAM_STATUS.ok || chunk === undefined) {
      chunk?.wipe();
      return fail(statusError('GET_KEY', answer.status));
    }
    const wrong =
      chunk.length !== this.#qos.keyChunkSize
        ? `a chunk of ${chunk.length} octets instead of ${this.#qos.keyChunkSize}`
        : (index !== undefined && answer.index !== index) || !isIndex(answer.index)
          ? 'a chunk of another index'
          : undefined;
    if (wrong === undefined) return ok({ keyId: keyIdOf(streamId, answer.index), secret: chunk });
    chunk.wipe();
    return fail(refusal('bad-answer', wrong, true));
  }

  /** Closes every stream; the chunks not yet read are the manager's to destroy. */
  async close(): Promise<void> {
    const streams = [...this.#open.keys()];
    this.#open.clear();
    await Promise.allSettled(streams.map((streamId) => this.#port.close(streamId)));
  }
}

function isIndex(index: number): boolean {
  return Number.isInteger(index) && index >= 0 && index <= MAX_INDEX;
}

/** The same at both ends, another for each direction: SHA-256 of the pair, as a UUID of version 8 (RFC 9562 5.8). */
export function streamIdOf(masterSaeId: string, slaveSaeId: string): string {
  const octets = createHash('sha256')
    .update(JSON.stringify([masterSaeId, slaveSaeId]))
    .digest()
    .subarray(0, 16);
  octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x80;
  octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80;
  const hex = octets.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The last 8 of a UUID's digits are the index. */
function keyIdOf(streamId: string, index: number): string {
  return streamId.slice(0, -8) + index.toString(16).padStart(8, '0');
}

function indexOf(streamId: string, keyId: string): number | undefined {
  const id = keyId.toLowerCase();
  if (id.length !== streamId.length || !id.startsWith(streamId.slice(0, -8))) return undefined;
  const digits = id.slice(-8);
  return /^[0-9a-f]{8}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

function statusError(call: string, status: number): ClientError {
  const kind = STATUS_KINDS[status] ?? 'bad-answer';
  return refusal(kind, `${call} gave status ${status}`, kind === 'bad-answer');
}

function refusal(kind: ClientError['kind'], detail: string, mayHaveBurnt: boolean): ClientError {
  return { kind, detail: `the key manager: ${detail}`, mayHaveBurnt, burntKeyIds: [] };
}

function withBurnt(error: ClientError, keys: readonly DeliveredKey[]): ClientError {
  for (const key of keys) key.secret.wipe();
  return { ...error, burntKeyIds: keys.map((key) => key.keyId) };
}
