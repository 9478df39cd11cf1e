/** Child SAs of one IKE SA: keys, registration, the events about them. */

import type { Keymat } from '../crypto/keymat.ts';
import { describeEspSuite } from '../crypto/suites.ts';
import type { EspSuite } from '../crypto/types.ts';
import type { ChildSa } from '../output.ts';
import type { PpkIdentity } from '../terms.ts';
import { IkeError } from '../wire/errors.ts';
import { EXCHANGE, NOTIFY, PROTOCOL } from '../wire/registry.ts';
import type { Notify, TrafficSelector } from '../wire/types.ts';
import type { IkeSa } from './ike-sa.ts';
import { armLifetimes, type ChildLife, dueOf, startChildLife } from './lifetimes.ts';
import { fromUint32 } from './node.ts';
import type { Task } from './task.ts';
import type { NamedPpk } from './tasks/ppk-candidates.ts';

/** What the engine remembers of a Child SA; its keys have left with the event. */
export interface ChildRecord {
  readonly id: number;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly suite: EspSuite;
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  readonly tag: string | undefined;
  /** What we are doing with it: a request about it is on its way. */
  busy: 'no' | 'rekeying' | 'deleting';
  /** The peer rekeyed it, or it lost against another: the peer deletes it, and we begin nothing with it. */
  replaced: Replacement | undefined;
  life?: ChildLife | undefined;
}

/** What took the place of a Child SA, and the lower nonce of the exchange that made it. */
export interface Replacement {
  readonly by: ChildRecord;
  readonly nonce: Uint8Array;
  /** The peer's Delete of the old one is due until then. */
  readonly deleteBy: number;
}

/** The peer is to delete `old`, which `by` replaces; if it does not, we do after a while. [RFC7296 2.8] */
export function noteReplaced(sa: IkeSa, old: ChildRecord, by: ChildRecord, nonce: Uint8Array): void {
  old.replaced = { by, nonce, deleteBy: sa.now + sa.node.timers.retired };
  armLifetimes(sa);
}

/** The answer to a rekey of what is not there names the SPI of REKEY_SA, which is the peer's own. [RFC7296 3.10.1] */
export function childSaNotFound(spi: Uint8Array): IkeError {
  const subject = { protocol: PROTOCOL.ESP, spi: Uint8Array.from(spi) };
  const type = NOTIFY.CHILD_SA_NOT_FOUND;
  return new IkeError('REKEY_SA names no Child SA', type, new Uint8Array(0), subject);
}

/** A negotiated Child SA about to be keyed. */
export interface ChildParameters {
  readonly suite: EspSuite;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly trafficSelectorsLocal: readonly TrafficSelector[];
  readonly trafficSelectorsRemote: readonly TrafficSelector[];
  /** Whether this side started the exchange, which decides who gets which keys. */
  readonly started: boolean;
  readonly nonceInitiator: Uint8Array;
  readonly nonceResponder: Uint8Array;
  /** Of the exchange's own key exchange, when it had one. */
  readonly sharedSecret?: Uint8Array | undefined;
  /** Of the key exchanges after it. [RFC9370 2.2.4] */
  readonly further?: readonly Uint8Array[];
  /** The QKD key that was one of these key exchanges. */
  readonly key?: PpkIdentity | undefined;
  /** Of the exchange that makes it; without one it depends on that of the IKE SA. */
  readonly ppk?: NamedPpk | undefined;
  readonly rekeyed?: number | undefined;
  /** Lost against the peer's own rekey: it is about to be deleted. */
  readonly redundant?: boolean;
  readonly tag?: string | undefined;
  /** The peer's. */
  readonly notifies: readonly Notify[];
}

/** Keys the Child SA and reports it. */
export function establishChild(sa: IkeSa, child: ChildParameters): ChildRecord {
  const keymat = sa.channel.keymat;
  if (keymat === undefined) throw new Error('a Child SA needs the keys of its IKE SA');
  const { nonceInitiator, nonceResponder, sharedSecret, further, suite } = child;
  const freshened = child.ppk === undefined ? keymat : freshKeys(sa, child.ppk.secret);
  const keys = freshened.childKeys(suite, nonceInitiator, nonceResponder, sharedSecret, further);
  if (freshened !== keymat) freshened.wipe();
  const record: ChildRecord = {
    id: sa.node.nextChildSaId(),
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    suite,
    trafficSelectorsLocal: child.trafficSelectorsLocal,
    trafficSelectorsRemote: child.trafficSelectorsRemote,
    tag: child.tag,
    busy: 'no',
    replaced: undefined,
  };
  sa.children.set(record.id, record);
  startChildLife(sa, record);
  const ppkIdentity = child.key ?? child.ppk?.identity ?? sa.ppkIdentity;
  const ppk: { ppkIdentity?: PpkIdentity } = ppkIdentity === undefined ? {} : { ppkIdentity };
  const childSa: ChildSa = {
    id: record.id,
    ikeSaId: sa.id,
    spiIn: record.spiIn,
    spiOut: record.spiOut,
    suite,
    suiteName: describeEspSuite(suite),
    keysIn: child.started ? keys.fromResponder : keys.fromInitiator,
    keysOut: child.started ? keys.fromInitiator : keys.fromResponder,
    trafficSelectorsLocal: record.trafficSelectorsLocal,
    trafficSelectorsRemote: record.trafficSelectorsRemote,
    udpEncapsulation: sa.nat.local || sa.nat.remote,
    local: sa.local,
    remote: sa.remote,
    ...(child.started ? { startedHere: true as const } : {}),
    ...ppk,
    ...dueOf(record.life),
  };
  sa.emit({
    type: 'childSaEstablished',
    ikeSaId: sa.id,
    child: childSa,
    ...(child.rekeyed === undefined ? {} : { rekeyed: child.rekeyed }),
    ...(child.redundant === true ? { redundant: true } : {}),
    ...(child.tag === undefined ? {} : { tag: child.tag }),
    notifies: child.notifies,
  });
  return record;
}

/** The keys of the IKE SA for one exchange with a fresh PPK; the caller wipes them. */
export function freshKeys(sa: IkeSa, secret: Uint8Array): Keymat {
  return sa.keymat.withFreshPpk(secret, sa.node.config.freshPpkFormula ?? 'sk-d');
}

/** Whether every selector of the answer lies within one that was asked for: it may narrow, never widen. [RFC7296 2.9] */
export function isNarrowed(answer: readonly TrafficSelector[], asked: readonly TrafficSelector[]): boolean {
  const within = (inner: TrafficSelector, outer: TrafficSelector) =>
    inner.start.length === outer.start.length &&
    (outer.protocol === 0 || outer.protocol === inner.protocol) &&
    outer.startPort <= inner.startPort &&
    inner.endPort <= outer.endPort &&
    Buffer.compare(outer.start, inner.start) <= 0 &&
    Buffer.compare(inner.end, outer.end) <= 0;
  return answer.length > 0 && answer.every((inner) => asked.some((outer) => within(inner, outer)));
}

/** Asks the peer to delete a Child SA that it made and that we do not take. */
export function disownTask(spiIn: number): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: () => [{ type: 'Delete', protocol: PROTOCOL.ESP, spis: [fromUint32(spiIn)] }],
    process: (sa) => sa.node.releaseEspSpi(spiIn),
    abandon: (sa) => sa.node.releaseEspSpi(spiIn),
  };
}

/** Forgets a Child SA and reports it. */
export function dropChild(sa: IkeSa, record: ChildRecord, reason: string): void {
  if (!sa.children.delete(record.id)) return;
  sa.node.releaseEspSpi(record.spiIn);
  sa.emit({ type: 'childSaDeleted', ikeSaId: sa.id, childSaId: record.id, reason });
}

/** The Child SA whose inbound SPI, as the peer names it, is `spi`. */
export function childByPeerSpi(sa: IkeSa, spi: number): ChildRecord | undefined {
  for (const child of sa.children.values()) if (child.spiOut === spi) return child;
  return undefined;
}

/** Tells the owner that a request for a Child SA came to nothing; with `rekeyed` the old one goes on. */
export function reportChildFailure(
  sa: IkeSa,
  reason: string,
  tag: string | undefined,
  notifyType: number | undefined,
  rekeyed?: number,
): void {
  sa.emit({
    type: 'childSaFailed',
    ikeSaId: sa.id,
    reason,
    ...(tag === undefined ? {} : { tag }),
    ...(notifyType === undefined ? {} : { notifyType }),
    ...(rekeyed === undefined ? {} : { rekeyed }),
  });
}
