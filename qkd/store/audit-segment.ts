/**
 * Parts of the audit record that have left the storage, as text: a line that says what is before them, then each row as
 * its chain hash and its event, so that a segment is verified like the rows themselves and can be read without a tool.
 */
import type { AuditBase, AuditRow } from './key-storage.ts';

/** A part of the record outside of the storage. */
export interface AuditSegment {
  /** What is before it. */
  readonly base: AuditBase;
  /** Its rows as they stand there, in pages; a line that is no row is given as one that cannot hold. */
  pages(): AsyncIterable<readonly AuditRow[]>;
}

/** Where segments are kept. */
export interface AuditArchive {
  /** Resolves when the whole segment is durable; one of the same rows is replaced. */
  write(base: AuditBase, lastRow: number, text: Iterable<string>): Promise<void>;
  /** What is there, by the numbers of the first and the last row and when it was written (ms since 1970). */
  list(): Promise<readonly { readonly first: number; readonly last: number; readonly writtenMs: number }[]>;
  remove(first: number, last: number): Promise<void>;
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** The first line of a segment, with its end. */
export function segmentHead({ size, hash, peaks }: AuditBase): string {
  return `${JSON.stringify({ after: size, hash: hex(hash), peaks: peaks.map(hex) })}\n`;
}

/** The line of one row, with its end: an event has no line feed, since JSON writes it otherwise. */
export function segmentLine({ hash, event }: AuditRow): string {
  return `${hex(hash)} ${event}\n`;
}

const HEAD = /^\{"after":(\d{1,15}),"hash":"([0-9a-f]{64})","peaks":\[((?:"[0-9a-f]{64}",?)*)\]\}$/;

/** Undefined for a line that begins no segment. */
export function readSegmentHead(line: string): AuditBase | undefined {
  const [, after, hash, peaks] = HEAD.exec(line) ?? [];
  if (after === undefined || hash === undefined || peaks === undefined) return undefined;
  const roots = peaks.match(/[0-9a-f]{64}/g) ?? [];
  return { size: Number(after), hash: octets(hash), peaks: roots.map(octets) };
}

/** A row by its line. What is no row comes with the number `place` and a hash that nothing has, so that it is found there. */
export function readSegmentLine(line: string, place: number): AuditRow {
  const [, hash = '', event = ''] = /^([0-9a-f]{64}) (.*)$/s.exec(line) ?? [];
  const [, at, sequence] = /^\{"at":(\d{1,15}),.*"seq":(\d{1,15})\}$/s.exec(event) ?? [];
  if (at === undefined || sequence === undefined)
    return { sequence: place, atMs: -1, event: line, hash: new Uint8Array(32) };
  return { sequence: Number(sequence), atMs: Number(at), event, hash: octets(hash) };
}
