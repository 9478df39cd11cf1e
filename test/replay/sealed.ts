import { createCipher, decodeMessage, openMessage, type Payload } from '#ikev2';
import type { IkeKeyLine, NwuFrame } from './read.ts';

const natPort = 4500;

/** True for a frame that crossed the NAT traversal port. */
function crossedNat({ from, to }: NwuFrame): boolean {
  return from.port === natPort || to.port === natPort;
}

/** True for ESP in UDP: on that port, and without the marker of four zero octets. */
export function isEsp(frame: NwuFrame): boolean {
  return crossedNat(frame) && frame.data.subarray(0, 4).some((octet) => octet !== 0);
}

/** True for an IKE message behind SK: those of IKE_SA_INIT go to the other port here. */
export function isSealedIke(frame: NwuFrame): boolean {
  return crossedNat(frame) && !isEsp(frame);
}

/** One IKE message of a capture, opened by the key log. */
export interface Opened {
  readonly exchange: number;
  readonly isResponse: boolean;
  readonly payloads: readonly Payload[];
}

/** Opens the message of a frame. @throws when it does not decode, or does not open */
export function opened(frame: NwuFrame, keys: ReadonlyMap<string, IkeKeyLine>): Opened {
  const datagram = frame.data.subarray(4);
  const message = decodeMessage(datagram);
  if (!message.ok) throw message.error;
  const { spiInitiator, spiResponder, exchange, initiator, response } = message.value.header;
  const line = keys.get(Buffer.concat([spiInitiator, spiResponder]).toString('hex'));
  if (line === undefined) throw new Error('no keys in the log');
  const suite = { encr: 'aes256-gcm16', integ: 'none' } as const;
  const cipher = createCipher(suite, initiator ? line.skEi : line.skEr, new Uint8Array(0));
  const payloads = openMessage(datagram, message.value, cipher);
  if (!payloads.ok) throw payloads.error;
  return { exchange, isResponse: response, payloads: payloads.value };
}
