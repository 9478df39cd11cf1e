import { afterEach, describe, expect, it } from 'vitest';
import { type UdpAddress, UdpSocket } from '../../../n3iwf/io/udp.ts';

const opened: UdpSocket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
});

type Received = { data: number[]; remote: UdpAddress; local: UdpAddress };

async function open(address: string, port = 0) {
  const received: Received[] = [];
  const waiting: (() => void)[] = [];
  const faults: Error[] = [];
  const socket = await UdpSocket.open(
    { address, port },
    (datagram, remote, local) => {
      received.push({ data: [...datagram], remote, local });
      waiting.shift()?.();
    },
    (error) => void faults.push(error),
  );
  opened.push(socket);
  const next = () => new Promise<void>((resolve) => void waiting.push(resolve));
  return { socket, received, faults, next };
}

describe('UDP socket', () => {
  it.each(['127.0.0.1', '::1'])(
    'carries datagrams on %s and says where each came from and to',
    async (ip) => {
      const one = await open(ip);
      const other = await open(ip);
      expect(one.socket.local.port).toBeGreaterThan(0);
      const arrived = other.next();
      one.socket.send(Uint8Array.of(1, 2, 3), other.socket.local);
      await arrived;
      expect(other.received).toEqual([
        { data: [1, 2, 3], remote: one.socket.local, local: other.socket.local },
      ]);
    },
  );

  it('hears nothing that was sent to another port', async () => {
    const one = await open('127.0.0.1');
    const other = await open('127.0.0.1');
    const third = await open('127.0.0.1');
    const arrived = third.next();
    one.socket.send(Uint8Array.of(1), third.socket.local);
    await arrived;
    expect(other.received).toEqual([]);
  });

  it('tells of a port that is taken by its number and holder', async () => {
    const { socket } = await open('127.0.0.1');
    const { port } = socket.local;
    await expect(open('127.0.0.1', port)).rejects.toMatchObject({
      code: 'N3IWF_E_BIND',
      message: expect.stringMatching(
        new RegExp(
          `^UDP 127\\.0\\.0\\.1 port ${port} is taken( by a socket of user \\d+ \\(inode \\d+\\))?; stop`,
        ),
      ),
    });
  });
});

describe('UDP socket, when the system refuses', () => {
  it('tells of an address that the machine does not have', async () => {
    await expect(open('192.0.2.77')).rejects.toMatchObject({
      code: 'N3IWF_E_BIND',
      message: '192.0.2.77 is no address of this machine',
    });
  });

  it('tells of a send that the system refuses, and lives on', async () => {
    const one = await open('127.0.0.1');
    one.socket.send(new Uint8Array(70_000), { address: '127.0.0.1', port: 9 });
    const other = await open('127.0.0.1');
    const arrived = other.next();
    one.socket.send(Uint8Array.of(9), other.socket.local);
    await arrived;
    expect(other.received.map(({ data }) => data)).toEqual([[9]]);
    expect(one.faults.map((fault) => String(fault))).toEqual([expect.stringContaining('Message too long')]);
  });

  it('sends nothing once closed, and closes twice in peace', async () => {
    const { socket, faults } = await open('127.0.0.1');
    await socket.close();
    await socket.close();
    socket.send(Uint8Array.of(1), { address: '127.0.0.1', port: 9 });
    expect(faults).toEqual([]);
  });
});
