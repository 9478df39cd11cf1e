import { describe, expect, it } from 'vitest';
import type { PpkIdentity } from '#ikev2';
import { anySelector, Pair, type PairOptions, utf8 } from '../support/pair.ts';

const minute = 60_000;
const limits = { softMs: 10 * minute, hardMs: 12 * minute, jitter: 0 };

/** Both ends know every key by its number; `ppk` off leaves no fresh ones. */
function attached(ppk: 'required' | 'off', lifetimes: object | undefined): Pair {
  let drawn = 0;
  const answer = (_: unknown, identity: PpkIdentity | undefined) => ({
    secret: new Uint8Array(32).fill(7),
    ...(identity === undefined ? { identity: { type: 2, data: utf8(`key-${++drawn}`) } } : {}),
  });
  const admits = () => ({
    trafficSelectorsInitiator: [anySelector],
    trafficSelectorsResponder: [anySelector],
  });
  const options: PairOptions = {
    config: {
      ppk,
      ppkExchange: 'any',
      timers: { liveness: 0 },
      ...(lifetimes === undefined ? {} : { lifetimes }),
    },
    profile: { ppk, ppkExchange: 'any' },
    uePorts: { admitChildSa: admits },
    ppks: answer,
  };
  return new Pair(options).attach();
}

describe('what an owner needs to foresee its need of keys', () => {
  it('[RFC7296 2.8] the moment at which each SA is rekeyed by its age', () => {
    const pair = attached('required', { child: limits, ike: { softMs: 25 * minute, jitter: 0 } });
    const [ike] = pair.events('node', 'ikeSaEstablished');
    const [first] = pair.events('node', 'childSaEstablished');
    expect(ike!.rekeyAt).toBe(25 * minute);
    expect(first!.child.rekeyAt).toBe(10 * minute);
    pair.advance(10 * minute);
    expect(pair.events('node', 'childSaEstablished').at(-1)!.child.rekeyAt).toBe(20 * minute);
    pair.advance(15 * minute);
    expect(pair.events('node', 'ikeSaRekeyed').at(-1)!.rekeyAt).toBe(50 * minute);
    expect(pair.events('ue', 'childSaEstablished').at(-1)!.child).not.toHaveProperty('rekeyAt');
  });

  it('[RFC9867 3.2] what each key of its choice is for, and whether it will be asked', () => {
    const pair = attached('required', { child: limits, ike: { ...limits, softMs: 11 * minute } });
    expect(pair.events('node', 'ikeSaEstablished')[0]!.freshPpks).toBe(true);
    const request = {
      trafficSelectorsLocal: [anySelector],
      trafficSelectorsRemote: [anySelector],
      tag: 'voice',
    };
    pair.take('node', pair.node.createChildSa(pair.now, pair.nodeSa, request));
    pair.run();
    const [first, second] = pair.events('node', 'childSaEstablished').map(({ child }) => child.id);
    pair.advance(11 * minute);
    const asked = pair.events('node', 'ppkRequested').filter(({ role }) => role === 'initiator');
    expect(asked.map(({ purpose }) => purpose)).toEqual([
      { kind: 'newChildSa', tag: 'voice' },
      { kind: 'childSaRekey', childSaId: first },
      { kind: 'childSaRekey', childSaId: second },
      { kind: 'ikeSaRekey' },
    ]);
  });

  it('nothing of either where there are no limits and no fresh keys', () => {
    const pair = attached('off', undefined);
    expect(pair.events('node', 'ikeSaEstablished')[0]).toMatchObject({ freshPpks: false });
    expect(pair.events('node', 'ikeSaEstablished')[0]).not.toHaveProperty('rekeyAt');
    expect(pair.events('node', 'ppkRequested')).toEqual([]);
  });
});
