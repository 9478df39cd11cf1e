/**
 * The local key store of one SAE. It asks its KME for keys, keeps the ones that were asked for ahead of need, and gives
 * each key out at most once over all its lives: {choose, mark used, audit row} is one durable transaction, and only when
 * it is written does the key leave this class. A crash in between burns the key; it never gives it twice.
 *
 * Methods that give a key resolve, always, to a {@link KeyReply}. {@link KeyStore.maintain} is called by the shell now and
 * then; {@link KeyStore.counts} only looks.
 */
import type { ClientError } from '../etsi014/client.ts';
import { type DeliveredKey, isKeyId } from '../etsi014/types.ts';
import type { Result } from '../result.ts';
import { Secret } from '../secret.ts';
import { CommitGroup } from './commit-group.ts';
import type { KeyRow, KeyStorage } from './key-storage.ts';
import { Ledger, type Pair } from './ledger.ts';
import { MasterPool, type PoolMarks } from './master-pool.ts';
import { type KeyReply, refused } from './reply.ts';
import { Sealer } from './sealer.ts';
import { type Clock, StoreClock } from './store-clock.ts';

/** Where keys come from: an ETSI 014 client, or anything that behaves like one. */
export interface KeySource {
  encKeys(slaveSaeId: string, number: number): Promise<Result<readonly DeliveredKey[], ClientError>>;
  decKeys(
    masterSaeId: string,
    keyIds: readonly string[],
  ): Promise<Result<readonly DeliveredKey[], ClientError>>;
}

/** What a store is built from; everything that touches the world is handed in. */
export interface KeyStoreParts {
  readonly source: KeySource;
  readonly storage: KeyStorage;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  /**
   * Seals prefetched keys on disk, 32 octets; taken over and wiped by the store. Without it a fresh one is made, so that
   * keys prefetched by an earlier process are burnt.
   */
  readonly keyEncryptionKey?: Secret;
  readonly maxAgeMs?: number;
  /** Prefetch for {@link KeyStore.obtain}; without it every key is asked for when it is needed. */
  readonly pool?: Partial<PoolMarks>;
  /** Names keys in the audit record by a keyed hash instead of their ID. */
  readonly auditIdKey?: Secret;
}

/** The books: every key received is in exactly one of the states. */
export interface KeyCounts {
  /** Keys that came from the KME: the sum of all that follow, `used` holding those retired since. */
  readonly delivered: number;
  readonly used: number;
  readonly burnt: number;
  readonly stored: number;
  readonly expired: number;
  readonly quarantined: number;
  /** Keys that the KME may have spent on an answer that never came; not part of `delivered`. */
  readonly suspected: number;
}

export class KeyStore {
  readonly #source: KeySource;
  readonly #storage: KeyStorage;
  readonly #clock: StoreClock;
  readonly #ledger: Ledger;
  readonly #commits: CommitGroup;
  readonly #pools = new Map<string, MasterPool>();
  readonly #fetching = new Map<string, Promise<KeyReply>>();
  readonly #announced = new Map<string, Promise<number>>();
  readonly #parts: KeyStoreParts;
  readonly #maxAgeMs: number;
  readonly #sealer: Sealer;
  #suspected = 0;
  #unrecorded = 0;
  #closed = false;

  /** Throws when `storage` cannot be read. Keys sealed in another epoch are burnt here. */
  constructor(parts: KeyStoreParts) {
    this.#parts = parts;
    this.#source = parts.source;
    this.#storage = parts.storage;
    this.#maxAgeMs = parts.maxAgeMs ?? Number.POSITIVE_INFINITY;
    this.#clock = new StoreClock(parts.clock, parts.storage.lastAudit()?.atMs ?? 0);
    const kek = parts.keyEncryptionKey ?? Secret.own(parts.random(32));
    const sealer = new Sealer(kek, parts.random);
    kek.wipe();
    this.#sealer = sealer;
    this.#ledger = new Ledger({
      storage: parts.storage,
      clock: this.#clock,
      sealer,
      maxAgeMs: this.#maxAgeMs,
      auditIdKey: parts.auditIdKey,
    });
    this.#commits = new CommitGroup(parts.storage);
    this.#changeStored((row) => row.epoch !== sealer.epoch, 'burnt', 'sealed in another epoch');
  }

  /** A key to share with `peerSae`, this SAE being the master: from the pool, or asked for now. */
  async obtain(peerSae: string): Promise<KeyReply> {
    if (this.#closed) return refused('closed');
    const pool = this.#pool(peerSae);
    try {
      const reply = await this.#fromPool({ peer: peerSae, role: 'master' });
      if (reply === undefined) return await pool.wait();
      pool.taken();
      return reply;
    } catch (error) {
      return storageFailed(error);
    }
  }

  /** A look before the transaction, so that a store without a pool pays for one transaction per key, not two. */
  async #fromPool(pair: Pair): Promise<KeyReply | undefined> {
    if (this.#storage.oldestStored(pair.peer, pair.role) === undefined) return undefined;
    return await this.#commit(() => this.#ledger.useOldest(pair), refused('storage-failed'));
  }

  /**
   * The key that `peerSae` drew and named to us. Several calls for one ID at the same time: one gets the key. An ID that
   * was given out once is refused ever after, without a question to the KME.
   */
  async fetch(peerSae: string, keyId: string): Promise<KeyReply> {
    if (this.#closed) return refused('closed', keyId);
    const id = keyId.toLowerCase();
    if (!isKeyId(id)) return refused('unknown-key', keyId, 'a key ID is a UUID');
    const ahead = this.#fetching.get(id);
    if (ahead !== undefined) {
      const reply = await ahead;
      return reply.status === 'ok' ? refused('already-used', id) : reply;
    }
    const fetched = this.#fetchOnce({ peer: peerSae, role: 'slave' }, id).catch((error: unknown) =>
      storageFailed(error, id),
    );
    this.#fetching.set(id, fetched);
    try {
      return await fetched;
    } finally {
      this.#fetching.delete(id);
    }
  }

  /** A key that is announced meanwhile is waited for; a second question to the KME would find it gone. */
  async #fetchOnce(pair: Pair, keyId: string): Promise<KeyReply> {
    await this.#announced.get(keyId);
    const known = this.#ledger.knownRefusal(pair, keyId);
    if (known !== undefined) return known;
    if (this.#storage.find(keyId) !== undefined) return await this.#useStored(pair, keyId);
    const answer = await this.#source.decKeys(pair.peer, [keyId]);
    if (!answer.ok) return await this.#sourceFailed(pair, answer.error, 1, keyId);
    const [key] = answer.value;
    if (key === undefined) return refused('bad-answer', keyId);
    const lost = (): void => this.#lose([key]);
    return await this.#commit(
      () => this.#ledger.useReceived(pair, key.keyId, key.secret),
      refused('storage-failed', keyId),
      lost,
    );
  }

  /** Looks again within the transaction: another process may have taken the key since. */
  #useStored(pair: Pair, keyId: string): Promise<KeyReply> {
    return this.#commit(
      () => {
        const refusal = this.#ledger.knownRefusal(pair, keyId);
        const row = this.#storage.find(keyId);
        return refusal ?? (row === undefined ? refused('unknown-key', keyId) : this.#ledger.useStored(row));
      },
      refused('storage-failed', keyId),
    );
  }

  /**
   * Fetches keys that `peerSae` announced, ahead of their use, so that {@link fetch} does not wait for the KME. Gives the
   * number that is now in the store.
   */
  async announce(peerSae: string, keyIds: readonly string[]): Promise<number> {
    if (this.#closed) return 0;
    const fresh = [...new Set(keyIds.map((keyId) => keyId.toLowerCase()))].filter((keyId) =>
      this.#isNew(keyId),
    );
    if (fresh.length === 0) return 0;
    const coming = this.#fetchAhead({ peer: peerSae, role: 'slave' }, fresh);
    for (const keyId of fresh) this.#announced.set(keyId, coming);
    try {
      return await coming;
    } finally {
      for (const keyId of fresh) this.#announced.delete(keyId);
    }
  }

  /** Worth asking the KME for: a key ID, not in the books, not on its way. */
  #isNew(keyId: string): boolean {
    if (!isKeyId(keyId) || this.#fetching.has(keyId) || this.#announced.has(keyId)) return false;
    return this.#read(() => this.#storage.find(keyId) === undefined, false);
  }

  /** All of the keys or none, as the KME delivers them. */
  async #fetchAhead(pair: Pair, keyIds: readonly string[]): Promise<number> {
    const answer = await this.#source.decKeys(pair.peer, keyIds);
    if (!answer.ok) {
      await this.#sourceFailed(pair, answer.error, keyIds.length);
      return 0;
    }
    const store = (): number => {
      for (const key of answer.value) this.#ledger.store(pair, key.keyId, key.secret);
      return answer.value.length;
    };
    return await this.#commit(store, 0, () => this.#lose(answer.value));
  }

  /** The SA that a key went into is gone. */
  async retire(keyId: string): Promise<boolean> {
    return await this.#commit(() => {
      const row = this.#storage.find(keyId.toLowerCase());
      if (row?.state !== 'used') return false;
      this.#ledger.change(row, 'retired', 'no longer in use');
      return true;
    }, false);
  }

  /**
   * Distrusts every key received from `fromMs` on and before `untilMs` (store time), of one peer or all. Stored ones are
   * never used; the IDs of used ones are given back, so that what they protect can be rekeyed. `incident` goes into the audit.
   */
  async quarantine(
    fromMs: number,
    untilMs: number,
    incident: string,
    peer?: string,
  ): Promise<readonly string[]> {
    return await this.#commit(() => {
      const rows = this.#storage.receivedBetween(fromMs, untilMs, peer);
      const used: string[] = [];
      for (const row of rows) {
        if (row.state !== 'stored' && row.state !== 'used') continue;
        if (row.state === 'used') used.push(row.keyId);
        this.#ledger.change(row, 'quarantined', incident);
      }
      return used;
    }, []);
  }

  /** Expires what is too old and fills pools that are below their low mark. */
  async maintain(): Promise<void> {
    if (this.#closed) return;
    const limit = this.#clock.now() - this.#maxAgeMs;
    await this.#commit(() => {
      for (const row of this.#storage.storedBefore(limit, 10_000))
        this.#ledger.change(row, 'expired', 'older than the policy allows');
    }, undefined);
    for (const pool of this.#pools.values()) pool.refill();
  }

  /** Starts filling the pool of a peer before the first need of it. */
  prefetch(peerSae: string): void {
    this.#pool(peerSae).refill();
  }

  /** Store time in milliseconds, as {@link quarantine} and the audit rows use it. */
  now(): number {
    return this.#clock.now();
  }

  /** Counts rows on each call; throws when the storage is closed or cannot be read. */
  counts(): KeyCounts {
    const states = this.#storage.countsByState();
    const of = (state: Parameters<typeof states.get>[0]): number => states.get(state) ?? 0;
    let recorded = 0;
    for (const count of states.values()) recorded += count;
    return {
      delivered: recorded + this.#unrecorded,
      used: of('used') + of('retired'),
      burnt: of('burnt') + this.#unrecorded,
      stored: of('stored'),
      expired: of('expired'),
      quarantined: of('quarantined'),
      suspected: this.#suspected,
    };
  }

  /** Destroys every stored key at once and closes the store: for a tamper signal. */
  zeroise(reason: string): void {
    this.#changeStored(() => true, 'burnt', reason);
    this.close();
  }

  /** Gives no key from now on and forgets the sealing key; the storage stays the caller's to close. */
  close(): void {
    this.#closed = true;
    for (const pool of this.#pools.values()) pool.close();
    this.#sealer.close();
  }

  /** Made at the first need of a peer and kept. */
  #pool(peer: string): MasterPool {
    const known = this.#pools.get(peer);
    if (known !== undefined) return known;
    const pair: Pair = { peer, role: 'master' };
    const pool = new MasterPool(this.#parts.pool ?? {}, {
      // A storage that cannot be read counts as full: a refill could not be written down either.
      stored: () => this.#read(() => this.#storage.storedCount(peer, 'master'), Number.POSITIVE_INFINITY),
      draw: (number) => this.#source.encKeys(peer, number),
      accept: (keys, wanted) => this.#accept(pair, keys, wanted),
      failed: (error, number) => this.#sourceFailed(pair, error, number),
      now: () => this.#clock.now(),
      random: this.#parts.random,
    });
    this.#pools.set(peer, pool);
    return pool;
  }

  /** Grants the first `wanted` keys of a draw and puts the rest away, in one transaction. */
  #accept(pair: Pair, keys: readonly DeliveredKey[], wanted: number): Promise<readonly KeyReply[]> {
    return this.#commit(
      () => {
        for (const key of keys.slice(wanted)) this.#ledger.store(pair, key.keyId, key.secret);
        return keys.slice(0, wanted).map((key) => this.#ledger.useReceived(pair, key.keyId, key.secret));
      },
      keys.slice(0, wanted).map((key) => refused('storage-failed', key.keyId)),
      () => this.#lose(keys),
    );
  }

  /** Accounts for what the source's failure may have cost and turns it into a refusal. */
  async #sourceFailed(pair: Pair, error: ClientError, number: number, keyId?: string): Promise<KeyReply> {
    const uncertain = error.mayHaveBurnt && error.burntKeyIds.length === 0;
    if (uncertain) this.#suspected += number;
    if (uncertain || error.burntKeyIds.length > 0)
      await this.#commit(() => {
        for (const burnt of error.burntKeyIds) this.#ledger.burn(pair, burnt, error.detail);
        if (uncertain) this.#ledger.noteSuspectedBurn(pair, number, error.detail);
      }, undefined);
    return refused(error.kind, keyId, error.detail);
  }

  /** Keys that came but could not be written down: wiped and counted, never given out. */
  #lose(keys: readonly DeliveredKey[]): void {
    this.#unrecorded += keys.length;
    for (const key of keys) key.secret.wipe();
  }

  async #commit<T>(work: () => T, otherwise: T, lost: () => void = () => {}): Promise<T> {
    try {
      return await this.#commits.run(work, (value) => {
        if (isGranted(value)) value.secret.wipe();
      });
    } catch (error) {
      lost();
      return withDetail(otherwise, error);
    }
  }

  #read<T>(look: () => T, otherwise: T): T {
    try {
      return look();
    } catch {
      return otherwise;
    }
  }

  /** One transaction of its own, at once: used where nothing else may come first. */
  #changeStored(choose: (row: KeyRow) => boolean, state: 'burnt', reason: string): void {
    const rows = this.#storage.storedBefore(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).filter(choose);
    if (rows.length === 0) return;
    this.#storage.transact(() => {
      for (const row of rows) this.#ledger.change(row, state, reason);
    });
  }
}

function isGranted(value: unknown): value is { readonly secret: Secret } {
  return typeof value === 'object' && value !== null && 'secret' in value && value.secret instanceof Secret;
}

function storageFailed(error: unknown, keyId?: string): KeyReply {
  return withDetail(refused('storage-failed', keyId), error);
}

/** A refusal says what the storage said; other results stay as they are. */
function withDetail<T>(otherwise: T, error: unknown): T {
  const refusal = typeof otherwise === 'object' && otherwise !== null && 'reason' in otherwise;
  return refusal && error instanceof Error
    ? { ...otherwise, detail: `the storage: ${error.message}` }
    : otherwise;
}
