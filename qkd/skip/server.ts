/**
 * The key provider's side of SKIP, over the same network of key managers as the ETSI 014 server: a key drawn by one
 * interface can be fetched by the other. Pure: TLS with its pre-shared key, which names the system that asks, is the
 * shell's, and so are the clock and the randomness for `/entropy`.
 */
import type { KmeNetwork, NetworkError } from '../etsi014/kme-network.ts';
import type { KmeServer, ServerAnswer, ServerRequest } from '../etsi014/kme-server.ts';
import type { DeliveredKey } from '../etsi014/types.ts';
import { encodeCapabilities, encodeSkipKey, uuidOfSkipId } from './messages.ts';

/** Answers of SKIP; bodies as with {@link ServerAnswer}. */
export type SkipAnswer = Omit<ServerAnswer, 'status'> & {
  readonly status: ServerAnswer['status'] | 500;
};

/** What one provider offers. */
export interface SkipServerOptions {
  readonly kmeId: string;
  readonly network: KmeNetwork;
  /** Systems at other sites, as globs; for `/capabilities`. */
  readonly remoteSystemIds: readonly string[];
  /** For `/entropy` alone: keys come from the links. */
  readonly random: (length: number) => Uint8Array;
}

const EMPTY = new Uint8Array(0);
const DEFAULT_BITS = 256;
const MAX_BITS = 1024;
const utf8 = new TextEncoder();

/** One key provider; {@link KmeServer} is its twin for ETSI 014. */
export class SkipServer {
  readonly #options: SkipServerOptions;

  constructor(options: SkipServerOptions) {
    this.#options = options;
  }

  /** The KME that it stands at. */
  get kmeId(): KmeServer['kmeId'] {
    return this.#options.kmeId;
  }

  /** Answers one request of the system that the pre-shared key names; `now` is the clock of the links, ms. */
  handle(systemId: string | undefined, request: ServerRequest, now: number): SkipAnswer {
    if (systemId === undefined || this.#options.network.kmeOf(systemId) !== this.#options.kmeId)
      return answer(401);
    const [path = '', query = ''] = request.path.split('?', 2);
    const [, endpoint, keyId] = /^\/(capabilities|key|entropy)(?:\/([^/]*))?$/.exec(path) ?? [];
    if (endpoint === undefined || (keyId !== undefined && endpoint !== 'key')) return answer(404);
    if (request.method !== 'GET') return answer(405);
    const parameters = new URLSearchParams(query);
    if (endpoint === 'capabilities') return this.#capabilities(systemId);
    if (endpoint === 'entropy') return this.#entropy(parameters);
    const remote = parameters.get('remoteSystemID');
    if (remote === null) return answer(400);
    return keyId === undefined
      ? this.#draw(systemId, remote, parameters, now)
      : this.#collect(systemId, remote, keyId);
  }

  /** */
  #capabilities(localSystemId: string): SkipAnswer {
    const { remoteSystemIds } = this.#options;
    return answer(
      200,
      encodeCapabilities({ entropy: true, key: true, algorithm: 'QKD', localSystemId, remoteSystemIds }),
    );
  }

  /** */
  #draw(systemId: string, remote: string, parameters: URLSearchParams, now: number): SkipAnswer {
    const bits = bitsOf(parameters.get('size'));
    if (bits === undefined || remote === systemId) return answer(400);
    const drawn = this.#options.network.draw(now, systemId, [remote], 1, bits);
    return drawn.ok ? keyAnswer(drawn.value) : answer(NETWORK_STATUS[drawn.error]);
  }

  /** The key is gone once it is handed out; an unknown one and somebody else's look the same. */
  #collect(systemId: string, remote: string, hexId: string): SkipAnswer {
    const keyId = uuidOfSkipId(hexId);
    if (keyId === undefined) return answer(400);
    const collected = this.#options.network.collect(remote, systemId, [keyId]);
    return collected.ok ? keyAnswer(collected.value) : answer(400);
  }

  /** Random bits of the provider, no key of a link. */
  #entropy(parameters: URLSearchParams): SkipAnswer {
    const bits = bitsOf(parameters.get('minentropy'));
    if (bits === undefined) return answer(400);
    const octets = this.#options.random(bits / 8);
    const hex = Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
    return answer(200, utf8.encode(JSON.stringify({ randomStr: hex, minentropy: bits })));
  }
}

/** An unknown system is a bad request; used up passes. */
const NETWORK_STATUS = {
  'unknown-sae': 400,
  'no-link': 400,
  exhausted: 503,
} as const satisfies Readonly<Record<NetworkError, number>>;

function answer(status: SkipAnswer['status'], body: Uint8Array = EMPTY): SkipAnswer {
  return { status, body };
}

/** Whole octets up to 1024 bits; 256 when nothing is said. */
function bitsOf(text: string | null): number | undefined {
  if (text === null) return DEFAULT_BITS;
  const bits = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return bits >= 8 && bits <= MAX_BITS && bits % 8 === 0 ? bits : undefined;
}

function keyAnswer([key]: readonly DeliveredKey[]): SkipAnswer {
  if (key === undefined) return answer(500);
  const body = encodeSkipKey(key);
  key.secret.wipe();
  return answer(200, body);
}
