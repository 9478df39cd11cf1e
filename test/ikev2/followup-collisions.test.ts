import { describe, expect, it } from 'vitest';
import { type AdditionalChoices, NOTIFY } from '#ikev2';
import { EXCHANGE } from '../../ikev2/wire/registry.ts';
import { insideOf, requestTypes } from '../support/ike-raw.ts';
import { otherSide, Steps } from '../support/ike-steps.ts';
import { espProposal, type InTransit, ikeProposal, type Side } from '../support/pair.ts';

const { IKE_FOLLOWUP_KE } = EXCHANGE;
const sides = ['ue', 'node'] as const;

interface Story {
  readonly steps: Steps;
  readonly packets: InTransit[];
}

/** Both sides exchange keys by X25519, and then as their own preference and the other side's offer have it. */
function story(ue: AdditionalChoices, node: AdditionalChoices = ue): Story {
  const proposals = (additional: AdditionalChoices) => ({
    proposals: [{ ...ikeProposal, additional }],
    childProposals: [{ ...espProposal, ke: ['x25519' as const], additional }],
  });
  const steps = new Steps({ config: proposals(node), profile: proposals(ue) });
  const packets: InTransit[] = [];
  steps.pair.network = (packet) => {
    packets.push(packet);
    return [packet];
  };
  return { steps, packets };
}

/** What goes on is rekeyed once more by both sides, and ends with one Child SA that has the same keys on both. */
function expectOneOfEach({ steps, packets }: Story): void {
  const { pair } = steps;
  pair.run();
  for (const act of ['rekeyChild', 'rekeyIke'] as const) {
    for (const side of sides) {
      steps[act](side);
      pair.run();
    }
  }
  expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
  expect(steps.spis('ue')).toHaveLength(1);
  expect(steps.spis('ue')).toEqual(steps.spis('node'));
  const keys = (side: Side) => pair.events(side, 'childSaEstablished').at(-1)?.child;
  expect(keys('ue')?.keysIn).toEqual(keys('node')?.keysOut);
  for (const side of sides) expect(pair.events(side, 'ikeSaClosed')).toEqual([]);
  expect(packets.length).toBeGreaterThan(0);
  pair.advance(400_000);
  expect(steps.spis('ue')).toEqual(steps.spis('node'));
}

/** Rounds of key exchanges that a side began so far. */
function rounds({ packets }: Story, side: Side): number {
  return requestTypes(packets, side).filter((type) => type === IKE_FOLLOWUP_KE).length;
}

const lowest = [
  ['Ni of the UE', { ue: [1, 9], node: [5, 6] }, 'ue'],
  ['Nr of the node', { ue: [5, 9], node: [6, 1] }, 'ue'],
  ['Ni of the node', { ue: [5, 9], node: [1, 6] }, 'node'],
  ['Nr of the UE', { ue: [5, 1], node: [6, 9] }, 'node'],
] as [string, Record<Side, [number, number]>, Side][];

/** Both begin, and both requests are answered: the answers are on the wire. */
function cross(steps: Steps, act: 'rekeyChild' | 'rekeyIke', nonces: Record<Side, [number, number]>): void {
  [steps.nonce.ue] = nonces.ue;
  [steps.nonce.node] = nonces.node;
  steps[act]('ue'); //     req1 ──►
  steps[act]('node'); //        ◄── req2
  [, steps.nonce.ue] = nonces.ue;
  [, steps.nonce.node] = nonces.node;
  steps.pass('node'); //        req2 arrives, resp2 ──►
  steps.pass('ue'); //          req1 arrives, ◄── resp1
}

describe('both sides rekey, and keys are still to be exchanged', () => {
  it.each(lowest)(
    '[RFC9370 2.2.4] a Child SA, %s is the lowest nonce: that rekey just stops',
    (_, nonces, loser) => {
      const both = story([['ecp256'], ['ecp384']]);
      const { steps } = both;
      const { pair } = steps;
      cross(steps, 'rekeyChild', nonces);
      expect([steps.childIds('ue').length, steps.childIds('node').length]).toEqual([1, 1]);
      pair.run();
      expect([rounds(both, loser), rounds(both, otherSide(loser))]).toEqual([0, 2]);
      for (const side of sides) {
        expect(pair.events(side, 'childSaEstablished')).toHaveLength(2);
        expect(pair.events(side, 'childSaFailed')).toEqual([]);
        expect(steps.childIds(side)).toHaveLength(1);
      }
      expectOneOfEach(both);
    },
  );

  it.each(lowest)(
    '[RFC9370 2.2.4] the IKE SA, %s is the lowest nonce: that rekey just stops',
    (_, nonces, loser) => {
      const both = story([['ecp256']]);
      const { steps } = both;
      cross(steps, 'rekeyIke', nonces);
      steps.pair.run();
      expect([rounds(both, loser), rounds(both, otherSide(loser))]).toEqual([0, 1]);
      for (const side of sides) expect(steps.pair.events(side, 'ikeSaRekeyed')).toHaveLength(1);
      expectOneOfEach(both);
    },
  );
});

describe('rekeys that cross one another later', () => {
  it.each(['rekeyChild', 'rekeyIke'] as const)(
    '[RFC9370 2.2.4] %s arrives when ours is through but for its key exchanges: TEMPORARY_FAILURE',
    (act) => {
      const both = story([['ecp256']]);
      const { steps } = both;
      const { pair } = steps;
      steps[act]('ue'); //     req1 ──►
      steps[act]('node'); //        ◄── req2, held back
      const late = steps.lose('node');
      steps.pass('ue'); //          ◄── resp1
      steps.pass('node'); //        IKE_FOLLOWUP_KE ──►
      pair.deliver(late); //        TEMPORARY_FAILURE ──►
      const round = steps.lose('ue');
      steps.pass('ue');
      if (act === 'rekeyChild') {
        expect(pair.events('node', 'childSaFailed')).toMatchObject([
          { notifyType: NOTIFY.TEMPORARY_FAILURE },
        ]);
      }
      pair.deliver(round);
      pair.run();
      expect([rounds(both, 'ue'), rounds(both, 'node')]).toEqual([1, 0]);
      expectOneOfEach(both);
    },
  );

  it.each(['rekeyChild', 'rekeyIke'] as const)(
    '[RFC9370 2.2.4] %s: the answer that decides comes late, when the winner is already at its end',
    (act) => {
      const both = story([['ecp256']]);
      const { steps } = both;
      const { pair } = steps;
      cross(steps, act, { ue: [1, 9], node: [5, 6] });
      const late = steps.lose('node'); //   resp1 is held back
      steps.pass('ue'); //                  resp2: the node's goes on, ◄── IKE_FOLLOWUP_KE
      steps.pass('node'); //                KEr ──►
      steps.pass('ue'); //                  the node is through, ◄── Delete of the old one
      pair.deliver(late); //                the UE finds that it has lost
      pair.run();
      expect([rounds(both, 'ue'), rounds(both, 'node')]).toEqual([0, 1]);
      for (const side of sides) expect(pair.events(side, 'childSaFailed')).toEqual([]);
      expectOneOfEach(both);
    },
  );
});

describe('a rekey that won and does not go on', () => {
  it.each(['rekeyChild', 'rekeyIke'] as const)(
    '[RFC9370 2.2.4] %s: the winner goes away, and both go on as before',
    (act) => {
      const both = story([['ecp256']]);
      const { steps } = both;
      const { pair } = steps;
      cross(steps, act, { ue: [1, 9], node: [5, 6] });
      steps.pass('node'); //   resp1: the UE stops
      steps.pass('ue'); //     resp2: the node goes on, ◄── IKE_FOLLOWUP_KE, held back until it counts for nothing
      const late = steps.lose('node');
      pair.now += 20_000;
      pair.take('ue', pair.ue.tick(pair.now));
      pair.deliver(late); //   STATE_NOT_FOUND ──►
      pair.run();
      for (const side of sides) {
        expect(pair.events(side, 'ikeSaRekeyed')).toEqual([]);
        expect(steps.childIds(side)).toHaveLength(1);
      }
      expectOneOfEach(both);
    },
  );
});

describe('only one of two crossing rekeys exchanges further keys', () => {
  // The UE prefers one more when it answers, the node none: rekeys of the node take a round, those of the UE do not.
  const uneven = (): Story => story([['ecp256', 'none']], [['none', 'ecp256']]);

  it.each(lowest)('[RFC9370 2.2.4] a Child SA, %s is the lowest nonce', (_, nonces, loser) => {
    const both = uneven();
    const { steps } = both;
    const { pair } = steps;
    cross(steps, 'rekeyChild', nonces);
    pair.run();
    expect([rounds(both, 'ue'), rounds(both, 'node')]).toEqual([0, loser === 'ue' ? 1 : 0]);
    const lost = pair.events('ue', 'childSaEstablished').filter(({ redundant }) => redundant);
    expect(lost).toHaveLength(loser === 'ue' ? 1 : 0);
    for (const side of sides) expect(pair.events(side, 'childSaFailed')).toEqual([]);
    expectOneOfEach(both);
  });

  it.each(lowest)('[RFC9370 2.2.4] the IKE SA, %s is the lowest nonce', (_, nonces, loser) => {
    const both = uneven();
    const { steps } = both;
    cross(steps, 'rekeyIke', nonces);
    steps.pair.run();
    expect([rounds(both, 'ue'), rounds(both, 'node')]).toEqual([0, loser === 'ue' ? 1 : 0]);
    for (const side of sides) expect(steps.pair.events(side, 'ikeSaRekeyed')).toHaveLength(1);
    expectOneOfEach(both);
  });

  it('[RFC9370 2.2.4] the winner’s key exchanges fail after the other one is deleted: the old Child SA can be rekeyed', () => {
    const both = uneven();
    const { steps } = both;
    const { pair } = steps;
    cross(steps, 'rekeyChild', { ue: [1, 9], node: [5, 6] });
    steps.pass('node'); //   resp1: the UE's is made, loses, Delete of it ──►
    steps.pass('ue'); //     resp2: the node's goes on, ◄── IKE_FOLLOWUP_KE, held back
    const late = steps.lose('node');
    pair.run();
    pair.now += 20_000;
    pair.take('ue', pair.ue.tick(pair.now));
    pair.deliver(late); //   STATE_NOT_FOUND ──►
    pair.run();
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.STATE_NOT_FOUND }]);
    const [old] = [...insideOf(pair, 'node').children.values()];
    expect(old?.replaced).toBeUndefined();
    expectOneOfEach(both);
  });
});
