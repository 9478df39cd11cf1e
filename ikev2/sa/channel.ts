/** One pair of IKE SPIs with its keys and message IDs: seals what goes out, opens what comes in. */

import type { Keymat } from '../crypto/keymat.ts';
import type { PpkIdentity } from '../terms.ts';
import { encodeMessage, openPlaintext, sealWithin } from '../wire/message.ts';
import { EXCHANGE, PAYLOAD } from '../wire/registry.ts';
import type { DecodedMessage, IkeCipher, MessageHeader, Payload } from '../wire/types.ts';
import { type Opened, Reassembly } from './reassembly.ts';
import { OwnExchange, PeerWindow } from './window.ts';

/** What stands for the responder's SPI before there is one; told from others by identity. [RFC7296 3.1] */
export const NO_SPI: Uint8Array = new Uint8Array(8);

/** The octets as a map key. */
export function spiKey(spi: Uint8Array): string {
  return String.fromCharCode(...spi);
}

/** An SPI that nobody has. */
export function isZero(spi: Uint8Array): boolean {
  return spi.every((octet) => octet === 0);
}

/** The same memory as a plain Uint8Array, so that no Buffer leaves by an event. */
export function plainOctets({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

/** An IKE SA has one channel; a rekeyed one has its predecessor beside it until that is deleted. */
export class Channel {
  /** Whether this side is the original initiator of these SPIs: the I flag of all that it sends. */
  readonly initiator: boolean;
  readonly window = new PeerWindow();
  readonly own = new OwnExchange();
  readonly spiInitiator: Uint8Array;
  spiResponder: Uint8Array;
  keymat: Keymat | undefined;
  /** The fresh PPK on which its keys depend, when a rekey made it with one. */
  ppkIdentity: PpkIdentity | undefined;
  private cipherIn: IkeCipher | undefined;
  private cipherOut: IkeCipher | undefined;
  private previousIn: IkeCipher | undefined;
  private requests: Reassembly | undefined;
  private responses: Reassembly | undefined;
  private sealed = 0;

  constructor(initiator: boolean, spiInitiator: Uint8Array, spiResponder: Uint8Array) {
    this.initiator = initiator;
    this.spiInitiator = spiInitiator;
    this.spiResponder = spiResponder;
  }

  /** By which the peer's messages find this channel. */
  get localSpi(): Uint8Array {
    return this.initiator ? this.spiInitiator : this.spiResponder;
  }

  /**
   * From here on messages are sealed with `keymat`, which the channel owns; keys that it replaces are zeroed. The last
   * answer may be asked for again by a request under the old keys, so their cipher is kept for one change.
   */
  protect(keymat: Keymat): void {
    this.keymat?.wipe();
    this.previousIn = this.cipherIn;
    this.keymat = keymat;
    const [fromInitiator, fromResponder] = [keymat.cipher('initiator'), keymat.cipher('responder')];
    this.cipherOut = this.initiator ? fromInitiator : fromResponder;
    this.cipherIn = this.initiator ? fromResponder : fromInitiator;
  }

  /**
   * The datagrams of a message of ours: one, or fragments of at most `maxLength` octets where it is longer. IKE_SA_INIT
   * goes in clear and whole. `random` gives the IV of a block cipher.
   */
  write(
    exchange: number,
    response: boolean,
    messageId: number,
    payloads: readonly Payload[],
    random: (length: number) => Uint8Array,
    maxLength = Number.POSITIVE_INFINITY,
    cipher = this.cipherOut,
  ): Uint8Array[] {
    const header = this.header(exchange, response, messageId);
    if (exchange === EXCHANGE.IKE_SA_INIT) return [encodeMessage(header, payloads)];
    if (cipher === undefined) throw new Error('a message is to be sealed before there are keys');
    return sealWithin(header, payloads, cipher, () => this.nextIv(cipher, random), maxLength);
  }

  /** The octets inside SK; undefined unless the peer, and nobody else, sent them. A fragment is not taken. */
  open(datagram: Uint8Array, message: DecodedMessage): Opened | undefined {
    if (message.encrypted?.type !== PAYLOAD.SK) return undefined;
    const inner = this.decrypt(datagram, message);
    return inner === undefined
      ? undefined
      : { firstPayload: message.encrypted.innerFirstPayload, inner, datagram };
  }

  /** Whether the peer, and nobody else, sent this message or fragment. */
  authenticates(datagram: Uint8Array, message: DecodedMessage): boolean {
    const { previousIn } = this;
    if (this.decrypt(datagram, message) !== undefined) return true;
    return previousIn !== undefined && openPlaintext(datagram, message, previousIn).ok;
  }

  /** What seals now; a message keeps it when it is cut anew after a change of keys. */
  get outgoing(): IkeCipher | undefined {
    return this.cipherOut;
  }

  /** The header of a message of ours. */
  header(exchange: number, response: boolean, messageId: number): MessageHeader {
    const { spiInitiator, spiResponder, initiator } = this;
    return { spiInitiator, spiResponder, exchange, initiator, response, messageId };
  }

  /** Takes a fragment: the message that it completes, otherwise undefined. */
  collect(now: number, datagram: Uint8Array, message: DecodedMessage): Opened | undefined {
    const { encrypted, header } = message;
    if (encrypted?.fragment === undefined) return undefined;
    const { messageId, response } = header;
    const { innerFirstPayload: firstPayload, fragment } = encrypted;
    return this.reassembly(response).add(now, { messageId, ...fragment, firstPayload, datagram }, () =>
      this.decrypt(datagram, message),
    );
  }

  /** When an incomplete message is to be given up. */
  get reassemblyDeadline(): number | undefined {
    const times = [this.requests?.deadline, this.responses?.deadline].filter((each) => each !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Octets of incomplete messages. */
  get heldFragments(): number {
    return (this.requests?.held ?? 0) + (this.responses?.held ?? 0);
  }

  /** Gives up what is incomplete at `now`. */
  dropIncomplete(now: number): void {
    for (const each of [this.requests, this.responses]) {
      if (each?.deadline !== undefined && each.deadline <= now) each.clear();
    }
  }

  /** Requests and responses have message IDs of their own, so each direction has an incomplete message of its own. */
  private reassembly(response: boolean): Reassembly {
    if (response) {
      this.responses ??= new Reassembly();
      return this.responses;
    }
    this.requests ??= new Reassembly();
    return this.requests;
  }

  /** Undefined for what is not authentic, and without keys, as after {@link wipe}. */
  private decrypt(datagram: Uint8Array, message: DecodedMessage): Uint8Array | undefined {
    if (this.cipherIn === undefined) return undefined;
    const opened = openPlaintext(datagram, message, this.cipherIn);
    return opened.ok ? plainOctets(opened.value) : undefined;
  }

  /** Keys are zeroed; stored responses stay for repetitions. */
  wipe(): void {
    this.keymat?.wipe();
    this.requests?.clear();
    this.responses?.clear();
    this.keymat = undefined;
    this.cipherIn = undefined;
    this.cipherOut = undefined;
    this.previousIn = undefined;
  }

  /** A counter never repeats an IV under one key, which AEADs depend on [RFC5282 3.1]; CBC wants them unguessable. */
  private nextIv(cipher: IkeCipher, random: (length: number) => Uint8Array): Uint8Array {
    if (!cipher.aead) return random(cipher.ivLength);
    const iv = new Uint8Array(cipher.ivLength);
    new DataView(iv.buffer).setUint32(iv.length - 4, ++this.sealed);
    return iv;
  }
}
