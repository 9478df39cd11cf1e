/**
 * The key managers of a quantum network: nodes with the SAEs beside them, links between nodes. A key drawn at one node
 * is laid out at the node of each slave at the same moment, which stands for the key managers' own agreement over a
 * classical channel. Both ends draw from one ordered pool under one hand, so they can never pick the same bits twice.
 *
 * Nodes without a link of their own are joined over trusted nodes: the key goes hop by hop, one-time padded with as many
 * bits of each hop, along a path with the fewest of them. The nodes between see the key; that is what trusted means.
 */
import type { LinkSimulator } from '../link/link-simulator.ts';
import { fail, ok, type Result } from '../result.ts';
import { Secret } from '../secret.ts';
import type { DeliveredKey } from './types.ts';

/** One site of the network. */
export interface KmeNode {
  readonly kmeId: string;
  /** SAEs that stand in the same secured site as this KME and may ask it. [ETSI014 4] */
  readonly saeIds: readonly string[];
}

/** A quantum channel between two sites, named by their KME IDs in any order. */
export interface KmeLink {
  readonly between: readonly [string, string];
  readonly simulator: LinkSimulator;
}

/** A key that waits for one slave at its KME. */
interface WaitingKey {
  readonly masterSaeId: string;
  readonly slaveSaeId: string;
  readonly secret: Secret;
}

/** For the books: each key to a master waits once per slave, until it is fetched. */
export interface KmeCounts {
  /** Keys given to masters and to slaves, and those laid out that no slave has fetched yet. */
  readonly toMasters: number;
  readonly toSlaves: number;
  readonly waiting: number;
}

/** Told when keys are laid out for a slave: what a KME that announces keys to its SAE would say. IDs only. */
export type LaidOut = (slaveSaeId: string, masterSaeId: string, keyIds: readonly string[]) => void;

/** Why a pair of SAEs gets no key. */
export type NetworkError = 'unknown-sae' | 'no-link' | 'exhausted';

/** Lives as long as its KMEs; holds every key that was drawn and not yet fetched. */
export class KmeNetwork {
  readonly #nodeOfSae = new Map<string, string>();
  readonly #links = new Map<string, LinkSimulator>();
  readonly #neighbours = new Map<string, string[]>();
  readonly #routes = new Map<string, readonly LinkSimulator[]>();
  readonly #waiting = new Map<string, WaitingKey[]>();
  readonly #maxWaiting: number;
  readonly #laidOut: LaidOut | undefined;
  #toMasters = 0;
  #toSlaves = 0;
  #waitingCount = 0;

  /** Throws on a node or link that is named twice or does not exist: a fault of the configuration. */
  constructor(
    nodes: readonly KmeNode[],
    links: readonly KmeLink[],
    options: { readonly maxWaiting?: number; readonly laidOut?: LaidOut | undefined } = {},
  ) {
    this.#maxWaiting = options.maxWaiting ?? 100_000;
    this.#laidOut = options.laidOut;
    const kmeIds = new Set(nodes.map((node) => node.kmeId));
    if (kmeIds.size !== nodes.length) throw new Error('two KMEs have the same ID');
    for (const node of nodes)
      for (const saeId of node.saeIds) {
        if (this.#nodeOfSae.has(saeId)) throw new Error(`SAE ${saeId} stands at two KMEs`);
        this.#nodeOfSae.set(saeId, node.kmeId);
      }
    for (const { between, simulator } of links) {
      for (const kmeId of between)
        if (!kmeIds.has(kmeId)) throw new Error(`a link names the unknown KME ${kmeId}`);
      this.#links.set(linkName(...between), simulator);
      for (const [from, to] of [between, [between[1], between[0]] as const])
        this.#neighbours.set(from, [...(this.#neighbours.get(from) ?? []), to]);
    }
  }

  /** The KME at the site of an SAE; undefined for an SAE that stands nowhere. */
  kmeOf(saeId: string): string | undefined {
    return this.#nodeOfSae.get(saeId);
  }

  /** The links between the KMEs of two SAEs, hop by hop, run up to `now`. */
  route(now: number, saeId: string, otherSaeId: string): Result<readonly LinkSimulator[], NetworkError> {
    const from = this.#nodeOfSae.get(saeId);
    const to = this.#nodeOfSae.get(otherSaeId);
    if (from === undefined || to === undefined) return fail('unknown-sae');
    const hops = this.#hops(from, to);
    if (hops.length === 0) return fail('no-link');
    for (const simulator of hops) simulator.advance(now);
    return ok(hops);
  }

  /** Links do not come and go, so a path is looked for once. Empty: there is none, or both are one node. */
  #hops(from: string, to: string): readonly LinkSimulator[] {
    const name = `${from} ${to}`;
    const known = this.#routes.get(name);
    if (known !== undefined) return known;
    const path = from === to ? [] : shortestPath(this.#neighbours, from, to);
    const hops = path.slice(1).map((node, index) => this.#links.get(linkName(path[index] ?? '', node)));
    const found = hops.filter((hop) => hop !== undefined);
    this.#routes.set(name, found);
    return found;
  }

  /**
   * Draws `number` keys of `sizeBits` for a master and lays a copy out for each slave: all or none. The bits come from
   * the first hop to the first slave; every further hop costs as many, which carry the key over it one-time padded.
   */
  draw(
    now: number,
    masterSaeId: string,
    slaveSaeIds: readonly string[],
    number: number,
    sizeBits: number,
  ): Result<readonly DeliveredKey[], NetworkError> {
    const bits = number * sizeBits;
    const simulators: LinkSimulator[] = [];
    for (const slaveSaeId of slaveSaeIds) {
      const hops = this.route(now, masterSaeId, slaveSaeId);
      if (!hops.ok) return hops;
      simulators.push(...hops.value);
    }
    if (this.#waitingCount + number * slaveSaeIds.length > this.#maxWaiting) return fail('exhausted');
    for (const simulator of new Set(simulators)) {
      const uses = simulators.filter((other) => other === simulator).length;
      if (simulator.state().availableBits < bits * uses) return fail('exhausted');
    }
    const keys: DeliveredKey[] = [];
    for (let index = 0; index < number; index++) {
      const key = this.#drawOne(simulators, sizeBits);
      for (const slaveSaeId of slaveSaeIds) this.#layOut(key, masterSaeId, slaveSaeId);
      keys.push(key);
    }
    this.#toMasters += number;
    const keyIds = keys.map((key) => key.keyId);
    for (const slaveSaeId of slaveSaeIds) this.#laidOut?.(slaveSaeId, masterSaeId, keyIds);
    return ok(keys);
  }

  /** The first hop makes the key; the bits of the others are spent as pads and forgotten. */
  #drawOne(simulators: readonly LinkSimulator[], sizeBits: number): DeliveredKey {
    const [first, ...others] = simulators.map((simulator) => simulator.draw(sizeBits));
    for (const pad of others) pad?.bytes.fill(0);
    if (first === undefined) throw new Error('a link gave fewer bits than it said it had');
    return { keyId: first.keyId, secret: Secret.own(first.bytes) };
  }

  /** A copy of its own for each slave, so that wiping one leaves the others. */
  #layOut(key: DeliveredKey, masterSaeId: string, slaveSaeId: string): void {
    const secret = key.secret.use((bytes) => Secret.copyOf(bytes));
    const entries = this.#waiting.get(key.keyId) ?? [];
    entries.push({ masterSaeId, slaveSaeId, secret });
    this.#waiting.set(key.keyId, entries);
    this.#waitingCount++;
  }

  /**
   * The keys that `masterSaeId` drew for `slaveSaeId`: removed from the pool, all or none. `foreign`: one of the IDs is
   * known, but this SAE was not named when it was drawn. [ETSI014 5.4]
   */
  collect(
    masterSaeId: string,
    slaveSaeId: string,
    keyIds: readonly string[],
  ): Result<readonly DeliveredKey[], 'not-found' | 'foreign'> {
    const found: WaitingKey[] = [];
    let missing = false;
    for (const keyId of keyIds) {
      const entries = this.#waiting.get(keyId) ?? [];
      const mine = entries.find(
        (entry) => entry.slaveSaeId === slaveSaeId && entry.masterSaeId === masterSaeId,
      );
      if (mine !== undefined) found.push(mine);
      else if (entries.length > 0) return fail('foreign');
      else missing = true;
    }
    if (missing) return fail('not-found');
    for (const [index, entry] of found.entries()) this.#remove(keyIds[index] ?? '', entry);
    this.#toSlaves += found.length;
    return ok(found.map((entry, index) => ({ keyId: keyIds[index] ?? '', secret: entry.secret })));
  }

  #remove(keyId: string, entry: WaitingKey): void {
    const rest = (this.#waiting.get(keyId) ?? []).filter((other) => other !== entry);
    if (rest.length === 0) this.#waiting.delete(keyId);
    else this.#waiting.set(keyId, rest);
    this.#waitingCount--;
  }

  /** Looks only. */
  counts(): KmeCounts {
    return { toMasters: this.#toMasters, toSlaves: this.#toSlaves, waiting: this.#waitingCount };
  }

  /** Zeroes every key that waits. */
  wipe(): void {
    for (const entries of this.#waiting.values()) for (const entry of entries) entry.secret.wipe();
    this.#waiting.clear();
    this.#waitingCount = 0;
  }
}

/** Breadth first, so that a path found has the fewest hops; nodes from end to end, or none. */
function shortestPath(
  neighbours: ReadonlyMap<string, readonly string[]>,
  from: string,
  to: string,
): readonly string[] {
  const cameFrom = new Map<string, string>([[from, from]]);
  const queue = [from];
  for (const node of queue) {
    if (node === to) break;
    for (const next of neighbours.get(node) ?? []) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  if (!cameFrom.has(to)) return [];
  const path = [to];
  while (path[0] !== from) path.unshift(cameFrom.get(path[0] ?? '') ?? from);
  return path;
}

/** Links have no direction. */
function linkName(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
