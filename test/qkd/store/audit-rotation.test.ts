/** The record in parts: what left the storage is verified with what is in it, and whatever was done to either is located. */
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuditBase,
  AuditRotation,
  type AuditRotationParts,
  type AuditRow,
  type AuditSegment,
  type AuditVerdict,
  Checkpointer,
  MemoryKeyStorage,
  readCheckpoints,
  readSegmentHead,
  readSegmentLine,
  type TreeHead,
  verifyAudit,
} from '#qkd';
import { linkEvents } from '../../../qkd/store/audit.ts';
import type { AuditArchive } from '../../../qkd/store/audit-segment.ts';
import { MerkleTree } from '../../../qkd/store/merkle.ts';

const DAY = 86_400_000;

/** A folder in memory; `crash` ends the next write or removal before it is done. */
class MemoryArchive implements AuditArchive {
  readonly files = new Map<string, { lines: string[]; writtenMs: number }>();
  now = 0;
  crash = false;

  async write(base: AuditBase, last: number, text: Iterable<string>): Promise<void> {
    this.#mayCrash();
    this.files.set(`${base.size + 1}-${last}`, { lines: [...text], writtenMs: this.now });
  }

  async list() {
    return [...this.files].map(([name, { writtenMs }]) => {
      const [first = 0, last = 0] = name.split('-').map(Number);
      return { first, last, writtenMs };
    });
  }

  async remove(first: number, last: number): Promise<void> {
    this.#mayCrash();
    this.files.delete(`${first}-${last}`);
  }

  #mayCrash(): void {
    if (!this.crash) return;
    this.crash = false;
    throw new Error('crash');
  }

  segments(): readonly AuditSegment[] {
    return [...this.files.values()].map(({ lines }) => segmentOf(lines));
  }
}

function segmentOf([head = '', ...lines]: readonly string[]): AuditSegment {
  const base = readSegmentHead(head.trimEnd());
  if (base === undefined) throw new Error('no segment');
  const rows = lines.map((line, at) => readSegmentLine(line.trimEnd(), base.size + 1 + at));
  async function* pages() {
    yield rows.slice(0, 3);
    yield rows.slice(3);
  }
  return { base, pages };
}

function grow(storage: MemoryKeyStorage, count: number): void {
  const from = storage.lastAudit()?.sequence ?? 0;
  const events = Array.from({ length: count }, (_, at) => ({
    atMs: from + at,
    event: 'delivered',
    keyIds: [`key-${from + at}`],
    peer: 'p',
    reason: 'test',
  }));
  storage.commit([], (_done, last) => linkEvents(last, events, undefined));
}

function rotated(rows: number, more: Partial<AuditRotationParts> = {}) {
  const storage = new MemoryKeyStorage();
  const archive = new MemoryArchive();
  grow(storage, rows);
  const parts = { storage, archive, segmentRows: 10, now: () => 5, wallMs: () => archive.now, ...more };
  return { storage, archive, rotation: new AuditRotation(parts) };
}

async function turnAll(rotation: AuditRotation): Promise<number> {
  let cut = 0;
  while (await rotation.turn()) cut++;
  return cut;
}

/** A record of 45 rows and a few about itself: segments of 10 and what is left. */
async function inParts(more: Partial<AuditRotationParts> = {}) {
  const all = rotated(45, more);
  expect(await turnAll(all.rotation)).toBe(3);
  return all;
}

describe('a record in parts', () => {
  it('holds as a whole, with the root that it had before it was cut', async () => {
    const { storage, archive } = await inParts();
    expect([...archive.files.keys()]).toEqual(['1-10', '11-20', '21-30']);
    expect(storage.auditRows(1, 1)[0]?.sequence).toBe(31);
    const whole = await verifyAudit(storage, [], archive.segments());
    expect(whole).toMatchObject({ ok: true, first: 1, rows: 48 });
    const uncut = rotated(45);
    const root = (verdict: AuditVerdict) => (verdict.ok ? Buffer.from(verdict.root).toString('hex') : '');
    const heads = [{ size: 45, root: Buffer.from(root(await verifyAudit(uncut.storage)), 'hex') }];
    expect(await verifyAudit(storage, heads, archive.segments())).toMatchObject({ ok: true });
    expect(storage.auditRows(40, 50).map(({ event }) => JSON.parse(event).reason)).toContain('rows 21 to 30');
  });

  it('keeps as many rows in the storage as a segment has, and grows on', async () => {
    const { storage, archive, rotation } = await inParts();
    grow(storage, 500);
    await turnAll(rotation);
    expect(storage.auditRows(1, 1000).length).toBeLessThan(20);
    expect(storage.auditRows(1, 1000).length).toBeGreaterThanOrEqual(10);
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({ ok: true, first: 1 });
  });

  it('is not cut when it is not as it was written', async () => {
    const storage = new MemoryKeyStorage();
    grow(storage, 12);
    storage.appendAudit({ sequence: 13, atMs: 1, event: 'forged', hash: new Uint8Array(32) });
    for (let row = 14; row < 30; row++)
      storage.appendAudit({ sequence: row, atMs: 1, event: 'more', hash: new Uint8Array(32) });
    const archive = new MemoryArchive();
    const parts = { storage, archive, segmentRows: 14, now: () => 5, wallMs: () => 0 };
    await expect(new AuditRotation(parts).turn()).rejects.toThrow('row 13, changed');
    expect(archive.files.size).toBe(0);
    expect(storage.auditBase()).toBeUndefined();
  });
});

type Damage = readonly [what: string, act: (lines: string[], at: number) => string[]];
const damages: readonly Damage[] = [
  ['an edit', (lines, at) => lines.with(at, (lines[at] ?? '').replace('test', 'tost'))],
  [
    'an edit of a hash',
    (lines, at) =>
      lines.with(
        at,
        (lines[at] ?? '').replace(/^./, (c) => (c === '0' ? '1' : '0')),
      ),
  ],
  ['a deletion', (lines, at) => lines.toSpliced(at, 1)],
  ['a line that is none', (lines, at) => lines.with(at, 'nothing\n')],
  ['a swap', (lines, at) => lines.with(at, lines[at + 1] ?? '').with(at + 1, lines[at] ?? '')],
  ['a cut', (lines, at) => lines.slice(0, at)],
];

describe('what was done to a segment', () => {
  it.each(damages)('is located: %s', async (_what, damage) => {
    const { storage, archive } = await inParts();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(0, 1, 2), fc.integer({ min: 1, max: 9 }), async (which, at) => {
        const files = [...archive.files.values()].map(({ lines }) => lines);
        const segments = files.map((lines, index) => segmentOf(index === which ? damage(lines, at) : lines));
        const verdict = await verifyAudit(storage, [], segments);
        expect(verdict).toMatchObject({ ok: false, fault: { sequence: 10 * which + at } });
      }),
      { numRuns: 30 },
    );
  });

  it('is located when the whole segment is gone, the first, another or the last', async () => {
    const { storage, archive } = await inParts();
    const segments = archive.segments();
    const without = async (index: number) => await verifyAudit(storage, [], segments.toSpliced(index, 1));
    expect(await without(0)).toEqual({ ok: false, fault: { sequence: 1, problem: 'gap' } });
    expect(await without(1)).toEqual({ ok: false, fault: { sequence: 11, problem: 'gap' } });
    expect(await without(2)).toEqual({ ok: false, fault: { sequence: 21, problem: 'gap' } });
    expect(await verifyAudit(storage)).toEqual({ ok: false, fault: { sequence: 1, problem: 'gap' } });
  });

  it('is located in the rows that are left in the storage, and in what it says of the others', async () => {
    const { storage, archive } = await inParts();
    const rows = storage.auditRows(1, 100);
    const base = storage.auditBase();
    const holding = (kept: readonly AuditRow[], at = base) => ({
      auditRows: (from: number, limit: number) =>
        kept.filter(({ sequence }) => sequence >= from).slice(0, limit),
      auditBase: () => at,
    });
    const fault = async (kept: readonly AuditRow[], at = base) => {
      const verdict = await verifyAudit(holding(kept, at), [], archive.segments());
      return verdict.ok ? undefined : verdict.fault;
    };
    expect(await fault(rows)).toBeUndefined();
    expect(await fault(rows.toSpliced(0, 1))).toMatchObject({ sequence: 31, problem: 'gap' });
    expect(await fault(rows.with(2, { ...rows[2]!, atMs: 99 }))).toMatchObject({
      sequence: 33,
      problem: 'changed',
    });
    const forged = { ...base!, hash: new Uint8Array(32) };
    expect(await fault(rows, forged)).toEqual({ sequence: 30, problem: 'changed' });
    expect(await fault(rows, { ...base!, peaks: [] })).toEqual({ sequence: 30, problem: 'changed' });
  });
});

describe('what was done to all of the record', () => {
  it('shows in a checkpoint when all of it was chained anew', async () => {
    const { storage, archive } = await inParts();
    const heads: TreeHead[] = [{ size: 20, root: new Uint8Array(32) }];
    expect(await verifyAudit(storage, heads, archive.segments())).toEqual({
      ok: false,
      fault: { sequence: 1, problem: 'rewritten', until: 20 },
    });
    const late: TreeHead[] = [{ size: 900, root: new Uint8Array(32) }];
    expect(await verifyAudit(storage, late, archive.segments())).toMatchObject({
      fault: { problem: 'truncated' },
    });
  });
});

describe('segments that are old', () => {
  it('are dropped by the record’s own word, and the rest holds against checkpoints', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const shipped: string[] = [];
    const storage = new MemoryKeyStorage();
    const checkpointer = new Checkpointer({
      storage,
      privateKey,
      origin: 'o',
      everyEvents: 7,
      everyMs: 1,
      monotonicMs: () => 0,
      ship: async (text) => void shipped.push(text),
    });
    const archive = new MemoryArchive();
    grow(storage, 45);
    const rotation = new AuditRotation({
      storage,
      archive,
      segmentRows: 10,
      keepMs: 100 * DAY,
      now: () => 5,
      wallMs: () => archive.now,
      checkpoint: (head) => checkpointer.ship(head),
    });
    await turnAll(rotation);
    archive.now = 101 * DAY;
    await rotation.turn();
    expect(archive.files.size).toBe(0);
    await checkpointer.follow(true);
    const heads = readCheckpoints(shipped.join(''), publicKey, 'o');
    if (!heads.ok) throw new Error(heads.error.problem);
    expect(heads.value.map(({ size }) => size)).toEqual(expect.arrayContaining([10, 20, 30]));
    expect(await verifyAudit(storage, heads.value)).toMatchObject({ ok: true, first: 31, rows: 49 });
    // One that signed the cut is what a forger of the cut cannot make.
    const forged = [...heads.value, { size: 30, root: new Uint8Array(32) }];
    expect(await verifyAudit(storage, forged)).toMatchObject({ fault: { problem: 'rewritten', until: 30 } });
  });

  it('are no excuse for rows behind them', async () => {
    const { storage, archive, rotation } = await inParts({ keepMs: DAY });
    const segments = archive.segments();
    archive.now = 2 * DAY;
    // Only the first two are old.
    archive.files.get('21-30')!.writtenMs = 2 * DAY;
    await rotation.turn();
    expect([...archive.files.keys()]).toEqual(['21-30']);
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({ ok: true, first: 21 });
    expect(await verifyAudit(storage, [], segments)).toMatchObject({ ok: true, first: 1 });
    expect(await verifyAudit(storage, [])).toEqual({ ok: false, fault: { sequence: 1, problem: 'gap' } });
  });

  it('stay for ever where no time is set', async () => {
    const { archive, rotation } = await inParts();
    archive.now = 10_000 * DAY;
    await rotation.turn();
    expect(archive.files.size).toBe(3);
  });
});

describe('a crash at each step', () => {
  it('before the segment is written leaves everything, and it is written the next time', async () => {
    const { storage, archive, rotation } = rotated(30);
    archive.crash = true;
    await expect(rotation.turn()).rejects.toThrow('crash');
    expect(await verifyAudit(storage)).toMatchObject({ ok: true, rows: 30 });
    expect(await turnAll(rotation)).toBe(2);
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({ ok: true, first: 1 });
  });

  it('after it, before the checkpoint or the cut, leaves rows in both places, which are no fault', async () => {
    const failing = rotated(30, { checkpoint: () => Promise.reject(new Error('no second place')) });
    await expect(failing.rotation.turn()).rejects.toThrow('no second place');
    const { storage, archive } = failing;
    expect(archive.files.size).toBe(1);
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({
      ok: true,
      first: 1,
      rows: 30,
    });
    const again = new AuditRotation({ storage, archive, segmentRows: 10, now: () => 5, wallMs: () => 0 });
    expect(await turnAll(again)).toBe(2);
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({ ok: true, first: 1 });
  });

  it('after the word of a drop, before the files are gone, leaves what still holds, and it is dropped again', async () => {
    const { storage, archive, rotation } = await inParts({ keepMs: DAY });
    archive.now = 2 * DAY;
    archive.crash = true;
    await expect(rotation.turn()).rejects.toThrow('crash');
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({ ok: true, first: 1 });
    await rotation.turn();
    // By now the record is long enough for one more.
    expect([...archive.files.keys()]).toEqual(['31-40']);
    expect(await verifyAudit(storage, [], archive.segments())).toMatchObject({ ok: true, first: 31 });
  });

  it('of another node that cut the same rows first is told, and takes nothing twice', async () => {
    const { storage, archive } = rotated(30);
    const other = new MemoryArchive();
    const parts = { storage, segmentRows: 10, now: () => 5, wallMs: () => 0 };
    const second = new AuditRotation({ ...parts, archive: other });
    const first = new AuditRotation({
      ...parts,
      archive,
      // Between its file and its cut the other one comes.
      checkpoint: async () => void (await second.turn()),
    });
    await expect(first.turn()).rejects.toThrow('begins elsewhere by now');
    expect(await verifyAudit(storage, [], other.segments())).toMatchObject({ ok: true, first: 1 });
    expect(await verifyAudit(storage, [], [...archive.segments(), ...other.segments()])).toMatchObject({
      ok: true,
    });
  });
});

describe('a checkpointer beside it', () => {
  it('goes on from where the record begins now, after a start and when another node was faster', async () => {
    const { storage, rotation } = rotated(45);
    const { privateKey } = generateKeyPairSync('ed25519');
    let shipped = 0;
    const parts = {
      storage,
      privateKey,
      origin: 'o',
      everyEvents: 1000,
      everyMs: 0,
      monotonicMs: () => 1,
      ship: async () => void shipped++,
    };
    const early = new Checkpointer(parts);
    await early.follow();
    await turnAll(rotation);
    grow(storage, 50);
    await turnAll(rotation);
    await early.follow();
    await new Checkpointer(parts).follow(true);
    expect(shipped).toBe(3);
  });
});

describe('a Merkle tree', () => {
  it('goes on from its peaks as if it had never stopped, and from no others', () => {
    fc.assert(
      fc.property(fc.nat({ max: 70 }), fc.nat({ max: 20 }), (count, more) => {
        const leaf = (at: number) => new Uint8Array(32).fill(at);
        const whole = new MerkleTree();
        for (let at = 0; at < count; at++) whole.add(leaf(at));
        const again = MerkleTree.of(count, whole.peaks());
        for (let at = count; at < count + more; at++) {
          whole.add(leaf(at));
          again?.add(leaf(at));
        }
        expect(again?.root()).toEqual(whole.root());
      }),
    );
    expect(MerkleTree.of(1, [])).toBeUndefined();
    expect(MerkleTree.of(1, [new Uint8Array(31)])).toBeUndefined();
    expect(MerkleTree.of(2, [new Uint8Array(32), new Uint8Array(32)])).toBeUndefined();
    expect(MerkleTree.of(-1, [])).toBeUndefined();
    expect(MerkleTree.of(2 ** 40, [new Uint8Array(32)])?.size).toBe(2 ** 40);
  });
});

describe('the lines of a segment', () => {
  it('are read as they were written, and nothing else is taken for one', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, place) => {
        expect(readSegmentHead(text)).toBeUndefined();
        const row = readSegmentLine(text, place);
        expect([row.sequence, row.hash.length]).toEqual([place, 32]);
      }),
    );
  });
});
