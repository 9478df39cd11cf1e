import { describe, expect, it } from 'vitest';
import type { KeName } from '#ikev2';
import { lowestNonces, otherSide, Steps } from '../support/ike-steps.ts';
import { ikeProposal, type Side } from '../support/pair.ts';

/** Both sides are on the same SPIs with the same keys, and nothing of older ones is left on either. */
function expectOneIkeSa(steps: Steps): void {
  const { pair } = steps;
  expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
  for (const side of ['ue', 'node'] as const) {
    expect(pair.events(side, 'ikeSaClosed')).toEqual([]);
    pair.take(side, pair[side].checkLiveness(pair.now, steps.sa(side)));
    pair.run();
    expect(pair.events(side, 'livenessConfirmed').length).toBeGreaterThan(0);
  }
  steps.createChild('ue');
  pair.run();
  steps.rekeyChild('node');
  pair.run();
  expect(steps.spis('ue')).toEqual(steps.spis('node'));
  expect(steps.spis('ue')).toHaveLength(2);
  const keys = (side: Side) => pair.events(side, 'childSaEstablished').at(-1)?.child;
  expect(keys('ue')?.keysIn).toEqual(keys('node')?.keysOut);
}

describe('both sides rekey the IKE SA', () => {
  it.each(lowestNonces)(
    '[RFC7296 2.8.2] %s is the lowest nonce: its IKE SA goes, the other takes over the Child SAs',
    (_, nonces, loser) => {
      const steps = new Steps();
      const { pair } = steps;
      const children = steps.spis('ue');
      steps.crossRekeys('rekeyIke', nonces);
      expect(pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
      steps.pass('node'); //           resp1: the UE decides, Delete ──►
      steps.pass('ue'); //             resp2: the node decides, ◄── Delete
      const before = pair.events('ue', 'ikeSaInitCompleted')[0]!;
      expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
      expect(pair.events('ue', 'ikeSaRekeyed')[0]?.spiInitiator).not.toEqual(before.spiInitiator);
      // The losing side sits at the responder's place of the SA that stays.
      expect(flagged(pair.wire.find(({ sender }) => sender === loser)!.data)).toBe(true);
      // The two Deletes: the loser's of its own on its own, the winner's of the old one.
      expect(pair.wire.map(({ sender }) => sender).sort()).toEqual(['node', 'ue']);
      pair.run();
      expect(steps.spis('ue')).toEqual(children);
      for (const side of ['ue', 'node'] as const) expect(pair.events(side, 'ikeSaRekeyed')).toHaveLength(1);
      expectOneIkeSa(steps);
      pair.advance(200_000);
      expectQuiet(steps);
    },
  );
});

describe('messages of two crossing rekeys of the IKE SA that are late', () => {
  it('[RFC7296 2.8.2] one side does not notice: its Delete of the old SA makes the other forget its rekey', () => {
    const steps = new Steps();
    steps.rekeyIke('ue'); //     req1 ──►
    steps.rekeyIke('node'); //        ◄── req2, lost
    steps.lose('node');
    steps.pass('ue'); //              ◄── resp1
    steps.pass('node'); //            Delete of the old one ──►
    expect(steps.pair.events('node', 'ikeSaRekeyed')).toEqual([]);
    steps.pass('ue'); //              the node takes over the UE's, ◄── answer
    expect(steps.pair.events('node', 'ikeSaRekeyed')).toHaveLength(1);
    steps.pair.run();
    expectOneIkeSa(steps);
    steps.pair.advance(200_000);
    expectQuiet(steps);
  });

  it('[RFC7296 2.8.2] the late request on the old SA gets TEMPORARY_FAILURE, which ends the contest', () => {
    const steps = new Steps();
    steps.rekeyIke('ue'); //     req1 ──►
    steps.rekeyIke('node'); //        ◄── req2, held back
    const late = steps.lose('node');
    steps.pass('ue'); //              ◄── resp1
    steps.pass('node'); //            Delete of the old one ──►, lost
    steps.lose('ue');
    steps.pair.deliver(late); //      req2 arrives, TEMPORARY_FAILURE ──►
    steps.pass('ue');
    expect(steps.ikeSpis('node')).toBe(steps.ikeSpis('ue'));
    steps.pair.advance(60_000);
    expectOneIkeSa(steps);
  });

  it('[RFC7296 2.8.2] a peer that decided first deletes its own before we know: ours takes over later', () => {
    const steps = new Steps();
    steps.nonce.node = 1;
    steps.rekeyIke('ue');
    steps.rekeyIke('node');
    steps.nonce.node = 200;
    steps.pass('node'); //            resp2 ──►
    steps.pass('ue'); //              ◄── resp1, held back
    const late = steps.lose('node');
    steps.pass('ue'); //              resp2: the node's own loses, ◄── Delete of it
    steps.pass('node'); //            answer ──►
    steps.pass('ue');
    expect(steps.pair.events('ue', 'ikeSaRekeyed')).toEqual([]);
    steps.pair.deliver(late); //      resp1
    steps.pair.run();
    expectOneIkeSa(steps);
  });
});

describe('an IKE SA of which it is not decided whether it stays', () => {
  it('[RFC7296 2.8.2] what the peer begins on an undecided SA waits for the decision', () => {
    const steps = new Steps();
    steps.nonce.ue = 1;
    steps.rekeyIke('ue');
    steps.nonce.ue = 200;
    steps.rekeyIke('node');
    steps.pass('node'); //            resp2 ──►
    steps.pass('ue'); //              ◄── resp1, lost
    steps.lose('node');
    steps.pass('ue'); //              resp2: the node's stays, ◄── Delete of the old one, lost
    steps.lose('node');
    steps.createChild('node'); //     ◄── CREATE_CHILD_SA on the new one
    steps.pass('node');
    expect(steps.childIds('ue')).toHaveLength(1);
    steps.pair.advance(100_000);
    expect(steps.childIds('ue')).toHaveLength(2);
    expect(steps.spis('ue')).toEqual(steps.spis('node'));
    expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
  });
});

describe('both sides rekey the IKE SA and want different groups', () => {
  const groups = (...ke: KeName[]) => ({ proposals: [{ ...ikeProposal, ke }] });
  const disagreeing = { config: groups('ecp256', 'x25519'), profile: groups('x25519', 'ecp256') };

  it('[RFC7296 2.8.2] both are told to use another, both do, and then the nonces decide', () => {
    const steps = new Steps(disagreeing);
    steps.rekeyIke('ue'); //     req1 with X25519 ──►
    steps.rekeyIke('node'); //        ◄── req2 with P-256
    steps.pass('node'); //            INVALID_KE_PAYLOAD ──►
    steps.pass('ue'); //              ◄── INVALID_KE_PAYLOAD
    steps.pass('node'); //            req1 with P-256 ──►
    steps.pass('ue'); //              ◄── req2 with X25519
    expect(steps.pair.wire).toHaveLength(2);
    steps.pair.run();
    expectOneIkeSa(steps);
  });

  it('[RFC7296 2.25.2] one is done before the other has tried again: its old SA is gone', () => {
    const steps = new Steps(disagreeing);
    steps.rekeyIke('ue'); //     req1 ──►, held back
    const late = steps.lose('ue');
    steps.rekeyIke('node'); //        ◄── req2
    steps.pass('node'); //            INVALID_KE_PAYLOAD ──►
    steps.pass('ue'); //              ◄── req2 with X25519
    steps.pass('node'); //            resp2 ──►
    steps.pass('ue'); //              the node is through, ◄── Delete of the old one
    steps.pair.deliver(late); //      ◄── TEMPORARY_FAILURE
    steps.pair.run();
    expectOneIkeSa(steps);
  });
});

describe('a rekey of the IKE SA meets its end', () => {
  it.each(['ue', 'node'] as const)(
    '[RFC7296 2.25.2] %s deletes while the other rekeys: the Delete counts',
    (side) => {
      const steps = new Steps();
      steps.deleteIke(side);
      steps.rekeyIke(otherSide(side));
      steps.pass(otherSide(side)); //       TEMPORARY_FAILURE
      steps.pass(side);
      steps.pair.run();
      for (const each of ['ue', 'node'] as const) {
        expect(steps.pair.events(each, 'ikeSaClosed')).toHaveLength(1);
        expect(steps.pair.events(each, 'ikeSaRekeyed')).toEqual([]);
      }
      steps.pair.advance(300_000);
      expectQuiet(steps);
    },
  );

  it('[RFC7296 2.25.2] both delete at once: both answer, nothing is left', () => {
    const steps = new Steps();
    for (const side of ['ue', 'node'] as const) steps.deleteIke(side);
    steps.pair.run();
    for (const side of ['ue', 'node'] as const)
      expect(steps.pair.events(side, 'ikeSaClosed')).toHaveLength(1);
    steps.pair.advance(300_000);
    expectQuiet(steps);
  });
});

describe('the old IKE SA after a rekey', () => {
  it('[RFC7296 2.8] its Delete is sent again until it is answered, the same octets', () => {
    const steps = new Steps();
    const sent: string[] = [];
    steps.rekeyIke('ue');
    steps.pass('ue');
    steps.pair.network = (packet) => {
      if (packet.sender === 'ue') sent.push(Buffer.from(packet.data).toString('hex'));
      return sent.length < 4 ? [] : [packet];
    };
    steps.pass('node');
    steps.pair.advance(60_000);
    expect(sent).toHaveLength(4);
    expect(new Set(sent).size).toBe(1);
    expectOneIkeSa(steps);
  });

  it('[RFC7296 2.8] also when the SA that replaced it is gone before the answer', () => {
    const steps = new Steps();
    const sent: string[] = [];
    let isLost = true;
    steps.rekeyIke('ue');
    steps.pass('ue');
    steps.pair.network = (packet) => {
      if (packet.sender === 'ue' && isLost) sent.push(Buffer.from(packet.data).toString('hex'));
      return packet.sender === 'ue' && isLost ? [] : [packet];
    };
    steps.pass('node');
    expect(sent).toHaveLength(1);
    steps.deleteIke('node');
    isLost = false;
    const before = sent[0];
    steps.pair.network = (packet) => {
      sent.push(Buffer.from(packet.data).toString('hex'));
      return [packet];
    };
    steps.pair.run();
    expect(steps.pair.events('ue', 'ikeSaClosed')).toHaveLength(1);
    steps.pair.advance(10_000);
    expect(sent.slice(1)).toContain(before);
    steps.pair.advance(300_000);
    expectQuiet(steps);
  });
});

describe('the end of the old IKE SA', () => {
  it('[RFC7296 2.4] and given up after as many tries as any other request, without harm to the new one', () => {
    const steps = new Steps();
    steps.rekeyIke('ue');
    steps.pass('ue');
    let tries = 0;
    steps.pair.network = () => {
      tries++;
      return [];
    };
    steps.pass('node');
    steps.pair.advance(400_000);
    expect(tries).toBeGreaterThanOrEqual(6);
    expect(steps.pair.events('ue', 'ikeSaRekeyed')).toHaveLength(1);
  });

  it('[RFC7296 2.8] several rekeys in a row each delete their predecessor', () => {
    const steps = new Steps();
    for (const side of ['ue', 'node', 'ue', 'node', 'node', 'ue'] as const) {
      steps.rekeyIke(side);
      steps.pair.run();
    }
    expect(steps.pair.events('ue', 'ikeSaRekeyed')).toHaveLength(6);
    expectOneIkeSa(steps);
  });
});

/** Whether the I flag is set: the sender made the SPIs by which the message goes. */
function flagged(datagram: Uint8Array): boolean {
  return (datagram[19]! & 0x08) !== 0;
}

/** No timer is left that belongs to something forgotten: at most the liveness of a living SA. */
function expectQuiet(steps: Steps): void {
  const living = [...steps.pair.ue.ikeSas(), ...steps.pair.node.ikeSas()].length > 0;
  if (!living) expect([steps.pair.ue.deadline(), steps.pair.node.deadline()]).toEqual([undefined, undefined]);
}
