import type { ChildSa, SocketAddress } from '#ikev2';
import { encodeNasEnvelope, NasEnvelopeReader } from '../../../n3iwf/nwu/nas-envelope.ts';
import type { QosInfo } from '../../../n3iwf/nwu/notifies.ts';
import { formatAddress } from '../../../n3iwf/userplane/address.ts';
import { EspReceiver, EspSender, spiOf } from '../../../n3iwf/userplane/esp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { TcpConnection } from '../../../n3iwf/userplane/tcp.ts';
import { decodeTcp, encodeTcp } from '../../../n3iwf/userplane/tcp-segment.ts';
import type { UePorts } from './config.ts';

interface Sa {
  readonly child: ChildSa;
  readonly sender: EspSender;
  readonly receiver: EspReceiver;
  /** What it carries of a session; undefined for the signalling SA. */
  qos: QosInfo | undefined;
}

/** What comes out of a UE's Child SAs. */
export interface StackEvents {
  nasReceived(nasPdu: Uint8Array): void;
  /** GRE octets that came for a session. */
  packetReceived(pduSessionId: number, gre: Uint8Array): void;
  closed(reason: string): void;
}

const nasClientPort = 49_152;

/** What a UE has behind its Child SAs: an address, one TCP connection for NAS, and GRE for its sessions. */
export class InnerStack {
  private readonly ports: UePorts;
  private readonly events: StackEvents;
  private readonly bySpi = new Map<number, Sa>();
  private readonly byChild = new Map<number, Sa>();
  private readonly envelope = new NasEnvelopeReader();
  private inner: Uint8Array = new Uint8Array(4);
  private nasAddress: Uint8Array = new Uint8Array(4);
  private nasPort = 0;
  private nas: TcpConnection | undefined;
  private signalling: Sa | undefined;
  /** Where the UE moved to; Child SAs come up on the path that they name. */
  private path: { readonly local: SocketAddress; readonly remote: SocketAddress } | undefined;
  /** Whether ESP goes inside UDP since the UE has moved; until then as each Child SA says. */
  private udp: boolean | undefined;
  /** Child SAs of each session, the newest last: a rekeyed one stands behind the one that it replaces. */
  private readonly sessions = new Map<number, Sa[]>();

  constructor(ports: UePorts, events: StackEvents) {
    this.ports = ports;
    this.events = events;
  }

  get innerAddress(): string {
    return formatAddress(this.inner);
  }

  configure(inner: Uint8Array, nasAddress: Uint8Array, nasPort: number): void {
    this.inner = Uint8Array.from(inner);
    this.nasAddress = Uint8Array.from(nasAddress);
    this.nasPort = nasPort;
  }

  installSignalling(child: ChildSa): void {
    this.signalling = this.install(child, undefined);
  }

  installSession(child: ChildSa, qos: QosInfo): void {
    const others = this.sessions.get(qos.pduSessionId) ?? [];
    this.sessions.set(qos.pduSessionId, [...others, this.install(child, qos)]);
  }

  /** Puts `child` in the place of an older one; the session that it serves, if any. */
  replace(old: number, child: ChildSa): number | undefined {
    const qos = this.byChild.get(old)?.qos;
    if (qos === undefined) this.installSignalling(child);
    else this.installSession(child, qos);
    return qos?.pduSessionId;
  }

  /** A session's Child SA carries other flows from now on: that of `spi`, its outbound one, or else the default one. */
  changeFlows(qos: QosInfo, spi?: number): void {
    for (const sa of this.sessions.get(qos.pduSessionId) ?? [])
      if (spi === undefined ? sa.qos?.isDefault === true : sa.child.spiOut === spi) sa.qos = qos;
  }

  /** The flows that Child SAs of a session name, those of the default one first. */
  flowsOf(pduSessionId: number): number[] {
    const current = this.currentOf(this.sessions.get(pduSessionId) ?? []);
    const own = current.flatMap(({ qos }) => (qos?.isDefault === true ? [] : (qos?.qfis ?? [])));
    return [...new Set([...(this.defaultOf(pduSessionId)?.qos?.qfis ?? []), ...own])];
  }

  /** The code point that the N3IWF asks for on the Child SA of a flow. */
  dscpOf(pduSessionId: number, qfi: number): number | undefined {
    return this.saFor(pduSessionId, qfi)?.qos?.dscp;
  }

  private install(child: ChildSa, qos: QosInfo | undefined): Sa {
    const sa: Sa = {
      child,
      sender: new EspSender(child.spiOut, child.suite, child.keysOut, (length) => this.ports.random(length)),
      receiver: new EspReceiver(child.spiIn, child.suite, child.keysIn),
      qos,
    };
    this.bySpi.set(child.spiIn, sa);
    this.byChild.set(child.id, sa);
    return sa;
  }

  remove(childSaId: number): void {
    const sa = this.byChild.get(childSaId);
    if (sa === undefined) return;
    this.byChild.delete(childSaId);
    this.bySpi.delete(sa.child.spiIn);
    if (sa.qos === undefined) return;
    const { pduSessionId } = sa.qos;
    const others = (this.sessions.get(pduSessionId) ?? []).filter((other) => other !== sa);
    if (others.length === 0) this.sessions.delete(pduSessionId);
    else this.sessions.set(pduSessionId, others);
  }

  /** ESP of all Child SAs leaves from here and goes there from now on. [RFC4555 3.5] */
  move(local: SocketAddress, remote: SocketAddress, udpEncapsulation?: boolean): void {
    this.path = { local, remote };
    this.udp = udpEncapsulation ?? this.udp;
  }

  clear(): void {
    this.bySpi.clear();
    this.byChild.clear();
    this.sessions.clear();
    this.signalling = undefined;
    this.nas = undefined;
  }

  /** SPIs of every Child SA, in and out, as eight hexadecimal digits each; the signalling SA first. */
  spis(): string[] {
    const digits = (spi: number) => spi.toString(16).padStart(8, '0');
    return [...this.byChild.values()].map(({ child }) => `${digits(child.spiIn)}/${digits(child.spiOut)}`);
  }

  /** The Child SA that a flow takes, or else the default one of its session; without a session the signalling SA. */
  childSaOf(pduSessionId: number | undefined, qfi = -1): number | undefined {
    const sa = pduSessionId === undefined ? this.signalling : this.saFor(pduSessionId, qfi);
    return sa?.child.id;
  }

  /** Every Child SA that sends at present, the signalling SA among them. */
  currentChildSas(): number[] {
    const ofSessions = [...this.sessions.values()].flatMap((all) => this.currentOf(all));
    return [...(this.signalling === undefined ? [] : [this.signalling]), ...ofSessions].map(
      ({ child }) => child.id,
    );
  }

  /** Without those in whose place another one stands. */
  private currentOf(all: readonly Sa[]): Sa[] {
    return all.filter((sa, at) => !all.slice(at + 1).some((later) => sameFlows(sa, later)));
  }

  private defaultOf(pduSessionId: number): Sa | undefined {
    return this.sessions.get(pduSessionId)?.findLast(({ qos }) => qos?.isDefault === true);
  }

  /** The newest that names the flow, else the default one [TS24502 8.3.2]. */
  private saFor(pduSessionId: number, qfi: number): Sa | undefined {
    const named = this.sessions.get(pduSessionId)?.findLast(({ qos }) => qos?.qfis.includes(qfi));
    return named ?? this.defaultOf(pduSessionId);
  }

  /** The session whose default Child SA this is at present; undefined for any other, one that was replaced included. */
  sessionOf(childSaId: number): number | undefined {
    const id = this.byChild.get(childSaId)?.qos?.pduSessionId;
    return id !== undefined && this.defaultOf(id)?.child.id === childSaId ? id : undefined;
  }

  openNas(now: number): void {
    const [a = 0, b = 0, c = 0, d = 0] = this.ports.random(4);
    const sequence = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    this.nas = TcpConnection.connect(now, { localPort: nasClientPort, remotePort: this.nasPort }, sequence, {
      transmit: (segment) => {
        const octets = encodeTcp(segment, this.inner, this.nasAddress);
        this.transmit(this.signalling, encodeIp(this.inner, this.nasAddress, IP_PROTOCOL.TCP, octets));
      },
      opened: () => {},
      received: (octets) => {
        for (const nasPdu of this.envelope.push(octets)) this.events.nasReceived(nasPdu);
      },
      closed: (reason) => this.events.closed(reason),
    });
  }

  sendNas(now: number, nasPdu: Uint8Array): void {
    this.nas?.send(now, encodeNasEnvelope(nasPdu));
  }

  sendGre(pduSessionId: number, qfi: number, upAddress: Uint8Array, gre: Uint8Array): void {
    const packet = encodeIp(this.inner, upAddress, IP_PROTOCOL.GRE, gre);
    this.transmit(this.saFor(pduSessionId, qfi), packet);
  }

  receiveEsp(now: number, packet: Uint8Array): void {
    const sa = this.bySpi.get(spiOf(packet) ?? 0);
    const opened = sa?.receiver.open(packet);
    if (sa === undefined || opened?.ok !== true) return;
    const inner = decodeIp(opened.payload);
    if (!inner.ok) return;
    const { source, destination, protocol, payload } = inner.value;
    if (protocol === IP_PROTOCOL.TCP) {
      const segment = decodeTcp(payload, source, destination);
      if (segment.ok) this.nas?.receive(now, segment.value);
    } else if (protocol === IP_PROTOCOL.GRE && sa.qos !== undefined) {
      this.events.packetReceived(sa.qos.pduSessionId, payload);
    }
  }

  tick(now: number): void {
    this.nas?.tick(now);
  }

  deadline(): number | undefined {
    return this.nas?.deadline();
  }

  private transmit(sa: Sa | undefined, packet: Uint8Array): void {
    const sealed = sa?.sender.seal(this.inner.length === 4 ? IP_PROTOCOL.IPV4 : IP_PROTOCOL.IPV6, packet);
    if (sa === undefined || sealed === undefined) return;
    const { local, remote } = this.path ?? sa.child;
    if (this.udp ?? sa.child.udpEncapsulation) this.ports.send(sealed, local, remote);
    else this.ports.sendEsp?.(sealed, local, remote);
  }
}

function sameFlows(one: Sa, other: Sa): boolean {
  return one.qos?.isDefault === other.qos?.isDefault && one.qos?.qfis.join() === other.qos?.qfis.join();
}
