import { isIPv6, Socket } from 'node:net';
import { libc } from './libc.ts';
import * as sctp from './sctp-constants.ts';
import {
  checked,
  openSctpSocket,
  packedAddresses,
  type SctpOptions,
  sctpFault,
  sendInformation,
} from './sctp-socket.ts';

/** How often a send that the kernel's buffer refused is tried again, in ms. */
const retryMs = 2;
/** Longest wait for the whole INIT exchange, in ms; the kernel's own attempts end before it. */
const connectTimeoutMs = 15_000;
/** How soon a closed listener lets its thread of the pool go, in ms. */
const acceptPollMs = 200;

/** N2's view of one kernel association; both messages and the end of it arrive by the two callbacks. */
export class KernelAssociation {
  /** Outbound streams that both ends agreed on: the smaller of what we asked for and what the peer takes in. */
  readonly streams: number;
  private readonly fd: number;
  private readonly socket: Socket;
  private readonly waiting: { readonly stream: number; readonly data: Uint8Array }[] = [];
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  private messageListener: (data: Uint8Array) => void = () => {};
  private closedListener: (reason: string) => void = () => {};

  /** Takes over a connected one-to-one SCTP descriptor. */
  constructor(fd: number) {
    this.fd = fd;
    this.streams = outboundStreams(fd);
    this.socket = new Socket({ fd, readable: true, writable: true });
    this.socket.on('data', (data) => this.messageListener(data));
    this.socket.on('end', () => this.end('the peer shut the association down'));
    this.socket.on('error', (error) => this.end(error.message));
    this.socket.on('close', () => this.end('the association is closed'));
  }

  onMessage(listener: (data: Uint8Array) => void): void {
    this.messageListener = listener;
  }

  onClosed(listener: (reason: string) => void): void {
    this.closedListener = listener;
  }

  /** Sends one message on a stream; what the kernel cannot take yet waits in order. */
  send(stream: number, data: Uint8Array): void {
    if (this.closed) return;
    this.waiting.push({ stream, data });
    if (this.retry === undefined) this.flush();
  }

  /** Shuts down in order: what was sent is delivered first. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.retry);
    this.socket.end();
    this.socket.destroySoon();
  }

  private flush(): void {
    this.retry = undefined;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      const code = sendOne(this.fd, next.stream, next.data);
      if (code === sctp.errno.EAGAIN) {
        this.retry = setTimeout(() => this.flush(), retryMs);
        return;
      }
      if (code !== 0) {
        this.end(sctpFault('sending on the association', code).message);
        return;
      }
      this.waiting.shift();
    }
  }

  private end(reason: string): void {
    clearTimeout(this.retry);
    this.retry = undefined;
    this.waiting.length = 0;
    const first = !this.closed;
    this.closed = true;
    this.socket.destroy();
    if (first) this.closedListener(reason);
  }
}

/** Sizes and places in `struct sctp_status` (RFC 6458, 8.2.1). */
const status = { length: 176, outboundStreams: 18 } as const;

/** Outbound streams of a connected descriptor; 1 when the kernel does not say. */
function outboundStreams(fd: number): number {
  const value = new Uint8Array(status.length);
  const length = Uint8Array.of(status.length, 0, 0, 0);
  if (libc().getsockopt(fd, sctp.SOL_SCTP, sctp.socketOption.status, value, length) < 0) return 1;
  return Math.max(1, new DataView(value.buffer).getUint16(status.outboundStreams, true));
}

/** @returns 0, or the errno of the refusal */
function sendOne(fd: number, stream: number, data: Uint8Array): number {
  const c = libc();
  const control = sendInformation(stream);
  const message = {
    name: null,
    nameLength: 0,
    iov: [{ base: data, length: data.length }],
    iovLength: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
  return c.sendmsg(fd, message, sctp.MSG_DONTWAIT | sctp.MSG_NOSIGNAL) < 0 ? c.errno() : 0;
}

function familyOf(addresses: readonly string[]): number {
  return addresses.some((address) => isIPv6(address)) ? sctp.AF_INET6 : sctp.AF_INET;
}

/**
 * Opens an association with a peer that may have several addresses.
 *
 * @throws OperatorError N3IWF_E_PLATFORM, N3IWF_E_BIND, or N3IWF_E_N2 when the peer does not answer
 */
export async function connectSctp(
  options: SctpOptions,
  remote: readonly string[],
  remotePort: number,
): Promise<KernelAssociation> {
  const c = libc();
  const fd = openSctpSocket(options, familyOf(remote));
  const addresses = packedAddresses(remote, remotePort);
  const begun = c.setsockopt(
    fd,
    sctp.SOL_SCTP,
    sctp.socketOption.connectSeveral,
    addresses,
    addresses.length,
  );
  const code = begun < 0 && c.errno() !== sctp.errno.EINPROGRESS ? c.errno() : await connectionResult(fd);
  if (code === 0) return new KernelAssociation(fd);
  c.close(fd);
  throw sctpFault(`no SCTP association with ${remote.join(', ')} port ${remotePort}`, code);
}

async function connectionResult(fd: number): Promise<number> {
  await libc().poll(fd, sctp.POLLOUT, connectTimeoutMs);
  const value = new Uint8Array(4);
  const length = Uint8Array.of(4, 0, 0, 0);
  libc().getsockopt(fd, sctp.SOL_SOCKET, sctp.SO_ERROR, value, length);
  return new DataView(value.buffer).getInt32(0, true);
}

/** Listens for associations until `close`. Each one accepted is handed to `accepted`. @throws OperatorError */
export function listenSctp(
  options: SctpOptions,
  accepted: (association: KernelAssociation) => void,
): { close(): void } {
  const c = libc();
  const fd = openSctpSocket(options, familyOf(options.local));
  checked(c.listen(fd, 16), `listening on ${options.local.join(', ')} port ${options.localPort}`, fd);
  let open = true;
  const acceptWhileOpen = async (): Promise<void> => {
    while (open) {
      const events = await c.poll(fd, sctp.POLLIN, acceptPollMs);
      const connected = open && events !== 0 ? c.accept(fd) : -1;
      if (connected >= 0) accepted(new KernelAssociation(connected));
    }
    c.close(fd);
  };
  void acceptWhileOpen();
  return {
    close: () => {
      open = false;
    },
  };
}
