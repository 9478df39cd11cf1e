/** The IKE header. [RFC7296 3.1] */

import { attempt, OctetReader, type OctetWriter, type Result } from './cursor.ts';
import type { IkeHeader, MessageHeader } from './types.ts';

/** Octets of the fixed header. [RFC7296 3.1] */
export const HEADER_LENGTH = 28;
const NEXT_PAYLOAD_AT = 16;
const LENGTH_AT = 24;
const FLAG_INITIATOR = 0x08;
const FLAG_RESPONSE = 0x20;

/**
 * Reads the header of `datagram` (without the non-ESP marker). The version is not judged, so that the caller can
 * answer INVALID_MAJOR_VERSION; the length must be the datagram's.
 */
export function decodeHeader(datagram: Uint8Array): Result<IkeHeader> {
  return attempt(() => {
    const reader = new OctetReader(datagram);
    const spiInitiator = reader.take(8, 'IKE SA Initiator SPI');
    const spiResponder = reader.take(8, 'IKE SA Responder SPI');
    const nextPayload = reader.u8('Next Payload');
    const version = reader.u8('Version');
    const exchange = reader.u8('Exchange Type');
    const flags = reader.u8('Flags');
    const messageId = reader.u32('Message ID');
    const length = reader.u32('Length');
    if (length !== datagram.length)
      reader.fail('Length', `is ${length}, the datagram has ${datagram.length}`);
    return {
      spiInitiator,
      spiResponder,
      nextPayload,
      majorVersion: version >> 4,
      minorVersion: version & 15,
      exchange,
      initiator: (flags & FLAG_INITIATOR) !== 0,
      response: (flags & FLAG_RESPONSE) !== 0,
      messageId,
      length,
    };
  });
}

/** Writes a header whose length is filled in by {@link patchLength}. */
export function writeHeader(writer: OctetWriter, header: MessageHeader, nextPayload: number): void {
  const { majorVersion = 2, minorVersion = 0 } = header;
  const flags = (header.initiator ? FLAG_INITIATOR : 0) | (header.response ? FLAG_RESPONSE : 0);
  writer.bytes(header.spiInitiator).bytes(header.spiResponder).u8(nextPayload);
  writer
    .u8((majorVersion << 4) | minorVersion)
    .u8(header.exchange)
    .u8(flags)
    .u32(header.messageId)
    .u32(0);
}

/** Fills in the length of the whole message, header included, once it is known. */
export function patchLength(writer: OctetWriter, length: number): void {
  writer.patchU32(LENGTH_AT, length);
}

export { NEXT_PAYLOAD_AT };
