import { describe, expect, it } from 'vitest';
import { NOTIFY } from '#ikev2';
import { type InTransit, type Network, Pair, type PairOptions } from '../support/pair.ts';

const mobile: PairOptions = { profile: { mobike: true } };
const elsewhere = { address: '203.0.113.77', port: 4500 };

/** Delivers what is sent to where the UE is now; what goes to its old address is lost. */
function roaming(pair: Pair, lost: InTransit[] = []): void {
  pair.network = (packet) => {
    const reaches = packet.sender === 'ue' || packet.to.address === elsewhere.address;
    if (!reaches) lost.push(packet);
    return reaches ? [packet] : [];
  };
}

/** Addresses of the UE's side as its NAT shows them; the mapping is changed by setting `port`. */
class Nat {
  port = 40_000;
  readonly network: Network = (packet) => {
    const outside = { address: '203.0.113.9', port: this.port };
    if (packet.sender === 'ue')
      return [{ ...packet, from: { ...outside, port: outside.port + packet.from.port } }];
    const inside = packet.to.port - this.port;
    return inside === 500 || inside === 4500
      ? [{ ...packet, to: { address: '192.0.2.1', port: inside } }]
      : [];
  };
}

const node = (pair: Pair) => [...pair.node.ikeSas()][0];
const ue = (pair: Pair) => [...pair.ue.ikeSas()][0];

describe('MOBIKE', () => {
  it('[RFC4555 3.1] [RFC4555 3.3] is agreed on, and the initiator goes to port 4500 at once', () => {
    const pair = new Pair(mobile).attach();
    expect(ue(pair)?.local.port).toBe(4500);
    expect(pair.events('ue', 'childSaEstablished')[0]?.child.udpEncapsulation).toBe(false);
    const unasked = new Pair().attach();
    expect(ue(unasked)?.local.port).toBe(500);
  });

  it('[RFC4555 3.5] the initiator moves: both sides go on from there, and the owners are told', () => {
    const pair = new Pair(mobile).attach();
    roaming(pair);
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, elsewhere));
    pair.run();
    expect(node(pair)?.remote).toEqual(elsewhere);
    expect(ue(pair)?.local).toEqual(elsewhere);
    expect(pair.events('ue', 'addressChanged').at(-1)).toMatchObject({ local: elsewhere });
    expect(pair.events('node', 'addressChanged').at(-1)).toMatchObject({
      remote: elsewhere,
      udpEncapsulation: false,
    });
    pair.take('node', pair.node.checkLiveness(pair.now, pair.nodeSa));
    pair.run();
    expect(pair.events('node', 'livenessConfirmed')).toHaveLength(1);
  });

  it('[RFC4555 3.7] ESP follows only when the initiator has shown that it is at the new address', () => {
    const pair = new Pair(mobile).attach();
    const before = pair.events('node', 'addressChanged').length;
    // The new address is somebody else's: what is sent there is never answered.
    pair.network = (packet) => (packet.sender === 'node' ? [] : [packet]);
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, elsewhere));
    pair.run();
    expect(pair.events('node', 'addressChanged')).toHaveLength(before);
    pair.advance(400_000);
    expect(pair.events('node', 'addressChanged')).toHaveLength(before);
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'timeout' }]);
  });
});

describe('MOBIKE while the initiator moves', () => {
  it('[RFC4555 3.5] a request in flight is sent again from the new address', () => {
    const pair = new Pair(mobile).attach();
    const lost: InTransit[] = [];
    pair.network = (packet) => {
      lost.push(packet);
      return [];
    };
    pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
    expect(lost).toHaveLength(1);
    roaming(pair);
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, elsewhere));
    expect(pair.wire.map(({ from, data }) => [from, data])).toEqual([[elsewhere, lost[0]!.data]]);
    pair.run();
    expect(pair.events('ue', 'livenessConfirmed')).toHaveLength(1);
    expect(node(pair)?.remote).toEqual(elsewhere);
  });

  it('[RFC4555 3.5] of two moves in a row the latest counts', () => {
    const pair = new Pair(mobile).attach();
    roaming(pair);
    const between = { address: '203.0.113.5', port: 4500 };
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, between));
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, elsewhere));
    pair.advance(60_000);
    expect(node(pair)?.remote).toEqual(elsewhere);
    expect(pair.events('node', 'addressChanged').at(-1)?.remote).toEqual(elsewhere);
  });

  it('[RFC4555 3.5] a move into a NAT turns on UDP encapsulation and keepalives', () => {
    const pair = new Pair(mobile).attach();
    const nat = new Nat();
    pair.network = nat.network;
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, { address: '192.0.2.1', port: 4500 }));
    pair.run();
    expect(pair.events('node', 'addressChanged').at(-1)).toMatchObject({
      remote: { address: '203.0.113.9', port: 44_500 },
      udpEncapsulation: true,
    });
    expect(pair.events('ue', 'addressChanged').at(-1)?.udpEncapsulation).toBe(true);
  });

  it('[RFC4555 3.8] what comes from another address without an update moves nothing, but is answered there', () => {
    const pair = new Pair(mobile).attach();
    pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
    const packet = pair.wire.shift()!;
    pair.deliver({ ...packet, from: elsewhere });
    expect(pair.wire[0]?.to).toEqual(elsewhere);
    expect(node(pair)?.remote.address).toBe('192.0.2.1');
  });
});

describe('MOBIKE, noticed or refused', () => {
  it('[RFC4555 3.8] a NAT that changes its mapping is noticed by the next sign of life', () => {
    const nat = new Nat();
    const pair = new Pair({ ...mobile, network: nat.network }).attach();
    expect(node(pair)?.remote).toEqual({ address: '203.0.113.9', port: 44_500 });
    pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
    pair.run();
    nat.port = 50_000;
    pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
    pair.run();
    expect(node(pair)?.remote).toEqual({ address: '203.0.113.9', port: 54_500 });
    expect(pair.events('node', 'addressChanged').at(-1)?.remote.port).toBe(54_500);
  });

  it('[RFC4555 3.5] the owner may refuse an address: the initiator hears it, nothing moves', () => {
    const pair = new Pair({ ...mobile, nodePorts: { admitAddress: () => false } }).attach();
    const before = node(pair)?.remote;
    roaming(pair);
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, elsewhere));
    pair.run();
    expect(pair.events('ue', 'addressRefused')).toMatchObject([{ notifyType: 40 }]);
    expect(node(pair)?.remote).toEqual(before);
  });

  it.each([
    ['as they are: it is followed', 4500, 0],
    ['as no NAT would show them: UNEXPECTED_NAT_DETECTED', 4501, 41],
  ])('[RFC4555 3.9] NO_NATS_ALLOWED names addresses and ports %s', (_, port, error) => {
    const pair = new Pair(mobile).attach();
    const empty = new Uint8Array(0);
    const ends = [192, 0, 2, 1, 198, 51, 100, 1, port >> 8, port & 0xff, 4500 >> 8, 4500 & 0xff];
    const update = [
      { protocol: 0, spi: empty, notifyType: NOTIFY.UPDATE_SA_ADDRESSES, data: empty },
      { protocol: 0, spi: empty, notifyType: NOTIFY.NO_NATS_ALLOWED, data: Uint8Array.from(ends) },
    ];
    pair.take('ue', pair.ue.inform(pair.now, pair.ueSa, update, 'update'));
    pair.run();
    const answer = pair.events('ue', 'informed')[0]?.notifies.map(({ notifyType }) => notifyType) ?? [];
    expect(answer.includes(41)).toBe(error === 41);
    expect(answer.length).toBeGreaterThan(0);
  });
});

describe('MOBIKE and what forbids a move', () => {
  it.each([
    ['the responder does not offer it', { ...mobile, config: { mobike: false } }, 'ue'],
    ['the initiator did not ask for it', {}, 'ue'],
    ['we are the responder', mobile, 'node'],
  ] as [string, PairOptions, 'ue' | 'node'][])('a move is void where %s', (_, options, side) => {
    const pair = new Pair(options).attach();
    const sa = side === 'ue' ? pair.ueSa : pair.nodeSa;
    expect(pair[side].changeAddress(pair.now, sa, elsewhere)).toEqual([]);
  });

  it('an IKE SA that was rekeyed can still move', () => {
    const pair = new Pair(mobile).attach();
    pair.take('node', pair.node.rekeyIkeSa(pair.now, pair.nodeSa));
    pair.run();
    roaming(pair);
    pair.take('ue', pair.ue.changeAddress(pair.now, pair.ueSa, elsewhere));
    pair.run();
    expect(pair.events('node', 'addressChanged').at(-1)?.remote).toEqual(elsewhere);
  });
});

describe('keepalives', () => {
  it('[RFC3948 4] [RFC3948 2.3] go out from behind a NAT, one octet without marker, and nobody answers them', () => {
    const nat = new Nat();
    const sent: InTransit[] = [];
    const pair = new Pair({ network: nat.network, ueConfig: { timers: { liveness: 0 } } }).attach();
    pair.network = (packet) => {
      sent.push(packet);
      return nat.network(packet);
    };
    pair.advance(61_000);
    const octets = sent.filter(({ sender }) => sender === 'ue').map(({ data }) => [...data]);
    expect(octets).toEqual([[255], [255], [255]]);
    expect(sent.filter(({ sender }) => sender === 'node')).toEqual([]);
    pair.take('ue', pair.ue.deleteIkeSa(pair.now, pair.ueSa));
    pair.advance(100_000);
    expect(pair.ue.deadline()).toBeUndefined();
  });

  it('[RFC3948 4] are not needed without a NAT, and can be turned off', () => {
    for (const options of [
      {},
      { network: new Nat().network, ueConfig: { timers: { keepalive: 0, liveness: 0 } } },
    ]) {
      const pair = new Pair(options).attach();
      const before = pair.ueEvents.length;
      let sent = 0;
      const { network } = pair;
      pair.network = (packet) => {
        if (packet.data.length === 1) sent++;
        return network(packet);
      };
      pair.advance(100_000);
      expect(sent).toBe(0);
      expect(pair.ueEvents.length).toBeGreaterThanOrEqual(before);
    }
  });
});

describe('answers', () => {
  it('[RFC7296 2.11] go where the request came from, whatever is believed about the peer', () => {
    const pair = new Pair().attach();
    pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
    const packet = pair.wire.shift()!;
    pair.deliver({ ...packet, from: elsewhere });
    expect(pair.wire[0]?.to).toEqual(elsewhere);
    expect(node(pair)?.remote.address).toBe('192.0.2.1');
  });
});
