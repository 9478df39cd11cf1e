import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import { type Libc, libc } from './libc.ts';
import { EPOLLIN, EPOLLOUT, readiness } from './readiness.ts';
import { AF_INET, AF_INET6, SO_RCVBUF, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET } from './sctp-constants.ts';
import { socketAddress } from './sctp-socket.ts';
import type { UdpAddress } from './udp.ts';
import { type DatagramReceived, setNumber, slotOctets, tellTos, UdpBatch } from './udp-batch.ts';

const SOCK_DGRAM = 2;
const receiveBufferOctets = 1 << 20;
/** Datagrams that are taken from a socket before others, and timers, have their turn. */
const mostAtOnce = 256;
/** Datagrams that wait until the kernel has room for them again; what comes when there are so many is lost. */
const mostWaiting = 1024;
const little = endianness() === 'LE';

/** A call that the kernel refused, by its number. */
export class UdpRefusal extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(libc().describe(errno));
    this.name = 'UdpRefusal';
    this.errno = errno;
  }
}

/**
 * A UDP socket of the C library. Node's own cannot tell the IP header that a datagram came in, where congestion of the
 * path is marked [RFC3168 5]; and what Node reads of a socket cannot be read by anybody else.
 */
export class KernelUdp {
  /** The port that it is bound to. */
  readonly port: number;
  private readonly fd: number;
  private readonly c: Libc;
  private readonly batch: UdpBatch;
  private readonly received: DatagramReceived;
  /** What the kernel had no room for, the oldest first. */
  private waiting: { readonly datagram: Uint8Array; readonly remote: UdpAddress; readonly tos: number }[] =
    [];
  private isOpen = true;
  private readonly onReady = (events: number): void => this.ready(events);

  private constructor(
    fd: number,
    address: string,
    received: DatagramReceived,
    fault: (error: Error) => void,
  ) {
    this.c = libc();
    this.fd = fd;
    this.port = portOf(this.c, fd);
    this.received = received;
    this.batch = new UdpBatch(
      fd,
      isIPv6(address) ? AF_INET6 : AF_INET,
      (datagram, remote, tos) => this.wait(datagram, remote, tos),
      fault,
    );
    readiness.watch(fd, EPOLLIN, this.onReady);
  }

  /**
   * @throws UdpRefusal where the address cannot be had, OperatorError N3IWF_E_PLATFORM where there is no C library
   */
  static open(at: UdpAddress, received: DatagramReceived, fault: (error: Error) => void): KernelUdp {
    const c = libc();
    const isV6 = isIPv6(at.address);
    const fd = c.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw new UdpRefusal(c.errno());
    setNumber(fd, SOL_SOCKET, SO_RCVBUF, receiveBufferOctets);
    tellTos(fd, AF_INET); // on IPv6 too: one bound to :: gets IPv4 packets as well
    if (isV6) tellTos(fd, AF_INET6);
    const name = socketAddress(at.address, at.port);
    if (c.bind(fd, name, name.length) >= 0) return new KernelUdp(fd, at.address, received, fault);
    const errno = c.errno();
    c.close(fd);
    throw new UdpRefusal(errno);
  }

  /** `tos` is the octet of the IP header. What the kernel cannot take at once follows when it can. */
  send(datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    if (!this.isOpen) return;
    if (this.waiting.length > 0) this.wait(Uint8Array.from(datagram), remote, tos);
    else if (datagram.length <= slotOctets) this.batch.send(datagram, remote, tos);
    else {
      this.batch.flush(); // what was sent before goes before
      this.batch.sendLong(datagram, remote, tos);
    }
  }

  private wait(datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    if (this.waiting.length >= mostWaiting) return;
    this.waiting.push({ datagram, remote, tos });
    if (this.waiting.length === 1) readiness.watch(this.fd, EPOLLIN | EPOLLOUT, this.onReady);
  }

  private ready(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.sendWaiting();
    this.batch.receive(mostAtOnce, this.received);
  }

  /** What is refused again waits again, in the same order. */
  private sendWaiting(): void {
    const all = this.waiting;
    this.waiting = [];
    for (const { datagram, remote, tos } of all) this.send(datagram, remote, tos);
    this.batch.flush();
    if (this.waiting.length === 0) readiness.watch(this.fd, EPOLLIN, this.onReady);
  }

  /** Sends what has been asked for before; nothing is sent or received after. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.batch.close();
    readiness.forget(this.fd);
    this.c.close(this.fd);
  }
}

/** The port stands at the same place in the names of both families. */
function portOf(c: Libc, fd: number): number {
  const name = new Uint8Array(28);
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, name.length, little);
  c.getsockname(fd, name, new Uint8Array(length.buffer));
  return ((name[2] ?? 0) << 8) | (name[3] ?? 0);
}
