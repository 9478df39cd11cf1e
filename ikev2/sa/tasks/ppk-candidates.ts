/** PPKs that one side offers by name, each with a proof that it has the key, and the other side picks from. [RFC9867 3.1.1] */

import { PPK_CONFIRMATION_LENGTH } from '../../crypto/keymat.ts';
import { equalOctets } from '../../crypto/octets.ts';
import type { PpkIdentity } from '../../terms.ts';
import { NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { notify } from '../payloads.ts';
import type { PpkAnswer } from '../waiting.ts';
import { encodePpkIdentity, readPpkIdentity } from './ppk.ts';

/** Names of one message that are looked up: each look-up may cost a request to a key store. */
export const MOST_CANDIDATES = 4;

/** A key with its name; whoever holds it zeroes it. */
export interface NamedPpk {
  readonly secret: Uint8Array;
  readonly identity: PpkIdentity;
}

/** What a key proves by: eight octets, from Keymat. */
export type Confirm = (secret: Uint8Array) => Uint8Array;

/** One offer of the peer. */
interface Candidate {
  readonly identity: PpkIdentity;
  readonly confirmation: Uint8Array;
}

/** The named keys among the owner's, copied. */
export function namedPpks(answers: readonly PpkAnswer[]): NamedPpk[] {
  return answers.slice(0, MOST_CANDIDATES).flatMap(({ secret, identity }) => {
    return identity === undefined ? [] : [{ secret: Uint8Array.from(secret), identity }];
  });
}

/** Overwrites keys that are of no more use. */
export function wipePpks(ppks: readonly NamedPpk[]): void {
  for (const { secret } of ppks) secret.fill(0);
}

/** One PPK_IDENTITY_KEY for each key: PPK_ID, then the confirmation. [RFC9867 5.2] */
export function identityKeyNotifies(ppks: readonly NamedPpk[], confirm: Confirm): NotifyPayload[] {
  return ppks.map(({ identity, secret }) => {
    const name = encodePpkIdentity(identity);
    const data = new Uint8Array(name.length + PPK_CONFIRMATION_LENGTH);
    data.set(name);
    data.set(confirm(secret), name.length);
    return notify(NOTIFY.PPK_IDENTITY_KEY, data);
  });
}

/** What the peer offers, the first of it; notifies too short to name anything are passed over. */
export function readCandidates(payloads: readonly Payload[]): Candidate[] {
  return payloads
    .filter(
      (each): each is NotifyPayload => each.type === 'Notify' && each.notifyType === NOTIFY.PPK_IDENTITY_KEY,
    )
    .filter(({ data }) => data.length > 1 + PPK_CONFIRMATION_LENGTH)
    .slice(0, MOST_CANDIDATES)
    .map(({ data }) => {
      const end = data.length - PPK_CONFIRMATION_LENGTH;
      const identity = { type: data[0] ?? 0, data: Uint8Array.from(data.subarray(1, end)) };
      return { identity, confirmation: Uint8Array.from(data.subarray(end)) };
    });
}

/**
 * Asks the owner for one candidate after the other until a key fits its confirmation; `done` gets it, or undefined.
 * A key under that name which does not fit is reported and not used. [RFC9867 3.1.1]
 */
export function chooseCandidate(
  sa: IkeSa,
  exchange: number,
  candidates: readonly Candidate[],
  confirm: Confirm,
  done: (ppk: NamedPpk | undefined) => void,
): void {
  const [candidate, ...others] = candidates;
  if (candidate === undefined) {
    done(undefined);
    return;
  }
  const { identity, confirmation } = candidate;
  sa.ppks.ask(exchange, identity, ([found]) => {
    if (found !== undefined && equalOctets(confirm(found.secret), confirmation)) {
      done({ identity, secret: Uint8Array.from(found.secret) });
      return;
    }
    if (found !== undefined) sa.emit({ type: 'ppkMismatch', ikeSaId: sa.id, identity });
    chooseCandidate(sa, exchange, others, confirm, done);
  });
}

/**
 * Which of our keys the peer took, by the PPK_IDENTITY of its answer: undefined when it took none, 'unknown' when it
 * names a key that we did not offer.
 */
export function takenPpk(
  ppks: readonly NamedPpk[],
  payloads: readonly Payload[],
): NamedPpk | undefined | 'unknown' {
  const named = readPpkIdentity(payloads);
  if (named === undefined) return undefined;
  const taken = ppks.find(({ identity }) => {
    return identity.type === named.type && equalOctets(identity.data, named.data);
  });
  return taken ?? 'unknown';
}
