/**
 * UEs that rekey while their quantum link is throttled, under a clock of their own: the link simulator, two KMEs, two key
 * stores, the policy controller, whole IKE handshakes and ESP are the real ones; what is left out are sockets and waiting.
 * An SA is replaced by a new IKE SA before the old one goes: with a PPK in IKE_INTERMEDIATE, or with ML-KEM-768 instead.
 */
import { type ChildSa, type IkeProposalConfig, parseIkeProposal } from '#ikev2';
import {
  Etsi014Client,
  KeyingController,
  type KeyingState,
  KeyStore,
  KmeNetwork,
  KmeServer,
  LINK_PROFILES,
  LinkSimulator,
  MemoryKeyStorage,
} from '#qkd';
import { EspReceiver, EspSender } from '../../n3iwf/userplane/esp.ts';
import { Pair, type PairOptions, utf8 } from './pair.ts';
import { SeededRandom } from './world.ts';

const UE = 'sae-ue';
const NODE = 'sae-n3iwf';
const STEP_MS = 100;
const EVALUATE_MS = 500;
/** From soft to hard limit a rekey has time to be tried again. */
export const SOFT_MS = 60_000;
export const HARD_MS = 75_000;
/** A packet is so long on its way, and an SA that was replaced is kept longer than that. */
const PATH_MS = 300;
const OVERLAP_MS = 2000;
/** Next Header of a packet of the stream: no next header, as a dummy payload needs. */
const IPV4 = 4;

function proposal(words: string): IkeProposalConfig {
  const parsed = parseIkeProposal(words);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const classical = [proposal('aes256gcm16-prfsha256-x25519')];
const withMlKem = [proposal('aes256gcm16-prfsha256-x25519-ke1_mlkem768')];

/** One moment of the run, for a picture. */
export interface Sample {
  readonly atMs: number;
  readonly storedKeys: number;
  readonly keysPerSecond: number;
  readonly needKeys: number;
  readonly linkBitsPerSecond: number;
  readonly mode: KeyingState['mode'];
}

/** The numbered packets of one UE and the SAs that carry them. */
interface Stream {
  readonly rank: number;
  sender: EspSender | undefined;
  readonly receivers: Map<number, { readonly receiver: EspReceiver; untilMs: number }>;
  keyedAtMs: number;
  sent: number;
  lastReceived: number;
}

/** What a run counts. */
export interface Tally {
  quantumRekeys: number;
  mlKemRekeys: number;
  refusedByKme: number;
  sent: number;
  received: number;
  lost: number;
  reordered: number;
  pastHardLimit: number;
  /** Longest life of an SA, ms. */
  oldestMs: number;
}

/** Handle: {@link run}. Read: the rest. */
export class FallbackWorld {
  now = 0;
  readonly samples: Sample[] = [];
  readonly changes: (KeyingState & { readonly atMs: number })[] = [];
  readonly tally: Tally = {
    quantumRekeys: 0,
    mlKemRekeys: 0,
    refusedByKme: 0,
    sent: 0,
    received: 0,
    lost: 0,
    reordered: 0,
    pastHardLimit: 0,
    oldestMs: 0,
  };
  readonly link: LinkSimulator;
  readonly #controller = new KeyingController();
  readonly #random: SeededRandom;
  readonly #streams: Stream[] = [];
  readonly #onTheWay: { readonly atMs: number; readonly stream: Stream; readonly packet: Uint8Array }[] = [];
  readonly #clients: readonly [Etsi014Client, Etsi014Client];
  #stores: readonly [KeyStore, KeyStore] | undefined;
  #stored = 0;
  #taken = 0;
  #seed = 1;
  readonly #packetEveryMs: number;

  /** `poolKeys`: as many keys as the KMEs hold. */
  constructor(options: { readonly ues: number; readonly poolKeys: number; readonly packetEveryMs?: number }) {
    this.#random = new SeededRandom(7);
    this.#packetEveryMs = options.packetEveryMs ?? 200;
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
    for (let index = 0; index < options.ues; index++)
      this.#streams.push({
        rank: index % 10 === 0 ? 0 : 1,
        sender: undefined,
        receivers: new Map(),
        keyedAtMs: 0,
        sent: 0,
        lastReceived: 0,
      });
  }

  /** Which keying stands, by the controller. */
  get mode(): KeyingState['mode'] {
    return this.#controller.mode;
  }

  /** Lets time pass with the link giving at most so many bits a second, as `rate` says at each moment of the leg. */
  async run(forMs: number, rate: (legMs: number) => number): Promise<void> {
    await this.#start();
    const began = this.now;
    while (this.now < began + forMs) {
      this.link.setRate(rate(this.now - began));
      this.now += STEP_MS;
      this.link.advance(this.now);
      if (this.now % EVALUATE_MS === 0) await this.#evaluate();
      await this.#rekeyWhatIsDue();
      this.#movePackets();
    }
  }

  /** The first keys of all, spread over a soft lifetime so that rekeys come evenly. */
  async #start(): Promise<void> {
    if (this.#stores !== undefined) return;
    const store = (client: Etsi014Client): Promise<KeyStore> =>
      KeyStore.open({
        source: client,
        storage: new MemoryKeyStorage(),
        clock: { wallMs: () => this.now, monotonicMs: () => this.now },
        random: (length) => this.#random.octets(length),
      });
    this.#stores = [await store(this.#clients[0]), await store(this.#clients[1])];
    this.link.advance(0);
    await this.#evaluate();
    for (const [index, stream] of this.#streams.entries()) {
      await this.#rekey(index, stream);
      const entry = this.#controller.forecast.find(index);
      if (entry !== undefined)
        this.#controller.forecast.book(index, {
          ...entry,
          dueMs: (SOFT_MS * (index + 1)) / this.#streams.length,
        });
    }
  }

  /** Supply as ETSI 014 tells it: what is stored, and what came since, from that and from what was taken. */
  async #evaluate(): Promise<void> {
    const status = await this.#clients[0].status(NODE);
    const storedKeys = status.ok ? status.value.storedKeyCount : 0;
    const receivedKeys = Math.max(0, storedKeys - this.#stored + this.#taken);
    this.#stored = storedKeys;
    this.#taken = 0;
    const state = this.#controller.evaluate(this.now, {
      storedKeys,
      receivedKeys: this.now === 0 ? 0 : receivedKeys,
      reachable: status.ok,
      trusted: (status.ok ? status.value.linkQber : 0) !== undefined,
    });
    if (state.changed) this.changes.push({ ...state, atMs: this.now });
    const { needKeys, keysPerSecond, mode } = state;
    const linkBitsPerSecond = this.link.state().rateBitsPerSecond;
    this.samples.push({ atMs: this.now, storedKeys, keysPerSecond, needKeys, linkBitsPerSecond, mode });
  }

  async #rekeyWhatIsDue(): Promise<void> {
    for (const [index, stream] of this.#streams.entries()) {
      const due = this.#controller.forecast.find(index)?.dueMs ?? 0;
      if (due <= this.now) await this.#rekey(index, stream);
      const age = this.now - stream.keyedAtMs;
      this.tally.oldestMs = Math.max(this.tally.oldestMs, age);
      if (age > HARD_MS) this.tally.pastHardLimit++;
    }
  }

  /** Make before break: the new SA carries the next packet, the old one still takes what is on its way. */
  async #rekey(index: number, stream: Stream): Promise<void> {
    const keying = this.#controller.request(this.now, stream.rank, true);
    const key = keying === 'qkd' ? await this.#sharedKey() : undefined;
    if (keying === 'qkd' && key === undefined) {
      this.#controller.giveBack();
      this.tally.refusedByKme++;
    }
    const { ue, node } = this.#handshake(key);
    for (const old of stream.receivers.values()) old.untilMs = Math.min(old.untilMs, this.now + OVERLAP_MS);
    const receiver = new EspReceiver(node.spiIn, node.suite, node.keysIn);
    stream.receivers.set(node.spiIn, { receiver, untilMs: Number.POSITIVE_INFINITY });
    stream.sender = new EspSender(ue.spiOut, ue.suite, ue.keysOut, (length) => this.#random.octets(length));
    stream.keyedAtMs = this.now;
    if (key === undefined) this.tally.mlKemRekeys++;
    else this.tally.quantumRekeys++;
    const jitter = 1 - 0.1 * this.#random.fraction();
    this.#controller.forecast.book(index, {
      dueMs: this.now + SOFT_MS * jitter,
      rank: stream.rank,
      keying: key === undefined ? 'pqc' : 'qkd',
    });
  }

  /** Drawn at one end, fetched by its ID at the other, each marked as used before it is seen here. */
  async #sharedKey(): Promise<{ keyId: string; ends: readonly [Uint8Array, Uint8Array] } | undefined> {
    const [ue, node] = this.#stores ?? [];
    const drawn = await ue?.obtain(NODE);
    if (drawn?.status !== 'ok') return undefined;
    this.#taken++;
    const fetched = await node?.fetch(UE, drawn.keyId);
    if (fetched?.status !== 'ok') return undefined;
    const own = (secret: typeof drawn.secret) => {
      const octets = secret.use((bytes) => Uint8Array.from(bytes));
      secret.wipe();
      return octets;
    };
    return { keyId: drawn.keyId, ends: [own(drawn.secret), own(fetched.secret)] };
  }

  /** A whole IKE handshake, with the key as PPK or with ML-KEM; throws when the ends do not agree. */
  #handshake(key: { readonly keyId: string; readonly ends: readonly [Uint8Array, Uint8Array] } | undefined): {
    ue: ChildSa;
    node: ChildSa;
  } {
    const keyed: PairOptions =
      key === undefined
        ? { config: { proposals: withMlKem }, profile: { proposals: withMlKem } }
        : {
            config: { proposals: classical, ppk: 'required', ppkExchange: 'intermediate' },
            profile: { proposals: classical, ppk: 'required', ppkExchange: 'intermediate' },
            ppks: (side) => ({
              identity: { type: 2, data: utf8(key.keyId) },
              secret: key.ends[side === 'ue' ? 0 : 1],
            }),
          };
    const pair = new Pair({ ...keyed, seed: this.#seed++ }).attach();
    const ue = pair.events('ue', 'childSaEstablished')[0]?.child;
    const node = pair.events('node', 'childSaEstablished')[0]?.child;
    if (ue === undefined || node === undefined) throw new Error('the IKE handshake failed');
    return { ue, node };
  }

  /** One packet per stream and interval; each is numbered, and a number that is missing is a loss. */
  #movePackets(): void {
    for (const stream of this.now % this.#packetEveryMs === 0 ? this.#streams : []) {
      const payload = new Uint8Array(64);
      new DataView(payload.buffer).setUint32(0, ++stream.sent);
      const packet = stream.sender?.seal(IPV4, payload);
      this.tally.sent++;
      // The sender's buffer is its own; what is on the way is a copy.
      if (packet !== undefined)
        this.#onTheWay.push({ atMs: this.now + PATH_MS, stream, packet: Uint8Array.from(packet) });
    }
    let arrived = 0;
    for (const { atMs, stream, packet } of this.#onTheWay) {
      if (atMs > this.now) break;
      arrived++;
      this.#deliver(stream, packet);
    }
    this.#onTheWay.splice(0, arrived);
    for (const { receivers } of this.#streams)
      for (const [spi, { untilMs }] of receivers) if (untilMs < this.now) receivers.delete(spi);
  }

  #deliver(stream: Stream, packet: Uint8Array): void {
    const spi = new DataView(packet.buffer, packet.byteOffset).getUint32(0);
    const opened = stream.receivers.get(spi)?.receiver.open(packet);
    if (opened?.ok !== true) return;
    const { payload } = opened;
    const number = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    this.tally.received++;
    if (number < stream.lastReceived) this.tally.reordered++;
    else this.tally.lost += number - stream.lastReceived - 1;
    stream.lastReceived = Math.max(stream.lastReceived, number);
  }
}
