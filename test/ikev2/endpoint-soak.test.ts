import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChildProposalConfig, IkeProposalConfig } from '#ikev2';
import {
  espProposal,
  hostSelector,
  type InTransit,
  ikeProposal,
  Pair,
  seededRandom,
} from '../support/pair.ts';

const suites: [string, IkeProposalConfig, ChildProposalConfig][] = [
  ['aes128gcm16, ecp256', { ...ikeProposal, encr: ['aes128-gcm16'], ke: ['ecp256'] }, espProposal],
  [
    'chacha20poly1305, ecp384',
    { ...ikeProposal, encr: ['chacha20-poly1305'], prf: ['hmac-sha2-512'], ke: ['ecp384'] },
    espProposal,
  ],
  [
    'aes256, sha384, modp3072',
    { encr: ['aes256-cbc'], integ: ['hmac-sha2-384-192'], prf: ['hmac-sha2-384'], ke: ['modp3072'] },
    { encr: ['aes256-cbc'], integ: ['hmac-sha2-512-256'], ke: ['modp3072'], esn: [true] },
  ],
  [
    'aes256, sha1, modp2048 as old UEs have it',
    { encr: ['aes256-cbc'], integ: ['hmac-sha1-96'], prf: ['hmac-sha1'], ke: ['modp2048'] },
    { encr: ['aes256-cbc'], integ: ['hmac-sha1-96'], ke: [], esn: [false] },
  ],
];

describe('every suite', () => {
  it.each(suites)('[RFC7296 2.7] %s: set-up, new Child SA, rekeys', (_, ike, esp) => {
    const proposals = { proposals: [ike], childProposals: [esp] };
    const pair = new Pair({
      config: proposals,
      profile: proposals,
      uePorts: { admitChildSa: (asked) => asked },
    }).attach();
    const ue = pair.events('ue', 'childSaEstablished')[0]!.child;
    pair.take(
      'node',
      pair.node.createChildSa(0, pair.nodeSa, {
        trafficSelectorsLocal: [hostSelector('10.0.0.1')],
        trafficSelectorsRemote: [hostSelector('10.0.0.2')],
      }),
    );
    pair.take('ue', pair.ue.rekeyChildSa(0, pair.ueSa, ue.id));
    pair.run();
    pair.take('ue', pair.ue.rekeyIkeSa(0, pair.ueSa));
    pair.run();
    pair.take('ue', pair.ue.checkLiveness(0, pair.ueSa));
    pair.run();
    expect(pair.events('ue', 'livenessConfirmed')).toHaveLength(1);
    expectAgreement(pair);
    expect(pair.events('node', 'childSaEstablished')).toHaveLength(3);
  });
});

describe('a long life under bad weather', () => {
  it('[RFC7296 2.25] ends with both sides in agreement, whatever they start and whatever is lost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 30 }), fc.integer({ min: 0, max: 90 }), (seed, loss) => {
        const pair = new Pair({
          seed,
          config: { timers: { retransmitTries: 30, retransmitFactor: 1, liveness: 0 } },
          ueConfig: { timers: { retransmitTries: 30, retransmitFactor: 1, liveness: 0 } },
          uePorts: { admitChildSa: (asked) => asked },
          nodePorts: { admitChildSa: (asked) => asked },
        }).attach();
        const random = seededRandom(seed);
        pair.network = storm(random, loss);
        for (let i = 0; i < 25; i++) {
          act(pair, random);
          for (let k = random(1)[0]! & 3; k > 0; k--) pair.step();
          pair.now += random(1)[0]! * 10;
        }
        pair.network = (packet) => [packet];
        pair.advance(400_000);
        expectAgreement(pair);
        expect([...pair.ue.ikeSas()]).toHaveLength(1);
        pair.take('node', pair.node.deleteIkeSa(pair.now, pair.nodeSa));
        pair.advance(100_000);
        expect([...pair.ue.ikeSas(), ...pair.node.ikeSas()]).toEqual([]);
        expect([pair.ue.deadline(), pair.node.deadline()]).toEqual([undefined, undefined]);
      }),
      { numRuns: 100 },
    );
  });
});

/** Loses `loss` of 256, doubles some; re-ordering comes from the steps. */
function storm(random: (length: number) => Uint8Array, loss: number): (packet: InTransit) => InTransit[] {
  return (packet) => {
    const [roll, twice] = random(2);
    if (roll! < loss) return [];
    return twice! < 50 ? [packet, packet] : [packet];
  };
}

/** One of the owners does something. */
function act(pair: Pair, random: (length: number) => Uint8Array): void {
  const [what, who, which] = random(3);
  const side = (who! & 1) === 0 ? 'ue' : 'node';
  const engine = pair[side];
  const sa = side === 'ue' ? pair.ueSa : pair.nodeSa;
  const childSas = [...engine.ikeSas()][0]?.childSas ?? [];
  const child = childSas[which! % Math.max(1, childSas.length)]?.id ?? 0;
  const selectors = {
    trafficSelectorsLocal: [hostSelector('10.0.0.1')],
    trafficSelectorsRemote: [hostSelector('10.0.0.2')],
  };
  const actions = [
    () => engine.createChildSa(pair.now, sa, selectors),
    () => engine.rekeyChildSa(pair.now, sa, child),
    () => engine.rekeyChildSa(pair.now, sa, child),
    () => engine.deleteChildSa(pair.now, sa, child),
    () => engine.rekeyIkeSa(pair.now, sa),
    () => engine.checkLiveness(pair.now, sa),
  ];
  pair.take(side, actions[what! % actions.length]!());
}

/** The same Child SAs on both ends, and for each the same keys. */
function expectAgreement(pair: Pair): void {
  const living = (side: 'ue' | 'node') => {
    const ids = new Set([...pair[side].ikeSas()].flatMap(({ childSas }) => childSas.map(({ id }) => id)));
    return pair
      .events(side, 'childSaEstablished')
      .map(({ child }) => child)
      .filter(({ id }) => ids.has(id));
  };
  const node = living('node');
  const ue = living('ue');
  expect(ue.map(({ spiOut }) => spiOut).sort()).toEqual(node.map(({ spiIn }) => spiIn).sort());
  for (const each of ue) {
    const other = node.find(({ spiIn }) => spiIn === each.spiOut);
    expect(other?.spiOut).toBe(each.spiIn);
    expect(other?.keysIn).toEqual(each.keysOut);
    expect(other?.keysOut).toEqual(each.keysIn);
  }
}
