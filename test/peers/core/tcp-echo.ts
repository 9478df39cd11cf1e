import { encodeIp, IP_PROTOCOL, type IpPacket } from '../../../n3iwf/userplane/ip.ts';
import { TcpConnection } from '../../../n3iwf/userplane/tcp.ts';
import { decodeTcp, encodeTcp, TCP_FLAG, type TcpSegment } from '../../../n3iwf/userplane/tcp-segment.ts';
import { echoPort } from '../user/echo.ts';

export interface TcpEchoPorts {
  random(length: number): Uint8Array;
  now(): number;
}

interface Entry {
  readonly ulTeid: number;
  readonly connection: TcpConnection;
  /** The flow of the last packet from the session: the answer goes in the same. */
  qfi: number | undefined;
}

/** More connections than this are refused, so that a flood of SYNs takes no more memory than they do. */
const maxConnections = 256;

/** TCP servers on port 7 of every address of the data network: what comes goes back. Other ports refuse. Sans-I/O. */
export class TcpEcho {
  private readonly ports: TcpEchoPorts;
  private readonly send: (ulTeid: number, packet: Uint8Array, qfi: number | undefined) => void;
  private readonly entries = new Map<string, Entry>();

  /** `send` takes an IP packet for a flow of the session of that uplink tunnel. */
  constructor(
    ports: TcpEchoPorts,
    send: (ulTeid: number, packet: Uint8Array, qfi: number | undefined) => void,
  ) {
    this.ports = ports;
    this.send = send;
  }

  get connections(): number {
    return this.entries.size;
  }

  /** An IP packet with a TCP segment, which came in the flow `qfi`. */
  receive(ulTeid: number, packet: IpPacket, qfi?: number): void {
    const segment = decodeTcp(packet.payload, packet.source, packet.destination);
    if (!segment.ok) return;
    const { sourcePort, destinationPort, flags } = segment.value;
    const key = `${ulTeid} ${packet.destination.join('.')} ${destinationPort} ${sourcePort}`;
    const known = this.entries.get(key);
    if (known !== undefined) {
      known.qfi = qfi;
      known.connection.receive(this.ports.now(), segment.value);
    } else if (flags === TCP_FLAG.SYN && destinationPort === echoPort && this.entries.size < maxConnections)
      this.accept(key, ulTeid, packet, segment.value, qfi);
    else this.refuse(ulTeid, packet, segment.value, qfi);
  }

  private accept(
    key: string,
    ulTeid: number,
    { source, destination }: IpPacket,
    syn: TcpSegment,
    qfi: number | undefined,
  ): void {
    const ends = { localPort: syn.destinationPort, remotePort: syn.sourcePort };
    const [from, to] = [Uint8Array.from(destination), Uint8Array.from(source)];
    const initialSequence = Buffer.from(this.ports.random(4)).readUInt32BE();
    const connection = TcpConnection.accept(this.ports.now(), ends, initialSequence, syn, {
      transmit: (segment) => {
        const packet = encodeIp(from, to, IP_PROTOCOL.TCP, encodeTcp(segment, from, to));
        this.send(ulTeid, packet, this.entries.get(key)?.qfi ?? qfi);
      },
      opened: () => {},
      received: (data) => connection.send(this.ports.now(), Uint8Array.from(data)),
      closed: () => void this.entries.delete(key),
    });
    this.entries.set(key, { ulTeid, connection, qfi });
  }

  /** A reset for a segment that belongs to no connection; never for a reset [RFC9293 3.10.7.1]. */
  private refuse(
    ulTeid: number,
    { source, destination }: IpPacket,
    segment: TcpSegment,
    qfi: number | undefined,
  ): void {
    const { flags, acknowledgment, sequence, sourcePort, destinationPort, data } = segment;
    if ((flags & TCP_FLAG.RST) !== 0) return;
    const hasAck = (flags & TCP_FLAG.ACK) !== 0;
    const taken = data.length + ((flags & (TCP_FLAG.SYN | TCP_FLAG.FIN)) === 0 ? 0 : 1);
    const reset = encodeTcp(
      {
        sourcePort: destinationPort,
        destinationPort: sourcePort,
        sequence: hasAck ? acknowledgment : 0,
        acknowledgment: hasAck ? 0 : (sequence + taken) >>> 0,
        flags: hasAck ? TCP_FLAG.RST : TCP_FLAG.RST | TCP_FLAG.ACK,
        window: 0,
        data: new Uint8Array(0),
      },
      destination,
      source,
    );
    this.send(ulTeid, encodeIp(destination, source, IP_PROTOCOL.TCP, reset), qfi);
  }

  /** Drops the connections of a session that is gone. */
  forget(ulTeid: number): void {
    for (const [key, entry] of this.entries) {
      if (entry.ulTeid === ulTeid) this.entries.delete(key);
    }
  }

  /** When `tick` is due: the first of the connections' retransmissions. */
  deadline(): number | undefined {
    const all = [...this.entries.values()].flatMap(({ connection }) => connection.deadline() ?? []);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  tick(): void {
    for (const { connection } of [...this.entries.values()]) connection.tick(this.ports.now());
  }
}
