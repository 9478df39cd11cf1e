import { isIPv6 } from 'node:net';
import type { N2Transport } from '../n2/transport.ts';
import { libc } from './libc.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, readiness } from './readiness.ts';
import { MessageAssembler } from './sctp-assembler.ts';
import * as sctp from './sctp-constants.ts';
import { type Notification, readNotification } from './sctp-notifications.ts';
import { type Received, receiveOnce } from './sctp-receive.ts';
import {
  checked,
  grantedStreams,
  openSctpSocket,
  packedAddresses,
  type SctpOptions,
  sctpFault,
  sendInformation,
} from './sctp-socket.ts';
import { TransportListeners } from './transport-listeners.ts';

/** Longest wait for the whole INIT exchange, in ms; the kernel's own attempts end before it. */
const connectTimeoutMs = 15_000;
/** How long a peer may take over an orderly shutdown before the descriptor is closed all the same, in ms. */
const shutdownTimeoutMs = 3_000;
/** Reads of one association in one turn of the event loop, so that a busy one does not starve the rest. */
const mostReads = 64;
/** How long a listener rests after a connection that it could not take, in ms. */
const acceptPauseMs = 100;
/** Octets that wait for the kernel's buffer before the peer counts as stuck. */
const mostWaitingOctets = 16_777_216;

/** What an association asks of the system; the kernel's own by default, so that a test can stand in for it. */
export interface AssociationCalls {
  receive(fd: number): Received | 'empty' | 'ended' | number;
  /** @returns 0, or the errno of the refusal */
  send(fd: number, stream: number, data: Uint8Array): number;
  watch(fd: number, events: number, ready: (events: number) => void): void;
  /** No more sends; SCTP delivers what is under way and then shuts down. */
  shutdown(fd: number): void;
  /** Stops watching and closes. */
  close(fd: number): void;
}

const kernelCalls: AssociationCalls = {
  receive: receiveOnce,
  send: (fd, stream, data) => sendOne(fd, stream, data),
  watch: (fd, events, ready) => readiness.watch(fd, events, ready),
  shutdown: (fd) => void libc().shutdown(fd, sctp.SHUT_WR),
  close: (fd) => {
    readiness.forget(fd);
    libc().close(fd);
  },
};

/** Refusals of one message that leave the association as it is. */
const messageFaults: ReadonlySet<number> = new Set([sctp.errno.EMSGSIZE, sctp.errno.EINVAL]);

/**
 * One kernel association. Commands: `send`, `close`. Told by callbacks: messages with their stream, events, the end.
 * Nothing in it throws: a fault of one message is an event, a fault of the association its end.
 */
export class KernelAssociation extends TransportListeners implements N2Transport {
  readonly streams: number;
  private readonly fd: number;
  private readonly calls: AssociationCalls;
  private readonly assembler: MessageAssembler;
  private readonly waiting: { readonly stream: number; readonly data: Uint8Array }[] = [];
  private waitingOctets = 0;
  private state: 'open' | 'closing' | 'closed' = 'open';
  private closeTimer: NodeJS.Timeout | undefined;

  /** Takes over a connected one-to-one SCTP descriptor, which must not block. */
  constructor(
    fd: number,
    streams: number,
    { acceptSwappedPpid = false }: Pick<SctpOptions, 'acceptSwappedPpid'> = {},
    calls: AssociationCalls = kernelCalls,
  ) {
    super();
    this.fd = fd;
    this.assembler = new MessageAssembler(
      acceptSwappedPpid ? [sctp.ngapPpid, sctp.swappedNgapPpid] : [sctp.ngapPpid],
    );
    this.streams = streams;
    this.calls = calls;
    this.watch();
  }

  /** Sends one message on a stream; what the kernel cannot take yet waits in order. */
  send(stream: number, data: Uint8Array): void {
    if (this.state !== 'open') return;
    if (this.waitingOctets + data.length > mostWaitingOctets) {
      this.end('the peer takes no messages');
      return;
    }
    this.waiting.push({ stream, data });
    this.waitingOctets += data.length;
    if (this.waiting.length === 1) this.flush();
  }

  /** Shuts down in order: what was sent is delivered first, what still arrives is let go. */
  close(): void {
    if (this.state !== 'open') return;
    this.state = 'closing';
    this.closeTimer = setTimeout(() => this.release(), shutdownTimeoutMs);
    if (this.waiting.length === 0) this.calls.shutdown(this.fd);
  }

  private watch(): void {
    const events = this.waiting.length === 0 ? EPOLLIN : EPOLLIN | EPOLLOUT;
    this.calls.watch(this.fd, events, (came) => this.ready(came));
  }

  private ready(events: number): void {
    if (this.waiting.length > 0 && (events & EPOLLOUT) !== 0) this.flush();
    for (let reads = 0; reads < mostReads && this.state !== 'closed'; reads++) {
      const received = this.calls.receive(this.fd);
      if (received === 'empty') {
        // told of an error that no read returns: it would be told again at once, for ever
        if (reads === 0 && (events & (EPOLLERR | EPOLLHUP)) !== 0) this.end('the association is closed');
        return;
      }
      if (typeof received === 'object') this.take(received);
      else if (received === 'ended') this.end('the peer shut the association down');
      else this.end(sctpFault('receiving on the association', received).message);
    }
  }

  private take(received: Received): void {
    if (received.isNotification) {
      const notification = readNotification(received.data);
      if (notification !== undefined) this.notified(notification);
      return;
    }
    const assembled = this.assembler.take(received);
    if (assembled === undefined || this.state !== 'open') return;
    const { stream } = assembled;
    if (assembled.kind === 'message') this.messageListener(assembled.data, stream);
    else this.eventListener({ type: 'messageDropped', stream, reason: assembled.reason });
  }

  private notified(notification: Notification): void {
    switch (notification.kind) {
      case 'event':
        if (this.state === 'open') this.eventListener(notification.event);
        return;
      case 'end':
        this.end(notification.reason);
        return;
      case 'partAborted':
        if (this.assembler.abort())
          this.eventListener({ type: 'messageDropped', stream: 0, reason: 'cut off by the peer' });
    }
  }

  private flush(): void {
    const before = this.waiting.length;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      const code = this.calls.send(this.fd, next.stream, next.data);
      if (code === sctp.errno.EAGAIN) break;
      if (code !== 0 && !this.survives(code, next.stream)) return;
      this.waiting.shift();
      this.waitingOctets -= next.data.length;
    }
    const empty = this.waiting.length === 0;
    if (empty && this.state === 'closing') this.calls.shutdown(this.fd);
    if (!empty || before > 1) this.watch();
  }

  /** Tells a refused send; false when the association ends with it. */
  private survives(code: number, stream: number): boolean {
    const reason = sctpFault('sending on the association', code).message;
    if (messageFaults.has(code)) this.eventListener({ type: 'sendFailed', stream, reason });
    else this.end(reason);
    return this.state !== 'closed';
  }

  private end(reason: string): void {
    const told = this.state === 'open';
    this.release();
    if (told) this.closedListener(reason);
  }

  private release(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    clearTimeout(this.closeTimer);
    this.waiting.length = 0;
    this.waitingOctets = 0;
    this.assembler.abort();
    this.calls.close(this.fd);
  }
}

/** Sends one message without waiting, with NGAP's payload protocol unless told otherwise. @returns 0, or the errno of the refusal */
export function sendOne(fd: number, stream: number, data: Uint8Array, ppid?: number): number {
  const c = libc();
  const control = sendInformation(stream, ppid);
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
  if (code === 0) return new KernelAssociation(fd, grantedStreams(fd), options);
  c.close(fd);
  throw sctpFault(`no SCTP association with ${remote.join(', ')} port ${remotePort}`, code);
}

/** Waits for the end of the INIT exchange. @returns 0, or the errno it ended with */
async function connectionResult(fd: number): Promise<number> {
  const inTime = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), connectTimeoutMs);
    readiness.watch(fd, EPOLLOUT, () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
  readiness.forget(fd);
  if (!inTime) return sctp.errno.ETIMEDOUT;
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
  const accept = (): void => {
    const connected = c.accept(fd);
    if (connected >= 0) {
      accepted(new KernelAssociation(connected, grantedStreams(connected), options));
    } else if (c.errno() !== sctp.errno.EAGAIN) {
      readiness.forget(fd); // no descriptors left, say: it would be told again at once
      setTimeout(() => open && readiness.watch(fd, EPOLLIN, accept), acceptPauseMs);
    }
  };
  readiness.watch(fd, EPOLLIN, accept);
  return {
    close: () => {
      if (!open) return;
      open = false;
      readiness.forget(fd);
      c.close(fd);
    },
  };
}
