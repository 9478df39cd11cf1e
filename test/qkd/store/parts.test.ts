/** The small parts of the store: states, sealing, store time, group commit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEY_STATES, MemoryKeyStorage, SEALED_STATES, Secret } from '#qkd';
import { CommitGroup } from '../../../qkd/store/commit-group.ts';
import { move } from '../../../qkd/store/key-storage.ts';
import { mayBecome, TRANSITIONS } from '../../../qkd/store/lifecycle.ts';
import { Sealer } from '../../../qkd/store/sealer.ts';
import { StoreClock } from '../../../qkd/store/store-clock.ts';
import { FailingStorage, FakeClock, keyIdOf, random } from './fixtures.ts';

const CONTEXT = { keyId: keyIdOf(1), peer: 'peer', role: 'master' } as const;

/** A sealer in its first epoch, and what its keys are sealed for. */
function sealing(fill = 1) {
  const sealer = new Sealer(kek(fill), random);
  const row = sealer.begin();
  return { sealer, row, context: { ...CONTEXT, epoch: row.epoch } };
}

function kek(fill: number): Secret {
  return Secret.own(new Uint8Array(32).fill(fill));
}

describe('the states of a key', () => {
  it('never lead from an end back to use: all pairs', () => {
    const ends = KEY_STATES.filter((state) => TRANSITIONS[state].length === 0);
    expect(ends).toEqual(['retired', 'destroyed', 'burnt', 'expired', 'quarantined']);
    for (const from of KEY_STATES)
      for (const to of KEY_STATES) {
        expect(mayBecome(from, to)).toBe(TRANSITIONS[from].includes(to));
        if (to === 'stored') expect(mayBecome(from, to)).toBe(from === 'reserved');
        if (to === 'delivered') expect(mayBecome(from, to)).toBe(SEALED_STATES.includes(from));
      }
  });
});

describe('sealing', () => {
  it('gives back what was sealed, in its place only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 128 }), (bytes) => {
        const { sealer, context } = sealing();
        const sealed = sealer.seal(context, Secret.copyOf(bytes));
        expect(sealer.open(context, sealed)?.equals(Secret.copyOf(bytes))).toBe(true);
        const { epoch } = sealer.begin();
        for (const other of [
          { ...context, keyId: keyIdOf(2) },
          { ...context, peer: 'peer2' },
          { ...context, role: 'slave' as const },
          { ...context, epoch },
          { ...context, epoch: 'unheard of' },
        ])
          expect(sealer.open(other, sealed)).toBeUndefined();
        expect(sealer.open(context, sealed)).toBeDefined();
      }),
    );
  });

  it('opens an epoch again under the same key-encryption key only', () => {
    const { sealer, row, context } = sealing(1);
    const secret = Secret.own(random(32));
    const sealed = sealer.seal(context, secret);
    const same = new Sealer(kek(1), random);
    expect(same.load(row)).toBe(true);
    expect(same.open(context, sealed)?.equals(secret)).toBe(true);
    expect([same.epoch, same.has(row.epoch), same.has('x')]).toEqual([row.epoch, true, false]);
    expect(new Sealer(kek(2), random).load(row)).toBe(false);
    expect(new Sealer(kek(1), random).load({ ...row, epoch: '0011223344556677' })).toBe(false);
    expect(new Sealer(kek(1), random).load({ epoch: row.epoch, wrapped: undefined })).toBe(false);
  });

  it('opens nothing of an epoch that was forgotten, and all of the others', () => {
    const { sealer, row, context } = sealing();
    const first = sealer.seal(context, Secret.own(random(32)));
    const later = { ...CONTEXT, epoch: sealer.begin().epoch };
    const second = sealer.seal(later, Secret.own(random(32)));
    sealer.forget(row.epoch);
    expect(sealer.open(context, first)).toBeUndefined();
    expect(sealer.open(later, second)).toBeDefined();
    sealer.forget(later.epoch);
    expect(sealer.epoch).toBeUndefined();
  });
});

describe('what a seal keeps from', () => {
  it('notices a change of any octet, and any cut', () => {
    const { sealer, context } = sealing();
    const sealed = sealer.seal(context, Secret.own(random(32)));
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at]! ^= 1;
      expect(sealer.open(context, changed)).toBeUndefined();
      expect(sealer.open(context, sealed.subarray(0, at))).toBeUndefined();
    }
  });

  it('seals the same key differently each time, and uses no IV twice', () => {
    const { sealer, context } = sealing();
    const secret = Secret.own(random(32));
    const sealed = Array.from({ length: 600 }, () => Buffer.from(sealer.seal(context, secret)));
    expect(new Set(sealed.map((octets) => octets.subarray(13).toString('hex'))).size).toBe(600);
    expect(new Set(sealed.map((octets) => octets.subarray(1, 13).toString('hex'))).size).toBe(600);
  });

  it('needs its own copy of the key no longer once it is closed', () => {
    const key = kek(1);
    const sealer = new Sealer(key, random);
    key.wipe();
    const context = { ...CONTEXT, epoch: sealer.begin().epoch };
    const sealed = sealer.seal(context, Secret.own(random(32)));
    sealer.close();
    expect(sealer.open(context, sealed)).toBeUndefined();
    expect(() => sealer.seal(context, Secret.own(random(32)))).toThrow('closed');
    expect(() => sealer.begin()).toThrow('closed');
  });

  it('wants a key of 256 bits', () => {
    expect(() => new Sealer(Secret.own(new Uint8Array(16)), random)).toThrow('32 octets');
  });
});

describe('store time', () => {
  it('goes on with the monotonic clock whatever the wall clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.integer({ min: -1e9, max: 1e9 }))), (steps) => {
        const clock = new FakeClock();
        const time = new StoreClock(clock, 0);
        const start = time.now();
        let passed = 0;
        for (const [ms, jump] of steps) {
          clock.pass(ms);
          clock.wall += jump;
          passed += ms;
          expect(time.now() - start).toBe(passed);
        }
      }),
    );
  });

  it('says how far the wall clock was moved', () => {
    const clock = new FakeClock();
    const time = new StoreClock(clock, 0);
    clock.pass(500);
    expect(time.stepMs()).toBe(0);
    clock.wall -= 3_600_000;
    expect(time.stepMs()).toBe(-3_600_000);
  });

  it('begins no earlier than what is written down', () => {
    const clock = new FakeClock();
    expect(new StoreClock(clock, clock.wall + 500).now()).toBe(clock.wall + 500);
    expect(new StoreClock(clock, clock.wall - 500).now()).toBe(clock.wall);
  });
});

const event = (reason: string) => [{ atMs: 1, event: 'note', reason }];

describe('group commit', () => {
  it('writes what is asked for in one turn in one transaction', async () => {
    const storage = new MemoryKeyStorage();
    let transactions = 0;
    const commit = storage.commit.bind(storage);
    storage.commit = (changes, record) => {
      transactions++;
      return commit(changes, record);
    };
    const group = new CommitGroup({ storage });
    const note = (reason: string) =>
      group.run(
        () => [],
        () => event(reason),
      );
    await Promise.all(Array.from({ length: 50 }, (_, index) => note(`${index}`)));
    expect(transactions).toBe(1);
    expect(storage.lastAudit()).toMatchObject({ sequence: 50 });
    await note('later');
    expect(transactions).toBe(2);
  });

  it('makes one change of all who take from one pair, and tells the last that there is none', async () => {
    const storage = new MemoryKeyStorage();
    const row = (number: number) => ({
      ...CONTEXT,
      keyId: keyIdOf(number),
      state: 'stored' as const,
      sealed: new Uint8Array(1),
      epoch: 'e',
      receivedAtMs: 1,
      changedAtMs: 1,
    });
    const rows = [1, 2, 3].map(row);
    storage.commit([{ do: 'insert', rows }], () => []);
    const group = new CommitGroup({ storage, later: setImmediate });
    const take = () =>
      group.take(
        'pair',
        (limit) => move({ states: ['stored'], limit }, 'delivered', 2),
        (taken) => event(`${taken.length}`),
      );
    const taken = await Promise.all([take(), take(), take(), take()]);
    expect(taken.map((key) => key?.keyId)).toEqual([keyIdOf(1), keyIdOf(2), keyIdOf(3), undefined]);
    expect(storage.lastAudit()).toMatchObject({
      sequence: 1,
      event: expect.stringContaining('"reason":"3"'),
    });
  });
});

describe('group commit that fails', () => {
  it('tells every piece of a transaction that could not be written, and goes on', async () => {
    const storage = new FailingStorage();
    storage.failures = 1;
    const group = new CommitGroup({ storage });
    const note = (reason: string) =>
      group.run(
        () => [],
        () => event(reason),
      );
    const results = await Promise.allSettled([note('1'), note('2'), note('3')]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(storage.lastAudit()).toBeUndefined();
    await note('4');
    expect(storage.lastAudit()?.sequence).toBe(1);
  });

  it('refuses to declare a way that the table does not have', () => {
    expect(() => move({ states: ['stored', 'retired'] }, 'delivered', 1)).toThrow('retired to delivered');
  });
});
