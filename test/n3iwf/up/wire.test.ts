import { isIPv6, SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeErrorIndication,
  decodeGtpu,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeGpdu,
  encodeGtpu,
  encodeSupportedExtensions,
  GpduHeader,
  GTPU_TYPE,
} from '../../../n3iwf/n3/gtpu.ts';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { formatAddress, parseAddress, requireAddress } from '../../../n3iwf/userplane/address.ts';
import { newDropCounters } from '../../../n3iwf/userplane/drops.ts';
import { decodeTcp, encodeTcp } from '../../../n3iwf/userplane/tcp-segment.ts';

const octets = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const hexOf = (data: Uint8Array) => Buffer.from(data).toString('hex');
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const qfi = fc.integer({ min: 0, max: 63 });

describe('TCP segment', () => {
  const segments = fc.record(
    {
      sourcePort: u16,
      destinationPort: u16,
      sequence: u32,
      acknowledgment: u32,
      flags: fc.integer({ min: 0, max: 63 }),
      window: u16,
      maximumSegmentSize: u16,
      data: octets(100),
    },
    {
      requiredKeys: [
        'sourcePort',
        'destinationPort',
        'sequence',
        'acknowledgment',
        'flags',
        'window',
        'data',
      ],
    },
  );
  const pairs = fc.oneof(fc.tuple(octets(4, 4), octets(4, 4)), fc.tuple(octets(16, 16), octets(16, 16)));

  it('[RFC9293 3.1] comes back as it was, over IPv4 and IPv6', () => {
    fc.assert(
      fc.property(segments, pairs, (segment, [source, destination]) => {
        const decoded = decodeTcp(encodeTcp(segment, source, destination), source, destination);
        if (!decoded.ok) throw decoded.error;
        expect({ ...decoded.value, data: hexOf(decoded.value.data) }).toEqual({
          ...segment,
          data: hexOf(segment.data),
        });
      }),
    );
  });

  it('[RFC9293 3.1] any changed bit and any other address are noticed', () => {
    fc.assert(
      fc.property(segments, octets(4, 4), fc.nat(), (segment, source, bit) => {
        const destination = hex('0a000001');
        const encoded = encodeTcp(segment, source, destination);
        const at = bit % (encoded.length * 8);
        encoded[at >>> 3] = (encoded[at >>> 3] as number) ^ (1 << (at % 8));
        expect(decodeTcp(encoded, source, destination).ok).toBe(false);
        encoded[at >>> 3] = (encoded[at >>> 3] as number) ^ (1 << (at % 8));
        expect(decodeTcp(encoded, source, hex('0a000002')).ok).toBe(false);
      }),
    );
  });

  it('[RFC9293 3.1] finds the MSS behind other options, and refuses an option of length 0', () => {
    const source = hex('0a000001');
    const base = encodeTcp(
      {
        sourcePort: 1,
        destinationPort: 2,
        sequence: 3,
        acknowledgment: 4,
        flags: 2,
        window: 5,
        data: hex('0101 0303 0702 0405 b400 0000'),
      },
      source,
      source,
    );
    const withOptions = (options: string) => {
      const copy = Uint8Array.from(base);
      copy.set(hex(options), 20);
      copy[12] = 0x80;
      copy.fill(0, 16, 18);
      for (let sum = 0; sum <= 0xffff; sum++) {
        copy[16] = sum >>> 8;
        copy[17] = sum;
        const decoded = decodeTcp(copy, source, source);
        if (decoded.ok || !/checksum/.test(decoded.error.message)) return decoded;
      }
      throw new Error('no checksum fits');
    };
    expect(withOptions('0101 0303 0702 0405 b400 0000')).toMatchObject({
      ok: true,
      value: { maximumSegmentSize: 1460 },
    });
    expect(withOptions('0802 0204 05b4 0000 0000 0000')).toMatchObject({
      value: { maximumSegmentSize: 1460 },
    });
    expect(withOptions('0300 0000 0000 0000 0000 0000').ok).toBe(false);
    expect(withOptions('03ff 0000 0000 0000 0000 0000').ok).toBe(false);
  });

  it('never throws on random octets', () => {
    const own = new Uint8Array(4);
    fc.assert(fc.property(octets(60), (data) => typeof decodeTcp(data, own, own).ok === 'boolean'));
  });
});

describe('GRE', () => {
  it('[TS24502 9.3.3] QFI and RQI come back, whatever the variant writes', () => {
    const variants = fc.constantFrom('standard' as const, 'free5gc' as const);
    fc.assert(
      fc.property(qfi, fc.boolean(), octets(64), variants, (flow, rqi, payload, variant) => {
        const decoded = decodeGre(encodeGre(flow, payload, rqi, variant));
        if (!decoded.ok) throw decoded.error;
        expect({ ...decoded.value, payload: hexOf(decoded.value.payload) }).toEqual({
          qfi: flow,
          rqi: rqi && variant === 'standard',
          payload: hexOf(payload),
        });
      }),
    );
  });

  it('[TS24502 9.3.3] the octets are those of the figure: QFI in the first key octet, RQI at the top of the last', () => {
    expect(hexOf(encodeGre(9, hex('4500'), true))).toBe('20000000090000804500');
    expect(hexOf(encodeGre(9, hex('4500'), true, 'free5gc'))).toBe('20000800090000004500');
  });

  it('[TS24502 9.3.3] the protocol type is not looked at, and a packet without key has no QFI', () => {
    expect(decodeGre(hex('2000 86dd 3f000000 60'))).toMatchObject({ ok: true, value: { qfi: 63 } });
    const bare = decodeGre(hex('0000 0800 45'));
    expect(bare).toMatchObject({ ok: true, value: { rqi: false } });
    expect(bare.ok && 'qfi' in bare.value).toBe(false);
  });

  it('refuses checksum, routing, sequence and other versions', () => {
    for (const flags of ['a000', '6000', '3000', '2001', '2007', '2080'])
      expect(decodeGre(hex(`${flags} 0000 01000000 0000 0000`)).ok, flags).toBe(false);
  });

  it('never throws on random octets', () => {
    fc.assert(fc.property(octets(20), (data) => typeof decodeGre(data).ok === 'boolean'));
  });
});

describe('GTP-U', () => {
  it('[TS29281 5.1] messages without extension come back as they were', () => {
    const sequences = fc.option(u16, { nil: undefined });
    const types = fc.constantFrom(...Object.values(GTPU_TYPE));
    fc.assert(
      fc.property(types, u32, sequences, octets(64), (type, teid, sequence, payload) => {
        const decoded = decodeGtpu(encodeGtpu(type, teid, sequence, payload));
        if (!decoded.ok) throw decoded.error;
        expect(decoded.value).toMatchObject({ type, teid });
        expect(decoded.value.sequence).toBe(sequence);
        expect(hexOf(decoded.value.payload)).toBe(hexOf(payload));
      }),
    );
  });

  it('[TS38415 5.5] a G-PDU comes back with the container of its direction', () => {
    const directions = fc.constantFrom('uplink' as const, 'downlink' as const);
    fc.assert(
      fc.property(u32, directions, qfi, fc.boolean(), octets(64), (teid, direction, flow, rqi, packet) => {
        const decoded = decodeGtpu(encodeGpdu(teid, { direction, qfi: flow, rqi }, packet));
        if (!decoded.ok) throw decoded.error;
        const container = { direction, qfi: flow, rqi: rqi && direction === 'downlink' };
        expect(decoded.value).toMatchObject({ type: 255, teid, container });
        expect(hexOf(decoded.value.payload)).toBe(hexOf(packet));
      }),
    );
  });

  it('[TS38415 5.5] the octets of an uplink and of a reflective downlink container', () => {
    const up = encodeGpdu(0x01020304, { direction: 'uplink', qfi: 5, rqi: false }, hex('45'));
    expect(hexOf(up)).toBe(`34ff0009${'01020304'}00000085${'01100500'}45`);
    const down = encodeGpdu(0xfffffffe, { direction: 'downlink', qfi: 9, rqi: true }, hex('45'));
    expect(hexOf(down)).toBe(`34ff0009${'fffffffe'}00000085${'01004900'}45`);
  });

  it('[TS29281 5.2] unknown extension headers are stepped over, before and behind the container', () => {
    const chain = hex('34ff 0019 00000007 0000 00 40 01 1234 85 01 10 05 c0 02 aabbccddeeff 00 45000001');
    chain[3] = chain.length - 8;
    const decoded = decodeGtpu(chain);
    if (!decoded.ok) throw decoded.error;
    expect(decoded.value.container).toEqual({ direction: 'uplink', qfi: 5, rqi: false });
    expect(hexOf(decoded.value.payload)).toBe('45000001');
    expect(decoded.value.incomprehensible).toBe(0xc0);
  });

  it('[TS29281 5.2.1] the high bit of its type says whether an extension must be comprehended', () => {
    for (let type = 1; type < 256; type++) {
      const decoded = decodeGtpu(Uint8Array.of(0x34, 255, 0, 8, 0, 0, 0, 7, 0, 0, 0, type, 1, 0, 9, 0));
      if (!decoded.ok) throw decoded.error;
      expect(decoded.value.incomprehensible).toBe(type >= 0x80 && type !== 0x85 ? type : undefined);
    }
  });

  it('[TS38415 5.5] the reader of common downlink packets sees what the decoder sees', () => {
    const header = new GpduHeader();
    const edits = fc.array(fc.tuple(fc.nat(17), fc.nat(255)), { maxLength: 2 });
    fc.assert(
      fc.property(u32, qfi, fc.boolean(), octets(9), edits, (teid, flow, rqi, packet, changes) => {
        const datagram = encodeGpdu(teid, { direction: 'downlink', qfi: flow, rqi }, packet);
        for (const [at, value] of changes) if (at < datagram.length) datagram[at] = value;
        const decoded = decodeGtpu(datagram);
        if (changes.length === 0) expect(header.read(datagram)).toBe(true);
        if (!header.read(datagram)) return;
        if (!decoded.ok) throw decoded.error;
        const container = { direction: 'downlink', qfi: header.qfi, rqi: header.rqi };
        expect(decoded.value).toMatchObject({ type: GTPU_TYPE.G_PDU, teid: header.teid, container });
        expect(hexOf(datagram.subarray(16, header.end))).toBe(hexOf(decoded.value.payload));
      }),
      { numRuns: 500 },
    );
  });

  it('[TS29281 7.3.1] [TS29281 8.1] an error indication comes back, behind elements of others too', () => {
    fc.assert(
      fc.property(u32, fc.constantFrom(4, 16), (teid, length) => {
        const address = new Uint8Array(length).fill(7);
        const decoded = decodeGtpu(encodeErrorIndication(teid, address));
        if (!decoded.ok) throw decoded.error;
        const { payload } = decoded.value;
        const more = Uint8Array.from([14, 0, 141, 2, 1, 2, 255, 0, 3, 1, 2, 3, ...payload]);
        for (const octetsOf of [payload, more])
          expect(decodeErrorIndication(octetsOf)).toEqual({ ok: true, value: { teid, address } });
      }),
    );
  });

  it('[TS29281 8.1] refuses an error indication that is cut, names no end or has an unknown element of fixed length', () => {
    const whole = hex('10 a1b2c3d4 85 0004 c0000201');
    for (let length = 0; length < whole.length; length++)
      expect(decodeErrorIndication(whole.subarray(0, length)).ok).toBe(false);
    expect(decodeErrorIndication(hex('10 a1b2c3d4 85 0003 c00002')).ok).toBe(false);
    expect(decodeErrorIndication(hex('11 00 10 a1b2c3d4 85 0004 c0000201')).ok).toBe(false);
    fc.assert(fc.property(octets(40), (data) => typeof decodeErrorIndication(data).ok === 'boolean'));
  });

  it('[TS29281 7.2.3] the list of comprehended extension headers is the container alone', () => {
    expect(hexOf(encodeSupportedExtensions(7))).toBe('321f0007000000000007' + '0000' + '8d0185');
  });

  it('[TS29281 5.2] refuses an extension of length 0 and one that runs over the end', () => {
    expect(decodeGtpu(hex('34ff 0008 00000007 00000085 00000000')).ok).toBe(false);
    expect(decodeGtpu(hex('34ff 0008 00000007 00000085 09000000')).ok).toBe(false);
    expect(decodeGtpu(hex('34ff 0008 00000007 00000085 01100585')).ok).toBe(false);
  });

  it("[TS29281 5.1] refuses GTP', other versions and a length beyond the datagram; ignores octets behind it", () => {
    for (const flags of ['20', '50', '00']) expect(decodeGtpu(hex(`${flags}ff000000000001`)).ok).toBe(false);
    expect(decodeGtpu(hex('30ff 0001 00000001')).ok).toBe(false);
    expect(decodeGtpu(hex('30ff 0001 00000001 45 99'))).toMatchObject({ value: { payload: hex('45') } });
  });

  it('[TS29281 6.1] the numbers of the messages', () => {
    expect(Object.values(GTPU_TYPE)).toEqual([1, 2, 26, 31, 254, 255]);
  });

  it('[TS29281 7.2.2] an echo response repeats the sequence number, with a recovery of 0', () => {
    expect(hexOf(encodeEchoResponse(0x1234))).toBe('320200060000000012340000' + '0e00');
  });

  it('[TS29281 7.3.1] an error indication names TEID and address', () => {
    const text = hexOf(encodeErrorIndication(0xa1b2c3d4, hex('c0000201')));
    expect(text).toBe('321a0010000000000000000010a1b2c3d4850004c0000201');
    const six = encodeErrorIndication(1, new Uint8Array(16));
    expect(decodeGtpu(six)).toMatchObject({ ok: true, value: { type: 26, teid: 0 } });
    expect(hexOf(six)).toContain('1000000001850010');
  });

  it('never throws on random octets', () => {
    fc.assert(fc.property(octets(60), (data) => typeof decodeGtpu(data).ok === 'boolean'));
    fc.assert(
      fc.property(octets(60), (data) => {
        return typeof decodeGtpu(Uint8Array.of(0x34, 255, 0, data.length, ...data)).ok === 'boolean';
      }),
    );
  });
});

describe('addresses', () => {
  it('[RFC5952 4] the recommended forms of sections 4 and 5', () => {
    for (const [text, canonical] of [
      ['2001:0db8::0001', '2001:db8::1'],
      ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['2001:DB8::A', '2001:db8::a'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['::ffff:192.0.2.1', '::ffff:c000:201'],
      ['192.0.2.1', '192.0.2.1'],
    ] as const) {
      expect(formatAddress(requireAddress(text))).toBe(canonical);
    }
  });

  it('[RFC5952 4] every address comes back, and node reads the text as the same address', () => {
    const words = fc.array(fc.oneof(fc.constant(0), u16), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(words, (groups) => {
        const data = Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
        const text = formatAddress(data);
        expect(isIPv6(text)).toBe(true);
        expect(hexOf(requireAddress(text))).toBe(hexOf(data));
        const theirs = new SocketAddress({ address: text, family: 'ipv6' }).address;
        expect(hexOf(requireAddress(theirs))).toBe(hexOf(data));
      }),
    );
    fc.assert(
      fc.property(octets(4, 4), (data) => hexOf(requireAddress(formatAddress(data))) === hexOf(data)),
    );
  });

  it('takes IPv6 texts exactly where node takes them', () => {
    const part = fc.constantFrom('', '0', '1', 'db8', 'ffff', '10000', 'g', '192.0.2.1', ':');
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 9 }), (parts) => {
        const text = parts.join(':');
        if (text.includes(':')) expect(parseAddress(text) !== undefined, text).toBe(isIPv6(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what is no address', () => {
    for (const text of ['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', 'a.b.c.d', '1::2::3', ':::'])
      expect(parseAddress(text), text).toBeUndefined();
    expect(() => requireAddress('host.example')).toThrow(RangeError);
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
  });
});

it('drop counters start at 0 for every cause and belong to who asked', () => {
  const one = newDropCounters();
  one.replayed++;
  expect(Object.values(newDropCounters()).every((count) => count === 0)).toBe(true);
});
