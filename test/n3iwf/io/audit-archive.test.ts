/** Segments of the audit record on a real disk. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditRotation, MemoryKeyStorage, verifyAudit } from '#qkd';
import { AuditFolder } from '../../../n3iwf/io/audit-archive.ts';
import { linkEvents } from '../../../qkd/store/audit.ts';

const folder = mkdtempSync(join(tmpdir(), 'archive-'));
let path: string;
let storage: MemoryKeyStorage;
let archive: AuditFolder;
let folders = 0;

beforeEach(async () => {
  path = join(folder, `a${folders++}`, 'made');
  storage = new MemoryKeyStorage();
  archive = new AuditFolder(path);
  const events = Array.from({ length: 5000 }, (_, at) => ({
    atMs: at,
    event: 'note',
    reason: `${at} a\n\u2028"b`,
  }));
  storage.commit([], (_done, last) => linkEvents(last, events, undefined));
  await rotation().turn();
});
afterAll(() => rmSync(folder, { recursive: true }));

const day = 86_400_000;
const rotation = (keepMs?: number) =>
  new AuditRotation({ storage, archive, segmentRows: 2400, keepMs, now: () => 1, wallMs: Date.now });
const file = () => join(path, 'audit-000000000001-000000002400.log');
const verdict = async () => await verifyAudit(storage, [], await archive.segments());

describe('a folder of segments', () => {
  it('is made, has nothing but whole segments, and holds with the rest of the record', async () => {
    expect(readdirSync(path)).toEqual(['audit-000000000001-000000002400.log']);
    expect(await archive.list()).toEqual([{ first: 1, last: 2400, writtenMs: expect.any(Number) }]);
    expect(await verdict()).toMatchObject({ ok: true, first: 1, rows: 5001 });
  });

  it('is empty when it is not there', async () => {
    expect(await new AuditFolder(join(path, 'absent')).list()).toEqual([]);
    expect(await new AuditFolder(join(path, 'absent')).segments()).toEqual([]);
  });

  it('says so when it is no folder', async () => {
    await expect(new AuditFolder(file()).list()).rejects.toThrow('ENOTDIR');
  });

  it('lets what a crash left of a file, and what is not its own, lie', async () => {
    writeFileSync(join(path, 'audit-000000000001-000000000900.log.part'), 'half');
    writeFileSync(join(path, 'notes.txt'), 'by an operator');
    expect(await archive.list()).toHaveLength(1);
    expect(await verdict()).toMatchObject({ ok: true });
  });

  it('loses what is older than it is to be', async () => {
    await rotation(day).turn();
    expect(readdirSync(path)).toHaveLength(1);
    const old = (Date.now() - 2 * day) / 1000;
    utimesSync(file(), old, old);
    await rotation(day).turn();
    expect(readdirSync(path)).toEqual([]);
    expect(await verdict()).toMatchObject({ ok: true, first: 2401 });
  });
});

describe('a segment that somebody was at', () => {
  const lines = () => readFileSync(file(), 'utf8').split('\n');
  it.each([
    [
      'one octet',
      () =>
        writeFileSync(
          file(),
          lines()
            .with(2100, (lines()[2100] ?? '').replace('note', 'nota'))
            .join('\n'),
        ),
      2100,
    ],
    ['a line gone', () => writeFileSync(file(), lines().toSpliced(2100, 1).join('\n')), 2100],
    [
      'cut in a line',
      () => truncateSync(file(), Buffer.byteLength(lines().slice(0, 2100).join('\n')) + 90),
      2100,
    ],
    ['cut behind a line', () => writeFileSync(file(), `${lines().slice(0, 2100).join('\n')}\n`), 2100],
    ['its head', () => writeFileSync(file(), lines().with(0, 'no head').join('\n')), 1],
    ['everything', () => writeFileSync(file(), ''), 1],
    ['the file', () => rmSync(file()), 1],
  ] as const)('is found, with the row: %s', async (_what, act, row) => {
    act();
    const found = await verdict();
    expect(found).toMatchObject({ ok: false });
    if (!found.ok) expect(Math.max(1, found.fault.sequence)).toBe(row);
  });
});
