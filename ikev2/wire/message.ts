/** Messages: header, chain of payloads, and the encrypted payload SK around them. */

import { firstPayloadType, readChain, writeChain } from './chain.ts';
import { attempt, OctetReader, OctetWriter, type Result } from './cursor.ts';
import { decodeHeader, HEADER_LENGTH, patchLength, writeHeader } from './header.ts';
import { EXCHANGE } from './registry.ts';
import type { DecodedMessage, MessageHeader, Payload } from './types.ts';

/**
 * Reads header and clear payloads of a datagram. IKE_SA_INIT is in clear; in every other exchange one SK or SKF
 * stands alone, so that nobody without keys can speak for an SA. [RFC7296 3.14]
 */
export function decodeMessage(datagram: Uint8Array): Result<DecodedMessage> {
  const decoded = decodeHeader(datagram);
  if (!decoded.ok) return decoded;
  const header = decoded.value;
  return attempt(() => {
    const reader = new OctetReader(datagram, HEADER_LENGTH);
    const chain = readChain(reader, header.nextPayload);
    const clear = header.exchange === EXCHANGE.IKE_SA_INIT;
    if (clear && chain.encrypted !== undefined) reader.fail('SK', 'in IKE_SA_INIT');
    if (!clear && chain.encrypted === undefined) reader.fail('Payloads', 'in clear outside IKE_SA_INIT');
    if (!clear && chain.payloads.length > 0) reader.fail('Payloads', 'in clear before SK');
    return { header, ...chain };
  });
}

/** A message in clear: IKE_SA_INIT, or an answer where there is no SA. */
export function encodeMessage(header: MessageHeader, payloads: readonly Payload[]): Uint8Array {
  const writer = new OctetWriter();
  writeHeader(writer, header, firstPayloadType(payloads));
  writeChain(writer, payloads);
  patchLength(writer, writer.length);
  return writer.finish();
}

export { decodePayloads } from './chain.ts';
export { decodeHeader } from './header.ts';
export {
  intermediateOctets,
  openMessage,
  openPlaintext,
  plainChain,
  sealFragments,
  sealMessage,
  sealWithin,
} from './sealed.ts';
