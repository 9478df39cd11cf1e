import type { SocketAddress } from '#ikev2';
import {
  decodeGtpu,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeGpdu,
  GTPU_TYPE,
} from '../../../n3iwf/n3/gtpu.ts';
import { decodeIcmpEcho, encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL, type IpPacket, sameAddress } from '../../../n3iwf/userplane/ip.ts';
import { decodeUdp, encodeUdp } from '../../../n3iwf/userplane/udp.ts';
import { TcpEcho } from './tcp-echo.ts';

/** One tunnel pair: packets of `address` come up on `ulTeid` and go down to `dlTeid` at `gateway`. */
export interface UpfSession {
  readonly address: Uint8Array;
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

const echoPort = 7;

/**
 * The end of GTP-U: answers ICMP echo, and UDP and TCP echo on port 7, for any address in the data network, which is
 * every one outside the /24 of the sessions. Sans-I/O.
 */
export class SimulatedUpf {
  /** `spoofed` are packets from another address than that of their session. */
  readonly counters = { uplink: 0, downlink: 0, dropped: 0, spoofed: 0 };
  private readonly ports: UpfPorts;
  private readonly own: Uint8Array;
  private readonly pool: readonly number[];
  private readonly sessions = new Map<number, UpfSession>();
  private readonly tcp: TcpEcho;

  /** `own` is the address of the N3 socket, `pool` the first three octets of every session's address. */
  constructor(own: Uint8Array, pool: readonly number[], ports: UpfPorts) {
    this.own = own;
    this.pool = pool;
    this.ports = ports;
    this.tcp = new TcpEcho(ports, (ulTeid, packet) => this.downlink(this.sessions.get(ulTeid), packet));
  }

  tick(): void {
    this.tcp.tick();
  }

  /** When `tick` is due. */
  deadline(): number | undefined {
    return this.tcp.deadline();
  }

  addSession(session: UpfSession): void {
    this.sessions.set(session.ulTeid, session);
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
    const packet = decodeIp(payload);
    if (packet.ok && !sameAddress(packet.value.source, session.address)) {
      this.counters.spoofed++;
      return;
    }
    if (!packet.ok || session.downlink === undefined || this.isInPool(packet.value.destination)) {
      this.counters.dropped++;
      return;
    }
    this.answer(session, packet.value, qfi);
  }

  private isInPool(destination: Uint8Array): boolean {
    return destination.length === 4 && this.pool.every((octet, at) => destination[at] === octet);
  }

  private answer(session: UpfSession, packet: IpPacket, qfi: number | undefined): void {
    if (packet.protocol === IP_PROTOCOL.TCP) {
      this.counters.uplink++;
      this.tcp.receive(session.ulTeid, packet);
      return;
    }
    const answer = answerOf(packet);
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

function answerOf({ source, destination, protocol, payload }: IpPacket): Uint8Array | undefined {
  if (protocol === IP_PROTOCOL.ICMP) {
    const echo = decodeIcmpEcho(payload);
    if (!echo.ok || echo.value?.kind !== 'request') return undefined;
    return encodeIp(destination, source, protocol, encodeIcmpEcho({ ...echo.value, kind: 'reply' }));
  }
  if (protocol !== IP_PROTOCOL.UDP) return undefined;
  const datagram = decodeUdp(payload);
  if (!datagram.ok || datagram.value.destinationPort !== echoPort) return undefined;
  const { sourcePort, destinationPort, data } = datagram.value;
  const back = encodeUdp(
    { sourcePort: destinationPort, destinationPort: sourcePort, data },
    destination,
    source,
  );
  return encodeIp(destination, source, protocol, back);
}
