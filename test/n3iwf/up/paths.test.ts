import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { finishChecksum, pseudoHeaderSum, sumWords } from '../../../n3iwf/userplane/checksum.ts';
import { decapsulatedEcn, ECN, mergeEcn, setEcn, tosAt } from '../../../n3iwf/userplane/ecn.ts';
import { EspSender } from '../../../n3iwf/userplane/esp.ts';
import { decodeIp, encodeIp, InnerHeader, IP_PROTOCOL, writeIpHeader } from '../../../n3iwf/userplane/ip.ts';
import { clampMss } from '../../../n3iwf/userplane/mss.ts';
import { fragmentsOf, largestEspPayload, tooBigAnswer } from '../../../n3iwf/userplane/path-mtu.ts';
import { decodeTcp, encodeTcp, TCP_FLAG } from '../../../n3iwf/userplane/tcp-segment.ts';

const v4 = [requireAddress('10.60.0.1'), requireAddress('192.0.2.8')] as const;
const v6 = [requireAddress('2001:db8::1'), requireAddress('2001:db8:1::8')] as const;
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

function packetWithTos(addresses: typeof v4 | typeof v6, tos: number): Uint8Array {
  const headerLength = addresses[0].length === 4 ? 20 : 40;
  const packet = new Uint8Array(headerLength + 8);
  writeIpHeader(packet, 0, addresses[0], addresses[1], IP_PROTOCOL.UDP, 8, tos);
  return packet;
}

/** Everything that a receiver would check of an IPv4 packet's header, by the decoder that is not under test here. */
function mustDecode(octets: Uint8Array) {
  const decoded = decodeIp(octets);
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

describe('ECN through tunnels', () => {
  it('[RFC3168 5] [RFC6040 4.2] the table of decapsulation, row by row', () => {
    const { NOT_ECT, ECT0, ECT1, CE } = ECN;
    const columns = [NOT_ECT, ECT0, ECT1, CE];
    const row = (inner: number) => columns.map((outer) => decapsulatedEcn(outer, inner));
    expect(row(NOT_ECT)).toEqual([NOT_ECT, NOT_ECT, NOT_ECT, undefined]);
    expect(row(ECT0)).toEqual([ECT0, ECT0, ECT1, CE]);
    expect(row(ECT1)).toEqual([ECT1, ECT1, ECT1, CE]);
    expect(row(CE)).toEqual([CE, CE, CE, CE]);
  });

  it.each([
    ['IPv4', v4],
    ['IPv6', v6],
  ] as const)(
    '[RFC6040 4.2] %s: every pair leaves a whole header, the code point as it was',
    (_name, pair) => {
      for (let outer = 0; outer < 4; outer++) {
        for (let inner = 0; inner < 4; inner++) {
          const packet = packetWithTos(pair, 0xb8 | inner);
          const expected = decapsulatedEcn(outer, inner);
          expect(mergeEcn(packet, 0, outer)).toBe(expected !== undefined);
          expect(tosAt(packet, 0)).toBe(0xb8 | (expected ?? inner));
          expect(mustDecode(packet).protocol).toBe(IP_PROTOCOL.UDP);
        }
      }
    },
  );

  it('what is no IP packet has no ECN field and stays as it is', () => {
    const octets = Uint8Array.of(0x10, 0xff, 0xff);
    setEcn(octets, 0, 3);
    expect(tosAt(octets, 0)).toBe(0);
    expect(hexOf(octets)).toBe('10ffff');
    expect(() => setEcn(Uint8Array.of(0x4f, 0), 0, 3)).not.toThrow();
  });
});

describe('how much fits', () => {
  const keys = (encr: number, integ: number) => ({
    encr: new Uint8Array(encr),
    integ: new Uint8Array(integ),
  });
  const random = (length: number) => new Uint8Array(length);
  const suites = [
    { encr: 'aes256-gcm16', integ: 'none', esn: false, keys: keys(36, 0) },
    { encr: 'chacha20-poly1305', integ: 'none', esn: true, keys: keys(36, 0) },
    { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128', esn: false, keys: keys(32, 32) },
    { encr: 'null', integ: 'hmac-sha2-256-128', esn: false, keys: keys(0, 32) },
  ] as const;

  it.each(suites)(
    '[RFC4303 2.4] $encr: the largest payload fills the path, one octet more does not fit',
    (suite) => {
      const sender = new EspSender(1, suite, suite.keys, random);
      for (const [outer, headers] of [
        [v4[0], 28],
        [v6[0], 48],
      ] as const) {
        for (let mtu = 1280; mtu < 1320; mtu++) {
          const largest = largestEspPayload(mtu, sender.cipher, outer, true);
          const size = (length: number) =>
            headers + (sender.seal(4, new Uint8Array(length)) as Uint8Array).length;
          expect(size(largest)).toBeLessThanOrEqual(mtu);
          expect(size(largest + 1)).toBeGreaterThan(mtu);
        }
      }
    },
  );

  it('a packet of 1400 octets fits into 1500 with AES-GCM, IP and GRE included', () => {
    const { cipher } = new EspSender(1, suites[0], suites[0].keys, random);
    expect(largestEspPayload(1500, cipher, v4[0], true) - 28).toBeGreaterThanOrEqual(1400);
  });
});

describe('packets that are too big', () => {
  it('[RFC1191 4] the answer comes from the destination, names the MTU and quotes the packet', () => {
    const packet = encodeIp(v4[0], v4[1], IP_PROTOCOL.UDP, new Uint8Array(1400).fill(7));
    const answer = mustDecode(tooBigAnswer(packet, 1300) as Uint8Array);
    expect([answer.source, answer.destination].map((address) => address.join('.'))).toEqual([
      '192.0.2.8',
      '10.60.0.1',
    ]);
    expect(answer.protocol).toBe(IP_PROTOCOL.ICMP);
    expect(hexOf(answer.payload.subarray(0, 2))).toBe('0304');
    expect(hexOf(answer.payload.subarray(4, 8))).toBe('00000514');
    expect(finishChecksum(sumWords(answer.payload, 0, answer.payload.length))).toBe(0);
    expect(hexOf(answer.payload.subarray(8))).toBe(hexOf(packet.subarray(0, 548)));
  });

  it('[RFC4443 3.2] [RFC8200 5] the same for IPv6, never below 1280', () => {
    const packet = encodeIp(v6[0], v6[1], IP_PROTOCOL.UDP, new Uint8Array(1400).fill(7));
    const { payload, protocol } = mustDecode(tooBigAnswer(packet, 1200) as Uint8Array);
    expect(protocol).toBe(IP_PROTOCOL.ICMPV6);
    expect(hexOf(payload.subarray(0, 2))).toBe('0200');
    expect(hexOf(payload.subarray(4, 8))).toBe('00000500');
    const pseudo = pseudoHeaderSum(v6[1], v6[0], IP_PROTOCOL.ICMPV6, payload.length);
    expect(finishChecksum(sumWords(payload, 0, payload.length, pseudo))).toBe(0);
  });

  it('[RFC1122 3.2.2] [RFC4443 2.4] none to errors, later fragments, groups and broken headers', () => {
    const error = encodeIp(v4[0], v4[1], IP_PROTOCOL.ICMP, Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0));
    const fragment = encodeIp(v4[0], v4[1], IP_PROTOCOL.UDP, new Uint8Array(100));
    fragment[7] = 9;
    const group = encodeIp(v4[0], requireAddress('224.0.0.5'), IP_PROTOCOL.UDP, new Uint8Array(100));
    const error6 = encodeIp(v6[0], v6[1], IP_PROTOCOL.ICMPV6, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0));
    const group6 = encodeIp(v6[0], requireAddress('ff02::1'), IP_PROTOCOL.UDP, new Uint8Array(100));
    for (const packet of [
      error,
      fragment,
      group,
      error6,
      group6,
      Uint8Array.of(0x45),
      Uint8Array.of(0x60),
      v4[0],
    ])
      expect(tooBigAnswer(packet, 1300)).toBeUndefined();
    const echo = encodeIp(v4[0], v4[1], IP_PROTOCOL.ICMP, Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0));
    expect(tooBigAnswer(echo, 1300)).toBeDefined();
  });

  it('[RFC791 3.2] fragments fit, come in eights and make up the packet again', () => {
    const data = fc.uint8Array({ minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(data, fc.integer({ min: 68, max: 1500 }), fc.boolean(), (payload, mtu, hasMore) => {
        const packet = encodeIp(v4[0], v4[1], IP_PROTOCOL.UDP, payload);
        packet[6] = hasMore ? 0x20 : 0;
        const pieces = fragmentsOf(packet, mtu) as Uint8Array[];
        const whole = new Uint8Array(payload.length);
        for (const [i, piece] of pieces.entries()) {
          expect(piece.length).toBeLessThanOrEqual(mtu);
          expect(finishChecksum(sumWords(piece, 0, 20))).toBe(0);
          const flags = ((piece[6] as number) << 8) | (piece[7] as number);
          expect((flags & 0x2000) !== 0).toBe(i < pieces.length - 1 || hasMore);
          whole.set(piece.subarray(20), (flags & 0x1fff) * 8);
        }
        expect(hexOf(whole)).toBe(hexOf(payload));
      }),
      { numRuns: 50 },
    );
  });

  it('[RFC791 3.2] Don’t Fragment, IPv6 and broken headers are not cut', () => {
    const packet = encodeIp(v4[0], v4[1], IP_PROTOCOL.UDP, new Uint8Array(1400));
    expect(fragmentsOf(packet, 1300)).toBeUndefined();
    expect(fragmentsOf(encodeIp(v6[0], v6[1], IP_PROTOCOL.UDP, new Uint8Array(1400)), 1300)).toBeUndefined();
    for (const octets of [Uint8Array.of(0x45), Uint8Array.of(), new Uint8Array(30).fill(0x41)])
      expect(fragmentsOf(octets, 1300)).toBeUndefined();
    packet[6] = 0;
    expect(fragmentsOf(packet, 24)).toBeUndefined();
  });
});

describe('the segment size of TCP', () => {
  const segment = { sourcePort: 1, destinationPort: 2, sequence: 9, acknowledgment: 0, window: 9 };
  const synOf = (pair: typeof v4 | typeof v6, offered: number, flags: number = TCP_FLAG.SYN) => {
    const tcp = { ...segment, flags, maximumSegmentSize: offered, data: new Uint8Array(0) };
    return encodeIp(pair[0], pair[1], IP_PROTOCOL.TCP, encodeTcp(tcp, pair[0], pair[1]));
  };
  const offeredIn = (packet: Uint8Array) => {
    const { payload, source, destination } = mustDecode(packet);
    const tcp = decodeTcp(payload, source, destination);
    if (!tcp.ok) throw tcp.error;
    return tcp.value.maximumSegmentSize;
  };

  it.each([
    ['IPv4', v4, 40],
    ['IPv6', v6, 60],
  ] as const)(
    '[RFC1624 3] %s: a SYN is lowered to what fits and its checksum holds',
    (_name, pair, headers) => {
      const sizes = fc.integer({ min: 0, max: 65535 });
      fc.assert(
        fc.property(sizes, fc.integer({ min: 576, max: 9000 }), (offered, mtu) => {
          const packet = synOf(pair, offered);
          clampMss(packet, mtu);
          expect(offeredIn(packet)).toBe(Math.min(offered, mtu - headers));
        }),
      );
    },
  );

  it('[RFC1624 3] an option at an odd place counts in swapped halves', () => {
    const packet = synOf(v4, 1460);
    const odd = new Uint8Array(packet.length + 4);
    odd.set(packet.subarray(0, 40));
    odd.set([1, 2, 4, 0x05, 0xb4, 1, 1, 0], 40);
    odd[3] = odd.length;
    odd[32] = 7 << 4;
    odd.set([0, 0], 36);
    const sum = pseudoHeaderSum(v4[0], v4[1], IP_PROTOCOL.TCP, odd.length - 20);
    const checksum = finishChecksum(sumWords(odd, 20, odd.length, sum));
    odd.set([checksum >>> 8, checksum & 0xff], 36);
    odd.set([0, 0], 10);
    const header = finishChecksum(sumWords(odd, 0, 20));
    odd.set([header >>> 8, header & 0xff], 10);
    clampMss(odd, 1300);
    expect(offeredIn(odd)).toBe(1260);
  });

  it('leaves other segments, other protocols, fragments and broken options alone', () => {
    const fragment = synOf(v4, 1460);
    fragment[7] = 1;
    const udp = synOf(v4, 1460);
    udp[9] = IP_PROTOCOL.UDP;
    const zero = synOf(v4, 1460);
    zero[41] = 0;
    const ended = synOf(v4, 1460);
    ended[40] = 0;
    const other = synOf(v4, 1460);
    other.set([3, 4], 40);
    for (const packet of [
      synOf(v4, 1460, TCP_FLAG.ACK),
      fragment,
      udp,
      zero,
      ended,
      other,
      new Uint8Array(5),
    ]) {
      const before = hexOf(packet);
      clampMss(packet, 1300);
      expect(hexOf(packet)).toBe(before);
    }
  });

  it('never throws and keeps the length of any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        octets[0] = 0x45;
        octets[9] = IP_PROTOCOL.TCP;
        clampMss(octets, 1300);
        mergeEcn(octets, 0, 3);
        tooBigAnswer(octets, 1300);
        fragmentsOf(octets, 100);
      }),
    );
  });
});

describe('the header of an inner packet', () => {
  it('agrees with the decoder on what is whole, and on where the payload is', () => {
    const header = new InnerHeader();
    const pairs = fc.constantFrom(v4, v6);
    const edits = fc.array(fc.tuple(fc.nat(50), fc.nat(255)), { maxLength: 2 });
    fc.assert(
      fc.property(
        pairs,
        fc.uint8Array({ maxLength: 40 }),
        edits,
        fc.nat(12),
        (pair, payload, changes, padding) => {
          const packet = encodeIp(pair[0], pair[1], IP_PROTOCOL.GRE, payload);
          const octets = new Uint8Array(packet.length + padding);
          octets.set(packet);
          for (const [at, value] of changes) if (at < octets.length) octets[at] = value;
          const decoded = decodeIp(octets);
          const isWhole = decoded.ok && !decoded.value.isFragment;
          expect(header.read(octets)).toBe(isWhole);
          if (!decoded.ok || !isWhole) return;
          expect(header.protocol).toBe(decoded.value.protocol);
          expect(hexOf(octets.subarray(header.payloadAt, header.end))).toBe(hexOf(decoded.value.payload));
          expect(header.isFrom(octets, decoded.value.source)).toBe(true);
          expect(header.isTo(octets, decoded.value.destination)).toBe(true);
          expect(header.isFrom(octets, requireAddress(pair === v4 ? '::1' : '10.60.0.1'))).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('[RFC4303 2.7] octets behind the packet are padding', () => {
    const header = new InnerHeader();
    expect(header.read(Uint8Array.from([...encodeIp(v4[0], v4[1], 17, new Uint8Array(8)), 9, 9, 9]))).toBe(
      true,
    );
    expect([header.payloadAt, header.end]).toEqual([20, 28]);
  });
});
