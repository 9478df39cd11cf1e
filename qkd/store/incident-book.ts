/**
 * Incidents of a storage that several stores may share: whoever begins one writes it down in the transaction that
 * quarantines the keys, and every other store finds it there and carries it out again. That is no waste: it gets the IDs
 * of the keys, of which its own SAs may use some, and catches what it had under way itself in the first moment.
 */
import type { CommitGroup } from './commit-group.ts';
import { type Change, type IncidentRow, type KeyRow, type KeyStorage, move } from './key-storage.ts';
import { perPeer } from './ledger.ts';
import { type KeyState, SEALED_STATES } from './lifecycle.ts';

/** What a quarantine found. */
export interface Quarantined {
  /** Keys that had been given out and are distrusted since now. */
  readonly used: readonly string[];
  /** Every distrusted key of the span, by this incident or an earlier one: what rests on one of them needs another. */
  readonly distrusted: readonly string[];
}

/** An incident that another store began. */
export interface OthersIncident extends Quarantined {
  readonly incident: string;
  readonly peer: string | undefined;
}

type Span = Omit<IncidentRow, 'sequence'>;

/** What the book is kept with. */
export interface IncidentBookParts {
  readonly storage: Pick<KeyStorage, 'incidents' | 'select'>;
  readonly commits: CommitGroup;
  /** Time of the store, ms. */
  readonly now: () => number;
}

const STATES: readonly KeyState[] = ['stored', 'reserved', 'delivered', 'in-use'];
/** Incidents taken in one turn; more wait for the next. */
const AT_ONCE = 20;

/** Handle: {@link begin}. Poll: {@link others}. */
export class IncidentBook {
  readonly #parts: IncidentBookParts;
  /** Incidents of this store that were not read back yet. */
  readonly #own = new Set<string>();
  #seen: number;

  /** `seen`: number of the last incident before this store was opened; no SA of it is older. */
  constructor(parts: IncidentBookParts, seen: number) {
    this.#parts = parts;
    this.#seen = seen;
  }

  /** Quarantines, and tells the others in the same transaction. */
  async begin(span: Span): Promise<Quarantined> {
    // Known as our own before anybody can read it.
    this.#own.add(span.incident);
    try {
      return await this.#carryOut(span, [{ do: 'incident', row: span }]);
    } catch (error) {
      this.#own.delete(span.incident);
      throw error;
    }
  }

  /** Those that others began since, each once. What is under way when the storage fails comes again. */
  async others(): Promise<readonly OthersIncident[]> {
    const found: OthersIncident[] = [];
    for (const { sequence, ...span } of await this.#parts.storage.incidents(this.#seen, AT_ONCE)) {
      if (!this.#own.delete(span.incident)) {
        const { incident, peer } = span;
        try {
          found.push({ incident, peer, ...(await this.#carryOut(span, [])) });
        } catch (error) {
          if (found.length === 0) throw error;
          return found;
        }
      }
      this.#seen = sequence;
    }
    return found;
  }

  async #carryOut(span: Span, more: readonly Change[]): Promise<Quarantined> {
    const { fromMs, untilMs, peer } = span;
    const where = {
      receivedFromMs: fromMs,
      receivedBeforeMs: untilMs,
      ...(peer === undefined ? {} : { peer }),
    };
    const [rows = []] = await this.#parts.commits.run(
      () => [move({ ...where, states: STATES }, 'quarantined', this.#parts.now(), true), ...more],
      ([moved = []]) => this.#events(span, moved, more.length > 0),
    );
    const all = await this.#parts.storage.select({ ...where, states: ['quarantined'] });
    const used = rows.filter((row) => !SEALED_STATES.includes(row.state));
    return { used: used.map(({ keyId }) => keyId), distrusted: all.map(({ keyId }) => keyId) };
  }

  /** An incident stands in the record even when it found no key. */
  #events({ incident, peer }: Span, rows: readonly KeyRow[], first: boolean) {
    const atMs = this.#parts.now();
    const moved = perPeer(rows).map(([of, keyIds]) => ({
      atMs,
      event: 'quarantined',
      keyIds,
      peer: of,
      reason: incident,
    }));
    return first ? [{ atMs, event: 'incident', peer, reason: incident }, ...moved] : moved;
  }
}
