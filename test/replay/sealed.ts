import { createCipher, decodeMessage, openMessage, PAYLOAD, type Payload } from '#ikev2';
import type { IkeKeyLine, NwuFrame } from './read.ts';

const natPort = 4500;
/** Where the header of IKE names the first payload. */
const firstPayloadAt = 16;

/** True for a frame that crossed the NAT traversal port. */
function crossedNat({ from, to }: NwuFrame): boolean {
  return from.port === natPort || to.port === natPort;
}

/** True for ESP in UDP: on that port, longer than a keepalive, and without the marker of four zero octets. */
export function isEsp(frame: NwuFrame): boolean {
  return crossedNat(frame) && frame.data.length > 1 && !isMarked(frame);
}

/** True for an IKE message behind SK as a whole: those of IKE_SA_INIT go to the other port here. */
export function isSealedIke(frame: NwuFrame): boolean {
  return crossedNat(frame) && isMarked(frame) && frame.data[4 + firstPayloadAt] !== PAYLOAD.SKF;
}

function isMarked({ data }: NwuFrame): boolean {
  return data.length > 4 && data.subarray(0, 4).every((octet) => octet === 0);
}

/** One IKE message of a capture, opened by the key log. */
export interface Opened {
  readonly exchange: number;
  readonly isResponse: boolean;
  readonly payloads: readonly Payload[];
}

/** Opens the message of a frame by any of the SA's keys. @throws when it does not decode, or does not open */
export function opened(frame: NwuFrame, keys: ReadonlyMap<string, readonly IkeKeyLine[]>): Opened {
  const datagram = frame.data.subarray(4);
  const message = decodeMessage(datagram);
  if (!message.ok) throw message.error;
  const { spiInitiator, spiResponder, exchange, initiator, response } = message.value.header;
  const lines = keys.get(Buffer.concat([spiInitiator, spiResponder]).toString('hex')) ?? [];
  const suite = { encr: 'aes256-gcm16', integ: 'none' } as const;
  for (const { skEi, skEr } of lines) {
    const cipher = createCipher(suite, initiator ? skEi : skEr, new Uint8Array(0));
    const payloads = openMessage(datagram, message.value, cipher);
    if (payloads.ok) return { exchange, isResponse: response, payloads: payloads.value };
  }
  throw new Error('no keys of the log open it');
}
