import type { SocketAddress } from '#ikev2';
import {
  decodeGtpu,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeGpdu,
  GTPU_TYPE,
} from '../../../n3iwf/n3/gtpu.ts';
import { decodeIp, IP_PROTOCOL, type IpPacket, sameAddress } from '../../../n3iwf/userplane/ip.ts';
import type { UserPacketType } from '../../../n3iwf/userplane/plane.ts';
import { echoAnswer, frameAnswer } from '../user/echo.ts';
import { ICMPV6, isLinkLocal, readIcmpv6, routerAdvertisement } from '../user/icmpv6.ts';
import { TcpEcho } from './tcp-echo.ts';

/** One tunnel pair: packets of a session's own addresses come up on `ulTeid` and go down to `downlink`. */
export interface UpfSession {
  /** IPv4 without it. */
  readonly type?: UserPacketType;
  /** IPv4. */
  readonly address?: Uint8Array;
  /** First 8 octets of its IPv6 addresses. */
  readonly prefix?: Uint8Array;
  readonly ulTeid: number;
  /** The flow of what the data network begins; answers come in the flow of the question. */
  readonly qfi: number;
  downlink?: { readonly teid: number; readonly gateway: SocketAddress };
}

export interface UpfPorts {
  send(datagram: Uint8Array, remote: SocketAddress): void;
  random(length: number): Uint8Array;
  /** Milliseconds of the clock by which `tick` is called. */
  now(): number;
}

/**
 * The end of GTP-U: answers ICMP echo, and UDP and TCP echo on port 7, for any address in the data network, which is
 * every one outside the pools of the sessions. Sessions of IPv6 are told their prefix; frames of Ethernet, and packets
 * without structure, come back as they are. Sans-I/O.
 */
export class SimulatedUpf {
  /** `spoofed` are packets from another address than that of their session. */
  readonly counters = { uplink: 0, downlink: 0, dropped: 0, spoofed: 0 };
  private readonly ports: UpfPorts;
  private readonly own: Uint8Array;
  private readonly pool: readonly number[];
  private readonly sessions = new Map<number, UpfSession>();
  private readonly tcp: TcpEcho;

  /** `own` is the address of the N3 socket, `pool` the first three octets of the first session's address. */
  constructor(own: Uint8Array, pool: readonly number[], ports: UpfPorts) {
    this.own = own;
    this.pool = pool;
    this.ports = ports;
    this.tcp = new TcpEcho(ports, (ulTeid, packet, qfi) =>
      this.downlink(this.sessions.get(ulTeid), packet, qfi),
    );
  }

  tick(): void {
    this.tcp.tick();
  }

  /** When `tick` is due. */
  deadline(): number | undefined {
    return this.tcp.deadline();
  }

  /** Also changes one; where it has a downlink now, it is told its prefix unasked [RFC4861 6.2.4]. */
  addSession(session: UpfSession): void {
    this.sessions.set(session.ulTeid, session);
    this.advertise(session);
  }

  private advertise(session: UpfSession): void {
    if (session.prefix !== undefined && session.downlink !== undefined)
      this.downlink(session, routerAdvertisement(session.prefix));
  }

  removeSession(ulTeid: number): void {
    this.sessions.delete(ulTeid);
    this.tcp.forget(ulTeid);
  }

  receive(datagram: Uint8Array, remote: SocketAddress): void {
    const decoded = decodeGtpu(datagram);
    if (!decoded.ok) {
      this.counters.dropped++;
      return;
    }
    const { type, teid, sequence, payload, container } = decoded.value;
    if (type === GTPU_TYPE.ECHO_REQUEST) this.ports.send(encodeEchoResponse(sequence ?? 0), remote);
    else if (type === GTPU_TYPE.G_PDU) this.uplink(teid, payload, remote, container?.qfi);
  }

  private uplink(teid: number, payload: Uint8Array, remote: SocketAddress, qfi: number | undefined): void {
    const session = this.sessions.get(teid);
    if (session === undefined) {
      this.ports.send(encodeErrorIndication(teid, this.own), remote);
      return;
    }
    const { type = 'ipv4' } = session;
    if (type === 'ethernet' || type === 'unstructured') {
      this.returnFrame(session, type === 'ethernet' ? frameAnswer(payload) : payload, qfi);
      return;
    }
    const packet = decodeIp(payload);
    if (packet.ok && !isOwn(session, packet.value.source)) {
      this.counters.spoofed++;
      return;
    }
    if (!packet.ok || session.downlink === undefined || this.isInPool(packet.value.destination)) {
      this.counters.dropped++;
      return;
    }
    this.answer(session, packet.value, qfi);
  }

  private returnFrame(session: UpfSession, frame: Uint8Array | undefined, qfi: number | undefined): void {
    if (frame === undefined || session.downlink === undefined) {
      this.counters.dropped++;
      return;
    }
    this.counters.uplink++;
    this.downlink(session, frame, qfi);
  }

  private isInPool(destination: Uint8Array): boolean {
    if (destination.length !== 4) return ipv6Pool(this.pool).every((octet, at) => destination[at] === octet);
    const [one, two, three = 0] = this.pool;
    const block = (destination[2] ?? 0) - three;
    return destination[0] === one && destination[1] === two && block >= 0 && block < sessionBlocks(this.pool);
  }

  private answer(session: UpfSession, packet: IpPacket, qfi: number | undefined): void {
    if (packet.protocol === IP_PROTOCOL.TCP) {
      this.counters.uplink++;
      this.tcp.receive(session.ulTeid, packet, qfi);
      return;
    }
    if (readIcmpv6(packet)?.type === ICMPV6.ROUTER_SOLICITATION) {
      this.counters.uplink++;
      this.advertise(session);
      return;
    }
    const answer = isLinkLocal(packet.source) ? undefined : echoAnswer(packet);
    if (answer === undefined) {
      this.counters.dropped++;
      return;
    }
    this.counters.uplink++;
    this.downlink(session, answer, qfi);
  }

  private downlink(session: UpfSession | undefined, packet: Uint8Array, qfi = session?.qfi): void {
    if (session?.downlink === undefined) return;
    this.counters.downlink++;
    const { teid, gateway } = session.downlink;
    const container = { direction: 'downlink', qfi: qfi ?? session.qfi, rqi: false } as const;
    this.ports.send(encodeGpdu(teid, container, packet), gateway);
  }
}

/** As many /24, from the one with these first octets on, have the IPv4 addresses of sessions. */
export function sessionBlocks([, , third = 0]: readonly number[]): number {
  return Math.min(16, 256 - third);
}

/** First octets of the prefixes of all sessions: a unique local prefix with the IPv4 pool in it [RFC4193 3]. */
export function ipv6Pool(pool: readonly number[]): readonly number[] {
  return [0xfd, 0, ...pool];
}

/** True for a session's own address, and for one of its link, by which it asks for its prefix. */
function isOwn({ address, prefix }: UpfSession, source: Uint8Array): boolean {
  if (source.length === 4) return address !== undefined && sameAddress(source, address);
  if (prefix === undefined) return false;
  return isLinkLocal(source) || prefix.every((octet, at) => source[at] === octet);
}
