/** Linux numbers of the SCTP socket API of RFC 6458: the little of `netinet/sctp.h` that N2 needs. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const POLLIN = 1;
export const POLLOUT = 4;
export const SOL_SCTP = 132;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

export const socketOption = {
  rtoInfo: 0,
  initMessage: 2,
  noDelay: 3,
  peerAddressParameters: 9,
  status: 14,
  bindAdd: 100,
  connectSeveral: 110,
} as const;

/** Type of the control message that carries stream and payload protocol identifier of one send [RFC6458 5.3.4]. */
export const SCTP_SNDINFO = 2;

/** Payload protocol identifier of NGAP [TS38412 7]. */
export const ngapPpid = 60;

export const errno = {
  EAGAIN: 11,
  ESOCKTNOSUPPORT: 94,
  EPROTONOSUPPORT: 93,
  EADDRINUSE: 98,
  EINPROGRESS: 115,
} as const;
