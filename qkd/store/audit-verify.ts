/** Walks an audit record against its chain and against signed checkpoints, and says where it is not as it was written. */
import { timingSafeEqual } from 'node:crypto';
import { chainHash, FIRST_HASH } from './audit.ts';
import type { AuditSegment } from './audit-segment.ts';
import type { AuditBase, AuditRow, KeyStorage } from './key-storage.ts';
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

/** A fault, or how much held: `rows` since the record began, of which those from `first` on were there to be looked at. */
export type AuditVerdict =
  | { readonly ok: true; readonly first: number; readonly rows: number; readonly root: Uint8Array }
  | { readonly ok: false; readonly fault: AuditFault };

const PAGE = 5000;

/**
 * Reads the record once from its start, or from the first row that is left. `heads`: what trusted checkpoints say;
 * `segments`: parts of the record that lie outside of the storage; both in any order.
 *
 * Rows that are missing at the start are no fault when the record itself says that they were dropped and the rest still
 * leads to the checkpoints.
 */
export async function verifyAudit(
  storage: Pick<KeyStorage, 'auditRows' | 'auditBase'>,
  heads: readonly TreeHead[] = [],
  segments: readonly AuditSegment[] = [],
): Promise<AuditVerdict> {
  const kept = await storage.auditBase();
  // A segment that the storage still has rows of was left by a crash before they were cut.
  const outside = segments
    .filter(({ base }) => base.size < (kept?.size ?? 0))
    .sort((one, two) => one.base.size - two.base.size);
  const start = outside[0]?.base ?? kept;
  const walk = AuditWalk.from(start, heads);
  const fault = walk === undefined ? changedBase(start) : await walkAll(walk, storage, outside, kept);
  if (walk === undefined || fault !== undefined)
    return { ok: false, fault: fault ?? { sequence: 1, problem: 'changed' } };
  return { ok: true, first: (start?.size ?? 0) + 1, rows: walk.size, root: walk.root() };
}

const changedBase = (base: AuditBase | undefined): AuditFault => ({
  sequence: base?.size ?? 1,
  problem: 'changed',
});

async function walkAll(
  walk: AuditWalk,
  storage: Pick<KeyStorage, 'auditRows'>,
  outside: readonly AuditSegment[],
  kept: AuditBase | undefined,
): Promise<AuditFault | undefined> {
  const began = walk.size;
  for (const segment of outside)
    for await (const rows of segment.pages()) {
      const fault = walk.takeAll(rows.filter(({ sequence }) => !(sequence <= walk.size)));
      if (fault !== undefined) return fault;
    }
  if (kept !== undefined && walk.size < kept.size) return { sequence: walk.size + 1, problem: 'gap' };
  // What the storage says of the rows that it has no more is not chained to anything else.
  if (kept !== undefined && walk.size === kept.size && !walk.standsAt(kept)) return changedBase(kept);
  for (;;) {
    const rows = await storage.auditRows(walk.size + 1, PAGE);
    if (rows.length === 0) break;
    const fault = walk.takeAll(rows);
    if (fault !== undefined) return fault;
  }
  return walk.end() ?? (walk.dropped < began ? { sequence: 1, problem: 'gap' } : undefined);
}

/** True when `row` is the one that was written behind `before`, for a look at the end of a record that is too long to walk. */
export function auditFollows(before: AuditRow | undefined, row: AuditRow): boolean {
  const expected = chainHash(before?.hash ?? FIRST_HASH, leafHash(row.event));
  return row.sequence === (before?.sequence ?? 0) + 1 && same(row.hash, expected);
}

/** The state of one walk. The first fault ends it, since everything behind it is in doubt. */
export class AuditWalk {
  readonly #tree: MerkleTree;
  readonly #heads: readonly TreeHead[];
  #previous = FIRST_HASH;
  #nextHead = 0;
  #heldUpTo = 0;
  #dropped = 0;

  constructor(heads: readonly TreeHead[], tree = new MerkleTree(), previous = FIRST_HASH) {
    // What checkpoints say of rows before the first one here cannot be seen.
    this.#heads = heads.filter(({ size }) => size >= tree.size).sort((a, b) => a.size - b.size);
    this.#tree = tree;
    this.#previous = previous;
  }

  /** A walk that begins behind the rows of a base; undefined when it is no base that can be. */
  static from(base: AuditBase | undefined, heads: readonly TreeHead[] = []): AuditWalk | undefined {
    if (base === undefined) return new AuditWalk(heads);
    const tree = MerkleTree.of(base.size, base.peaks);
    return tree === undefined || base.hash.length !== 32 ? undefined : new AuditWalk(heads, tree, base.hash);
  }

  /** How far the record says of itself that rows were dropped from its start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Where another walk can go on. */
  base(): AuditBase {
    return { size: this.size, hash: this.#previous, peaks: this.#tree.peaks() };
  }

  /** Whether the rows so far lead to this base. */
  standsAt({ size, hash, peaks }: AuditBase): boolean {
    const own = this.#tree.peaks();
    return (
      size === this.size &&
      same(hash, this.#previous) &&
      own.length === peaks.length &&
      own.every((peak, at) => same(peak, peaks[at] ?? hash))
    );
  }

  /** Several rows; gives what is wrong with the first that does not hold. */
  takeAll(rows: Iterable<AuditRow>): AuditFault | undefined {
    for (const row of rows) {
      const fault = this.take(row);
      if (fault !== undefined) return fault;
    }
    return undefined;
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
    // A checkpoint of the very size that the walk begins with.
    const early = this.#compare();
    if (early !== undefined) return early;
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
    if (row.event.includes(DROPPED)) this.#dropped = Math.max(this.#dropped, droppedBy(row.event));
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

/** The name of the event that tells that the start of the record was given up, and its reason. */
export const DROPPED = 'audit-dropped';

/** What {@link DROPPED} says of the rows: the last of them. */
export function droppedReason(last: number): string {
  return `rows 1 to ${last}`;
}

function droppedBy(event: string): number {
  const match = /^\{"at":\d+,"event":"audit-dropped","reason":"rows 1 to (\d{1,15})","seq":\d+\}$/.exec(
    event,
  );
  return Number(match?.[1] ?? 0);
}

/** The time column repeats what the event says, for queries; the number binds the row to its place. */
function numbersOf(event: string): { readonly at: number; readonly sequence: number } | undefined {
  const match = /^\{"at":(\d+),.*"seq":(\d+)\}$/s.exec(event);
  return match === null ? undefined : { at: Number(match[1]), sequence: Number(match[2]) };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
