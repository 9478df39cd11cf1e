/**
 * The KME's side of ETSI GS QKD 014 V1.1.1: a pure function from an authenticated SAE's request to an answer. HTTPS, the
 * client certificate and the clock are the shell's. Every answer's body is wiped by the shell after it is sent.
 */

import type { LinkState } from '../link/link-simulator.ts';
import { decodeKeyIds, decodeKeyRequest } from './decode.ts';
import { encodeError, encodeKeyContainer, encodeStatus } from './encode.ts';
import type { KmeNetwork, NetworkError } from './kme-network.ts';
import { type DeliveredKey, ERROR_MESSAGES, isKeyId, type KeyRequest } from './types.ts';

/** As it came: path with query, body possibly empty. */
export interface ServerRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

/** `body` is empty where the standard has none, and belongs to the shell, which wipes it. */
export interface ServerAnswer {
  readonly status: 200 | 400 | 401 | 404 | 405 | 503;
  readonly body: Uint8Array;
}

/** What this KME offers; sizes in bits. It is what its Status says. */
export interface KmeLimits {
  readonly keySizeBits: number;
  readonly minKeySizeBits: number;
  readonly maxKeySizeBits: number;
  readonly maxKeyPerRequest: number;
  readonly maxKeyCount: number;
  readonly maxSaeIdCount: number;
}

/** Keys of 256 bits, a batch that fits one answer of some 30 kB, four slaves of a multicast. */
export const DEFAULT_LIMITS: KmeLimits = {
  keySizeBits: 256,
  minKeySizeBits: 64,
  maxKeySizeBits: 1024,
  maxKeyPerRequest: 128,
  maxKeyCount: 100_000,
  maxSaeIdCount: 4,
};

const EMPTY = new Uint8Array(0);
/** [ETSI014 5.1] The SAE ID in the path is always the other one's, URL-encoded. */
const ROUTE = /^\/api\/v1\/keys\/([^/]+)\/(status|enc_keys|dec_keys)$/;

function answer(status: ServerAnswer['status'], body: Uint8Array = EMPTY): ServerAnswer {
  return { status, body };
}

/** 400 with an Error body. [ETSI014 6.5] */
function bad(message: string): ServerAnswer {
  return answer(400, encodeError(message));
}

/** One KME of a {@link KmeNetwork}. */
export class KmeServer {
  readonly kmeId: string;
  readonly #network: KmeNetwork;
  readonly #limits: KmeLimits;

  constructor(kmeId: string, network: KmeNetwork, limits: Partial<KmeLimits> = {}) {
    this.kmeId = kmeId;
    this.#network = network;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /**
   * Answers one request of `saeId`, as its certificate names it; `now` is the clock of the links, ms. An SAE that does
   * not stand at this KME gets 401 with no body. [ETSI014 5.1]
   */
  handle(saeId: string | undefined, request: ServerRequest, now: number): ServerAnswer {
    if (saeId === undefined || this.#network.kmeOf(saeId) !== this.kmeId) return answer(401);
    const [path = '', query = ''] = request.path.split('?', 2);
    const route = ROUTE.exec(path);
    const otherSaeId = decodePathSegment(route?.[1]);
    if (route === null || otherSaeId === undefined) return answer(404, encodeError('no such method'));
    if (request.method !== 'GET' && request.method !== 'POST') return answer(405);
    const parameters = new URLSearchParams(query);
    if (route[2] === 'status') return this.#status(saeId, otherSaeId, request.method, now);
    if (route[2] === 'enc_keys') return this.#encKeys(saeId, otherSaeId, request, parameters, now);
    return this.#decKeys(saeId, otherSaeId, request, parameters);
  }

  /** [ETSI014 5.2] */
  #status(masterSaeId: string, slaveSaeId: string, method: string, now: number): ServerAnswer {
    if (method !== 'GET') return answer(405);
    const hops = this.#network.route(now, masterSaeId, slaveSaeId);
    if (!hops.ok) return networkAnswer(hops.error);
    const states = hops.value.map((hop) => hop.state());
    const limits = this.#limits;
    const bits = Math.min(...states.map((state) => state.availableBits));
    const stored = Math.floor(bits / limits.keySizeBits);
    return answer(
      200,
      encodeStatus({
        ...limits,
        sourceKmeId: this.kmeId,
        targetKmeId: this.#network.kmeOf(slaveSaeId) ?? '',
        masterSaeId,
        slaveSaeId,
        storedKeyCount: Math.min(limits.maxKeyCount, stored),
        linkQber: Math.max(...states.map((state) => state.qber)),
        linkCountsPerSecond: Math.min(...states.map((state) => state.countsPerSecond)),
        linkAvailability: Math.min(...states.map(availabilityOf)),
      }),
    );
  }

  /** [ETSI014 5.3] */
  #encKeys(
    masterSaeId: string,
    slaveSaeId: string,
    request: ServerRequest,
    parameters: URLSearchParams,
    now: number,
  ): ServerAnswer {
    const asked = request.method === 'GET' ? keyRequestOf(parameters) : decodeKeyRequest(request.body);
    if (!asked.ok) return bad(asked.error);
    const refusal = this.#refusal(asked.value);
    if (refusal !== undefined) return bad(refusal);
    const slaves = [...new Set([slaveSaeId, ...(asked.value.additionalSlaveSaeIds ?? [])])];
    if (slaves.includes(masterSaeId)) return bad('the master SAE is no slave of its own');
    const { number = 1, sizeBits = this.#limits.keySizeBits } = asked.value;
    const drawn = this.#network.draw(now, masterSaeId, slaves, number, sizeBits);
    return drawn.ok ? containerAnswer(drawn.value) : networkAnswer(drawn.error);
  }

  /** Why a Key request cannot be met, in the fixed texts where the standard has one. [ETSI014 6.2] */
  #refusal(request: KeyRequest): string | undefined {
    const limits = this.#limits;
    const { number = 1, sizeBits = limits.keySizeBits } = request;
    if (sizeBits % 8 !== 0) return ERROR_MESSAGES.sizeNotMultipleOf8;
    if (sizeBits < limits.minKeySizeBits || sizeBits > limits.maxKeySizeBits)
      return `size shall be between ${limits.minKeySizeBits} and ${limits.maxKeySizeBits}`;
    if (number < 1 || number > limits.maxKeyPerRequest)
      return `number shall be between 1 and ${limits.maxKeyPerRequest}`;
    if ((request.additionalSlaveSaeIds?.length ?? 0) > limits.maxSaeIdCount)
      return `at most ${limits.maxSaeIdCount} additional_slave_SAE_IDs`;
    return extensionRefusal(request);
  }

  /** An SAE that was not named when the keys were drawn gets 401; a key that is gone is 400. [ETSI014 5.4] */
  #decKeys(
    slaveSaeId: string,
    masterSaeId: string,
    request: ServerRequest,
    parameters: URLSearchParams,
  ): ServerAnswer {
    const asked =
      request.method === 'GET'
        ? { ok: true as const, value: parameters.getAll('key_ID').map((keyId) => keyId.toLowerCase()) }
        : decodeKeyIds(request.body);
    if (!asked.ok) return bad(asked.error);
    const keyIds = asked.value;
    if (keyIds.length === 0 || (request.method === 'GET' && keyIds.length > 1))
      return bad('key_ID is missing or stands too often');
    if (keyIds.length > this.#limits.maxKeyPerRequest || new Set(keyIds).size !== keyIds.length)
      return bad(`key_IDs shall be different and at most ${this.#limits.maxKeyPerRequest}`);
    if (!keyIds.every(isKeyId)) return bad(ERROR_MESSAGES.keysNotFound);
    const collected = this.#network.collect(masterSaeId, slaveSaeId, keyIds);
    if (collected.ok) return containerAnswer(collected.value);
    return collected.error === 'foreign' ? answer(401) : bad(ERROR_MESSAGES.keysNotFound);
  }
}

/**
 * The one extension that this KME knows is `qn3iwf_max_wait`: no key here waits, so 0 can be met and nothing else.
 * An unknown optional one is left aside, which the standard allows. [ETSI014 6.2]
 */
const KNOWN_EXTENSION = 'qn3iwf_max_wait';

/** Unknown mandatory ones first, since the standard has a text of its own for them. */
function extensionRefusal(request: KeyRequest): string | undefined {
  for (const extension of request.extensionMandatory ?? []) {
    const names = [...extension.keys()];
    if (names.some((name) => name !== KNOWN_EXTENSION)) return ERROR_MESSAGES.mandatoryNotSupported;
    if (extension.get(KNOWN_EXTENSION) !== 0) return ERROR_MESSAGES.mandatoryNotMet;
  }
  for (const extension of request.extensionOptional ?? [])
    if (extension.has(KNOWN_EXTENSION) && extension.get(KNOWN_EXTENSION) !== 0)
      return ERROR_MESSAGES.optionalNotHandled;
  return undefined;
}

/** GET carries only `number` and `size`, as query parameters. [ETSI014 5.3] */
function keyRequestOf(
  parameters: URLSearchParams,
): { readonly ok: true; readonly value: KeyRequest } | { readonly ok: false; readonly error: string } {
  const [number, sizeBits] = ['number', 'size'].map((name) => parameters.get(name) ?? undefined);
  for (const text of [number, sizeBits])
    if (text !== undefined && !/^\d{1,9}$/.test(text))
      return { ok: false, error: 'number or size is no count' };
  return {
    ok: true,
    value: {
      ...(number === undefined ? {} : { number: Number(number) }),
      ...(sizeBits === undefined ? {} : { sizeBits: Number(sizeBits) }),
    },
  };
}

/** Undefined for a percent sign that encodes nothing. */
function decodePathSegment(segment: string | undefined): string | undefined {
  try {
    return segment === undefined ? undefined : decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Builds the body and wipes the keys: what is delivered is gone from the pool. [ETSI014 5.3] */
function containerAnswer(keys: readonly DeliveredKey[]): ServerAnswer {
  const body = encodeKeyContainer(keys);
  for (const key of keys) key.secret.wipe();
  return answer(200, body);
}

/** Used up is 503, which passes; what is wrongly named is 400, which does not. [ETSI014 5.3] */
function networkAnswer(error: NetworkError): ServerAnswer {
  if (error === 'unknown-sae') return bad('no such SAE');
  if (error === 'no-link') return bad('no quantum link leads to the KME of that SAE');
  return answer(503, encodeError('not enough key material at the moment'));
}

/** Part of the time for which a link gave key; of one that has just begun, all of it. */
function availabilityOf({ availableMs, observedMs }: LinkState): number {
  return observedMs === 0 ? 1 : availableMs / observedMs;
}
