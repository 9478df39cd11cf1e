/**
 * Keeps the audit record in the storage short: the oldest rows go to a segment in an archive, and segments that are old
 * enough are dropped. Nothing leaves before it is durable elsewhere, and the record itself says what left.
 *
 * The steps, each of which may be the last before a crash: write the segment; sign a checkpoint of just its end; in one
 * transaction, cut the rows and say so. A segment whose rows were not cut is passed over by who reads, and written again.
 */
import { linkEvents } from './audit.ts';
import { type AuditArchive, segmentHead, segmentLine } from './audit-segment.ts';
import { AuditWalk, DROPPED, droppedReason, type TreeHead } from './audit-verify.ts';
import { AuditBrokenError } from './checkpointer.ts';
import type { AuditBase, KeyStorage } from './key-storage.ts';

/** What a rotation is built from. */
export interface AuditRotationParts {
  readonly storage: Pick<KeyStorage, 'auditRows' | 'auditBase' | 'lastAudit' | 'commit'>;
  readonly archive: AuditArchive;
  /** Rows of a segment; as many and up to twice as many stay in the storage. */
  readonly segmentRows: number;
  /** Segments are dropped when they are older, ms; never when undefined. */
  readonly keepMs?: number | undefined;
  /** Time of the store, for the events. */
  readonly now: () => number;
  /** Wall clock, ms since 1970, for the age of segments. */
  readonly wallMs: () => number;
  /** Brings a checkpoint of the end of each segment to where checkpoints go, where there are any. */
  readonly checkpoint?: ((head: TreeHead) => Promise<void>) | undefined;
}

/** Rows read at a time, so that other work comes in between. */
const PAGE = 2000;

/** The caller calls {@link turn} now and then. */
export class AuditRotation {
  readonly #parts: AuditRotationParts;
  #turning: Promise<boolean> | undefined;

  constructor(parts: AuditRotationParts) {
    this.#parts = parts;
  }

  /** One segment at most; true when one was cut off. Rejects with AuditBrokenError or what storage or archive did. */
  turn(): Promise<boolean> {
    this.#turning ??= this.#turn().finally(() => {
      this.#turning = undefined;
    });
    return this.#turning;
  }

  async #turn(): Promise<boolean> {
    const { storage, segmentRows } = this.#parts;
    await this.#drop();
    const base = await storage.auditBase();
    const length = (await storage.lastAudit())?.sequence ?? 0;
    if (length - (base?.size ?? 0) < 2 * segmentRows) return false;
    await this.#cut(base);
    return true;
  }

  async #cut(base: AuditBase | undefined): Promise<void> {
    const { archive, segmentRows, checkpoint } = this.#parts;
    const walk = AuditWalk.from(base);
    if (walk === undefined) throw new AuditBrokenError({ sequence: base?.size ?? 1, problem: 'changed' });
    const before = walk.base();
    const text = await this.#walked(walk, before.size + segmentRows);
    await archive.write(before, walk.size, [segmentHead(before), ...text]);
    await checkpoint?.({ size: walk.size, root: walk.root() });
    await this.#commit([{ do: 'cutAudit', after: before.size, base: walk.base() }], {
      event: 'audit-rotated',
      reason: `rows ${before.size + 1} to ${walk.size}`,
    });
  }

  /** The lines of the rows up to `last`, all of which held. */
  async #walked(walk: AuditWalk, last: number): Promise<readonly string[]> {
    const lines: string[] = [];
    while (walk.size < last) {
      const rows = await this.#parts.storage.auditRows(walk.size + 1, Math.min(PAGE, last - walk.size));
      const fault = rows.length === 0 ? missing(walk) : walk.takeAll(rows);
      if (fault !== undefined) throw new AuditBrokenError(fault);
      for (const row of rows) lines.push(segmentLine(row));
    }
    return lines;
  }

  /** First the record says it, then the files go: the other way round a crash would leave a hole that nobody explains. */
  async #drop(): Promise<void> {
    const { archive, keepMs, wallMs } = this.#parts;
    if (keepMs === undefined) return;
    const old = (await archive.list()).filter(({ writtenMs }) => writtenMs < wallMs() - keepMs);
    const last = Math.max(0, ...old.map((segment) => segment.last));
    if (last === 0) return;
    await this.#commit([], { event: DROPPED, reason: droppedReason(last) });
    for (const segment of old) await archive.remove(segment.first, segment.last);
  }

  async #commit(
    changes: Parameters<KeyStorage['commit']>[0],
    event: { readonly event: string; readonly reason: string },
  ): Promise<void> {
    const { storage, now } = this.#parts;
    await storage.commit(changes, (_done, last) => linkEvents(last, [{ atMs: now(), ...event }], undefined));
  }
}

const missing = (walk: AuditWalk) => ({ sequence: walk.size + 1, problem: 'gap' }) as const;
