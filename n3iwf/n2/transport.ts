import type { Log } from '../log.ts';

/** Where a path to one of the AMF's addresses stands, in the words of RFC 6458. */
export type PathState =
  | 'available'
  | 'unreachable'
  | 'removed'
  | 'added'
  | 'primary'
  | 'confirmed'
  | 'potentially-failed';

/** What happened on an association besides messages and its end; none of it needs an answer. */
export type TransportEvent =
  /** The association is up with this many streams granted in each direction. */
  | { readonly type: 'established'; readonly outboundStreams: number; readonly inboundStreams: number }
  /** One of the peer's addresses can be reached, or no longer. */
  | { readonly type: 'pathChanged'; readonly address: string; readonly state: PathState }
  /** The peer began an orderly shutdown; the end follows. */
  | { readonly type: 'peerShuttingDown' }
  /** A message of ours did not leave, or was not acknowledged before the association ended. */
  | { readonly type: 'sendFailed'; readonly stream: number; readonly reason: string }
  /** The peer sent an ERROR chunk with this cause code (RFC 9260 3.3.10). */
  | { readonly type: 'remoteError'; readonly causeCode: number }
  /** Something received was not passed on: another payload protocol, too long, or cut off half way. */
  | { readonly type: 'messageDropped'; readonly stream: number; readonly reason: string };

/** The message transport to one AMF: kernel SCTP, or an in-memory pair in the lab. */
export interface N2Transport {
  /** Streams that may be sent on: what was asked for, as far as the peer granted it; at least 1. */
  readonly streams: number;
  /** Sends one message of PPID 60. Never throws: what goes wrong is an event or the end. */
  send(stream: number, data: Uint8Array): void;
  /** The listener owns `data`; it is called with whole messages of PPID 60 alone. */
  onMessage(listener: (data: Uint8Array, stream: number) => void): void;
  onEvent(listener: (event: TransportEvent) => void): void;
  /** Called once, with the reason, when the association ended by anything but `close`. */
  onClosed(listener: (reason: string) => void): void;
  /** Shuts the association down in order: what was sent before is delivered first. */
  close(): void;
}

/** States of a path in which nothing travels on it. */
const badStates: ReadonlySet<PathState> = new Set(['unreachable', 'removed', 'potentially-failed']);

/** Logs an event of the transport: as a warning if a path, a message or a chunk was lost by it. */
export function logTransportEvent(log: Log, event: TransportEvent): void {
  const lost =
    event.type === 'pathChanged'
      ? badStates.has(event.state)
      : event.type === 'sendFailed' || event.type === 'messageDropped' || event.type === 'remoteError';
  log[lost ? 'warn' : 'info']({ sctp: event }, 'SCTP');
}
