import { describe, expect, it } from 'vitest';
import { decodeMessage, EXCHANGE, encodeMessage, NOTIFY, type Output, type Payload } from '#ikev2';
import type { IkeSa } from '../../ikev2/sa/ike-sa.ts';
import { MOST_FRAGMENTS } from '../../ikev2/sa/reassembly.ts';
import { Agenda, TimerTable } from '../../ikev2/sa/timers.ts';
import { ask, insideOf } from '../support/ike-raw.ts';
import { Pair, seededRandom } from '../support/pair.ts';

interface Inside {
  readonly node: {
    readonly sas: Map<number, IkeSa>;
    readonly byLocalSpi: Map<string, IkeSa>;
    readonly agenda: { readonly heap: unknown[] };
    readonly gate: { readonly halfOpen: number };
    readonly fragments: { readonly total: number };
  };
  readonly byInit: Map<string, IkeSa>;
}

const inside = (pair: Pair) => pair.node as unknown as Inside;
const transmits = (outputs: Output[]) =>
  outputs.flatMap((output) => (output.kind === 'transmit' ? [output.data] : []));

/** Everything that an engine keeps by the number of its IKE SAs. */
function kept(pair: Pair): Record<string, number> {
  const { node, byInit } = inside(pair);
  const { sas, byLocalSpi, gate, fragments } = node;
  const counts = { sas: sas.size, spis: byLocalSpi.size, inits: byInit.size };
  return { ...counts, halfOpen: gate.halfOpen, fragments: fragments.total };
}
const NOTHING = { sas: 0, spis: 0, inits: 0, halfOpen: 0, fragments: 0 };

/** First requests by strangers: the one of `pair` under other SPIs and nonces. */
function* requests(pair: Pair, count: number, change: (payload: Payload) => Payload = (each) => each) {
  pair.connect();
  const [request] = pair.wire.splice(0);
  const decoded = decodeMessage(request!.data);
  if (!decoded.ok) throw decoded.error;
  const random = seededRandom(4);
  const header = decoded.value.header;
  for (let i = 0; i < count; i++) {
    const payloads = decoded.value.payloads
      .map((each) => (each.type === 'Nonce' ? { ...each, data: random(32) } : each))
      .map(change);
    yield encodeMessage({ ...header, spiInitiator: random(8) }, payloads);
  }
}

/** For tests that do one thing thousands of times, on a machine that does much else. */
const patient = { timeout: 300_000 };
const address = (i: number) => ({ address: `203.0.${(i >> 8) & 0xff}.${i & 0xff}`, port: 500 });
const generous = { cookiesAbove: 1e6, cookiesAbovePerSource: 1e6, most: 10_000, mostPerSource: 1e6 };

describe('10,000 half-open IKE SAs', () => {
  it('[RFC7296 2.6] are kept in bounds, get no more, and leave nothing behind', patient, () => {
    const pair = new Pair({ config: { halfOpen: generous } });
    const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    let i = 0;
    let answered = 0;
    for (const request of requests(pair, 10_200)) {
      answered += transmits(pair.node.receive(0, request, pair.nodeAddress, address(i++))).length;
    }
    expect(answered).toBe(10_000);
    expect(kept(pair)).toMatchObject({ sas: 10_000, spis: 10_000, inits: 10_000, halfOpen: 10_000 });
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    // 13 kB each where it was tried; the bound leaves room for what the collector has not looked at.
    expect((heapUsed + arrayBuffers - before) / 10_000).toBeLessThan(60_000);
    pair.node.tick(30_000);
    pair.node.tick(60_000);
    expect(kept(pair)).toEqual(NOTHING);
    expect(pair.node.deadline()).toBeUndefined();
    expect(inside(pair).node.agenda.heap).toEqual([]);
  });

  it('[RFC7296 2.6] of set-ups that fail count as long as they linger', () => {
    const pair = new Pair({
      config: { halfOpen: { ...generous, most: 3 } },
      secrets: { ueSecret: new Uint8Array(32) },
    });
    for (let i = 0; i < 3; i++) pair.attach();
    expect(pair.events('node', 'ikeSaClosed')).toHaveLength(3);
    expect(kept(pair)).toMatchObject({ sas: 3, halfOpen: 3 });
    pair.connect();
    pair.step();
    expect(pair.events('node', 'messageRejected').at(-1)?.reason).toBe('too many half-open IKE SAs');
    pair.node.tick(31_000);
    expect(kept(pair)).toEqual(NOTHING);
  });
});

describe('first requests that cost their sender nothing', () => {
  it('[RFC6989 2.3] with a value that the method refuses are answered and leave nothing', () => {
    const pair = new Pair();
    const zero = (each: Payload): Payload =>
      each.type === 'KE' ? { ...each, data: new Uint8Array(32) } : each;
    let answers = 0;
    for (const request of requests(pair, 50, zero)) {
      for (const data of transmits(pair.node.receive(0, request, pair.nodeAddress, pair.ueAddress))) {
        const decoded = decodeMessage(data);
        expect(decoded.ok && decoded.value.payloads).toMatchObject([{ notifyType: NOTIFY.INVALID_SYNTAX }]);
        answers++;
      }
    }
    expect(answers).toBe(50);
    expect(kept(pair)).toEqual(NOTHING);
  });

  it('of more than a few datagrams’ octets get nothing', () => {
    const pair = new Pair();
    pair.connect();
    const [request] = pair.wire.splice(0);
    const decoded = decodeMessage(request!.data);
    if (!decoded.ok) throw decoded.error;
    const { header, payloads } = decoded.value;
    for (const [length, answers] of [
      [3_000 - request!.data.length - 4, 1],
      [30_000, 0],
    ] as const) {
      const long = encodeMessage(header, [...payloads, { type: 'VendorId', data: new Uint8Array(length) }]);
      const outputs = pair.node.receive(0, long, pair.nodeAddress, pair.ueAddress);
      expect(transmits(outputs)).toHaveLength(answers);
    }
    expect(inside(pair).node.sas.size).toBe(1);
  });

  it(
    '[RFC7296 2.6] cannot use up the demands for cookies, with which honest initiators get in',
    patient,
    () => {
      const pair = new Pair({ config: { halfOpen: { cookiesAbove: 0 } } });
      let i = 0;
      for (const request of requests(pair, 2_000))
        expect(transmits(pair.node.receive(0, request, pair.nodeAddress, address(i++)))).toHaveLength(1);
      pair.attach();
      expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
    },
  );

  it('[RFC7296 2.5] of an older version are none', () => {
    const pair = new Pair();
    pair.connect();
    const [request] = pair.wire.splice(0);
    const older = Uint8Array.from(request!.data);
    older[17] = 0x10;
    expect(transmits(pair.node.receive(0, older, pair.nodeAddress, pair.ueAddress))).toEqual([]);
    expect(kept(pair)).toEqual(NOTHING);
  });
});

describe('fragments of strangers', () => {
  it('[RFC7383 2.6] are kept up to a bound over all of them, which frees itself', {
    timeout: 240_000,
  }, () => {
    const pair = new Pair({ silent: true, config: { halfOpen: generous, timers: { halfOpen: 90_000 } } });
    const filler: Payload = { type: 'VendorId', data: new Uint8Array(30_000) };
    let most = 0;
    for (let i = 0; i < 560; i++) {
      pair.connect({ localAuth: 'eap', remoteAuth: 'eap-only' });
      pair.step();
      pair.step();
      pair.wire.length = 0;
      const ue = insideOf(pair, 'ue');
      ue.requests.finish(true);
      pair.network = lastFragmentLost();
      ask(pair, 'ue', EXCHANGE.IKE_AUTH, [filler]);
      pair.network = (packet) => [packet];
      ue.close('local', 'enough');
      most = Math.max(most, inside(pair).node.fragments.total);
    }
    expect(most).toBeGreaterThan(15_000_000);
    expect(most).toBeLessThanOrEqual(16_777_216);
    pair.node.tick(31_000);
    expect(inside(pair).node.fragments.total).toBe(0);
    pair.node.tick(100_000);
    pair.node.tick(140_000);
    expect(kept(pair)).toEqual(NOTHING);
  });
});

/** Drops what completes a message in fragments. */
function lastFragmentLost() {
  return (packet: Pair['wire'][number]) => {
    const [number, total] = [packet.data[33], packet.data[35]];
    expect(total).toBeLessThanOrEqual(MOST_FRAGMENTS);
    return number === total ? [] : [packet];
  };
}

describe('timers', () => {
  it('set to the same time again and again take one place', () => {
    const agenda = new Agenda<string>(() => 5_000);
    const table = new TimerTable((at) => agenda.add(at, 'sa'));
    for (let i = 0; i < 1_000; i++) table.set('lifetime', 5_000);
    expect((agenda as unknown as { heap: unknown[] }).heap).toHaveLength(1);
    table.set('lifetime', 4_000);
    expect(table.deadline()).toBe(4_000);
  });

  it('of an IKE SA do not pile up with each look at what its Child SAs have carried', () => {
    const lifetimes = { child: { softOctets: 1e9, softMs: 3_600_000 }, ike: { softMs: 80_000_000 } };
    const pair = new Pair({ config: { lifetimes } }).attach();
    const child = pair.events('node', 'childSaEstablished')[0]!.child.id;
    const before = inside(pair).node.agenda.heap.length;
    for (let i = 0; i < 1_000; i++) pair.node.noteUsage(i, pair.nodeSa, child, i, i);
    expect(inside(pair).node.agenda.heap.length).toBe(before);
  });
});

describe('a flood of garbage', () => {
  /** Octets at random, headers of exchanges that nobody began, and first requests that are broken. */
  function* garbage(pair: Pair, count: number) {
    const random = seededRandom(11);
    const first = [...requests(pair, 1)][0]!;
    for (let i = 0; i < count; i++) {
      const octets = Uint8Array.from(first);
      if (i % 3 === 0) yield random(1 + (i % 400));
      else if (i % 3 === 1) {
        octets.set(random(16));
        octets[18] = 34 + (i % 12);
        yield octets;
      } else {
        octets[28 + (i % (octets.length - 28))]! ^= 1 + (i % 255);
        octets.set(random(8));
        yield octets;
      }
    }
  }

  it('is counted, answered at a bounded rate, and leaves nothing but what cookies bound', patient, () => {
    const pair = new Pair({ config: { halfOpen: { cookiesAbove: 0 } } });
    let answers = 0;
    let told = 0;
    let cookies = 0;
    for (const octets of garbage(pair, 6_000)) {
      for (const output of pair.node.receive(0, octets, pair.nodeAddress, pair.ueAddress)) {
        if (output.kind === 'event') told++;
        else if (isCookie(output.data)) cookies++;
        else answers++;
      }
    }
    expect(kept(pair)).toEqual(NOTHING);
    expect(pair.node.deadline()).toBeUndefined();
    // Ten to strangers and a thousand refusals in a second, whatever comes.
    expect(answers).toBeLessThanOrEqual(1_010);
    expect(told).toBeGreaterThan(3_000);
    expect(cookies).toBeGreaterThan(0);
    pair.attach();
    expect(pair.events('ue', 'childSaEstablished')).toHaveLength(1);
  });

  it('[RFC7296 2.4] does not touch an IKE SA that stands, whatever names its SPIs', patient, () => {
    const pair = new Pair().attach();
    const [sa] = [...pair.node.ikeSas()];
    const random = seededRandom(12);
    for (let i = 0; i < 2_000; i++) {
      const octets = random(28 + (i % 200));
      octets.set(sa!.spiInitiator);
      octets.set(sa!.spiResponder, 8);
      octets.set([46, 0x20, 35 + (i % 10), i % 2 === 0 ? 8 : 0x28, 0, 0, 0, i % 4], 16);
      new DataView(octets.buffer).setUint32(24, octets.length);
      if (octets.length > 32) new DataView(octets.buffer).setUint16(30, octets.length - 28);
      expect(transmits(pair.node.receive(i, octets, pair.nodeAddress, pair.ueAddress))).toEqual([]);
    }
    pair.take('ue', pair.ue.checkLiveness(0, pair.ueSa));
    pair.run();
    expect(pair.events('ue', 'livenessConfirmed')).toHaveLength(1);
  });
});

function isCookie(data: Uint8Array): boolean {
  const message = decodeMessage(data);
  const [first] = message.ok ? message.value.payloads : [];
  return first?.type === 'Notify' && first.notifyType === NOTIFY.COOKIE;
}
