import type { SocketAddress } from '#ikev2';
import {
  decodeGtpu,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeGpdu,
  GTPU_TYPE,
} from '../../../n3iwf/n3/gtpu.ts';
import { decodeIcmpEcho, encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL, type IpPacket } from '../../../n3iwf/userplane/ip.ts';
import { decodeUdp, encodeUdp } from '../../../n3iwf/userplane/udp.ts';

/** One tunnel pair: packets of `address` come up on `ulTeid` and go down to `dlTeid` at `gateway`. */
export interface UpfSession {
  readonly address: Uint8Array;
  readonly ulTeid: number;
  readonly qfi: number;
  downlink?: { readonly teid: number; readonly gateway: SocketAddress };
}

const echoPort = 7;

/** The end of GTP-U: answers ICMP echo and UDP echo for any address in the data network. Sans-I/O. */
export class SimulatedUpf {
  readonly counters = { uplink: 0, downlink: 0, dropped: 0 };
  private readonly send: (datagram: Uint8Array, remote: SocketAddress) => void;
  private readonly own: Uint8Array;
  private readonly sessions = new Map<number, UpfSession>();

  constructor(own: Uint8Array, send: (datagram: Uint8Array, remote: SocketAddress) => void) {
    this.own = own;
    this.send = send;
  }

  addSession(session: UpfSession): void {
    this.sessions.set(session.ulTeid, session);
  }

  removeSession(ulTeid: number): void {
    this.sessions.delete(ulTeid);
  }

  receive(datagram: Uint8Array, remote: SocketAddress): void {
    const decoded = decodeGtpu(datagram);
    if (!decoded.ok) {
      this.counters.dropped++;
      return;
    }
    const { type, teid, sequence, payload } = decoded.value;
    if (type === GTPU_TYPE.ECHO_REQUEST) this.send(encodeEchoResponse(sequence ?? 0), remote);
    else if (type === GTPU_TYPE.G_PDU) this.uplink(teid, payload, remote);
  }

  private uplink(teid: number, payload: Uint8Array, remote: SocketAddress): void {
    const session = this.sessions.get(teid);
    if (session === undefined) {
      this.send(encodeErrorIndication(teid, this.own), remote);
      return;
    }
    const packet = decodeIp(payload);
    const answer = packet.ok ? answerOf(packet.value) : undefined;
    if (answer === undefined || session.downlink === undefined) {
      this.counters.dropped++;
      return;
    }
    this.counters.uplink++;
    this.counters.downlink++;
    const { teid: dlTeid, gateway } = session.downlink;
    this.send(encodeGpdu(dlTeid, { direction: 'downlink', qfi: session.qfi, rqi: false }, answer), gateway);
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
