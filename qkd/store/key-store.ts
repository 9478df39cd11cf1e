/**
 * The local key store of one SAE. It asks its KME for keys, keeps the ones that were asked for ahead of need, and gives
 * each key out at most once over all its lives: {choose, mark delivered, audit row} is one durable transaction, and only
 * when it is written does the key leave this class. A crash in between burns the key; it never gives it twice.
 *
 * Methods that give a key resolve, always, to a {@link KeyReply}. {@link KeyStore.maintain} is called by the shell now and
 * then; {@link KeyStore.counts} only looks.
 */
import type { ClientError } from '../etsi014/client.ts';
import { type DeliveredKey, isKeyId } from '../etsi014/types.ts';
import type { Result } from '../result.ts';
import { Secret } from '../secret.ts';
import { CommitGroup } from './commit-group.ts';
import { IncidentBook, type OthersIncident, type Quarantined } from './incident-book.ts';
import type { KeyStorage } from './key-storage.ts';
import { Ledger, type Pair, type Retention } from './ledger.ts';
import { type KeyState, SEALED_STATES } from './lifecycle.ts';
import { MasterPool, type PoolMarks } from './master-pool.ts';
import { type KeyReply, refused } from './reply.ts';
import { type KeyEncryption, Sealer } from './sealer.ts';
import { storageReason } from './storage-error.ts';
import { type Clock, StoreClock } from './store-clock.ts';
import { type StorageTrouble, WatchedStorage } from './watched-storage.ts';

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
   * Wraps the keys of the epochs that seal prefetched keys: 32 octets, taken over and wiped by the store, or a key that is
   * kept elsewhere and closed with the store. Without it a fresh one is made, so that keys prefetched by an earlier process
   * are burnt; stores that share a storage need the same.
   */
  readonly keyEncryptionKey?: Secret | KeyEncryption;
  readonly maxAgeMs?: number;
  /** Prefetch for {@link KeyStore.obtain}; without it every key is asked for when it is needed. */
  readonly pool?: Partial<PoolMarks>;
  /** Names keys in the audit record by a keyed hash instead of their ID. */
  readonly auditIdKey?: Secret;
  /** Runs a transaction a moment later, so that more callers share it: `setImmediate`. A microtask when absent. */
  readonly later?: (flush: () => void) => void;
  /** How long rows of keys stay in the books that are of no more use; for ever when absent. */
  readonly retention?: Retention;
  /** Reservations older than this are given back to the pool. */
  readonly reserveMs?: number;
}

/** The books: every key received is in exactly one of the states. */
export interface KeyCounts {
  /** Keys that came from the KME: the sum of all that follow. */
  readonly delivered: number;
  /** Given out: delivered, in use, or retired since. */
  readonly used: number;
  readonly burnt: number;
  readonly stored: number;
  readonly reserved: number;
  readonly destroyed: number;
  readonly expired: number;
  readonly quarantined: number;
  /** Keys that the KME may have spent on an answer that never came; not part of `delivered`. */
  readonly suspected: number;
}

/** How far the wall clock may part from store time until it is written down as a step, ms. */
const CLOCK_STEP_MS = 5000;

/** How often the books are looked through for rows that are over their time, ms. */
const RETAIN_MS = 10_000;

/** How often a part of what is on the disk is looked at, ms. */
const SCRUB_MS = 5000;

/** One store; made by {@link KeyStore.open}. */
export class KeyStore {
  readonly #source: KeySource;
  readonly #storage: WatchedStorage;
  readonly #clock: StoreClock;
  readonly #ledger: Ledger;
  readonly #pools = new Map<string, MasterPool>();
  readonly #fetching = new Map<string, Promise<KeyReply>>();
  readonly #announced = new Map<string, Promise<number>>();
  readonly #parts: KeyStoreParts;
  readonly #sealer: Sealer;
  #suspected = 0;
  #stepMs = 0;
  #retainAtMs = 0;
  #scrubAtMs = 0;
  readonly #incidents: IncidentBook;
  #closed = false;

  private constructor(parts: KeyStoreParts, clock: StoreClock, sealer: Sealer, lastIncident: number) {
    this.#parts = parts;
    this.#source = parts.source;
    const storage = new WatchedStorage(parts.storage, () => clock.now());
    this.#storage = storage;
    this.#clock = clock;
    this.#sealer = sealer;
    const { auditIdKey, later, maxAgeMs = Number.POSITIVE_INFINITY } = parts;
    const commits = new CommitGroup({ storage, auditIdKey, later });
    this.#ledger = new Ledger({ storage, commits, clock, sealer, maxAgeMs });
    this.#incidents = new IncidentBook({ storage, commits, now: () => clock.now() }, lastIncident);
  }

  /** Rejects when the storage cannot be read. Waiting keys of epochs that the key-encryption key does not open are burnt. */
  static async open(parts: KeyStoreParts): Promise<KeyStore> {
    const { storage, random } = parts;
    const kek = parts.keyEncryptionKey ?? Secret.own(random(32));
    const sealer = new Sealer(kek, random);
    if (kek instanceof Secret) kek.wipe();
    const clock = new StoreClock(parts.clock, (await storage.lastAudit())?.atMs ?? 0);
    // Epoch by epoch: what another node begins meanwhile is not lost.
    const lost = (await storage.epochs()).filter((row) => !sealer.load(row));
    const store = new KeyStore(parts, clock, sealer, await storage.lastIncident());
    for (const { epoch } of lost) {
      const where = { states: SEALED_STATES, epoch };
      if ((await storage.select({ ...where, limit: 1 })).length > 0)
        await store.#ledger.moveAll(where, 'burnt', 'sealed in another epoch');
    }
    return store;
  }

  /** A key to share with `peerSae`, this SAE being the master: from the pool, or asked for now. */
  async obtain(peerSae: string): Promise<KeyReply> {
    if (this.#closed) return refused('closed');
    const pool = this.#pool(peerSae);
    try {
      const reply = await this.#fromPool({ peer: peerSae, role: 'master' }, pool);
      if (reply === undefined) return await pool.wait();
      pool.taken();
      return reply;
    } catch (error) {
      return storageFailed(error);
    }
  }

  /** A look before the transaction, so that a store without a pool pays for one transaction per key, not two. */
  async #fromPool(pair: Pair, pool: MasterPool): Promise<KeyReply | undefined> {
    if (!pool.likely) {
      const waiting = await this.#storage.select({ ...pair, states: ['stored'], limit: 1 });
      if (waiting.length === 0) return undefined;
    }
    const reply = await this.#ledger.takeOldest(pair);
    if (reply === undefined) pool.miscounted();
    return reply;
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
    const row = await this.#storage.find(keyId);
    if (row !== undefined) return await this.#ledger.takeKnown(pair, row);
    const pruned = await this.#ledger.prunedRefusal(keyId);
    if (pruned !== undefined) return pruned;
    const answer = await this.#source.decKeys(pair.peer, [keyId]);
    if (!answer.ok) return await this.#sourceFailed(pair, answer.error, 1, keyId);
    const [reply] = await this.#ledger.receive(pair, answer.value, 1);
    return reply ?? refused('bad-answer', keyId);
  }

  /**
   * Fetches keys that `peerSae` announced, ahead of their use, so that {@link fetch} does not wait for the KME. Gives the
   * number that is now in the store.
   */
  async announce(peerSae: string, keyIds: readonly string[]): Promise<number> {
    const unique = [...new Set(keyIds.map((keyId) => keyId.toLowerCase()))];
    const free = unique.filter((id) => isKeyId(id) && !this.#fetching.has(id) && !this.#announced.has(id));
    if (this.#closed || free.length === 0) return 0;
    const coming = this.#fetchAhead({ peer: peerSae, role: 'slave' }, free).catch(() => 0);
    for (const keyId of free) this.#announced.set(keyId, coming);
    try {
      return await coming;
    } finally {
      for (const keyId of free) this.#announced.delete(keyId);
    }
  }

  /** All of the keys that are not in the books, or none, as the KME delivers them. */
  async #fetchAhead(pair: Pair, keyIds: readonly string[]): Promise<number> {
    const known = await Promise.all(keyIds.map((keyId) => this.isKnown(keyId)));
    const fresh = keyIds.filter((_keyId, index) => !known[index]);
    if (fresh.length === 0) return 0;
    const answer = await this.#source.decKeys(pair.peer, fresh);
    if (!answer.ok) {
      await this.#sourceFailed(pair, answer.error, fresh.length);
      return 0;
    }
    await this.#ledger.receive(pair, answer.value, 0);
    return answer.value.length;
  }

  /** Whether a key of this ID is in the books, or was before it was pruned: nobody else's key may have it. */
  async isKnown(keyId: string): Promise<boolean> {
    const id = keyId.toLowerCase();
    return (await this.#storage.find(id)) !== undefined || (await this.#storage.wasPruned(id));
  }

  /**
   * Sets keys of the pool aside so that their IDs can be offered to `peerSae` before one of them is chosen. Gives at most
   * `count`, oldest first; each is then taken by {@link deliver} or given back by {@link release}.
   */
  async reserve(peerSae: string, count: number): Promise<readonly { keyId: string; ageMs: number }[]> {
    if (this.#closed) return [];
    const rows = await this.#ledger.reserve({ peer: peerSae, role: 'master' }, count);
    this.#pool(peerSae).refill();
    return rows.map((row) => ({ keyId: row.keyId, ageMs: this.#clock.now() - row.receivedAtMs }));
  }

  /** A key that was reserved for `peerSae`. */
  async deliver(peerSae: string, keyId: string): Promise<KeyReply> {
    if (this.#closed) return refused('closed', keyId);
    try {
      const row = await this.#storage.find(keyId.toLowerCase());
      if (row === undefined) return refused('unknown-key', keyId);
      return await this.#ledger.takeKnown({ peer: peerSae, role: 'master' }, row);
    } catch (error) {
      return storageFailed(error, keyId);
    }
  }

  /** Gives a reserved key back to its pool; false when it is not reserved. */
  release(keyId: string): Promise<boolean> {
    return this.#one(keyId, ['reserved'], 'stored', 'given back');
  }

  /** A delivered key has entered a prf: what it protects is up. */
  confirm(keyId: string): Promise<boolean> {
    return this.#one(keyId, ['delivered'], 'in-use', 'in use');
  }

  /** The SA that a key went into is gone. */
  retire(keyId: string): Promise<boolean> {
    return this.#one(keyId, ['delivered', 'in-use'], 'retired', 'no longer in use');
  }

  async #one(keyId: string, states: readonly KeyState[], to: KeyState, reason: string): Promise<boolean> {
    try {
      return (await this.#ledger.moveAll({ keyId: keyId.toLowerCase(), states }, to, reason)).length === 1;
    } catch {
      return false;
    }
  }

  /**
   * Distrusts every key received from `fromMs` on and before `untilMs` (store time), of one peer or all. Stored ones are
   * never used; the IDs of used ones are given back, so that what they protect can be rekeyed. `incident` goes into the
   * audit, and to every store on the same storage. Rejects when the storage fails: an alarm that is not written down must
   * be seen.
   */
  quarantine(fromMs: number, untilMs: number, incident: string, peer?: string): Promise<Quarantined> {
    return this.#incidents.begin({ fromMs, untilMs, incident, peer });
  }

  /**
   * Incidents that others on the same storage began since the last call, carried out here as well, oldest first. Each is
   * given once. Rejects when the storage fails; they are given the next time then.
   */
  async othersIncidents(): Promise<readonly OthersIncident[]> {
    return this.#closed ? [] : await this.#incidents.others();
  }

  /**
   * Expires what is too old, gives forgotten reservations back, writes down a step of the wall clock, prunes what is over
   * its time, and fills pools that are below their low mark. Never rejects: what could not be written is tried again the next time.
   */
  async maintain(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#ledger.refreshEpochs();
      await this.#ledger.expire();
      await this.#ledger.moveAll(
        { states: ['reserved'], changedBeforeMs: this.#clock.now() - (this.#parts.reserveMs ?? 60_000) },
        'stored',
        'reserved for too long',
      );
      await this.#noteClockStep();
      await this.#retain();
      await this.#scrub();
      await this.#noteTrouble();
    } catch {
      return;
    } finally {
      for (const pool of this.#pools.values()) pool.refill();
    }
  }

  /** Throws what it finds: every request is refused from then on. */
  async #scrub(): Promise<void> {
    const now = this.#clock.now();
    if (now < this.#scrubAtMs) return;
    this.#scrubAtMs = now + SCRUB_MS;
    await this.#storage.scrub();
  }

  /** Tried until it can be written: then the trouble is over, and the record knows of it. */
  async #noteTrouble(): Promise<void> {
    const { trouble } = this.#storage;
    if (trouble === undefined || trouble.reason === 'storage-damaged') return;
    const seconds = Math.round((this.#clock.now() - trouble.sinceMs) / 1000);
    await this.#ledger.note('storage-fault', `${trouble.reason} for ${seconds} s`);
  }

  /** Every ten seconds, or the next time when there is more to do. */
  async #retain(): Promise<void> {
    const { retention } = this.#parts;
    const now = this.#clock.now();
    if (retention === undefined || now < this.#retainAtMs) return;
    this.#retainAtMs = now + RETAIN_MS;
    if (await this.#ledger.retain(retention)) this.#retainAtMs = now;
  }

  /** Store time is not touched by a step, but whoever reads the record later should know of it. */
  async #noteClockStep(): Promise<void> {
    const stepMs = this.#clock.stepMs();
    if (Math.abs(stepMs - this.#stepMs) < CLOCK_STEP_MS) return;
    this.#stepMs = stepMs;
    await this.#ledger.note('clock-step', `the wall clock is ${stepMs} ms ahead of the store's`);
  }

  /** Starts filling the pool of a peer before the first need of it. */
  prefetch(peerSae: string): void {
    this.#pool(peerSae).refill();
  }

  /** Keys of our own choice with that peer that wait here, as far as this store has counted them. */
  pooled(peerSae: string): number {
    return this.#pools.get(peerSae)?.count ?? 0;
  }

  /** Store time in milliseconds, as {@link quarantine} and the audit rows use it. */
  now(): number {
    return this.#clock.now();
  }

  /** What is wrong with the storage; undefined while nothing is. Damage stays until the process ends. */
  get trouble(): StorageTrouble | undefined {
    return this.#storage.trouble;
  }

  /** Counts rows on each call; rejects when the storage is closed or cannot be read. */
  async counts(): Promise<KeyCounts> {
    const states = await this.#storage.countsByState();
    const of = (state: KeyState): number => states.get(state) ?? 0;
    const { unrecorded } = this.#ledger;
    let recorded = 0;
    for (const count of states.values()) recorded += count;
    return {
      delivered: recorded + unrecorded,
      used: of('delivered') + of('in-use') + of('retired'),
      burnt: of('burnt') + unrecorded,
      stored: of('stored'),
      reserved: of('reserved'),
      destroyed: of('destroyed'),
      expired: of('expired'),
      quarantined: of('quarantined'),
      suspected: this.#suspected,
    };
  }

  /** Seals under a new epoch's key from now on; keys of earlier epochs stay usable. Gives its name. */
  beginEpoch(): Promise<string> {
    return this.#ledger.beginEpoch();
  }

  /** Destroys an epoch's key: its waiting keys can never be opened again, wherever copies of them lie. Gives their number. */
  destroyEpoch(epoch: string, reason: string): Promise<number> {
    return this.#ledger.destroyEpoch(epoch, reason);
  }

  /**
   * For a tamper signal: forgets every sealing key at once, before it returns, then destroys what waits in the storage.
   * Rejects when the storage fails, with the keys sealed for good.
   */
  async zeroise(reason: string): Promise<void> {
    this.close();
    for (const { epoch, wrapped } of await this.#storage.epochs())
      if (wrapped !== undefined) await this.#ledger.destroyEpoch(epoch, reason);
    await this.#ledger.moveAll({ states: SEALED_STATES }, 'destroyed', reason);
  }

  /** Gives no key from now on and forgets the sealing keys; the storage stays the caller's to close. */
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
      stored: async () => {
        try {
          return await this.#storage.storedCount(peer, 'master');
        } catch {
          return Number.POSITIVE_INFINITY;
        }
      },
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
  async #accept(pair: Pair, keys: readonly DeliveredKey[], wanted: number): Promise<readonly KeyReply[]> {
    try {
      return await this.#ledger.receive(pair, keys, wanted);
    } catch (error) {
      return keys.slice(0, wanted).map((key) => storageFailed(error, key.keyId));
    }
  }

  /** Accounts for what the source's failure may have cost and turns it into a refusal. */
  async #sourceFailed(pair: Pair, error: ClientError, number: number, keyId?: string): Promise<KeyReply> {
    const suspected = error.mayHaveBurnt && error.burntKeyIds.length === 0 ? number : 0;
    this.#suspected += suspected;
    try {
      await this.#ledger.burn(pair, error.burntKeyIds, suspected, error.detail);
    } catch {
      // The refusal stands whether or not the loss could be written down; the counter above holds it.
    }
    return refused(error.kind, keyId, error.detail);
  }
}

/** A refusal that says what the storage said. */
function storageFailed(error: unknown, keyId?: string): KeyReply {
  const detail = error instanceof Error ? error.message : String(error);
  return refused(storageReason(error), keyId, `the storage: ${detail}`);
}
