/** NGAP messages as a capture file: each in one SCTP DATA chunk of PPID 60 over IPv4, raw IP link type. */

const crcTable = Uint32Array.from({ length: 256 }, (_, at) => {
  let crc = at;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C, SCTP's checksum (RFC 9260 appendix A). */
export function crc32c(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) crc = (crc >>> 8) ^ crcTable[(crc ^ octet) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

function dataPacket(message: Uint8Array, tsn: number, stream: number): Buffer {
  const length = 16 + message.length;
  const packet = Buffer.alloc(12 + ((length + 3) & ~3));
  packet.writeUInt16BE(38412, 0);
  packet.writeUInt16BE(38412, 2);
  packet.writeUInt32BE(0x1234, 4);
  packet[13] = 0x03; // first and last fragment
  packet.writeUInt16BE(length, 14);
  packet.writeUInt32BE(tsn, 16);
  packet.writeUInt16BE(stream, 20);
  packet.writeUInt32BE(60, 24);
  packet.set(message, 28);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

function ipv4(payload: Buffer): Buffer {
  const header = Buffer.from('4500000000004000408400007f0000017f000002', 'hex');
  header.writeUInt16BE(20 + payload.length, 2);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return Buffer.concat([header, payload]);
}

/** A whole pcap file (microseconds, LINKTYPE_RAW), one frame per message. */
export function ngapPcap(messages: readonly Uint8Array[]): Buffer {
  const file = Buffer.alloc(24);
  file.writeUInt32LE(0xa1b2c3d4, 0);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(262_144, 16);
  file.writeUInt32LE(101, 20);
  const frames = messages.flatMap((message, at) => {
    const packet = ipv4(dataPacket(message, at + 1, 1));
    const record = Buffer.alloc(16);
    record.writeUInt32LE(at, 0);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return Buffer.concat([file, ...frames]);
}
