import type { SocketAddress } from '#ikev2';
import { UdpSocket } from '../io/udp.ts';

type Received = (datagram: Uint8Array, remote: SocketAddress, local: SocketAddress) => void;

/** The two UDP sockets of a UE's NWu: that of IKE and that of the NAT traversal port. They can move to another address. */
export class NwuSockets {
  private readonly received: Received;
  private ike: UdpSocket | undefined;
  private nat: UdpSocket | undefined;

  constructor(received: Received) {
    this.received = received;
  }

  /** Opens both; on a fault neither stays open. @throws OperatorError N3IWF_E_BIND as `UdpSocket.open` does */
  async bind(local: SocketAddress, localNat: SocketAddress): Promise<void> {
    const ike = await UdpSocket.open(local, this.received);
    try {
      this.nat = await UdpSocket.open(localNat, this.received);
      this.ike = ike;
    } catch (error) {
      await ike.close();
      throw error;
    }
  }

  /** Binds the same ports at another address and leaves the old one. @throws OperatorError as `bind`, and all stays */
  async moveTo(address: string): Promise<void> {
    const old = [this.ike, this.nat];
    const [ike, nat] = old.map((socket) => ({ address, port: socket?.local.port ?? 0 }));
    if (ike !== undefined && nat !== undefined) await this.bind(ike, nat);
    await Promise.all(old.map((socket) => socket?.close()));
  }

  /** Sends from the socket whose port `local` names: after a move from the new address, whatever `local` says. */
  send(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void {
    const socket = local.port === this.nat?.local.port ? this.nat : this.ike;
    socket?.send(datagram, remote);
  }

  async close(): Promise<void> {
    await Promise.all([this.ike?.close(), this.nat?.close()]);
  }
}
