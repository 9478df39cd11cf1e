import koffi from 'koffi';
import { OperatorError } from '../errors.ts';

/** The few calls of the C library that Node has no door to. Loaded on first use, so that nothing else depends on it. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept(fd: number): number;
  epollCreate(flags: number): number;
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  /** Sleeps on a thread of libuv's pool until a descriptor is ready; `entries` is filled with as many as are told. */
  epollWait(epoll: number, entries: Uint8Array, most: number, woken: (count: number) => void): void;
  /** The same without sleeping; gives how many were ready. */
  epollLook(epoll: number, entries: Uint8Array, most: number): number;
  eventfd(initial: number, flags: number): number;
  shutdown(fd: number, how: number): number;
  /** Where a socket is bound: `address` is filled, `length` holds its octets in 4 of its own. */
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  sendmsg(fd: number, message: object, flags: number): number;
  sendto(
    fd: number,
    octets: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ): number;
  /** As {@link Libc.recvmsg}: the message lies in place, so that nothing is made for a call. */
  sendmsgInPlace(fd: number, message: Uint8Array, flags: number): number;
  /** Up to `most` messages in one call; `messages` are that many `struct mmsghdr` in place. */
  recvmmsg(fd: number, messages: Uint8Array, most: number, flags: number): number;
  send(fd: number, data: Uint8Array, length: number, flags: number): number;
  recv(fd: number, buffer: Uint8Array, length: number, flags: number): number;
  /** `message` is a `struct msghdr` in place, with addresses by {@link Libc.addressOf}. */
  recvmsg(fd: number, message: Uint8Array, flags: number): number;
  /** `messages` are so many `struct mmsghdr` in place; gives how many were sent, each with its length then. */
  sendmmsg(fd: number, messages: Uint8Array, count: number, flags: number): number;
  /** Where octets lie. They stay there only if their buffer was made as an ArrayBuffer of its own. */
  addressOf(octets: Uint8Array): bigint;
  close(fd: number): number;
  /** Reads the kernel's clock discipline into a `struct timex` in place; gives its state, or -1. */
  adjtimex(timex: Uint8Array): number;
  /** The errno of the last call of this thread. */
  errno(): number;
  /** The system's own words for an errno. */
  describe(errno: number): string;
}

/** SOCK_NONBLOCK | SOCK_CLOEXEC */
const nonBlocking = 0o2004000;

let loaded: Libc | undefined;

/** @throws OperatorError N3IWF_E_PLATFORM where the C library cannot be loaded */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  try {
    const library = koffi.load('libc.so.6');
    const iovec = koffi.struct({ base: 'void *', length: 'size_t' });
    const message = koffi.struct({
      name: 'void *',
      nameLength: 'uint32_t',
      iov: koffi.pointer(iovec),
      iovLength: 'size_t',
      control: 'void *',
      controlLength: 'size_t',
      flags: 'int',
    });
    const accept = library.func('int accept4(int, void *, void *, int)');
    const epollWait = library.func('int epoll_wait(int, void *, int, int)');
    const recvmmsg = library.func('int recvmmsg(int, void *, unsigned int, int, void *)');
    const strerror = library.func('const char *strerror(int)');
    return {
      socket: library.func('int socket(int, int, int)'),
      bind: library.func('int bind(int, void *, uint32_t)'),
      listen: library.func('int listen(int, int)'),
      shutdown: library.func('int shutdown(int, int)'),
      accept: (fd) => accept(fd, null, null, nonBlocking),
      epollCreate: library.func('int epoll_create1(int)'),
      epollControl: library.func('int epoll_ctl(int, int, int, void *)'),
      epollWait: (epoll, entries, most, woken) =>
        epollWait.async(epoll, entries, most, -1, (_error: unknown, count: number) => woken(count)),
      epollLook: (epoll, entries, most) => epollWait(epoll, entries, most, 0),
      eventfd: library.func('int eventfd(unsigned int, int)'),
      getsockname: library.func('int getsockname(int, _Out_ void *, _Inout_ void *)'),
      setsockopt: library.func('int setsockopt(int, int, int, void *, uint32_t)'),
      getsockopt: library.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ void *)'),
      sendmsg: library.func('sendmsg', 'long', ['int', koffi.pointer(message), 'int']),
      sendto: library.func('long sendto(int, void *, size_t, int, void *, uint32_t)'),
      sendmsgInPlace: library.func('long sendmsg(int, void *, int)'),
      recvmmsg: (fd, messages, most, flags) => recvmmsg(fd, messages, most, flags, null),
      recvmsg: library.func('long recvmsg(int, void *, int)'),
      send: library.func('long send(int, void *, size_t, int)'),
      recv: library.func('long recv(int, void *, size_t, int)'),
      sendmmsg: library.func('int sendmmsg(int, void *, unsigned int, int)'),
      addressOf: (octets) => koffi.address(octets),
      close: library.func('int close(int)'),
      adjtimex: library.func('int adjtimex(void *)'),
      errno: () => koffi.errno(),
      describe: (errno) => String(strerror(errno)),
    };
  } catch (error) {
    throw new OperatorError('N3IWF_E_PLATFORM', `the C library cannot be loaded: ${String(error)}`);
  }
}
