/**
 * A source of keys that speaks SKIP: the encryptor's side. One key per request, all by GET. The draft says nothing of a
 * lost answer; as with ETSI 014 the provider zeroises a key as it hands it out, so no request is repeated by itself.
 */
import type { ClientError, KmeResponse, KmeTransport } from '../etsi014/client.ts';
import { KmeTransportError } from '../etsi014/client.ts';
import type { DeliveredKey } from '../etsi014/types.ts';
import { fail, ok, type Result } from '../result.ts';
import type { KeySource } from '../store/key-store.ts';
import { decodeCapabilities, decodeSkipKey, type SkipCapabilities, skipIdOfUuid } from './messages.ts';

/** Which error a status means where a new key is asked for. */
const DRAW_KINDS: Readonly<Record<number, ClientError['kind']>> = {
  400: 'bad-request',
  401: 'unauthorised',
  403: 'unauthorised',
  503: 'unavailable',
};

/** And where a key is asked for by its ID: a malformed request and an unknown ID are one status. */
const FETCH_KINDS: Readonly<Record<number, ClientError['kind']>> = { ...DRAW_KINDS, 400: 'unknown-key' };

/** The remote system takes the place of the other SAE. */
export class SkipClient implements KeySource {
  readonly #transport: KmeTransport;
  readonly #keySizeBits: number;

  constructor(transport: KmeTransport, options: { readonly keySizeBits: number }) {
    this.#transport = transport;
    this.#keySizeBits = options.keySizeBits;
  }

  /** What the provider can do. */
  async capabilities(): Promise<Result<SkipCapabilities, ClientError>> {
    const answer = await this.#call('/capabilities', DRAW_KINDS, false);
    if (!answer.ok) return answer;
    const capabilities = decodeCapabilities(answer.value);
    return capabilities.ok ? capabilities : fail(badAnswer(capabilities.error, false));
  }

  /** Fewer than asked for when the provider runs dry on the way; none at all is its refusal. */
  async encKeys(remote: string, number: number): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const query = new URLSearchParams({ remoteSystemID: remote, size: String(this.#keySizeBits) });
    const keys: DeliveredKey[] = [];
    while (keys.length < number) {
      const key = await this.#key(`/key?${query}`, DRAW_KINDS);
      if (key.ok) keys.push(key.value);
      else if (keys.length === 0 || key.error.mayHaveBurnt) return fail(withBurnt(key.error, keys));
      else break;
    }
    return ok(keys);
  }

  /** All or none; those that came before one that failed are burnt. */
  async decKeys(
    remote: string,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    const query = new URLSearchParams({ remoteSystemID: remote });
    const keys: DeliveredKey[] = [];
    for (const keyId of keyIds) {
      const key = await this.#key(`/key/${skipIdOfUuid(keyId)}?${query}`, FETCH_KINDS);
      if (!key.ok) return fail(withBurnt(key.error, keys));
      keys.push(key.value);
      if (key.value.keyId !== keyId.toLowerCase())
        return fail(withBurnt(badAnswer('another key than asked for', true), keys));
    }
    return ok(keys);
  }

  async #key(
    path: string,
    kinds: Readonly<Record<number, ClientError['kind']>>,
  ): Promise<Result<DeliveredKey, ClientError>> {
    const answer = await this.#call(path, kinds, true);
    if (!answer.ok) return answer;
    const key = decodeSkipKey(answer.value);
    answer.value.fill(0);
    if (!key.ok) return fail(badAnswer(key.error, true));
    if (key.value.secret.length * 8 === this.#keySizeBits) return key;
    const wrong = badAnswer(`a key is not ${this.#keySizeBits} bits long`, true);
    return fail(withBurnt(wrong, [key.value]));
  }

  async #call(
    path: string,
    kinds: Readonly<Record<number, ClientError['kind']>>,
    delivers: boolean,
  ): Promise<Result<Uint8Array, ClientError>> {
    try {
      const response = await this.#transport.request({ method: 'GET', path });
      return response.status === 200 ? ok(response.body) : fail(refusal(response, kinds, delivers));
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
}

/** A status that the table does not have, 500 among them, may have cost the key: "cannot read or zeroise". */
function refusal(
  response: KmeResponse,
  kinds: Readonly<Record<number, ClientError['kind']>>,
  delivers: boolean,
): ClientError {
  response.body.fill(0);
  const kind = kinds[response.status];
  return {
    kind: kind ?? 'bad-answer',
    detail: `the key provider answered ${response.status}`,
    mayHaveBurnt: delivers && kind === undefined,
    burntKeyIds: [],
  };
}

function badAnswer(detail: string, mayHaveBurnt: boolean): ClientError {
  return {
    kind: 'bad-answer',
    detail: `the key provider's answer: ${detail}`,
    mayHaveBurnt,
    burntKeyIds: [],
  };
}

function withBurnt(error: ClientError, keys: readonly DeliveredKey[]): ClientError {
  for (const key of keys) key.secret.wipe();
  return { ...error, burntKeyIds: [...error.burntKeyIds, ...keys.map((key) => key.keyId)] };
}
