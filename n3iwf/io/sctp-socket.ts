import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import { OperatorError } from '../errors.ts';
import { libc } from './libc.ts';
import * as sctp from './sctp-constants.ts';

/** How an association is opened; times in ms. Several local or remote addresses make it multi-homed. */
export interface SctpOptions {
  readonly local: readonly string[];
  readonly localPort: number;
  /** Streams asked for in each direction; the peer may grant fewer. */
  readonly streams?: number;
  readonly rtoInitialMs?: number;
  readonly rtoMinMs?: number;
  readonly rtoMaxMs?: number;
  readonly heartbeatMs?: number;
  /** Transmissions of INIT before the peer counts as absent. */
  readonly initAttempts?: number;
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
  for (const [name, value] of optionValues(options)) {
    const result = c.setsockopt(fd, sctp.SOL_SCTP, sctp.socketOption[name], value, value.length);
    checked(result, `setting the SCTP option ${name}`, fd);
  }
  if (options.local.length > 0) {
    const local = packedAddresses(options.local, options.localPort);
    const result = c.setsockopt(fd, sctp.SOL_SCTP, sctp.socketOption.bindAdd, local, local.length);
    checked(result, `binding SCTP to ${options.local.join(', ')} port ${options.localPort}`, fd);
  }
  return fd;
}

function optionValues(options: SctpOptions): [keyof typeof sctp.socketOption, Uint8Array][] {
  const { streams = 16, initAttempts = 3, rtoInitialMs = 500, rtoMinMs = 200, rtoMaxMs = 2000 } = options;
  const { heartbeatMs = 5000 } = options;
  const u16s = (values: number[]) => (view: DataView) =>
    values.forEach((value, at) => {
      view.setUint16(2 * at, value, little);
    });
  const u32s = (values: number[]) => (view: DataView) =>
    values.forEach((value, at) => {
      view.setUint32(4 * at, value, little);
    });
  return [
    ['noDelay', octets(4, u32s([1]))],
    ['initMessage', octets(8, u16s([streams, streams, initAttempts, rtoMaxMs]))],
    ['rtoInfo', octets(16, u32s([0, rtoInitialMs, rtoMaxMs, rtoMinMs]))],
    ['peerAddressParameters', peerAddressParameters(heartbeatMs)],
  ];
}

/** `struct sctp_paddrparams` (packed): heartbeats on, at this interval, for every address of the peer. */
function peerAddressParameters(heartbeatMs: number): Uint8Array {
  const heartbeatsOn = 1;
  return octets(156, (view) => {
    view.setUint32(132, heartbeatMs, little);
    view.setUint32(146, heartbeatsOn, little);
  });
}

/** Control message with the stream and PPID 60 of one message; PPID is in network order [TS38412 7]. */
export function sendInformation(stream: number): Uint8Array {
  return octets(32, (view) => {
    view.setBigUint64(0, 32n, little);
    view.setInt32(8, sctp.SOL_SCTP, little);
    view.setInt32(12, sctp.SCTP_SNDINFO, little);
    view.setUint16(16, stream, little);
    view.setUint32(20, sctp.ngapPpid);
  });
}
