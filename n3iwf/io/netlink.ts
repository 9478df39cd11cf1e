import { endianness } from 'node:os';
import { encodeStruct } from '../kernel/layout.ts';
import { decodeError, decodeMessages, type NetlinkMessage, NLMSG } from '../kernel/netlink.ts';
import { ERRNO, type NetlinkPort, type NetlinkReply } from '../kernel/ports.ts';
import { libc } from './libc.ts';
import { EPOLLIN, readiness } from './readiness.ts';
import { MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_NONBLOCK } from './sctp-constants.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SOL_NETLINK = 270;
const SO_RCVBUFFORCE = 33;
const ADD_MEMBERSHIP = 1;
/** Answers quote no more of a request than its header: keys do not come back. */
const CAP_ACK = 10;
/** Answers say in words what is wrong. */
const EXT_ACK = 11;

/** Numbers of the netlink families used here. */
export const netlinkFamilies = { route: 0, xfrm: 6 } as const;
type Family = keyof typeof netlinkFamilies;

/** More than the kernel puts into one part of an answer. */
const bufferOctets = 65_536;
/** Room for events of a burst, such as all states of a node that expire at once. */
const eventBufferOctets = 4_194_304;
/** Datagrams read in one turn of the event loop. */
const mostReads = 64;
const sequenceOffset = 8;
/** `struct sockaddr_nl`: the kernel chooses the port. */
const anyPort = encodeStruct(
  { family: 'u16', pad: 'u16', port: 'u32', groups: 'u32' },
  { family: AF_NETLINK },
);
const little = endianness() === 'LE';

/** What a netlink socket asks of the system; the kernel's own by default, so that a test can stand in for it. */
export interface NetlinkCalls {
  /** @returns octets taken, or the errno as a negative number */
  send(fd: number, data: Uint8Array): number;
  /** @returns octets read, or the errno as a negative number */
  receive(fd: number, buffer: Uint8Array): number;
  watch(fd: number, ready: () => void): void;
  /** Stops watching and closes. */
  close(fd: number): void;
}

const kernelCalls: NetlinkCalls = {
  send: (fd, data) => signed(libc().send(fd, data, data.length, 0)),
  receive: (fd, buffer) => signed(libc().recv(fd, buffer, buffer.length, MSG_DONTWAIT)),
  watch: (fd, ready) => readiness.watch(fd, EPOLLIN, ready),
  close: (fd) => {
    readiness.forget(fd);
    libc().close(fd);
  },
};

function signed(result: number): number {
  return result < 0 ? -libc().errno() : result;
}

/** The errno of a socket that could not be opened. */
export class NetlinkUnavailable extends Error {
  readonly errno: number;

  constructor(family: Family, errno: number) {
    super(`a netlink socket of the family ${family}: ${libc().describe(errno)}`);
    this.name = 'NetlinkUnavailable';
    this.errno = errno;
  }
}

interface Open<T> {
  answer: { errno: number; text: string | undefined } | undefined;
  readonly values: T[];
}

/**
 * A netlink socket, for requests or for events. The kernel carries a request out while it is being sent, and its answer
 * lies in the socket when that call returns: a request takes no turn of the event loop. Answers are matched with their
 * requests by sequence number.
 */
export class NetlinkSocket implements NetlinkPort {
  private readonly fd: number;
  private readonly calls: NetlinkCalls;
  private readonly buffer = new Uint8Array(new ArrayBuffer(bufferOctets));
  private sequence = 0;
  private isOpen = true;

  /** Takes over a netlink descriptor that does not block. */
  constructor(fd: number, calls: NetlinkCalls = kernelCalls) {
    this.fd = fd;
    this.calls = calls;
  }

  /** @throws NetlinkUnavailable where the kernel has no such family */
  static open(family: Family, groups: readonly number[] = []): NetlinkSocket {
    const c = libc();
    const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, netlinkFamilies[family]);
    if (fd < 0) throw new NetlinkUnavailable(family, c.errno());
    const set = (level: number, option: number, value: number) =>
      c.setsockopt(fd, level, option, Uint8Array.from(new Uint8Array(Uint32Array.of(value).buffer)), 4);
    // events pass a socket by that has no port of its own yet
    c.bind(fd, anyPort, anyPort.length);
    set(SOL_NETLINK, CAP_ACK, 1);
    set(SOL_NETLINK, EXT_ACK, 1);
    if (groups.length > 0) set(SOL_SOCKET, SO_RCVBUFFORCE, eventBufferOctets);
    for (const group of groups) {
      if (set(SOL_NETLINK, ADD_MEMBERSHIP, group) >= 0) continue;
      const errno = c.errno();
      c.close(fd);
      throw new NetlinkUnavailable(family, errno);
    }
    return new NetlinkSocket(fd);
  }

  exchange<T = undefined>(
    requests: readonly Uint8Array[],
    read: (message: NetlinkMessage) => T | undefined = () => undefined,
  ): readonly NetlinkReply<T>[] {
    const open = new Map<number, Open<T>>();
    for (const request of requests) {
      this.sequence = (this.sequence + 1) >>> 0;
      new DataView(request.buffer, request.byteOffset).setUint32(sequenceOffset, this.sequence, little);
      open.set(this.sequence, { answer: undefined, values: [] });
    }
    const datagram =
      requests.length === 1 && requests[0] !== undefined ? requests[0] : Buffer.concat(requests);
    const sent = this.calls.send(this.fd, datagram);
    if (datagram !== requests[0]) datagram.fill(0); // it may hold keys
    if (sent < 0) throw socketFault('sending a netlink request', -sent);
    while ([...open.values()].some(({ answer }) => answer === undefined)) this.collect(open, read);
    return [...open.values()].map(({ answer, values }) => ({
      errno: answer?.errno ?? 0,
      text: answer?.text,
      values,
    }));
  }

  /** Reads one datagram of answers. */
  private collect<T>(open: Map<number, Open<T>>, read: (message: NetlinkMessage) => T | undefined): void {
    const length = this.calls.receive(this.fd, this.buffer);
    if (length < 0) throw socketFault('the answer to a netlink request', -length);
    const octets = this.buffer.subarray(0, length);
    const messages = decodeMessages(octets);
    if (!messages.ok || length === 0) throw new Error('the answer to a netlink request cannot be read');
    for (const message of messages.value) {
      const request = open.get(message.sequence);
      if (request !== undefined) take(request, message, read);
    }
    octets.fill(0); // states are listed with their keys
  }

  /** Hands over every message of the socket's groups, and tells when the kernel had to drop some. */
  listen(received: (message: NetlinkMessage) => void, overrun: () => void): void {
    this.calls.watch(this.fd, () => {
      for (let reads = 0; reads < mostReads && this.isOpen; reads++) {
        const length = this.calls.receive(this.fd, this.buffer);
        if (length === -ERRNO.ENOBUFS) overrun();
        if (length <= 0) return;
        const octets = this.buffer.subarray(0, length);
        const messages = decodeMessages(octets);
        if (messages.ok) for (const message of messages.value) received(message);
        octets.fill(0);
      }
    });
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.calls.close(this.fd);
  }
}

/** Notes a part of an answer; the last part is the verdict. A list that changed while it was read is as good as any. */
function take<T>(
  request: Open<T>,
  message: NetlinkMessage,
  read: (message: NetlinkMessage) => T | undefined,
): void {
  if (message.type === NLMSG.ERROR) {
    const answer = decodeError(message);
    request.answer = answer.ok ? answer.value : { errno: ERRNO.EINVAL, text: 'an answer without form' };
    return;
  }
  if (message.type === NLMSG.DONE) {
    request.answer ??= { errno: 0, text: undefined };
    return;
  }
  const value = read(message);
  if (value !== undefined) request.values.push(value);
  // an answer of one part is followed by an acknowledgement only if one was asked for, which all requests here do
}

function socketFault(what: string, errno: number): Error {
  return new Error(`${what}: ${libc().describe(errno)}`);
}
