import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type IkeEvent, NOTIFY, type NotifyPayload, type Output } from '#ikev2';
import {
  type InTransit,
  ikeProposal,
  type Network,
  Pair,
  type PairOptions,
  seededRandom,
} from '../support/pair.ts';

const eap: PairOptions = {
  config: { initiatorAuth: 'eap', responderAuth: 'eap-only', ppk: 'optional' },
  profile: { localAuth: 'eap', remoteAuth: 'eap-only', ppk: 'required' },
};

function expectUp(pair: Pair): void {
  const [ue] = pair.events('ue', 'childSaEstablished');
  const [node] = pair.events('node', 'childSaEstablished');
  expect(ue?.child.keysIn).toEqual(node?.child.keysOut);
  expect(ue).toBeDefined();
}

/** Loses, doubles, delays and re-orders by a seed. */
function weather(seed: number, loss: number): Network {
  const random = seededRandom(seed);
  const held: InTransit[] = [];
  return (packet) => {
    const [roll, more] = random(2);
    if (roll! < loss * 256) return [];
    if (more! < 40) {
      held.push(packet);
      return [];
    }
    const late = held.splice(0);
    return more! < 90 ? [packet, packet, ...late] : [packet, ...late];
  };
}

describe('a network that fails', () => {
  it('[RFC7296 2.1] [RFC7296 2.4] attaches and agrees under loss, doubling and re-ordering', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1 << 30 }),
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        (seed, loss) => {
          const pair = new Pair({ ...eap, seed, network: weather(seed, loss) });
          pair.connect();
          pair.advance(60_000);
          const ueUp = pair.events('ue', 'ikeSaEstablished').length;
          if (ueUp > 0) expectUp(pair);
          expect(pair.events('ue', 'ikeSaEstablished').length).toBeLessThanOrEqual(1);
          pair.network = () => [];
          pair.wire.length = 0;
          pair.advance(2_000_000);
          expect([...pair.node.ikeSas(), ...pair.ue.ikeSas()]).toEqual([]);
          expect([pair.node.deadline(), pair.ue.deadline()]).toEqual([undefined, undefined]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('[RFC7296 2.4] sends the same octets with growing pauses, then gives up', () => {
    const pair = new Pair({ network: () => [] });
    const sent: [number, Uint8Array][] = [];
    pair.network = (packet) => {
      sent.push([pair.now, packet.data]);
      return [];
    };
    pair.connect();
    pair.advance(500_000);
    const pauses = sent.slice(1).map(([at], i) => at - sent[i]![0]);
    expect(sent).toHaveLength(6);
    expect(new Set(sent.map(([, data]) => Buffer.from(data).toString('hex'))).size).toBe(1);
    for (const [i, pause] of pauses.slice(1).entries()) expect(pause / pauses[i]!).toBeCloseTo(1.8);
    expect(pair.events('ue', 'ikeSaClosed')).toMatchObject([{ cause: 'timeout', established: false }]);
  });
});

describe('repetitions', () => {
  it('[RFC7296 2.1] answers every repeated request with the octets of its first answer', () => {
    const pair = new Pair(eap);
    pair.connect();
    for (let i = 0; i < 12; i++) {
      const packet = pair.wire[0];
      if (packet === undefined) break;
      pair.step();
      const answers = [...pair.wire];
      if (packet.sender !== 'ue') continue;
      pair.deliver(packet);
      pair.deliver(packet);
      const again = pair.wire.splice(answers.length);
      expect(again.map(({ data }) => data)).toEqual([answers[0]!.data, answers[0]!.data]);
    }
    expectUp(pair);
    expect(pair.events('node', 'ikeSaInitCompleted')).toHaveLength(1);
  });

  it('[RFC7296 2.1] ignores a repeated request while its owner still thinks', () => {
    const pair = new Pair({ ...eap, silent: true });
    pair.connect();
    pair.step();
    pair.step();
    const [auth] = pair.wire;
    pair.run();
    pair.deliver(auth!);
    expect(pair.wire).toEqual([]);
    expect(pair.events('node', 'eapStarted')).toHaveLength(1);
  });
});

describe('NAT', () => {
  const behindNat: Network = (packet) => {
    if (packet.sender === 'ue')
      return [{ ...packet, from: { address: '203.0.113.9', port: 40_000 + packet.from.port } }];
    return [{ ...packet, to: { address: '192.0.2.1', port: packet.to.port - 40_000 } }];
  };

  it('[RFC7296 2.23] [RFC3948 2.2] is detected: both sides go on at port 4500 with the marker', () => {
    const pair = new Pair({ ...eap, network: behindNat });
    const ports: number[] = [];
    pair.network = (packet) => {
      if (packet.sender === 'ue') ports.push(packet.to.port);
      return behindNat(packet);
    };
    pair.attach();
    expectUp(pair);
    expect(ports[0]).toBe(500);
    expect(new Set(ports.slice(1))).toEqual(new Set([4500]));
    expect(pair.events('node', 'ikeSaInitCompleted')[0]?.natDetected).toEqual({ local: false, remote: true });
    expect(pair.events('ue', 'ikeSaInitCompleted')[0]?.natDetected).toEqual({ local: true, remote: false });
    expect(pair.events('node', 'childSaEstablished')[0]?.child).toMatchObject({
      udpEncapsulation: true,
      remote: { address: '203.0.113.9', port: 44_500 },
    });
    expect(pair.events('node', 'addressChanged')).toHaveLength(1);
  });

  it('[RFC7296 2.23] is not seen where there is none; a configured side can pretend', () => {
    const plain = new Pair(eap).attach();
    expect(plain.events('ue', 'childSaEstablished')[0]?.child.udpEncapsulation).toBe(false);
    const forced = new Pair({ ...eap, ueConfig: { forceUdpEncapsulation: true } }).attach();
    expectUp(forced);
    expect(forced.events('ue', 'childSaEstablished')[0]?.child).toMatchObject({
      udpEncapsulation: true,
      remote: { port: 4500 },
    });
    expect(forced.events('node', 'childSaEstablished')[0]?.child.udpEncapsulation).toBe(true);
  });

  it('[RFC7296 2.23] follows a NAT that gives the initiator another port', () => {
    const pair = new Pair({ ...eap, network: behindNat }).attach();
    pair.network = (packet) =>
      packet.sender === 'ue' ? [{ ...packet, from: { address: '203.0.113.10', port: 5000 } }] : [packet];
    pair.take('ue', pair.ue.checkLiveness(0, pair.ueSa));
    pair.step();
    expect(pair.events('node', 'addressChanged').at(-1)).toMatchObject({
      remote: { address: '203.0.113.10', port: 5000 },
    });
    expect([...pair.node.ikeSas()][0]?.remote.port).toBe(5000);
  });

  it('[RFC3948 2.2] what comes to port 4500 without the marker is not IKE', () => {
    const pair = new Pair();
    const local = { address: '198.51.100.1', port: 4500 };
    for (const data of [Uint8Array.of(255), new Uint8Array(0), Uint8Array.of(1, 2, 3, 4, 5)]) {
      expect(pair.node.receive(0, data, local, pair.ueAddress)).toEqual([]);
    }
  });
});

describe('IKE_SA_INIT', () => {
  it('two UEs with the same SPIi and the same address stand side by side', () => {
    const first = new Pair({ ...eap, seed: 1 });
    const second = new Pair({ ...eap, seed: 1 });
    // The second UE shares SPIi and port with the first but has another nonce, hence another packet.
    Object.defineProperty(second, 'node', { value: first.node });
    Object.defineProperty(second, 'nodeEvents', { value: first.nodeEvents });
    first.attach();
    const spi = first.events('ue', 'ikeSaInitCompleted')[0]!.spiInitiator;
    second.connect({ proposals: [{ ...ikeProposal, ke: ['x25519', 'ecp256'] }] });
    second.run();
    expect(second.events('ue', 'ikeSaInitCompleted')[0]!.spiInitiator).toEqual(spi);
    expect([...first.node.ikeSas()]).toHaveLength(2);
    expect(second.events('ue', 'childSaEstablished')).toHaveLength(1);
    const [a, b] = first.events('node', 'ikeSaInitCompleted').map(({ spiResponder }) => spiResponder);
    expect(a).not.toEqual(b);
  });

  it('[RFC7296 1.3] goes on with the group that INVALID_KE_PAYLOAD names', () => {
    const pair = new Pair({ config: { proposals: [{ ...ikeProposal, ke: ['ecp256'] }] } });
    pair.connect({ proposals: [{ ...ikeProposal, ke: ['x25519', 'ecp256'] }] });
    pair.run();
    expectUp(pair);
    expect(pair.events('ue', 'ikeSaEstablished')[0]?.suite).toContain('ecp256');
  });
});

describe('IKE_SA_INIT that is not answered as it was hoped', () => {
  it('[RFC7296 2.21.1] a refusal ends the attempt only when no better answer comes', () => {
    const refused = new Pair({
      config: { proposals: [{ ...ikeProposal, encr: ['aes128-gcm16'] }] },
    }).attach();
    expect(refused.events('ue', 'ikeSaClosed')).toEqual([]);
    refused.advance(2_000);
    expect(refused.events('ue', 'ikeSaClosed')).toMatchObject([
      { cause: 'protocol', notifyType: NOTIFY.NO_PROPOSAL_CHOSEN },
    ]);
    const forged = new Pair();
    forged.connect();
    const answer = refuseInit(forged.wire[0]!);
    forged.take('ue', forged.ue.receive(0, answer, forged.ueAddress, forged.nodeAddress));
    forged.run();
    forged.advance(5_000);
    expectUp(forged);
  });

  it('[RFC7296 2.6] sends the COOKIE back in front of the same request', () => {
    const pair = new Pair();
    pair.connect();
    const first = pair.wire.shift()!;
    const cookie = {
      type: 'Notify',
      protocol: 0,
      spi: new Uint8Array(0),
      notifyType: NOTIFY.COOKIE,
      data: Uint8Array.of(1, 2, 3),
    } as const;
    pair.take('ue', pair.ue.receive(0, answerInit(first, cookie), pair.ueAddress, pair.nodeAddress));
    const again = decodeMessage(pair.wire[0]!.data);
    const before = decodeMessage(first.data);
    if (!again.ok || !before.ok) throw new Error('does not decode');
    expect(again.value.payloads[0]).toMatchObject(cookie);
    expect(again.value.payloads.slice(1)).toEqual(before.value.payloads);
    expect(again.value.header.messageId).toBe(0);
    pair.run();
    expectUp(pair);
  });

  it('a responder forgets an initiator that does not go on', () => {
    const pair = new Pair();
    pair.connect();
    pair.step();
    pair.wire.length = 0;
    pair.network = () => [];
    pair.take('node', pair.node.tick(31_000));
    expect(pair.events('node', 'ikeSaClosed')).toMatchObject([{ cause: 'timeout', established: false }]);
  });
});

describe('octets from strangers', () => {
  it('[RFC7296 1.5] [RFC7296 3.1] are answered at a bounded rate, and never when they are answers', () => {
    const pair = new Pair().attach();
    const stray = new Uint8Array(28).fill(3);
    stray.set([46, 0x20, 37, 0x08], 16);
    stray.set([0, 0, 0, 28], 24);
    const chained = Uint8Array.from([...stray, 0, 0, 0, 4]);
    chained[27] = 32;
    const send = (octets: Uint8Array, now: number) =>
      transmits(pair.node.receive(now, octets, pair.nodeAddress, pair.ueAddress));
    expect(send(chained, 0)).toHaveLength(1);
    let answers = 0;
    for (let i = 0; i < 100; i++) answers += send(chained, 1).length;
    expect(answers).toBeLessThan(10);
    expect(send(chained, 5_000)).toHaveLength(1);
    const version = Uint8Array.from(chained);
    version[17] = 0x30;
    expect(send(version, 10_000)).toHaveLength(1);
    const response = Uint8Array.from(chained);
    response[19] = 0x28;
    expect(send(response, 20_000)).toEqual([]);
  });

  it('neither throw nor end an SA: bits flipped, ends cut, at every step of a set-up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 30 }), (seed) => {
        const random = seededRandom(seed);
        const pair = new Pair({ ...eap, seed: (seed % 3) + 1 });
        pair.connect();
        for (let i = 0; i < 40 && pair.wire.length > 0; i++) {
          const packet = pair.wire[0]!;
          for (let k = 0; k < 4; k++) injectMutant(pair, packet, random);
          pair.step();
        }
        expectUp(pair);
        expect(closed(pair.nodeEvents).filter(({ established }) => established)).toEqual([]);
        expect(closed(pair.ueEvents)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('noise of any length is survived', () => {
    const pair = new Pair().attach();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(500, 4500), (octets, port) => {
        pair.node.receive(1, octets, { address: '198.51.100.1', port }, pair.ueAddress);
        pair.ue.receive(1, octets, { address: '192.0.2.1', port }, pair.nodeAddress);
      }),
      { numRuns: 500 },
    );
    expect([...pair.node.ikeSas()][0]?.state).toBe('established');
  });
});

function transmits(outputs: Output[]): Output[] {
  return outputs.filter(({ kind }) => kind === 'transmit');
}

function closed(events: IkeEvent[]): Extract<IkeEvent, { type: 'ikeSaClosed' }>[] {
  return events.filter((event) => event.type === 'ikeSaClosed');
}

/** Delivers a damaged copy; IKE_SA_INIT answers are nobody's word anyway, so those are left whole for the UE. */
function injectMutant(pair: Pair, packet: InTransit, random: (length: number) => Uint8Array): void {
  const [how, where, bit] = random(3);
  if (packet.data[18] === 34 && packet.sender === 'node') return;
  const damaged = Uint8Array.from(packet.data);
  const at = (where! * damaged.length) >> 8;
  damaged[at]! ^= 1 << (bit! & 7);
  pair.network = () => [];
  pair.deliver({ ...packet, data: how! < 64 ? damaged.subarray(0, at) : damaged });
  pair.network = (each) => [each];
}

/** An answer in clear to `request`, as anybody could make one. */
function answerInit(request: InTransit, payload: NotifyPayload): Uint8Array {
  const decoded = decodeMessage(request.data);
  if (!decoded.ok) throw decoded.error;
  const { header } = decoded.value;
  return encodeMessage({ ...header, initiator: false, response: true }, [payload]);
}

function refuseInit(request: InTransit): Uint8Array {
  const notifyType = NOTIFY.NO_PROPOSAL_CHOSEN;
  return answerInit(request, {
    type: 'Notify',
    protocol: 0,
    spi: new Uint8Array(0),
    notifyType,
    data: new Uint8Array(0),
  });
}
