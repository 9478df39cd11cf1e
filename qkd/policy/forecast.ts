/**
 * When which SA will want a key: the demand side of the policy. Every SA that lives is booked with the moment of its next
 * rekey and the rank of its class; how many keys fall due within a horizon is a count over the book.
 */

/** From what an SA's present keys were made, as far as the way back to quantum keys has to know. */
export type BookedKeying = 'qkd' | 'pqc';

/** One live SA. */
export interface BookedSa {
  /** Soft lifetime: when it will be rekeyed, ms of the controller's clock. */
  readonly dueMs: number;
  /** Rank of its class, 0 first. */
  readonly rank: number;
  readonly keying: BookedKeying;
}

/** Handle: {@link book}, {@link forget}, {@link pullForward}. Read: {@link due}, {@link count}. */
export class DemandForecast {
  readonly #sas = new Map<number, BookedSa>();

  /** Notes an SA, or its new keys and due time after a rekey. */
  book(saId: number, sa: BookedSa): void {
    this.#sas.set(saId, sa);
  }

  /** The SA is gone; an unknown one changes nothing. */
  forget(saId: number): void {
    this.#sas.delete(saId);
  }

  /** The entry of an SA that lives. */
  find(saId: number): BookedSa | undefined {
    return this.#sas.get(saId);
  }

  /** Live SAs, of one keying or all. */
  count(keying?: BookedKeying): number {
    if (keying === undefined) return this.#sas.size;
    let number = 0;
    for (const sa of this.#sas.values()) if (sa.keying === keying) number++;
    return number;
  }

  /** Keys due until `untilMs`, those overdue included; with `belowRank` only those of classes served before it. */
  due(untilMs: number, belowRank = Number.POSITIVE_INFINITY): number {
    let number = 0;
    for (const sa of this.#sas.values()) if (sa.dueMs <= untilMs && sa.rank < belowRank) number++;
    return number;
  }

  /**
   * Makes up to `number` SAs without a quantum key due within `overMs` from now, evenly spread so that the way back is no
   * storm, the classes served first at the front. SAs that are due by then anyhow are left as they are. Gives their IDs.
   */
  pullForward(now: number, number: number, overMs: number): readonly number[] {
    const chosen = [...this.#sas]
      .filter(([, sa]) => sa.keying === 'pqc' && sa.dueMs > now + overMs)
      .sort(([, a], [, b]) => a.rank - b.rank || a.dueMs - b.dueMs)
      .slice(0, Math.max(0, number));
    for (const [index, [saId, sa]] of chosen.entries())
      this.#sas.set(saId, { ...sa, dueMs: now + (overMs * (index + 1)) / chosen.length });
    return chosen.map(([saId]) => saId);
  }
}
