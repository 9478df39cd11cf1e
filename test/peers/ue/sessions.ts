import type { ChildSa } from '#ikev2';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import type { QosInfo } from '../../../n3iwf/nwu/notifies.ts';
import { formatAddress } from '../../../n3iwf/userplane/address.ts';
import { decodeIp, encodeIp, IP_PROTOCOL, type IpPacket } from '../../../n3iwf/userplane/ip.ts';
import type { UserPacketType } from '../../../n3iwf/userplane/plane.ts';
import { decodeUdp, encodeUdp } from '../../../n3iwf/userplane/udp.ts';
import { isIpType } from '../../../n3iwf/userplane/user-packet.ts';
import type { NasMessage } from '../nas/index.ts';
import { echoPort, echoRequest, readEchoReply } from '../user/echo.ts';
import { advertisedPrefix, ICMPV6, readIcmpv6, routerSolicitation } from '../user/icmpv6.ts';
import {
  decodePduAddress,
  hasIpv4,
  hasIpv6,
  type SessionAddress,
  sessionTypeNumber,
} from '../user/session-type.ts';
import type { UeConfig, UePorts } from './config.ts';
import type { InnerStack } from './inner-stack.ts';
import type { NasClient } from './nas-client.ts';
import { TcpEchoClient } from './tcp-client.ts';

/** What sets a UE's sessions apart from those of the standard. */
type Habits = Pick<UeConfig, 'kernelGre' | 'sessionReadyMs'>;

interface Session {
  readonly id: number;
  readonly pti: number;
  readonly type: UserPacketType;
  /** What NAS told; undefined until the session is accepted. */
  given: SessionAddress | undefined;
  /** What its router advertised: with the identifier of `given` the address of IPv6. */
  prefix: Uint8Array | undefined;
  upAddress: Uint8Array | undefined;
  /** When its latest Child SA came, in ms of the clock. */
  childSaMs?: number;
  isUp: boolean;
  readonly pings: Map<number, number>;
  readonly tcp: Set<TcpEchoClient>;
}

const sscMode1 = 1;
const echoIdentifier = 0x5133;
const udpClientPort = 40_007;
const firstTcpPort = 49_200;

/** PDU sessions of a UE: asked for over NAS, carried in a Child SA each, used for pings and echoes of both families. */
export class UeSessions {
  private readonly nas: NasClient;
  private readonly stack: InnerStack;
  private readonly ports: UePorts;
  private readonly config: Habits;
  private readonly byId = new Map<number, Session>();
  private nextPti = 1;
  private nextTcpPort = firstTcpPort;

  constructor(nas: NasClient, stack: InnerStack, ports: UePorts, config: Habits) {
    this.nas = nas;
    this.stack = stack;
    this.ports = ports;
    this.config = config;
  }

  request(pduSessionId: number, type: UserPacketType = 'ipv4'): void {
    const pti = this.nextPti++;
    this.byId.set(pduSessionId, {
      id: pduSessionId,
      pti,
      type,
      given: undefined,
      prefix: undefined,
      upAddress: undefined,
      isUp: false,
      pings: new Map(),
      tcp: new Set(),
    });
    this.nas.sendSession(
      {
        message: 'PduSessionEstablishmentRequest',
        pduSessionId,
        pti,
        maxIntegrityRates: 0xffff,
        pduSessionType: sessionTypeNumber(type),
        sscMode: sscMode1,
      },
      true,
    );
  }

  release(pduSessionId: number): void {
    this.nas.sendSession({ message: 'PduSessionReleaseRequest', pduSessionId, pti: this.nextPti++ }, false);
  }

  /** Sends one ICMP echo request with `octets` of data in a flow of the session; the answer comes as the event `pong`. */
  ping(
    pduSessionId: number,
    destination: Uint8Array,
    sequence: number,
    { qfi, octets = 56 }: { readonly qfi?: number; readonly octets?: number } = {},
  ): void {
    const session = this.byId.get(pduSessionId);
    const own = sourceTowards(session, destination);
    if (session === undefined || own === undefined) return;
    session.pings.set(sequence, this.ports.now());
    const flow = qfi ?? this.stack.flowsOf(pduSessionId)[0] ?? 1;
    this.send(pduSessionId, flow, echoRequest(own, destination, echoIdentifier, sequence, octets));
  }

  /** Sends a numbered datagram of at least 4 octets to the echo port; what comes back is the event `udpEchoed`. */
  echoUdp(pduSessionId: number, qfi: number, destination: Uint8Array, number: number, octets: number): void {
    const own = sourceTowards(this.byId.get(pduSessionId), destination);
    if (own === undefined) return;
    const data = new Uint8Array(octets);
    new DataView(data.buffer).setUint32(0, number);
    const ports = { sourcePort: udpClientPort, destinationPort: echoPort };
    const datagram = encodeUdp({ ...ports, data }, own, destination);
    this.send(pduSessionId, qfi, encodeIp(own, destination, IP_PROTOCOL.UDP, datagram));
  }

  /** Sends `octets` over a TCP connection of its own to the echo port; the outcome is the event `tcpEchoed`. */
  echoTcp(pduSessionId: number, qfi: number, destination: Uint8Array, octets: number): void {
    const session = this.byId.get(pduSessionId);
    const own = sourceTowards(session, destination);
    if (session === undefined || own === undefined) return;
    const client = new TcpEchoClient(
      {
        random: (length) => this.ports.random(length),
        now: () => this.ports.now(),
        send: (packet) => this.send(pduSessionId, qfi, packet),
      },
      own,
      destination,
      this.nextTcpPort++,
      octets,
      (result) => this.ports.event({ type: 'tcpEchoed', pduSessionId, qfi, ...result }),
    );
    session.tcp.add(client);
  }

  /** Sends a packet in a flow of a session that is up. */
  send(pduSessionId: number, qfi: number, packet: Uint8Array): void {
    const upAddress = this.byId.get(pduSessionId)?.upAddress;
    if (upAddress === undefined) return;
    const variant = this.config.kernelGre === true ? 'free5gc' : 'standard';
    this.stack.sendGre(pduSessionId, qfi, upAddress, encodeGre(qfi, packet, false, variant));
  }

  /** An address of a session: of IPv4 where it has one. */
  addressOf(pduSessionId: number): Uint8Array | undefined {
    const session = this.byId.get(pduSessionId);
    return session === undefined ? undefined : addressesOf(session)[0];
  }

  onMessage(message: NasMessage): void {
    if (message.message === 'PduSessionEstablishmentAccept') {
      const session = this.byId.get(message.pduSessionId);
      if (session === undefined || !this.isReady(session)) return;
      session.given = decodePduAddress(message.address ?? new Uint8Array(0));
      this.checkUp(session);
    } else if (message.message === 'PduSessionEstablishmentReject') {
      this.byId.delete(message.pduSessionId);
      this.ports.event({
        type: 'failed',
        step: 'PDU session',
        reason: `the network rejected it, cause ${message.cause}`,
      });
    } else if (message.message === 'PduSessionReleaseCommand') {
      this.nas.sendSession(
        { message: 'PduSessionReleaseComplete', pduSessionId: message.pduSessionId, pti: message.pti },
        false,
      );
      this.drop(message.pduSessionId);
    }
  }

  onChildSa(child: ChildSa, qos: QosInfo, upAddress: Uint8Array): void {
    const session = this.byId.get(qos.pduSessionId);
    if (session === undefined) return;
    this.stack.installSession(child, qos);
    session.upAddress = upAddress;
    session.childSaMs = this.ports.now();
    this.checkUp(session);
  }

  /** False while the UE still sets the session's Child SA up. */
  private isReady({ childSaMs }: Session): boolean {
    const { sessionReadyMs = 0 } = this.config;
    return childSaMs === undefined || this.ports.now() - childSaMs >= sessionReadyMs;
  }

  /**
   * The N3IWF says which flows ride on a session's Child SA from now on: that of `spi`, or else the default one. False
   * when there is no such session.
   */
  onFlows(qos: QosInfo, spi?: number): boolean {
    const { pduSessionId, qfis } = qos;
    const session = this.byId.get(pduSessionId);
    if (session === undefined) return false;
    this.stack.changeFlows(qos, spi);
    this.ports.event({ type: 'flowsChanged', pduSessionId, qfis });
    return true;
  }

  onChildSaDeleted(childSaId: number): void {
    const id = this.stack.sessionOf(childSaId);
    if (id !== undefined) this.drop(id);
  }

  /** GRE octets that came through the Child SA of a session. */
  onPacket(pduSessionId: number, greOctets: Uint8Array): void {
    const session = this.byId.get(pduSessionId);
    const gre = decodeGre(greOctets);
    if (session === undefined || !gre.ok) return;
    if (this.config.kernelGre === true && !isForKernel(greOctets)) return;
    const { qfi = -1, payload } = gre.value;
    const packet = isIpType(session.type) ? decodeIp(payload) : undefined;
    if (packet?.ok === true && this.onAdvertisement(session, packet.value)) return;
    this.ports.packetReceived?.(pduSessionId, qfi, payload);
    if (packet?.ok === true) this.onIp(session, qfi, packet.value);
  }

  /** True for a router's advertisement: its prefix makes the session's address [RFC4862 5.5.3]. */
  private onAdvertisement(session: Session, packet: IpPacket): boolean {
    const message = packet.version === 6 ? readIcmpv6(packet) : undefined;
    if (message?.type !== ICMPV6.ROUTER_ADVERTISEMENT) return false;
    session.prefix ??= advertisedPrefix(message.body);
    this.checkUp(session);
    return true;
  }

  private onIp(session: Session, qfi: number, packet: IpPacket): void {
    const { id: pduSessionId } = session;
    if (packet.protocol === IP_PROTOCOL.TCP) {
      for (const client of session.tcp) client.receive(packet);
      return;
    }
    if (packet.protocol === IP_PROTOCOL.UDP) {
      const datagram = decodeUdp(packet.payload);
      if (!datagram.ok || datagram.value.destinationPort !== udpClientPort) return;
      const { data } = datagram.value;
      const number = data.length < 4 ? -1 : Buffer.from(data.subarray(0, 4)).readUInt32BE();
      this.ports.event({ type: 'udpEchoed', pduSessionId, qfi, number, octets: data.length });
      return;
    }
    const reply = readEchoReply(packet);
    const sentAt = reply === undefined ? undefined : session.pings.get(reply.sequence);
    if (reply?.identifier !== echoIdentifier || sentAt === undefined) return;
    session.pings.delete(reply.sequence);
    const rttMs = this.ports.now() - sentAt;
    this.ports.event({ type: 'pong', pduSessionId, sequence: reply.sequence, rttMs });
  }

  tick(now: number): void {
    for (const { tcp } of this.byId.values()) for (const client of tcp) client.tick(now);
  }

  /** When `tick` is due. */
  deadline(): number | undefined {
    const all = [...this.byId.values()].flatMap(({ tcp }) => [...tcp].flatMap((one) => one.deadline() ?? []));
    return all.length === 0 ? undefined : Math.min(...all);
  }

  /** Up are sessions that have all their addresses; for one of IPv6 the router is asked first. */
  private checkUp(session: Session): void {
    const { id, given, upAddress, type, prefix } = session;
    if (session.isUp || given === undefined || upAddress === undefined) return;
    const qfis = this.stack.flowsOf(id);
    if (hasIpv6(type) && prefix === undefined) {
      if (given.interfaceId !== undefined) this.send(id, qfis[0] ?? 1, routerSolicitation(given.interfaceId));
      return;
    }
    if (hasIpv4(type) && given.ipv4 === undefined) return;
    session.isUp = true;
    const address = addressesOf(session).map(formatAddress).join(' ');
    this.ports.event({ type: 'sessionUp', pduSessionId: id, address, qfis });
  }

  private drop(pduSessionId: number): void {
    if (!this.byId.delete(pduSessionId)) return;
    this.ports.event({ type: 'sessionDown', pduSessionId });
  }
}

function addressesOf({ given, prefix }: Session): Uint8Array[] {
  const { ipv4, interfaceId } = given ?? {};
  return [
    ...(ipv4 === undefined ? [] : [ipv4]),
    ...(interfaceId === undefined || prefix === undefined ? [] : [Uint8Array.of(...prefix, ...interfaceId)]),
  ];
}

/** The session's address of the family of `destination`. */
function sourceTowards(session: Session | undefined, destination: Uint8Array): Uint8Array | undefined {
  if (session === undefined) return undefined;
  return addressesOf(session).find(({ length }) => length === destination.length);
}

/** True when a kernel's GRE device of IPv4 with the flow alone as its key takes the packet. */
function isForKernel(gre: Uint8Array): boolean {
  const header = Buffer.from(gre.buffer, gre.byteOffset, gre.length);
  return header.readUInt16BE(2) === 0x0800 && (header.readUInt32BE(4) & 0xffffff) === 0;
}
