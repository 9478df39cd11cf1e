import type { DropCause } from './drops.ts';
import { encodeIp, IP_PROTOCOL } from './ip.ts';
import { TcpConnection } from './tcp.ts';
import { decodeTcp, encodeTcp, TCP_FLAG, type TcpSegment } from './tcp-segment.ts';

export interface NasListenerPorts {
  random(length: number): Uint8Array;
  /** An inner packet for the UE. */
  transmit(ueId: number, packet: Uint8Array): void;
  opened(ueId: number): void;
  received(ueId: number, octets: Uint8Array): void;
  closed(ueId: number, reason: string): void;
}

interface Peer {
  readonly ueId: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly connection: TcpConnection;
}

/** The node's end of NAS over TCP: one connection per UE, known by the inner address it comes from [TS24502 7.3A]. */
export class NasListener {
  private readonly port: number;
  private readonly ports: NasListenerPorts;
  private readonly peers = new Map<number, Peer>();

  constructor(port: number, ports: NasListenerPorts) {
    this.port = port;
    this.ports = ports;
  }

  /** A TCP segment of a UE at `source` for `own`, an address of ours; why it was dropped, or undefined. */
  receive(
    now: number,
    ueId: number,
    source: Uint8Array,
    own: Uint8Array,
    octets: Uint8Array,
  ): DropCause | undefined {
    const decoded = decodeTcp(octets, source, own);
    if (!decoded.ok) return 'malformedTcp';
    const segment = decoded.value;
    if (segment.destinationPort !== this.port) return 'noConnection';
    const peer = this.peers.get(ueId);
    const isOpening = (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK)) === TCP_FLAG.SYN;
    const isKnown = peer !== undefined && peer.port === segment.sourcePort;
    if (isKnown && !(peer.connection.isClosed && isOpening)) {
      peer.connection.receive(now, segment);
      return undefined;
    }
    if (!isOpening) return 'noConnection';
    this.accept(now, ueId, source, own, segment);
    return undefined;
  }

  /** A new connection takes the place of one that the UE has lost. */
  private accept(now: number, ueId: number, source: Uint8Array, own: Uint8Array, syn: TcpSegment): void {
    this.remove(ueId);
    const address = Uint8Array.from(source);
    const ends = { localPort: this.port, remotePort: syn.sourcePort };
    const [a = 0, b = 0, c = 0, d = 0] = this.ports.random(4);
    const initialSequence = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    const connection = TcpConnection.accept(now, ends, initialSequence, syn, {
      transmit: (segment) => this.transmit(ueId, own, address, segment),
      opened: () => this.ports.opened(ueId),
      received: (octets) => this.ports.received(ueId, octets),
      closed: (reason) => {
        if (this.peers.get(ueId)?.connection === connection) this.ports.closed(ueId, reason);
      },
    });
    this.peers.set(ueId, { ueId, address, port: syn.sourcePort, connection });
  }

  private transmit(ueId: number, own: Uint8Array, address: Uint8Array, segment: TcpSegment): void {
    const octets = encodeTcp(segment, own, address);
    this.ports.transmit(ueId, encodeIp(own, address, IP_PROTOCOL.TCP, octets));
  }

  send(now: number, ueId: number, octets: Uint8Array): void {
    this.peers.get(ueId)?.connection.send(now, octets);
  }

  /** Forgets the connection of a UE without a word to it. */
  remove(ueId: number): void {
    this.peers.delete(ueId);
  }

  tick(now: number): void {
    for (const { connection } of this.peers.values()) connection.tick(now);
  }

  deadline(): number | undefined {
    let least: number | undefined;
    for (const { connection } of this.peers.values()) {
      const at = connection.deadline();
      if (at !== undefined && (least === undefined || at < least)) least = at;
    }
    return least;
  }
}
