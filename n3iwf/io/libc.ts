import koffi from 'koffi';
import { OperatorError } from '../errors.ts';

/** The few calls of the C library that Node has no door to. Loaded on first use, so that nothing else depends on it. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept(fd: number): number;
  /** Waits on a thread of the pool until a descriptor is ready or the time is over; the events that came. */
  poll(fd: number, events: number, timeoutMs: number): Promise<number>;
  shutdown(fd: number, how: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array): number;
  sendmsg(fd: number, message: object, flags: number): number;
  close(fd: number): number;
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
    const poll = library.func('int poll(_Inout_ void *, unsigned long, int)');
    const strerror = library.func('const char *strerror(int)');
    return {
      socket: library.func('int socket(int, int, int)'),
      bind: library.func('int bind(int, void *, uint32_t)'),
      listen: library.func('int listen(int, int)'),
      shutdown: library.func('int shutdown(int, int)'),
      accept: (fd) => accept(fd, null, null, nonBlocking),
      poll: (fd, events, timeoutMs) => pollOne(poll, fd, events, timeoutMs),
      setsockopt: library.func('int setsockopt(int, int, int, void *, uint32_t)'),
      getsockopt: library.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ void *)'),
      sendmsg: library.func('sendmsg', 'long', ['int', koffi.pointer(message), 'int']),
      close: library.func('int close(int)'),
      errno: () => koffi.errno(),
      describe: (errno) => String(strerror(errno)),
    };
  } catch (error) {
    throw new OperatorError('N3IWF_E_PLATFORM', `the C library cannot be loaded: ${String(error)}`);
  }
}

/** A foreign function that can also run on a thread of the pool. */
interface AsyncCall {
  async(...args: unknown[]): unknown;
}

/** `struct pollfd`: descriptor, events, events that came. */
function pollOne(poll: AsyncCall, fd: number, events: number, timeoutMs: number): Promise<number> {
  const entry = new Uint8Array(8);
  const view = new DataView(entry.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, events, true);
  return new Promise((resolve) => {
    poll.async(entry, 1, timeoutMs, () => resolve(view.getInt16(6, true)));
  });
}
