/**
 * The keys of one peer that this SAE draws as master: who waits for one, and how many to keep ready. At most one request
 * to the KME is under way per peer; whoever asks meanwhile shares the next one.
 */
import type { ClientError } from '../etsi014/client.ts';
import type { DeliveredKey } from '../etsi014/types.ts';
import type { Result } from '../result.ts';
import { type KeyReply, refused } from './reply.ts';

/** When to fill and how far. Prefetching costs freshness: keys wait, and may expire. */
export interface PoolMarks {
  /** Below this many stored keys the pool is filled, up to the high mark. 0 and 0: no prefetch. */
  readonly low: number;
  readonly high: number;
  /** Keys asked for in one request at most. */
  readonly maxPerRequest: number;
  /** Time after a failed refill until the next, before jitter, doubled up to 16 times it. */
  readonly backOffMs: number;
}

const DEFAULT_MARKS: PoolMarks = { low: 0, high: 0, maxPerRequest: 64, backOffMs: 1000 };

/** What the pool asks of the store that it belongs to. */
export interface PoolPorts {
  /** Keys that wait; Infinity when the storage cannot be read, since a refill could not be written down either. */
  stored(): Promise<number>;
  draw(number: number): Promise<Result<readonly DeliveredKey[], ClientError>>;
  accept(keys: readonly DeliveredKey[], wanted: number): Promise<readonly KeyReply[]>;
  failed(error: ClientError, number: number): Promise<KeyReply>;
  now(): number;
  random(length: number): Uint8Array;
}

/** Errors after which the KME has spent nothing, so that a smaller request is no repeat. */
const WORTH_A_SMALLER_REQUEST: ReadonlySet<ClientError['kind']> = new Set(['unavailable', 'bad-request']);

export class MasterPool {
  readonly #marks: PoolMarks;
  readonly #ports: PoolPorts;
  #waiters: ((reply: KeyReply) => void)[] = [];
  #busy = false;
  #closed = false;
  #failures = 0;
  #notBeforeMs = 0;
  /** Stored keys as last counted, less those taken since: counting costs time that grows with the pool. */
  #stock: number | undefined;
  /** The last count that there was. */
  #counted = 0;

  constructor(marks: Partial<PoolMarks>, ports: PoolPorts) {
    this.#marks = { ...DEFAULT_MARKS, ...marks };
    this.#ports = ports;
  }

  /** Resolves with the next key that the KME gives, or with its refusal. */
  wait(): Promise<KeyReply> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(refused('closed'));
      this.#waiters.push(resolve);
      void this.#run();
    });
  }

  /** Whether the stock is known to hold a key, so that a look can be spared. */
  get likely(): boolean {
    return this.#stock !== undefined && this.#stock > 0;
  }

  /** Keys that wait, as they were counted last. */
  get count(): number {
    return Math.max(0, this.#stock ?? this.#counted);
  }

  /** One key was taken from the stock. */
  taken(): void {
    if (this.#stock !== undefined) this.#stock--;
    if (this.#mayBeLow()) void this.#run();
  }

  /** The stock held less than it was thought to: another process took from it. */
  miscounted(): void {
    this.#stock = undefined;
    this.#counted = 0;
  }

  /** Counts, and fills up to the high mark when below the low one, unless the last try failed a short time ago. */
  refill(): void {
    this.#counted = this.count;
    this.#stock = undefined;
    if (this.#mayBeLow()) void this.#run();
  }

  /** A request under way still ends in the books; nobody waits for it any more. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#waiters.splice(0)) resolve(refused('closed'));
  }

  /** Without a count. */
  #mayBeLow(): boolean {
    const { low, high } = this.#marks;
    if (this.#closed || high === 0 || this.#ports.now() < this.#notBeforeMs) return false;
    return this.#stock === undefined || this.#stock < low;
  }

  /** Keys up to the high mark; 0 while the stock is above the low one. */
  async #missing(): Promise<number> {
    if (!this.#mayBeLow()) return 0;
    const { low, high } = this.#marks;
    this.#stock = await this.#ports.stored();
    return this.#stock < low ? high - this.#stock : 0;
  }

  /** One request after the other until nobody waits and nothing is missing. Never rejects. */
  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      // Everyone who asked in this turn shares the first request.
      await Promise.resolve();
      let filling = await this.#missing();
      while (!this.#closed && (this.#waiters.length > 0 || filling > 0)) {
        const gained = await this.#request(
          Math.min(this.#marks.maxPerRequest, this.#waiters.length + filling),
        );
        filling = gained ? Math.max(0, await this.#filling(filling)) : 0;
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Once begun, filling goes on to the high mark, not only to the low one. */
  async #filling(before: number): Promise<number> {
    if (before === 0) return await this.#missing();
    this.#stock ??= await this.#ports.stored();
    return this.#marks.high - this.#stock;
  }

  /** False: the KME gave nothing, those who waited were told, and refills pause. */
  async #request(number: number): Promise<boolean> {
    const answer = await this.#ports.draw(number);
    if (answer.ok) {
      this.#failures = 0;
      await this.#serve(answer.value);
      return true;
    }
    if (WORTH_A_SMALLER_REQUEST.has(answer.error.kind) && number > 1)
      return await this.#request(Math.floor(number / 2));
    this.#pause();
    const waiters = this.#waiters.splice(0);
    const reply = await this.#ports.failed(answer.error, number);
    for (const resolve of waiters) resolve(reply);
    return false;
  }

  async #serve(keys: readonly DeliveredKey[]): Promise<void> {
    const waiters = this.#waiters.splice(0, keys.length);
    const replies = await this.#ports.accept(keys, waiters.length);
    // Not counted again: counting costs time that grows with the pool. The next refill from outside counts.
    if (this.#stock !== undefined) this.#stock += keys.length - waiters.length;
    for (const [index, resolve] of waiters.entries())
      resolve(replies[index] ?? refused('bad-answer', undefined, 'the KME gave fewer keys than asked for'));
  }

  /** Doubling, with up to a half more by chance, so that many stores do not ask in step. */
  #pause(): void {
    const [chance = 0] = this.#ports.random(1);
    const base = this.#marks.backOffMs * 2 ** Math.min(4, this.#failures++);
    this.#notBeforeMs = this.#ports.now() + base * (1 + chance / 512);
  }
}
