import { type ChildSa, ENCR_ALGORITHMS, type EspSuite, INTEG_ALGORITHMS, type SocketAddress } from '#ikev2';
import { NumberAllocator } from '../ue/allocator.ts';
import { formatAddress, requireAddress } from '../userplane/address.ts';
import { newSaTraffic, type SaTraffic } from '../userplane/counters.ts';
import type { DropCause } from '../userplane/drops.ts';
import type { NasListenerPorts } from '../userplane/nas-listener.ts';
import type { EspSizes, NasEnd, NwuSide, SaEnds } from '../userplane/nwu-side.ts';
import type { ChildUse, EspPath } from '../userplane/types.ts';
import { encodeMessage, type NetlinkMessage, NLM_F } from './netlink.ts';
import { numbersOf } from './ours.ts';
import { PlainSender } from './plain-sender.ts';
import { ERRNO, type NetlinkPort, NetlinkRefusal, type NetlinkReply } from './ports.ts';
import * as states from './states.ts';
import { decodeXfrm, encodeXfrm, type XfrmMessage, type XfrmRequest } from './xfrm.ts';

/** What the kernel side asks of the rest of the product. */
export interface KernelEvents {
  /** A Child SA has come to a limit: what it carried is to be told to the IKE engine. */
  limitReached(ueId: number): void;
  /** The kernel has packets for a Child SA whose state is gone: somebody else deleted it. */
  stateMissing(ueId: number, childSaId: number): void;
  /** Packets that the kernel dropped since the last time, of one Child SA. */
  dropped(cause: DropCause, ueId: number, count: number): void;
  log(fields: object, message: string): void;
}

/** NAS connections as the kernel's TCP has them, by UE. */
export interface NasConnections {
  send(ueId: number, octets: Uint8Array): void;
  remove(ueId: number): void;
}

/** How the kernel side reaches the kernel. */
export interface KernelPorts {
  readonly xfrm: NetlinkPort;
  readonly nas: NasConnections;
  /** Sends an inner IP packet with a mark; false when the kernel did not take it. */
  sendPacket(packet: Uint8Array, mark: number): boolean;
  /** Hands over the packets that have come by now, before their Child SA is forgotten. */
  drain(): void;
}

/** Addresses and limits of the kernel side. */
export interface KernelNwuOptions extends states.StateOptions {
  /** This node's inner addresses, by the octets of the family. */
  readonly own: ReadonlyMap<number, Uint8Array>;
  /** First of the numbers that serve as reqids and marks. */
  readonly markBase: number;
}

interface Held {
  readonly ueId: number;
  sa: states.KernelSa;
  /** The one that sends in its place until the UE is heard by this one, or the other is gone [RFC7296 2.8]. */
  predecessor: Held | undefined;
  readonly traffic: SaTraffic;
  /** What the kernel had dropped when it was last asked. */
  readonly drops: { replay: number; integrity: number };
}

interface Ue {
  readonly inner: Uint8Array;
  readonly own: Uint8Array;
  /** Whether packets from it are let in; from its first Child SA on. */
  isOpen: boolean;
}

/** How often the kernel's counters are read, in ms. */
const refreshMs = 10_000;
/** Numbers that a state made anew is ahead of the one whose place it takes: what went out in between has none twice. */
const sequenceLead = 4096;

type Sa = Extract<XfrmMessage, { name: 'newSa' }>;

/**
 * Child SAs in the kernel's IPsec and NAS on its TCP. It holds no descriptor: requests leave by {@link KernelPorts},
 * events come by {@link event}. Every Child SA has a number, which is the reqid of its states and the mark of its packets:
 * by the mark a packet that came out of ESP is known to be of this Child SA, and one to be sent finds it.
 */
export class KernelNwu implements NwuSide {
  private readonly options: KernelNwuOptions;
  private readonly ports: KernelPorts;
  private readonly events: KernelEvents;
  private readonly numbers: NumberAllocator;
  private readonly ues = new Map<number, Ue>();
  private readonly ueByInner = new Map<string, number>();
  private readonly byChild = new Map<number, Held>();
  private readonly byNumber = new Map<number, Held>();
  private nasPorts: NasListenerPorts | undefined;
  private refreshAt: number | undefined;

  constructor(options: KernelNwuOptions, ports: KernelPorts, events: KernelEvents) {
    this.options = options;
    this.ports = ports;
    this.events = events;
    const { first, last } = numbersOf(options.markBase);
    this.numbers = new NumberAllocator(first, last);
  }

  addUe(ueId: number, inner: Uint8Array): void {
    const own = this.options.own.get(inner.length);
    if (own === undefined) return;
    this.ues.set(ueId, { inner, own, isOpen: false });
    this.ueByInner.set(formatAddress(inner), ueId);
  }

  removeUe(ueId: number): void {
    const ue = this.ues.get(ueId);
    if (ue === undefined) return;
    this.ues.delete(ueId);
    this.ueByInner.delete(formatAddress(ue.inner));
    if (ue.isOpen) this.attempt([states.noInboundPolicy(ue.inner, ue.own, this.options)]);
  }

  /** The UE that has an inner address, as text. */
  ueAt(inner: string): number | undefined {
    return this.ueByInner.get(inner);
  }

  /**
   * Installs both states, the inbound one first, and the policy that sends by the outbound one. What it replaces stays
   * until it is closed, and sends where the UE began the rekey: it opens nothing new before our answer is there
   * [RFC7296 2.8].
   *
   * @throws NetlinkRefusal when the kernel refuses a part; then none of it stays
   */
  open(ueId: number, inner: Uint8Array, child: ChildSa, use: ChildUse, replaces?: number): SaEnds {
    const ue = this.ues.get(ueId);
    const number = ue === undefined ? undefined : this.numbers.allocate();
    if (ue === undefined || number === undefined) throw new Error('no number is left for a Child SA');
    const sa: states.KernelSa = {
      child,
      number,
      isSignalling: use.kind === 'signalling',
      inner,
      own: ue.own,
      remote: this.remoteOf(ueId) ?? child.remote,
    };
    const waits = replaces !== undefined && child.startedHere !== true;
    const predecessor = waits ? this.byChild.get(replaces) : undefined;
    try {
      this.install(ue, sa, predecessor !== undefined && sa.isSignalling);
    } catch (error) {
      this.numbers.release(number);
      throw error;
    }
    const held: Held = { ueId, sa, predecessor, traffic: newSaTraffic(), drops: { replay: 0, integrity: 0 } };
    this.byChild.set(child.id, held);
    this.byNumber.set(number, held);
    return {
      sender: new PlainSender(),
      receiver: undefined,
      sizes: sizesOf(child.suite),
      traffic: held.traffic,
    };
  }

  /** Where the UE's other Child SAs are sent to, which may have moved since the IKE SA began. */
  private remoteOf(ueId: number): SocketAddress | undefined {
    return this.heldOf(ueId).at(-1)?.sa.remote;
  }

  private heldOf(ueId: number): Held[] {
    return [...this.byChild.values()].filter((held) => held.ueId === ueId);
  }

  /** NAS has one policy for all signalling SAs of a UE: it stays with the older one while `policyStays`. */
  private install(ue: Ue, sa: states.KernelSa, policyStays: boolean): void {
    const local = requireAddress(sa.child.local.address);
    const { options } = this;
    try {
      if (!ue.isOpen) this.demand([states.inboundPolicy(ue.inner, ue.own, local, options)]);
      ue.isOpen = true;
      this.demand([
        states.inboundState(sa, options),
        states.outboundState(sa, options),
        ...(policyStays ? [] : [states.outboundPolicy(sa, options)]),
      ]);
    } catch (error) {
      const [policy, ...rest] = this.removal(sa);
      this.attempt(policyStays || policy === undefined ? rest : [policy, ...rest]);
      throw error;
    }
  }

  /** The policy goes first, so that the kernel asks nobody for the state that is gone. */
  private removal(sa: states.KernelSa): XfrmRequest[] {
    return [
      states.noOutboundPolicy(sa, this.options),
      { name: 'delSa', ...states.outboundId(sa) },
      { name: 'delSa', ...states.inboundId(sa) },
    ];
  }

  close(childSaId: number): void {
    const held = this.byChild.get(childSaId);
    if (held === undefined) return;
    this.byChild.delete(childSaId);
    for (const other of this.byChild.values())
      if (other.predecessor === held) other.predecessor = held.predecessor;
    const [policy, ...rest] = this.removal(held.sa);
    const successor = held.sa.isSignalling ? this.signallingOf(held.ueId) : undefined;
    const first = successor === undefined ? policy : states.outboundPolicy(successor.sa, this.options);
    this.attempt([...(first === undefined ? [] : [first]), ...rest]);
    this.ports.drain();
    this.byNumber.delete(held.sa.number);
    this.numbers.release(held.sa.number);
  }

  /** The signalling SA by which NAS goes to a UE. */
  private signallingOf(ueId: number): Held | undefined {
    return this.heldOf(ueId).findLast(({ sa, predecessor }) => sa.isSignalling && predecessor === undefined);
  }

  /** Sends an inner packet through a Child SA; false when it is not there or the kernel took it not. */
  send(childSaId: number, packet: Uint8Array): boolean {
    let held = this.byChild.get(childSaId);
    while (held?.predecessor !== undefined) held = held.predecessor;
    return held !== undefined && this.ports.sendPacket(packet, held.sa.number);
  }

  /** The Child SA through which a packet with this mark came: from then on packets to the UE take it as well. */
  childOf(mark: number): number | undefined {
    const held = this.byNumber.get(mark);
    if (held !== undefined) held.predecessor = undefined;
    return held?.sa.child.id;
  }

  /**
   * Takes another way from now on, with what came so far still counted: MOBIKE, or a NAT that forgot, and with or without
   * UDP as there is a NAT on the new way or none [RFC4555 3.5].
   */
  moveUe(ueId: number, path: EspPath): void {
    for (const held of this.heldOf(ueId)) if (!isSamePath(pathOf(held.sa), path)) this.move(held, path);
  }

  private move(held: Held, { local, remote, udpEncapsulation }: EspPath): void {
    const { sa } = held;
    const { options } = this;
    const moved = { ...sa, child: { ...sa.child, local, udpEncapsulation }, remote };
    const [inbound, outbound] = this.ask([
      { name: 'getSa', ...states.inboundId(sa) },
      { name: 'getSa', ...states.outboundId(sa) },
    ]).map(({ values }) => pastOf(values[0]));
    held.sa = moved;
    this.attempt([
      { name: 'delSa', ...states.inboundId(sa) },
      states.inboundState(moved, options, inbound),
      { name: 'delSa', ...states.outboundId(sa) },
      states.outboundState(moved, options, ahead(outbound)),
      ...(this.isCurrent(held) ? [states.outboundPolicy(moved, options)] : []),
    ]);
  }

  /** Whether the UE's packets of this kind go by this Child SA. */
  private isCurrent(held: Held): boolean {
    return !held.sa.isSignalling || this.signallingOf(held.ueId) === held;
  }

  /** Takes a message of the kernel's own accord. */
  event(message: NetlinkMessage): void {
    const decoded = decodeXfrm(message);
    if (!decoded.ok || decoded.value === undefined) return;
    const event = decoded.value;
    if (event.name === 'expire') this.expired(event.body.state, event.body.hard !== 0);
    else if (event.name === 'acquire') this.acquired(event.attributes.templates?.[0]?.reqid);
    else if (event.name === 'mapping') this.mapped(event.body);
  }

  private expired(state: Sa['body'], hard: boolean): void {
    const held = this.byNumber.get(state.reqid);
    if (held === undefined) return;
    this.note(held, state);
    // without its state the policy would have the kernel ask for a new one at every packet
    if (hard && this.isCurrent(held)) this.attempt([states.noOutboundPolicy(held.sa, this.options)]);
    this.events.log({ ue: held.ueId, childSa: held.sa.child.id, hard }, 'a Child SA came to a limit');
    this.events.limitReached(held.ueId);
  }

  private acquired(number: number | undefined): void {
    const held = number === undefined ? undefined : this.byNumber.get(number);
    if (held !== undefined) this.events.stateMissing(held.ueId, held.sa.child.id);
  }

  /** A packet that was authenticated came from another address or port than the last one [RFC3947 8]. */
  private mapped(body: Extract<XfrmMessage, { name: 'mapping' }>['body']): void {
    const held = this.byNumber.get(body.reqid);
    if (held === undefined) return;
    const octets = requireAddress(held.sa.remote.address).length;
    const address = formatAddress(body.newSaddr.subarray(0, octets));
    this.moveUe(held.ueId, { ...pathOf(held.sa), remote: { address, port: body.newSport } });
  }

  /** Reads the kernel's counters of every Child SA. */
  refresh(): void {
    for (const { values } of this.ask([{ name: 'getSa', body: {} }], NLM_F.DUMP))
      for (const { body } of values) {
        const held = this.byNumber.get(body.reqid);
        if (held !== undefined) this.note(held, body);
      }
  }

  private note(held: Held, { id, curlft, stats }: Sa['body']): void {
    const { traffic, drops, sa } = held;
    if (id.spi !== sa.child.spiIn) {
      traffic.packetsOut = Number(curlft.packets);
      traffic.octetsOut = Number(curlft.bytes);
      return;
    }
    traffic.packetsIn = Number(curlft.packets);
    traffic.octetsIn = Number(curlft.bytes);
    const [replay, integrity] = [stats.replay + stats.replayWindow, stats.integrityFailed];
    if (replay > drops.replay) this.events.dropped('replayed', held.ueId, replay - drops.replay);
    if (integrity > drops.integrity) this.events.dropped('integrity', held.ueId, integrity - drops.integrity);
    held.drops.replay = replay;
    held.drops.integrity = integrity;
  }

  openNas(ports: NasListenerPorts): NasEnd {
    this.nasPorts = ports;
    return {
      send: (_now, ueId, octets) => this.ports.nas.send(ueId, octets),
      remove: (ueId) => this.ports.nas.remove(ueId),
      tick: (now) => this.tick(now),
      deadline: () => this.refreshAt,
    };
  }

  /** Where what happens on NAS connections goes. */
  get nas(): NasListenerPorts | undefined {
    return this.nasPorts;
  }

  /** Reads counters from time to time while there are UEs. */
  private tick(now: number): void {
    if (this.byChild.size === 0) {
      this.refreshAt = undefined;
      return;
    }
    if (this.refreshAt !== undefined && now < this.refreshAt) return;
    if (this.refreshAt !== undefined) this.refresh();
    this.refreshAt = now + refreshMs;
  }

  /** @throws NetlinkRefusal for the first that the kernel refuses */
  private demand(requests: readonly XfrmRequest[]): void {
    const replies = this.ask(requests);
    const refused = replies.findIndex(({ errno }) => errno !== 0);
    const { errno = 0, text } = replies[refused] ?? {};
    if (refused >= 0)
      throw new NetlinkRefusal(requests[refused]?.name ?? '', errno, text ?? `errno ${errno}`);
  }

  /** What is gone already is as it should be; anything else is told and lived with. */
  private attempt(requests: readonly XfrmRequest[]): void {
    for (const [at, { errno, text }] of this.ask(requests).entries()) {
      if (errno === 0 || errno === ERRNO.ESRCH || errno === ERRNO.ENOENT) continue;
      this.events.log(
        { request: requests[at]?.name, errno, text },
        'the kernel refused a change of its IPsec',
      );
    }
  }

  private ask(requests: readonly XfrmRequest[], flags = 0): readonly NetlinkReply<Sa>[] {
    const messages = requests.map((request) => {
      const { type, fixed, attributes } = encodeXfrm(request);
      return encodeMessage(
        { type, flags: NLM_F.REQUEST | NLM_F.ACK | flags, sequence: 0 },
        fixed,
        attributes,
      );
    });
    try {
      return this.ports.xfrm.exchange(messages, stateOf);
    } finally {
      for (const message of messages) message.fill(0); // it may hold keys
    }
  }
}

function stateOf(message: NetlinkMessage): Sa | undefined {
  const decoded = decodeXfrm(message);
  return decoded.ok && decoded.value?.name === 'newSa' ? decoded.value : undefined;
}

/** What a state made anew goes on with; nothing where the old one is gone. */
function pastOf(state: Sa | undefined): states.Past {
  if (state?.attributes.replayEsn === undefined) return {};
  return { replayEsn: state.attributes.replayEsn, lifetime: state.body.curlft };
}

/** The same with room for what was sent while nobody looked. */
function ahead(past: states.Past = {}): states.Past {
  const { replayEsn } = past;
  if (replayEsn === undefined) return past;
  const oseq = replayEsn.oseq + sequenceLead;
  const oseqHi = replayEsn.oseqHi + (oseq > 0xffff_ffff ? 1 : 0);
  return { ...past, replayEsn: { ...replayEsn, oseq: oseq >>> 0, oseqHi } };
}

/** Octets that the kernel's ESP adds, which are those of any ESP. */
function sizesOf({ encr, integ }: EspSuite): EspSizes {
  const { ivLength, icvLength, blockSize } = ENCR_ALGORITHMS[encr];
  return { ivLength, blockSize, icvLength: icvLength > 0 ? icvLength : INTEG_ALGORITHMS[integ].icvLength };
}

/** The way that a Child SA takes at present. */
function pathOf({ child: { local, udpEncapsulation }, remote }: states.KernelSa): EspPath {
  return { local, remote, udpEncapsulation };
}

function isSamePath(one: EspPath, other: EspPath): boolean {
  const ends = [one.local, one.remote].map(({ address, port }) => `${address} ${port}`);
  const others = [other.local, other.remote].map(({ address, port }) => `${address} ${port}`);
  return ends.join() === others.join() && one.udpEncapsulation === other.udpEncapsulation;
}
