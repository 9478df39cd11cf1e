import { createCipheriv, timingSafeEqual } from 'node:crypto';
import { cmac } from '@noble/ciphers/aes.js';

/** 0 uplink, 1 downlink [TS33501 D.2.1.1]. */
export type Direction = 0 | 1;

/** Security header types [TS24501 9.3]. */
export const SECURITY_HEADER = {
  plain: 0,
  integrity: 1,
  integrityAndCiphering: 2,
  newContext: 3,
  newContextCiphered: 4,
} as const;

const gmmDiscriminator = 0x7e;
const headerLength = 7;
/** COUNTs that end in the same sequence number are that far apart. */
const sequenceSpan = 256;

function parameters(count: number, bearer: number, direction: Direction, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  new DataView(octets.buffer).setUint32(0, count);
  octets[4] = (bearer << 3) | (direction << 2);
  return octets;
}

/** 128-NIA2: AES-CMAC over COUNT, BEARER, DIRECTION and the message, cut to 4 octets [TS33501 D.3.1.3]. */
export function nia2(
  key: Uint8Array,
  count: number,
  bearer: number,
  direction: Direction,
  message: Uint8Array,
): Uint8Array {
  const input = new Uint8Array(8 + message.length);
  input.set(parameters(count, bearer, direction, 8));
  input.set(message, 8);
  return cmac(input, key).subarray(0, 4);
}

/** 128-NEA2: AES in counter mode; the same call ciphers and deciphers [TS33501 D.2.1.3]. */
export function nea2(
  key: Uint8Array,
  count: number,
  bearer: number,
  direction: Direction,
  message: Uint8Array,
): Uint8Array {
  return Uint8Array.from(
    createCipheriv('aes-128-ctr', key, parameters(count, bearer, direction, 16)).update(message),
  );
}

export interface NasSecurityConfig {
  /** 16 octets each. */
  readonly knasInt: Uint8Array;
  readonly knasEnc: Uint8Array;
  readonly integrity: 2;
  readonly ciphering: 0 | 2;
  /** 1 for 3GPP access, 2 for non-3GPP access [TS33501 6.4.2.2]. */
  readonly bearer: number;
  readonly role: 'ue' | 'network';
}

export type Unprotected =
  | { readonly ok: true; readonly plain: Uint8Array; readonly header: number }
  /** `repeated`: the message is whole, but its COUNT was accepted before: to be dropped in silence [TS24501 4.4.3.2]. */
  | { readonly ok: false; readonly reason: string; readonly repeated: boolean };

function refused(reason: string, repeated = false): Unprotected {
  return { ok: false, reason, repeated };
}

/** True when `nasPdu` is a 5GMM message behind a security header. */
export function isProtected(nasPdu: Uint8Array): boolean {
  return nasPdu[0] === gmmDiscriminator && ((nasPdu[1] ?? 0) & 0x0f) !== 0;
}

/**
 * One NAS security context with its COUNTs, from count 0 both ways. A message is accepted once: its COUNT has to be
 * above that of the last one accepted; the overflow part is estimated from the sequence number [TS24501 4.4.3.1].
 */
export class NasSecurity {
  private readonly config: NasSecurityConfig;
  private nextSend = 0;
  private lastReceived = -1;

  constructor(config: NasSecurityConfig) {
    this.config = config;
  }

  /** COUNT of the uplink message at hand: for the UE the one that it sends next, for the network the last that came. */
  get uplinkCount(): number {
    return this.config.role === 'ue' ? this.nextSend : Math.max(0, this.lastReceived);
  }

  /** `plain` behind a security header of type `header`, one of {@link SECURITY_HEADER} but plain. */
  protect(plain: Uint8Array, header: number): Uint8Array {
    const count = this.nextSend++;
    const direction = this.config.role === 'ue' ? 0 : 1;
    const sequenced = new Uint8Array(1 + plain.length);
    sequenced[0] = count;
    sequenced.set(this.cipher(header, count, direction, plain), 1);
    const mac = nia2(this.config.knasInt, count, this.config.bearer, direction, sequenced);
    return Uint8Array.of(gmmDiscriminator, header, ...mac, ...sequenced);
  }

  /** The message inside `nasPdu`; a refused one leaves the COUNT as it was. */
  unprotect(nasPdu: Uint8Array): Unprotected {
    if (nasPdu.length <= headerLength) return refused('shorter than a security header');
    const header = (nasPdu[1] ?? 0) & 0x0f;
    if (nasPdu[0] !== gmmDiscriminator || header === SECURITY_HEADER.plain || header > 4) {
      return refused(`security header type ${header} is not known`);
    }
    const count = this.estimate(nasPdu[6] ?? 0);
    const direction = this.config.role === 'ue' ? 1 : 0;
    if (!this.hasMac(nasPdu, count, direction)) {
      const repeated = count >= sequenceSpan && this.hasMac(nasPdu, count - sequenceSpan, direction);
      return refused(`the MAC is wrong or the message is not new (COUNT ${count})`, repeated);
    }
    this.lastReceived = count;
    const plain = this.cipher(header, count, direction, nasPdu.subarray(headerLength));
    return { ok: true, plain, header };
  }

  private hasMac(nasPdu: Uint8Array, count: number, direction: Direction): boolean {
    const mac = nia2(this.config.knasInt, count, this.config.bearer, direction, nasPdu.subarray(6));
    return timingSafeEqual(mac, nasPdu.subarray(2, 6));
  }

  /** The smallest COUNT above the last accepted one that ends in `sequence`. */
  private estimate(sequence: number): number {
    const next = this.lastReceived + 1;
    return next + ((sequence - next) & 0xff);
  }

  private cipher(header: number, count: number, direction: Direction, message: Uint8Array): Uint8Array {
    const ciphered =
      header === SECURITY_HEADER.integrityAndCiphering || header === SECURITY_HEADER.newContextCiphered;
    if (!ciphered || this.config.ciphering === 0) return message;
    return nea2(this.config.knasEnc, count, this.config.bearer, direction, message);
  }
}
