import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Libc, libc } from '../../../n3iwf/io/libc.ts';
import { type UdpAddress, UdpSocket } from '../../../n3iwf/io/udp.ts';
import { slotOctets, UdpBatch } from '../../../n3iwf/io/udp-batch.ts';
import { descriptorOf } from '../../../n3iwf/io/udp-tos.ts';

const opened: UdpSocket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
});

async function open(address: string, batches = true) {
  const received: { data: Uint8Array; remote: UdpAddress }[] = [];
  const faults: Error[] = [];
  const socket = await UdpSocket.open(
    { address, port: 0 },
    (data, remote) => void received.push({ data, remote }),
    (error) => void faults.push(error),
    { batches },
  );
  opened.push(socket);
  const until = async (count: number) => {
    for (let i = 0; i < 400 && received.length < count; i++) await new Promise((done) => setTimeout(done, 5));
    return received;
  };
  return { socket, received, faults, until };
}

/** `length` octets that begin with a number. */
function numbered(number: number, length: number): Uint8Array {
  const octets = new Uint8Array(length).fill(number);
  new DataView(octets.buffer).setUint32(0, number);
  return octets;
}

const numberOf = (data: Uint8Array) => Buffer.from(data).readUInt32BE();

describe('datagrams in batches', () => {
  it.each(['127.0.0.1', '::1'])(
    'arrive on %s each by itself, whole, in order, with their sender',
    async (ip) => {
      const one = await open(ip);
      const other = await open(ip);
      const lengths = Array.from({ length: 300 }, (_, at) => (at % 50 < 40 ? 1400 : 60 + (at % 7)));
      for (const [at, length] of lengths.entries()) one.socket.send(numbered(at, length), other.socket.local);
      const received = await other.until(300);
      expect(received.map(({ data }) => numberOf(data))).toEqual(lengths.map((_, at) => at));
      expect(received.map(({ data }) => data.length)).toEqual(lengths);
      for (const { data, remote } of received) {
        expect(remote).toEqual(one.socket.local);
        expect(data.subarray(4).every((octet) => octet === (numberOf(data) & 0xff))).toBe(true);
      }
    },
  );

  it('are the same octets as one by one, whatever their lengths, peers and order', async () => {
    const from = await open('127.0.0.1');
    const peers = await Promise.all([open('127.0.0.1'), open('127.0.0.1', false)]);
    const some = fc.array(fc.tuple(fc.integer({ min: 4, max: 3000 }), fc.nat(1)), { maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(some, async (list) => {
        for (const peer of peers) peer.received.length = 0;
        const expected = peers.map((_, at) =>
          list.flatMap(([length, to], number) => (to === at ? [numbered(number, length)] : [])),
        );
        for (const [number, [length, to]] of list.entries())
          from.socket.send(numbered(number, length), peers[to]!.socket.local);
        for (const [at, peer] of peers.entries()) {
          await peer.until(expected[at]!.length);
          expect(peer.received.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(
            expected[at]!.map((data) => Buffer.from(data).toString('hex')),
          );
        }
      }),
      { numRuns: 20 },
    );
  });

  it('longer than a slot go by themselves, behind those that were sent before', async () => {
    const one = await open('127.0.0.1');
    const other = await open('127.0.0.1', false);
    for (const [number, length] of [100, slotOctets + 1, 9000, slotOctets].entries())
      one.socket.send(numbered(number, length), other.socket.local);
    const received = await other.until(4);
    expect(received.map(({ data }) => [numberOf(data), data.length])).toEqual([
      [0, 100],
      [1, slotOctets + 1],
      [2, 9000],
      [3, slotOctets],
    ]);
  });
});

describe('datagrams in batches, refused or cut short', () => {
  it('that the kernel refuses are told of, and the others arrive', async () => {
    const one = await open('127.0.0.1');
    const other = await open('127.0.0.1');
    one.socket.send(numbered(1, 8), other.socket.local);
    one.socket.send(numbered(2, 8), { address: '127.0.0.1', port: 0 });
    one.socket.send(numbered(3, 8), other.socket.local);
    const received = await other.until(2);
    expect(received.map(({ data }) => numberOf(data))).toEqual([1, 3]);
    expect(one.faults.map(String)).toEqual([expect.stringMatching(/sendmmsg: Invalid argument/)]);
  });

  it('are read no more once their receiver has closed, even in the middle of a batch', async () => {
    const one = await open('127.0.0.1');
    let count = 0;
    const other = await UdpSocket.open({ address: '127.0.0.1', port: 0 }, () => {
      count++;
      void other.close();
    });
    for (let number = 0; number < 200; number++) one.socket.send(numbered(number, 8), other.local);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(70);
  });

  it('leave before their socket closes, and none after', async () => {
    const one = await open('127.0.0.1');
    const other = await open('127.0.0.1');
    one.socket.send(numbered(1, 8), other.socket.local);
    const closed = one.socket.close();
    one.socket.send(numbered(2, 8), other.socket.local);
    await closed;
    const received = await other.until(2);
    expect(received.map(({ data }) => numberOf(data))).toEqual([1]);
  });
});

/** A C library in which `sendmmsg` fails in a way of its own. */
function failing(change: Partial<Libc>, action: () => Promise<void>): Promise<void> {
  const real = { ...libc() };
  Object.assign(libc(), change);
  return action().finally(() => Object.assign(libc(), real));
}

describe('a kernel that does not take a batch', () => {
  it('for want of room: all go by way of Node, in order', async () => {
    const one = await open('127.0.0.1');
    const other = await open('127.0.0.1');
    await failing({ sendmmsg: () => -1, errno: () => 11 }, async () => {
      for (let number = 0; number < 5; number++) one.socket.send(numbered(number, 100), other.socket.local);
      await Promise.resolve();
    });
    expect((await other.until(5)).map(({ data }) => numberOf(data))).toEqual([0, 1, 2, 3, 4]);
    expect(one.faults).toEqual([]);
  });

  it('in part: the rest is sent by another call', async () => {
    const one = await open('127.0.0.1');
    const other = await open('127.0.0.1');
    const { sendmmsg } = libc();
    const counts: number[] = [];
    const few: Libc['sendmmsg'] = (fd, messages, count, flags) => {
      counts.push(count);
      return sendmmsg(fd, messages, Math.min(2, count), flags);
    };
    await failing({ sendmmsg: few }, async () => {
      for (let number = 0; number < 7; number++)
        one.socket.send(numbered(number, 100 + number), other.socket.local);
      await Promise.resolve();
    });
    expect((await other.until(7)).map(({ data }) => numberOf(data))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(counts).toEqual([7, 5, 3, 1]);
  });
});

describe('a kernel that cuts no packets up', () => {
  it.each([
    ['of that length', 22],
    ['at all', 5],
  ])(
    'that cannot cut packets up %s: they go whole, and shorter ones are tried again only where that helps',
    async (_, code) => {
      const one = await open('127.0.0.1');
      const other = await open('127.0.0.1');
      const { sendmmsg } = libc();
      const counts: number[] = [];
      let isFirst = true;
      const once: Libc['sendmmsg'] = (fd, messages, count, flags) => {
        counts.push(count);
        const refuses = isFirst;
        isFirst = false;
        return refuses ? -1 : sendmmsg(fd, messages, count, flags);
      };
      await failing({ sendmmsg: once, errno: () => code }, async () => {
        for (const length of [1000, 1000, 1000, 500, 500, 500])
          one.socket.send(numbered(length, length), other.socket.local);
        await Promise.resolve();
      });
      expect((await other.until(6)).map(({ data }) => data.length)).toEqual([
        1000, 1000, 1000, 500, 500, 500,
      ]);
      // first 1000 x 3 with the first 500 behind them, and 500 x 2; then whole ones
      expect(counts).toEqual(code === 22 ? [2, 4] : [2, 6]);
      expect(one.faults).toEqual([]);
    },
  );
});

describe('marks of datagrams in batches', () => {
  const cases = [
    ['127.0.0.1', 2, [0, 13, 1]],
    ['::1', 10, [41, 66, 67]],
  ] as const;
  it.each(cases)(
    '[RFC6040 4.1] on %s each has the octet that was asked for',
    async (address, family, [level, option]) => {
      const c = libc();
      const receiver = await UdpSocket.open({ address, port: 0 }, () => {}, undefined, { batches: false });
      opened.push(receiver);
      const fd = descriptorOf(receiver.local) ?? -1;
      const on = new Uint8Array(Int32Array.of(1).buffer);
      expect(c.setsockopt(fd, level, option, on, 4)).toBe(0);
      const socket = await open(address);
      const batch = new UdpBatch(
        descriptorOf(socket.socket.local) ?? -1,
        family,
        () => {},
        () => {},
      );
      const asked = [0xb8, 0xb8, 0x02, 0, 0x28, 0];
      for (const tos of asked) batch.send(new Uint8Array(10), receiver.local, tos);
      batch.flush();
      expect(asked.map(() => tosOfNext(c, fd))).toEqual(asked);
    },
  );
});

/** The mark of the datagram that waits at `fd`, which the kernel tells in its one control message. */
function tosOfNext(c: Libc, fd: number): number {
  const buffers = [16, 56, 64, 2048].map((length) => new DataView(new ArrayBuffer(length)));
  const [vector, header, control, data] = buffers as [DataView, DataView, DataView, DataView];
  const at = (view: DataView) => c.addressOf(new Uint8Array(view.buffer));
  vector.setBigUint64(0, at(data), true);
  vector.setBigUint64(8, 2048n, true);
  header.setBigUint64(16, at(vector), true);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(32, at(control), true);
  header.setBigUint64(40, 64n, true);
  if (c.recvmsg(fd, new Uint8Array(header.buffer), 0x40) < 0) return -1;
  return control.getUint8(16);
}
