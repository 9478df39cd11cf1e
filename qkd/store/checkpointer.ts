/** Follows an audit record as it grows, checks it on the way, and signs a checkpoint every so many events or so often. */
import type { KeyObject } from 'node:crypto';
import { type AuditFault, AuditWalk, type TreeHead } from './audit-verify.ts';
import { writeCheckpoint } from './checkpoint.ts';
import type { KeyStorage } from './key-storage.ts';

/** What a checkpointer is built from. */
export interface CheckpointerParts {
  readonly storage: Pick<KeyStorage, 'auditRows' | 'auditBase'>;
  /** Ed25519 or ML-DSA. */
  readonly privateKey: KeyObject;
  /** Names the record, for instance `n3iwf.example.org/keys`. */
  readonly origin: string;
  /** A checkpoint is due after so many events, */
  readonly everyEvents: number;
  /** or so long after the last one, ms, when there was any event. */
  readonly everyMs: number;
  readonly monotonicMs: () => number;
  /** Brings a checkpoint to a second place. It is offered again with the next when this rejects. */
  readonly ship: (checkpoint: string) => Promise<void>;
}

/** The record is not as it was written; checkpoints end here. */
export class AuditBrokenError extends Error {
  readonly fault: AuditFault;

  constructor(fault: AuditFault) {
    super(`the audit record is not as it was written: row ${fault.sequence}, ${fault.problem}`);
    this.name = 'AuditBrokenError';
    this.fault = fault;
  }
}

/** Rows read at a time, so that other work comes in between. */
const PAGE = 2000;

/** The caller calls {@link Checkpointer.follow} now and then, and once more before it ends. */
export class Checkpointer {
  readonly #parts: CheckpointerParts;
  #walk: AuditWalk | undefined;
  #signedSize = 0;
  #signedAtMs: number;
  #following: Promise<void> | undefined;

  constructor(parts: CheckpointerParts) {
    this.#parts = parts;
    this.#signedAtMs = parts.monotonicMs();
  }

  /** Reads what was written since, from the first row in the storage at first. Rejects with AuditBrokenError or what `ship` did. */
  async follow(atOnce = false): Promise<void> {
    const before = this.#following?.catch(() => {}) ?? Promise.resolve();
    this.#following = before.then(() => this.#follow(atOnce));
    await this.#following;
  }

  /** Signs and ships a checkpoint of an earlier size, such as the end of a segment. */
  async ship(head: TreeHead): Promise<void> {
    const { origin, privateKey, ship } = this.#parts;
    await ship(writeCheckpoint(origin, head, privateKey));
  }

  async #follow(atOnce: boolean): Promise<void> {
    const { storage, everyEvents } = this.#parts;
    const walk = await this.#current();
    for (;;) {
      const rows = await storage.auditRows(walk.size + 1, PAGE);
      for (const row of rows) {
        const fault = walk.take(row);
        if (fault !== undefined) throw new AuditBrokenError(fault);
        if (walk.size - this.#signedSize >= everyEvents) await this.#sign(walk);
      }
      if (rows.length < PAGE) break;
    }
    if (walk.size > this.#signedSize && (atOnce || this.#isDue())) await this.#sign(walk);
  }

  /** The walk so far, or a new one where another node has cut off rows that were not read here yet. */
  async #current(): Promise<AuditWalk> {
    const base = await this.#parts.storage.auditBase();
    if (this.#walk !== undefined && this.#walk.size >= (base?.size ?? 0)) return this.#walk;
    const walk = AuditWalk.from(base);
    if (walk === undefined) throw new AuditBrokenError({ sequence: base?.size ?? 1, problem: 'changed' });
    this.#walk = walk;
    return walk;
  }

  #isDue(): boolean {
    return this.#parts.monotonicMs() - this.#signedAtMs >= this.#parts.everyMs;
  }

  async #sign(walk: AuditWalk): Promise<void> {
    await this.ship({ size: walk.size, root: walk.root() });
    this.#signedSize = walk.size;
    this.#signedAtMs = this.#parts.monotonicMs();
  }
}
