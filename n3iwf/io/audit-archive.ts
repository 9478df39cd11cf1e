/** Segments of the audit record as files in a folder, one each, named by their first and last row. */
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AuditArchive,
  type AuditBase,
  type AuditRow,
  type AuditSegment,
  readSegmentHead,
  readSegmentLine,
} from '#qkd';

const NAME = /^audit-(\d{12,15})-(\d{12,15})\.log$/;
/** Rows of one page, so that a segment is never in memory as a whole when it is read. */
const PAGE = 2000;

/** Name of the file with the rows from `first` to `last`; names sort as the rows do. */
function nameOf(first: number, last: number): string {
  const digits = (number: number): string => String(number).padStart(12, '0');
  return `audit-${digits(first)}-${digits(last)}.log`;
}

/** A folder of segments, made where it is not there. */
export class AuditFolder implements AuditArchive {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The file gets its name when its content is on the disk; a crash before that leaves a part that is written again. */
  async write(base: AuditBase, lastRow: number, text: Iterable<string>): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const path = join(this.#folder, nameOf(base.size + 1, lastRow));
    const file = await open(`${path}.part`, 'w', 0o640);
    try {
      await file.writeFile([...text].join(''));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${path}.part`, path);
    await this.#syncFolder();
  }

  /** A name is durable with its folder. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** None for a folder that is not there yet. Oldest rows first. */
  async list(): Promise<readonly { first: number; last: number; writtenMs: number }[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const found: { first: number; last: number; writtenMs: number }[] = [];
    for (const name of names.sort()) {
      const [, first, last] = NAME.exec(name) ?? [];
      if (first === undefined || last === undefined) continue;
      const { mtimeMs: writtenMs } = await stat(join(this.#folder, name));
      found.push({ first: Number(first), last: Number(last), writtenMs });
    }
    return found;
  }

  async remove(first: number, last: number): Promise<void> {
    await rm(join(this.#folder, nameOf(first, last)), { force: true });
    await this.#syncFolder();
  }

  /** Every segment for reading. A file whose first line is none of ours is given as one that holds nothing of its rows. */
  async segments(): Promise<readonly AuditSegment[]> {
    const listed = await this.list();
    return await Promise.all(
      listed.map(({ first, last }) => openSegment(join(this.#folder, nameOf(first, last)), first)),
    );
  }
}

/** A segment whose pages are read when they are asked for. */
async function openSegment(path: string, first: number): Promise<AuditSegment> {
  for await (const line of linesOf(path)) {
    const base = readSegmentHead(line);
    if (base !== undefined && base.size === first - 1) return { base, pages: () => pagesOf(path, first) };
    break;
  }
  return { base: { size: first - 1, hash: new Uint8Array(0), peaks: [] }, pages: () => pagesOf(path, first) };
}

/** By line feeds alone: what else ends a line for a reader of text may stand in an event. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of createReadStream(path, 'utf8')) {
    const lines = `${rest}${String(piece)}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** Rows in pages, so that a large segment is never in memory as a whole. */
async function* pagesOf(path: string, first: number): AsyncGenerator<readonly AuditRow[]> {
  let rows: AuditRow[] = [];
  // The first line is the head.
  let place = first - 1;
  for await (const line of linesOf(path)) {
    if (place >= first) rows.push(readSegmentLine(line, place));
    place++;
    if (rows.length < PAGE) continue;
    yield rows;
    rows = [];
  }
  yield rows;
}
