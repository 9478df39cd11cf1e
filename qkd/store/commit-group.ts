/**
 * Group commit: pieces of work that are asked for in the same turn of the event loop share one transaction, so that many
 * deliveries share one sync of the disk. Each piece sees what the pieces before it wrote.
 */
import type { KeyStorage } from './key-storage.ts';

/** One caller's part of the next transaction. */
interface Piece {
  readonly work: () => void;
  readonly committed: () => void;
  readonly failed: (error: Error) => void;
}

export class CommitGroup {
  readonly #storage: KeyStorage;
  #pieces: Piece[] = [];

  constructor(storage: KeyStorage) {
    this.#storage = storage;
  }

  /**
   * Resolves with what `work` gave once it is durable. Rejects when the transaction could not be written; then `undo` is
   * called with what `work` gave, to wipe it. `work` runs exactly once or not at all and must not throw by itself.
   */
  run<T>(work: () => T, undo: (value: T) => void = () => {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let done: { readonly value: T } | undefined;
      this.#pieces.push({
        work: () => {
          done = { value: work() };
        },
        committed: () => done !== undefined && resolve(done.value),
        failed: (error) => {
          if (done !== undefined) undo(done.value);
          reject(error);
        },
      });
      if (this.#pieces.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  /** All or none: a caller hears of success only after the sync. */
  #flush(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    try {
      this.#storage.transact(() => {
        for (const piece of pieces) piece.work();
      });
    } catch (error) {
      const failure = error instanceof Error ? error : new Error('the storage failed');
      for (const piece of pieces) piece.failed(failure);
      return;
    }
    for (const piece of pieces) piece.committed();
  }
}
