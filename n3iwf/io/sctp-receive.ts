import { endianness } from 'node:os';
import { libc } from './libc.ts';
import * as sctp from './sctp-constants.ts';

const little = endianness() === 'LE';

/** One successful `recvmsg`: data of the peer or a notification of the kernel. `data` is valid until the next call. */
export interface Received {
  readonly data: Uint8Array;
  readonly isNotification: boolean;
  /** Last part of its message. */
  readonly last: boolean;
  readonly stream: number;
  readonly ppid: number;
}

/** Octets read at once; a longer message comes in parts. */
const bufferOctets = 65_536;
const controlOctets = 256;
const headerOctets = 56;

/** Buffers of their own, so that they stay where the header says they are. */
const buffer = new Uint8Array(new ArrayBuffer(bufferOctets));
const control = new Uint8Array(new ArrayBuffer(controlOctets));
const vector = new DataView(new ArrayBuffer(16));
const header = new DataView(new ArrayBuffer(headerOctets));
const headerView = new Uint8Array(header.buffer);
let prepared = false;

/** `struct msghdr` on a 64-bit Linux: name 0, its length 8, vector 16, count 24, control 32, its length 40, flags 48. */
function prepare(): void {
  const c = libc();
  vector.setBigUint64(0, c.addressOf(buffer), little);
  vector.setBigUint64(8, BigInt(bufferOctets), little);
  header.setBigUint64(16, c.addressOf(new Uint8Array(vector.buffer)), little);
  header.setBigUint64(24, 1n, little);
  header.setBigUint64(32, c.addressOf(control), little);
  prepared = true;
}

/**
 * Reads once from a descriptor that does not block, with stream, payload protocol and flags, which a plain read would
 * not tell [RFC6458 3.1.4].
 *
 * @returns the read, 'empty' when there is nothing, 'ended' when the peer's side is closed, or the errno
 */
export function receiveOnce(fd: number): Received | 'empty' | 'ended' | number {
  if (!prepared) prepare();
  header.setBigUint64(40, BigInt(controlOctets), little);
  header.setInt32(48, 0, little);
  const c = libc();
  const length = c.recvmsg(fd, headerView, sctp.MSG_DONTWAIT);
  if (length < 0) {
    const code = c.errno();
    return code === sctp.errno.EAGAIN || code === sctp.errno.EINTR ? 'empty' : code;
  }
  const flags = header.getInt32(48, little);
  if (length === 0) return 'ended';
  const information = receiveInformation(control.subarray(0, Number(header.getBigUint64(40, little))));
  return {
    data: buffer.subarray(0, length),
    isNotification: (flags & sctp.MSG_NOTIFICATION) !== 0,
    last: (flags & sctp.MSG_EOR) !== 0,
    ...information,
  };
}

/** Stream and payload protocol of a read; both 0 where the kernel gave none, as with notifications [RFC6458 5.3.5]. */
export function receiveInformation(messages: Uint8Array): { stream: number; ppid: number } {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.length);
  for (let at = 0; at + 16 <= view.byteLength; ) {
    const length = Number(view.getBigUint64(at, little));
    const isOurs =
      view.getInt32(at + 8, little) === sctp.SOL_SCTP && view.getInt32(at + 12, little) === sctp.SCTP_RCVINFO;
    if (isOurs && length >= 28 && at + 28 <= view.byteLength)
      return { stream: view.getUint16(at + 16, little), ppid: view.getUint32(at + 24) };
    at += Math.max(16, (length + 7) & ~7);
  }
  return { stream: 0, ppid: 0 };
}
