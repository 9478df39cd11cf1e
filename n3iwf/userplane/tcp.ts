import { TCP_FLAG, type TcpSegment } from './tcp-segment.ts';

/** Where one connection's output goes. */
export interface TcpPorts {
  transmit(segment: TcpSegment): void;
  opened(): void;
  received(data: Uint8Array): void;
  closed(reason: string): void;
}

export interface TcpEnds {
  readonly localPort: number;
  readonly remotePort: number;
}

type State = 'synSent' | 'synReceived' | 'established' | 'closing' | 'closed';

interface Unacknowledged {
  readonly sequence: number;
  readonly flags: number;
  readonly data: Uint8Array;
}

const mss = 1300;
/** What a peer is sent at a time if it asks for less: segments of no octets would never end, those of one hardly. */
const leastMss = 88;
const receiveWindow = 65535;
const initialRtoMs = 200;
const maxRtoMs = 8000;
const maxTries = 8;
/** Octets waiting to be sent before the connection counts as stuck. */
const maxBacklog = 1 << 20;

/** Sequence arithmetic modulo 2^32 [RFC9293 3.4]. */
function before(one: number, other: number): boolean {
  return ((one - other) | 0) < 0;
}

function plus(sequence: number, count: number): number {
  return (sequence + count) >>> 0;
}

/**
 * One TCP connection inside the tunnel, sans-I/O: enough of RFC 9293 to carry NAS between two well-behaved ends over a
 * path that loses, doubles and reorders. No urgent data, window scaling or selective acknowledgement; one timer.
 */
export class TcpConnection {
  private readonly ends: TcpEnds;
  private readonly ports: TcpPorts;
  private state: State;
  private sendNext: number;
  private sendUnacknowledged: number;
  private receiveNext = 0;
  private peerWindow = receiveWindow;
  private peerMss = 536;
  private readonly inFlight: Unacknowledged[] = [];
  private backlog: Uint8Array[] = [];
  private backlogOctets = 0;
  private readonly early = new Map<number, Uint8Array>();
  private retransmitAt: number | undefined;
  private rtoMs = initialRtoMs;
  private tries = 0;
  /** Our FIN is out: the peer's is answered by an acknowledgement alone. */
  private finSent = false;
  /** Both sides said that they are done: the peer's FIN may still come, or come again [RFC9293 3.10.7.4]. */
  private endedInOrder = false;

  private constructor(ends: TcpEnds, initialSequence: number, ports: TcpPorts, state: State) {
    this.ends = ends;
    this.ports = ports;
    this.state = state;
    this.sendNext = initialSequence;
    this.sendUnacknowledged = initialSequence;
  }

  /** Opens towards a listener: SYN goes out at once. */
  static connect(now: number, ends: TcpEnds, initialSequence: number, ports: TcpPorts): TcpConnection {
    const connection = new TcpConnection(ends, initialSequence, ports, 'synSent');
    connection.push(now, TCP_FLAG.SYN, new Uint8Array(0));
    return connection;
  }

  /** Answers a SYN. */
  static accept(
    now: number,
    ends: TcpEnds,
    initialSequence: number,
    syn: TcpSegment,
    ports: TcpPorts,
  ): TcpConnection {
    const connection = new TcpConnection(ends, initialSequence, ports, 'synReceived');
    connection.receiveNext = plus(syn.sequence, 1);
    connection.learn(syn);
    connection.push(now, TCP_FLAG.SYN | TCP_FLAG.ACK, new Uint8Array(0));
    return connection;
  }

  get isOpen(): boolean {
    return this.state === 'established';
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** Queues octets; they leave as the peer's window and the segment size allow. */
  send(now: number, data: Uint8Array): void {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.backlog.push(data);
    this.backlogOctets += data.length;
    if (this.backlogOctets > maxBacklog) this.finish('the peer takes no data');
    else if (this.state === 'established') this.flush(now);
  }

  /** Sends FIN behind what is queued. */
  close(now: number): void {
    if (this.state !== 'established') {
      this.finish('closed before it was open');
      return;
    }
    this.flush(now);
    this.state = 'closing';
    this.finSent = true;
    this.push(now, TCP_FLAG.FIN | TCP_FLAG.ACK, new Uint8Array(0));
  }

  /** One segment of this connection's peer. */
  receive(now: number, segment: TcpSegment): void {
    if (this.state === 'closed') {
      this.receiveAfterEnd(segment);
      return;
    }
    if ((segment.flags & TCP_FLAG.RST) !== 0) {
      if (this.isAcceptableReset(segment)) this.finish('reset by the peer');
      return;
    }
    if (this.state === 'synSent') this.receiveInSynSent(now, segment);
    else this.receiveSynchronized(now, segment);
  }

  /** The acknowledgement of a FIN may be lost: a FIN that comes again gets another, for as long as anyone asks. */
  private receiveAfterEnd({ flags, sequence, data }: TcpSegment): void {
    if (!this.endedInOrder || (flags & TCP_FLAG.FIN) === 0 || (flags & TCP_FLAG.RST) !== 0) return;
    const finAt = plus(sequence, data.length);
    if (finAt === this.receiveNext) this.receiveNext = plus(finAt, 1);
    if (plus(finAt, 1) === this.receiveNext) this.acknowledge();
  }

  /** A reset counts only at the exact next sequence number, or as the answer to our SYN [RFC9293 3.10.7.4]. */
  private isAcceptableReset(segment: TcpSegment): boolean {
    if (this.state === 'synSent') return segment.acknowledgment === this.sendNext;
    return segment.sequence === this.receiveNext;
  }

  private receiveInSynSent(now: number, segment: TcpSegment): void {
    const isAnswer =
      segment.flags === (TCP_FLAG.SYN | TCP_FLAG.ACK) && segment.acknowledgment === this.sendNext;
    if (!isAnswer) return;
    this.receiveNext = plus(segment.sequence, 1);
    this.learn(segment);
    this.acknowledged(now, segment.acknowledgment);
    this.becomeEstablished(now);
    this.acknowledge();
  }

  private receiveSynchronized(now: number, segment: TcpSegment): void {
    if ((segment.flags & TCP_FLAG.ACK) === 0) {
      this.repeatLast(segment);
      return;
    }
    this.learnWindow(now, segment);
    this.acknowledged(now, segment.acknowledgment);
    if (this.state === 'synReceived' && this.inFlight.length === 0) this.becomeEstablished(now);
    if (this.state === 'synReceived') return;
    const fresh = this.take(segment);
    if (fresh) this.acknowledge();
    if (this.state === 'established') this.flush(now);
  }

  /** A SYN that comes again gets its answer again. */
  private repeatLast(segment: TcpSegment): void {
    const first = this.inFlight[0];
    if (this.state === 'synReceived' && (segment.flags & TCP_FLAG.SYN) !== 0 && first !== undefined)
      this.emit(first);
  }

  private learn(segment: TcpSegment): void {
    this.peerWindow = segment.window;
    this.peerMss = Math.min(mss, Math.max(leastMss, segment.maximumSegmentSize ?? 536)); // [RFC9293 3.7.1]
  }

  /**
   * Takes the peer's window, but for that of a segment older than what was acknowledged since. A peer that answers with
   * a window of 0 is alive: probing goes on for as long as it does [RFC1122 4.2.2.17]. When the window opens, the probe
   * goes again at once, as the peer may have thrown its octet away.
   */
  private learnWindow(now: number, { acknowledgment, window }: TcpSegment): void {
    if (before(acknowledgment, this.sendUnacknowledged) || before(this.sendNext, acknowledgment)) return;
    const wasClosed = this.peerWindow === 0;
    this.peerWindow = window;
    if (window === 0) this.tries = 0;
    else if (wasClosed && this.inFlight.length > 0) {
      this.rtoMs = initialRtoMs;
      this.retransmitAt = now;
    }
  }

  private becomeEstablished(now: number): void {
    this.state = 'established';
    this.ports.opened();
    this.flush(now);
  }

  /** Takes the data of a segment, in order; true when the peer is owed an acknowledgement. */
  private take(segment: TcpSegment): boolean {
    const isFin = (segment.flags & TCP_FLAG.FIN) !== 0;
    if (segment.data.length === 0 && !isFin) return before(segment.sequence, this.receiveNext);
    if (segment.data.length > 0) this.takeData(segment.sequence, segment.data);
    if (isFin && plus(segment.sequence, segment.data.length) === this.receiveNext) {
      this.receiveNext = plus(this.receiveNext, 1);
      this.answerFin();
      this.endedInOrder = true;
      this.finish('closed by the peer');
      return false;
    }
    return true;
  }

  /** This side has nothing to add once the peer is done: its own FIN goes with the acknowledgement. */
  private answerFin(): void {
    if (this.finSent) {
      this.acknowledge();
      return;
    }
    this.finSent = true;
    const fin = { sequence: this.sendNext, flags: TCP_FLAG.FIN | TCP_FLAG.ACK, data: new Uint8Array(0) };
    this.sendNext = endOf(fin);
    this.emit(fin);
  }

  private takeData(sequence: number, data: Uint8Array): void {
    if (before(this.receiveNext, sequence)) {
      const ahead = (sequence - this.receiveNext) >>> 0;
      if (ahead + data.length <= receiveWindow && this.early.size < 64) this.early.set(sequence, data);
      return;
    }
    this.deliver(sequence, data);
    for (let next = this.earlyNext(); next !== undefined; next = this.earlyNext()) this.deliver(...next);
  }

  private deliver(sequence: number, data: Uint8Array): void {
    const known = (this.receiveNext - sequence) >>> 0;
    if (known >= data.length) return;
    const fresh = data.subarray(known);
    this.receiveNext = plus(this.receiveNext, fresh.length);
    this.ports.received(fresh);
  }

  /** A stored segment that is next, or that lies behind and can go. */
  private earlyNext(): [number, Uint8Array] | undefined {
    for (const [sequence, data] of this.early) {
      if (before(this.receiveNext, sequence)) continue;
      this.early.delete(sequence);
      return [sequence, data];
    }
    return undefined;
  }

  /** When `tick` is due, in ms of the caller's clock. */
  deadline(): number | undefined {
    return this.retransmitAt;
  }

  /** Sends the oldest unacknowledged segment again, ever more slowly, and gives up in the end [RFC6298 5]. */
  tick(now: number): void {
    if (this.retransmitAt === undefined || now < this.retransmitAt) return;
    const first = this.inFlight[0];
    if (first === undefined) {
      this.retransmitAt = undefined;
      return;
    }
    if (++this.tries >= maxTries) {
      this.finish('the peer does not answer');
      return;
    }
    this.rtoMs = Math.min(maxRtoMs, this.rtoMs * 2);
    this.retransmitAt = now + this.rtoMs;
    this.emit(first);
  }

  private acknowledged(now: number, acknowledgment: number): void {
    if (!before(this.sendUnacknowledged, acknowledgment) || before(this.sendNext, acknowledgment)) return;
    this.sendUnacknowledged = acknowledgment;
    while (this.inFlight[0] !== undefined && !before(acknowledgment, endOf(this.inFlight[0])))
      this.inFlight.shift();
    this.tries = 0;
    this.rtoMs = initialRtoMs;
    this.retransmitAt = this.inFlight.length === 0 ? undefined : now + this.rtoMs;
    if (this.state !== 'closing' || this.inFlight.length > 0) return;
    this.endedInOrder = true;
    this.finish('closed');
  }

  /** Sends what the window takes; a window of 0 is probed with one octet by the retransmission timer. */
  private flush(now: number): void {
    for (let data = this.backlog[0]; data !== undefined; data = this.backlog[0]) {
      const used = (this.sendNext - this.sendUnacknowledged) >>> 0;
      const room = Math.max(this.peerWindow, this.inFlight.length === 0 ? 1 : 0) - used;
      if (room <= 0) return;
      const part = data.subarray(0, Math.min(room, this.peerMss));
      if (part.length === data.length) this.backlog.shift();
      else this.backlog[0] = data.subarray(part.length);
      this.backlogOctets -= part.length;
      this.push(now, TCP_FLAG.ACK | TCP_FLAG.PSH, part);
    }
  }

  private push(now: number, flags: number, data: Uint8Array): void {
    const segment = { sequence: this.sendNext, flags, data };
    this.inFlight.push(segment);
    this.sendNext = endOf(segment);
    this.retransmitAt ??= now + this.rtoMs;
    this.emit(segment);
  }

  private acknowledge(): void {
    this.emit({ sequence: this.sendNext, flags: TCP_FLAG.ACK, data: new Uint8Array(0) });
  }

  private emit({ sequence, flags, data }: Unacknowledged): void {
    this.ports.transmit({
      sourcePort: this.ends.localPort,
      destinationPort: this.ends.remotePort,
      sequence,
      acknowledgment: (flags & TCP_FLAG.ACK) === 0 ? 0 : this.receiveNext,
      flags,
      window: receiveWindow,
      ...((flags & TCP_FLAG.SYN) === 0 ? {} : { maximumSegmentSize: mss }),
      data,
    });
  }

  private finish(reason: string): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.retransmitAt = undefined;
    this.inFlight.length = 0;
    this.backlog = [];
    this.early.clear();
    this.ports.closed(reason);
  }
}

/** SYN and FIN take a sequence number each. */
function endOf({ sequence, flags, data }: Unacknowledged): number {
  const marks = (flags & TCP_FLAG.SYN) !== 0 || (flags & TCP_FLAG.FIN) !== 0 ? 1 : 0;
  return plus(sequence, data.length + marks);
}
