import { describe, expect, it } from 'vitest';
import { EXCHANGE, NOTIFY, type NotifyPayload, type Payload, PROTOCOL } from '#ikev2';
import type { IkeSa } from '../../ikev2/sa/ike-sa.ts';
import { PpkRequests } from '../../ikev2/sa/ppk-requests.ts';
import { ask, insideOf } from '../support/ike-raw.ts';
import { otherSide, Steps } from '../support/ike-steps.ts';
import { espProposal, hostSelector, Pair, type Side } from '../support/pair.ts';

const critical = { type: 'Unknown', payloadType: 200, critical: true, data: new Uint8Array(1) } as const;
const empty = new Uint8Array(0);

/** From now on `side` answers with something else. */
function answering(pair: Pair, side: Side, change: (payloads: readonly Payload[]) => Payload[]): void {
  const sa = insideOf(pair, side);
  const respond = sa.respond.bind(sa);
  sa.respond = (exchange: number, payloads: readonly Payload[]) => respond(exchange, change(payloads));
}

const state = (pair: Pair) => [...pair.node.ikeSas()][0]?.state;

/** ESP SPIs that an engine holds reserved. */
function reservedSpis(sa: IkeSa): number {
  return (sa.node as unknown as { espSpis: Set<number> }).espSpis.size;
}

/** SPIs by which an engine finds IKE SAs. */
const ownSpis = (sa: IkeSa): number => sa.node.byLocalSpi.size;

function rekeySa(spi: Uint8Array): NotifyPayload {
  return { type: 'Notify', protocol: PROTOCOL.ESP, spi, notifyType: NOTIFY.REKEY_SA, data: empty };
}

function espOffer(spi: Uint8Array): Payload {
  const transforms = [
    { type: 1, id: 20, keyLength: 256 },
    { type: 5, id: 0 },
  ];
  return { type: 'SA', proposals: [{ number: 1, protocol: PROTOCOL.ESP, spi, transforms }] };
}

/** A CREATE_CHILD_SA request for a Child SA between these hosts, the asking side's first. */
function childRequest(from: string, to: string, spi = Uint8Array.of(1, 2, 3, 4)): Payload[] {
  return [
    espOffer(spi),
    { type: 'Nonce', data: new Uint8Array(32).fill(5) },
    { type: 'TSi', selectors: [hostSelector(from)] },
    { type: 'TSr', selectors: [hostSelector(to)] },
  ];
}

describe('an answer that cannot be read', () => {
  it.each(['ue', 'node'] as const)(
    '[RFC7296 2.5] to a rekey of a Child SA ends the IKE SA of %s: nobody knows what the peer has now',
    (side) => {
      const steps = new Steps();
      const { pair } = steps;
      const sa = insideOf(pair, side);
      answering(pair, otherSide(side), (payloads) => [...payloads, critical]);
      steps.rekeyChild(side);
      pair.run();
      expect(pair.events(side, 'ikeSaClosed')).toMatchObject([
        { cause: 'protocol', notifyType: NOTIFY.UNSUPPORTED_CRITICAL_PAYLOAD },
      ]);
      expect(reservedSpis(sa)).toBe(0);
    },
  );

  it('[RFC7296 2.5] to a Delete ends the IKE SA as any answer does', () => {
    const steps = new Steps();
    const { pair } = steps;
    answering(pair, 'ue', () => [critical]);
    steps.deleteIke('node');
    pair.run();
    expect(pair.events('node', 'ikeSaClosed')).toHaveLength(1);
    expect([...pair.node.ikeSas()]).toEqual([]);
  });
});

describe('a request about a Child SA', () => {
  it('[RFC7296 3.10.1] CHILD_SA_NOT_FOUND names the SPI of the REKEY_SA', () => {
    const { pair } = new Steps();
    const spi = Uint8Array.of(9, 9, 9, 9);
    const answer = ask(pair, 'ue', EXCHANGE.CREATE_CHILD_SA, [
      rekeySa(spi),
      ...childRequest('10.0.0.2', '10.0.0.1'),
    ]);
    expect(answer).toMatchObject([{ notifyType: NOTIFY.CHILD_SA_NOT_FOUND, protocol: PROTOCOL.ESP, spi }]);
  });

  it('[RFC7296 2.25] one whose rekey is answered by CHILD_SA_NOT_FOUND goes', () => {
    const steps = new Steps();
    const { pair } = steps;
    const [old] = steps.childIds('node');
    insideOf(pair, 'ue').children.clear();
    steps.rekeyChild('node');
    pair.run();
    expect(pair.events('node', 'childSaFailed')).toMatchObject([{ notifyType: NOTIFY.CHILD_SA_NOT_FOUND }]);
    expect(pair.events('node', 'childSaDeleted')).toMatchObject([{ childSaId: old }]);
  });
});

describe('a rekey that asks for less', () => {
  it('[RFC7296 2.9] a rekey that asks for less than the old Child SA had gets no more than that', () => {
    const steps = new Steps();
    const { pair } = steps;
    const wide = { ...hostSelector('10.0.0.2'), end: Uint8Array.of(10, 0, 0, 9) };
    const child = [...insideOf(pair, 'node').children.values()][0]!;
    Object.assign(child, { trafficSelectorsRemote: [wide] });
    const spi = Buffer.alloc(4);
    spi.writeUInt32BE([...insideOf(pair, 'ue').children.values()][0]!.spiIn);
    const narrow = ask(pair, 'ue', EXCHANGE.CREATE_CHILD_SA, [
      rekeySa(spi),
      ...childRequest('10.0.0.2', '10.0.0.1'),
    ]);
    expect(narrow?.find(({ type }) => type === 'TSi')).toMatchObject({
      selectors: [hostSelector('10.0.0.2')],
    });
  });

  it('[RFC7296 2.9] and none where the two have nothing in common', () => {
    const steps = new Steps();
    const { pair } = steps;
    const spi = Buffer.alloc(4);
    spi.writeUInt32BE([...insideOf(pair, 'ue').children.values()][0]!.spiIn);
    const answer = ask(pair, 'ue', EXCHANGE.CREATE_CHILD_SA, [
      rekeySa(spi),
      ...childRequest('10.9.9.9', '10.0.0.1'),
    ]);
    expect(answer).toMatchObject([{ notifyType: NOTIFY.TS_UNACCEPTABLE }]);
    expect(steps.childIds('node')).toHaveLength(1);
  });

  it.each([[[0, 0, 0, 0]], [[1, 2, 3]]])(
    '[RFC4303 2.1] an SPI that no Child SA can have is not taken: %j',
    (octets) => {
      const steps = new Steps();
      const request = childRequest('10.0.0.2', '10.0.0.1', Uint8Array.from(octets));
      expect(ask(steps.pair, 'ue', EXCHANGE.CREATE_CHILD_SA, request)).toMatchObject([
        { notifyType: NOTIFY.NO_PROPOSAL_CHOSEN },
      ]);
      expect(steps.childIds('node')).toHaveLength(1);
    },
  );
});

/** A rekey of the newest Child SA of the UE, whose Delete of the old one never comes. */
function rekeyWithoutDelete(pair: Pair, spiIn: number, spiOut: Uint8Array<ArrayBuffer>): number | undefined {
  const spi = Buffer.alloc(4);
  spi.writeUInt32BE(spiIn);
  const answer = ask(pair, 'ue', EXCHANGE.CREATE_CHILD_SA, [
    rekeySa(spi),
    ...childRequest('10.0.0.2', '10.0.0.1', spiOut),
  ]);
  const sa = answer?.find((each) => each.type === 'SA');
  return sa === undefined ? undefined : Buffer.from(spiOut).readUInt32BE();
}

describe('a peer that leaves work undone', () => {
  it('[RFC7296 2.8] the Child SA that it replaced and never deletes is deleted by us', () => {
    const steps = new Steps();
    const { pair } = steps;
    const [old] = steps.childIds('node');
    const first = [...insideOf(pair, 'ue').children.values()][0]!.spiIn;
    expect(rekeyWithoutDelete(pair, first, Uint8Array.of(1, 0, 0, 1))).toBeDefined();
    expect(steps.childIds('node')).toHaveLength(2);
    pair.advance(400_000);
    expect(pair.events('node', 'childSaDeleted')).toMatchObject([{ childSaId: old }]);
    expect(steps.childIds('node')).toHaveLength(1);
  });

  it('cannot pile Child SAs up: beyond a few that wait for their Delete, a rekey is put off', () => {
    const { pair } = new Steps();
    let spi = [...insideOf(pair, 'ue').children.values()][0]!.spiIn;
    let made = 0;
    for (let i = 0; i < 60; i++) {
      const next = rekeyWithoutDelete(pair, spi, Uint8Array.of(1, 0, 1, i));
      if (next === undefined) break;
      spi = next;
      made++;
    }
    expect(made).toBeGreaterThan(2);
    expect(made).toBeLessThan(40);
    expect(insideOf(pair, 'node').children.size).toBe(made + 1);
  });
});

describe('a peer that would fill the memory', () => {
  it('cannot fill the memory with Deletes of what is not there', () => {
    const steps = new Steps({ profile: { childProposals: [{ ...espProposal }] } });
    const { pair } = steps;
    steps.createChild('node');
    steps.lose('node');
    for (let i = 0; i < 5; i++) {
      const spis = Array.from({ length: 1_000 }, (_, at) => Uint8Array.of(7, i, at >> 8, at));
      const payloads: Payload[] = Array.from({ length: 4 }, () => ({ type: 'Delete', protocol: 3, spis }));
      expect(ask(pair, 'ue', EXCHANGE.INFORMATIONAL, payloads)).toEqual([]);
    }
    expect(insideOf(pair, 'node').deletedEarly.size).toBeLessThanOrEqual(64);
  });

  it('cannot leave SPIs behind by rekeying the IKE SA again and again while ours is under way', () => {
    const steps = new Steps();
    const { pair } = steps;
    const node = insideOf(pair, 'node');
    steps.rekeyIke('node');
    steps.lose('node');
    for (let i = 0; i < 10; i++) ask(pair, 'ue', EXCHANGE.CREATE_CHILD_SA, ikeRekey(i));
    expect(ownSpis(node)).toBeLessThanOrEqual(2);
    pair.take('ue', pair.ue.deleteIkeSa(pair.now, pair.ueSa));
    pair.advance(600_000);
    expect([...pair.node.ikeSas()]).toEqual([]);
    expect(ownSpis(node)).toBe(0);
  });
});

function ikeRekey(spi: number): Payload[] {
  const transforms = [
    { type: 1, id: 20, keyLength: 256 },
    { type: 2, id: 5 },
    { type: 4, id: 31 },
  ];
  const proposals = [
    { number: 1, protocol: PROTOCOL.IKE, spi: Uint8Array.of(8, 0, 0, 0, 0, 0, 0, spi), transforms },
  ];
  return [
    { type: 'SA', proposals },
    { type: 'Nonce', data: new Uint8Array(32).fill(6) },
    { type: 'KE', method: 31, data: Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0)) },
  ];
}

describe('a node behind a NAT of its own', () => {
  it.each([
    ['198.18.0.9', 4500, false],
    ['192.0.2.1', 4077, true],
  ] as const)('[RFC7296 2.23] hears the peer from %s:%i: follows %s', (address, port, follows) => {
    const steps = new Steps();
    const { pair } = steps;
    const sa = insideOf(pair, 'node');
    sa.nat = { local: true, remote: true };
    const from = { address, port };
    pair.network = (packet) => (packet.sender === 'ue' ? [{ ...packet, from }] : [packet]);
    pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
    pair.run();
    expect(pair.events('node', 'addressChanged').map(({ remote }) => remote)).toEqual(follows ? [from] : []);
    expect(state(pair)).toBe('established');
  });
});

describe('a question to the owner', () => {
  it('that the peer’s request raised counts for nothing when the IKE SA was replaced meanwhile', () => {
    const heard: string[] = [];
    const sa = {
      id: 1,
      channel: {},
      emit: () => {},
      guarded: (...[, , act]: [number, boolean, () => void]) => act(),
    };
    const requests = new PpkRequests(sa as unknown as IkeSa);
    const identity = { type: 2, data: empty };
    const ask = () =>
      requests.ask(
        EXCHANGE.CREATE_CHILD_SA,
        identity,
        () => heard.push('resumed'),
        () => heard.push('cancelled'),
      );
    ask();
    requests.answer([]);
    ask();
    sa.channel = {};
    requests.answer([]);
    expect(heard).toEqual(['resumed', 'cancelled']);
  });
});

describe('a rekey of the IKE SA', () => {
  it('[RFC7296 3.3.1] to the SPI that nobody may have is refused', () => {
    const { pair } = new Steps();
    const request = ikeRekey(0).map((each) =>
      each.type === 'SA'
        ? { ...each, proposals: each.proposals.map((one) => ({ ...one, spi: new Uint8Array(8) })) }
        : each,
    );
    expect(ask(pair, 'ue', EXCHANGE.CREATE_CHILD_SA, request)).toMatchObject([
      { notifyType: NOTIFY.NO_PROPOSAL_CHOSEN },
    ]);
  });
});

describe('INFORMATIONAL before both sides are authenticated', () => {
  /** A UE that has keys and has not said who it is. */
  function halfway(informed: () => void): Pair {
    const pair = new Pair({
      silent: true,
      config: { initiatorAuth: 'eap', responderAuth: 'psk' },
      profile: { localAuth: 'eap' },
      nodePorts: {
        informed: () => {
          informed();
          return [];
        },
      },
    });
    pair.connect();
    pair.step();
    pair.step();
    pair.wire.length = 0; // the first IKE_AUTH request never arrives
    return pair;
  }

  it('[RFC7296 1.4] reaches no owner', () => {
    let heard = 0;
    const pair = halfway(() => heard++);
    const hello: Payload = { type: 'Notify', protocol: 0, spi: empty, notifyType: 50_000, data: empty };
    insideOf(pair, 'ue').requests.finish(true);
    ask(pair, 'ue', EXCHANGE.INFORMATIONAL, [hello]);
    expect(heard).toBe(0);
    expect(pair.events('node', 'ikeSaInitCompleted')).toHaveLength(1);
  });
});
