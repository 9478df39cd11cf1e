/**
 * A NAT of our own between charon and us: takes datagrams at ports 500 and 4500 of its outer address, and passes them on
 * from ports of its own choice. It may swallow long datagrams, as a path with a small MTU and no ICMP does.
 */
import { createSocket, type Socket } from 'node:dgram';
import { addOwnAddress, ownAddress } from './charon.ts';
import { natInside, natOutside } from './our-peer.ts';

/** How the box behaves. */
export interface NatBoxOptions {
  /** Who is reached through it: us, unless told otherwise. */
  readonly inside?: string;
  /** Longest IP datagram that passes. */
  readonly longest?: number;
}

const ports = [500, 4500] as const;
const headers = 28;

/** Opened for one test; {@link remap} gives every flow another port, as a NAT does that was switched off and on. */
export class NatBox {
  longestSeen = 0;
  private readonly inside: string;
  private readonly longest: number;
  private readonly outer = new Map<number, Socket>();
  private readonly inner = new Map<number, Socket>();
  /** Where answers go, by the port that was asked. */
  private readonly askers = new Map<number, { address: string; port: number }>();

  private constructor({ inside = ownAddress, longest = Number.POSITIVE_INFINITY }: NatBoxOptions) {
    this.inside = inside;
    this.longest = longest;
  }

  static async open(options: NatBoxOptions = {}): Promise<NatBox> {
    const box = new NatBox(options);
    for (const address of [natOutside, natInside]) addOwnAddress(address);
    for (const port of ports) {
      const socket = await bound(natOutside, port);
      box.outer.set(port, socket);
      socket.on('message', (data, from) => {
        box.askers.set(port, from);
        box.pass(data, box.inner.get(port), { address: box.inside, port });
      });
    }
    await box.remap();
    return box;
  }

  /** Every flow leaves by another port from now on. */
  async remap(): Promise<void> {
    for (const port of ports) {
      const socket = await bound(natInside, 0);
      this.inner.get(port)?.close();
      this.inner.set(port, socket);
      socket.on('message', (data) => this.pass(data, this.outer.get(port), this.askers.get(port)));
    }
  }

  async close(): Promise<void> {
    for (const socket of [...this.outer.values(), ...this.inner.values()]) socket.close();
  }

  private pass(data: Buffer, socket: Socket | undefined, to: { address: string; port: number } | undefined) {
    const length = data.length + headers;
    if (to === undefined || length > this.longest) return;
    this.longestSeen = Math.max(this.longestSeen, length);
    socket?.send(data, to.port, to.address);
  }
}

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, resolve);
  });
  return socket;
}
