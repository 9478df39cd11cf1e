import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { udpFrame } from '../../../n3iwf/io/frames.ts';
import type { CapturedFrame } from '../../../n3iwf/replay/capture-file.ts';
import { datagramsOf } from '../../../n3iwf/replay/datagrams.ts';
import { ipPacketOf } from '../../../n3iwf/replay/link-layer.ts';
import { encodeIp } from '../../../n3iwf/userplane/ip.ts';

const payload = Uint8Array.from({ length: 100 }, (_, at) => at);
const v4 = udpFrame(payload, { address: '192.0.2.1', port: 500 }, { address: '192.0.2.2', port: 4500 });
const v6 = udpFrame(payload, { address: '2001:db8::1', port: 500 }, { address: '2001:db8::2', port: 500 });
const frame = (data: Uint8Array, linkType = 101): CapturedFrame => ({
  timeMs: 5,
  linkType,
  data,
  originalLength: data.length,
});
const read = (...frames: CapturedFrame[]) => [...datagramsOf(frames)];

/** The two fragments of an IPv4 packet, the first with `size` octets of its data. */
function fragmentsV4(packet: Uint8Array, size: number): Uint8Array[] {
  const data = packet.subarray(20);
  const part = (from: number, to: number, more: boolean) => {
    const header = Buffer.from(packet.subarray(0, 20));
    header.writeUInt16BE(20 + to - from, 2);
    header.writeUInt16BE(77, 4);
    header.writeUInt16BE((more ? 0x2000 : 0) | (from / 8), 6);
    return Buffer.concat([header, data.subarray(from, to)]);
  };
  return [part(0, size, true), part(size, data.length, false)];
}

function fragmentsV6(packet: Uint8Array, size: number): Uint8Array[] {
  const data = packet.subarray(40);
  const part = (from: number, to: number, more: boolean) => {
    const header = Buffer.from(packet.subarray(0, 40));
    header.writeUInt16BE(8 + to - from, 4);
    header[6] = 44;
    const extension = Buffer.from([17, 0, 0, 0, 0, 0, 0, 9]);
    extension.writeUInt16BE(from | (more ? 1 : 0), 2);
    return Buffer.concat([header, extension, data.subarray(from, to)]);
  };
  return [part(0, size, true), part(size, data.length, false)];
}

describe('links', () => {
  const ethernet = (type: string, packet: Uint8Array) =>
    Buffer.concat([Buffer.from(`0102030405060708090a0b0c${type}`, 'hex'), packet]);
  const cases: readonly (readonly [string, number, Uint8Array])[] = [
    ['raw IP', 101, v4],
    ['IPv4', 228, v4],
    ['IPv6', 229, v6],
    ['Ethernet', 1, ethernet('0800', v4)],
    ['Ethernet with IPv6', 1, ethernet('86dd', v6)],
    ['two VLAN tags', 1, ethernet('88a8000181000002' + '0800', v4)],
    ['Linux cooked', 113, Buffer.concat([Buffer.alloc(14), Buffer.from('0800', 'hex'), v4])],
    ['Linux cooked 2', 276, Buffer.concat([Buffer.from('0800', 'hex'), Buffer.alloc(18), v4])],
    ['BSD loopback', 0, Buffer.concat([Buffer.of(2, 0, 0, 0), v4])],
  ];
  it.each(cases)('%s', (_, linkType, data) => {
    const [datagram] = read(frame(data, linkType));
    expect(Uint8Array.from(datagram?.data ?? [])).toEqual(payload);
  });

  it('other content and other links are passed over', () => {
    expect(ipPacketOf(1, ethernet('0806', v4))).toBeUndefined();
    expect(ipPacketOf(105, v4)).toBeUndefined();
    expect(ipPacketOf(1, Uint8Array.of(1, 2))).toBeUndefined();
  });
});

describe('packets', () => {
  it('UDP with its ends, ESP without', () => {
    const esp = encodeIp(Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2), 50, payload);
    expect(read(frame(v4), frame(esp))).toMatchObject([
      { frame: 1, protocol: 'udp', from: { address: '192.0.2.1', port: 500 }, to: { port: 4500 } },
      { frame: 2, protocol: 'esp', from: { address: '10.0.0.1', port: 0 } },
    ]);
  });

  it.each([
    ['IPv4', fragmentsV4(v4, 48)],
    ['IPv6', fragmentsV6(v6, 48)],
  ])('[RFC791 3.1] fragments of %s, in any order', (_, [first, second]) => {
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const found = read(...order.map((data) => frame(data as Uint8Array)));
      expect(found.map(({ data }) => Uint8Array.from(data))).toEqual([payload]);
      expect(found[0]?.frame).toBe(2);
    }
  });

  it('[RFC8200 4.1] extension headers before UDP are skipped', () => {
    const packet = Buffer.from(v6);
    const extended = Buffer.concat([
      packet.subarray(0, 40),
      Buffer.from('3c00000000000000', 'hex'),
      Buffer.from('1100000000000000', 'hex'),
      packet.subarray(40),
    ]);
    extended[6] = 0;
    extended.writeUInt16BE(packet.length - 40 + 16, 4);
    expect(read(frame(extended))).toHaveLength(1);
  });
});

describe('packets that make up no datagram', () => {
  it('fragments that overlap, lack a part or are of other packets give nothing', () => {
    const [first, second] = fragmentsV4(v4, 48) as [Uint8Array, Uint8Array];
    const [other] = fragmentsV4(v4, 56) as [Uint8Array];
    expect(read(frame(first))).toEqual([]);
    expect(read(frame(second))).toEqual([]);
    expect(read(frame(other), frame(second))).toEqual([]);
    const flood = Array.from({ length: 200 }, (_, id) => {
      const copy = Buffer.from(first);
      copy.writeUInt16BE(id, 4);
      return frame(copy);
    });
    expect(read(...flood, frame(first), frame(second))).toHaveLength(1);
  });

  it('no frame makes it throw', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(v4, v6),
        fc.array(fc.tuple(fc.nat(60), fc.nat(255))),
        fc.nat(160),
        (packet, edits, cut) => {
          const octets = Uint8Array.from(packet.subarray(0, cut));
          for (const [at, value] of edits) if (at < octets.length) octets[at] = value;
          expect(read(frame(octets)).length).toBeLessThan(2);
        },
      ),
    );
  });
});
