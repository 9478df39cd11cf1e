import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { NasServer } from '../../../n3iwf/io/nas-server.ts';

const port = 29_743;
const host = Uint8Array.of(127, 0, 0, 1);
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server at a loopback address where the UEs at 127.0.1.N have the number N. */
async function server() {
  const told: string[] = [];
  const ueAt = (inner: string) => (inner.startsWith('127.0.1.') ? Number(inner.slice(8)) : undefined);
  const nas = {
    opened: (ueId: number) => told.push(`${ueId} opened`),
    received: (ueId: number, octets: Uint8Array) => told.push(`${ueId} ${Buffer.from(octets)}`),
    closed: (ueId: number, reason: string) => told.push(`${ueId} ${reason}`),
  };
  const one = new NasServer({ ueAt, nas });
  closers.push(() => one.close());
  await one.listen(host, port);
  return { one, told };
}

/** A connection from an address, and what comes by it. */
function from(localAddress: string) {
  const socket: Socket = connect({ host: '127.0.0.1', port, localAddress });
  const got: string[] = [];
  socket.on('data', (data) => got.push(String(data)));
  socket.on('close', () => got.push('closed'));
  socket.on('error', () => {});
  closers.push(() => socket.destroy());
  return { socket, got };
}

const until = (holds: () => boolean) => expect.poll(holds, { timeout: 5000, interval: 10 }).toBe(true);

describe('NAS over the kernel’s TCP', () => {
  it('[TS24502 7.3A] goes by the inner address of the UE, both ways, and its end is told', async () => {
    const { one, told } = await server();
    const ue = from('127.0.1.7');
    await until(() => told.includes('7 opened'));
    ue.socket.write('up');
    one.send(7, Buffer.from('down'));
    one.send(8, Buffer.from('nobody'));
    await until(() => told.includes('7 up') && ue.got.includes('down'));
    ue.socket.end();
    await until(() => told.at(-1) === '7 closed by the peer');
  });

  it('[TS24502 7.3A] a new connection takes the place of the UE’s old one, in silence; strangers get none', async () => {
    const { one, told } = await server();
    const first = from('127.0.1.7');
    await until(() => told.length === 1);
    const second = from('127.0.1.7');
    await until(() => told.length === 2 && first.got.includes('closed'));
    one.send(7, Buffer.from('to the second'));
    await until(() => second.got.includes('to the second'));
    const stranger = from('127.0.2.1');
    await until(() => stranger.got.includes('closed'));
    one.remove(7);
    await until(() => second.got.includes('closed'));
    expect(told).toEqual(['7 opened', '7 opened']);
  });

  it('a port that is taken is told with its key', async () => {
    await server();
    const other = new NasServer({ ueAt: () => undefined, nas: undefined });
    await expect(other.listen(host, port)).rejects.toThrow('inner.nasPort: TCP 127.0.0.1 port 29743');
    other.close();
  });
});
