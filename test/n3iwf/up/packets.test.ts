import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finishChecksum, pseudoHeaderSum, sumWords } from '../../../n3iwf/userplane/checksum.ts';
import { decodeIcmpEcho, encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, ipHeaderLength, putU32, sameAddress, u32 } from '../../../n3iwf/userplane/ip.ts';
import { decodeUdp, encodeUdp } from '../../../n3iwf/userplane/udp.ts';

const octets = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });
const v4 = octets(4, 4);
const v6 = octets(16, 16);
const addressPair = fc.oneof(fc.tuple(v4, v4), fc.tuple(v6, v6));
const port = fc.integer({ min: 0, max: 0xffff });
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('checksum', () => {
  it('[RFC1071 1] gives the sum of the numerical example of RFC 1071 section 3', () => {
    const example = hex('0001 f203 f4f5 f6f7');
    expect(sumWords(example, 0, example.length)).toBe(0x2ddf0);
    expect(finishChecksum(0x2ddf0)).toBe(~0xddf2 & 0xffff);
  });

  it('[RFC1071 1] an odd last octet counts as the high half of a word', () => {
    expect(sumWords(Uint8Array.of(0x12, 0x34, 0x56), 0, 3)).toBe(0x1234 + 0x5600);
  });

  it('[RFC1071 1] agrees with addition modulo 65535 in big integers', () => {
    fc.assert(
      fc.property(octets(300), (data) => {
        let sum = 0n;
        data.forEach((octet, i) => {
          sum += BigInt(octet) << (i % 2 === 0 ? 8n : 0n);
        });
        const folded = sum === 0n ? 0n : ((sum - 1n) % 65535n) + 1n;
        expect(finishChecksum(sumWords(data, 0, data.length))).toBe(Number(~folded & 0xffffn));
      }),
    );
  });

  it('[RFC8200 8.1] the pseudo header adds addresses, protocol and both halves of the length', () => {
    const one = Uint8Array.of(0, 1, 0, 2);
    const other = Uint8Array.of(0, 3, 0, 4);
    expect(pseudoHeaderSum(one, other, 17, 0x0002_0005)).toBe(1 + 2 + 3 + 4 + 17 + 2 + 5);
  });
});

describe('IP', () => {
  it('[RFC791 3.1] every packet comes back as it was, whatever padding follows it', () => {
    fc.assert(
      fc.property(
        addressPair,
        fc.integer({ min: 0, max: 255 }).filter((protocol) => protocol !== 44),
        octets(200),
        octets(9),
        (pair, protocol, payload, padding) => {
          const [source, destination] = pair;
          const packet = encodeIp(source, destination, protocol, payload);
          expect(packet.length).toBe(ipHeaderLength(source) + payload.length);
          const decoded = decodeIp(Uint8Array.of(...packet, ...padding));
          if (!decoded.ok) throw decoded.error;
          expect(decoded.value).toMatchObject({
            version: source.length === 4 ? 4 : 6,
            protocol,
            ttl: 64,
            isFragment: false,
          });
          expect(sameAddress(decoded.value.source, source)).toBe(true);
          expect(sameAddress(decoded.value.destination, destination)).toBe(true);
          expect(Buffer.compare(decoded.value.payload, payload)).toBe(0);
        },
      ),
    );
  });

  it('[RFC791 3.1] refuses a wrong checksum, a short header and a length beyond the octets', () => {
    const packet = encodeIp(hex('0a000001'), hex('0a000002'), 6, hex('0102'));
    const changed = (at: number, value: number) => {
      const copy = Uint8Array.from(packet);
      copy[at] = value;
      return decodeIp(copy).ok;
    };
    expect(decodeIp(packet).ok).toBe(true);
    expect(changed(8, 63)).toBe(false);
    expect(changed(0, 0x44)).toBe(false);
    expect(changed(0, 0x4f)).toBe(false);
    expect(changed(0, 0x55)).toBe(false);
    expect(changed(3, 23)).toBe(false);
    expect(changed(3, 19)).toBe(false);
  });

  it('[RFC791 3.1] steps over IPv4 options', () => {
    const packet = new Uint8Array(26);
    packet.set(hex('46 00 001a 0000 0000 40 06 0000 0a000001 0a000002 01010101 abcd'));
    const checksum = finishChecksum(sumWords(packet, 0, 24));
    packet[10] = checksum >>> 8;
    packet[11] = checksum;
    const decoded = decodeIp(packet);
    if (!decoded.ok) throw decoded.error;
    expect(Buffer.from(decoded.value.payload).toString('hex')).toBe('abcd');
  });

  it('marks IPv4 fragments, first and later ones, and the IPv6 fragment header', () => {
    for (const fragment of [0x2000, 0x0001]) {
      const packet = encodeIp(hex('0a000001'), hex('0a000002'), 6, hex('0102'));
      packet[6] = fragment >>> 8;
      packet[7] = fragment;
      packet.fill(0, 10, 12);
      const checksum = finishChecksum(sumWords(packet, 0, 20));
      packet[10] = checksum >>> 8;
      packet[11] = checksum;
      expect(decodeIp(packet)).toMatchObject({ ok: true, value: { isFragment: true } });
    }
    const six = encodeIp(new Uint8Array(16), new Uint8Array(16), 44, new Uint8Array(8));
    expect(decodeIp(six)).toMatchObject({ ok: true, value: { isFragment: true } });
  });

  it('never throws on random octets', () => {
    fc.assert(fc.property(octets(100), (data) => typeof decodeIp(data).ok === 'boolean'));
    fc.assert(
      fc.property(fc.constantFrom(0x45, 0x46, 0x60), octets(100), (first, data) => {
        return typeof decodeIp(Uint8Array.of(first, ...data)).ok === 'boolean';
      }),
    );
  });

  it('reads and writes numbers of 32 bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        const buffer = new Uint8Array(6);
        putU32(buffer, 1, value);
        expect(u32(buffer, 1)).toBe(value);
        expect([buffer[0], buffer[5]]).toEqual([0, 0]);
      }),
    );
  });

  it('addresses of different families are never the same', () => {
    expect(sameAddress(new Uint8Array(4), new Uint8Array(16))).toBe(false);
    expect(sameAddress(Uint8Array.of(1, 2, 3, 4), Uint8Array.of(1, 2, 3, 5))).toBe(false);
  });
});

describe('ICMP echo', () => {
  it('[RFC792 echo] comes back as it was, and any changed bit is noticed', () => {
    const echo = fc.record({
      kind: fc.constantFrom('request' as const, 'reply' as const),
      identifier: port,
      sequence: port,
      data: octets(64),
    });
    fc.assert(
      fc.property(echo, fc.nat(), (message, bit) => {
        const encoded = encodeIcmpEcho(message);
        const decoded = decodeIcmpEcho(encoded);
        if (!decoded.ok || decoded.value === undefined) throw new Error('no echo');
        expect({ ...decoded.value, data: [...decoded.value.data] }).toEqual({
          ...message,
          data: [...message.data],
        });
        const at = bit % (encoded.length * 8);
        encoded[at >>> 3] = (encoded[at >>> 3] as number) ^ (1 << (at % 8));
        expect(decodeIcmpEcho(encoded).ok).toBe(false);
      }),
    );
  });

  it('[RFC792 echo] a message of another type is no echo, and no fault', () => {
    const unreachable = Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0);
    const checksum = finishChecksum(sumWords(unreachable, 0, 8));
    unreachable[2] = checksum >>> 8;
    unreachable[3] = checksum;
    expect(decodeIcmpEcho(unreachable)).toEqual({ ok: true, value: undefined });
  });

  it('never throws on random octets', () => {
    fc.assert(fc.property(octets(40), (data) => typeof decodeIcmpEcho(data).ok === 'boolean'));
  });
});

describe('UDP', () => {
  it('comes back as it was, with a checksum that its receiver finds right', () => {
    fc.assert(
      fc.property(addressPair, port, port, octets(100), (pair, sourcePort, destinationPort, data) => {
        const [source, destination] = pair;
        const encoded = encodeUdp({ sourcePort, destinationPort, data }, source, destination);
        const sum = pseudoHeaderSum(source, destination, 17, encoded.length);
        expect(finishChecksum(sumWords(encoded, 0, encoded.length, sum))).toBe(0);
        expect(u32(encoded, 4) & 0xffff).not.toBe(0);
        const decoded = decodeUdp(encoded);
        if (!decoded.ok) throw decoded.error;
        expect(decoded.value).toMatchObject({ sourcePort, destinationPort });
        expect(Buffer.compare(decoded.value.data, data)).toBe(0);
      }),
    );
  });

  it('refuses a length below the header or beyond the octets', () => {
    expect(decodeUdp(hex('0001 0002 0007 0000')).ok).toBe(false);
    expect(decodeUdp(hex('0001 0002 0009 0000')).ok).toBe(false);
    expect(decodeUdp(hex('0001 0002 0008 0000')).ok).toBe(true);
  });

  it('never throws on random octets', () => {
    fc.assert(fc.property(octets(40), (data) => typeof decodeUdp(data).ok === 'boolean'));
  });
});
