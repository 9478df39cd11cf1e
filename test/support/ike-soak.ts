import { isDeepStrictEqual } from 'node:util';
import type { AdditionalChoices, ChildSa, IkeEvent, KeName } from '#ikev2';
import {
  espProposal,
  hostSelector,
  type InTransit,
  ikeProposal,
  Pair,
  type Side,
  seededRandom,
} from './pair.ts';

/** What a run did, so that a soak that never collides is noticed. */
export interface SoakReport {
  readonly childRekeys: number;
  readonly ikeRekeys: number;
  readonly redundant: number;
  /** SAs made by several key exchanges. */
  readonly multiple: number;
  readonly lost: number;
  readonly delivered: number;
}

interface Flight {
  readonly at: number;
  readonly packet: InTransit;
}

const sides = ['ue', 'node'] as const;
const selectors = {
  trafficSelectorsLocal: [hostSelector('10.0.0.1')],
  trafficSelectorsRemote: [hostSelector('10.0.0.2')],
};

/**
 * One random life of an IKE SA: for a while both owners create, rekey and delete at random moments over a network that
 * loses up to 40 %, doubles and re-orders; then the weather clears. Throws unless both ends agree on all SAs and keys.
 * The same seed gives the same run, octet by octet.
 */
export function soak(seed: number): SoakReport {
  return new Soak(seed).run();
}

/** Proposals of IKE and ESP with these groups, the best first, and what is exchanged after them. */
function groups(ke: readonly KeName[], additional: AdditionalChoices = []) {
  return {
    proposals: [{ ...ikeProposal, ke, additional }],
    childProposals: [{ ...espProposal, ke, additional }],
  };
}

/** What the UE and the node propose, by the seed: the kinds of rekey that cross one another differ with it. */
function proposalsOf(seed: number): [ReturnType<typeof groups> | object, ReturnType<typeof groups> | object] {
  const [none, further] = [
    ['none', 'ecp384'],
    ['ecp384', 'none'],
  ] as const;
  switch (seed % 6) {
    // They disagree on the best group, so that rekeys are repeated with another one.
    case 0:
      return [groups(['x25519', 'ecp256']), groups(['ecp256', 'x25519'])];
    // One more key exchange in every rekey; two; one in those that the node begins, the other side leaving it out.
    case 1:
      return [groups(['x25519'], [['ecp256']]), groups(['x25519'], [['ecp256']])];
    case 3:
      return [
        groups(['x25519'], [['ecp256'], [], ['mlkem512']]),
        groups(['x25519'], [['ecp256'], [], ['mlkem512']]),
      ];
    case 5:
      return [groups(['x25519'], [further]), groups(['x25519'], [none])];
    default:
      return [{}, {}];
  }
}

class Soak {
  private readonly random: (length: number) => Uint8Array;
  private readonly pair: Pair;
  private readonly flights: Flight[] = [];
  private loss: number;
  private lost = 0;
  private delivered = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.loss = this.below(41);
    // Nobody gives the other up here: a time-out is no disagreement, but it would end the run early.
    const timers = {
      retransmit: 2_000,
      retransmitFactor: 1,
      retransmitTries: 100,
      retired: 400_000,
      liveness: 0,
      followUp: 60_000,
    };
    const admitChildSa = <T>(asked: T) => asked;
    const [atUe, atNode] = proposalsOf(seed);
    // Every fourth has to cut its messages.
    const datagramSize = seed % 4 === 0 ? 200 : 1_280;
    this.pair = new Pair({
      seed,
      config: { timers, datagramSize, ...atNode },
      ueConfig: { timers, datagramSize },
      profile: atUe,
      uePorts: { admitChildSa },
      nodePorts: { admitChildSa },
    }).attach();
    this.pair.network = (packet) => this.send(packet);
  }

  run(): SoakReport {
    for (let acts = 10 + this.below(25); acts > 0; acts--) {
      const side = sides[this.below(2)]!;
      const what = this.below(8);
      const which = this.below(256);
      this.act(side, what, which);
      // The other side does the same, or something else, before it can have heard of it.
      const other = side === 'ue' ? 'node' : 'ue';
      const crossing = this.below(4);
      if (crossing < 2) this.act(other, crossing === 0 ? what : this.below(8), which);
      this.pass(this.below(4) === 0 ? 8_000 : this.below(400));
    }
    this.pass(600_000);
    this.loss = 0;
    this.pass(600_000);
    this.expectAgreement();
    this.expectLiveKeys();
    return this.report();
  }

  private below(limit: number): number {
    const [high, low] = this.random(2);
    return ((high! << 8) | low!) % limit;
  }

  /** Loses, doubles and delays; what is delayed longer is overtaken. */
  private send(packet: InTransit): InTransit[] {
    const copies = this.below(8) === 0 ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.below(100) < this.loss) {
        this.lost++;
        continue;
      }
      const delay = this.below(10) === 0 ? this.below(12_000) : 5 + this.below(300);
      this.flights.push({ at: this.pair.now + delay, packet });
    }
    return [];
  }

  /** Lets time pass: packets arrive and timers fire in their order. */
  private pass(ms: number): void {
    const { pair } = this;
    const until = pair.now + ms;
    for (;;) {
      this.flights.sort((a, b) => a.at - b.at);
      const due = Math.min(
        this.flights[0]?.at ?? Number.POSITIVE_INFINITY,
        pair.ue.deadline() ?? Number.POSITIVE_INFINITY,
        pair.node.deadline() ?? Number.POSITIVE_INFINITY,
      );
      if (due > until) break;
      pair.now = Math.max(pair.now, due);
      const flight = this.flights[0];
      if (flight !== undefined && flight.at <= pair.now) {
        this.flights.shift();
        this.delivered++;
        pair.deliver(flight.packet);
      } else {
        for (const side of sides) pair.take(side, pair[side].tick(pair.now));
      }
    }
    pair.now = until;
  }

  /** An owner does `what` with the `which`-th of its Child SAs. */
  private act(side: Side, what: number, which: number): void {
    const { pair } = this;
    const engine = pair[side];
    const sa = side === 'ue' ? pair.ueSa : pair.nodeSa;
    const childSas = [...engine.ikeSas()][0]?.childSas ?? [];
    const child = childSas[which % Math.max(1, childSas.length)]?.id ?? 0;
    const acts = [
      () => engine.rekeyChildSa(pair.now, sa, child),
      () => engine.rekeyChildSa(pair.now, sa, child),
      () => engine.rekeyChildSa(pair.now, sa, child),
      () => engine.rekeyIkeSa(pair.now, sa),
      () => engine.rekeyIkeSa(pair.now, sa),
      () => engine.createChildSa(pair.now, sa, selectors),
      () => engine.deleteChildSa(pair.now, sa, child),
      () => engine.checkLiveness(pair.now, sa),
    ];
    pair.take(side, acts[what]!());
  }

  /** The same IKE SA, the same Child SAs, and for each the same keys; nobody sends by an SA that the other lacks. */
  private expectAgreement(): void {
    const { pair } = this;
    for (const side of sides) {
      require([...pair[side].ikeSas()].length === 1, `${side} has lost the IKE SA`);
    }
    const ue = this.living('ue');
    const node = this.living('node');
    require(ue.length === node.length, `the UE has ${ue.length} Child SAs, the node ${node.length}`);
    for (const each of ue) {
      const mirror = node.find(({ spiIn }) => spiIn === each.spiOut);
      require(mirror?.spiOut === each.spiIn, `the node lacks Child SA ${each.spiIn}`);
      const same = isDeepStrictEqual([mirror?.keysIn, mirror?.keysOut], [each.keysOut, each.keysIn]);
      require(same, `the keys of Child SA ${each.spiIn} differ`);
    }
    for (const side of sides) {
      const living = new Set(this.living(side).map(({ id }) => id));
      for (const id of senders(side === 'ue' ? pair.ueEvents : pair.nodeEvents)) {
        require(living.has(id), `${side} sends by Child SA ${id}, which is gone`);
      }
    }
  }

  /** The IKE SA's own keys agree if either side can still make a Child SA. */
  private expectLiveKeys(): void {
    const { pair } = this;
    for (const side of sides) {
      const before = this.living(side).length;
      const sa = side === 'ue' ? pair.ueSa : pair.nodeSa;
      pair.take(side, pair[side].createChildSa(pair.now, sa, selectors));
      this.pass(100_000);
      require(this.living(side).length === before + 1, `${side} can make no Child SA any more`);
    }
    this.expectAgreement();
    pair.take('node', pair.node.deleteIkeSa(pair.now, pair.nodeSa));
    this.pass(1_000_000);
    for (const side of sides) {
      require([...pair[side].ikeSas()].length === 0, `${side} keeps a deleted IKE SA`);
      require(pair[side].deadline() === undefined, `${side} still has a timer`);
    }
  }

  private living(side: Side): ChildSa[] {
    const ids = new Set(
      [...this.pair[side].ikeSas()].flatMap(({ childSas }) => childSas.map(({ id }) => id)),
    );
    return this.pair
      .events(side, 'childSaEstablished')
      .map(({ child }) => child)
      .filter(({ id }) => ids.has(id));
  }

  private report(): SoakReport {
    const { pair, lost, delivered } = this;
    const established = sides.flatMap((side) => pair.events(side, 'childSaEstablished'));
    return {
      childRekeys: established.filter(({ rekeyed }) => rekeyed !== undefined).length,
      ikeRekeys: pair.events('ue', 'ikeSaRekeyed').length,
      redundant: established.filter(({ redundant }) => redundant === true).length,
      multiple:
        established.filter(({ child }) => child.suite.additional !== undefined).length +
        pair.events('ue', 'ikeSaRekeyed').filter(({ suite }) => suite.includes('/ke1_')).length,
      lost,
      delivered,
    };
  }
}

/** The Child SA that an owner sends by, for each line of SAs that replaced one another. */
function senders(events: readonly IkeEvent[]): Iterable<number> {
  const line = new Map<number, number>();
  const sending = new Map<number, number>();
  for (const event of events) {
    if (event.type === 'childSaEstablished') {
      const root = line.get(event.rekeyed ?? event.child.id) ?? event.child.id;
      line.set(event.child.id, root);
      if (event.redundant !== true) sending.set(root, event.child.id);
    } else if (event.type === 'childSaDeleted') {
      const root = line.get(event.childSaId);
      if (root !== undefined && sending.get(root) === event.childSaId) sending.delete(root);
    }
  }
  return sending.values();
}

function require(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
