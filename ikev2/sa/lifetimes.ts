/** How long keys are used: when a rekey is due, when what was not rekeyed has to go. [RFC7296 2.8] */

import type { ChildLifetime, Lifetime } from '../timing.ts';
import { NOTIFY } from '../wire/registry.ts';
import type { NotifyPayload, Payload } from '../wire/types.ts';
import type { ChildRecord } from './child-sa.ts';
import type { IkeSa } from './ike-sa.ts';
import { findNotify, notify } from './payloads.ts';

/** Soft limits come earlier by up to this share, at random, so that both sides seldom rekey at once. */
const DEFAULT_JITTER = 0.1;
/** Wait before a rekey that failed is tried again, in ms; up to as much again is added at random. [RFC7296 2.25] */
const RETRY = 10_000;
/** Share of an authentication's life that is left when it is repeated. */
const REAUTHENTICATION_MARGIN = 0.2;
const NEVER = Number.POSITIVE_INFINITY;

/** The remaining life of an IKE SA or a Child SA; times are absolute. */
export interface Life {
  rekeyAt: number;
  expireAt: number;
}

/** A Child SA's also ends by what it carried. */
export interface ChildLife extends Life {
  readonly softOctets: number;
  readonly hardOctets: number;
  readonly softPackets: number;
  readonly hardPackets: number;
}

/** Begins the life of the keys that are in use from now on. */
export function startIkeLife(sa: IkeSa): void {
  const limits = sa.node.config.lifetimes?.ike;
  sa.life = limits === undefined ? undefined : timesOf(sa, limits);
  armLifetimes(sa);
}

/** Begins the life of a Child SA. */
export function startChildLife(sa: IkeSa, child: ChildRecord): void {
  const limits: ChildLifetime | undefined = sa.node.config.lifetimes?.child;
  if (limits === undefined) return;
  const early = 1 - jitterOf(sa, limits);
  child.life = {
    ...timesOf(sa, limits),
    softOctets: (limits.softOctets ?? NEVER) * early,
    hardOctets: limits.hardOctets ?? NEVER,
    softPackets: (limits.softPackets ?? NEVER) * early,
    hardPackets: limits.hardPackets ?? NEVER,
  };
  armLifetimes(sa);
}

/** What a Child SA has carried so far, both ways together: a limit that is passed is due at once. */
export function noteUsage(sa: IkeSa, { life }: ChildRecord, octets: number, packets: number): void {
  if (life === undefined) return;
  if (octets >= life.softOctets || packets >= life.softPackets) life.rekeyAt = Math.min(life.rekeyAt, sa.now);
  if (octets >= life.hardOctets || packets >= life.hardPackets) life.expireAt = sa.now;
  armLifetimes(sa);
}

/** Responder: the authentication that has just succeeded counts for so long; what the initiator is told of it. [RFC4478 3] */
export function limitAuthentication(sa: IkeSa): NotifyPayload[] {
  const ms = sa.node.config.lifetimes?.authenticationMs;
  if (ms === undefined) return [];
  sa.authenticationEnds = sa.now + ms;
  const seconds = new Uint8Array(4);
  new DataView(seconds.buffer).setUint32(0, Math.floor(ms / 1_000));
  return [notify(NOTIFY.AUTH_LIFETIME, seconds)];
}

/** Initiator: when to authenticate again, early enough for a few lost messages. [RFC4478 3] */
export function noteAuthenticationLimit(sa: IkeSa, payloads: readonly Payload[]): void {
  const seconds = findNotify(payloads, NOTIFY.AUTH_LIFETIME)?.data;
  if (seconds?.length !== 4 || sa.role !== 'initiator') return;
  const ms = new DataView(seconds.buffer, seconds.byteOffset).getUint32(0) * 1_000;
  sa.reauthenticateAt = sa.now + ms * (1 - REAUTHENTICATION_MARGIN);
  armLifetimes(sa);
}

/** Puts off the next attempt: a rekey that succeeds comes before it. */
export function postpone(sa: IkeSa, life: Life): void {
  life.rekeyAt = sa.now + RETRY * (1 + fraction(sa));
}

/** When a rekey is due by age, for the owner. */
export function dueOf(life: Life | undefined): { rekeyAt?: number } {
  return life === undefined || life.rekeyAt === NEVER ? {} : { rekeyAt: life.rekeyAt };
}

/** Sets the timer to the earliest of all limits. */
export function armLifetimes(sa: IkeSa): void {
  const { life: ike, authenticationEnds = NEVER, reauthenticateAt = NEVER } = sa;
  let earliest = Math.min(
    ike?.rekeyAt ?? NEVER,
    ike?.expireAt ?? NEVER,
    authenticationEnds,
    reauthenticateAt,
  );
  for (const { life, replaced } of sa.children.values()) {
    earliest = Math.min(earliest, replaced?.deleteBy ?? NEVER);
    if (life !== undefined) earliest = Math.min(earliest, life.rekeyAt, life.expireAt);
  }
  if (earliest === NEVER) sa.timers.clear('lifetime');
  else sa.timers.set('lifetime', earliest);
}

/** Both limits from now on, the soft one a little earlier at random. */
function timesOf(sa: IkeSa, limits: Lifetime): Life {
  const early = 1 - jitterOf(sa, limits);
  return {
    rekeyAt: sa.now + (limits.softMs ?? NEVER) * early,
    expireAt: sa.now + (limits.hardMs ?? NEVER),
  };
}

/** The share by which it comes earlier this time. */
function jitterOf(sa: IkeSa, { jitter = DEFAULT_JITTER }: Lifetime): number {
  return jitter * fraction(sa);
}

/** At random, from 0 up to but not including 1. */
function fraction(sa: IkeSa): number {
  const [high = 0, low = 0] = sa.node.random(2);
  return ((high << 8) | low) / 65_536;
}
