/**
 * Mutated IKEv2 datagrams against the decoders and two engines in all states: damaged on the way by strangers, and
 * damaged before sealing by a peer that has the keys. Nothing may throw, stall, or answer without end.
 */
import {
  createCipher,
  type DecodedMessage,
  decodeHeader,
  decodeMessage,
  decodePayloads,
  describeMessage,
  EXCHANGE,
  encodeMessage,
  type IkeCipher,
  type MessageHeader,
  type Output,
  openPlaintext,
  type Payload,
} from '#ikev2';
import { sessionSelectors } from '../support/ike-steps.ts';
import { espProposal, type InTransit, ikeProposal, Pair, type Side } from '../support/pair.ts';

const slowMs = 250;
/** Datagrams that one datagram may cause at most. */
const mostAnswers = 70;
/** Mutants that one pair of engines meets before it is replaced, in the middle of a set-up and after. */
const mutantsPerPair = { setUp: 40, established: 400 };

const severalKeyExchanges = {
  proposals: [{ ...ikeProposal, additional: [['ecp256'], ['mlkem512']] }],
  childProposals: [{ ...espProposal, ke: ['x25519'], additional: [['ecp256']] }],
  transcriptAuth: 'on',
  announceAuthMethods: true,
} as const;

type Random = (below: number) => number;

/** mulberry32: the same seed gives the same run. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** One to three edits: a bit, an end, a telling value, another message's tail, octets put in or taken out. */
export function mutate(random: Random, source: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let octets: Uint8Array = source.slice();
  for (let edits = 1 + random(3); edits > 0 && octets.length > 0; edits--) {
    const at = random(octets.length);
    const other = others[random(others.length)] ?? source;
    const edit: (() => Uint8Array)[] = [
      () => octets.with(at, (octets[at] ?? 0) ^ (1 << random(8))),
      () => octets.slice(0, at),
      () => octets.with(at, [0, 1, 3, 4, 7, 0x7f, 0x80, 0xfe, 0xff][random(9)] ?? 0),
      () => Uint8Array.from([...octets.slice(0, at), ...other.slice(random(other.length))]),
      () => Uint8Array.from([...octets.slice(0, at), random(256), random(256), ...octets.slice(at)]),
      () => Uint8Array.from([...octets.slice(0, at), ...octets.slice(at + 1 + random(8))]),
    ];
    octets = edit[random(edit.length)]?.() ?? octets;
  }
  return octets;
}

/** Makes the header's length fit, so that the mutant gets past it. */
function withLength(octets: Uint8Array): Uint8Array {
  if (octets.length >= 28) new DataView(octets.buffer, octets.byteOffset).setUint32(24, octets.length);
  return octets;
}

/** What a session says: every datagram, and for each direction the cipher with which a mutant is sealed. */
class Victim {
  readonly pair: Pair;
  readonly seen: InTransit[] = [];
  private readonly seals = new Map<string, IkeCipher>();
  private readonly makers = new Map<string, Side>();
  /** The ID after that of the last request that was answered, by SPI and its sender. */
  private readonly answered = new Map<string, number>();
  private readonly awaited: Partial<Record<Side, MessageHeader>> = {};
  private sealed = 0;
  /** Neither side has closed the SA. */
  alive = true;
  private steps: number;
  private living = true;

  /** Stops after `steps` datagrams, so that all states of a set-up are met. */
  constructor(seed: number, steps: number) {
    this.steps = steps;
    const eap = seed % 2 === 0;
    const datagramSize = seed % 3 === 0 ? 200 : 1280;
    // Every fourth has IKE_INTERMEDIATE and IKE_FOLLOWUP_KE, and what peers may announce of AUTH.
    const shared = seed % 4 === 1 ? severalKeyExchanges : {};
    this.pair = new Pair({
      seed,
      config: {
        exposeKeys: true,
        ...shared,
        ...(eap ? { initiatorAuth: 'eap', responderAuth: 'eap-only' } : {}),
        ppk: 'optional',
        datagramSize,
        halfOpen: { cookiesAbove: seed % 5 === 0 ? 0 : 50 },
      },
      ueConfig: { exposeKeys: true, datagramSize },
      profile: {
        ...shared,
        ...(eap ? { localAuth: 'eap', remoteAuth: 'eap-only' } : {}),
        ppk: 'optional',
      },
      uePorts: { admitChildSa: (asked) => asked },
      nodePorts: { admitChildSa: (asked) => asked },
    });
    this.pair.network = (packet) => {
      if (this.living) this.seen.push(packet);
      this.note(packet);
      return this.steps-- > 0 ? [packet] : [];
    };
    this.live();
    this.living = false;
    this.learnKeys();
  }

  /** Delivers a mutant to the side that the original was for; gives how many datagrams that caused. */
  deliver({ sender, from, to }: InTransit, octets: Uint8Array): number {
    const receiver: Side = sender === 'ue' ? 'node' : 'ue';
    this.pair.now += 50;
    const outputs = this.pair[receiver].receive(this.pair.now, octets, to, from);
    this.answer(receiver, outputs);
    return outputs.filter(({ kind }) => kind === 'transmit').length;
  }

  /**
   * The payloads of a message that was seen, damaged by somebody who has the keys and sealed as what its receiver
   * waits for: its next request, or the answer to its own. Undefined when there are no keys, or it waits for none.
   */
  damagedInside({ data, sender }: InTransit, random: Random): Uint8Array | undefined {
    const decoded = decodeMessage(data);
    const plain = decoded.ok ? this.plaintext(data, decoded.value) : undefined;
    if (!decoded.ok || plain === undefined) return undefined;
    const { header, encrypted } = decoded.value;
    const awaited = header.response
      ? this.awaited[sender === 'ue' ? 'node' : 'ue']
      : this.nextRequest(sender);
    const cipher = awaited && this.seals.get(keyName(awaited.spiInitiator, sender === this.maker(awaited)));
    if (awaited === undefined || cipher === undefined) return undefined;
    const sealed = {
      ...awaited,
      exchange: header.response ? awaited.exchange : header.exchange,
      initiator: sender === this.maker(awaited),
      response: header.response,
    };
    const inner = mutate(random, plain, [plain]);
    const first = random(8) === 0 ? random(60) : (encrypted?.innerFirstPayload ?? 0);
    const fragment = random(6) === 0 ? { number: 1 + random(4), total: 1 + random(5) } : undefined;
    return sealRaw(sealed, first, inner, cipher, ++this.sealed, fragment);
  }

  /** An owner does something, so that an answer is awaited. */
  command(random: Random): void {
    const { pair } = this;
    const side: Side = random(2) === 0 ? 'ue' : 'node';
    const [sa] = [...pair[side].ikeSas()];
    if (sa === undefined) return;
    const { ikeSaId, childSas } = sa;
    const child = childSas[random(Math.max(1, childSas.length))]?.id ?? 0;
    const engine = pair[side];
    const acts = [
      () => engine.checkLiveness(pair.now, ikeSaId),
      () => engine.rekeyChildSa(pair.now, ikeSaId, child),
      () => engine.rekeyIkeSa(pair.now, ikeSaId),
      () => engine.deleteChildSa(pair.now, ikeSaId, child),
      () => engine.createChildSa(pair.now, ikeSaId, sessionSelectors),
    ];
    this.answer(side, acts[random(acts.length)]?.() ?? []);
  }

  private plaintext(data: Uint8Array, message: DecodedMessage): Uint8Array | undefined {
    const { spiInitiator, initiator } = message.header;
    const cipher = this.seals.get(keyName(spiInitiator, initiator));
    if (cipher === undefined || message.encrypted === undefined) return undefined;
    const opened = openPlaintext(data, message, cipher);
    return opened.ok ? opened.value : undefined;
  }

  /** The header of the request that the other side expects of `sender` next. */
  private nextRequest(sender: Side): MessageHeader | undefined {
    const [sa] = [...this.pair[sender].ikeSas()];
    if (sa === undefined) return undefined;
    const { spiInitiator, spiResponder } = sa;
    const messageId = this.answered.get(`${keyOf(spiInitiator)} ${sender}`) ?? 0;
    return { spiInitiator, spiResponder, messageId, exchange: 0, initiator: false, response: false };
  }

  /** Who made the SPIs, and so sets the I flag. */
  private maker({ spiInitiator }: Pick<MessageHeader, 'spiInitiator'>): Side {
    return this.makers.get(keyOf(spiInitiator)) ?? 'ue';
  }

  /** Learns from what a side sends which IDs are due. */
  private note({ sender, data }: InTransit): void {
    const header = decodeHeader(data);
    if (!header.ok) return;
    const { spiInitiator, messageId, response, initiator } = header.value;
    const other: Side = sender === 'ue' ? 'node' : 'ue';
    this.makers.set(keyOf(spiInitiator), initiator ? sender : other);
    if (response) this.answered.set(`${keyOf(spiInitiator)} ${other}`, messageId + 1);
    else this.awaited[sender] = header.value;
  }

  /** A whole life, as far as the steps allow. */
  private live(): void {
    const { pair } = this;
    pair.attach();
    for (const side of ['ue', 'node'] as const) {
      const sa = side === 'ue' ? pair.ueSa : pair.nodeSa;
      const child = [...pair[side].ikeSas()][0]?.childSas[0]?.id ?? 0;
      pair.take(side, pair[side].rekeyChildSa(pair.now, sa, child));
      pair.run();
      pair.take(side, pair[side].checkLiveness(pair.now, sa));
      pair.run();
    }
    if (pair.options.seed !== undefined && pair.options.seed % 2 === 0) {
      pair.take('node', pair.node.rekeyIkeSa(pair.now, pair.nodeSa));
      pair.run();
      pair.take('ue', pair.ue.checkLiveness(pair.now, pair.ueSa));
      pair.run();
    }
  }

  private learnKeys(): void {
    const { pair } = this;
    for (const side of ['ue', 'node'] as const) {
      for (const { spiInitiator, skEi, skAi, skEr, skAr } of pair.events(side, 'ikeKeysDerived')) {
        const suite = { encr: 'aes256-gcm16', integ: 'none' } as const;
        this.seals.set(keyName(spiInitiator, true), createCipher(suite, skEi, skAi));
        this.seals.set(keyName(spiInitiator, false), createCipher(suite, skEr, skAr));
      }
    }
  }

  /** Owners answer as ever, what is sent goes nowhere. */
  private answer(side: Side, outputs: readonly Output[]): void {
    this.steps = 0;
    this.pair.take(side, outputs);
    this.learnKeys();
    if (outputs.some((each) => each.kind === 'event' && each.event.type === 'ikeSaClosed'))
      this.alive = false;
    this.pair.wire.length = 0;
    this.pair.ueEvents.length = 0;
    this.pair.nodeEvents.length = 0;
  }
}

function keyOf(spi: Uint8Array): string {
  return Buffer.from(spi).toString('hex');
}

function keyName(spi: Uint8Array, fromInitiator: boolean): string {
  return `${keyOf(spi)} ${fromInitiator}`;
}

/** A message around any octets, as SK or as one SKF, with an IV far from those of the engines. */
function sealRaw(
  header: MessageHeader,
  firstPayload: number,
  inner: Uint8Array,
  cipher: IkeCipher,
  counter: number,
  fragment: { readonly number: number; readonly total: number } | undefined,
): Uint8Array {
  const plaintext = Uint8Array.from([...inner, 0]);
  const ivAt = fragment === undefined ? 32 : 36;
  const octets = new Uint8Array(ivAt + cipher.ivLength + plaintext.length + cipher.icvLength);
  octets.set(encodeMessage(header, []));
  octets[16] = fragment === undefined ? 46 : 53;
  const view = new DataView(octets.buffer);
  view.setUint32(24, octets.length);
  octets.set([firstPayload, 0, (octets.length - 28) >> 8, (octets.length - 28) & 0xff], 28);
  if (fragment !== undefined) octets.set([0, fragment.number, 0, fragment.total], 32);
  view.setUint32(ivAt, 0x80000000 + counter);
  const textAt = ivAt + cipher.ivLength;
  cipher.sealInto(octets, textAt, octets.subarray(ivAt, textAt), octets.subarray(0, ivAt), plaintext);
  return octets;
}

/** What the decoders make of any octets. */
function decodeAll(octets: Uint8Array, random: Random): void {
  const message = decodeMessage(octets);
  if (message.ok) {
    describeMessage(message.value.header, message.value.payloads);
    if (message.value.encrypted === undefined) encodeMessage(message.value.header, message.value.payloads);
  }
  const inner = decodePayloads(octets, Math.min(28, octets.length), octets.length, random(60));
  const list: readonly Payload[] = inner.ok ? inner.value : [];
  if (message.ok) describeMessage(message.value.header, list);
}

/** Runs mutants `from` to `from + count` of `seed`; gives how many changed a state so far that an SA ended. */
export class IkeFuzzer {
  private readonly seed: number;
  private readonly random: Random;
  private victim: Victim;
  private met = 0;
  private most = 0;
  private pairs = 0;
  /** SAs that a mutant with keys ended. */
  ended = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.random = randomFrom(seed);
    this.victim = this.fresh();
  }

  /** One mutant; throws with its octets when something goes wrong. */
  step(): void {
    if (this.met++ >= this.most || !this.victim.alive) {
      if (!this.victim.alive) this.ended++;
      this.victim = this.fresh();
    }
    const { octets, packet } = this.mutant();
    // Processor time: other programs on the machine are no stall of ours.
    const before = process.threadCpuUsage();
    try {
      decodeAll(octets, this.random);
      const answers = this.victim.deliver(packet, octets);
      if (answers > mostAnswers) throw new Error(`${answers} datagrams in answer`);
      if (this.random(50) === 0) this.passTime();
    } catch (error) {
      throw new Error(`seed ${this.seed}: ${Buffer.from(octets).toString('hex')}`, { cause: error });
    }
    const { user, system } = process.threadCpuUsage(before);
    const took = (user + system) / 1_000;
    if (took > slowMs) throw new Error(`${took} ms: ${Buffer.from(octets).toString('hex')}`);
  }

  private mutant(): { octets: Uint8Array; packet: InTransit } {
    const { random, victim } = this;
    const sealed = victim.seen.filter(({ data }) => data[18] !== EXCHANGE.IKE_SA_INIT);
    const from = sealed.length > 0 && random(6) > 0 ? sealed : victim.seen;
    const packet = from[random(from.length)] as InTransit;
    const others = victim.seen.map(({ data }) => data);
    if (random(5) < 2) {
      if (random(8) === 0) victim.command(random);
      const octets = victim.damagedInside(packet, random);
      if (octets !== undefined) return { octets, packet };
    }
    const octets = mutate(random, packet.data, others);
    return { octets: random(2) === 0 ? withLength(octets) : octets, packet };
  }

  /** Timers fire; none may come back to the present for ever. */
  private passTime(): void {
    const { pair } = this.victim;
    pair.now += this.random(20_000);
    for (let rounds = 0; rounds < 1_000; rounds++) {
      const due = Math.min(pair.ue.deadline() ?? Infinity, pair.node.deadline() ?? Infinity);
      if (due > pair.now) return;
      pair.ue.tick(pair.now);
      pair.node.tick(pair.now);
    }
    throw new Error('a timer fires without end');
  }

  private fresh(): Victim {
    this.met = 0;
    const number = ++this.pairs;
    const whole = number % 3 > 0;
    const steps = whole ? 1_000 : this.random(12);
    this.most = whole ? mutantsPerPair.established : mutantsPerPair.setUp;
    return new Victim(((this.seed * 31 + number) % 1_000_000) + 1, steps);
  }
}

/** Runs `count` mutants (1,000,000 when neither limit is given) or until `minutes` have passed. */
export async function run(limits: { minutes?: number; count?: number; seed?: number }): Promise<string> {
  const count = limits.count ?? (limits.minutes === undefined ? 1_000_000 : Number.POSITIVE_INFINITY);
  const end = performance.now() + (limits.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const fuzzer = new IkeFuzzer(limits.seed ?? 1);
  let done = 0;
  for (; done < count && performance.now() < end; done++) fuzzer.step();
  return `${done} mutated datagrams, ${fuzzer.ended} SAs ended by peers with keys, none threw or stalled`;
}
