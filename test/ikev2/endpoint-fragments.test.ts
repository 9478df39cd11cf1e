import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, EXCHANGE } from '#ikev2';
import { type InTransit, type KeyObjectLike, Pair, type PairOptions, seededRandom } from '../support/pair.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const verifyCertificate = (chain: readonly Uint8Array[]): KeyObjectLike =>
  chain.length === 3 ? publicKey : undefined;
const certificate = { chain: [1, 2, 3].map((n) => new Uint8Array(1500).fill(n)), privateKey };

/** Certificates on both sides, so that IKE_AUTH is long in both directions. */
const long: PairOptions = {
  config: { responderAuth: 'certificate', initiatorAuth: 'certificate', certificate },
  profile: { remoteAuth: 'certificate', localAuth: 'certificate', certificate },
  nodePorts: { verifyCertificate },
  uePorts: { verifyCertificate },
};

function expectUp(pair: Pair): void {
  const [ue] = pair.events('ue', 'childSaEstablished');
  expect(ue?.child.keysIn).toEqual(pair.events('node', 'childSaEstablished')[0]?.child.keysOut);
  expect(ue).toBeDefined();
}

const isFragment = ({ data }: InTransit) => data[16] === 53;
const isAuth = ({ data }: InTransit) => data[18] === EXCHANGE.IKE_AUTH;

/** A pair that shows all that passes. */
function observed(options: PairOptions): { pair: Pair; seen: InTransit[] } {
  const seen: InTransit[] = [];
  const network = options.network ?? ((packet: InTransit) => [packet]);
  const pair = new Pair({
    ...options,
    network: (packet) => {
      seen.push(packet);
      return network(packet);
    },
  });
  return { pair, seen };
}

describe('fragmentation', () => {
  it('[RFC7383 2.3] [RFC7383 2.5] both sides agree on it, and no datagram is longer than it may be', () => {
    const { pair, seen } = observed(long);
    pair.attach();
    expectUp(pair);
    for (const sender of ['ue', 'node'] as const) {
      const fragments = seen.filter((packet) => packet.sender === sender && isFragment(packet));
      expect(fragments.length).toBeGreaterThan(3);
    }
    expect(Math.max(...seen.map(({ data }) => data.length))).toBeLessThanOrEqual(1280 - 28);
  });

  it.each([
    ['the UE', { ueConfig: { datagramSize: 0 } }],
    ['the node', { config: { ...long.config, datagramSize: 0 } }],
  ] as [string, PairOptions][])('[RFC7383 2.3] is not used when %s does not announce it', (_, more) => {
    const { pair, seen } = observed({ ...long, ...more });
    pair.attach();
    expectUp(pair);
    expect(seen.filter(isFragment)).toEqual([]);
    expect(Math.max(...seen.map(({ data }) => data.length))).toBeGreaterThan(4500);
  });

  it('short messages stay whole', () => {
    const { pair, seen } = observed({});
    pair.attach();
    expect(seen.filter(isFragment)).toEqual([]);
  });
});

describe('fragments on the way', () => {
  it('[RFC7383 2.6] fragments lost, doubled and re-ordered come together', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 30 }), (seed) => {
        const random = seededRandom(seed);
        const held: InTransit[] = [];
        const pair = new Pair({
          ...long,
          seed,
          config: { ...long.config, timers: { retransmitTries: 40, retransmitFactor: 1 } },
          ueConfig: { timers: { retransmitTries: 40, retransmitFactor: 1, setUp: 200_000 } },
          network: (packet) => {
            const [roll, more] = random(2);
            if (roll! < 40) return [];
            if (more! < 60) {
              held.push(packet);
              return [];
            }
            return more! < 90 ? [packet, ...held.splice(0), packet] : [packet, ...held.splice(0)];
          },
        });
        pair.connect();
        pair.advance(150_000);
        if (pair.events('ue', 'ikeSaEstablished').length > 0) expectUp(pair);
        expect(pair.events('node', 'ikeSaEstablished').length).toBeLessThanOrEqual(1);
        expect(pair.events('ue', 'ikeSaClosed').filter(({ cause }) => cause !== 'timeout')).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('[RFC7383 2.6.1] of a repeated request only the first fragment brings the answer again', () => {
    const { pair, seen } = observed(long);
    pair.attach();
    const request = seen.filter((packet) => packet.sender === 'ue' && isAuth(packet));
    const answer = seen.filter((packet) => packet.sender === 'node' && isAuth(packet));
    expect(request.length).toBeGreaterThan(3);
    for (const [i, fragment] of request.entries()) {
      pair.wire.length = 0;
      pair.network = (packet) => [packet];
      pair.deliver(fragment);
      expect(pair.wire.map(({ data }) => data)).toEqual(i === 0 ? answer.map(({ data }) => data) : []);
    }
  });
});

describe('fragments on a narrow path', () => {
  it('[RFC7383 2.5.2] a request that gets no answer is cut shorter, and so is its answer', () => {
    const { pair, seen } = observed({
      ...long,
      network: (packet) => (packet.data.length > 700 ? [] : [packet]),
    });
    pair.connect();
    pair.advance(80_000);
    expectUp(pair);
    const passed = seen.filter(({ data }) => data.length <= 700).filter(isFragment);
    expect(passed.some(({ sender }) => sender === 'node')).toBe(true);
    expect(passed.some(({ sender }) => sender === 'ue')).toBe(true);
    expect(Math.max(...passed.map(({ data }) => data.length))).toBeLessThanOrEqual(576 - 28);
  });

  it('[RFC7383 2.5.2] an answered request that comes in another division is answered in shorter fragments', () => {
    const { pair, seen } = observed({
      ...long,
      network: (packet) => (packet.sender === 'node' && packet.data.length > 700 ? [] : [packet]),
    });
    pair.connect();
    pair.advance(80_000);
    expectUp(pair);
    expect(pair.events('node', 'ikeSaEstablished')).toHaveLength(1);
    const lengths = seen.filter((packet) => packet.sender === 'node' && isFragment(packet));
    expect(lengths.some(({ data }) => data.length > 700)).toBe(true);
  });
});

describe('fragments that come to nothing', () => {
  it('[RFC7383 2.6] a message that never ends holds no SA open and no memory for ever', () => {
    const { pair } = observed({
      ...long,
      network: (packet) => {
        const decoded = decodeMessage(packet.data);
        return decoded.ok && decoded.value.encrypted?.fragment?.number === 2 ? [] : [packet];
      },
    });
    pair.connect();
    pair.advance(400_000);
    expect([...pair.ue.ikeSas(), ...pair.node.ikeSas()]).toEqual([]);
    expect([pair.ue.deadline(), pair.node.deadline()]).toEqual([undefined, undefined]);
  });

  it('[RFC7383 2.6] fragments that were not agreed on, or are forged, are dropped', () => {
    const other = observed({ ...long, seed: 9 });
    other.pair.attach();
    const stray = other.seen.filter((packet) => packet.sender === 'ue' && isFragment(packet));
    const whole = new Pair({ ...long, config: { ...long.config, datagramSize: 0 }, silent: true });
    whole.connect();
    whole.run();
    const agreed = new Pair(long);
    agreed.connect();
    agreed.step();
    agreed.step();
    for (const pair of [whole, agreed]) {
      const [sa] = [...pair.node.ikeSas()];
      const queued = pair.wire.length;
      for (const packet of stray) {
        const data = Uint8Array.from(packet.data);
        data.set(sa!.spiInitiator, 0);
        data.set(sa!.spiResponder, 8);
        pair.deliver({ ...packet, data });
      }
      expect(pair.wire).toHaveLength(queued);
    }
    agreed.run();
    expectUp(agreed);
  });
});
