/** AUTH as one who was not part of the SA can check it, with SK_p from a key log. [RFC7296 2.15] */

import type { KeyObject } from 'node:crypto';
import { encodeIdentity } from '../wire/payloads/id.ts';
import type { AuthPayload, Identity } from '../wire/types.ts';
import { sharedKeyMac } from './keymat.ts';
import { concatOctets, equalOctets } from './octets.ts';
import { prf } from './prf.ts';
import { verifyAuth } from './sign.ts';
import type { PrfName } from './types.ts';

/** What one side signed or MACed, put together from a capture. */
export interface AuthEvidence {
  readonly prf: PrfName;
  /** SK_pi of the initiator, SK_pr of the responder. */
  readonly skP: Uint8Array;
  /** Its IKE_SA_INIT message without marker, or what stands for it where the full transcript is proved. */
  readonly message: Uint8Array;
  /** Of the other side. */
  readonly nonce: Uint8Array;
  readonly identity: Identity;
  /** IntAuth of RFC 9242, where there were IKE_INTERMEDIATE exchanges. */
  readonly intermediate?: Uint8Array | undefined;
}

/** What the AUTH payload is checked with: a shared secret, or the key of the certificate that came with it. */
export type AuthKey = { readonly secret: Uint8Array } | { readonly publicKey: KeyObject };

/** Whether AUTH proves the evidence. */
export function provesEvidence(
  auth: Pick<AuthPayload, 'method' | 'data'>,
  evidence: AuthEvidence,
  key: AuthKey,
): boolean {
  const { prf: name, skP, message, nonce, identity, intermediate = new Uint8Array(0) } = evidence;
  const octets = concatOctets(message, nonce, prf(name, skP, encodeIdentity(identity)), intermediate);
  return 'secret' in key
    ? equalOctets(auth.data, sharedKeyMac(name, key.secret, octets))
    : verifyAuth(key.publicKey, auth, octets).ok;
}

/** One more link of a side's chain over its IKE_INTERMEDIATE messages. [RFC9242 3.3.2] */
export function intermediateLink(
  name: PrfName,
  skP: Uint8Array,
  before: Uint8Array,
  octets: Uint8Array,
): Uint8Array {
  return prf(name, skP, before, octets);
}
