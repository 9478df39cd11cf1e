import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';
import { finishChecksum, pseudoHeaderSum, sumWords } from './checksum.ts';
import { IP_PROTOCOL } from './ip.ts';

/** A UDP datagram without its IP header [RFC768]. */
export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

export function decodeUdp(octets: Uint8Array): Result<UdpDatagram> {
  return attempt(() => {
    const reader = new OctetReader(octets);
    const sourcePort = reader.u16('source port');
    const destinationPort = reader.u16('destination port');
    const length = reader.u16('UDP length');
    reader.skip(2, 'checksum');
    if (length < 8) reader.fail('UDP length', `${length} is less than its header`);
    return { sourcePort, destinationPort, data: reader.take(length - 8, 'UDP data') };
  });
}

/** Encodes with the checksum that the addresses of its IP packet ask for. */
export function encodeUdp(datagram: UdpDatagram, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const length = 8 + datagram.data.length;
  const writer = new OctetWriter(length);
  writer.u16(datagram.sourcePort).u16(datagram.destinationPort).u16(length).u16(0).bytes(datagram.data);
  const octets = writer.finish();
  const sum = pseudoHeaderSum(source, destination, IP_PROTOCOL.UDP, length);
  const checksum = finishChecksum(sumWords(octets, 0, length, sum));
  writer.patchU16(6, checksum === 0 ? 0xffff : checksum);
  return octets;
}
