/** Linux numbers of the SCTP socket API of RFC 6458: the little of `netinet/sctp.h` that N2 needs. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SHUT_WR = 1;
export const SOL_SCTP = 132;
/** The call returns at once, with EAGAIN where it would wait. */
export const MSG_DONTWAIT = 0x40;
/** The read ends a message; without it more of the same message follows. */
export const MSG_EOR = 0x80;
/** The read is an event of the kernel and not data of the peer [RFC6458 3.1.4]. */
export const MSG_NOTIFICATION = 0x8000;
/** A send to an association that is gone is an error, and no signal that would end the process. */
export const MSG_NOSIGNAL = 0x4000;

/** Options of an SCTP socket by their numbers. */
export const socketOption = {
  rtoInfo: 0,
  associationInfo: 1,
  initMessage: 2,
  noDelay: 3,
  peerAddressParameters: 9,
  events: 11,
  status: 14,
  receiveInformation: 32,
  bindAdd: 100,
  connectSeveral: 110,
} as const;

/** Type of the control message that carries stream and payload protocol identifier of one send [RFC6458 5.3.4]. */
export const SCTP_SNDINFO = 2;
/** The same for one received message [RFC6458 5.3.5]. */
export const SCTP_RCVINFO = 3;

/** `sn_type` of the notifications that are subscribed to [RFC6458 6.1]. */
export const notification = {
  associationChange: 0x8001,
  peerAddressChange: 0x8002,
  sendFailed: 0x8003,
  remoteError: 0x8004,
  shutdown: 0x8005,
  partialDelivery: 0x8006,
} as const;

/** `sac_state` of an association change. */
export const associationState = { up: 0, lost: 1, restarted: 2, shutDown: 3, notStarted: 4 } as const;

/** `spc_state` of a peer address change, by its number. */
export const pathStates = [
  'available',
  'unreachable',
  'removed',
  'added',
  'primary',
  'confirmed',
  'potentially-failed',
] as const;

/** Payload protocol identifier of NGAP [TS38412 7]. */
export const ngapPpid = 60;
/** The same from an AMF that hands it to its kernel in the order of its own machine, as omec-project's does. */
export const swappedNgapPpid = 0x3c000000;

/** Errors that are told apart, by their numbers. */
export const errno = {
  EINTR: 4,
  EAGAIN: 11,
  EINVAL: 22,
  EMSGSIZE: 90,
  ESOCKTNOSUPPORT: 94,
  EPROTONOSUPPORT: 93,
  EADDRINUSE: 98,
  ETIMEDOUT: 110,
  EINPROGRESS: 115,
} as const;
