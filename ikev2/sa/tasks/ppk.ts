/** Notifies of post-quantum preshared keys. [RFC8784 3] */

import type { PpkIdentity } from '../../terms.ts';
import { NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import { findNotify, notify } from '../payloads.ts';

/** One octet of type, then the identity. [RFC8784 5.1] */
export function encodePpkIdentity(identity: PpkIdentity): Uint8Array {
  const octets = new Uint8Array(1 + identity.data.length);
  octets[0] = identity.type;
  octets.set(identity.data, 1);
  return octets;
}

/** Names the key that is to be used, or that was taken. */
export function ppkIdentityNotify(identity: PpkIdentity): NotifyPayload {
  return notify(NOTIFY.PPK_IDENTITY, encodePpkIdentity(identity));
}

/** The identity that the peer named; undefined when it named none. */
export function readPpkIdentity(payloads: readonly Payload[]): PpkIdentity | undefined {
  const data = findNotify(payloads, NOTIFY.PPK_IDENTITY)?.data;
  const type = data?.[0];
  if (data === undefined || type === undefined) return undefined;
  return { type, data: Uint8Array.from(data.subarray(1)) };
}
