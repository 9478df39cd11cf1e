import type { ChildSa, SocketAddress } from '#ikev2';
import { encodeNasEnvelope, NasEnvelopeReader } from '../../../n3iwf/nwu/nas-envelope.ts';
import { EspReceiver, EspSender, spiOf } from '../../../n3iwf/userplane/esp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { TcpConnection } from '../../../n3iwf/userplane/tcp.ts';
import { decodeTcp, encodeTcp } from '../../../n3iwf/userplane/tcp-segment.ts';
import type { UePorts } from './config.ts';

interface Sa {
  readonly child: ChildSa;
  readonly sender: EspSender;
  readonly receiver: EspReceiver;
  readonly pduSessionId: number | undefined;
}

interface StackEvents {
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
  private inner = new Uint8Array(4);
  private nasAddress = new Uint8Array(4);
  private nasPort = 0;
  private nas: TcpConnection | undefined;
  private signalling: Sa | undefined;
  private readonly sessions = new Map<number, Sa>();

  constructor(ports: UePorts, events: StackEvents) {
    this.ports = ports;
    this.events = events;
  }

  get innerAddress(): string {
    return this.inner.join('.');
  }

  configure(inner: Uint8Array, nasAddress: Uint8Array, nasPort: number): void {
    this.inner = Uint8Array.from(inner);
    this.nasAddress = Uint8Array.from(nasAddress);
    this.nasPort = nasPort;
  }

  installSignalling(child: ChildSa): void {
    this.signalling = this.install(child, undefined);
  }

  installSession(child: ChildSa, pduSessionId: number): void {
    this.sessions.set(pduSessionId, this.install(child, pduSessionId));
  }

  /** Puts `child` in the place of an older one; the session that it serves, if any. */
  replace(old: number, child: ChildSa): number | undefined {
    const id = this.byChild.get(old)?.pduSessionId;
    if (id === undefined) this.installSignalling(child);
    else this.installSession(child, id);
    return id;
  }

  private install(child: ChildSa, pduSessionId: number | undefined): Sa {
    const sa: Sa = {
      child,
      sender: new EspSender(child.spiOut, child.suite, child.keysOut, (length) => this.ports.random(length)),
      receiver: new EspReceiver(child.spiIn, child.suite, child.keysIn),
      pduSessionId,
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
    if (sa.pduSessionId !== undefined && this.sessions.get(sa.pduSessionId) === sa)
      this.sessions.delete(sa.pduSessionId);
  }

  clear(): void {
    this.bySpi.clear();
    this.byChild.clear();
    this.sessions.clear();
    this.signalling = undefined;
    this.nas = undefined;
  }

  childSaOf(pduSessionId: number | undefined): number | undefined {
    const sa = pduSessionId === undefined ? this.signalling : this.sessions.get(pduSessionId);
    return sa?.child.id;
  }

  /** The session that `childSaId` serves at present; undefined for one that was replaced. */
  sessionOf(childSaId: number): number | undefined {
    const sa = this.byChild.get(childSaId);
    if (sa?.pduSessionId === undefined) return undefined;
    return this.sessions.get(sa.pduSessionId) === sa ? sa.pduSessionId : undefined;
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

  sendGre(pduSessionId: number, upAddress: Uint8Array, gre: Uint8Array): void {
    this.transmit(this.sessions.get(pduSessionId), encodeIp(this.inner, upAddress, IP_PROTOCOL.GRE, gre));
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
    } else if (protocol === IP_PROTOCOL.GRE && sa.pduSessionId !== undefined) {
      this.events.packetReceived(sa.pduSessionId, payload);
    }
  }

  tick(now: number): void {
    this.nas?.tick(now);
  }

  deadline(): number | undefined {
    return this.nas?.deadline();
  }

  private transmit(sa: Sa | undefined, packet: Uint8Array): void {
    const sealed = sa?.sender.seal(IP_PROTOCOL.IPV4, packet);
    if (sa === undefined || sealed === undefined) return;
    const { local, remote } = sa.child;
    this.ports.send(sealed, local, remote satisfies SocketAddress);
  }
}
