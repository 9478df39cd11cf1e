/** Messages: header, chain of payloads, and the encrypted payloads SK and SKF around them. */

import type { Result } from './cursor.ts';
import type { DecodedMessage, IkeCipher, IkeHeader, MessageHeader, Payload } from './types.ts';

export declare function decodeHeader(datagram: Uint8Array): Result<IkeHeader>;
export declare function decodePayloads(
  bytes: Uint8Array,
  at: number,
  end: number,
  firstPayload: number,
): Result<Payload[]>;
export declare function decodeMessage(datagram: Uint8Array): Result<DecodedMessage>;
export declare function encodeMessage(header: MessageHeader, payloads: readonly Payload[]): Uint8Array;
export declare function sealMessage(
  header: MessageHeader,
  payloads: readonly Payload[],
  cipher: IkeCipher,
  iv: Uint8Array,
): Uint8Array;
export declare function openMessage(
  datagram: Uint8Array,
  message: DecodedMessage,
  cipher: IkeCipher,
): Result<Payload[]>;
