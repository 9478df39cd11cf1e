/**
 * Who may open an IKE SA: half-open ones are counted, in all and by source, and where there are many a cookie has to
 * prove first that the initiator gets what is sent to it. Nothing is kept and no key made for one without. [RFC7296 2.6]
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IkeSaId } from '../terms.ts';
import type { HalfOpenLimits } from '../timing.ts';
import { NOTIFY } from '../wire/registry.ts';
import type { Payload, SocketAddress } from '../wire/types.ts';

import { find, findNotify } from './payloads.ts';
import { addressOctets } from './tasks/natd.ts';

/** Generous: a UE that knows no cookies should meet them under attack only. */
export const DEFAULT_HALF_OPEN: HalfOpenLimits = {
  cookiesAbove: 500,
  cookiesAbovePerSource: 100,
  most: 20_000,
  mostPerSource: 2_000,
};

/** A secret makes cookies for so long and is accepted for as long again, in ms. */
const SECRET_LIFE = 30_000;
/** Cookies stay demanded for so long after the last moment of need, in ms, so that the demand does not flap. */
const CALM_DOWN = 10_000;
const SECRET_LENGTH = 32;

/** `cookie` is what to send back in place of an answer; `drop` is silence. */
export type Verdict =
  | { readonly kind: 'admit' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'cookie'; readonly cookie: Uint8Array };

const ADMIT: Verdict = { kind: 'admit' };
const DROP: Verdict = { kind: 'drop' };

/** What cookies are made with from `since` on, in ms. */
interface Secret {
  readonly version: number;
  readonly octets: Uint8Array;
  readonly since: number;
}

/** See the head of this file. `random` gives the secrets that cookies are made with. */
export class Gate {
  /** Other ones count from the next opener on. */
  limits: HalfOpenLimits;
  private readonly random: (length: number) => Uint8Array;
  private readonly sources = new Map<string, number>();
  private readonly sourceOf = new Map<IkeSaId, string>();
  private secrets: Secret[] = [];
  private versions = 0;
  private demandedUntil = Number.NEGATIVE_INFINITY;

  constructor(limits: HalfOpenLimits, random: (length: number) => Uint8Array) {
    this.limits = limits;
    this.random = random;
  }

  /** Half-open SAs in all. */
  get halfOpen(): number {
    return this.sourceOf.size;
  }

  /** Judges a first request by its source and its cookie; its work does not depend on what else it contains. */
  judge(now: number, spiInitiator: Uint8Array, payloads: readonly Payload[], remote: SocketAddress): Verdict {
    const { cookiesAbove, cookiesAbovePerSource, most, mostPerSource } = this.limits;
    const fromSource = this.sources.get(sourceKey(remote)) ?? 0;
    if (this.halfOpen >= cookiesAbove) this.demandedUntil = now + CALM_DOWN;
    const demanded = now < this.demandedUntil || fromSource >= cookiesAbovePerSource;
    if (demanded && !this.proves(now, spiInitiator, payloads, remote)) {
      const nonce = find(payloads, 'Nonce')?.data;
      if (nonce === undefined) return DROP;
      return { kind: 'cookie', cookie: this.bake(this.currentSecret(now), spiInitiator, nonce, remote) };
    }
    return this.halfOpen >= most || fromSource >= mostPerSource ? DROP : ADMIT;
  }

  /** An admitted SA counts until it is established, or forgotten. */
  enter(id: IkeSaId, remote: SocketAddress): void {
    const key = sourceKey(remote);
    this.sourceOf.set(id, key);
    this.sources.set(key, (this.sources.get(key) ?? 0) + 1);
  }

  /** It is, one way or the other; void for an SA that never entered. */
  leave(id: IkeSaId): void {
    const key = this.sourceOf.get(id);
    if (key === undefined) return;
    this.sourceOf.delete(id);
    const left = (this.sources.get(key) ?? 1) - 1;
    if (left === 0) this.sources.delete(key);
    else this.sources.set(key, left);
  }

  /** Whether the request carries a cookie that we made for it not long ago. */
  private proves(
    now: number,
    spiInitiator: Uint8Array,
    payloads: readonly Payload[],
    remote: SocketAddress,
  ): boolean {
    const cookie = findNotify(payloads, NOTIFY.COOKIE)?.data;
    const nonce = find(payloads, 'Nonce')?.data;
    if (cookie === undefined || nonce === undefined) return false;
    const secret = this.secrets.find(
      ({ version, since }) => version === cookie[0] && now - since < 2 * SECRET_LIFE,
    );
    if (secret === undefined) return false;
    const expected = this.bake(secret, spiInitiator, nonce, remote);
    return cookie.length === expected.length && timingSafeEqual(cookie, expected);
  }

  /** Version of the secret | HMAC(secret, Ni | IPi | SPIi): nothing has to be kept to know it again. [RFC7296 2.6] */
  private bake(
    { version, octets }: Secret,
    spiInitiator: Uint8Array,
    nonce: Uint8Array,
    remote: SocketAddress,
  ): Uint8Array {
    const mac = createHmac('sha256', octets)
      .update(nonce)
      .update(addressOctets(remote.address))
      .update(spiInitiator)
      .digest();
    const cookie = new Uint8Array(1 + mac.length);
    cookie[0] = version;
    cookie.set(mac, 1);
    return cookie;
  }

  /** The newest secret; an old one is replaced and kept beside for cookies that are on their way. */
  private currentSecret(now: number): Secret {
    const newest = this.secrets[0];
    if (newest !== undefined && now - newest.since < SECRET_LIFE) return newest;
    this.versions = (this.versions + 1) & 0xff;
    const octets = Uint8Array.from(this.random(SECRET_LENGTH));
    const fresh = { version: this.versions, octets, since: now };
    this.secrets[1]?.octets.fill(0);
    this.secrets = newest === undefined ? [fresh] : [fresh, newest];
    return fresh;
  }
}

/** One source is one IPv4 address or one IPv6 /64, which is what one customer has. */
function sourceKey({ address }: SocketAddress): string {
  if (!address.includes(':')) return address;
  return Buffer.from(addressOctets(address).subarray(0, 8)).toString('base64');
}
