/**
 * Group commit: pieces of work that are asked for while the storage is idle or busy share the next transaction, so that
 * many deliveries share one sync of the disk. Takers of the oldest key of one pair share one step of it.
 */
import type { Secret } from '../secret.ts';
import { type AuditEvent, linkEvents } from './audit.ts';
import type { Change, Done, KeyRow, KeyStorage } from './key-storage.ts';

/** One caller's part of the next transaction. */
interface Piece {
  readonly changes: () => readonly Change[];
  readonly events: (done: Done) => readonly AuditEvent[];
  readonly committed: (done: Done) => void;
  readonly failed: (error: Error) => void;
}

/** What a group is built from. */
export interface CommitGroupParts {
  readonly storage: KeyStorage;
  /** Names keys in the audit record by a keyed hash instead of their ID. */
  readonly auditIdKey?: Secret | undefined;
  /** Runs `flush` a moment later; the longer the moment, the more callers share a sync. A microtask when absent. */
  readonly later?: ((flush: () => void) => void) | undefined;
}

/** Callers that want the oldest key of one pair, until their transaction begins. */
interface Takers {
  count: number;
  rows: Promise<readonly KeyRow[]>;
}

/** One transaction at a time. */
export class CommitGroup {
  readonly #storage: KeyStorage;
  readonly #idKey: Secret | undefined;
  readonly #later: (flush: () => void) => void;
  readonly #takers = new Map<string, Takers>();
  #pieces: Piece[] = [];
  #busy = false;

  constructor(parts: CommitGroupParts) {
    this.#storage = parts.storage;
    this.#idKey = parts.auditIdKey;
    this.#later = parts.later ?? queueMicrotask;
  }

  /**
   * Resolves with what the changes gave once they are durable; rejects when the transaction could not be written.
   * `changes` is asked as the transaction begins; `events` makes the audit events of what each change gave.
   */
  run(changes: () => readonly Change[], events: (done: Done) => readonly AuditEvent[]): Promise<Done> {
    return new Promise<Done>((committed, failed) => {
      this.#pieces.push({ changes, events, committed, failed });
      if (this.#pieces.length === 1 && !this.#busy) this.#later(() => void this.#flush());
    });
  }

  /**
   * One of the keys that `take(count)` moves, or undefined when there were fewer than callers. Calls with the same `name`
   * that come before the transaction begins are one change.
   */
  async take(
    name: string,
    take: (count: number) => Change,
    events: (rows: readonly KeyRow[]) => readonly AuditEvent[],
  ): Promise<KeyRow | undefined> {
    const takers = this.#takers.get(name) ?? this.#firstTaker(name, take, events);
    const place = takers.count++;
    return (await takers.rows)[place];
  }

  #firstTaker(
    name: string,
    take: (count: number) => Change,
    events: (rows: readonly KeyRow[]) => readonly AuditEvent[],
  ): Takers {
    const takers: Takers = { count: 0, rows: Promise.resolve([]) };
    this.#takers.set(name, takers);
    const changes = (): readonly Change[] => {
      this.#takers.delete(name);
      return [take(takers.count)];
    };
    takers.rows = this.run(changes, ([rows = []]) => events(rows)).then(([rows = []]) => rows);
    return takers;
  }

  /** All or none: a caller hears of success only after the sync. What comes meanwhile makes the next transaction. */
  async #flush(): Promise<void> {
    this.#busy = true;
    while (this.#pieces.length > 0) {
      const pieces = this.#pieces;
      this.#pieces = [];
      try {
        await this.#commit(pieces);
      } catch (error) {
        const failure = error instanceof Error ? error : new Error('the storage failed');
        for (const piece of pieces) piece.failed(failure);
      }
    }
    this.#busy = false;
  }

  async #commit(pieces: readonly Piece[]): Promise<void> {
    const steps = pieces.map((piece) => piece.changes());
    const spans: (readonly [number, number])[] = [];
    let from = 0;
    for (const step of steps) {
      spans.push([from, from + step.length]);
      from += step.length;
    }
    const parts = (done: Done): Done[] => spans.map(([start, end]) => done.slice(start, end));
    const done = await this.#storage.commit(steps.flat(), (given, last) => {
      const ofPiece = parts(given);
      const events = pieces.flatMap((piece, index) => piece.events(ofPiece[index] ?? []));
      return linkEvents(last, events, this.#idKey);
    });
    const ofPiece = parts(done);
    for (const [index, piece] of pieces.entries()) piece.committed(ofPiece[index] ?? []);
  }
}
