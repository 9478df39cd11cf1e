import { describe, expect, it } from 'vitest';
import { type KeName, NOTIFY } from '#ikev2';
import { lowestNonces, otherSide, Steps } from '../support/ike-steps.ts';
import { espProposal, type Side } from '../support/pair.ts';

/** One Child SA on both sides, the same on both, and no SA is closed. */
function expectOneChild(steps: Steps): void {
  expect(steps.spis('ue')).toHaveLength(1);
  expect(steps.spis('node')).toEqual(steps.spis('ue'));
  for (const side of ['ue', 'node'] as const) {
    expect(steps.pair.events(side, 'ikeSaClosed')).toEqual([]);
    expect(steps.pair.events(side, 'childSaFailed')).toEqual([]);
  }
}

/** The Child SA that a side would send by: the last one announced that is not redundant. */
function sendsBy(steps: Steps, side: Side): number | undefined {
  return steps.pair
    .events(side, 'childSaEstablished')
    .filter(({ redundant }) => redundant !== true)
    .at(-1)?.child.id;
}

describe('both sides rekey the same Child SA', () => {
  it.each(lowestNonces)(
    '[RFC7296 2.8.1] %s is the lowest nonce: the SA made with it is deleted by who made it',
    (_, nonces, loser) => {
      const steps = new Steps();
      const { pair } = steps;
      steps.crossRekeys('rekeyChild', nonces);
      expect([steps.childIds('ue').length, steps.childIds('node').length]).toEqual([2, 2]);
      steps.pass('node'); //             resp1 arrives: the UE compares and deletes
      steps.pass('ue'); //               resp2 arrives: the node does
      expect([steps.childIds('ue').length, steps.childIds('node').length]).toEqual([3, 3]);
      const winner = otherSide(loser);
      const lost = pair.events(loser, 'childSaEstablished').filter(({ redundant }) => redundant);
      expect(lost).toHaveLength(1);
      expect(pair.events(winner, 'childSaEstablished').filter(({ redundant }) => redundant)).toEqual([]);
      pair.run();
      expectOneChild(steps);
      for (const side of ['ue', 'node'] as const)
        expect(steps.childIds(side)).toEqual([sendsBy(steps, side)]);
    },
  );
});

describe('what lost when both sides rekey the same Child SA', () => {
  it('[RFC7296 2.8.1] what lost is made with keys on both sides, and is there to be heard until its Delete is answered', () => {
    const steps = new Steps();
    const { pair } = steps;
    steps.nonce.ue = 1;
    steps.rekeyChild('ue'); //    req1 ──►
    steps.nonce.ue = 9;
    steps.rekeyChild('node'); //       ◄── req2
    steps.pass('node'); //             resp2 ──►
    steps.pass('ue'); //               ◄── resp1: the node has the UE's new one, and may send by it
    const byNode = pair.events('node', 'childSaEstablished').at(-1)!;
    expect(byNode.redundant).toBeUndefined();
    steps.pass('node'); //             resp1: the UE's has the lowest nonce, Delete of it ──►
    const lost = pair.events('ue', 'childSaEstablished').at(-1)!;
    expect(lost).toMatchObject({ redundant: true, rekeyed: expect.any(Number) });
    expect(lost.child.keysIn).toEqual(byNode.child.keysOut);
    expect(lost.child.spiIn).toBe(byNode.child.spiOut);
    const isGone = () =>
      pair.events('ue', 'childSaDeleted').some(({ childSaId }) => childSaId === lost.child.id);
    steps.pass('ue'); //               resp2 arrives at the node
    steps.pass('ue'); //               the Delete arrives, ◄── answer
    expect([isGone(), steps.childIds('ue').includes(lost.child.id)]).toEqual([false, true]);
    pair.run();
    expect([isGone(), steps.childIds('ue').includes(lost.child.id)]).toEqual([true, false]);
    expectOneChild(steps);
  });
});

describe('messages of two crossing rekeys of a Child SA that are late', () => {
  it('[RFC7296 2.8.1] a request that was lost arrives when the other rekey is over: the refusal is nothing', () => {
    const steps = new Steps();
    steps.rekeyChild('ue'); //    req1 ──► lost
    const late = steps.lose('ue');
    steps.rekeyChild('node'); //       ◄── req2
    steps.pass('node'); //             resp2 ──►
    steps.pass('ue'); //               ◄── Delete of the old one
    steps.pass('node'); //             answer ──►
    steps.pass('ue');
    steps.pair.deliver(late); //  req1 ──►, ◄── CHILD_SA_NOT_FOUND
    expect(steps.pair.wire).toHaveLength(1);
    steps.pair.run();
    expectOneChild(steps);
    // Nothing of it stays behind: the survivor can be rekeyed by both sides.
    steps.rekeyChild('ue');
    steps.pair.run();
    steps.rekeyChild('node');
    steps.pair.run();
    expectOneChild(steps);
  });

  it('[RFC7296 2.8.1] an answer that is late finds the old SA gone and still decides by the nonces', () => {
    const steps = new Steps();
    steps.nonce.ue = 1;
    steps.rekeyChild('ue'); //    req1 ──►
    steps.nonce.ue = 9;
    steps.rekeyChild('node'); //       ◄── req2
    steps.pass('ue'); //               ◄── resp1, held back
    steps.pass('node'); //             req2 arrives, resp2 ──►
    const late = steps.lose('node');
    steps.pass('ue'); //               resp2 arrives: the node's stays, ◄── Delete of the old one
    steps.pass('node'); //             answer ──►
    steps.pass('ue');
    expect(steps.childIds('node')).toHaveLength(2);
    steps.pair.deliver(late); //  resp1: the UE's has the lowest nonce, Delete of it ──►
    steps.pair.run();
    expectOneChild(steps);
  });

  it('[RFC7296 2.8.1] the loser’s Delete may come before the answer that tells of it', () => {
    const steps = new Steps();
    steps.nonce.ue = 9;
    steps.nonce.node = 1;
    steps.rekeyChild('ue');
    steps.rekeyChild('node');
    steps.nonce.node = 9;
    steps.pass('node'); //             resp2 ──►
    steps.pass('ue'); //               ◄── resp1
    const late = steps.lose('node');
    steps.pass('ue'); //               resp2 arrives: the node's own has the lowest, ◄── Delete of it
    steps.pair.run();
    expect(steps.childIds('ue')).toHaveLength(1);
    steps.pair.deliver(late); //  resp1 arrives
    steps.pair.run();
    expectOneChild(steps);
  });
});

describe('after a rekey of the peer', () => {
  it('[RFC7296 2.25.1] what the peer has replaced is not rekeyed again, by us or by it', () => {
    const steps = new Steps();
    steps.rekeyChild('node');
    steps.pass('node'); //             the UE answers: its old Child SA waits for the node's Delete
    const before = steps.pair.wire.length;
    steps.rekeyChild('ue');
    expect(steps.pair.wire).toHaveLength(before);
    steps.pair.run();
    expectOneChild(steps);
  });
});

describe('both sides rekey the same Child SA and want different groups', () => {
  const groups = (...ke: KeName[]) => ({ childProposals: [{ ...espProposal, ke }] });

  it('[RFC7296 2.8.1] both are told to use another, both do, and then the nonces decide', () => {
    const steps = new Steps({ config: groups('ecp256', 'x25519'), profile: groups('x25519', 'ecp256') });
    steps.rekeyChild('ue'); //   req1 with X25519 ──►
    steps.rekeyChild('node'); //      ◄── req2 with P-256
    steps.pass('node'); //            INVALID_KE_PAYLOAD ──►
    steps.pass('ue'); //              ◄── INVALID_KE_PAYLOAD
    steps.pass('node'); //            req1 with P-256 ──►
    steps.pass('ue'); //              ◄── req2 with X25519
    steps.pair.run();
    expectOneChild(steps);
    for (const side of ['ue', 'node'] as const) expect(steps.childIds(side)).toEqual([sendsBy(steps, side)]);
  });
});

describe('a rekey meets a Delete', () => {
  it.each(['ue', 'node'] as const)(
    '[RFC7296 2.25.1] %s deletes while the other rekeys: TEMPORARY_FAILURE, the old one goes',
    (side) => {
      const steps = new Steps();
      const rekeying = otherSide(side);
      steps.deleteChild(side); //    Delete ──►
      steps.rekeyChild(rekeying); //        ◄── REKEY_SA
      steps.pass(rekeying); //              TEMPORARY_FAILURE ──►
      steps.pass(side); //                  the Delete arrives first, ◄── Delete
      expect(steps.childIds(rekeying)).toEqual([]);
      steps.pair.run();
      expect(steps.pair.events(rekeying, 'childSaFailed')).toMatchObject([
        { notifyType: NOTIFY.TEMPORARY_FAILURE, rekeyed: expect.any(Number) },
      ]);
      expect(steps.childIds(side)).toEqual([]);
      expect(steps.pair.events(side, 'childSaDeleted')).toHaveLength(1);
      expect(steps.pair.events(rekeying, 'childSaDeleted')).toHaveLength(1);
    },
  );

  it('[RFC7296 2.25.1] a rekey that arrives after the Delete is done: CHILD_SA_NOT_FOUND', () => {
    const steps = new Steps();
    steps.rekeyChild('node');
    const late = steps.lose('node');
    steps.deleteChild('ue');
    steps.pass('ue');
    steps.pass('node');
    steps.pair.deliver(late);
    steps.pair.run();
    expect(steps.pair.events('node', 'childSaFailed')).toMatchObject([
      { notifyType: NOTIFY.CHILD_SA_NOT_FOUND },
    ]);
    expect([...steps.childIds('ue'), ...steps.childIds('node')]).toEqual([]);
  });

  it('[RFC7296 2.25.1] a Delete of what was already deleted is answered without a Delete', () => {
    const steps = new Steps();
    for (const side of ['ue', 'node'] as const) steps.deleteChild(side);
    const requests = steps.pair.wire.map(({ data }) => data.length);
    steps.pass('ue');
    steps.pass('node');
    const answers = steps.pair.wire.map(({ data }) => data.length);
    expect(Math.max(...answers)).toBeLessThan(Math.min(...requests));
    steps.pair.run();
    expect([...steps.childIds('ue'), ...steps.childIds('node')]).toEqual([]);
  });
});

describe('a Child SA meets the IKE SA', () => {
  it.each(['createChild', 'rekeyChild', 'deleteChild'] as const)(
    '[RFC7296 2.25.1] %s on its way: a rekey of the IKE SA gets TEMPORARY_FAILURE',
    (act) => {
      const steps = new Steps();
      steps[act]('node'); //       CREATE_CHILD_SA or Delete, held back
      const late = steps.lose('node');
      steps.rekeyIke('ue'); //                ──►
      steps.pass('ue'); //                    ◄── TEMPORARY_FAILURE
      steps.pass('node');
      expect(steps.pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
      expect(steps.pair.events('node', 'ikeSaRekeyed')).toEqual([]);
      steps.pair.deliver(late);
      steps.pair.run();
      expect(steps.spis('ue')).toEqual(steps.spis('node'));
      steps.rekeyIke('ue');
      steps.pair.run();
      expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
      expect(steps.pair.events('node', 'ikeSaRekeyed')).toHaveLength(1);
    },
  );

  it.each(['createChild', 'rekeyChild'] as const)(
    '[RFC7296 2.25.2] %s arrives while we rekey the IKE SA: TEMPORARY_FAILURE',
    (act) => {
      const steps = new Steps();
      steps.rekeyIke('ue');
      const late = steps.lose('ue');
      steps[act]('node');
      steps.pass('node');
      steps.pass('ue');
      expect(steps.pair.events('node', 'childSaFailed')).toMatchObject([
        { notifyType: NOTIFY.TEMPORARY_FAILURE },
      ]);
      steps.pair.deliver(late);
      steps.pair.run();
      expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
      expect(steps.spis('ue')).toEqual(steps.spis('node'));
    },
  );

  it('[RFC7296 2.25.2] a Delete of a Child SA is served while we rekey the IKE SA', () => {
    const steps = new Steps();
    steps.rekeyIke('ue');
    const late = steps.lose('ue');
    steps.deleteChild('node');
    steps.pass('node');
    expect(steps.childIds('ue')).toEqual([]);
    steps.pass('ue');
    expect(steps.childIds('node')).toEqual([]);
    steps.pair.deliver(late);
    steps.pair.run();
    expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
  });
});
