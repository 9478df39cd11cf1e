import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditRow, MemoryKeyStorage, verifyAudit } from '#qkd';
import { AuditWriter } from '../../../qkd/store/audit.ts';

function recorded(count: number): AuditRow[] {
  const storage = new MemoryKeyStorage();
  const audit = new AuditWriter(storage);
  for (let number = 1; number <= count; number++)
    audit.append({ atMs: number * 10, event: 'used', keyId: `key ${number}`, peer: 'p', reason: 'test' });
  return [...storage.auditRows(1, count)];
}

/** A storage that holds exactly these rows, whatever they say. */
function holding(rows: readonly AuditRow[]): MemoryKeyStorage {
  const storage = new MemoryKeyStorage();
  for (const row of rows) storage.appendAudit(row);
  return storage;
}

const COUNT = 20;
const place = fc.integer({ min: 0, max: COUNT - 1 });

describe('the audit chain', () => {
  it('holds as it was written, across pages', () => {
    expect(verifyAudit(holding(recorded(0)))).toBeUndefined();
    const rows = recorded(10_050);
    expect(verifyAudit(holding(rows), rows.at(-1))).toBeUndefined();
  });

  it('writes canonical JSON: members in order, absent ones left out', () => {
    const storage = new MemoryKeyStorage();
    new AuditWriter(storage).append({ reason: 'r', atMs: 5, event: 'burnt', peer: 'p' });
    expect(storage.lastAudit()?.event).toBe('{"at":5,"event":"burnt","peer":"p","reason":"r"}');
  });

  it('names the row of a changed octet, in event, hash or time', () => {
    const rows = recorded(COUNT);
    fc.assert(
      fc.property(place, fc.nat(), fc.constantFrom('event', 'hash', 'atMs'), (index, at, column) => {
        const row = rows[index]!;
        const event = row.event.split('');
        event[at % event.length] = event[at % event.length] === 'x' ? 'y' : 'x';
        const hash = row.hash.slice();
        hash[at % 32]! ^= 1;
        const changed = { event: event.join(''), hash, atMs: row.atMs + 1 }[column];
        const edited = rows.with(index, { ...row, [column]: changed });
        expect(verifyAudit(holding(edited))).toEqual({ sequence: index + 1, problem: 'changed' });
      }),
    );
  });

  it('names the place of a deletion', () => {
    const rows = recorded(COUNT);
    for (let index = 0; index < COUNT - 1; index++)
      expect(verifyAudit(holding(rows.toSpliced(index, 1)))).toEqual({ sequence: index + 1, problem: 'gap' });
  });

  it('notices a deletion with the rest renumbered, and a swap', () => {
    const rows = recorded(COUNT);
    const renumbered = rows.toSpliced(5, 1).map((row, index) => ({ ...row, sequence: index + 1 }));
    expect(verifyAudit(holding(renumbered))).toEqual({ sequence: 6, problem: 'changed' });
    const swapped = rows.with(3, { ...rows[4]!, sequence: 4 }).with(4, { ...rows[3]!, sequence: 5 });
    expect(verifyAudit(holding(swapped))).toEqual({ sequence: 4, problem: 'changed' });
  });

  it('notices a cut end, and a chain written anew, against a head kept elsewhere', () => {
    const rows = recorded(COUNT);
    const head = rows[14]!;
    expect(verifyAudit(holding(rows), head)).toBeUndefined();
    expect(verifyAudit(holding(rows.slice(0, 12)))).toBeUndefined();
    expect(verifyAudit(holding(rows.slice(0, 12)), head)).toEqual({ sequence: 13, problem: 'truncated' });
    const storage = holding(rows.slice(0, 12));
    const audit = new AuditWriter(storage);
    for (let more = 0; more < 5; more++) audit.append({ atMs: 1, event: 'forged' });
    expect(verifyAudit(storage, head)).toEqual({ sequence: 15, problem: 'changed' });
  });
});
