/** Follows an audit record as it grows, checks it on the way, and signs a checkpoint every so many events or so often. */
import type { KeyObject } from 'node:crypto';
import { type AuditFault, AuditWalk } from './audit-verify.ts';
import { writeCheckpoint } from './checkpoint.ts';
import type { KeyStorage } from './key-storage.ts';

/** What a checkpointer is built from. */
export interface CheckpointerParts {
  readonly storage: Pick<KeyStorage, 'auditRows'>;
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
  readonly #walk = new AuditWalk([]);
  #signedSize = 0;
  #signedAtMs: number;
  #following: Promise<void> | undefined;

  constructor(parts: CheckpointerParts) {
    this.#parts = parts;
    this.#signedAtMs = parts.monotonicMs();
  }

  /** Reads what was written since, from the start of the record at first. Rejects with AuditBrokenError or what `ship` did. */
  async follow(atOnce = false): Promise<void> {
    const before = this.#following?.catch(() => {}) ?? Promise.resolve();
    this.#following = before.then(() => this.#follow(atOnce));
    await this.#following;
  }

  async #follow(atOnce: boolean): Promise<void> {
    const { storage, everyEvents } = this.#parts;
    for (;;) {
      const rows = await storage.auditRows(this.#walk.size + 1, PAGE);
      for (const row of rows) {
        const fault = this.#walk.take(row);
        if (fault !== undefined) throw new AuditBrokenError(fault);
        if (this.#walk.size - this.#signedSize >= everyEvents) await this.#sign();
      }
      if (rows.length < PAGE) break;
    }
    if (this.#walk.size > this.#signedSize && (atOnce || this.#isDue())) await this.#sign();
  }

  #isDue(): boolean {
    return this.#parts.monotonicMs() - this.#signedAtMs >= this.#parts.everyMs;
  }

  async #sign(): Promise<void> {
    const { origin, privateKey, ship, monotonicMs } = this.#parts;
    const { size } = this.#walk;
    await ship(writeCheckpoint(origin, { size, root: this.#walk.root() }, privateKey));
    this.#signedSize = size;
    this.#signedAtMs = monotonicMs();
  }
}
