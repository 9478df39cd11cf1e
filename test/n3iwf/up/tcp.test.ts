import { describe, expect, it } from 'vitest';
import { TcpConnection, type TcpPorts } from '../../../n3iwf/userplane/tcp.ts';
import { TCP_FLAG, type TcpSegment } from '../../../n3iwf/userplane/tcp-segment.ts';

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class End {
  connection: TcpConnection | undefined;
  readonly got: Uint8Array[] = [];
  openedTimes = 0;
  reason: string | undefined;
  readonly sent: TcpSegment[] = [];
  readonly #deliver: (segment: TcpSegment) => void;

  constructor(deliver: (segment: TcpSegment) => void = () => {}) {
    this.#deliver = deliver;
  }

  readonly ports: TcpPorts = {
    transmit: (segment) => {
      this.sent.push(segment);
      this.#deliver(segment);
    },
    opened: () => this.openedTimes++,
    received: (data) => this.got.push(Uint8Array.from(data)),
    closed: (reason) => {
      expect(this.reason).toBeUndefined();
      this.reason = reason;
    },
  };

  get octets(): Buffer {
    return Buffer.concat(this.got);
  }

  get last(): TcpSegment {
    return this.sent.at(-1) as TcpSegment;
  }
}

interface Weather {
  readonly loss: number;
  readonly doubling: number;
  readonly jitterMs: number;
}

/** Two ends, a clock and a path that loses, doubles and reorders by the seed. */
class Path {
  now = 1000;
  readonly client: End;
  readonly server: End;
  #queue: { at: number; to: 'client' | 'server'; segment: TcpSegment }[] = [];
  readonly #random: () => number;
  readonly #weather: Weather;

  constructor(seed: number, weather: Weather) {
    this.#random = randomOf(seed);
    this.#weather = weather;
    this.client = new End((segment) => this.#carry('server', segment));
    this.server = new End((segment) => this.#carry('client', segment));
    const sequence = seed % 3 === 0 ? 0xffff_ff00 : Math.floor(this.#random() * 2 ** 32);
    this.client.connection = TcpConnection.connect(
      this.now,
      { localPort: 5, remotePort: 6 },
      sequence,
      this.client.ports,
    );
  }

  #carry(to: 'client' | 'server', segment: TcpSegment): void {
    const { loss, doubling, jitterMs } = this.#weather;
    const times = this.#random() < loss ? 0 : this.#random() < doubling ? 2 : 1;
    for (let i = 0; i < times; i++)
      this.#queue.push({ at: this.now + 5 + this.#random() * jitterMs, to, segment: { ...segment } });
  }

  /** Until nothing is under way and no timer runs, or `untilMs` has passed. */
  run(untilMs = 600_000): void {
    const end = this.now + untilMs;
    for (;;) {
      const timers = [this.client, this.server].map((side) => side.connection?.deadline() ?? Infinity);
      const next = Math.min(...timers, ...this.#queue.map(({ at }) => at));
      if (next === Infinity || next > end) return;
      this.now = Math.max(this.now, next);
      const due = this.#queue.filter(({ at }) => at <= this.now);
      this.#queue = this.#queue.filter(({ at }) => at > this.now);
      for (const { to, segment } of due) this.#arrive(to, segment);
      this.client.connection?.tick(this.now);
      this.server.connection?.tick(this.now);
    }
  }

  #arrive(to: 'client' | 'server', segment: TcpSegment): void {
    if (to === 'client') this.client.connection?.receive(this.now, segment);
    else if (this.server.connection !== undefined) this.server.connection.receive(this.now, segment);
    else if (segment.flags === TCP_FLAG.SYN)
      this.server.connection = TcpConnection.accept(
        this.now,
        { localPort: 6, remotePort: 5 },
        0xffff_fff0,
        segment,
        this.server.ports,
      );
  }
}

function textOf(seed: number, length: number): Uint8Array {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

const calm = { loss: 0, doubling: 0, jitterMs: 0 };
const rough = { loss: 0.15, doubling: 0.2, jitterMs: 60 };

describe('two ends of a connection', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    '[RFC9293 3.4] seed %i: every octet arrives once and in order, both ways, over a path that loses, doubles and reorders',
    (seed) => {
      const path = new Path(seed, rough);
      const up = textOf(seed, 40_000);
      const down = textOf(seed + 100, 25_000);
      path.run(30_000);
      expect([path.client.openedTimes, path.server.openedTimes]).toEqual([1, 1]);
      for (let at = 0; at < up.length; at += 4000) {
        path.client.connection?.send(path.now, up.subarray(at, at + 4000));
        path.server.connection?.send(path.now, down.subarray(at, Math.min(down.length, at + 4000)));
        path.run(seed * 7);
      }
      path.run();
      expect(path.server.octets.equals(up)).toBe(true);
      expect(path.client.octets.equals(down)).toBe(true);
    },
  );

  it('[RFC9293 3.4] a sequence number passes 2^32 in mid-stream', () => {
    const path = new Path(3, calm);
    path.run();
    const text = textOf(1, 5000);
    path.client.connection?.send(path.now, text);
    path.server.connection?.send(path.now, text);
    path.run();
    expect(path.server.octets.equals(text)).toBe(true);
    expect(path.client.octets.equals(text)).toBe(true);
    const numbers = path.client.sent.map(({ sequence }) => sequence);
    expect(Math.max(...numbers)).toBeGreaterThan(0xffff_0000);
    expect(Math.min(...numbers)).toBeLessThan(0x10000);
  });

  it('what was queued before the handshake goes out after it', () => {
    const path = new Path(1, calm);
    path.client.connection?.send(path.now, Uint8Array.of(1, 2, 3));
    path.run();
    expect([...path.server.octets]).toEqual([1, 2, 3]);
  });

  it('a close carries what was sent before it, and both ends hear of it once', () => {
    const path = new Path(1, calm);
    path.run();
    path.client.connection?.send(path.now, textOf(2, 3000));
    path.client.connection?.close(path.now);
    path.run();
    expect(path.server.octets.length).toBe(3000);
    expect(path.server.reason).toBe('closed by the peer');
    expect(path.client.reason).toBe('closed');
    expect(path.client.connection?.isClosed).toBe(true);
    path.client.connection?.send(path.now, Uint8Array.of(1));
    expect(path.client.connection?.deadline()).toBeUndefined();
  });

  it('no segment carries more than the peer said it takes', () => {
    const path = new Path(1, calm);
    path.run();
    path.client.connection?.send(path.now, textOf(2, 9000));
    path.run();
    expect(Math.max(...path.client.sent.map(({ data }) => data.length))).toBe(1300);
    expect(path.client.sent[0]?.maximumSegmentSize).toBe(1300);
  });
});

/** A client end whose peer is the test. */
describe('a peer that asks for segments too small to be of use', () => {
  it.each([0, 1, 87, 88])(
    '[RFC9293 3.7.1] of %i octets: gets 88 at a time, and all of it',
    (maximumSegmentSize) => {
      const end = new End();
      const ends = { localPort: 20_000, remotePort: 5 };
      const fields = { sourcePort: 5, destinationPort: 20_000, window: 65_535, data: new Uint8Array(0) };
      const syn = { ...fields, sequence: 100, acknowledgment: 0, flags: TCP_FLAG.SYN, maximumSegmentSize };
      const connection = TcpConnection.accept(0, ends, 900, syn, end.ports);
      connection.send(0, new Uint8Array(1000).fill(7));
      connection.receive(0, { ...fields, sequence: 101, acknowledgment: 901, flags: TCP_FLAG.ACK });
      const sizes = end.sent.map(({ data }) => data.length).filter((length) => length > 0);
      expect(sizes).toEqual([...Array(11).fill(88), 32]);
    },
  );
});

function opened(): { end: End; connection: TcpConnection; segment(fields: Partial<TcpSegment>): TcpSegment } {
  const end = new End();
  const connection = TcpConnection.connect(0, { localPort: 5, remotePort: 6 }, 1000, end.ports);
  const segment = (fields: Partial<TcpSegment>): TcpSegment => ({
    sourcePort: 6,
    destinationPort: 5,
    sequence: 501,
    acknowledgment: 1001,
    flags: TCP_FLAG.ACK,
    window: 65535,
    data: new Uint8Array(0),
    ...fields,
  });
  connection.receive(
    0,
    segment({ sequence: 500, flags: TCP_FLAG.SYN | TCP_FLAG.ACK, maximumSegmentSize: 1300 }),
  );
  expect(connection.isOpen).toBe(true);
  return { end, connection, segment };
}

describe('one end of a connection', () => {
  it('[RFC9293 3.10.7.4] a reset counts only at the next number', () => {
    const { end, connection, segment } = opened();
    for (const sequence of [500, 502, 501 + 60_000])
      connection.receive(1, segment({ sequence, flags: TCP_FLAG.RST }));
    expect(end.reason).toBeUndefined();
    connection.receive(1, segment({ flags: TCP_FLAG.RST }));
    expect(end.reason).toBe('reset by the peer');
    connection.receive(2, segment({ data: Uint8Array.of(1) }));
    expect(end.got).toEqual([]);
  });

  it('[RFC9293 3.10.7.4] a reset answers a SYN only with its acknowledgment', () => {
    const end = new End();
    const connection = TcpConnection.connect(0, { localPort: 5, remotePort: 6 }, 1000, end.ports);
    const reset = { ...end.last, sequence: 0, flags: TCP_FLAG.RST | TCP_FLAG.ACK };
    connection.receive(1, { ...reset, acknowledgment: 999 });
    expect(connection.isClosed).toBe(false);
    connection.receive(1, { ...reset, acknowledgment: 1001 });
    expect(end.reason).toBe('reset by the peer');
  });

  it('[RFC6298 5] sends again ever more slowly, and gives up', () => {
    const end = new End();
    const connection = TcpConnection.connect(0, { localPort: 5, remotePort: 6 }, 1000, end.ports);
    const times = [0];
    for (let at = connection.deadline(); at !== undefined; at = connection.deadline()) {
      connection.tick(at - 1);
      connection.tick(at);
      if (end.sent.length > times.length) times.push(at);
    }
    expect(end.reason).toBe('the peer does not answer');
    expect(times.slice(1).map((at, i) => at - (times[i] as number))).toEqual([
      200, 400, 800, 1600, 3200, 6400, 8000,
    ]);
    expect(new Set(end.sent.map(({ sequence }) => sequence))).toEqual(new Set([1000]));
  });

  it('[RFC6298 5] an acknowledgment of new data sets the timer back', () => {
    const { end, connection, segment } = opened();
    connection.send(0, Uint8Array.of(1));
    connection.send(0, Uint8Array.of(2));
    connection.tick(200);
    expect(connection.deadline()).toBe(600);
    connection.receive(300, segment({ acknowledgment: 1002 }));
    expect(connection.deadline()).toBe(500);
    connection.receive(310, segment({ acknowledgment: 1003 }));
    expect(connection.deadline()).toBeUndefined();
    expect(end.reason).toBeUndefined();
  });

  it('a window of 0 is probed with one octet, and the rest follows when it opens', () => {
    const { end, connection, segment } = opened();
    connection.receive(0, segment({ window: 0 }));
    const before = end.sent.length;
    connection.send(1, textOf(1, 50));
    expect(end.sent.slice(before).map(({ data }) => data.length)).toEqual([1]);
    connection.tick(201);
    expect(end.sent.slice(before).map(({ data }) => data.length)).toEqual([1, 1]);
    connection.receive(300, segment({ acknowledgment: 1002, window: 20 }));
    expect(end.last.data.length).toBe(20);
    connection.receive(400, segment({ acknowledgment: 1022, window: 1000 }));
    expect(end.last.data.length).toBe(29);
    const sent = end.sent
      .slice(before)
      .filter(({ sequence }, i, all) => all.findIndex((s) => s.sequence === sequence) === i);
    expect(Buffer.concat(sent.map(({ data }) => data)).equals(textOf(1, 50))).toBe(true);
  });

  it('[RFC1122 4.2.2.17] a window of 0 is probed for as long as the peer answers, and for no longer', () => {
    const { end, connection, segment } = opened();
    connection.receive(0, segment({ window: 0 }));
    connection.send(1, textOf(1, 50));
    let now = 1;
    for (let probe = 0; probe < 200; probe++) {
      now = connection.deadline() ?? Number.NaN;
      const before = end.sent.length;
      connection.tick(now);
      expect(end.sent.length).toBe(before + 1);
      expect(end.last.data.length).toBe(1);
      connection.receive(now + 1, segment({ window: 0 }));
    }
    expect(now).toBeGreaterThan(20 * 60_000);
    connection.receive(now + 2, segment({ window: 1000 }));
    expect(end.last.data.length).toBe(49);
    expect(connection.deadline()).toBe(now + 2);
    connection.tick(now + 2);
    expect(end.last.data.length).toBe(1);
    connection.receive(now + 4, segment({ acknowledgment: 1051, window: 0 }));
    connection.send(now + 5, textOf(2, 10));
    for (let at = connection.deadline(); at !== undefined; at = connection.deadline()) connection.tick(at);
    expect(end.reason).toBe('the peer does not answer');
  });

  it('[RFC1122 4.2.2.17] the window of an older segment does not close one that opened since', () => {
    const { end, connection, segment } = opened();
    connection.send(0, textOf(1, 10));
    connection.receive(1, segment({ acknowledgment: 1011, window: 500 }));
    connection.receive(2, segment({ acknowledgment: 1001, window: 0 }));
    connection.send(3, textOf(1, 40));
    expect(end.last.data.length).toBe(40);
  });

  it('[RFC9293 3.10.7.4] a FIN that comes again is acknowledged again, after the end too', () => {
    const { end, connection, segment } = opened();
    const fin = segment({ flags: TCP_FLAG.FIN | TCP_FLAG.ACK });
    connection.receive(1, fin);
    expect(end.reason).toBe('closed by the peer');
    expect(end.last).toMatchObject({
      flags: TCP_FLAG.FIN | TCP_FLAG.ACK,
      sequence: 1001,
      acknowledgment: 502,
    });
    expect(connection.isClosed).toBe(true);
    for (let i = 0; i < 3; i++) connection.receive(2 + i, fin);
    expect(end.sent.slice(-3)).toMatchObject(
      Array(3).fill({ flags: TCP_FLAG.ACK, sequence: 1002, acknowledgment: 502 }),
    );
    const count = end.sent.length;
    connection.receive(9, segment({ sequence: 502, acknowledgment: 1002 }));
    connection.receive(9, segment({ sequence: 900, flags: TCP_FLAG.FIN | TCP_FLAG.ACK }));
    connection.receive(9, segment({ flags: TCP_FLAG.FIN | TCP_FLAG.RST }));
    expect(end.sent).toHaveLength(count);
  });

  it('[RFC9293 3.10.7.4] the FIN of a peer that takes its time is acknowledged after ours was', () => {
    const { end, connection, segment } = opened();
    connection.close(1);
    connection.receive(2, segment({ acknowledgment: 1002 }));
    expect(end.reason).toBe('closed');
    for (const now of [500, 900])
      connection.receive(now, segment({ acknowledgment: 1002, flags: TCP_FLAG.FIN | TCP_FLAG.ACK }));
    expect(end.sent.slice(-2)).toMatchObject(
      Array(2).fill({ flags: TCP_FLAG.ACK, sequence: 1002, acknowledgment: 502 }),
    );
  });

  it('a connection that was reset answers no FIN', () => {
    const { end, connection, segment } = opened();
    connection.receive(1, segment({ flags: TCP_FLAG.RST }));
    const count = end.sent.length;
    connection.receive(2, segment({ flags: TCP_FLAG.FIN | TCP_FLAG.ACK }));
    expect(end.sent).toHaveLength(count);
  });

  it('a peer that takes nothing ends the connection once a mebibyte waits', () => {
    const { end, connection, segment } = opened();
    connection.receive(0, segment({ window: 0 }));
    for (let i = 0; i < 17; i++) connection.send(1, new Uint8Array(65_536));
    expect(end.reason).toBe('the peer takes no data');
  });

  it('[RFC9293 3.4] acknowledgments of what was never sent and data beyond the window are not taken', () => {
    const { end, connection, segment } = opened();
    connection.send(0, Uint8Array.of(1));
    connection.receive(1, segment({ acknowledgment: 5000 }));
    expect(connection.deadline()).toBe(200);
    connection.receive(1, segment({ sequence: 501 + 65_535, data: Uint8Array.of(9) }));
    connection.receive(1, segment({ sequence: 501, data: new Uint8Array(65_535) }));
    expect(end.octets.length).toBe(65_535);
  });

  it('overlapping pieces out of order give each octet once', () => {
    const { end, connection, segment } = opened();
    const text = textOf(7, 12);
    for (const [from, to] of [
      [6, 9],
      [3, 7],
      [8, 12],
      [0, 4],
      [2, 5],
    ] as const)
      connection.receive(1, segment({ sequence: 501 + from, data: text.subarray(from, to) }));
    expect(end.octets.equals(text)).toBe(true);
    expect(end.last.acknowledgment).toBe(513);
  });

  it('a SYN that comes again gets its answer again', () => {
    const end = new End();
    const syn: TcpSegment = {
      sourcePort: 6,
      destinationPort: 5,
      sequence: 7,
      acknowledgment: 0,
      flags: TCP_FLAG.SYN,
      window: 100,
      data: new Uint8Array(0),
    };
    const connection = TcpConnection.accept(0, { localPort: 5, remotePort: 6 }, 1000, syn, end.ports);
    connection.receive(1, syn);
    expect(end.sent).toHaveLength(2);
    expect(end.sent[1]).toEqual(end.sent[0]);
    expect(end.last).toMatchObject({ flags: TCP_FLAG.SYN | TCP_FLAG.ACK, acknowledgment: 8 });
    expect(connection.isOpen).toBe(false);
  });

  it('closed before it was open says so', () => {
    const end = new End();
    TcpConnection.connect(0, { localPort: 5, remotePort: 6 }, 1000, end.ports).close(1);
    expect(end.reason).toBe('closed before it was open');
  });
});
