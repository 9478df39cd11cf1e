import { libc } from './libc.ts';

/** There is something to read. */
export const EPOLLIN = 1;
/** There is room to write. */
export const EPOLLOUT = 4;
/** Errors and hang-ups are told whether asked for or not. */
export const EPOLLERR = 8;
/** The other end is gone. */
export const EPOLLHUP = 16;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EFD_NONBLOCK_CLOEXEC = 0o2004000;
const EPOLL_CLOEXEC = 0o2000000;

/** `struct epoll_event` is packed on x64 alone. */
const entrySize = process.arch === 'x64' ? 12 : 16;
const dataOffset = entrySize - 8;
/** Descriptors told of in one wake-up; the rest follow in the next. */
const mostAtOnce = 64;

/** What a wait of {@link Readiness} is to find out; called on the event loop while the descriptor is ready. */
type Ready = (events: number) => void;

/**
 * Tells when descriptors that libuv has no handle for are ready, without polling: all of them are in one epoll set, and
 * one thread of libuv's pool sleeps in `epoll_wait` for as long as there are any. It is level-triggered: a callback that
 * leaves something unread is called again.
 */
export class Readiness {
  private readonly watched = new Map<number, Ready>();
  private readonly entries = new Uint8Array(new ArrayBuffer(entrySize * mostAtOnce));
  private epoll = -1;
  /** An eventfd that is always ready once it is armed: takes the sleeping thread back when nothing is left to watch. */
  private alarm = -1;
  /** Somebody sleeps, or looks at the next turn. */
  private active = false;

  /** Calls `ready` whenever one of `events` holds, until `forget`; a second call changes the events. */
  watch(fd: number, events: number, ready: Ready): void {
    this.open();
    const operation = this.watched.has(fd) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    this.watched.set(fd, ready);
    this.control(operation, fd, events);
    this.sleep();
  }

  /** Stops watching; to be called before the descriptor is closed. */
  forget(fd: number): void {
    if (!this.watched.delete(fd)) return;
    this.control(EPOLL_CTL_DEL, fd, 0);
    if (this.watched.size === 0) this.wake();
  }

  private open(): void {
    if (this.epoll >= 0) return;
    this.epoll = libc().epollCreate(EPOLL_CLOEXEC);
    this.alarm = libc().eventfd(0, EFD_NONBLOCK_CLOEXEC);
    this.control(EPOLL_CTL_ADD, this.alarm, 0);
    // a process that exits waits for its threads: the one that sleeps would keep it for ever
    process.once('exit', () => this.wake());
  }

  /** Takes the sleeping thread back. */
  private wake(): void {
    this.control(EPOLL_CTL_MOD, this.alarm, EPOLLOUT);
  }

  private control(operation: number, fd: number, events: number): void {
    const entry = new DataView(new ArrayBuffer(entrySize));
    entry.setUint32(0, events, true);
    entry.setInt32(dataOffset, fd, true);
    libc().epollControl(this.epoll, operation, fd, new Uint8Array(entry.buffer));
  }

  private sleep(): void {
    if (this.active || this.watched.size === 0) return;
    this.active = true;
    this.control(EPOLL_CTL_MOD, this.alarm, 0);
    libc().epollWait(this.epoll, this.entries, mostAtOnce, (count) => {
      this.tell(count);
      setImmediate(this.look);
    });
  }

  /**
   * Where one thing was ready there is often more: a look at each turn of the event loop costs far less than to send a thread
   * to sleep and be woken by it. When a look finds nothing, sleep pays.
   */
  private readonly look = (): void => {
    const count = this.watched.size === 0 ? 0 : libc().epollLook(this.epoll, this.entries, mostAtOnce);
    if (count > 0) {
      this.tell(count);
      setImmediate(this.look);
      return;
    }
    this.active = false;
    this.sleep();
  };

  private tell(count: number): void {
    const view = new DataView(this.entries.buffer);
    for (let at = 0; at < count * entrySize; at += entrySize) {
      const ready = this.watched.get(view.getInt32(at + dataOffset, true));
      ready?.(view.getUint32(at, true));
    }
  }
}

/** The one of this process. */
export const readiness = new Readiness();
