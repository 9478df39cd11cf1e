import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { OperatorError } from '../errors.ts';
import { slotOctets, UdpBatch } from './udp-batch.ts';
import { descriptorOf, TosOfSocket } from './udp-tos.ts';

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

/** Datagrams that are taken from a socket before others, and timers, have their turn. */
const mostAtOnce = 256;

/** One bound UDP socket. Datagrams go to the listener given at opening; send errors to `fault`, never to the process. */
export class UdpSocket {
  /** Where it is bound: the port that the system chose where 0 was asked for. */
  readonly local: UdpAddress;
  private readonly socket: Socket;
  /** One callback for all sends: without one Node keeps most send errors to itself. */
  private readonly sent: (error: Error | null) => void;
  private closed = false;
  /** There from the first datagram on that is marked. */
  private tos: TosOfSocket | undefined;
  /** Where the kernel takes batches; without it each datagram goes through Node. */
  private readonly batch: UdpBatch | undefined;

  private constructor(socket: Socket, local: UdpAddress, fault: (error: Error) => void, batches: boolean) {
    this.socket = socket;
    this.local = local;
    this.batch = batches
      ? openBatch(local, (datagram, remote) => this.sendSingly(datagram, remote, 0), fault)
      : undefined;
    this.sent = (error) => {
      if (error !== null) fault(error);
    };
  }

  /** @throws OperatorError N3IWF_E_BIND that names the address, the port and, where it can be told, who holds it */
  static open(
    at: UdpAddress,
    received: (datagram: Uint8Array, remote: UdpAddress, local: UdpAddress) => void,
    fault: (error: Error) => void = () => {},
    { batches = true }: UdpOptions = {},
  ): Promise<UdpSocket> {
    const family = isIPv6(at.address) ? 6 : 4;
    const socket = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 20, lookup: noLookup(family) });
    return new Promise((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        reject(bindFault(at, error));
      });
      socket.bind(at.port, at.address, () => {
        socket.removeAllListeners('error');
        socket.on('error', fault);
        const local = { address: at.address, port: socket.address().port };
        const opened = new UdpSocket(socket, local, fault, batches);
        const take = (datagram: Uint8Array, remote: UdpAddress) => received(datagram, remote, local);
        socket.on('message', (datagram: Uint8Array, { address, port }: RemoteInfo) => {
          take(datagram, { address, port });
          if (!opened.closed) opened.batch?.receive(mostAtOnce, take);
        });
        resolve(opened);
      });
    });
  }

  /** `tos` is the octet of the IP header: code point and ECN. It costs a call into the kernel where it changes. */
  send(datagram: Uint8Array, remote: UdpAddress, tos = 0): void {
    if (this.closed) return;
    if (this.batch === undefined) this.sendSingly(datagram, remote, tos);
    else if (datagram.length <= slotOctets) this.batch.send(datagram, remote, tos);
    else {
      this.batch.flush(); // what was sent before goes before
      this.sendSingly(datagram, remote, tos);
    }
  }

  private sendSingly(datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    if (tos !== 0) this.tos ??= new TosOfSocket(this.local);
    this.tos?.set(tos);
    this.socket.send(datagram, remote.port, remote.address, this.sent);
  }

  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.batch?.close();
    this.closed = true;
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }
}

/** Undefined where the socket's descriptor, or the C library, is out of reach. */
function openBatch(
  local: UdpAddress,
  instead: (datagram: Uint8Array, remote: UdpAddress) => void,
  fault: (error: Error) => void,
): UdpBatch | undefined {
  const fd = descriptorOf(local);
  if (fd === undefined) return undefined;
  try {
    return new UdpBatch(fd, isIPv6(local.address) ? 10 : 2, instead, fault);
  } catch {
    return undefined;
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

function bindFault(at: UdpAddress, error: NodeJS.ErrnoException): OperatorError {
  const where = `UDP ${at.address} port ${at.port}`;
  if (error.code === 'EADDRINUSE') {
    return new OperatorError(
      'N3IWF_E_BIND',
      `${where} is taken${holderText(at.port)}; stop its holder or choose another port`,
    );
  }
  if (error.code === 'EACCES') {
    return new OperatorError(
      'N3IWF_E_BIND',
      `${where} needs CAP_NET_BIND_SERVICE, or a port of 1024 and above`,
    );
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return new OperatorError('N3IWF_E_BIND', `${at.address} is no address of this machine`);
  }
  return new OperatorError('N3IWF_E_BIND', `${where}: ${error.message}`);
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
