import type { SocketAddress } from '#ikev2';
import { UdpSocket } from '../io/udp.ts';

interface Mapping {
  readonly ue: SocketAddress;
  /** The port that the UE sends to. */
  readonly port: number;
  outside: Promise<UdpSocket>;
}

/**
 * A NAT between UEs and the N3IWF: UEs send to `inside` as if it were the N3IWF, which sees them come from ports of
 * `outside`. Any number of UEs share that address.
 */
export class LabNat {
  private readonly outside: string;
  private readonly n3iwf: string;
  private readonly insideSockets = new Map<number, UdpSocket>();
  private readonly mappings = new Map<string, Mapping>();
  private readonly opened: Promise<UdpSocket>[] = [];

  private constructor(outside: string, n3iwf: string) {
    this.outside = outside;
    this.n3iwf = n3iwf;
  }

  /** Hears UEs on `ports` of the address `inside`. @throws OperatorError when one is taken */
  static async open(
    inside: string,
    outside: string,
    n3iwf: string,
    ports: readonly number[],
  ): Promise<LabNat> {
    const nat = new LabNat(outside, n3iwf);
    for (const port of ports) {
      const socket = await UdpSocket.open({ address: inside, port }, (data, ue) =>
        nat.fromUe(port, data, ue),
      );
      nat.insideSockets.set(port, socket);
    }
    return nat;
  }

  private fromUe(port: number, data: Uint8Array, ue: SocketAddress): void {
    const key = `${ue.address} ${ue.port} ${port}`;
    let mapping = this.mappings.get(key);
    if (mapping === undefined) {
      mapping = { ue, port, outside: this.openOutside(port, ue) };
      this.mappings.set(key, mapping);
    }
    void mapping.outside.then((socket) => socket.send(data, { address: this.n3iwf, port }));
  }

  private openOutside(port: number, ue: SocketAddress): Promise<UdpSocket> {
    const socket = UdpSocket.open({ address: this.outside, port: 0 }, (data) =>
      this.insideSockets.get(port)?.send(data, ue),
    );
    this.opened.push(socket);
    return socket;
  }

  /**
   * Every mapping gets another outside port. What is under way to the old one still arrives, as with NATs that keep
   * closed mappings for a while; nothing leaves by it any more.
   */
  async remap(): Promise<void> {
    for (const mapping of this.mappings.values()) {
      const next = this.openOutside(mapping.port, mapping.ue);
      await next;
      mapping.outside = next;
    }
  }

  async close(): Promise<void> {
    const sockets = [...this.insideSockets.values(), ...(await Promise.all(this.opened))];
    await Promise.all(sockets.map((socket) => socket.close()));
  }
}
