/**
 * A conformance probe for any KME: asks what ETSI GS QKD 014 V1.1.1 says how to answer, and reports check by check. It
 * spends a handful of keys of the pair and says how many. Nothing in a report comes from a key.
 *
 * `fail`: a client that follows the standard will not work. `warn`: it works with a profile of quirks.ts, or something is
 * unusual. `skip`: the check needs what was not given, or what an earlier check did not find.
 */
import { fail, ok, type Result } from '../result.ts';
import type { KmeRequest, KmeResponse, KmeTransport } from './client.ts';
import { decodeErrorMessage, decodeKeyContainer, decodeStatus } from './decode.ts';
import { type DeliveredKey, ERROR_MESSAGES, METHODS, methodPath, type Status } from './types.ts';

/** What one check found. */
export interface ProbeFinding {
  readonly check: string;
  /** Of ETSI GS QKD 014. */
  readonly clause: string;
  readonly verdict: 'pass' | 'warn' | 'fail' | 'skip';
  readonly detail: string;
}

/** The whole report. */
export interface ProbeReport {
  readonly findings: readonly ProbeFinding[];
  /** Keys that the probe took out of the pool. */
  readonly keysSpent: number;
  /** Median of all answers, ms. */
  readonly medianMs: number;
}

/** Who asks whom. */
export interface ProbeTarget {
  /** With the certificate of `saeId`, the KME confirmed by `kmeId`. */
  readonly transport: KmeTransport;
  readonly kmeId: string;
  readonly saeId: string;
  /** The SAE at the other end of the pair. */
  readonly peerSaeId: string;
  /** That SAE at its own KME: without it the round trip is skipped. */
  readonly peer?: KmeTransport;
  /** The same KME asked without a certificate: it should not get as far as an answer. */
  readonly anonymous?: KmeTransport;
  /** A clock that does not go back, ms. */
  readonly now: () => number;
}

type Outcome = Omit<ProbeFinding, 'check' | 'clause'>;

/** One check: a row. */
interface Check {
  readonly name: string;
  readonly clause: string;
  run(probe: Probe): Promise<Outcome>;
}

/** An ID that no KME has drawn: version 4, all else zero. */
const NO_KEY = '00000000-0000-4000-8000-000000000000';
/** Slower than this, keys should be prefetched. */
const SLOW_MS = 100;

/** Runs every check, in order. Never rejects for what a KME does. */
export async function probeKme(target: ProbeTarget): Promise<ProbeReport> {
  const probe = new Probe(target);
  const findings: ProbeFinding[] = [];
  for (const { name, clause, run } of CHECKS) {
    const outcome = await run(probe).catch((error: unknown) =>
      failed(error instanceof Error ? error.message : 'the check failed'),
    );
    findings.push({ check: name, clause, ...outcome });
  }
  probe.wipe();
  return { findings, keysSpent: probe.keysSpent, medianMs: probe.medianMs() };
}

const passed = (detail: string): Outcome => ({ verdict: 'pass', detail });
const warned = (detail: string): Outcome => ({ verdict: 'warn', detail });
const failed = (detail: string): Outcome => ({ verdict: 'fail', detail });
const skipped = (detail: string): Outcome => ({ verdict: 'skip', detail });

/** What the checks share: the way to the KME, its status, the keys drawn for the round trip. */
class Probe {
  readonly target: ProbeTarget;
  status: Status | undefined;
  drawn: readonly DeliveredKey[] = [];
  keysSpent = 0;
  readonly #times: number[] = [];

  constructor(target: ProbeTarget) {
    this.target = target;
  }

  /** Rejects with what the transport says. */
  async ask(request: KmeRequest, transport = this.target.transport): Promise<KmeResponse> {
    const began = this.target.now();
    const response = await transport.request(request);
    this.#times.push(this.target.now() - began);
    return response;
  }

  /** A Key request as JSON; undefined: an empty body. [ETSI014 5.3] */
  draw(members?: Readonly<Record<string, unknown>>, slave = this.target.peerSaeId): Promise<KmeResponse> {
    const body = members === undefined ? new Uint8Array(0) : encode(members);
    return this.ask({ method: 'POST', path: methodPath(slave, METHODS.encKeys), body });
  }

  /** Keys of a container, counted; the body is wiped. */
  keysOf(response: KmeResponse): Result<readonly DeliveredKey[], string> {
    if (response.status !== 200) return fail(answered(response));
    const { keys, fault } = decodeKeyContainer(response.body);
    response.body.fill(0);
    this.keysSpent += keys.length;
    if (fault === undefined) return ok(keys);
    wipe(keys);
    return fail(fault);
  }

  medianMs(): number {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? 0;
  }

  wipe(): void {
    wipe(this.drawn);
  }
}

function wipe(keys: readonly DeliveredKey[]): void {
  for (const key of keys) key.secret.wipe();
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Status and text of a refusal. */
function answered(response: KmeResponse): string {
  const message = decodeErrorMessage(response.body);
  response.body.fill(0);
  return `it answered ${response.status}${message === undefined ? ' without a message' : `: ${message}`}`;
}

/** Draws keys that nobody will use, and says what is wrong with them, if anything. */
async function drawAndJudge(
  probe: Probe,
  response: KmeResponse,
  number: number,
  sizeBits: number,
): Promise<Outcome> {
  const keys = probe.keysOf(response);
  if (!keys.ok) return failed(keys.error);
  const lengths = keys.value.map((key) => key.secret.length * 8);
  const ids = new Set(keys.value.map((key) => key.keyId));
  wipe(keys.value);
  if (keys.value.length !== number) return failed(`${keys.value.length} keys instead of ${number}`);
  if (ids.size !== number) return failed('a key ID stands twice');
  const wrong = lengths.find((length) => length !== Math.ceil(sizeBits / 8) * 8);
  return wrong === undefined
    ? passed(`${number} of ${sizeBits} bits`)
    : failed(`a key of ${wrong} bits instead of ${sizeBits}`);
}

/** A request that must be refused with 400, ideally in the standard's own words. */
async function mustRefuse(probe: Probe, response: KmeResponse, words?: string): Promise<Outcome> {
  if (response.status === 200) {
    const keys = probe.keysOf(response);
    if (keys.ok) wipe(keys.value);
    return failed('it delivered');
  }
  const message = decodeErrorMessage(response.body);
  const detail = answered(response);
  if (response.status !== 400) return warned(`${detail} (400 is expected)`);
  if (words !== undefined && message !== words)
    return warned(`${detail} (the standard's text is "${words}")`);
  return passed(detail);
}

const CHECKS: readonly Check[] = [
  {
    name: 'refuses a client without a certificate',
    clause: '5.1',
    run: async ({ target }) => {
      if (target.anonymous === undefined) return skipped('not tried');
      const path = methodPath(target.peerSaeId, METHODS.status);
      const response = await target.anonymous.request({ method: 'GET', path }).catch(() => undefined);
      if (response === undefined) return passed('the connection is refused');
      return response.status === 401 ? passed('401') : failed(answered(response));
    },
  },
  {
    name: 'status has every member',
    clause: '6.1',
    run: async (probe) => {
      const path = methodPath(probe.target.peerSaeId, METHODS.status);
      const response = await probe.ask({ method: 'GET', path });
      if (response.status !== 200) return failed(answered(response));
      const status = decodeStatus(response.body);
      if (!status.ok) return failed(status.error);
      probe.status = status.value;
      return passed(`${status.value.storedKeyCount} keys of ${status.value.keySizeBits} bits are stored`);
    },
  },
  {
    name: 'status names the pair that was asked for',
    clause: '6.1',
    run: async ({ status, target }) => {
      if (status === undefined) return skipped('no status');
      const named = [
        ['source_KME_ID', status.sourceKmeId, target.kmeId],
        ['master_SAE_ID', status.masterSaeId, target.saeId],
        ['slave_SAE_ID', status.slaveSaeId, target.peerSaeId],
      ] as const;
      const wrong = named.filter(([, told, expected]) => told !== expected);
      if (wrong.length === 0) return passed('as asked');
      return warned(
        wrong.map(([member, told, expected]) => `${member} is ${told}, not ${expected}`).join('; '),
      );
    },
  },
  {
    name: 'status has limits that fit together',
    clause: '6.1',
    run: async ({ status }) => {
      if (status === undefined) return skipped('no status');
      const { keySizeBits, minKeySizeBits, maxKeySizeBits, maxKeyPerRequest } = status;
      if (minKeySizeBits > keySizeBits || keySizeBits > maxKeySizeBits)
        return failed(`key_size ${keySizeBits} is not within ${minKeySizeBits} to ${maxKeySizeBits}`);
      if (maxKeyPerRequest < 1) return failed('max_key_per_request is 0');
      if (minKeySizeBits > 256 || maxKeySizeBits < 256) return failed('keys of 256 bits cannot be had');
      return passed(`${minKeySizeBits} to ${maxKeySizeBits} bits, ${maxKeyPerRequest} keys per request`);
    },
  },
  {
    name: 'enc_keys by POST with an empty body gives one key of the default size',
    clause: '5.3',
    run: async (probe) => {
      const size = probe.status?.keySizeBits;
      if (size === undefined) return skipped('no status');
      return drawAndJudge(probe, await probe.draw(), 1, size);
    },
  },
  {
    name: 'enc_keys by POST gives the number and size asked for',
    clause: '6.2',
    run: async (probe) => {
      if ((probe.status?.maxKeyPerRequest ?? 0) < 2) return skipped('it gives one key per request');
      return drawAndJudge(probe, await probe.draw({ number: 2, size: 256 }), 2, 256);
    },
  },
  {
    name: 'enc_keys by GET gives the number and size asked for',
    clause: '5.3',
    run: async (probe) => {
      const path = `${methodPath(probe.target.peerSaeId, METHODS.encKeys)}?number=1&size=256`;
      const outcome = await drawAndJudge(probe, await probe.ask({ method: 'GET', path }), 1, 256);
      return outcome.verdict === 'fail'
        ? warned(`${outcome.detail}; POST is what this client uses`)
        : outcome;
    },
  },
  {
    name: 'a size that is no multiple of 8 is refused, or met',
    clause: '6.5',
    run: async (probe) => {
      const response = await probe.draw({ number: 1, size: 255 });
      if (response.status === 200) return drawAndJudge(probe, response, 1, 255);
      return mustRefuse(probe, response, ERROR_MESSAGES.sizeNotMultipleOf8);
    },
  },
  {
    name: 'more keys than max_key_per_request are refused',
    clause: '6.2',
    run: async (probe) => {
      const most = probe.status?.maxKeyPerRequest;
      if (most === undefined) return skipped('no status');
      return mustRefuse(probe, await probe.draw({ number: most + 1, size: 256 }));
    },
  },
  {
    name: 'a size above max_key_size is refused',
    clause: '6.2',
    run: async (probe) => {
      const largest = probe.status?.maxKeySizeBits;
      if (largest === undefined) return skipped('no status');
      return mustRefuse(probe, await probe.draw({ number: 1, size: largest + 8 }));
    },
  },
  {
    name: 'an unknown mandatory extension is refused',
    clause: '6.2',
    run: async (probe) =>
      mustRefuse(
        probe,
        await probe.draw({ extension_mandatory: [{ qn3iwf_probe: true }] }),
        ERROR_MESSAGES.mandatoryNotSupported,
      ),
  },
  {
    name: 'an unknown optional extension does no harm',
    clause: '6.2',
    run: async (probe) => {
      const response = await probe.draw({ extension_optional: [{ qn3iwf_probe: true }] });
      if (response.status !== 200) return mustRefuse(probe, response, ERROR_MESSAGES.optionalNotHandled);
      return drawAndJudge(probe, response, 1, probe.status?.keySizeBits ?? 256);
    },
  },
  {
    name: 'a body that is no JSON is refused',
    clause: '6.2',
    run: async (probe) => {
      const path = methodPath(probe.target.peerSaeId, METHODS.encKeys);
      return mustRefuse(
        probe,
        await probe.ask({ method: 'POST', path, body: new TextEncoder().encode('{"number":') }),
      );
    },
  },
  {
    name: 'a pair that does not exist gets no key',
    clause: '5.3',
    run: async (probe) => {
      const outcome = await mustRefuse(probe, await probe.draw({ number: 1 }, 'qn3iwf-probe-no-such-sae'));
      // 401 is as good an answer: nobody may ask for that pair.
      return outcome.detail.startsWith('it answered 401') ? passed('401') : outcome;
    },
  },
  {
    name: 'dec_keys of an unknown key ID is refused',
    clause: '5.4',
    run: async (probe) => {
      const path = methodPath(probe.target.peerSaeId, METHODS.decKeys);
      const body = encode({ key_IDs: [{ key_ID: NO_KEY }] });
      return mustRefuse(probe, await probe.ask({ method: 'POST', path, body }), ERROR_MESSAGES.keysNotFound);
    },
  },
  {
    name: 'dec_keys gives the slave the same keys',
    clause: '5.4',
    run: async (probe) => {
      if (probe.target.peer === undefined) return skipped('no credentials of the other SAE');
      const drawn = probe.keysOf(await probe.draw({ number: 1, size: 256 }));
      if (!drawn.ok) return failed(`enc_keys: ${drawn.error}`);
      probe.drawn = drawn.value;
      const fetched = probe.keysOf(await collectDrawn(probe));
      if (!fetched.ok) return failed(fetched.error);
      probe.keysSpent -= fetched.value.length;
      const same = fetched.value.every(
        (key, index) => drawn.value[index]?.secret.equals(key.secret) === true,
      );
      wipe(fetched.value);
      return same && fetched.value.length === 1 ? passed('equal at both ends') : failed('the keys differ');
    },
  },
  {
    name: 'dec_keys gives a key once',
    clause: '5.4',
    run: async (probe) => {
      if (probe.drawn.length === 0) return skipped('no key was fetched');
      return mustRefuse(probe, await collectDrawn(probe), ERROR_MESSAGES.keysNotFound);
    },
  },
  {
    name: 'answers are fast enough to ask during a handshake',
    clause: '4',
    run: async (probe) => {
      const median = Math.round(probe.medianMs());
      return median < SLOW_MS
        ? passed(`${median} ms in the middle`)
        : warned(`${median} ms in the middle: prefetch or announce keys`);
    },
  },
];

/** The drawn keys, asked for by the other SAE. */
async function collectDrawn(probe: Probe): Promise<KmeResponse> {
  const path = methodPath(probe.target.saeId, METHODS.decKeys);
  const body = encode({ key_IDs: probe.drawn.map((key) => ({ key_ID: key.keyId })) });
  return probe.ask({ method: 'POST', path, body }, probe.target.peer);
}
