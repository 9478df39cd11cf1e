import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';

export const GTPU_PORT = 2152;

/** Message types of GTP-U [TS29281 6.1]. */
export const GTPU_TYPE = {
  ECHO_REQUEST: 1,
  ECHO_RESPONSE: 2,
  ERROR_INDICATION: 26,
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

export interface GtpuMessage {
  readonly type: number;
  readonly teid: number;
  readonly sequence?: number;
  readonly container?: PduSessionContainer;
  readonly payload: Uint8Array;
}

const versionAndProtocol = 0x30;
const extensionFlag = 0x04;
const sequenceFlag = 0x02;
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
    const container = decodeExtensions(body, body.u8('next extension'), (flags & extensionFlag) !== 0);
    return {
      type,
      teid,
      ...((flags & sequenceFlag) === 0 ? {} : { sequence }),
      ...(container === undefined ? {} : { container }),
      payload: body.rest(),
    };
  });
}

function decodeExtensions(
  body: OctetReader,
  first: number,
  present: boolean,
): PduSessionContainer | undefined {
  let container: PduSessionContainer | undefined;
  for (let type = present ? first : 0; type !== 0; ) {
    const units = body.u8('extension length');
    if (units === 0) body.fail('extension length', 'is 0');
    const content = body.sub(units * 4 - 2, 'extension');
    if (type === containerType) container = decodeContainer(content);
    type = body.u8('next extension');
  }
  return container;
}

function decodeContainer(content: OctetReader): PduSessionContainer {
  const direction = content.u8('PDU type') >>> 4 === 0 ? 'downlink' : 'uplink';
  const flow = content.u8('QFI');
  return { direction, qfi: flow & 0x3f, rqi: direction === 'downlink' && (flow & 0x40) !== 0 };
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

const recovery = Uint8Array.of(14, 0);

/** The answer to an echo request: its sequence number and a recovery counter of 0 [TS29281 7.2.2]. */
export function encodeEchoResponse(sequence: number): Uint8Array {
  return encodeGtpu(GTPU_TYPE.ECHO_RESPONSE, 0, sequence, recovery);
}

/** Tells a sender that nothing listens at `teid` of `address` [TS29281 7.3.1]. */
export function encodeErrorIndication(teid: number, address: Uint8Array): Uint8Array {
  const payload = new OctetWriter(16).u8(16).u32(teid).u8(133).u16(address.length).bytes(address).finish();
  return encodeGtpu(GTPU_TYPE.ERROR_INDICATION, 0, 0, payload);
}
