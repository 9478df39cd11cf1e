/** The small parts of the store: states, sealing, store time, group commit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEY_STATES, MemoryKeyStorage, Secret } from '#qkd';
import { CommitGroup } from '../../../qkd/store/commit-group.ts';
import { mayBecome, TRANSITIONS } from '../../../qkd/store/lifecycle.ts';
import { Sealer } from '../../../qkd/store/sealer.ts';
import { StoreClock } from '../../../qkd/store/store-clock.ts';
import { FailingStorage, FakeClock, keyIdOf, random } from './fixtures.ts';

const CONTEXT = { keyId: keyIdOf(1), peer: 'peer', role: 'master' } as const;

function kek(fill: number): Secret {
  return Secret.own(new Uint8Array(32).fill(fill));
}

describe('the states of a key', () => {
  it('never lead from an end back to use: all pairs', () => {
    const ends = KEY_STATES.filter((state) => TRANSITIONS[state].length === 0);
    expect(ends).toEqual(['retired', 'burnt', 'expired', 'quarantined']);
    for (const from of KEY_STATES)
      for (const to of KEY_STATES) {
        expect(mayBecome(from, to)).toBe(TRANSITIONS[from].includes(to));
        if (to === 'stored') expect(mayBecome(from, to)).toBe(false);
        if (to === 'used') expect(mayBecome(from, to)).toBe(from === 'stored');
      }
  });
});

describe('sealing', () => {
  it('gives back what was sealed, in its place only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 128 }), (bytes) => {
        const sealer = new Sealer(kek(1), random);
        const sealed = sealer.seal(CONTEXT, Secret.copyOf(bytes));
        expect(sealer.open(CONTEXT, sealed)?.equals(Secret.copyOf(bytes))).toBe(true);
        for (const other of [
          { ...CONTEXT, keyId: keyIdOf(2) },
          { ...CONTEXT, peer: 'peer2' },
          { ...CONTEXT, role: 'slave' as const },
        ])
          expect(sealer.open(other, sealed)).toBeUndefined();
        expect(new Sealer(kek(2), random).open(CONTEXT, sealed)).toBeUndefined();
      }),
    );
  });

  it('notices a change of any octet, and any cut', () => {
    const sealer = new Sealer(kek(1), random);
    const sealed = sealer.seal(CONTEXT, Secret.own(random(32)));
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at]! ^= 1;
      expect(sealer.open(CONTEXT, changed)).toBeUndefined();
      expect(sealer.open(CONTEXT, sealed.subarray(0, at))).toBeUndefined();
    }
  });

  it('seals the same key differently each time, and names its epoch without telling the key', () => {
    const sealer = new Sealer(kek(1), random);
    const secret = Secret.own(random(32));
    expect(sealer.seal(CONTEXT, secret)).not.toEqual(sealer.seal(CONTEXT, secret));
    expect(sealer.epoch).toBe(new Sealer(kek(1), random).epoch);
    expect(sealer.epoch).not.toBe(new Sealer(kek(2), random).epoch);
    expect(sealer.epoch).toMatch(/^[0-9a-f]{16}$/);
  });

  it('uses no IV twice', () => {
    const sealer = new Sealer(kek(1), random);
    const secret = Secret.own(random(32));
    const ivs = Array.from({ length: 200 }, () => Buffer.from(sealer.seal(CONTEXT, secret).subarray(1, 13)));
    expect(new Set(ivs.map((iv) => iv.toString('hex'))).size).toBe(200);
  });

  it('needs its own copy of the key no longer once it is closed', () => {
    const key = kek(1);
    const sealer = new Sealer(key, random);
    key.wipe();
    const sealed = sealer.seal(CONTEXT, Secret.own(random(32)));
    sealer.close();
    expect(() => sealer.open(CONTEXT, sealed)).toThrow('closed');
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

  it('begins no earlier than what is written down', () => {
    const clock = new FakeClock();
    expect(new StoreClock(clock, clock.wall + 500).now()).toBe(clock.wall + 500);
    expect(new StoreClock(clock, clock.wall - 500).now()).toBe(clock.wall);
  });
});

describe('group commit', () => {
  it('writes what is asked for in one turn in one transaction', async () => {
    const storage = new MemoryKeyStorage();
    let transactions = 0;
    const transact = storage.transact.bind(storage);
    storage.transact = (work) => {
      transactions++;
      return transact(work);
    };
    const group = new CommitGroup(storage);
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => group.run(() => index)));
    expect(results).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(transactions).toBe(1);
    await group.run(() => 0);
    expect(transactions).toBe(2);
  });

  it('undoes every piece of a transaction that could not be written', async () => {
    const storage = new FailingStorage();
    storage.failures = 1;
    const group = new CommitGroup(storage);
    const undone: number[] = [];
    const results = await Promise.allSettled(
      [1, 2, 3].map((value) =>
        group.run(
          () => value,
          (given) => undone.push(given),
        ),
      ),
    );
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(undone).toEqual([1, 2, 3]);
  });
});
