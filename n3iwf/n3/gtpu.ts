/** GTP-U between N3IWF and UPF: user packets by tunnel, and the few messages about paths and tunnels. */
import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';

/** UDP port of GTP-U on every node. */
export const GTPU_PORT = 2152;

/** Message types of GTP-U [TS29281 6.1]. */
export const GTPU_TYPE = {
  ECHO_REQUEST: 1,
  ECHO_RESPONSE: 2,
  ERROR_INDICATION: 26,
  SUPPORTED_EXTENSION_HEADERS: 31,
  END_MARKER: 254,
  G_PDU: 255,
} as const;

/** PDU Session Container: who sends it decides its type [TS38415 5.5]. */
export interface PduSessionContainer {
  readonly direction: 'downlink' | 'uplink';
  readonly qfi: number;
  /** Reflective QoS indicator, downlink only. */
  readonly rqi: boolean;
}

/** One GTP-U message. The payload is a part of the datagram, not a copy. */
export interface GtpuMessage {
  readonly type: number;
  readonly teid: number;
  readonly sequence?: number;
  readonly container?: PduSessionContainer;
  /** An extension header that its receiver must comprehend, and this one does not [TS29281 5.2.1]. */
  readonly incomprehensible?: number;
  readonly payload: Uint8Array;
}

const versionAndProtocol = 0x30;
const extensionFlag = 0x04;
const sequenceFlag = 0x02;
/** With any of these flags the four optional octets are there, whether they say something or not. */
const anyOptional = 0x07;
const containerType = 0x85;

/**
 * Reads one GTP-U datagram. Extension headers that are not known are skipped by their length; each is at least four
 * octets, so their chain ends with the datagram [TS29281 5.2].
 */
export function decodeGtpu(datagram: Uint8Array): Result<GtpuMessage> {
  return attempt(() => {
    const reader = new OctetReader(datagram);
    const flags = reader.u8('GTP-U flags');
    if ((flags & 0xf0) !== versionAndProtocol)
      reader.fail('GTP-U flags', `0x${flags.toString(16)} is not GTP version 1`);
    const type = reader.u8('GTP-U type');
    const length = reader.u16('GTP-U length');
    const teid = reader.u32('TEID');
    const body = reader.sub(length, 'GTP-U body');
    if ((flags & anyOptional) === 0) return { type, teid, payload: body.rest() };
    const sequence = body.u16('sequence number');
    body.skip(1, 'N-PDU number');
    const extensions = decodeExtensions(body, body.u8('next extension'), (flags & extensionFlag) !== 0);
    return {
      type,
      teid,
      ...((flags & sequenceFlag) === 0 ? {} : { sequence }),
      ...extensions,
      payload: body.rest(),
    };
  });
}

/** The two high bits of an extension header's type say who must comprehend it: the receiver, where the first is set. */
const comprehensionRequired = 0x80;

type Extensions = Pick<GtpuMessage, 'container' | 'incomprehensible'>;

function decodeExtensions(body: OctetReader, first: number, present: boolean): Extensions {
  const found: { container?: PduSessionContainer; incomprehensible?: number } = {};
  for (let type = present ? first : 0; type !== 0; ) {
    const units = body.u8('extension length');
    if (units === 0) body.fail('extension length', 'is 0');
    const content = body.sub(units * 4 - 2, 'extension');
    if (type === containerType) found.container = decodeContainer(content);
    else if ((type & comprehensionRequired) !== 0) found.incomprehensible = type;
    type = body.u8('next extension');
  }
  return found;
}

function decodeContainer(content: OctetReader): PduSessionContainer {
  const direction = content.u8('PDU type') >>> 4 === 0 ? 'downlink' : 'uplink';
  const flow = content.u8('QFI');
  return { direction, qfi: flow & 0x3f, rqi: direction === 'downlink' && (flow & 0x40) !== 0 };
}

/**
 * The header of the common downlink packet: a G-PDU whose one extension header is a container of the least length. One
 * object is used for all packets, so that none is made per packet.
 */
export class GpduHeader {
  teid = 0;
  qfi = 0;
  rqi = false;
  /** Where the user packet ends; it begins at {@link gpduHeaderLength}. */
  end = 0;

  /** False for everything less common, which {@link decodeGtpu} must look at. */
  read(datagram: Uint8Array): boolean {
    if (datagram.length < gpduHeaderLength) return false;
    this.end = 8 + (((datagram[2] as number) << 8) | (datagram[3] as number));
    const isCommon =
      datagram[0] === (versionAndProtocol | extensionFlag) &&
      datagram[1] === GTPU_TYPE.G_PDU &&
      datagram[11] === containerType &&
      datagram[12] === 1 &&
      (datagram[13] as number) >>> 4 === 0 &&
      datagram[15] === 0;
    if (!isCommon || this.end < gpduHeaderLength || this.end > datagram.length) return false;
    this.teid =
      (datagram[4] as number) * 0x1000000 +
      (((datagram[5] as number) << 16) | ((datagram[6] as number) << 8) | (datagram[7] as number));
    this.qfi = (datagram[14] as number) & 0x3f;
    this.rqi = ((datagram[14] as number) & 0x40) !== 0;
    return true;
  }
}

/** Octets in front of a user packet that carries a PDU Session Container. */
export const gpduHeaderLength = 16;

/** Writes the header of a G-PDU with its container at `at`, in front of `payloadLength` octets. */
export function writeGpduHeader(
  buffer: Uint8Array,
  at: number,
  teid: number,
  container: PduSessionContainer,
  payloadLength: number,
): void {
  const length = payloadLength + gpduHeaderLength - 8;
  const isUplink = container.direction === 'uplink';
  buffer[at] = versionAndProtocol | extensionFlag;
  buffer[at + 1] = GTPU_TYPE.G_PDU;
  buffer[at + 2] = length >>> 8;
  buffer[at + 3] = length;
  buffer[at + 4] = teid >>> 24;
  buffer[at + 5] = teid >>> 16;
  buffer[at + 6] = teid >>> 8;
  buffer[at + 7] = teid;
  buffer.fill(0, at + 8, at + 11);
  buffer[at + 11] = containerType;
  buffer[at + 12] = 1;
  buffer[at + 13] = isUplink ? 0x10 : 0x00;
  buffer[at + 14] = container.qfi | (!isUplink && container.rqi ? 0x40 : 0);
  buffer[at + 15] = 0;
}

/** A G-PDU with a PDU Session Container. */
export function encodeGpdu(teid: number, container: PduSessionContainer, packet: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(gpduHeaderLength + packet.length);
  writeGpduHeader(datagram, 0, teid, container, packet.length);
  datagram.set(packet, gpduHeaderLength);
  return datagram;
}

/** A message without extension headers; `sequence` is there for echo and error indication [TS29281 5.1]. */
export function encodeGtpu(
  type: number,
  teid: number,
  sequence: number | undefined,
  payload: Uint8Array,
): Uint8Array {
  const optional = sequence === undefined ? 0 : 4;
  const writer = new OctetWriter(12 + payload.length)
    .u8(versionAndProtocol | (sequence === undefined ? 0 : sequenceFlag))
    .u8(type)
    .u16(optional + payload.length)
    .u32(teid);
  if (sequence !== undefined) writer.u16(sequence).u16(0);
  return writer.bytes(payload).finish();
}

/** Numbers of the information elements that path messages carry [TS29281 8.1]. */
const element = { RECOVERY: 14, TEID: 16, EXTENSION_TYPES: 141, PEER_ADDRESS: 133 } as const;
const recovery = Uint8Array.of(element.RECOVERY, 0);

/** Asks whether the peer is there; it answers with the same sequence number [TS29281 7.2.1]. */
export function encodeEchoRequest(sequence: number): Uint8Array {
  return encodeGtpu(GTPU_TYPE.ECHO_REQUEST, 0, sequence, new Uint8Array(0));
}

/** The answer to an echo request: its sequence number and a recovery counter of 0 [TS29281 7.2.2]. */
export function encodeEchoResponse(sequence: number): Uint8Array {
  return encodeGtpu(GTPU_TYPE.ECHO_RESPONSE, 0, sequence, recovery);
}

/** Tells a sender which extension headers are comprehended here: the PDU Session Container alone [TS29281 7.2.3]. */
export function encodeSupportedExtensions(sequence: number): Uint8Array {
  const list = Uint8Array.of(element.EXTENSION_TYPES, 1, containerType);
  return encodeGtpu(GTPU_TYPE.SUPPORTED_EXTENSION_HEADERS, 0, sequence, list);
}

/** Tells a sender that nothing listens at `teid` of `address` [TS29281 7.3.1]. */
export function encodeErrorIndication(teid: number, address: Uint8Array): Uint8Array {
  const payload = new OctetWriter(26)
    .u8(element.TEID)
    .u32(teid)
    .u8(element.PEER_ADDRESS)
    .u16(address.length)
    .bytes(address)
    .finish();
  return encodeGtpu(GTPU_TYPE.ERROR_INDICATION, 0, 0, payload);
}

/** The tunnel end that an error indication says is gone: a TEID and an address of 4 or 16 octets. */
export interface LostTunnel {
  readonly teid: number;
  readonly address: Uint8Array;
}

/** Octets of the elements of fixed length; those from 128 on have their length in front [TS29281 8.1]. */
const fixedLengths: Readonly<Record<number, number>> = { [element.RECOVERY]: 1, [element.TEID]: 4 };

/** Reads the payload of an error indication; elements in any order, unknown ones stepped over [TS29281 7.3.1]. */
export function decodeErrorIndication(payload: Uint8Array): Result<LostTunnel> {
  return attempt(() => {
    const reader = new OctetReader(payload);
    let teid: number | undefined;
    let address: Uint8Array | undefined;
    while (reader.remaining > 0) {
      const type = reader.u8('element type');
      const content = reader.sub(elementLength(reader, type), 'element');
      if (type === element.TEID) teid = content.u32('TEID');
      if (type === element.PEER_ADDRESS) address = content.rest();
    }
    if (teid === undefined || (address?.length !== 4 && address?.length !== 16))
      return reader.fail('error indication', 'names no tunnel end');
    return { teid, address };
  });
}

function elementLength(reader: OctetReader, type: number): number {
  const fixed = fixedLengths[type];
  if (fixed !== undefined) return fixed;
  if (type < 128) return reader.fail('element type', `${type} is not known, nor its length`);
  return type === element.EXTENSION_TYPES ? reader.u8('element length') : reader.u16('element length');
}
