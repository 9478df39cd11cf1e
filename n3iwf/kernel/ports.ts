import type { NetlinkAnswer, NetlinkMessage } from './netlink.ts';

/** What became of one request: the kernel's verdict and what it sent before that. */
export interface NetlinkReply<T> extends NetlinkAnswer {
  readonly values: readonly T[];
}

/** A netlink socket as the kernel plane uses it. The kernel answers within the call that asks: nothing waits. */
export interface NetlinkPort {
  /**
   * Sends requests in one datagram, which the kernel carries out one after the other, and gives its verdict on each in
   * their order. `read` picks from the messages of an answer; they are only good during the call. Sequence numbers are
   * written into the requests.
   *
   * @throws Error when the socket itself fails
   */
  exchange<T>(
    requests: readonly Uint8Array[],
    read?: (message: NetlinkMessage) => T | undefined,
  ): readonly NetlinkReply<T>[];
}

/** errno values that mean something of their own here. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EAGAIN: 11,
  EACCES: 13,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOSYS: 38,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRNOTAVAIL: 99,
  ENOBUFS: 105,
} as const;

/** A request that the kernel refused. */
export class NetlinkRefusal extends Error {
  readonly errno: number;

  /** `what` was asked for; `text` are the kernel's own words or those for the errno. */
  constructor(what: string, errno: number, text: string) {
    super(`${what}: ${text}`);
    this.name = 'NetlinkRefusal';
    this.errno = errno;
  }
}
