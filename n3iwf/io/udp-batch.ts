import { endianness } from 'node:os';
import { formatAddress, requireAddress } from '../userplane/address.ts';
import { type Libc, libc } from './libc.ts';
import type { UdpAddress } from './udp.ts';

/**
 * Many datagrams in one call into the kernel, which Node has no door to: its own socket takes one call, and a callback
 * through four layers, for each. Here a batch of them goes by `sendmmsg`, and those to one peer that are equally long go as one
 * packet that the kernel cuts (generic segmentation offload). All octets lie in buffers that are made once.
 */

const little = endianness() === 'LE';

/** Messages of one call. */
const batch = 64;
/** Octets of the longest datagram that is sent in a batch; longer ones go by Node's socket. */
export const slotOctets = 2048;
/** Room for any datagram at all that comes. What is never written to takes no memory. */
const receiveSlotOctets = 65_536;
/** What one segmented packet may hold: the length field of UDP is the limit. */
const mostSegmented = 60_000;
/** `struct mmsghdr` on a 64-bit Linux: name 0, its length 8, vector 16, count 24, control 32, its length 40; length 56. */
const messageOctets = 64;
const vectorOctets = 16;
/** Room for two control messages of up to 8 octets each. */
const controlOctets = 48;
/** Room for `struct sockaddr_in6`. */
const nameOctets = 28;
const dontWait = 0x40;
const errno = { EINTR: 4, EIO: 5, EAGAIN: 11, EINVAL: 22, EMSGSIZE: 90 } as const;
const notSegmented: ReadonlySet<number> = new Set([errno.EINVAL, errno.EIO, errno.EMSGSIZE]);
/** Shorter than any datagram. */
const none = -1;
/** AF_INET and AF_INET6. */
export type Family = 2 | 10;

/** Control messages: level and type. */
const segmentSize = [17, 103] as const;
const headerOfControl = 16;
const typeOfService: Readonly<Record<Family, readonly [level: number, type: number]>> = {
  2: [0, 1],
  10: [41, 67],
};

/** Slots for datagrams with the messages and vectors that point at them. Buffers of their own stay where they are. */
class Slots {
  readonly messages = new DataView(new ArrayBuffer(batch * messageOctets));
  readonly messageBytes = new Uint8Array(this.messages.buffer);
  readonly octets: Uint8Array;
  readonly names = new Uint8Array(new ArrayBuffer(batch * nameOctets));
  readonly vectors = new DataView(new ArrayBuffer(batch * vectorOctets));
  readonly control = new DataView(new ArrayBuffer(batch * controlOctets));
  private readonly vectorsAt: bigint;
  private readonly controlAt: bigint;

  constructor(c: Libc, size: number) {
    this.octets = new Uint8Array(new ArrayBuffer(batch * size));
    const octetsAt = c.addressOf(this.octets);
    const namesAt = c.addressOf(this.names);
    this.vectorsAt = c.addressOf(new Uint8Array(this.vectors.buffer));
    this.controlAt = c.addressOf(new Uint8Array(this.control.buffer));
    for (let i = 0; i < batch; i++) {
      this.vectors.setBigUint64(i * vectorOctets, octetsAt + BigInt(i * size), little);
      this.vectors.setBigUint64(i * vectorOctets + 8, BigInt(size), little);
      this.messages.setBigUint64(i * messageOctets, namesAt + BigInt(i * nameOctets), little);
      this.pointAt(i, i, 1);
      this.setControl(i, controlOctets);
    }
  }

  /** Message `index` is made of `count` slots from `slot` on. */
  pointAt(index: number, slot: number, count: number): void {
    const at = index * messageOctets;
    this.messages.setBigUint64(at + 16, this.vectorsAt + BigInt(slot * vectorOctets), little);
    this.messages.setUint32(at + 24, count, little);
  }

  /** The octets of control messages of message `index`; none with 0. */
  setControl(index: number, length: number): void {
    const at = index * messageOctets;
    this.messages.setBigUint64(
      at + 32,
      length === 0 ? 0n : this.controlAt + BigInt(index * controlOctets),
      little,
    );
    this.messages.setUint32(at + 40, length, little);
  }

  /** To be called before each reading: the kernel writes over how much room there is for addresses and control messages. */
  makeReady(): void {
    for (let at = 0; at < batch * messageOctets; at += messageOctets) {
      this.messages.setUint32(at + 8, nameOctets, little);
      this.messages.setUint32(at + 40, controlOctets, little);
    }
  }

  /**
   * What the kernel tells of the IP header of message `index`, if it was asked to: an octet on IPv4, a whole number on IPv6.
   * It is the first control message, as nothing else is asked for.
   */
  tosOf(index: number): number {
    if (this.messages.getUint32(index * messageOctets + 40, little) <= headerOfControl) return 0;
    const at = index * controlOctets;
    const [level, type] = [this.control.getInt32(at + 8, little), this.control.getInt32(at + 12, little)];
    if (level === typeOfService[2][0] && type === typeOfService[2][1])
      return this.control.getUint8(at + headerOfControl);
    if (level !== typeOfService[10][0] || type !== typeOfService[10][1]) return 0;
    return this.control.getInt32(at + headerOfControl, little) & 0xff;
  }

  /** Writes a control message of 4 octets behind `used` of message `index`; gives the octets used after it. */
  addControl(
    index: number,
    used: number,
    kind: readonly [number, number],
    length: 2 | 4,
    value: number,
  ): number {
    writeControl(this.control, index * controlOctets + used, kind, length, value);
    return used + oneControl;
  }
}

/** Octets of a control message with as much as a number behind its header. */
const oneControl = 24;

/** Writes one at `at`; gives where the next one begins. */
function writeControl(
  view: DataView,
  at: number,
  [level, type]: readonly [number, number],
  length: 2 | 4,
  value: number,
): number {
  view.setBigUint64(at, BigInt(headerOfControl + length), little);
  view.setInt32(at + 8, level, little);
  view.setInt32(at + 12, type, little);
  if (length === 2) view.setUint16(at + headerOfControl, value, little);
  else view.setInt32(at + headerOfControl, value, little);
  return at + oneControl;
}

/** Receiving slots are shared by all sockets: a batch is handed on before the next one is read. */
let receiving: Slots | undefined;

/** Remote addresses that are kept by their octets, so that texts are not made anew for each datagram. */
const mostRemotes = 4096;

/** Datagrams that wait to be sent, of all sockets of this thread: they leave when the present turn ends, or 64 are there. */
class SendQueue {
  readonly slots: Slots;
  /** Of the datagrams in the slots. */
  readonly lengths = new Uint16Array(batch);
  readonly tos = new Uint8Array(batch);
  readonly peers: (UdpAddress | undefined)[] = new Array(batch).fill(undefined);
  private readonly owners: (UdpBatch | undefined)[] = new Array(batch).fill(undefined);
  private count = 0;
  private isDue = false;
  private readonly whenDue = () => this.flush();

  constructor(c: Libc) {
    this.slots = new Slots(c, slotOctets);
  }

  add(owner: UdpBatch, datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    const slot = this.count++;
    this.slots.octets.set(datagram, slot * slotOctets);
    this.lengths[slot] = datagram.length;
    this.tos[slot] = tos;
    this.peers[slot] = remote;
    this.owners[slot] = owner;
    if (this.count === batch) this.flush();
    else if (!this.isDue) {
      this.isDue = true;
      queueMicrotask(this.whenDue);
    }
  }

  /** Sends what is waiting, in the order in which it came. */
  flush(): void {
    this.isDue = false;
    const { count, owners } = this;
    this.count = 0;
    for (let from = 0; from < count; ) {
      const owner = owners[from] as UdpBatch;
      let end = from + 1;
      while (end < count && owners[end] === owner) end++;
      while (from < end) from = owner.sendRange(from, end);
    }
  }

  /** How many datagrams from `slot` to before `end` are for one peer and equally long, but for a last one that is shorter. */
  runFrom(slot: number, end: number): number {
    const length = this.lengths[slot] as number;
    const [peer, tos] = [this.peers[slot], this.tos[slot]];
    const most = Math.min(end - slot, Math.floor(mostSegmented / Math.max(1, length)));
    let run = 1;
    while (run < most && length > 0) {
      const next = slot + run;
      const other = this.peers[next];
      const isSame = other === peer || (other?.port === peer?.port && other?.address === peer?.address);
      if (!isSame || this.tos[next] !== tos || (this.lengths[next] as number) > length) break;
      run++;
      if ((this.lengths[next] as number) < length) break;
    }
    return run;
  }
}

let sending: SendQueue | undefined;

/** Gets one datagram; `tos` is the octet of the IP header that it came in, 0 where the socket was not asked to tell. */
export type DatagramReceived = (datagram: Uint8Array, remote: UdpAddress, tos: number) => void;

/** What one UDP socket sends and receives in batches. */
export class UdpBatch {
  private readonly c = libc();
  private readonly queue: SendQueue;
  /** -1 once the socket is closed: its number may be another's then. */
  private fd: number;
  private readonly family: Family;
  private readonly instead: DatagramReceived;
  private readonly fault: (error: Error) => void;
  private readonly remotes = new Map<number | string, UdpAddress>();
  private readonly names = new Map<string, Uint8Array>();
  /** Octets of the longest datagrams that the kernel cuts out of a packet on the paths of this socket. */
  private longestSegment = slotOctets;

  /**
   * For the socket of `fd`, which is bound to an address of `family`.
   *
   * @param instead sends what the kernel does not take at the moment, in its own time
   * @param segments false for sockets that are not of UDP: the kernel cuts nothing up for them
   * @throws OperatorError N3IWF_E_PLATFORM where the C library cannot be loaded
   */
  constructor(
    fd: number,
    family: Family,
    instead: DatagramReceived,
    fault: (error: Error) => void,
    { segments = true }: { readonly segments?: boolean } = {},
  ) {
    this.fd = fd;
    this.family = family;
    sending ??= new SendQueue(this.c);
    this.queue = sending;
    this.instead = instead;
    this.fault = fault;
    if (!segments) this.longestSegment = none;
  }

  /** Takes a datagram of at most {@link slotOctets}; it leaves at the end of the present turn at the latest. */
  send(datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    this.queue.add(this, datagram, remote, tos);
  }

  /** Sends a datagram of more octets at once, by a message made for it alone. */
  sendLong(datagram: Uint8Array, remote: UdpAddress, tos: number): void {
    const name = this.nameOf(remote);
    const [header, vector] = [new DataView(new ArrayBuffer(56)), new DataView(new ArrayBuffer(vectorOctets))];
    const control = new DataView(new ArrayBuffer(controlOctets));
    const at = (octets: ArrayBufferLike) => this.c.addressOf(new Uint8Array(octets));
    vector.setBigUint64(0, at(datagram.buffer) + BigInt(datagram.byteOffset), little);
    vector.setBigUint64(8, BigInt(datagram.length), little);
    header.setBigUint64(0, at(name.buffer), little);
    header.setUint32(8, name.length, little);
    header.setBigUint64(16, at(vector.buffer), little);
    header.setBigUint64(24, 1n, little);
    header.setBigUint64(32, at(control.buffer), little);
    header.setBigUint64(40, BigInt(writeControl(control, 0, typeOfService[this.family], 4, tos)), little);
    if (this.c.sendmsgInPlace(this.fd, new Uint8Array(header.buffer), dontWait) >= 0) return;
    const code = this.c.errno();
    if (code === errno.EAGAIN) this.instead(Uint8Array.from(datagram), remote, tos);
    else this.fault(new Error(`sendmsg: ${this.c.describe(code)}`));
  }

  /** Sends what is waiting; nothing is sent or received after. */
  close(): void {
    this.queue.flush();
    this.fd = -1;
  }

  /** Sends what is waiting, of other sockets too. */
  flush(): void {
    this.queue.flush();
  }

  /** Sends the datagrams of these slots in one call; gives the first that is still to be sent. */
  sendRange(from: number, end: number): number {
    const { queue } = this;
    const firstSlots: number[] = [];
    for (let slot = from; slot < end; ) {
      const run = (queue.lengths[slot] as number) > this.longestSegment ? 1 : queue.runFrom(slot, end);
      this.prepare(firstSlots.length, slot, run);
      firstSlots.push(slot);
      slot += run;
    }
    const sent = this.c.sendmmsg(this.fd, queue.slots.messageBytes, firstSlots.length, dontWait);
    if (sent > 0) return firstSlots[sent] ?? end;
    return this.refused(from, firstSlots[1] ?? end, this.c.errno());
  }

  private prepare(index: number, slot: number, run: number): void {
    const { slots, lengths, tos, peers } = this.queue;
    const name = this.nameOf(peers[slot] as UdpAddress);
    slots.names.set(name, index * nameOctets);
    slots.messages.setUint32(index * messageOctets + 8, name.length, little);
    slots.pointAt(index, slot, run);
    for (let i = slot; i < slot + run; i++)
      slots.vectors.setUint32(i * vectorOctets + 8, lengths[i] as number, little);
    let used = slots.addControl(index, 0, typeOfService[this.family], 4, tos[slot] as number);
    if (run > 1) used = slots.addControl(index, used, segmentSize, 2, lengths[slot] as number);
    slots.setControl(index, used);
  }

  /**
   * The kernel took nothing of the message in the slots from `from` to `next`. Where it cannot cut it up, which depends on
   * the path and its device, it is tried again without; what it has no room for goes by Node's socket, which waits;
   * anything else is lost, as UDP may.
   */
  private refused(from: number, next: number, code: number): number {
    if (code === errno.EINTR) return from;
    if (next - from > 1 && notSegmented.has(code)) {
      this.longestSegment = code === errno.EIO ? none : (this.queue.lengths[from] as number) - 1;
      return from;
    }
    for (let slot = from; slot < next; slot++) {
      if (code === errno.EAGAIN)
        this.instead(this.copyOf(slot), this.queue.peers[slot] as UdpAddress, this.queue.tos[slot] as number);
      else this.fault(new Error(`sendmmsg: ${this.c.describe(code)}`));
    }
    return next;
  }

  private copyOf(slot: number): Uint8Array {
    const at = slot * slotOctets;
    return this.queue.slots.octets.slice(at, at + (this.queue.lengths[slot] as number));
  }

  /** `struct sockaddr` of a peer; a cache spares the parsing of its text. */
  private nameOf({ address, port }: UdpAddress): Uint8Array {
    let name = this.names.get(address);
    if (name === undefined) {
      name = socketAddress(this.family, address);
      if (this.names.size >= mostRemotes) this.names.clear();
      this.names.set(address, name);
    }
    name[2] = port >>> 8;
    name[3] = port;
    return name;
  }

  /** Hands on what waits in the socket, about `most` datagrams, each in memory of its own; gives how many there were. */
  receive(most: number, received: DatagramReceived): number {
    receiving ??= new Slots(this.c, receiveSlotOctets);
    const slots = receiving;
    let total = 0;
    while (total < most && this.fd !== -1) {
      slots.makeReady();
      const count = this.c.recvmmsg(this.fd, slots.messageBytes, batch, dontWait);
      for (let i = 0; i < count; i++) {
        const length = slots.messages.getUint32(i * messageOctets + 56, little);
        const datagram = Buffer.allocUnsafe(length);
        datagram.set(slots.octets.subarray(i * receiveSlotOctets, i * receiveSlotOctets + length));
        received(datagram, this.remoteOf(slots.names, i * nameOctets), slots.tosOf(i));
      }
      total += Math.max(0, count);
      if (count < batch) break;
    }
    return total;
  }

  private remoteOf(names: Uint8Array, at: number): UdpAddress {
    const port = ((names[at + 2] as number) << 8) | (names[at + 3] as number);
    const key =
      this.family === 2
        ? port * 0x1_0000_0000 +
          (names[at + 4] as number) * 0x100_0000 +
          (((names[at + 5] as number) << 16) | ((names[at + 6] as number) << 8) | (names[at + 7] as number))
        : Buffer.from(names.subarray(at + 2, at + nameOctets)).toString('latin1');
    let remote = this.remotes.get(key);
    if (remote === undefined) {
      const octets = this.family === 2 ? names.slice(at + 4, at + 8) : names.slice(at + 8, at + 24);
      remote = { address: formatAddress(octets), port };
      if (this.remotes.size >= mostRemotes) this.remotes.clear();
      this.remotes.set(key, remote);
    }
    return remote;
  }
}

/** Options that have the kernel tell the type of service, or the traffic class, of what comes: level and number. */
const toldTos: Readonly<Record<Family, readonly [level: number, option: number]>> = {
  2: [0, 13],
  10: [41, 66],
};

/** From now on what comes to a socket by packets of this family has its type of service told. */
export function tellTos(fd: number, family: Family): void {
  setNumber(fd, ...toldTos[family], 1);
}

/** Sets an option of a socket that is a whole number; an option that the kernel does not have stays unset. */
export function setNumber(fd: number, level: number, option: number, value: number): void {
  libc().setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer), 4);
}

/** `struct sockaddr_in` or `sockaddr_in6` without its port, in the machine's order where that counts. */
function socketAddress(family: Family, address: string): Uint8Array {
  const octets = requireAddress(address);
  const name = new Uint8Array(family === 2 ? 16 : nameOctets);
  new DataView(name.buffer).setUint16(0, family, little);
  name.set(octets, family === 2 ? 4 : 8);
  return name;
}
