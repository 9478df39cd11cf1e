/** What the key store answers. */
import type { Secret } from '../secret.ts';

/** Every reason for which no key is given, with what it means. */
export const REFUSAL_REASONS = {
  'already-used': 'this key ID was given out before, in this run or an earlier one',
  'unknown-key': 'neither the store nor the KME has a key of this ID for this pair',
  expired: 'the key is older than the policy allows',
  destroyed: 'the key was destroyed before it was used',
  quarantined: 'the link that made the key is distrusted',
  unauthorised: 'the KME does not let this SAE have the key',
  unavailable: 'the KME has no key at the moment',
  unreachable: 'the KME cannot be reached',
  'wrong-kme': 'what answers at the KME address is not the KME',
  'bad-request': 'the KME does not accept the request',
  'bad-answer': 'the KME answered something that is no key as asked for',
  'storage-failed': 'the store could not write down that the key is used',
  'storage-full': 'the disk of the store is full, so that no use can be written down',
  'storage-damaged': 'the store is damaged and must be restored or made anew',
  'storage-busy': 'another process holds the store for too long',
  'storage-unreachable': 'the database that several nodes share does not answer',
  closed: 'the store is closed',
} as const satisfies Readonly<Record<string, string>>;

/** One of {@link REFUSAL_REASONS}. */
export type RefusalReason = keyof typeof REFUSAL_REASONS;

/** `ageMs`: time since the store received the key. The receiver owns `secret` and wipes it after use. */
export interface KeyGranted {
  readonly status: 'ok';
  readonly keyId: string;
  readonly ageMs: number;
  readonly secret: Secret;
}

/** `keyId` and `ageMs` as far as they are known; `detail` says what happened and where, for a log. */
export interface KeyRefused {
  readonly status: 'refused';
  readonly keyId: string | undefined;
  readonly ageMs: number | undefined;
  readonly reason: RefusalReason;
  readonly detail: string;
}

/** What every request for a key resolves to. */
export type KeyReply = KeyGranted | KeyRefused;

/** Makes a refusal; `detail` is the reason's own text unless something more exact is known. */
export function refused(
  reason: RefusalReason,
  keyId?: string,
  detail: string = REFUSAL_REASONS[reason],
  ageMs?: number,
): KeyRefused {
  return { status: 'refused', keyId, ageMs, reason, detail };
}
