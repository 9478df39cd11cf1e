import { describe, expect, it } from 'vitest';
import type { Lifetimes } from '#ikev2';
import { Steps } from '../support/ike-steps.ts';
import { admission, anySelector, keyId, Pair, type PairOptions } from '../support/pair.ts';

const minute = 60_000;
const atNode = (lifetimes: Lifetimes, more: PairOptions = {}): PairOptions => ({
  ...more,
  config: { ...more.config, lifetimes, timers: { liveness: 0 } },
});
const both = (lifetimes: Lifetimes): PairOptions => ({
  config: { lifetimes, timers: { liveness: 0 } },
  ueConfig: { lifetimes, timers: { liveness: 0 } },
});

describe('soft limits', () => {
  it('[RFC7296 2.8] by time: the Child SA is rekeyed before it is deleted, again and again', () => {
    const steps = new Steps(atNode({ child: { softMs: 10 * minute, hardMs: 12 * minute, jitter: 0 } }));
    const { pair } = steps;
    pair.advance(10 * minute - 1);
    expect(pair.events('node', 'childSaEstablished')).toHaveLength(1);
    pair.advance(1);
    const types = pair.nodeEvents.slice(-2).map(({ type }) => type);
    expect(types).toEqual(['childSaEstablished', 'childSaDeleted']);
    pair.advance(40 * minute);
    expect(pair.events('node', 'childSaEstablished')).toHaveLength(6);
    expect(steps.spis('node')).toEqual(steps.spis('ue'));
    expect(steps.spis('node')).toHaveLength(1);
  });

  it('[RFC7296 2.8] by time: so is the IKE SA', () => {
    const steps = new Steps(atNode({ ike: { softMs: 30 * minute, hardMs: 40 * minute } }));
    steps.pair.advance(120 * minute);
    expect(steps.pair.events('ue', 'ikeSaRekeyed').length).toBeGreaterThanOrEqual(4);
    expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
    expect(steps.pair.events('node', 'ikeSaClosed')).toEqual([]);
  });

  it('by octets and packets that the owner reports', () => {
    const child = { softOctets: 1_000, softPackets: 50, hardOctets: 2_000, jitter: 0 };
    const steps = new Steps(atNode({ child }));
    const { pair } = steps;
    const report = (octets: number, packets: number) => {
      pair.take('node', pair.node.noteUsage(0, pair.nodeSa, steps.childIds('node')[0]!, octets, packets));
      pair.run();
      return pair.events('node', 'childSaEstablished').length;
    };
    expect(report(999, 49)).toBe(1);
    expect(report(1_000, 49)).toBe(2);
    expect(report(10, 50)).toBe(3);
    // The hard limit leaves no time for a rekey.
    expect(report(2_000, 1)).toBe(3);
    expect(steps.childIds('node')).toEqual([]);
    expect(steps.childIds('ue')).toEqual([]);
  });
});

describe('soft limits on both sides, or with a peer that refuses', () => {
  it('[RFC7296 2.8.1] come at different times on both sides, and where they do not, one Child SA remains', () => {
    for (const jitter of [0, 0.2]) {
      const child = { softMs: 10 * minute, hardMs: 15 * minute, jitter };
      const steps = new Steps(both({ child, ike: { softMs: 25 * minute, jitter } }));
      for (let i = 0; i < 8; i++) {
        steps.pair.advance(10 * minute);
        expect(steps.spis('node')).toEqual(steps.spis('ue'));
        expect(steps.spis('node')).toHaveLength(1);
      }
      expect(steps.ikeSpis('ue')).toBe(steps.ikeSpis('node'));
      expect(steps.pair.events('ue', 'childSaFailed')).toEqual([]);
    }
  });

  it('[RFC7296 2.25] a rekey that is refused is tried again after a while', () => {
    const steps = new Steps(atNode({ child: { softMs: minute, jitter: 0 } }));
    const { pair } = steps;
    steps.rekeyIke('ue');
    const held = steps.lose('ue');
    pair.now = minute;
    pair.take('node', pair.node.tick(minute));
    steps.pass('node'); // TEMPORARY_FAILURE: the UE is rekeying the IKE SA
    steps.pass('ue');
    expect(pair.events('node', 'childSaFailed')).toHaveLength(1);
    pair.deliver(held);
    pair.run();
    pair.advance(25_000);
    expect(pair.events('node', 'childSaEstablished')).toHaveLength(2);
  });
});

describe('hard limits', () => {
  it('end a Child SA that could not be rekeyed', () => {
    // Without a soft limit nothing is rekeyed.
    const hard = new Steps(atNode({ child: { hardMs: 6 * minute } }));
    hard.pair.advance(7 * minute);
    expect([...hard.childIds('node'), ...hard.childIds('ue')]).toEqual([]);
    expect(hard.pair.events('node', 'childSaDeleted')).toMatchObject([{ reason: 'not rekeyed in time' }]);
  });

  it('end an IKE SA that could not be rekeyed, on both sides', () => {
    const steps = new Steps(atNode({ ike: { hardMs: 6 * minute } }));
    steps.pair.advance(7 * minute);
    expect([...steps.pair.ue.ikeSas(), ...steps.pair.node.ikeSas()]).toEqual([]);
    expect(steps.pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'peer' }]);
    steps.pair.advance(10 * minute);
    expect([steps.pair.ue.deadline(), steps.pair.node.deadline()]).toEqual([undefined, undefined]);
  });
});

describe('authentication again', () => {
  it('[RFC4478 3] [RFC7296 2.8.3] the initiator is told when, sets up a new IKE SA and then deletes the old one', () => {
    const pair = new Pair(atNode({ authenticationMs: 60 * minute })).attach();
    const first = pair.ueSa;
    pair.advance(47 * minute);
    expect(pair.events('ue', 'reauthenticationDue')).toEqual([]);
    pair.advance(2 * minute);
    expect(pair.events('ue', 'reauthenticationDue')).toEqual([
      { type: 'reauthenticationDue', ikeSaId: first },
    ]);
    const again = pair.ue.reauthenticate(pair.now, first)!;
    pair.take('ue', again.outputs);
    pair.run();
    const [, up] = pair.events('ue', 'ikeSaEstablished');
    expect(up).toMatchObject({ ikeSaId: again.ikeSaId, supersedes: first });
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ ikeSaId: first, cause: 'local' }]);
    // Make before break: the new Child SA stood before the old one went.
    const types = pair.ueEvents.map(({ type }) => type);
    expect(types.lastIndexOf('childSaEstablished')).toBeLessThan(types.indexOf('childSaDeleted'));
    pair.advance(50 * minute);
    expect([...pair.node.ikeSas()]).toHaveLength(1);
  });

  it('[RFC4478 3] an initiator that does not is deleted', () => {
    const pair = new Pair(atNode({ authenticationMs: 10 * minute })).attach();
    pair.advance(11 * minute);
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'peer' }]);
    expect([...pair.node.ikeSas()]).toEqual([]);
  });

  it('is for initiators alone, and for SAs that stand', () => {
    const pair = new Pair().attach();
    expect(pair.node.reauthenticate(0, pair.nodeSa)).toBeUndefined();
    expect(pair.ue.reauthenticate(0, 99)).toBeUndefined();
  });
});

describe('INITIAL_CONTACT', () => {
  const contact = { protocol: 0, spi: new Uint8Array(0), notifyType: 16384, data: new Uint8Array(0) };

  it('[RFC7296 2.4] ends older IKE SAs of the same authenticated identity, and no others', () => {
    const pair = new Pair().attach();
    pair.attach();
    pair.connect({ localId: keyId('ue-2') });
    pair.run();
    expect([...pair.node.ikeSas()]).toHaveLength(3);
    pair.connect({ notifies: [contact] });
    pair.run();
    const left = [...pair.node.ikeSas()].map(({ peerId }) => new TextDecoder().decode(peerId?.data));
    expect(left).toEqual(['ue-2', 'ue-1']);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'peer' }, { cause: 'peer' }]);
    expect(pair.events('node', 'childSaDeleted')).toHaveLength(2);
  });

  it('[RFC7296 2.4] says nothing with EAP, where the identity proves nothing', () => {
    const eap: PairOptions = {
      config: { initiatorAuth: 'eap', responderAuth: 'eap-only' },
      profile: { localAuth: 'eap', remoteAuth: 'eap-only', notifies: [contact] },
      eapRounds: 0,
    };
    const pair = new Pair(eap).attach();
    pair.attach();
    expect([...pair.node.ikeSas()]).toHaveLength(2);
  });
});

describe('childless set-up', () => {
  const childless: PairOptions = { config: { childless: true }, profile: { childless: true } };

  it('[RFC6023 3] leaves an IKE SA with addresses and no Child SA, which can be made later', () => {
    const pair = new Pair({ ...childless, nodePorts: { admitChildSa: () => admission } }).attach();
    expect(pair.events('ue', 'ikeSaEstablished')[0]?.attributes).toEqual(admission.attributes);
    expect(pair.events('ue', 'childSaEstablished')).toEqual([]);
    expect(pair.events('ue', 'childSaFailed')).toEqual([]);
    const asked = { trafficSelectorsLocal: [anySelector], trafficSelectorsRemote: [anySelector] };
    pair.take('ue', pair.ue.createChildSa(0, pair.ueSa, asked));
    pair.run();
    expect(pair.events('node', 'childSaEstablished')).toHaveLength(1);
  });

  it('[RFC6023 3] the initiator does not try where the responder does not offer it', () => {
    const pair = new Pair({ profile: { childless: true } }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'authentication' }]);
    expect(pair.events('node', 'ikeSaEstablished')).toEqual([]);
  });

  it('[RFC6023 3] the owner may refuse', () => {
    const pair = new Pair({ ...childless, nodePorts: { authorize: () => ({ refuse: 24 }) } }).attach();
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ notifyType: 24 }]);
  });
});
