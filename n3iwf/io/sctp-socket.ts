import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import { OperatorError } from '../errors.ts';
import { libc } from './libc.ts';
import { mostMessageOctets } from './sctp-assembler.ts';
import * as sctp from './sctp-constants.ts';

/** How SCTP behaves; times in ms. The defaults are in {@link sctpDefaults}. */
export interface SctpTuning {
  /** Streams asked for in each direction; the peer may grant fewer. */
  readonly streams: number;
  readonly rtoInitialMs: number;
  readonly rtoMinMs: number;
  readonly rtoMaxMs: number;
  /** Between HEARTBEATs on an idle path. */
  readonly heartbeatMs: number;
  /** Unanswered transmissions in a row after which the association counts as lost. */
  readonly associationMaxRetransmissions: number;
  /** The same for one path, which then is not used until it answers again. */
  readonly pathMaxRetransmissions: number;
  /** Transmissions of INIT before the peer counts as absent. */
  readonly initAttempts: number;
}

/**
 * A path is given up after about 5 s and the association after about 10 s of silence: long before NAS timers of a UE
 * run out, and near what AMFs choose for their own side.
 */
export const sctpDefaults: SctpTuning = {
  streams: 16,
  rtoInitialMs: 500,
  rtoMinMs: 200,
  rtoMaxMs: 2000,
  heartbeatMs: 5000,
  associationMaxRetransmissions: 8,
  pathMaxRetransmissions: 4,
  initAttempts: 3,
};

/** How an association is opened. Several local or remote addresses make it multi-homed. */
export interface SctpOptions extends Partial<SctpTuning> {
  readonly local: readonly string[];
  readonly localPort: number;
  /** Takes messages whose payload protocol identifier has its octets in the wrong order, too. */
  readonly acceptSwappedPpid?: boolean;
}

const little = endianness() === 'LE';

function octets(length: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  fill(view);
  return new Uint8Array(view.buffer);
}

/** `struct sockaddr_in` or `sockaddr_in6` for a textual address. */
export function socketAddress(address: string, port: number): Uint8Array {
  if (isIPv6(address)) {
    return octets(28, (view) => {
      view.setUint16(0, sctp.AF_INET6, little);
      view.setUint16(2, port);
      ipv6Groups(address).forEach((group, at) => {
        view.setUint16(8 + 2 * at, group);
      });
    });
  }
  return octets(16, (view) => {
    view.setUint16(0, sctp.AF_INET, little);
    view.setUint16(2, port);
    address.split('.').forEach((part, at) => {
      view.setUint8(4 + at, Number(part));
    });
  });
}

function ipv6Groups(address: string): number[] {
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [head = '', tail] = address.split('::');
  const first = groups(head);
  if (tail === undefined) return first;
  const last = groups(tail);
  return [...first, ...new Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0), ...last];
}

/** Addresses one after the other, as bindx and connectx take them [RFC6458 9.1]. */
export function packedAddresses(addresses: readonly string[], port: number): Uint8Array {
  return Buffer.concat(addresses.map((address) => socketAddress(address, port)));
}

/** What the C library said of the call that just failed, in an operator's words. */
export function sctpFault(what: string, code: number): OperatorError {
  if (code === sctp.errno.EPROTONOSUPPORT || code === sctp.errno.ESOCKTNOSUPPORT) {
    return new OperatorError(
      'N3IWF_E_PLATFORM',
      'this kernel has no SCTP: load it with "modprobe sctp", as root, and start again',
    );
  }
  const kind = code === sctp.errno.EADDRINUSE ? 'N3IWF_E_BIND' : 'N3IWF_E_N2';
  return new OperatorError(kind, `${what}: ${libc().describe(code)}`);
}

/** Throws what the failed call means, with the descriptor closed; passes other results through. */
export function checked(result: number, what: string, fd?: number): number {
  if (result >= 0) return result;
  const error = sctpFault(what, libc().errno());
  if (fd !== undefined) libc().close(fd);
  throw error;
}

/**
 * A one-to-one SCTP socket, bound to the local addresses, with N2's options set: no delay, streams, retransmission
 * times and heartbeats.
 *
 * @throws OperatorError N3IWF_E_PLATFORM without kernel SCTP, N3IWF_E_BIND when an address cannot be had
 */
export function openSctpSocket(options: SctpOptions, family: number): number {
  const c = libc();
  const fd = checked(
    c.socket(family, sctp.SOCK_STREAM | sctp.SOCK_NONBLOCK | sctp.SOCK_CLOEXEC, sctp.SOL_SCTP),
    'opening an SCTP socket',
  );
  setAll(fd, optionValues(options));
  setBuffers(fd);
  if (options.local.length > 0) {
    const local = packedAddresses(options.local, options.localPort);
    const result = c.setsockopt(fd, sctp.SOL_SCTP, sctp.socketOption.bindAdd, local, local.length);
    checked(result, `binding SCTP to ${options.local.join(', ')} port ${options.localPort}`, fd);
  }
  return fd;
}

type OptionValue = readonly [keyof typeof sctp.socketOption, Uint8Array];

function setAll(fd: number, values: readonly OptionValue[]): void {
  for (const [name, value] of values) {
    const result = libc().setsockopt(fd, sctp.SOL_SCTP, sctp.socketOption[name], value, value.length);
    checked(result, `setting the SCTP option ${name}`, fd);
  }
}

/** Room for the longest message both ways; a kernel that allows less gives what it allows. */
function setBuffers(fd: number): void {
  const size = octets(4, u32s([mostMessageOctets]));
  for (const option of [sctp.SO_SNDBUF, sctp.SO_RCVBUF])
    libc().setsockopt(fd, sctp.SOL_SOCKET, option, size, size.length);
}

const u16s = (values: readonly number[]) => (view: DataView) =>
  values.forEach((value, at) => {
    view.setUint16(2 * at, value, little);
  });
const u32s = (values: readonly number[]) => (view: DataView) =>
  values.forEach((value, at) => {
    view.setUint32(4 * at, value, little);
  });

/** `struct sctp_event_subscribe`: associations, paths, failed sends, remote errors, shutdown, partial delivery. */
const subscription = Uint8Array.of(0, 1, 1, 1, 1, 1, 1, 0, 0, 0);

/** Options that a test can hold against RFC 6458 8.1, in the order in which they are set. */
export function optionValues(options: Partial<SctpTuning>): readonly OptionValue[] {
  const tuning = { ...sctpDefaults, ...options };
  const { streams, initAttempts, rtoInitialMs, rtoMinMs, rtoMaxMs, associationMaxRetransmissions } = tuning;
  return [
    ['noDelay', octets(4, u32s([1]))],
    ['initMessage', octets(8, u16s([streams, streams, initAttempts, rtoMaxMs]))],
    ['rtoInfo', octets(16, u32s([0, rtoInitialMs, rtoMaxMs, rtoMinMs]))],
    [
      'associationInfo',
      octets(20, (view) => {
        view.setUint16(4, associationMaxRetransmissions, little);
      }),
    ],
    ['peerAddressParameters', peerAddressParameters(tuning)],
    ['receiveInformation', octets(4, u32s([1]))],
    ['events', subscription],
  ];
}

/** `struct sctp_paddrparams` (packed): heartbeats on, at this interval, for every address of the peer. */
function peerAddressParameters({ heartbeatMs, pathMaxRetransmissions }: SctpTuning): Uint8Array {
  const heartbeatsOn = 1;
  return octets(156, (view) => {
    view.setUint32(132, heartbeatMs, little);
    view.setUint16(136, pathMaxRetransmissions, little);
    view.setUint32(146, heartbeatsOn, little);
  });
}

/** Streams that the peer granted to a connected descriptor, from `struct sctp_status`; 1 where it cannot be told. */
export function grantedStreams(fd: number): number {
  const status = new Uint8Array(256);
  const length = Uint8Array.from(octets(4, u32s([status.length])));
  const result = libc().getsockopt(fd, sctp.SOL_SCTP, sctp.socketOption.status, status, length);
  return result < 0 ? 1 : Math.max(1, new DataView(status.buffer).getUint16(18, little));
}

/** Control message with the stream and payload protocol of one message; the latter is in network order [TS38412 7]. */
export function sendInformation(stream: number, ppid: number = sctp.ngapPpid): Uint8Array {
  return octets(32, (view) => {
    view.setBigUint64(0, 32n, little);
    view.setInt32(8, sctp.SOL_SCTP, little);
    view.setInt32(12, sctp.SCTP_SNDINFO, little);
    view.setUint16(16, stream, little);
    view.setUint32(20, ppid);
  });
}
