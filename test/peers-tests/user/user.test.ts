import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { echoAnswer, echoRequest, frameAnswer, readEchoReply } from '../../peers/user/echo.ts';
import {
  advertisedPrefix,
  ICMPV6,
  readIcmpv6,
  routerAdvertisement,
  routerSolicitation,
} from '../../peers/user/icmpv6.ts';
import {
  decodePduAddress,
  encodePduAddress,
  sessionTypeNumber,
  sessionTypeOf,
  sessionTypes,
} from '../../peers/user/session-type.ts';

const own = requireAddress('fd00:a3c:0:1::1');
const far = requireAddress('2001:db8::1');
const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

function ipOf(packet: Uint8Array | undefined) {
  const decoded = decodeIp(packet ?? new Uint8Array(0));
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

describe('PDU addresses', () => {
  it('[TS24501 9.11.4.10] identifier stands before the IPv4 address, and what is read is what was written', () => {
    expect([
      ...encodePduAddress('ipv4v6', {
        interfaceId: new Uint8Array(8).fill(9),
        ipv4: Uint8Array.of(1, 2, 3, 4),
      }),
    ]).toEqual([3, 9, 9, 9, 9, 9, 9, 9, 9, 1, 2, 3, 4]);
    fc.assert(
      fc.property(octets(4), octets(8), (ipv4, interfaceId) => {
        expect(decodePduAddress(encodePduAddress('ipv4', { ipv4 }))).toEqual({ ipv4 });
        expect(decodePduAddress(encodePduAddress('ipv6', { interfaceId }))).toEqual({ interfaceId });
        const both = { ipv4, interfaceId };
        expect(decodePduAddress(encodePduAddress('ipv4v6', both))).toEqual(both);
      }),
    );
  });

  it('[TS24501 9.11.4.11] types have their numbers; one that is cut short gives nothing', () => {
    expect(sessionTypes.map((type) => sessionTypeOf(sessionTypeNumber(type)))).toEqual(sessionTypes);
    expect([sessionTypeOf(undefined), sessionTypeOf(7)]).toEqual(['ipv4', 'ipv4']);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (any) => {
        const { ipv4, interfaceId } = decodePduAddress(any);
        expect([undefined, 4]).toContain(ipv4?.length);
        expect([undefined, 8]).toContain(interfaceId?.length);
      }),
    );
    expect(decodePduAddress(Uint8Array.of(2, 1, 2, 3))).toEqual({});
  });
});

describe('router of a session', () => {
  it('[RFC4861 4.1] [RFC4861 4.2] asks and tells with hop limit 255, and the prefix is found in the answer', () => {
    const asked = ipOf(routerSolicitation(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 5)));
    expect([asked.ttl, readIcmpv6(asked)?.type]).toEqual([255, ICMPV6.ROUTER_SOLICITATION]);
    fc.assert(
      fc.property(octets(8), (prefix) => {
        const told = ipOf(routerAdvertisement(prefix));
        const message = readIcmpv6(told);
        expect([told.ttl, message?.type]).toEqual([255, ICMPV6.ROUTER_ADVERTISEMENT]);
        expect(advertisedPrefix(message?.body ?? new Uint8Array(0))).toEqual(prefix);
      }),
    );
  });

  it('[RFC4861 4.6] an option without length ends the search, and no octets make it throw', () => {
    expect(advertisedPrefix(new Uint8Array(64))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
        expect([undefined, 8]).toContain(advertisedPrefix(body)?.length);
      }),
    );
  });
});

describe('echo', () => {
  it('[RFC4443 4.1] answers ICMPv6 as ICMP, with data, identifier and number of the question', () => {
    const asked = ipOf(echoRequest(own, far, 0x5133, 0xfffe, 100));
    const answer = ipOf(echoAnswer(asked));
    expect(readEchoReply(answer)).toEqual({ identifier: 0x5133, sequence: 0xfffe });
    expect([...answer.source]).toEqual([...far]);
    expect(answer.payload.length).toBe(108);
    expect(readEchoReply(asked)).toBeUndefined();
  });

  it('[RFC4443 2.3] a wrong checksum gets no answer', () => {
    const asked = echoRequest(own, far, 1, 1, 8);
    asked[asked.length - 1] = 1;
    expect(echoAnswer(ipOf(asked))).toBeUndefined();
    expect(echoAnswer(ipOf(encodeIp(own, far, IP_PROTOCOL.ICMPV6, Uint8Array.of(128))))).toBeUndefined();
  });

  it('frames come back to their sender', () => {
    const frame = Uint8Array.of(1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, 9);
    expect([...(frameAnswer(frame) ?? [])]).toEqual([2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 8, 0, 9]);
    expect(frameAnswer(frame.subarray(0, 13))).toBeUndefined();
  });
});
