import { describe, expect, it } from 'vitest';
import { UdpSocket } from '../../../n3iwf/io/udp.ts';
import { TosOfSocket } from '../../../n3iwf/io/udp-tos.ts';

describe('type of service of UDP sockets', () => {
  it.each(['127.0.0.1', '::1'])('[RFC6040 4.1] is what each datagram asks for, on %s', async (address) => {
    const got: number[] = [];
    const receiver = await UdpSocket.open({ address, port: 0 }, (data) => got.push(data[0] ?? -1));
    const sender = await UdpSocket.open({ address, port: 0 }, () => {}, undefined, { batches: false });
    const kernel = new TosOfSocket(sender.local);
    try {
      expect(kernel.get()).toBe(0);
      for (const tos of [0xb8, 0xb8, 0x02, 0]) {
        sender.send(Uint8Array.of(tos), receiver.local, tos);
        expect(kernel.get()).toBe(tos);
      }
      sender.send(Uint8Array.of(9), receiver.local);
      for (let i = 0; i < 200 && got.length < 5; i++) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(got).toEqual([0xb8, 0xb8, 0x02, 0, 9]);
    } finally {
      await Promise.all([sender.close(), receiver.close()]);
    }
  });

  it('of a socket that is not here is not known, and setting it does nothing', () => {
    const nowhere = new TosOfSocket({ address: '127.0.0.1', port: 1 });
    nowhere.set(0xb8);
    expect(nowhere.get()).toBeUndefined();
  });
});
