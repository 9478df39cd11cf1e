// needs: root
import { afterEach, describe, expect, it } from 'vitest';
import { EspSocket } from '../../../n3iwf/io/esp-socket.ts';
import { type Libc, libc } from '../../../n3iwf/io/libc.ts';

interface Heard {
  readonly packet: Uint8Array;
  readonly address: string;
  readonly port: number;
  readonly tos: number;
}

const opened: EspSocket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});

/** Addresses that no other test uses at the same time. */
const addressOf = (host: number) => `127.${50 + (process.pid % 200)}.${(process.pid >>> 8) & 0xff}.${host}`;

function open(address: string) {
  const heard: Heard[] = [];
  const faults: Error[] = [];
  const socket = EspSocket.open(
    address,
    (packet, remote, tos) => void heard.push({ packet, ...remote, tos }),
    (error) => void faults.push(error),
  );
  opened.push(socket);
  const until = async (count: number) => {
    for (let i = 0; i < 200 && heard.length < count; i++) await new Promise((done) => setTimeout(done, 5));
    return heard;
  };
  return { socket, address, heard, faults, until };
}

describe('ESP outside of UDP', () => {
  it('[RFC4303 1] travels as protocol 50: packets arrive from the SPI on, in order, with sender and mark', async () => {
    const one = open(addressOf(1));
    const other = open(addressOf(2));
    const packets = Array.from({ length: 100 }, (_, at) => new Uint8Array(100 + at).fill(at));
    for (const packet of packets) one.socket.send(packet, other.address, 0xb8);
    const heard = await other.until(100);
    expect(heard.map(({ packet }) => [...packet])).toEqual(packets.map((packet) => [...packet]));
    for (const { address, port, tos } of heard) expect([address, port, tos]).toEqual([one.address, 0, 0xb8]);
    expect(one.heard).toEqual([]);
  });

  it('[RFC4303 1] over IPv6, too', async () => {
    const one = open('::1');
    const marker = Uint8Array.of(0xee, 0x5b, process.pid >>> 8, process.pid & 0xff, 5, 6, 7, 8);
    one.socket.send(marker, '::1', 0);
    for (let i = 0; i < 200 && one.heard.length === 0; i++) await new Promise((done) => setTimeout(done, 5));
    const own = one.heard.filter(({ packet }) => Buffer.compare(packet, marker) === 0);
    expect(own).toMatchObject([{ address: '::1', port: 0 }]);
  });

  it('hears nothing once it is closed, and sends nothing', async () => {
    const one = open(addressOf(3));
    const other = open(addressOf(4));
    one.socket.send(new Uint8Array(20), other.address, 0);
    await other.until(1);
    other.socket.close();
    one.socket.close();
    one.socket.send(new Uint8Array(20), other.address, 0);
    other.socket.close();
    await new Promise((done) => setTimeout(done, 20));
    expect(other.heard).toHaveLength(1);
    expect(one.faults).toEqual([]);
  });

  it('says of an address of another machine what is wrong', () => {
    expect(() => open('192.0.2.77')).toThrow(
      expect.objectContaining({
        code: 'N3IWF_E_BIND',
        message: expect.stringMatching(/192\.0\.2\.77 is no address/),
      }),
    );
  });

  it('says without the capability which it is, and what to do', () => {
    const real: Pick<Libc, 'socket' | 'errno'> = { ...libc() };
    Object.assign(libc(), { socket: () => -1, errno: () => 1 });
    try {
      expect(() => open(addressOf(5))).toThrow(
        expect.objectContaining({
          code: 'N3IWF_E_PLATFORM',
          message: expect.stringMatching(/ike\.forceUdpEncapsulation.*CAP_NET_RAW.*AmbientCapabilities/),
        }),
      );
    } finally {
      Object.assign(libc(), real);
    }
  });
});
