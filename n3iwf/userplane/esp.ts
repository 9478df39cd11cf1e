/** ESP (RFC 4303) in tunnel mode: one object per direction of an SA. AES-GCM by RFC 4106, ChaCha20-Poly1305 by RFC 7634. */

import { type ChildKeys, createCipher, type EspSuite } from '#ikev2';
import { IP_PROTOCOL, putU32, u32 } from './ip.ts';
import { ReplayWindow } from './replay-window.ts';

/** A cipher for one direction of an SA, as the IKE engine makes it. */
export type EspCipher = ReturnType<typeof createCipher> & {
  /** Forgets the key; the cipher is of no use after. */
  dispose?(): void;
};

/** Makes the cipher of one direction from the suite and its keys, as they were cut from KEYMAT. */
export type EspCipherFactory = (suite: EspSuite, encr: Uint8Array, integ: Uint8Array) => EspCipher;

/** Why a packet did not come through. 'dummy' is no fault: traffic-flow padding, to be dropped in silence. */
export type EspFault = 'short' | 'replay' | 'integrity' | 'padding' | 'dummy';

/** SPI and low half of the sequence number. */
const headerLength = 8;
/** Pad Length and Next Header. */
const trailerLength = 2;
const wrap = 0x1_0000_0000;

/** The SPI of an ESP packet, or undefined if it is too short to be one. */
export function spiOf(packet: Uint8Array): number | undefined {
  return packet.length < headerLength ? undefined : u32(packet, 0);
}

/** What both directions share: the cipher and the octets that it authenticates besides the text. */
class EspDirection {
  readonly spi: number;
  readonly cipher: EspCipher;
  protected readonly esn: boolean;
  /** SPI | sequence number; in an AEAD with ESN with its high half in between (RFC 4106 section 5). */
  private readonly aad: Uint8Array;
  private readonly highHalf = new Uint8Array(4);

  constructor(spi: number, suite: EspSuite, keys: ChildKeys, factory: EspCipherFactory) {
    this.spi = spi;
    this.cipher = factory(suite, keys.encr, keys.integ);
    this.esn = suite.esn;
    this.aad = new Uint8Array(this.esn && this.cipher.aead ? 12 : headerLength);
    putU32(this.aad, 0, spi);
  }

  protected aadOf(sequence: number): Uint8Array {
    const high = Math.floor(sequence / wrap);
    if (this.aad.length === 12) putU32(this.aad, 4, high);
    putU32(this.highHalf, 0, high);
    putU32(this.aad, this.aad.length - 4, sequence % wrap);
    return this.aad;
  }

  /** Forgets the key: for an SA that is gone. */
  dispose(): void {
    this.cipher.dispose?.();
  }

  /** The high half of an ESN is authenticated behind the text where the cipher is no AEAD. [RFC4303 2.2.1] */
  protected get trailer(): Uint8Array | undefined {
    return this.esn && !this.cipher.aead ? this.highHalf : undefined;
  }
}

/** Sends. Numbers packets from 1 and stops for good before the counter would come round. */
export class EspSender extends EspDirection {
  readonly #random: (length: number) => Uint8Array;
  readonly #iv: Uint8Array;
  readonly #last: number;
  #scratch = new Uint8Array(2048);
  #sequence: number;
  /** Shorter packets are filled up to so many octets, against the analysis of traffic [RFC4303 2.7]. */
  #padTo = 0;

  /** `random` gives the IVs of CBC; `sequence` is the last number used, 0 for a fresh SA. */
  constructor(
    spi: number,
    suite: EspSuite,
    keys: ChildKeys,
    random: (length: number) => Uint8Array,
    sequence = 0,
    factory: EspCipherFactory = createCipher,
  ) {
    super(spi, suite, keys, factory);
    this.#random = random;
    this.#iv = new Uint8Array(this.cipher.ivLength);
    this.#last = suite.esn ? Number.MAX_SAFE_INTEGER : wrap - 1;
    this.#sequence = sequence;
  }

  /**
   * From now on no packet shows how long it is as long as it is shorter than `octets`. The receiver finds the end by the
   * inner packet's own length, so this is for tunnel mode alone.
   */
  padTo(octets: number): void {
    this.#padTo = octets;
  }

  /** The number of the last packet. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Where to write the next plaintext of up to `length` octets before {@link sealPrepared}; saves a copy. The octets are
   * only valid until the next call on this object.
   */
  prepare(length: number): Uint8Array {
    const needed = Math.max(length, this.#padTo) + 255 + trailerLength;
    if (this.#scratch.length < needed) this.#scratch = new Uint8Array(needed);
    return this.#scratch;
  }

  /** A packet around `payload`; `nextHeader` is 4 or 41 in tunnel mode. Undefined when the SA has used its last number. */
  seal(nextHeader: number, payload: Uint8Array): Uint8Array | undefined {
    this.prepare(payload.length).set(payload);
    return this.sealPrepared(nextHeader, payload.length);
  }

  /** As {@link seal}, for the first `length` octets of what {@link prepare} returned. */
  sealPrepared(nextHeader: number, length: number): Uint8Array | undefined {
    // [RFC4303 3.3.3] the counter never cycles: a new SA must be there by then.
    if (this.#sequence >= this.#last) return undefined;
    this.#sequence++;
    const filled = Math.max(length, this.#padTo);
    if (filled > length) this.#scratch.fill(0, length, filled);
    const plaintext = this.#pad(nextHeader, filled);
    const { ivLength, icvLength } = this.cipher;
    const textAt = headerLength + ivLength;
    const packet = Buffer.allocUnsafe(textAt + plaintext.length + icvLength);
    putU32(packet, 0, this.spi);
    putU32(packet, 4, this.#sequence % wrap);
    const iv = this.#nextIv();
    packet.set(iv, headerLength);
    this.cipher.sealInto(packet, textAt, iv, this.aadOf(this.#sequence), plaintext, this.trailer);
    return packet;
  }

  /** [RFC4303 2.4] padding of 1, 2, 3 … up to the cipher's block, and at least to whole 4 octets. */
  #pad(nextHeader: number, length: number): Uint8Array {
    const block = Math.max(4, this.cipher.blockSize);
    const padLength = (block - ((length + trailerLength) % block)) % block;
    const octets = this.#scratch;
    for (let i = 1; i <= padLength; i++) octets[length + i - 1] = i;
    octets[length + padLength] = padLength;
    octets[length + padLength + 1] = nextHeader;
    return octets.subarray(0, length + padLength + trailerLength);
  }

  /** A counter where only uniqueness counts [RFC4106 3.1]; unpredictable octets for CBC. */
  #nextIv(): Uint8Array {
    if (!this.cipher.aead) return this.#iv.length === 0 ? this.#iv : this.#random(this.#iv.length);
    putU32(this.#iv, 0, Math.floor(this.#sequence / wrap));
    putU32(this.#iv, 4, this.#sequence % wrap);
    return this.#iv;
  }
}

/** What a packet carried: a whole IP packet (tunnel mode), in memory that nobody else uses. */
export interface EspPayload {
  readonly ok: true;
  readonly nextHeader: number;
  readonly payload: Uint8Array;
  /** No later packet was authenticated before: only such a packet may move the peer's address. */
  readonly newest: boolean;
}

export interface EspRefusal {
  readonly ok: false;
  readonly fault: EspFault;
}

/** Receives. A refused packet leaves the window as it was. */
export class EspReceiver extends EspDirection {
  readonly window: ReplayWindow;

  constructor(
    spi: number,
    suite: EspSuite,
    keys: ChildKeys,
    windowSize?: number,
    factory: EspCipherFactory = createCipher,
  ) {
    super(spi, suite, keys, factory);
    this.window = new ReplayWindow(windowSize);
  }

  /**
   * Checks number, ICV and padding, in this order; `packet` starts with the SPI. Its octets are not to be used after: a
   * cipher may write the plaintext over them.
   */
  open(packet: Uint8Array): EspPayload | EspRefusal {
    const { ivLength, icvLength } = this.cipher;
    const textAt = headerLength + ivLength;
    if (packet.length < textAt + trailerLength + icvLength) return refusals.short;
    const sequence = this.#sequenceOf(u32(packet, 4));
    if (!this.window.accepts(sequence)) return refusals.replay;
    const iv = packet.subarray(headerLength, textAt);
    const opened = this.cipher.open(iv, this.aadOf(sequence), packet.subarray(textAt), this.trailer);
    if (!opened.ok) return refusals.integrity;
    const newest = sequence > this.window.highest;
    this.window.mark(sequence);
    return strip(opened.value, newest);
  }

  /** [RFC4303 A2.1] the 64-bit number nearest to the window whose low half this is. */
  #sequenceOf(low: number): number {
    if (!this.esn) return low;
    const { highest, size } = this.window;
    const top = highest % wrap;
    const epoch = highest - top;
    const bottom = top - size + 1;
    if (bottom >= 0) return low >= bottom ? epoch + low : epoch + wrap + low;
    return low >= bottom + wrap && epoch > 0 ? epoch - wrap + low : epoch + low;
  }
}

const refusals = {
  short: { ok: false, fault: 'short' },
  replay: { ok: false, fault: 'replay' },
  integrity: { ok: false, fault: 'integrity' },
  padding: { ok: false, fault: 'padding' },
  dummy: { ok: false, fault: 'dummy' },
} as const satisfies Record<EspFault, EspRefusal>;

/** Takes the trailer off; the padding must be the sequence that RFC 4303 prescribes. */
function strip(plaintext: Uint8Array, newest: boolean): EspPayload | EspRefusal {
  const trailerAt = plaintext.length - trailerLength;
  const padLength = plaintext[trailerAt] ?? 0;
  const nextHeader = plaintext[trailerAt + 1] ?? 0;
  const end = trailerAt - padLength;
  if (trailerAt < 0 || end < 0) return refusals.padding;
  for (let i = 1; i <= padLength; i++) if (plaintext[end + i - 1] !== i) return refusals.padding;
  // [RFC4303 2.6] "no next header" marks a dummy packet.
  if (nextHeader === IP_PROTOCOL.NONE) return refusals.dummy;
  return { ok: true, nextHeader, payload: plaintext.subarray(0, end), newest };
}
