import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AuditFault,
  type AuditRow,
  auditFollows,
  MemoryKeyStorage,
  type TreeHead,
  verifyAudit,
} from '#qkd';
import { chainHash, FIRST_HASH, linkEvents } from '../../../qkd/store/audit.ts';
import { leafHash, MerkleTree } from '../../../qkd/store/merkle.ts';

function recorded(count: number): readonly AuditRow[] {
  const events = Array.from({ length: count }, (_, index) => ({
    atMs: (index + 1) * 10,
    event: 'delivered',
    keyIds: [`key ${index + 1}`],
    peer: 'p',
    reason: 'test',
  }));
  return linkEvents(undefined, events, undefined);
}

/** A storage that holds exactly these rows, whatever they say. */
function holding(rows: readonly AuditRow[]): MemoryKeyStorage {
  const storage = new MemoryKeyStorage();
  for (const row of rows) storage.appendAudit(row);
  return storage;
}

/** What a checkpoint over these rows says. */
function headOf(rows: readonly AuditRow[]): TreeHead {
  const tree = new MerkleTree();
  for (const row of rows) tree.add(leafHash(row.event));
  return { size: tree.size, root: tree.root() };
}

async function faultOf(
  rows: readonly AuditRow[],
  heads?: readonly TreeHead[],
): Promise<AuditFault | undefined> {
  const verdict = await verifyAudit(holding(rows), heads);
  return verdict.ok ? undefined : verdict.fault;
}

/** What a forger does who knows how the chain is made: every hash behind the edit is made anew. */
function rechained(rows: readonly AuditRow[]): AuditRow[] {
  let previous = FIRST_HASH;
  return rows.map((row) => {
    previous = chainHash(previous, leafHash(row.event));
    return { ...row, hash: previous };
  });
}

const COUNT = 20;
const place = fc.integer({ min: 0, max: COUNT - 1 });

/** Inputs D[0] to D[7] and roots of RFC 6962's tree of 7 and its parts, as certificate-transparency's own tests have them. */
const INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** The definition of RFC 6962 2.1 as it stands: recursive, over all leaves. */
function definition(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return createHash('sha256').digest();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const both = [definition(leaves.slice(0, split)), definition(leaves.slice(split))] as const;
  return createHash('sha256').update(Uint8Array.of(1)).update(both[0]).update(both[1]).digest();
}

describe('the Merkle tree', () => {
  it('[RFC6962 2.1] gives the roots of the published tree, leaf by leaf', () => {
    const tree = new MerkleTree();
    expect(Buffer.from(tree.root()).toString('hex')).toBe(createHash('sha256').digest('hex'));
    for (const [index, input] of INPUTS.entries()) {
      tree.add(leafHash(Buffer.from(input, 'hex')));
      expect(Buffer.from(tree.root()).toString('hex')).toBe(ROOTS[index]);
    }
  });

  it('[RFC6962 2.1] is the recursive definition, for any number of leaves', () => {
    const leaves: Uint8Array[] = [];
    const tree = new MerkleTree();
    for (let count = 1; count <= 130; count++) {
      const leaf = leafHash(`leaf ${count}`);
      leaves.push(leaf);
      tree.add(leaf);
      expect(Buffer.compare(tree.root(), definition(leaves))).toBe(0);
    }
  });
});

describe('the audit chain', () => {
  it('holds as it was written, across pages', async () => {
    expect(await faultOf(recorded(0))).toBeUndefined();
    const rows = recorded(10_050);
    const heads = [headOf(rows), headOf(rows.slice(0, 7)), headOf(rows.slice(0, 7))];
    expect(await verifyAudit(holding(rows), heads)).toEqual({
      ok: true,
      first: 1,
      rows: 10_050,
      root: headOf(rows).root,
    });
  });

  it('writes canonical JSON: members in order, absent ones left out', () => {
    const [row] = linkEvents(undefined, [{ reason: 'r', atMs: 5, event: 'burnt', peer: 'p' }], undefined);
    expect(row?.event).toBe('{"at":5,"event":"burnt","peer":"p","reason":"r","seq":1}');
  });

  it('names the row of a changed octet, in event, hash or time', async () => {
    const rows = recorded(COUNT);
    await fc.assert(
      fc.asyncProperty(
        place,
        fc.nat(),
        fc.constantFrom('event', 'hash', 'atMs'),
        async (index, at, column) => {
          const row = rows[index]!;
          const event = row.event.split('');
          event[at % event.length] = event[at % event.length] === 'x' ? 'y' : 'x';
          const hash = Uint8Array.from(row.hash);
          hash[at % 32]! ^= 1;
          const changed = { event: event.join(''), hash, atMs: row.atMs + 1 }[column];
          const edited = rows.with(index, { ...row, [column]: changed });
          const fault = await faultOf(edited);
          expect(fault?.sequence).toBe(index + 1);
          // An octet of the row's own number makes it look like another row.
          expect(['changed', ...(column === 'event' ? ['moved'] : [])]).toContain(fault?.problem);
        },
      ),
    );
  });
});

describe('the audit chain, cut or written anew', () => {
  it('names the place of a deletion', async () => {
    const rows = recorded(COUNT);
    for (let index = 0; index < COUNT - 1; index++)
      expect(await faultOf(rows.toSpliced(index, 1))).toEqual({ sequence: index + 1, problem: 'gap' });
  });

  it('notices a deletion with the rest renumbered, and a swap', async () => {
    const rows = recorded(COUNT);
    const renumbered = rows.toSpliced(5, 1).map((row, index) => ({ ...row, sequence: index + 1 }));
    expect(await faultOf(renumbered)).toEqual({ sequence: 6, problem: 'moved' });
    const swapped = rows.with(3, { ...rows[4]!, sequence: 4 }).with(4, { ...rows[3]!, sequence: 5 });
    expect(await faultOf(swapped)).toEqual({ sequence: 4, problem: 'moved' });
    expect(await faultOf(rechained(swapped))).toEqual({ sequence: 4, problem: 'moved' });
  });

  it('notices a cut end against a checkpoint kept elsewhere', async () => {
    const rows = recorded(COUNT);
    const head = headOf(rows.slice(0, 15));
    expect(await faultOf(rows, [head])).toBeUndefined();
    expect(await faultOf(rows.slice(0, 12))).toBeUndefined();
    expect(await faultOf(rows.slice(0, 12), [head])).toEqual({ sequence: 13, problem: 'truncated' });
    expect(await faultOf([], [head])).toEqual({ sequence: 1, problem: 'truncated' });
  });

  it('finds the span of a record that was edited and chained anew', async () => {
    const rows = recorded(COUNT);
    const heads = [5, 10, 15, 20].map((size) => headOf(rows.slice(0, size)));
    await fc.assert(
      fc.asyncProperty(place, async (index) => {
        const row = rows[index]!;
        const forged = rechained(rows.with(index, { ...row, event: row.event.replace('test', 'tost') }));
        expect(await faultOf(forged)).toBeUndefined();
        const span = Math.floor(index / 5) * 5;
        expect(await faultOf(forged, heads)).toEqual({
          sequence: span + 1,
          problem: 'rewritten',
          until: span + 5,
        });
      }),
    );
  });
});

describe('the end of a record', () => {
  it('follows row by row, from the first on', () => {
    const rows = recorded(4);
    const follows = rows.map((row, at) => auditFollows(rows[at - 1], row));
    expect(follows).toEqual([true, true, true, true]);
    expect(auditFollows(rows[0], rows[2]!)).toBe(false);
    expect(auditFollows(rows[1], { ...rows[2]!, event: rows[3]!.event })).toBe(false);
    expect(auditFollows(undefined, rows[1]!)).toBe(false);
  });
});
