import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../n3iwf/config.ts';
import { crc32c, ngapFrame } from '../../../n3iwf/io/frames.ts';
import { receiveInformation } from '../../../n3iwf/io/sctp-receive.ts';
import {
  optionValues,
  packedAddresses,
  sctpDefaults,
  sendInformation,
  socketAddress,
} from '../../../n3iwf/io/sctp-socket.ts';

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');
const family = (value: number) => hex(new Uint8Array(Uint16Array.of(value).buffer));

describe('messages and addresses of the SCTP socket API', () => {
  it('lays out IPv4 and IPv6 socket addresses with the port in network order', () => {
    expect(hex(socketAddress('192.0.2.7', 38412))).toBe(`${family(2)}960cc00002070000000000000000`);
    expect(hex(socketAddress('2001:db8::7', 38412))).toBe(
      `${family(10)}960c0000000020010db800000000000000000000000700000000`,
    );
    expect(hex(socketAddress('::', 1)).slice(16, 48)).toBe('0'.repeat(32));
    expect(hex(socketAddress('1:2:3:4:5:6:7:8', 1)).slice(16, 48)).toBe('00010002000300040005000600070008');
  });

  it('[RFC6458 9.1] packs addresses of both families one after the other', () => {
    const packed = packedAddresses(['192.0.2.7', '2001:db8::7'], 38412);
    expect(packed).toHaveLength(16 + 28);
    expect(hex(packed.subarray(0, 16))).toBe(hex(socketAddress('192.0.2.7', 38412)));
    expect(hex(packed.subarray(16))).toBe(hex(socketAddress('2001:db8::7', 38412)));
  });

  it('[RFC6458 5.3.4] [TS38412 7] carries stream and payload protocol 60 in one control message', () => {
    const control = sendInformation(5);
    const view = new DataView(control.buffer);
    const host = family(1) === '0100';
    expect(control).toHaveLength(32);
    expect(view.getBigUint64(0, host)).toBe(32n);
    expect([view.getInt32(8, host), view.getInt32(12, host)]).toEqual([132, 2]);
    expect(view.getUint16(16, host)).toBe(5);
    expect(view.getUint32(20)).toBe(60);
  });

  it('[RFC6458 5.3.5] finds stream and payload protocol among the control messages of a read', () => {
    const other = sendInformation(9); // SCTP_SNDINFO: not what a read brings
    const ours = new Uint8Array(48);
    const view = new DataView(ours.buffer);
    const host = family(1) === '0100';
    view.setBigUint64(0, 44n, host);
    view.setInt32(8, 132, host);
    view.setInt32(12, 3, host);
    view.setUint16(16, 5, host);
    view.setUint32(24, 60);
    expect(receiveInformation(ours)).toEqual({ stream: 5, ppid: 60 });
    expect(receiveInformation(Buffer.concat([other, ours]))).toEqual({ stream: 5, ppid: 60 });
    expect(receiveInformation(other)).toEqual({ stream: 0, ppid: 0 });
    expect(receiveInformation(ours.subarray(0, 26))).toEqual({ stream: 0, ppid: 0 });
    expect(receiveInformation(new Uint8Array(64))).toEqual({ stream: 0, ppid: 0 });
  });
});

describe('options of the SCTP socket API', () => {
  it('puts every key of the configuration into its option', () => {
    const options = new Map(
      optionValues({
        streams: 5,
        rtoInitialMs: 1,
        rtoMinMs: 2,
        rtoMaxMs: 3,
        heartbeatMs: 4,
        associationMaxRetransmissions: 6,
        pathMaxRetransmissions: 7,
        initAttempts: 8,
      }),
    );
    const u16 = (name: string, at: number) =>
      new Uint16Array(options.get(name as 'events')!.slice(at, at + 2).buffer)[0];
    const u32 = (name: string, at: number) =>
      new Uint32Array(options.get(name as 'events')!.slice(at, at + 4).buffer)[0];
    expect([0, 2, 4, 6].map((at) => u16('initMessage', at))).toEqual([5, 5, 8, 3]);
    expect([4, 8, 12].map((at) => u32('rtoInfo', at))).toEqual([1, 3, 2]);
    expect(u16('associationInfo', 4)).toBe(6);
    expect([u32('peerAddressParameters', 132), u16('peerAddressParameters', 136)]).toEqual([4, 7]);
    expect(u32('noDelay', 0)).toBe(1);
    expect(hex(options.get('events')!)).toBe('00010101010101000000');
  });

  it('has the defaults that the configuration states', () => {
    const { acceptSwappedPpid, ...tuning } = configSchema.shape.n2.shape.sctp.parse({});
    expect(tuning).toEqual(sctpDefaults);
    expect(acceptSwappedPpid).toBe(false);
  });
});

describe('frames of captures', () => {
  it('[RFC9260 A] has the check value of CRC-32C', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });

  it('[RFC9260 3.3.1] puts a message into one padded DATA chunk of payload protocol 60', () => {
    const frame = ngapFrame(Uint8Array.of(1, 2, 3, 4, 5), 3, 9, '192.0.2.1', '192.0.2.2');
    const packet = Buffer.from(frame.subarray(20));
    expect([packet.readUInt16BE(0), packet.readUInt16BE(2)]).toEqual([38412, 38412]);
    expect([packet[12], packet[13], packet.readUInt16BE(14)]).toEqual([0, 3, 21]);
    expect([packet.readUInt32BE(16), packet.readUInt16BE(20), packet.readUInt32BE(24)]).toEqual([9, 3, 60]);
    expect(hex(packet.subarray(28))).toBe('0102030405000000');
    const checksum = packet.readUInt32LE(8);
    packet.writeUInt32LE(0, 8);
    expect(crc32c(packet)).toBe(checksum);
  });
});
