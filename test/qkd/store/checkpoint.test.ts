import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AuditBrokenError,
  Checkpointer,
  MemoryKeyStorage,
  readCheckpoints,
  signsCheckpoints,
  verifyAudit,
  writeCheckpoint,
} from '#qkd';
import { linkEvents } from '../../../qkd/store/audit.ts';

const ED25519 = generateKeyPairSync('ed25519');
const ORIGIN = 'n3iwf.example.org/keys';
const ROOT = new Uint8Array(32).fill(7);

function grow(storage: MemoryKeyStorage, count: number): void {
  const events = Array.from({ length: count }, () => ({ atMs: 1, event: 'note', reason: 'test' }));
  storage.commit([], (_done, last) => linkEvents(last, events, undefined));
}

function following(storage: MemoryKeyStorage, everyEvents = 10, everyMs = 1000) {
  const shipped: string[] = [];
  const state = { now: 0, fail: false };
  const checkpointer = new Checkpointer({
    storage,
    privateKey: ED25519.privateKey,
    origin: ORIGIN,
    everyEvents,
    everyMs,
    monotonicMs: () => state.now,
    ship: (text) => {
      if (state.fail) return Promise.reject(new Error('no second place'));
      shipped.push(text);
      return Promise.resolve();
    },
  });
  const sizes = () => {
    const heads = readCheckpoints(shipped.join(''), ED25519.publicKey, ORIGIN);
    return heads.ok ? heads.value.map((head) => head.size) : heads.error;
  };
  return { checkpointer, shipped, state, sizes };
}

describe('a signed checkpoint', () => {
  it('is a note of origin, size and root that the public key opens', () => {
    const text = writeCheckpoint(ORIGIN, { size: 12, root: ROOT }, ED25519.privateKey);
    expect(text).toMatch(
      /^n3iwf\.example\.org\/keys\n12\nBwcH[A-Za-z0-9+/]+=\n\n— n3iwf\.example\.org\/keys \S+\n$/,
    );
    expect(readCheckpoints(text.repeat(3), ED25519.publicKey, ORIGIN)).toMatchObject({
      ok: true,
      value: [{ size: 12, root: ROOT }, { size: 12 }, { size: 12 }],
    });
    expect(readCheckpoints('', ED25519.publicKey)).toEqual({ ok: true, value: [] });
  });

  it.each(['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const)('is signed by %s as well', (kind) => {
    const { privateKey, publicKey } = generateKeyPairSync(kind as 'ed25519');
    expect([signsCheckpoints(privateKey), signsCheckpoints(publicKey)]).toEqual([true, true]);
    const text = writeCheckpoint(ORIGIN, { size: 1, root: ROOT }, privateKey);
    expect(readCheckpoints(text, publicKey, ORIGIN).ok).toBe(true);
    expect(readCheckpoints(text, ED25519.publicKey, ORIGIN)).toMatchObject({
      error: { problem: 'signed by another key' },
    });
  });

  it('is signed by no key that cannot', () => {
    const { privateKey } = generateKeyPairSync('x25519');
    expect(signsCheckpoints(privateKey)).toBe(false);
    expect(() => writeCheckpoint(ORIGIN, { size: 1, root: ROOT }, privateKey)).toThrow('Ed25519 or ML-DSA');
  });

  it('shows a change of any octet, and says which checkpoint it is', () => {
    const text = writeCheckpoint(ORIGIN, { size: 12, root: ROOT }, ED25519.privateKey);
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.constantFrom('A', '7', '\n', ' '), (at, octet) => {
        if (text[at] === octet) return;
        const changed = text.slice(0, at) + octet + text.slice(at + 1);
        const read = readCheckpoints(text + changed, ED25519.publicKey, ORIGIN);
        expect(read).toMatchObject({ ok: false, error: { checkpoint: 2 } });
      }),
    );
  });

  it('belongs to one record', () => {
    const text = writeCheckpoint('other/keys', { size: 12, root: ROOT }, ED25519.privateKey);
    expect(readCheckpoints(text, ED25519.publicKey, ORIGIN)).toMatchObject({
      error: { checkpoint: 1, problem: 'of another record' },
    });
  });
});

describe('the checkpointer', () => {
  it('signs every so many events, and after so long when there was any', async () => {
    const storage = new MemoryKeyStorage();
    const { checkpointer, state, sizes } = following(storage);
    await checkpointer.follow();
    state.now = 5000;
    await checkpointer.follow();
    expect(sizes()).toEqual([]);
    grow(storage, 25);
    await checkpointer.follow();
    expect(sizes()).toEqual([10, 20]);
    state.now += 999;
    await checkpointer.follow();
    expect(sizes()).toEqual([10, 20]);
    state.now += 1;
    await Promise.all([checkpointer.follow(), checkpointer.follow()]);
    expect(sizes()).toEqual([10, 20, 25]);
    grow(storage, 1);
    await checkpointer.follow(true);
    expect(sizes()).toEqual([10, 20, 25, 26]);
  });

  it('gives what verification holds the record against', async () => {
    const storage = new MemoryKeyStorage();
    const { checkpointer, shipped } = following(storage);
    grow(storage, 4321);
    await checkpointer.follow(true);
    const heads = readCheckpoints(shipped.join(''), ED25519.publicKey, ORIGIN);
    expect(heads.ok && heads.value.length).toBe(433);
    expect(await verifyAudit(storage, heads.ok ? heads.value : [])).toMatchObject({ ok: true, rows: 4321 });
  });

  it('offers what could not be brought away again', async () => {
    const storage = new MemoryKeyStorage();
    const { checkpointer, state, sizes } = following(storage);
    grow(storage, 10);
    state.fail = true;
    await expect(checkpointer.follow()).rejects.toThrow('no second place');
    state.fail = false;
    grow(storage, 1);
    await checkpointer.follow();
    expect(sizes()).toEqual([11]);
  });

  it('signs nothing of a record that is broken', async () => {
    const storage = new MemoryKeyStorage();
    const { checkpointer, sizes } = following(storage);
    grow(storage, 5);
    storage.appendAudit({ sequence: 6, atMs: 1, event: '{"at":1,"event":"forged","seq":6}', hash: ROOT });
    const failing = checkpointer.follow(true);
    await expect(failing).rejects.toThrow(AuditBrokenError);
    await expect(failing).rejects.toMatchObject({ fault: { sequence: 6, problem: 'changed' } });
    expect(sizes()).toEqual([]);
  });
});
