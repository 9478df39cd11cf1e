/** Packets as they would have been on the wire, for captures of what crossed sockets. */
import { requireAddress } from '../userplane/address.ts';
import { encodeIp, IP_PROTOCOL } from '../userplane/ip.ts';
import { encodeUdp } from '../userplane/udp.ts';
import type { UdpAddress } from './udp.ts';

const sctpProtocol = 132;
const ngapPpid = 60;
const ngapPort = 38412;

/** CRC-32C by table, the checksum of SCTP [RFC9260 A]. */
const crcTable = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  return crc;
});

/** CRC-32C of `octets`, as a number without sign. */
export function crc32c(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) crc = (crc >>> 8) ^ (crcTable[(crc ^ octet) & 0xff] as number);
  return ~crc >>> 0;
}

/** A UDP datagram inside IP, as it was on the wire. */
export function udpFrame(data: Uint8Array, from: UdpAddress, to: UdpAddress): Uint8Array {
  const source = requireAddress(from.address);
  const destination = requireAddress(to.address);
  const datagram = encodeUdp({ sourcePort: from.port, destinationPort: to.port, data }, source, destination);
  return encodeIp(source, destination, IP_PROTOCOL.UDP, datagram);
}

/** One NGAP message in an unfragmented DATA chunk of PPID 60 inside IP [RFC9260 3.3.1]. */
export function ngapFrame(
  message: Uint8Array,
  stream: number,
  tsn: number,
  from: string,
  to: string,
): Uint8Array {
  const chunkLength = 16 + message.length;
  const packet = Buffer.alloc(12 + Math.ceil(chunkLength / 4) * 4);
  packet.writeUInt16BE(ngapPort, 0);
  packet.writeUInt16BE(ngapPort, 2);
  packet.writeUInt32BE(0x71336977, 4);
  packet.writeUInt8(0, 12);
  packet.writeUInt8(3, 13);
  packet.writeUInt16BE(chunkLength, 14);
  packet.writeUInt32BE(tsn, 16);
  packet.writeUInt16BE(stream, 20);
  packet.writeUInt32BE(ngapPpid, 24);
  packet.set(message, 28);
  packet.writeUInt32LE(crc32c(packet), 8);
  return encodeIp(requireAddress(from), requireAddress(to), sctpProtocol, packet);
}
