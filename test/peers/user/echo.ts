import { decodeIcmpEcho, encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { encodeIp, IP_PROTOCOL, type IpPacket } from '../../../n3iwf/userplane/ip.ts';
import { decodeUdp, encodeUdp } from '../../../n3iwf/userplane/udp.ts';
import { ICMPV6, icmpv6Packet, readIcmpv6 } from './icmpv6.ts';

/** Echo by UDP and TCP [RFC862]. */
export const echoPort = 7;

/** Asks `destination` for an echo by ICMP of the family of the addresses. */
export function echoRequest(
  source: Uint8Array,
  destination: Uint8Array,
  identifier: number,
  sequence: number,
  octets: number,
): Uint8Array {
  const data = new Uint8Array(octets);
  if (source.length === 4) {
    const echo = encodeIcmpEcho({ kind: 'request', identifier, sequence, data });
    return encodeIp(source, destination, IP_PROTOCOL.ICMP, echo);
  }
  const body = Uint8Array.of(identifier >>> 8, identifier, sequence >>> 8, sequence, ...data);
  return icmpv6Packet(source, destination, ICMPV6.ECHO_REQUEST, body);
}

/** Identifier and sequence number of an echo reply of either family; undefined for anything else. */
export function readEchoReply(packet: IpPacket): { identifier: number; sequence: number } | undefined {
  if (packet.version === 4) {
    const echo = packet.protocol === IP_PROTOCOL.ICMP ? decodeIcmpEcho(packet.payload) : undefined;
    return echo?.ok === true && echo.value?.kind === 'reply' ? echo.value : undefined;
  }
  const message = readIcmpv6(packet);
  if (message?.type !== ICMPV6.ECHO_REPLY || message.body.length < 4) return undefined;
  const words = Buffer.from(message.body.subarray(0, 4));
  return { identifier: words.readUInt16BE(0), sequence: words.readUInt16BE(2) };
}

/** What a host answers: ICMP echo of either family, and UDP on the echo port; undefined for anything else. */
export function echoAnswer(packet: IpPacket): Uint8Array | undefined {
  const { source, destination, protocol, payload } = packet;
  if (protocol === IP_PROTOCOL.ICMP && packet.version === 4) {
    const echo = decodeIcmpEcho(payload);
    if (!echo.ok || echo.value?.kind !== 'request') return undefined;
    return encodeIp(destination, source, protocol, encodeIcmpEcho({ ...echo.value, kind: 'reply' }));
  }
  if (protocol === IP_PROTOCOL.ICMPV6 && packet.version === 6) {
    const message = readIcmpv6(packet);
    if (message?.type !== ICMPV6.ECHO_REQUEST) return undefined;
    return icmpv6Packet(destination, source, ICMPV6.ECHO_REPLY, message.body);
  }
  return protocol === IP_PROTOCOL.UDP ? udpAnswer(packet) : undefined;
}

function udpAnswer({ source, destination, payload }: IpPacket): Uint8Array | undefined {
  const datagram = decodeUdp(payload);
  if (!datagram.ok || datagram.value.destinationPort !== echoPort) return undefined;
  const { sourcePort, destinationPort, data } = datagram.value;
  const back = { sourcePort: destinationPort, destinationPort: sourcePort, data };
  return encodeIp(destination, source, IP_PROTOCOL.UDP, encodeUdp(back, destination, source));
}

/** An Ethernet frame sent back to where it came from; undefined for one without both addresses. */
export function frameAnswer(frame: Uint8Array): Uint8Array | undefined {
  if (frame.length < 14) return undefined;
  const answer = Uint8Array.from(frame);
  answer.set(frame.subarray(6, 12), 0);
  answer.set(frame.subarray(0, 6), 6);
  return answer;
}
