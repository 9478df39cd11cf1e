import { encodeIp, IP_PROTOCOL, type IpPacket } from '../../../n3iwf/userplane/ip.ts';
import { TcpConnection } from '../../../n3iwf/userplane/tcp.ts';
import { decodeTcp, encodeTcp } from '../../../n3iwf/userplane/tcp-segment.ts';
import { echoPort } from '../user/echo.ts';

/** What a TCP client needs of its UE. */
export interface TcpClientPorts {
  random(length: number): Uint8Array;
  now(): number;
  /** An IP packet into the session. */
  send(packet: Uint8Array): void;
}

/** What came of an echo: `octets` that came back, and whether they are those that were sent, in their order. */
export interface TcpEchoResult {
  readonly octets: number;
  readonly intact: boolean;
}

/** One TCP connection of a session to an echo server: sends so many octets, counts and compares what comes back. */
export class TcpEchoClient {
  readonly localPort: number;
  private readonly ports: TcpClientPorts;
  private readonly connection: TcpConnection;
  private readonly expected: number;
  private readonly done: (result: TcpEchoResult) => void;
  private received = 0;
  private isIntact = true;

  /** Starts at once; `done` is called when all octets are back, or the connection ends before. */
  constructor(
    ports: TcpClientPorts,
    own: Uint8Array,
    server: Uint8Array,
    localPort: number,
    octets: number,
    done: (result: TcpEchoResult) => void,
  ) {
    this.ports = ports;
    this.localPort = localPort;
    this.expected = octets;
    this.done = done;
    const sequence = Buffer.from(ports.random(4)).readUInt32BE();
    this.connection = TcpConnection.connect(ports.now(), { localPort, remotePort: echoPort }, sequence, {
      transmit: (segment) =>
        ports.send(encodeIp(own, server, IP_PROTOCOL.TCP, encodeTcp(segment, own, server))),
      opened: () =>
        this.connection.send(
          ports.now(),
          Uint8Array.from({ length: octets }, (_, at) => at),
        ),
      received: (data) => this.take(data),
      closed: () => this.end(),
    });
  }

  private take(data: Uint8Array): void {
    for (let i = 0; i < data.length; i++) if (data[i] !== ((this.received + i) & 0xff)) this.isIntact = false;
    this.received += data.length;
    if (this.received >= this.expected) this.end();
  }

  private isOver = false;

  private end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.done({ octets: this.received, intact: this.isIntact && this.received === this.expected });
  }

  /** A TCP packet for the session; one of another connection is left alone. */
  receive({ source, destination, payload }: IpPacket): void {
    const segment = decodeTcp(payload, source, destination);
    if (segment.ok && segment.value.destinationPort === this.localPort)
      this.connection.receive(this.ports.now(), segment.value);
  }

  tick(now: number): void {
    this.connection.tick(now);
  }

  deadline(): number | undefined {
    return this.isOver ? undefined : this.connection.deadline();
  }
}
