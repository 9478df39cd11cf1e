/** A store over a KME that a test holds in its hand, with a clock that a test moves. */
import { createHash } from 'node:crypto';
import {
  type ClientError,
  type Clock,
  type DeliveredKey,
  type KeySource,
  KeyStore,
  type KeyStoreParts,
  MemoryKeyStorage,
  type Result,
  Secret,
} from '#qkd';

export class FakeClock implements Clock {
  wall = 1_800_000_000_000;
  monotonic = 5000;

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }
}

export function keyIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** The key of an ID, so that a test can tell whether it got the right one. */
export function bytesOf(keyId: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(keyId).digest());
}

export function keyOf(keyId: string): DeliveredKey {
  return { keyId, secret: Secret.own(bytesOf(keyId)) };
}

export function errorOf(kind: ClientError['kind'], more: Partial<ClientError> = {}): ClientError {
  return { kind, detail: `the KME: ${kind}`, mayHaveBurnt: false, burntKeyIds: [], ...more };
}

/** Gives each key once, as a KME does; `fail` makes the next calls fail. */
export class FakeKme implements KeySource {
  readonly asked: string[] = [];
  /** Keys that peers drew for us and we may fetch. */
  readonly waiting = new Set<string>();
  readonly given: Secret[] = [];
  fail: ClientError[] = [];
  /** At most so many keys per request; more is `unavailable`. */
  limit = 1000;
  /** A test that sets it decides when calls are answered. */
  gate: Promise<void> = Promise.resolve();
  #next: number;

  constructor(firstNumber = 1) {
    this.#next = firstNumber;
  }

  async encKeys(slave: string, number: number): Promise<Result<readonly DeliveredKey[], ClientError>> {
    this.asked.push(`enc ${slave} ${number}`);
    await this.gate;
    const error = this.fail.shift() ?? (number > this.limit ? errorOf('unavailable') : undefined);
    if (error !== undefined) return { ok: false, error };
    return this.#give(Array.from({ length: number }, () => keyIdOf(this.#next++)));
  }

  async decKeys(
    master: string,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>> {
    this.asked.push(`dec ${master} ${keyIds.join(' ')}`);
    await this.gate;
    const error =
      this.fail.shift() ??
      (keyIds.every((keyId) => this.waiting.has(keyId)) ? undefined : errorOf('unknown-key'));
    if (error !== undefined) return { ok: false, error };
    for (const keyId of keyIds) this.waiting.delete(keyId);
    return this.#give(keyIds);
  }

  #give(keyIds: readonly string[]): Result<readonly DeliveredKey[], ClientError> {
    const keys = keyIds.map(keyOf);
    this.given.push(...keys.map((key) => key.secret));
    return { ok: true, value: keys };
  }
}

/** A storage whose next transactions fail as they commit, like a full disk. */
export class FailingStorage extends MemoryKeyStorage {
  failures = 0;

  protected override beforeCommit(): void {
    if (this.failures === 0) return;
    this.failures--;
    throw new Error('database or disk is full');
  }
}

export interface Bench {
  readonly store: KeyStore;
  readonly kme: FakeKme;
  readonly clock: FakeClock;
  readonly storage: MemoryKeyStorage;
}

let counter = 0;

/** Octets that differ from call to call and from run to run not at all. */
export function random(length: number): Uint8Array {
  const octets = createHash('shake256', { outputLength: length }).update(`random ${counter++}`).digest();
  return new Uint8Array(octets);
}

type BenchParts = Partial<KeyStoreParts> & {
  kme?: FakeKme;
  fakeClock?: FakeClock;
  storage?: MemoryKeyStorage;
};

export async function bench(parts: BenchParts = {}): Promise<Bench> {
  const kme = parts.kme ?? new FakeKme();
  const clock = parts.fakeClock ?? new FakeClock();
  const storage = parts.storage ?? new MemoryKeyStorage();
  const store = await KeyStore.open({ source: kme, clock, random, ...parts, storage });
  return { store, kme, clock, storage };
}
