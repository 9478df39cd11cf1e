import { attempt, OctetReader, type SocketAddress } from '#ikev2';
import { formatAddress } from '../userplane/address.ts';
import { IP_PROTOCOL } from '../userplane/ip.ts';
import { decodeUdp } from '../userplane/udp.ts';
import type { CapturedFrame } from './capture-file.ts';
import { ipPacketOf } from './link-layer.ts';

/** One UDP payload of the capture, or one ESP packet that travelled without UDP. */
export interface CapturedDatagram {
  /** Number of the frame that completed it, from 1. */
  readonly frame: number;
  readonly timeMs: number;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly protocol: 'udp' | 'esp';
  readonly data: Uint8Array;
}

/** What an IP header says of a packet or of a fragment of one; `more` as in its flag, `offset` in octets. */
interface IpPart {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly id: number;
  readonly offset: number;
  readonly more: boolean;
  readonly data: Uint8Array;
}

/** Incomplete packets that are kept, and octets of one at most. */
const mostIncomplete = 64;
const mostOctets = 65_535;
/** IPv6 extension headers that may stand before the transport's, with lengths in units of 8 octets [RFC8200 4.1]. */
const extensionHeaders: ReadonlySet<number> = new Set([0, 43, 60]);
const fragmentHeader = 44;

/** UDP and ESP out of frames, with IPv4 and IPv6 fragments put together. What else is in a capture is passed over. */
export function* datagramsOf(frames: Iterable<CapturedFrame>): Generator<CapturedDatagram> {
  const incomplete = new Map<string, IpPart[]>();
  let frame = 0;
  for (const { timeMs, linkType, data } of frames) {
    frame++;
    const packet = ipPacketOf(linkType, data);
    const part = packet === undefined ? undefined : readIp(packet);
    const whole = part === undefined ? undefined : assemble(incomplete, part);
    const datagram = whole === undefined ? undefined : transportOf(whole);
    if (datagram !== undefined) yield { frame, timeMs, ...datagram };
  }
}

/** Undefined for what is no whole IP packet. */
function readIp(packet: Uint8Array): IpPart | undefined {
  const version = (packet[0] ?? 0) >>> 4;
  const read = version === 4 ? readIpv4 : version === 6 ? readIpv6 : undefined;
  const part = read === undefined ? undefined : attempt(() => read(new OctetReader(packet)));
  return part?.ok === true ? part.value : undefined;
}

/** Reads [RFC791 3.1]; checksums are not looked at, as captures of the sender have none yet. */
function readIpv4(reader: OctetReader): IpPart {
  const headerLength = (reader.u8('IPv4 header length') & 0x0f) * 4;
  reader.skip(1, 'type of service');
  const length = reader.u16('IPv4 length');
  const id = reader.u16('identification');
  const flagsAndOffset = reader.u16('fragment');
  reader.skip(1, 'TTL');
  const protocol = reader.u8('protocol');
  reader.skip(2, 'checksum');
  const source = reader.take(4, 'source');
  const destination = reader.take(4, 'destination');
  if (headerLength < 20) reader.fail('IPv4 header length', `${headerLength} is less than 20`);
  reader.skip(headerLength - 20, 'options');
  // a sender that leaves segmentation to its network card captures packets of length 0
  const data = length === 0 ? reader.rest() : reader.take(length - headerLength, 'IPv4 data');
  return {
    source,
    destination,
    protocol,
    id,
    offset: (flagsAndOffset & 0x1fff) * 8,
    more: (flagsAndOffset & 0x2000) !== 0,
    data,
  };
}

/** Reads the fixed header and walks the extension headers up to the transport's [RFC8200 4.1]. */
function readIpv6(reader: OctetReader): IpPart {
  reader.skip(4, 'version, class and label');
  const length = reader.u16('IPv6 payload length');
  let protocol = reader.u8('next header');
  reader.skip(1, 'hop limit');
  const source = reader.take(16, 'source');
  const destination = reader.take(16, 'destination');
  const body = reader.sub(length, 'IPv6 payload');
  const place = { id: 0, offset: 0, more: false };
  while (extensionHeaders.has(protocol) || protocol === fragmentHeader) {
    const next = body.u8('next header');
    const units = body.u8('header length');
    if (protocol === fragmentHeader) {
      const offsetAndFlag = body.u16('fragment');
      Object.assign(place, { offset: offsetAndFlag & 0xfff8, more: (offsetAndFlag & 1) !== 0 });
      place.id = body.u32('identification');
    } else body.skip(6 + 8 * units, 'extension header');
    protocol = next;
  }
  return { source, destination, protocol, ...place, data: body.rest() };
}

/** The whole packet once its last fragment is there; fragments that overlap or go too far spoil theirs. */
function assemble(incomplete: Map<string, IpPart[]>, part: IpPart): IpPart | undefined {
  if (part.offset === 0 && !part.more) return part;
  const key = [part.source, part.destination, part.protocol, part.id].join(' ');
  const parts = [...(incomplete.get(key) ?? []), part].sort((one, other) => one.offset - other.offset);
  if (part.offset + part.data.length > mostOctets || !incomplete.has(key)) {
    const oldest = incomplete.keys().next().value;
    if (incomplete.size >= mostIncomplete && oldest !== undefined) incomplete.delete(oldest);
  }
  incomplete.set(key, parts);
  let end = 0;
  for (const { offset, data } of parts) {
    if (offset !== end) return undefined;
    end += data.length;
  }
  const last = parts.at(-1);
  if (last === undefined || last.more || end > mostOctets) return undefined;
  incomplete.delete(key);
  return { ...part, data: Buffer.concat(parts.map(({ data }) => data)) };
}

/** ESP or UDP inside an IP packet; undefined for anything else. */
function transportOf(
  packet: IpPart,
): Pick<CapturedDatagram, 'from' | 'to' | 'protocol' | 'data'> | undefined {
  const from = formatAddress(packet.source);
  const to = formatAddress(packet.destination);
  if (packet.protocol === IP_PROTOCOL.ESP) {
    const data = packet.data;
    return { from: { address: from, port: 0 }, to: { address: to, port: 0 }, protocol: 'esp', data };
  }
  if (packet.protocol !== IP_PROTOCOL.UDP) return undefined;
  const udp = decodeUdp(packet.data);
  if (!udp.ok) return undefined;
  const { sourcePort, destinationPort, data } = udp.value;
  return {
    from: { address: from, port: sourcePort },
    to: { address: to, port: destinationPort },
    protocol: 'udp',
    data,
  };
}
