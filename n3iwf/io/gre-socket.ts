import { endianness } from 'node:os';
import { formatAddress } from '../userplane/address.ts';
import { IP_PROTOCOL } from '../userplane/ip.ts';
import { libc } from './libc.ts';
import { EPOLLIN, readiness } from './readiness.ts';
import {
  AF_INET,
  AF_INET6,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from './sctp-constants.ts';
import { socketAddress } from './sctp-socket.ts';

const SOCK_RAW = 3;
const SO_MARK = 36;
const SO_RCVMARK = 75;
const SO_RCVBUFFORCE = 33;
const little = endianness() === 'LE';

/** What sets the traffic class of one packet: level and type of its control message, by the octets of an address. */
const trafficClass: Readonly<Record<number, readonly [level: number, type: number]>> = {
  4: [0, 1],
  16: [41, 67],
};
const IPPROTO_IPV6 = 41;
/** Has the traffic class of what comes told. */
const IPV6_RECVTCLASS = 66;
const receiveBufferOctets = 4_194_304;

/** Packets read in one call, and the room of each: the largest IP packet behind an IPv6 header, which the kernel leaves out. */
const batch = 16;
const slotOctets = 65_536 + 64;
const ipv6HeaderOctets = 40;
/** `struct mmsghdr`: a `struct msghdr` of 56 octets and a length. */
const entryOctets = 64;
const controlOctets = 64;
const nameOctets = 28;
/** Control messages begin at multiples of this, their data behind as much of a header. */
const controlHeader = 16;

/** Octets at an address that does not move. */
function placed(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A socket that could not be opened as it must be. */
export class GreSocketFault extends Error {
  readonly errno: number;
  /** What was tried. */
  readonly step: 'socket' | 'mark' | 'bind';

  constructor(step: GreSocketFault['step'], errno: number) {
    super(`a socket for GRE (${step}): ${libc().describe(errno)}`);
    this.name = 'GreSocketFault';
    this.errno = errno;
    this.step = step;
  }
}

/** Where `packet` begins with its IP header; it is the receiver's to keep and to write over. */
type Received = (mark: number, packet: Uint8Array) => void;

/**
 * A raw socket for the GRE packets of one inner address. The mark of a packet says which Child SA it came through or is
 * to go through. Packets are read in batches; what is sent goes straight into the kernel.
 */
export class GreSocket {
  private readonly fd: number;
  private readonly own: Uint8Array;
  private readonly received: Received;
  private readonly slots = placed(batch * slotOctets);
  private readonly entries = placed(batch * entryOctets);
  private readonly entryView = new DataView(this.entries.buffer);
  private readonly vectors = placed(batch * 16);
  private readonly controls = placed(batch * controlOctets);
  private readonly names = placed(batch * nameOctets);
  private readonly out: OutboundMessage;
  private isOpen = true;

  private constructor(fd: number, own: Uint8Array, received: Received) {
    this.fd = fd;
    this.own = own;
    this.received = received;
    this.out = new OutboundMessage(own.length);
    this.prepare();
    readiness.watch(fd, EPOLLIN, () => this.readBatch());
  }

  /** Whether the kernel lets this process have such sockets and tells marks. @throws GreSocketFault where not */
  static check(): void {
    libc().close(openRaw(4));
  }

  /**
   * @param own the inner address, 4 or 16 octets, which an interface must have
   * @throws GreSocketFault without CAP_NET_RAW, for a kernel that tells no marks (before Linux 5.19), for a foreign address
   */
  static open(own: Uint8Array, received: Received): GreSocket {
    const fd = openRaw(own.length);
    const c = libc();
    setNumber(fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferOctets);
    if (own.length === 16) setNumber(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    const address = socketAddress(formatAddress(own), 0);
    if (c.bind(fd, address, address.length) >= 0) return new GreSocket(fd, own, received);
    const errno = c.errno();
    c.close(fd);
    throw new GreSocketFault('bind', errno);
  }

  private prepare(): void {
    const at = libc();
    const vectors = new DataView(this.vectors.buffer);
    const base = {
      slots: at.addressOf(this.slots),
      vectors: at.addressOf(this.vectors),
      controls: at.addressOf(this.controls),
      names: at.addressOf(this.names),
    };
    for (let i = 0; i < batch; i++) {
      const slot = BigInt(i * slotOctets + this.headroom);
      vectors.setBigUint64(i * 16, base.slots + slot, little);
      vectors.setBigUint64(i * 16 + 8, BigInt(slotOctets - this.headroom), little);
      const entry = i * entryOctets;
      this.entryView.setBigUint64(entry, base.names + BigInt(i * nameOctets), little);
      this.entryView.setBigUint64(entry + 16, base.vectors + BigInt(i * 16), little);
      this.entryView.setBigUint64(entry + 24, 1n, little);
      this.entryView.setBigUint64(entry + 32, base.controls + BigInt(i * controlOctets), little);
    }
  }

  /** Room for the header that the kernel leaves out. */
  private get headroom(): number {
    return this.own.length === 16 ? ipv6HeaderOctets : 0;
  }

  /** Hands over everything that has come, however much. */
  drain(): void {
    while (this.isOpen && this.readBatch() === batch);
  }

  /** One batch in a turn of the event loop: the socket is told of again when there is more. @returns how many there were */
  private readBatch(): number {
    for (let i = 0; i < batch; i++) {
      this.entryView.setUint32(i * entryOctets + 8, nameOctets, little);
      this.entryView.setBigUint64(i * entryOctets + 40, BigInt(controlOctets), little);
    }
    const count = libc().recvmmsg(this.fd, this.entries, batch, MSG_DONTWAIT);
    for (let i = 0; i < count && this.isOpen; i++) this.take(i);
    return count;
  }

  private take(i: number): void {
    const entry = i * entryOctets;
    const length = this.entryView.getUint32(entry + 56, little) + this.headroom;
    const used = Number(this.entryView.getBigUint64(entry + 40, little));
    const { mark, tos } = readControls(this.controls.subarray(i * controlOctets, i * controlOctets + used));
    const packet = Buffer.allocUnsafe(length);
    packet.set(this.slots.subarray(i * slotOctets, i * slotOctets + length));
    if (this.own.length === 16) this.writeIpv6Header(packet, i, tos);
    this.received(mark, packet);
  }

  /** The header that stood in front of the packet, as far as the socket tells it. */
  private writeIpv6Header(packet: Buffer, i: number, tos: number): void {
    packet.fill(0, 0, 8);
    packet.writeUInt16BE(0x6000 | (tos << 4), 0);
    packet.writeUInt16BE(packet.length - ipv6HeaderOctets, 4);
    packet[6] = IP_PROTOCOL.GRE;
    packet[7] = 64;
    packet.set(this.names.subarray(i * nameOctets + 8, i * nameOctets + 24), 8);
    packet.set(this.own, 24);
  }

  /**
   * Sends an inner IP packet: the kernel writes its header anew, with the traffic class and destination of the one that
   * it has. `packet` must lie in an ArrayBuffer of its own.
   *
   * @returns 0, or the errno of the refusal
   */
  send(packet: Uint8Array, mark: number): number {
    if (!this.isOpen) return 0;
    return libc().sendmsgInPlace(this.fd, this.out.of(packet, mark), MSG_DONTWAIT) < 0 ? libc().errno() : 0;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    readiness.forget(this.fd);
    libc().close(this.fd);
  }
}

function setNumber(fd: number, level: number, option: number, value: number): number {
  return libc().setsockopt(fd, level, option, new Uint8Array(Uint32Array.of(value).buffer), 4);
}

function openRaw(octets: number): number {
  const c = libc();
  const family = octets === 4 ? AF_INET : AF_INET6;
  const fd = c.socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IP_PROTOCOL.GRE);
  if (fd < 0) throw new GreSocketFault('socket', c.errno());
  if (setNumber(fd, SOL_SOCKET, SO_RCVMARK, 1) >= 0) return fd;
  const errno = c.errno();
  c.close(fd);
  throw new GreSocketFault('mark', errno);
}

/** Mark and traffic class that came with a packet; 0 for what was not told. */
export function readControls(octets: Uint8Array): { readonly mark: number; readonly tos: number } {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let [mark, tos] = [0, 0];
  for (let at = 0; at + controlHeader + 4 <= octets.length; ) {
    const length = Number(view.getBigUint64(at, little));
    const [level, type] = [view.getInt32(at + 8, little), view.getInt32(at + 12, little)];
    if (level === SOL_SOCKET && type === SO_MARK) mark = view.getUint32(at + controlHeader, little);
    if (level === IPPROTO_IPV6 && type === 67) tos = view.getInt32(at + controlHeader, little) & 0xff;
    at += Math.max(controlHeader, (length + 7) & ~7);
  }
  return { mark, tos };
}

/** A `struct msghdr` with all that it points to, made once: only values change from packet to packet. */
class OutboundMessage {
  private readonly header = placed(56);
  private readonly headerView = new DataView(this.header.buffer);
  private readonly vector = new DataView(new ArrayBuffer(16));
  private readonly control = placed(48);
  private readonly controlView = new DataView(this.control.buffer);
  private readonly name: Uint8Array;
  /** Where the header of a packet ends and where in it the destination stands, by the octets of an address. */
  private readonly payloadAt: number;
  private readonly destinationAt: number;
  private readonly nameAt: number;
  /** Where buffers lie; asking costs more than keeping it. */
  private readonly places = new WeakMap<ArrayBufferLike, bigint>();

  constructor(octets: number) {
    const c = libc();
    [this.payloadAt, this.destinationAt, this.nameAt] = octets === 4 ? [20, 16, 4] : [40, 24, 8];
    this.name = placed(octets === 4 ? 16 : nameOctets);
    new DataView(this.name.buffer).setUint16(0, octets === 4 ? AF_INET : AF_INET6, little);
    this.headerView.setBigUint64(0, c.addressOf(this.name), little);
    this.headerView.setUint32(8, this.name.length, little);
    this.headerView.setBigUint64(16, c.addressOf(new Uint8Array(this.vector.buffer)), little);
    this.headerView.setBigUint64(24, 1n, little);
    this.headerView.setBigUint64(32, c.addressOf(this.control), little);
    this.headerView.setBigUint64(40, BigInt(this.control.length), little);
    this.controlOf(0, SOL_SOCKET, SO_MARK);
    this.controlOf(24, ...(trafficClass[octets] ?? [0, 1]));
  }

  private controlOf(at: number, level: number, type: number): void {
    this.controlView.setBigUint64(at, BigInt(controlHeader + 4), little);
    this.controlView.setInt32(at + 8, level, little);
    this.controlView.setInt32(at + 12, type, little);
  }

  of(packet: Uint8Array, mark: number): Uint8Array {
    let place = this.places.get(packet.buffer);
    if (place === undefined) {
      place = libc().addressOf(new Uint8Array(packet.buffer));
      this.places.set(packet.buffer, place);
    }
    const { payloadAt, destinationAt } = this;
    this.name.set(packet.subarray(destinationAt, payloadAt), this.nameAt);
    this.vector.setBigUint64(0, place + BigInt(packet.byteOffset + payloadAt), little);
    this.vector.setBigUint64(8, BigInt(packet.length - payloadAt), little);
    this.controlView.setUint32(controlHeader, mark, little);
    this.controlView.setInt32(24 + controlHeader, tosOf(packet), little);
    return this.header;
  }
}

/** The octet of the type of service or the traffic class, which straddles the first two octets of IPv6. */
function tosOf(packet: Uint8Array): number {
  const [first = 0, second = 0] = packet;
  return first >>> 4 === 4 ? second : ((first & 0x0f) << 4) | (second >>> 4);
}
