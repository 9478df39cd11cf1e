import { afterEach, describe, expect, it } from 'vitest';
import { type Libc, libc } from '../../../n3iwf/io/libc.ts';
import { UdpSocket } from '../../../n3iwf/io/udp.ts';
import { slotOctets } from '../../../n3iwf/io/udp-batch.ts';

const opened: UdpSocket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
});

async function open(address: string, batches = true) {
  const received: { data: Uint8Array; tos: number; from: string }[] = [];
  const faults: string[] = [];
  const socket = await UdpSocket.open(
    { address, port: 0 },
    (data, remote, _local, tos) => void received.push({ data, tos, from: remote.address }),
    (error) => void faults.push(error.message),
    { batches },
  );
  opened.push(socket);
  const until = async (count: number) => {
    for (let i = 0; i < 2000 && received.length < count; i++)
      await new Promise((done) => setTimeout(done, 5));
    return received;
  };
  return { socket, received, faults, until };
}

/** `length` octets that begin with a number. */
function numbered(number: number, length = 20): Uint8Array {
  const octets = new Uint8Array(length).fill(number);
  new DataView(octets.buffer).setUint32(0, number);
  return octets;
}

const numbersOf = (received: readonly { data: Uint8Array }[]) =>
  received.map(({ data }) => Buffer.from(data).readUInt32BE());

describe('the type of service of what comes', () => {
  it.each(['127.0.0.1', '::1'])(
    '[RFC3168 5] is told with each datagram of a batch, on %s',
    async (address) => {
      const from = await open(address);
      const to = await open(address);
      const marks = Array.from({ length: 150 }, (_, at) => (at * 7) % 256);
      for (const [number, tos] of marks.entries()) from.socket.send(numbered(number), to.socket.local, tos);
      const received = await to.until(marks.length);
      expect(numbersOf(received)).toEqual([...marks.keys()]);
      expect(received.map(({ tos }) => tos)).toEqual(marks);
      expect(to.socket.tellsTos).toBe(true);
    },
  );

  it.each(['127.0.0.1', '::1'])(
    '[RFC3168 5] is told of what is sent one by one and of long datagrams, on %s',
    async (address) => {
      const [single, batches] = [await open(address, false), await open(address)];
      const to = await open(address);
      single.socket.send(numbered(1), to.socket.local, 0xb9);
      await to.until(1);
      batches.socket.send(numbered(2, slotOctets + 1), to.socket.local, 0x03);
      batches.socket.send(numbered(3, 60_000), to.socket.local, 0xfe);
      const received = await to.until(3);
      expect(received.map(({ data, tos }) => [data.length, tos])).toEqual([
        [20, 0xb9],
        [slotOctets + 1, 0x03],
        [60_000, 0xfe],
      ]);
    },
  );

  it('[RFC3168 5] is told of IPv4 packets that come to an IPv6 socket', async () => {
    const to = await open('::');
    const from = await open('127.0.0.1');
    from.socket.send(numbered(1), { address: '127.0.0.1', port: to.socket.local.port }, 0x2b);
    expect(await to.until(1)).toMatchObject([{ tos: 0x2b, from: '::ffff:7f00:1' }]);
  });

  it("is 0, and is known not to be told, by Node's own socket", async () => {
    const to = await open('127.0.0.1', false);
    const from = await open('127.0.0.1');
    from.socket.send(numbered(1), to.socket.local, 0xff);
    expect(await to.until(1)).toMatchObject([{ tos: 0 }]);
    expect(to.socket.tellsTos).toBe(false);
  });
});

/** While `action` runs, calls of the C library are these. */
async function changed(change: Partial<Libc>, action: () => Promise<void>): Promise<void> {
  const real = { ...libc() };
  Object.assign(libc(), change);
  await action().finally(() => Object.assign(libc(), real));
}

const noRoom = { sendmmsg: () => -1, sendmsgInPlace: () => -1, errno: () => 11 };

describe('a kernel without room for datagrams', () => {
  it('gets them when it has room again: all, in order, with their marks', async () => {
    const [from, to] = [await open('127.0.0.1'), await open('127.0.0.1')];
    await changed(noRoom, async () => {
      for (let number = 0; number < 5; number++) from.socket.send(numbered(number), to.socket.local, number);
      await Promise.resolve();
      from.socket.send(numbered(5), to.socket.local, 5);
      from.socket.send(numbered(6, 3000), to.socket.local, 6);
      await Promise.resolve();
    });
    from.socket.send(numbered(7), to.socket.local, 7);
    const received = await to.until(8);
    expect(numbersOf(received)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(received.map(({ tos }) => tos)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(from.faults).toEqual([]);
  });

  it('is asked again and again, and loses what comes when a thousand wait', async () => {
    const [from, to] = [await open('127.0.0.1'), await open('127.0.0.1')];
    let calls = 0;
    const refuse = () => {
      calls++;
      return -1;
    };
    await changed({ ...noRoom, sendmmsg: refuse }, async () => {
      for (let number = 0; number < 1100; number++) from.socket.send(numbered(number), to.socket.local);
      for (let i = 0; i < 2000 && calls < 40; i++) await new Promise((done) => setTimeout(done, 5));
    });
    expect(calls).toBeGreaterThanOrEqual(40);
    const numbers = numbersOf(await to.until(1024));
    expect(numbers).toHaveLength(1024);
    expect(new Set(numbers).size).toBe(1024);
  });

  it('drops what waits when the socket is closed, and sends nothing after', async () => {
    const [from, to] = [await open('127.0.0.1'), await open('127.0.0.1')];
    await changed(noRoom, async () => {
      from.socket.send(numbered(1), to.socket.local);
      await Promise.resolve();
    });
    await from.socket.close();
    from.socket.send(numbered(2), to.socket.local);
    await new Promise((done) => setTimeout(done, 50));
    expect(to.received).toEqual([]);
  });
});

describe('a machine without the C library', () => {
  it("has Node's sockets instead", async () => {
    let socket: UdpSocket | undefined;
    const missing = () => {
      throw new Error('no such library');
    };
    await changed({ socket: missing }, async () => {
      socket = await UdpSocket.open({ address: '127.0.0.1', port: 0 }, () => {});
    });
    expect(socket?.tellsTos).toBe(false);
    await socket?.close();
  });

  it('says the same of a port that is taken, whichever socket it is', async () => {
    const { socket } = await open('127.0.0.1');
    const { port } = socket.local;
    const faults: string[] = [];
    for (const batches of [true, false])
      await UdpSocket.open({ address: '127.0.0.1', port }, () => {}, undefined, { batches }).catch((error) =>
        faults.push(String(error)),
      );
    expect(faults).toHaveLength(2);
    expect(faults[0]).toContain(`UDP 127.0.0.1 port ${port} is taken`);
    expect(faults[1]).toBe(faults[0]);
  });
});
