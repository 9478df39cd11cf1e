import type { N2Transport, PathState, TransportEvent } from '../n2/transport.ts';
import { mostMessageOctets } from './sctp-assembler.ts';
import { TransportListeners } from './transport-listeners.ts';

/**
 * One end of a message channel that behaves as an SCTP association does: whole messages, in order, both ways, with the
 * events and the end that the kernel would tell. `path` and `fail` play what a network does to a real one.
 */
export class MemoryAssociation extends TransportListeners implements N2Transport {
  readonly streams: number;
  private peer: MemoryAssociation | undefined;
  private open = true;

  private constructor(streams: number) {
    super();
    this.streams = streams;
  }

  /** Two ends that hear each other; a message arrives in a later turn of the event loop, as a real one would. */
  static pair(streams = 16): [MemoryAssociation, MemoryAssociation] {
    const one = new MemoryAssociation(streams);
    const other = new MemoryAssociation(streams);
    one.peer = other;
    other.peer = one;
    const established = { type: 'established', outboundStreams: streams, inboundStreams: streams } as const;
    setImmediate(() => {
      one.tell(established);
      other.tell(established);
    });
    return [one, other];
  }

  /** Refuses, as an event, what the kernel would: a stream that was not granted, a message that is too long. */
  send(stream: number, data: Uint8Array): void {
    const { peer } = this;
    if (!this.open || peer === undefined) return;
    if (stream >= this.streams || data.length > mostMessageOctets) {
      const reason = stream >= this.streams ? 'no such stream' : 'too long';
      this.tell({ type: 'sendFailed', stream, reason });
      return;
    }
    setImmediate(() => {
      if (peer.open) peer.messageListener(data, stream);
    });
  }

  /** Ends both sides; the other one is told. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    const { peer } = this;
    setImmediate(() => {
      peer?.tell({ type: 'peerShuttingDown' });
      peer?.end('the peer shut the association down');
    });
  }

  /** What this end's kernel would tell of a path to one of the peer's addresses. */
  path(address: string, state: PathState): void {
    this.tell({ type: 'pathChanged', address, state });
  }

  /** The network loses the association: both ends are told, and nothing under way arrives. */
  fail(reason = 'the association was lost'): void {
    const { peer } = this;
    this.end(reason);
    peer?.end(reason);
  }

  private tell(event: TransportEvent): void {
    if (this.open) this.eventListener(event);
  }

  private end(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.closedListener(reason);
  }
}
