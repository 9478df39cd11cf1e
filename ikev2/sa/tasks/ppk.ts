/** Notifies of post-quantum preshared keys. [RFC8784 3] */

import type { PpkIdentity } from '../../output.ts';
import { NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import { findNotify, notify } from '../payloads.ts';

/** One octet of type, then the identity. [RFC8784 5.1] */
export function ppkIdentityNotify(identity: PpkIdentity): NotifyPayload {
  const data = new Uint8Array(1 + identity.data.length);
  data[0] = identity.type;
  data.set(identity.data, 1);
  return notify(NOTIFY.PPK_IDENTITY, data);
}

/** The identity that the peer named; undefined when it named none. */
export function readPpkIdentity(payloads: readonly Payload[]): PpkIdentity | undefined {
  const data = findNotify(payloads, NOTIFY.PPK_IDENTITY)?.data;
  const type = data?.[0];
  if (data === undefined || type === undefined) return undefined;
  return { type, data: Uint8Array.from(data.subarray(1)) };
}
