/**
 * The SAE's side of ETSI GS QKD 014 V1.1.1. HTTPS is handed in as a {@link KmeTransport}, which has confirmed the KME by
 * its certificate before it sends anything.
 *
 * A call is made once and never repeated here: the KME removes a key as it delivers it, so a repeat after a lost answer
 * may spend a second key. An error says instead whether keys may be lost (`mayHaveBurnt`), for the store to account.
 */
import { fail, ok, type Result } from '../result.ts';
import { decodeErrorMessage, decodeKeyContainer, decodeStatus } from './decode.ts';
import { encodeKeyIds, encodeKeyRequest } from './encode.ts';
import { KME_QUIRKS, type KmeQuirkName, type KmeQuirks } from './quirks.ts';
import {
  type DeliveredKey,
  ERROR_MESSAGES,
  type KeyRequest,
  METHODS,
  methodPath,
  type Status,
} from './types.ts';

/** One request, as HTTPS will carry it. */
export interface KmeRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query, SAE IDs URL-encoded. */
  readonly path: string;
  readonly body?: Uint8Array;
}

/** One answer, whatever its status. */
export interface KmeResponse {
  readonly status: number;
  /** Owned by the receiver, who zeroes it. */
  readonly body: Uint8Array;
}

/** Carries requests to one KME. Rejects with {@link KmeTransportError}; anything else counts as unreachable. */
export interface KmeTransport {
  request(request: KmeRequest): Promise<KmeResponse>;
}

/** `sent`: the request may have reached the KME, so it may have delivered. The message names the URL. */
export class KmeTransportError extends Error {
  readonly kind: 'unreachable' | 'wrong-kme';
  readonly sent: boolean;

  constructor(kind: 'unreachable' | 'wrong-kme', message: string, sent: boolean) {
    super(message);
    this.name = 'KmeTransportError';
    this.kind = kind;
    this.sent = sent;
  }
}

/** Every way a call can fail, as far as it makes a difference to the caller. */
export const CLIENT_ERRORS = [
  'unknown-key',
  'unauthorised',
  'unavailable',
  'unreachable',
  'wrong-kme',
  'bad-request',
  'bad-answer',
] as const;

/** Why a call gave no key. `burntKeys` are keys that came but cannot be used: their IDs, never their bytes. */
export interface ClientError {
  readonly kind: (typeof CLIENT_ERRORS)[number];
  readonly detail: string;
  readonly mayHaveBurnt: boolean;
  readonly burntKeyIds: readonly string[];
}

/** Which error an HTTP status means; 404, 410, 429 and 504 are not in the standard but occur. */
const STATUS_KINDS: Readonly<Record<number, ClientError['kind']>> = {
  401: 'unauthorised',
  403: 'unauthorised',
  404: 'unknown-key',
  410: 'unknown-key',
  429: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

/** Answers after which the KME has kept its keys; only these may be followed by another call for the same need. */
const REFUSALS: ReadonlySet<ClientError['kind']> = new Set([
  'unknown-key',
  'unauthorised',
  'unavailable',
  'bad-request',
]);

/** Size of the keys asked for, and what kind of KME answers (default: one that follows the standard). */
export interface Etsi014Options {
  readonly keySizeBits: number;
  readonly quirks?: KmeQuirkName;
}

/** Asks one KME on behalf of one SAE. Every method resolves; it never rejects for what a KME or the network did. */
export class Etsi014Client {
  readonly #transport: KmeTransport;
  readonly #keySizeBits: number;
  readonly #quirks: KmeQuirks;

  constructor(transport: KmeTransport, options: Etsi014Options) {
    this.#transport = transport;
    this.#keySizeBits = options.keySizeBits;
    this.#quirks = KME_QUIRKS[options.quirks ?? 'standard'];
  }

  /** Whether keys may be drawn ahead of need: a store with a pool of its own asks before it makes one. */
  get mayPrefetch(): boolean {
    return this.#quirks.mayPrefetch;
  }

  /** What the KME holds for this SAE as master and `slaveSaeId`. [ETSI014 5.2] */
  async status(slaveSaeId: string): Promise<Result<Status, ClientError>> {
    const answer = await this.#call({ method: 'GET', path: methodPath(slaveSaeId, METHODS.status) });
    if (!answer.ok) return answer;
    const status = decodeStatus(answer.value);
    return status.ok ? status : fail(badAnswer(status.error, false));
  }

  /**
   * New keys to share with `slaveSaeId`, this SAE being the master; as many as asked for, or as the KME gives at once.
   * [ETSI014 5.3]
   */
  async encKeys(slaveSaeId: string, number = 1): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const wanted = Math.min(number, this.#quirks.maxPerRequest);
    const answer = await this.#deliver(this.#drawRequest(slaveSaeId, wanted));
    if (!answer.ok) return answer;
    return this.#container(answer.value, (keys) => keys.length === wanted);
  }

  #drawRequest(slaveSaeId: string, number: number): KmeRequest {
    const { method, sends } = this.#quirks;
    const path = methodPath(slaveSaeId, METHODS.encKeys);
    const request: KeyRequest = {
      ...(sends.includes('number') ? { number } : {}),
      ...(sends.includes('size') ? { sizeBits: this.#keySizeBits } : {}),
    };
    if (method === 'POST') return { method, path, body: encodeKeyRequest(request) };
    const query = new URLSearchParams();
    if (request.number !== undefined) query.set('number', String(request.number));
    if (request.sizeBits !== undefined) query.set('size', String(request.sizeBits));
    return { method, path: query.size === 0 ? path : `${path}?${query}` };
  }

  /**
   * The keys that `masterSaeId` drew, by their IDs: all or none. Where a KME takes one ID per request, those that came
   * before the one that failed are burnt. [ETSI014 5.4]
   */
  async decKeys(
    masterSaeId: string,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const path = methodPath(masterSaeId, METHODS.decKeys);
    if (this.#quirks.method === 'POST')
      return this.#collect({ method: 'POST', path, body: encodeKeyIds(keyIds) }, keyIds);
    const keys: DeliveredKey[] = [];
    for (const keyId of keyIds) {
      const one = await this.#collect({ method: 'GET', path: `${path}?key_ID=${keyId}` }, [keyId]);
      if (one.ok) keys.push(...one.value);
      else return fail(withBurnt(one.error, keys));
    }
    return ok(keys);
  }

  async #collect(
    request: KmeRequest,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const answer = await this.#deliver(request);
    if (!answer.ok) return answer;
    const asked = new Set(keyIds.map((keyId) => keyId.toLowerCase()));
    return this.#container(
      answer.value,
      (keys) => keys.length === asked.size && keys.every((key) => asked.has(key.keyId)),
    );
  }

  /** A request that takes keys out of the KME's pool. */
  #deliver(request: KmeRequest): Promise<Result<Uint8Array, ClientError>> {
    return this.#call(request, true);
  }

  /** The one place that talks to the KME. Only methods that deliver can burn keys. */
  async #call(request: KmeRequest, delivers = false): Promise<Result<Uint8Array, ClientError>> {
    try {
      const response = await this.#transport.request(request);
      if (response.status === 200) return ok(response.body);
      const message = decodeErrorMessage(response.body);
      response.body.fill(0);
      return fail(classify(response.status, message, delivers, this.#quirks));
    } catch (error) {
      const known = error instanceof KmeTransportError ? error : undefined;
      return fail({
        kind: known?.kind ?? 'unreachable',
        detail: error instanceof Error ? error.message : 'the transport failed',
        mayHaveBurnt: delivers && (known?.sent ?? true),
        burntKeyIds: [],
      });
    }
  }

  /** Takes the keys out of `body`, wipes it, and refuses the whole container if anything in it is not as asked. */
  #container(
    body: Uint8Array,
    asAsked: (keys: readonly DeliveredKey[]) => boolean,
  ): Result<readonly DeliveredKey[], ClientError> {
    const { keys, fault } = decodeKeyContainer(body);
    body.fill(0);
    const problem = fault ?? this.#problem(keys) ?? (asAsked(keys) ? undefined : 'other keys than asked for');
    if (problem === undefined) return ok(keys);
    for (const key of keys) key.secret.wipe();
    return fail({ ...badAnswer(problem, true), burntKeyIds: [...new Set(keys.map((key) => key.keyId))] });
  }

  /** What the standard leaves the client to check: sizes as asked, IDs not repeated. */
  #problem(keys: readonly DeliveredKey[]): string | undefined {
    const wanted = Math.ceil(this.#keySizeBits / 8);
    if (keys.some((key) => key.secret.length !== wanted))
      return `a key is not ${this.#keySizeBits} bits long`;
    return new Set(keys.map((key) => key.keyId)).size === keys.length ? undefined : 'a key ID stands twice';
  }
}

function badAnswer(detail: string, mayHaveBurnt: boolean): ClientError {
  return { kind: 'bad-answer', detail: `the KME's answer: ${detail}`, mayHaveBurnt, burntKeyIds: [] };
}

/** Keys that came before the call as a whole failed: wiped, and in the books by their IDs. */
function withBurnt(error: ClientError, keys: readonly DeliveredKey[]): ClientError {
  for (const key of keys) key.secret.wipe();
  return { ...error, burntKeyIds: [...keys.map((key) => key.keyId), ...error.burntKeyIds] };
}

/** [ETSI014 6.5] 400 means an unknown key only with its fixed text; a status that nobody defined is a bad answer. */
function classify(
  status: number,
  message: string | undefined,
  delivers: boolean,
  quirks: KmeQuirks,
): ClientError {
  const known =
    quirks.statuses[status] ?? STATUS_KINDS[status] ?? (status === 400 ? 'bad-request' : 'bad-answer');
  const kind = message === ERROR_MESSAGES.keysNotFound ? 'unknown-key' : known;
  const detail = `the KME answered ${status}${message === undefined ? '' : `: ${message}`}`;
  const kept = REFUSALS.has(kind) && !(quirks.refusalMayBurn && kind === 'unavailable');
  return { kind, detail, mayHaveBurnt: delivers && !kept, burntKeyIds: [] };
}
