/**
 * UEs that rekey while their quantum link is throttled, under a clock of their own: the whole N3IWF with its own policy
 * controller, simulated UEs and core, link simulator, two KMEs and two key stores. IKE, ESP, GRE and GTP-U are the real
 * ones; what is left out are sockets and waiting. Every rekey is begun by the N3IWF, which decides from what its keys come.
 */
import {
  Etsi014Client,
  type KeyingState,
  type KeyReply,
  KeyStore,
  KmeNetwork,
  KmeServer,
  LINK_PROFILES,
  LinkSimulator,
  MemoryKeyStorage,
} from '#qkd';
import { type SaCounts, SaTally } from '../../n3iwf/cli/sa-tally.ts';
import type { SupplySample } from '../../n3iwf/cli/supply-chart.ts';
import type { KeyPolicy } from '../../n3iwf/nwu/key-policy.ts';
import { pingTarget, SeededRandom, World, type WorldKey } from './world.ts';

const UE = 'ue-sae';
const NODE = 'sae-n3iwf';
const STEP_MS = 100;
/** The running node looks at its KME once a second. */
const LOOK_MS = 1000;
/** From soft to hard limit a rekey has time to be tried again. */
export const SOFT_MS = 60_000;
export const HARD_MS = 75_000;
const IKE_SOFT_MS = 240_000;
const IKE_HARD_MS = 1.25 * IKE_SOFT_MS;
/** A datagram between UE and N3IWF is so long on its way. */
export const LATENCY_MS = 40;
/** An echo that has not come back after so long is lost. */
const LOST_MS = 2000;
/** ICMP sequence numbers have 16 bits. */
const NUMBERS = 65_535;

/** What a run counts. Packets are numbered echo requests that go through the N3IWF to the UPF and back. */
export interface Tally extends SaCounts {
  sent: number;
  received: number;
  lost: number;
}

/** How a run is set up. `poolKeys`: as many keys as the KMEs hold. */
export interface FallbackOptions {
  readonly ues: number;
  readonly poolKeys: number;
  readonly packetEveryMs?: number;
  readonly policy?: KeyPolicy;
}

/** Handle: {@link run}. Read: the rest. */
export class FallbackWorld {
  readonly world: World;
  readonly samples: SupplySample[] = [];
  readonly changes: (KeyingState & { readonly atMs: number })[] = [];
  readonly sas = new SaTally({ childMs: HARD_MS, ikeMs: IKE_HARD_MS });
  readonly packets = { sent: 0, received: 0, lost: 0 };
  readonly link: LinkSimulator;
  readonly #startedAt: number;
  readonly #clients: readonly [Etsi014Client, Etsi014Client];
  readonly #packetEveryMs: number;
  /** Of each UE: when each number was sent that has not come back, and how many of its events are counted. */
  readonly #open: Map<number, number>[];
  readonly #counted: number[];
  #number = 0;
  #attached = false;

  constructor(options: FallbackOptions) {
    this.#packetEveryMs = options.packetEveryMs ?? 200;
    this.#open = Array.from({ length: options.ues }, () => new Map());
    this.#counted = Array(options.ues).fill(0);
    const capacityBits = options.poolKeys * 256;
    this.link = new LinkSimulator('fallback', {
      ...LINK_PROFILES.metro,
      capacityBits,
      initialBits: capacityBits,
    });
    const nodes = [
      { kmeId: 'kme-ue', saeIds: [UE] },
      { kmeId: 'kme-n3iwf', saeIds: [NODE] },
    ];
    const network = new KmeNetwork(nodes, [{ between: ['kme-ue', 'kme-n3iwf'], simulator: this.link }]);
    const client = (kmeId: string, saeId: string): Etsi014Client => {
      const server = new KmeServer(kmeId, network);
      return new Etsi014Client(
        { request: async (asked) => server.handle(saeId, { body: new Uint8Array(0), ...asked }, this.now) },
        { keySizeBits: 256 },
      );
    };
    this.#clients = [client('kme-ue', UE), client('kme-n3iwf', NODE)];
    const [ue, node] = this.#clients.map((each) => this.#openStore(each)) as [
      Promise<KeyStore>,
      Promise<KeyStore>,
    ];
    this.world = new World({
      ues: options.ues,
      ppk: 'rfc9867',
      policy: options.policy ?? 'qkd-preferred',
      keying: { policy: options.policy ?? 'qkd-preferred' },
      proposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
      espProposals: ['aes256gcm16-mlkem768'],
      ue: {
        ikeProposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
        ppkOptional: options.policy !== 'qkd-required',
      },
      latencyMs: LATENCY_MS,
      lifetimes: {
        child: { softMs: SOFT_MS, hardMs: HARD_MS },
        ike: { softMs: IKE_SOFT_MS, hardMs: IKE_HARD_MS },
      },
      keys: {
        node: {
          obtain: async (peer) => (await node).obtain(peer),
          fetch: async (peer, keyId) => (await node).fetch(peer, keyId),
          confirm: async (keyId) => (await node).confirm(keyId),
          retire: async (keyId) => (await node).retire(keyId),
        },
        draw: async () => keyOf(await (await ue).obtain(NODE)),
        find: async (keyId) => keyOf(await (await ue).fetch(NODE, keyId)),
      },
      observe: (event) => this.sas.observe(event, this.world.now),
    });
    this.#startedAt = this.world.now;
  }

  /** Time since the beginning, ms. */
  get now(): number {
    return this.world === undefined ? 0 : this.world.now - this.#startedAt;
  }

  /** What was counted so far; a copy. */
  get tally(): Tally {
    return { ...this.sas.counts, ...this.packets };
  }

  /** Which keying stands, by the node's controller. */
  get mode(): KeyingState['mode'] {
    return this.world.gateway.keying.state?.mode ?? 'qkd';
  }

  /** Lets time pass with the link giving at most so many bits a second, as `rate` says at each moment of the leg. */
  async run(forMs: number, rate: (legMs: number) => number): Promise<void> {
    await this.#attach();
    const began = this.now;
    while (this.now < began + forMs) {
      this.link.setRate(rate(this.now - began));
      await this.world.pass(STEP_MS);
      this.link.advance(this.now);
      if (this.now % LOOK_MS < STEP_MS) await this.#look();
      if (this.now % this.#packetEveryMs < STEP_MS) this.#sendPackets();
      this.#countPackets();
      this.sas.check(this.world.now);
    }
  }

  #openStore(source: Etsi014Client): Promise<KeyStore> {
    const random = new SeededRandom(7);
    return KeyStore.open({
      source,
      storage: new MemoryKeyStorage(),
      clock: { wallMs: () => this.now, monotonicMs: () => this.now },
      random: (length) => random.octets(length),
    });
  }

  /** UEs come one after the other over a soft lifetime, so that their rekeys come evenly. */
  async #attach(): Promise<void> {
    if (this.#attached) return;
    this.#attached = true;
    this.link.advance(0);
    await this.#look();
    for (const who of this.world.ues) {
      await who.ue.start();
      await this.world.pass(2000);
      who.ue.sessions.request(1);
      await this.world.pass(Math.max(STEP_MS, SOFT_MS / this.world.ues.length - 2000));
      this.link.advance(this.now);
      await this.#look();
    }
    if (this.world.gateway.ues.size < this.world.ues.length) throw new Error('a UE did not attach');
  }

  /** What the running node does each second: the KME's status, as ETSI 014 tells it, goes to the controller. */
  async #look(): Promise<void> {
    const status = await this.#clients[1].status(UE);
    const state = this.world.gateway.lookAtSupply({
      storedKeys: status.ok ? status.value.storedKeyCount : undefined,
      trusted: true,
    });
    await this.world.settle();
    if (state.changed) this.changes.push({ ...state, atMs: this.now });
    const { needKeys, storedKeys, keysPerSecond, mode } = state;
    const linkBitsPerSecond = this.link.state().rateBitsPerSecond;
    this.samples.push({ atMs: this.now, storedKeys, keysPerSecond, needKeys, linkBitsPerSecond, mode });
  }

  #sendPackets(): void {
    this.#number = (this.#number % NUMBERS) + 1;
    for (const [index, { ue }] of this.world.ues.entries()) {
      ue.sessions.ping(1, pingTarget, this.#number);
      this.#open[index]?.set(this.#number, this.now);
      this.packets.sent++;
    }
  }

  #countPackets(): void {
    for (const [index, { events }] of this.world.ues.entries()) {
      const open = this.#open[index];
      for (const event of events.slice(this.#counted[index]))
        if (event.type === 'pong' && open?.delete(event.sequence) === true) this.packets.received++;
      this.#counted[index] = events.length;
      for (const [number, sentAt] of open ?? []) {
        if (this.now - sentAt <= LOST_MS) break;
        open?.delete(number);
        this.packets.lost++;
      }
    }
  }
}

/** Rejects with the store's reason when there is no key. */
function keyOf(reply: KeyReply): WorldKey {
  if (reply.status !== 'ok') throw new Error(reply.reason);
  const secret = reply.secret.use((octets) => Uint8Array.from(octets));
  reply.secret.wipe();
  return { keyId: reply.keyId, secret };
}
