import { finishChecksum, pseudoHeaderSum, sumWords } from '../../../n3iwf/userplane/checksum.ts';
import { encodeIp, IP_PROTOCOL, type IpPacket } from '../../../n3iwf/userplane/ip.ts';

/** Message types [RFC4443 4], [RFC4861 4]. */
export const ICMPV6 = {
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
} as const;

const allNodes = Uint8Array.of(0xff, 2, ...new Uint8Array(13), 1);
const allRouters = Uint8Array.of(0xff, 2, ...new Uint8Array(13), 2);
/** The router that sessions see; nothing else has the address on their links. */
const routerInterface = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0xfe);

/** The address of an interface on its link: fe80::/64 in front of its identifier of 8 octets. */
export function linkLocal(interfaceId: Uint8Array): Uint8Array {
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...interfaceId);
}

export function isLinkLocal(address: Uint8Array): boolean {
  return address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}

/** A packet with an ICMPv6 message, its checksum over the pseudo header [RFC4443 2.3]. */
export function icmpv6Packet(
  source: Uint8Array,
  destination: Uint8Array,
  type: number,
  body: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(4 + body.length);
  message[0] = type;
  message.set(body, 4);
  const pseudo = pseudoHeaderSum(source, destination, IP_PROTOCOL.ICMPV6, message.length);
  const checksum = finishChecksum(sumWords(message, 0, message.length, pseudo));
  message[2] = checksum >>> 8;
  message[3] = checksum;
  const packet = encodeIp(source, destination, IP_PROTOCOL.ICMPV6, message);
  packet[7] = 255; // neighbour discovery takes no packet that was forwarded [RFC4861 6.1]
  return packet;
}

/** Type and body of an ICMPv6 message whose checksum is right. */
export function readIcmpv6({
  source,
  destination,
  protocol,
  payload,
}: IpPacket): { readonly type: number; readonly body: Uint8Array } | undefined {
  if (protocol !== IP_PROTOCOL.ICMPV6 || payload.length < 4) return undefined;
  const pseudo = pseudoHeaderSum(source, destination, protocol, payload.length);
  if (finishChecksum(sumWords(payload, 0, payload.length, pseudo)) !== 0) return undefined;
  return { type: payload[0] ?? 0, body: payload.subarray(4) };
}

/** Asks for the session's prefix [RFC4861 4.1]. */
export function routerSolicitation(interfaceId: Uint8Array): Uint8Array {
  return icmpv6Packet(linkLocal(interfaceId), allRouters, ICMPV6.ROUTER_SOLICITATION, new Uint8Array(4));
}

const forEver = [0xff, 0xff, 0xff, 0xff];
const prefixOption = 3;

/** Tells the session its prefix, for addresses of its own making and on no link [RFC4861 4.2], [RFC4861 4.6.2]. */
export function routerAdvertisement(prefix: Uint8Array): Uint8Array {
  const header = [64, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
  const autonomous = 0x40;
  const option = [
    prefixOption,
    4,
    64,
    autonomous,
    ...forEver,
    ...forEver,
    0,
    0,
    0,
    0,
    ...prefix,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ];
  const body = Uint8Array.of(...header, ...option);
  return icmpv6Packet(linkLocal(routerInterface), allNodes, ICMPV6.ROUTER_ADVERTISEMENT, body);
}

/** The prefix of 8 octets that an advertisement offers for addresses; undefined where there is none. */
export function advertisedPrefix(body: Uint8Array): Uint8Array | undefined {
  for (let at = 12; at + 8 <= body.length; ) {
    const length = (body[at + 1] ?? 0) * 8;
    if (length === 0 || at + length > body.length) return undefined;
    const fits = body[at] === prefixOption && length === 32 && body[at + 2] === 64;
    if (fits && ((body[at + 3] ?? 0) & 0x40) !== 0) return body.slice(at + 16, at + 24);
    at += length;
  }
  return undefined;
}
