import { endianness } from 'node:os';
import type { TransportEvent } from '../n2/transport.ts';
import * as sctp from './sctp-constants.ts';

const little = endianness() === 'LE';

/** What one notification of the kernel means: an event to pass on, or the end of the association. */
export type Notification =
  | { readonly kind: 'event'; readonly event: TransportEvent }
  | { readonly kind: 'end'; readonly reason: string }
  /** The rest of a message that was being delivered in parts will not come. */
  | { readonly kind: 'partAborted' };

/** A parser of the body of one notification, which is at least `least` octets long. */
interface Row {
  readonly least: number;
  readonly read: (view: DataView) => Notification | undefined;
}

const event = (happened: TransportEvent): Notification => ({ kind: 'event', event: happened });
const end = (reason: string): Notification => ({ kind: 'end', reason });

/** RFC 6458 6.1.1 to 6.1.7, by `sn_type`; the offsets are those of Linux's structures. */
const rows = new Map<number, Row>([
  [sctp.notification.associationChange, { least: 16, read: associationChange }],
  [sctp.notification.peerAddressChange, { least: 140, read: peerAddressChange }],
  [sctp.notification.sendFailed, { least: 16, read: sendFailed }],
  [sctp.notification.remoteError, { least: 10, read: remoteError }],
  [sctp.notification.shutdown, { least: 8, read: () => event({ type: 'peerShuttingDown' }) }],
  [sctp.notification.partialDelivery, { least: 12, read: () => ({ kind: 'partAborted' }) }],
]);

/**
 * Reads one notification, as far as it was received.
 *
 * @returns undefined for one that is cut short, that was not subscribed to, or that says nothing of use
 */
export function readNotification(octets: Uint8Array): Notification | undefined {
  if (octets.length < 8) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const row = rows.get(view.getUint16(0, little));
  return row === undefined || octets.length < row.least ? undefined : row.read(view);
}

/** A restart counts as an end: the peer has forgotten all UEs, and NG Setup comes first again [TS38413 8.7.1.1]. */
function associationChange(view: DataView): Notification | undefined {
  const error = view.getUint16(10, little);
  switch (view.getUint16(8, little)) {
    case sctp.associationState.up:
      return event({
        type: 'established',
        outboundStreams: view.getUint16(12, little),
        inboundStreams: view.getUint16(14, little),
      });
    case sctp.associationState.lost:
      return end(`the association was lost${error === 0 ? '' : ` (SCTP cause ${error})`}`);
    case sctp.associationState.restarted:
      return end('the peer started the association anew');
    case sctp.associationState.shutDown:
      return end('the peer shut the association down');
    default:
      return end('the association could not be set up');
  }
}

function peerAddressChange(view: DataView): Notification | undefined {
  const state = sctp.pathStates[view.getInt32(136, little)];
  const address = addressText(view);
  if (state === undefined || address === undefined) return undefined;
  return event({ type: 'pathChanged', address, state });
}

/** The `sockaddr_storage` at octet 8 as text; an IPv4 address mapped into IPv6 is told as IPv4. */
function addressText(view: DataView): string | undefined {
  const octet = (at: number) => view.getUint8(at);
  const dotted = (at: number) => [octet(at), octet(at + 1), octet(at + 2), octet(at + 3)].join('.');
  const family = view.getUint16(8, little);
  if (family === sctp.AF_INET) return dotted(12);
  if (family !== sctp.AF_INET6) return undefined;
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(16 + 2 * at));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return dotted(28);
  return groups.map((group) => group.toString(16)).join(':');
}

/** The stream stands in the `sctp_sndrcvinfo` that follows where the notification is whole. */
function sendFailed(view: DataView): Notification {
  const stream = view.byteLength >= 14 ? view.getUint16(12, little) : 0;
  const sent = view.getUint16(2, little) === 1;
  const reason = `${sent ? 'not acknowledged' : 'not sent'} (SCTP cause ${view.getUint32(8, little)})`;
  return event({ type: 'sendFailed', stream, reason });
}

function remoteError(view: DataView): Notification {
  return event({ type: 'remoteError', causeCode: view.getUint16(8) }); // the chunk's own octets: network order
}
