import type { SocketAddress } from '#ikev2';
import { OperatorError } from '../errors.ts';
import { parseAddress } from '../userplane/address.ts';
import { IP_PROTOCOL } from '../userplane/ip.ts';
import { libc } from './libc.ts';
import { EPOLLIN, readiness } from './readiness.ts';
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_NONBLOCK } from './sctp-constants.ts';
import { socketAddress } from './sctp-socket.ts';
import { slotOctets, tellTos, UdpBatch } from './udp-batch.ts';

const SOCK_RAW = 3;
const EPERM = 1;
const EADDRNOTAVAIL = 99;
/** Packets that are taken before other sockets have their turn. */
const mostAtOnce = 256;

/** Gets an ESP packet from its SPI on, that came in an IP packet with this type of service from the address `remote`. */
type Received = (packet: Uint8Array, remote: SocketAddress, tos: number) => void;

/**
 * ESP straight in IP packets, for UEs that no NAT parts from this node: a raw socket of protocol 50, which the kernel lets
 * processes with CAP_NET_RAW have. Addresses of it have port 0 [RFC4303 1].
 */
export class EspSocket {
  private readonly fd: number;
  private readonly batch: UdpBatch;
  private readonly isIpv4: boolean;
  private isOpen = true;

  private constructor(fd: number, isIpv4: boolean, received: Received, fault: (error: Error) => void) {
    this.fd = fd;
    this.isIpv4 = isIpv4;
    // a full buffer loses packets here, as any queue on their way may
    const lost = () => {};
    this.batch = new UdpBatch(fd, isIpv4 ? AF_INET : AF_INET6, lost, fault, { segments: false });
    readiness.watch(fd, EPOLLIN, () =>
      this.batch.receive(mostAtOnce, (packet, { address }, tos) => this.take(packet, address, tos, received)),
    );
  }

  /**
   * @param address of this node, which packets come to and leave from
   * @throws OperatorError N3IWF_E_PLATFORM without CAP_NET_RAW, N3IWF_E_BIND for an address of another machine
   */
  static open(address: string, received: Received, fault: (error: Error) => void): EspSocket {
    const c = libc();
    const isIpv4 = parseAddress(address)?.length === 4;
    const fd = c.socket(
      isIpv4 ? AF_INET : AF_INET6,
      SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
      IP_PROTOCOL.ESP,
    );
    if (fd < 0) throw espFault(address, c.errno());
    if (!isIpv4) tellTos(fd, AF_INET6);
    const name = socketAddress(address, 0);
    if (c.bind(fd, name, name.length) >= 0) return new EspSocket(fd, isIpv4, received, fault);
    const code = c.errno();
    c.close(fd);
    throw espFault(address, code);
  }

  /** The socket gives IPv4 packets with their header, and IPv6 packets without but with the traffic class told. */
  private take(packet: Uint8Array, address: string, trafficClass: number, received: Received): void {
    const headerLength = this.isIpv4 ? ((packet[0] ?? 0) & 0x0f) * 4 : 0;
    if (!this.isOpen || packet.length <= headerLength) return;
    const tos = this.isIpv4 ? (packet[1] ?? 0) : trafficClass;
    received(packet.subarray(headerLength), { address, port: 0 }, tos);
  }

  /** `packet` from its SPI on; `tos` is the octet for the IP header. One that no path could carry is lost. */
  send(packet: Uint8Array, address: string, tos: number): void {
    if (this.isOpen && packet.length <= slotOctets) this.batch.send(packet, { address, port: 0 }, tos);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.batch.close();
    readiness.forget(this.fd);
    libc().close(this.fd);
  }
}

/** What an operator can do about a socket that could not be had. */
function espFault(address: string, code: number): OperatorError {
  if (code === EPERM) {
    return new OperatorError(
      'N3IWF_E_PLATFORM',
      'ike.forceUdpEncapsulation: false needs CAP_NET_RAW, for ESP outside of UDP: give the service that capability ' +
        '(AmbientCapabilities=CAP_NET_RAW), start it as root, or say true',
    );
  }
  if (code === EADDRNOTAVAIL)
    return new OperatorError('N3IWF_E_BIND', `ESP: ${address} is no address of this machine`);
  return new OperatorError('N3IWF_E_PLATFORM', `ESP at ${address}: ${libc().describe(code)}`);
}
