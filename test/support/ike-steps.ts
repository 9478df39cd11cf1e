import type { PairOptions, Side } from './pair.ts';
import { hostSelector, Pair, seededRandom } from './pair.ts';

/** Selectors of a second Child SA, as the node and as the UE see them. */
export const sessionSelectors = {
  trafficSelectorsLocal: [hostSelector('10.0.0.1')],
  trafficSelectorsRemote: [hostSelector('10.0.0.2')],
};

export const otherSide = (side: Side): Side => (side === 'ue' ? 'node' : 'ue');

/** First octets of the two nonces that each side draws when both rekey at once: Ni of its own request, Nr of its answer. */
export type CrossingNonces = Readonly<Record<Side, readonly [number, number]>>;

/** Which of the four nonces is the lowest, and which side's new SA goes for it. */
export const lowestNonces: readonly (readonly [string, CrossingNonces, Side])[] = [
  ['Ni of the UE', { ue: [1, 9], node: [5, 6] }, 'ue'],
  ['Nr of the node', { ue: [5, 9], node: [6, 1] }, 'ue'],
  ['Ni of the node', { ue: [5, 9], node: [1, 6] }, 'node'],
  ['Nr of the UE', { ue: [5, 1], node: [6, 9] }, 'node'],
];

/**
 * An attached pair whose packets a story moves one by one: `pass` delivers the oldest of a sender, `lose` drops it.
 * `nonce` fixes the first octet of every nonce that a side draws from then on, and so who loses a collision.
 */
export class Steps {
  readonly pair: Pair;
  readonly nonce: Record<Side, number> = { ue: 128, node: 128 };

  constructor(options: PairOptions = {}) {
    this.pair = new Pair({
      uePorts: { admitChildSa: (asked) => asked },
      nodePorts: { admitChildSa: (asked) => asked },
      ...options,
      ...this.withNonces(options),
    }).attach();
  }

  sa(side: Side): number {
    return side === 'ue' ? this.pair.ueSa : this.pair.nodeSa;
  }

  /** Handles of the Child SAs that a side has, the oldest first. */
  childIds(side: Side): number[] {
    return this.childSas(side).map(({ id }) => id);
  }

  /** The Child SAs of a side as `spi at the UE/spi at the node`. */
  spis(side: Side): string[] {
    const both = this.childSas(side).map(({ spiIn, spiOut }) =>
      side === 'ue' ? `${spiIn}/${spiOut}` : `${spiOut}/${spiIn}`,
    );
    return both.sort();
  }

  rekeyChild(side: Side, at = 0): void {
    const { pair } = this;
    pair.take(side, pair[side].rekeyChildSa(pair.now, this.sa(side), this.childIds(side)[at] ?? 0));
  }

  deleteChild(side: Side, at = 0): void {
    const { pair } = this;
    pair.take(side, pair[side].deleteChildSa(pair.now, this.sa(side), this.childIds(side)[at] ?? 0));
  }

  createChild(side: Side): void {
    const { pair } = this;
    pair.take(side, pair[side].createChildSa(pair.now, this.sa(side), sessionSelectors));
  }

  rekeyIke(side: Side): void {
    this.pair.take(side, this.pair[side].rekeyIkeSa(this.pair.now, this.sa(side)));
  }

  /** Both sides begin the same rekey and answer each other's: two requests have crossed, two responses are on the wire. */
  crossRekeys(rekey: 'rekeyChild' | 'rekeyIke', nonces: CrossingNonces): void {
    [this.nonce.ue] = nonces.ue;
    [this.nonce.node] = nonces.node;
    this[rekey]('ue'); //    req1 ──►
    this[rekey]('node'); //       ◄── req2
    [, this.nonce.ue] = nonces.ue;
    [, this.nonce.node] = nonces.node;
    this.pass('node'); //         req2 arrives, resp2 ──►
    this.pass('ue'); //           req1 arrives, ◄── resp1
  }

  deleteIke(side: Side): void {
    this.pair.take(side, this.pair[side].deleteIkeSa(this.pair.now, this.sa(side)));
  }

  /** Delivers the oldest packet of `sender`. */
  pass(sender: Side): void {
    this.pair.deliver(this.lose(sender));
  }

  /** Takes the oldest packet of `sender` off the wire. */
  lose(sender: Side): (typeof this.pair.wire)[number] {
    const { wire } = this.pair;
    const at = wire.findIndex((packet) => packet.sender === sender);
    if (at < 0) throw new Error(`${sender} has sent nothing`);
    return wire.splice(at, 1)[0]!;
  }

  /** SPIs and, by an exchange of Child SAs, keys of the IKE SA on both sides. */
  ikeSpis(side: Side): string | undefined {
    const [sa] = [...this.pair[side].ikeSas()];
    return sa === undefined ? undefined : Buffer.concat([sa.spiInitiator, sa.spiResponder]).toString('hex');
  }

  private childSas(side: Side) {
    return [...this.pair[side].ikeSas()].flatMap(({ childSas }) => childSas);
  }

  private withNonces(options: PairOptions): Pick<PairOptions, 'uePorts' | 'nodePorts'> {
    const drawing = (side: Side, seed: number) => {
      const random = seededRandom(seed);
      return (length: number) => {
        const octets = random(length);
        if (length === 32) octets[0] = this.nonce[side];
        return octets;
      };
    };
    const admitChildSa = <T>(asked: T) => asked;
    return {
      uePorts: { admitChildSa, ...options.uePorts, random: drawing('ue', 3) },
      nodePorts: { admitChildSa, ...options.nodePorts, random: drawing('node', 5) },
    };
  }
}
