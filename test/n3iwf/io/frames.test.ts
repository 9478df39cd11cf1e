import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c, ngapFrame, udpFrame } from '../../../n3iwf/io/frames.ts';
import { decodeIp } from '../../../n3iwf/userplane/ip.ts';
import { decodeUdp } from '../../../n3iwf/userplane/udp.ts';

function opened(frame: Uint8Array) {
  const packet = decodeIp(frame);
  if (!packet.ok) throw packet.error;
  return packet.value;
}

describe('frames for captures', () => {
  // RFC 3720 B.4: 32 octets of zeros, of ones, rising and falling.
  it.each([
    ['zeros', () => 0, 0x8a9136aa],
    ['ones', () => 0xff, 0x62a8ab43],
    ['rising octets', (at: number) => at, 0x46dd794e],
    ['falling octets', (at: number) => 31 - at, 0x113fdb5c],
  ])('[RFC9260 A] sums 32 octets of %s as iSCSI does', (_, octet, sum) => {
    expect(crc32c(Uint8Array.from({ length: 32 }, (_each, at) => octet(at)))).toBe(sum);
  });

  it.each([
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8::1', '2001:db8::2'],
  ])('puts a datagram into IP and UDP from %s to %s', (from, to) => {
    const frame = udpFrame(Uint8Array.of(1, 2, 3), { address: from, port: 500 }, { address: to, port: 4500 });
    const { protocol, payload } = opened(frame);
    expect(protocol).toBe(17);
    const datagram = decodeUdp(payload);
    expect(datagram).toMatchObject({ ok: true, value: { sourcePort: 500, destinationPort: 4500 } });
    expect(datagram.ok && [...datagram.value.data]).toEqual([1, 2, 3]);
  });

  it('[RFC9260 3.3.1] pads a message of any length to 4 octets and leaves the padding out of the length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        const { protocol, payload } = opened(ngapFrame(message, 1, 7, '192.0.2.1', '192.0.2.2'));
        const packet = Buffer.from(payload);
        expect(protocol).toBe(132);
        expect(packet.length % 4).toBe(0);
        expect(packet.readUInt16BE(14)).toBe(16 + message.length);
        expect([...packet.subarray(28, 28 + message.length)]).toEqual([...message]);
        expect(packet.subarray(28 + message.length).every((octet) => octet === 0)).toBe(true);
      }),
    );
  });

  it('refuses an address that is none', () => {
    expect(() => ngapFrame(new Uint8Array(1), 0, 1, 'amf', '192.0.2.2')).toThrow("'amf' is no IP address");
  });
});
