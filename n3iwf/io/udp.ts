import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { OperatorError } from '../errors.ts';
import type { DatagramReceived } from './udp-batch.ts';
import { KernelUdp, UdpRefusal } from './udp-kernel.ts';
import { TosOfSocket } from './udp-tos.ts';

/** A textual address and a port. */
export interface UdpAddress {
  readonly address: string;
  readonly port: number;
}

/** How a socket is opened. */
export interface UdpOptions {
  /** Sends and receives many datagrams by one call into the kernel where that can be. */
  readonly batches?: boolean;
}

/**
 * One bound UDP socket. Datagrams go to the listener given at opening; send errors to `fault`, never to the process. It is
 * one of the C library where that can be loaded, which works in batches and knows how packets were marked, else Node's.
 */
export class UdpSocket {
  /** Where it is bound: the port that the system chose where 0 was asked for. */
  readonly local: UdpAddress;
  /** Whether listeners are told the type of service of what comes; where not, it is 0 to them. */
  readonly tellsTos: boolean;
  private readonly socket: KernelUdp | NodeUdp;

  private constructor(socket: KernelUdp | NodeUdp, address: string) {
    this.socket = socket;
    this.local = { address, port: socket.port };
    this.tellsTos = socket instanceof KernelUdp;
  }

  /** @throws OperatorError N3IWF_E_BIND that names the address, the port and, where it can be told, who holds it */
  static async open(
    at: UdpAddress,
    received: (datagram: Uint8Array, remote: UdpAddress, local: UdpAddress, tos: number) => void,
    fault: (error: Error) => void = () => {},
    { batches = true }: UdpOptions = {},
  ): Promise<UdpSocket> {
    let local = at;
    const take: DatagramReceived = (datagram, remote, tos) => received(datagram, remote, local, tos);
    const socket =
      (batches ? openKernelUdp(at, take, fault) : undefined) ?? (await NodeUdp.open(at, take, fault));
    const opened = new UdpSocket(socket, at.address);
    local = opened.local;
    return opened;
  }

  /** `tos` is the octet of the IP header: code point and ECN. */
  send(datagram: Uint8Array, remote: UdpAddress, tos = 0): void {
    this.socket.send(datagram, remote, tos);
  }

  async close(): Promise<void> {
    await this.socket.close();
  }
}

/** Undefined where the C library is out of reach. @throws OperatorError N3IWF_E_BIND */
function openKernelUdp(
  at: UdpAddress,
  received: DatagramReceived,
  fault: (error: Error) => void,
): KernelUdp | undefined {
  try {
    return KernelUdp.open(at, received, fault);
  } catch (error) {
    if (error instanceof UdpRefusal) throw bindFault(at, codeOf(error), error.message);
    return undefined;
  }
}

/** Node's socket: each datagram goes by itself, and none has its type of service told. */
class NodeUdp {
  readonly port: number;
  private readonly socket: Socket;
  private readonly local: UdpAddress;
  /** One callback for all sends: without one Node keeps most send errors to itself. */
  private readonly sent: (error: Error | null) => void;
  private closed = false;
  /** There from the first datagram on that is marked; setting it costs a call into the kernel where it changes. */
  private tos: TosOfSocket | undefined;

  private constructor(socket: Socket, address: string, fault: (error: Error) => void) {
    this.socket = socket;
    this.port = socket.address().port;
    this.local = { address, port: this.port };
    this.sent = (error) => {
      if (error !== null) fault(error);
    };
  }

  /** @throws OperatorError N3IWF_E_BIND */
  static open(at: UdpAddress, received: DatagramReceived, fault: (error: Error) => void): Promise<NodeUdp> {
    const family = isIPv6(at.address) ? 6 : 4;
    const socket = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 20, lookup: noLookup(family) });
    return new Promise((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        reject(bindFault(at, error.code, error.message));
      });
      socket.bind(at.port, at.address, () => {
        socket.removeAllListeners('error');
        socket.on('error', fault);
        socket.on('message', (datagram: Uint8Array, { address, port }: RemoteInfo) =>
          received(datagram, { address, port }, 0),
        );
        resolve(new NodeUdp(socket, at.address, fault));
      });
    });
  }

  send(datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    if (this.closed) return;
    if (tos !== 0) this.tos ??= new TosOfSocket(this.local);
    this.tos?.set(tos);
    this.socket.send(datagram, remote.port, remote.address, this.sent);
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }
}

/** Addresses are never names here: they are taken as they are, where Node would put each datagram off for a look-up. */
function noLookup(family: 4 | 6) {
  return (
    address: string,
    _options: unknown,
    callback: (error: Error | null, address: string, family: number) => void,
  ) => callback(null, address, family);
}

/** What Node calls an errno of the C library. */
function codeOf({ errno }: UdpRefusal): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
}

function bindFault(at: UdpAddress, code: string | undefined, text: string): OperatorError {
  const where = `UDP ${at.address} port ${at.port}`;
  if (code === 'EADDRINUSE') {
    return new OperatorError(
      'N3IWF_E_BIND',
      `${where} is taken${holderText(at.port)}; stop its holder or choose another port`,
    );
  }
  if (code === 'EACCES') {
    return new OperatorError(
      'N3IWF_E_BIND',
      `${where} needs CAP_NET_BIND_SERVICE, or a port of 1024 and above`,
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new OperatorError('N3IWF_E_BIND', `${at.address} is no address of this machine`);
  }
  return new OperatorError('N3IWF_E_BIND', `${where}: ${text}`);
}

/** Which user's socket holds the port, by the kernel's table; nothing where that cannot be read. */
function holderText(port: number): string {
  try {
    const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
    const row = readFileSync('/proc/net/udp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find((cells) => cells[1]?.endsWith(`:${hexPort}`));
    return row === undefined ? '' : ` by a socket of user ${row[7]} (inode ${row[9]})`;
  } catch {
    return '';
  }
}
