/** Walks an audit record against its chain and against signed checkpoints, and says where it is not as it was written. */
import { timingSafeEqual } from 'node:crypto';
import { chainHash, FIRST_HASH } from './audit.ts';
import type { AuditRow, KeyStorage } from './key-storage.ts';
import { leafHash, MerkleTree } from './merkle.ts';

/** What a checkpoint says: so many rows, this root over them. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** What {@link verifyAudit} found, and where. */
export interface AuditFault {
  /** The first row that is not as it was written, or the first of the span that a checkpoint contradicts. */
  readonly sequence: number;
  /**
   * `gap`: rows are missing here; `changed`: this row was edited; `moved`: another row stands here; `truncated`: the
   * record ends before a checkpoint; `rewritten`: chained anew, so only the span between two checkpoints is known.
   */
  readonly problem: 'gap' | 'changed' | 'moved' | 'truncated' | 'rewritten';
  /** Last row of the span, for `rewritten`. */
  readonly until?: number;
}

/** A fault, or how much held. */
export type AuditVerdict =
  | { readonly ok: true; readonly rows: number; readonly root: Uint8Array }
  | { readonly ok: false; readonly fault: AuditFault };

const PAGE = 5000;

/** Reads the record once from its start. `heads`: what trusted checkpoints say, in any order. */
export async function verifyAudit(
  storage: Pick<KeyStorage, 'auditRows'>,
  heads: readonly TreeHead[] = [],
): Promise<AuditVerdict> {
  const walk = new AuditWalk(heads);
  for (;;) {
    const rows = await storage.auditRows(walk.size + 1, PAGE);
    if (rows.length === 0) break;
    for (const row of rows) {
      const fault = walk.take(row);
      if (fault !== undefined) return { ok: false, fault };
    }
  }
  const fault = walk.end();
  return fault === undefined ? { ok: true, rows: walk.size, root: walk.root() } : { ok: false, fault };
}

/** True when `row` is the one that was written behind `before`, for a look at the end of a record that is too long to walk. */
export function auditFollows(before: AuditRow | undefined, row: AuditRow): boolean {
  const expected = chainHash(before?.hash ?? FIRST_HASH, leafHash(row.event));
  return row.sequence === (before?.sequence ?? 0) + 1 && same(row.hash, expected);
}

/** The state of one walk. The first fault ends it, since everything behind it is in doubt. */
export class AuditWalk {
  readonly #tree = new MerkleTree();
  readonly #heads: readonly TreeHead[];
  #previous = FIRST_HASH;
  #nextHead = 0;
  #heldUpTo = 0;

  constructor(heads: readonly TreeHead[]) {
    this.#heads = [...heads].sort((a, b) => a.size - b.size);
  }

  /** Rows that held so far. */
  get size(): number {
    return this.#tree.size;
  }

  /** Merkle root over them. */
  root(): Uint8Array {
    return this.#tree.root();
  }

  /** The next row; gives what is wrong with it. */
  take(row: AuditRow): AuditFault | undefined {
    const sequence = this.#tree.size + 1;
    if (row.sequence !== sequence) return { sequence, problem: 'gap' };
    const leaf = leafHash(row.event);
    const expected = chainHash(this.#previous, leaf);
    const told = numbersOf(row.event);
    if (told !== undefined && told.sequence !== sequence && told.at === row.atMs)
      return { sequence, problem: 'moved' };
    if (!same(row.hash, expected) || told?.at !== row.atMs || told.sequence !== sequence)
      return { sequence, problem: 'changed' };
    this.#previous = expected;
    this.#tree.add(leaf);
    return this.#compare();
  }

  /** Every checkpoint of this size. */
  #compare(): AuditFault | undefined {
    for (let head = this.#heads[this.#nextHead]; head?.size === this.size; ) {
      if (!same(head.root, this.root()))
        return { sequence: this.#heldUpTo + 1, problem: 'rewritten', until: head.size };
      this.#heldUpTo = head.size;
      head = this.#heads[++this.#nextHead];
    }
    return undefined;
  }

  /** What is missing once there are no more rows. */
  end(): AuditFault | undefined {
    const missing = this.#heads.at(-1);
    if (missing === undefined || missing.size <= this.size) return undefined;
    return { sequence: this.size + 1, problem: 'truncated' };
  }
}

/** The time column repeats what the event says, for queries; the number binds the row to its place. */
function numbersOf(event: string): { readonly at: number; readonly sequence: number } | undefined {
  const match = /^\{"at":(\d+),.*"seq":(\d+)\}$/s.exec(event);
  return match === null ? undefined : { at: Number(match[1]), sequence: Number(match[2]) };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
