/** AUTH payloads: whose key signs which octets. [RFC7296 2.15] */

import type { KeyObject } from 'node:crypto';
import type { CertificateConfig } from '../../configuration.ts';
import type { AuthAnnouncement } from '../../crypto/auth-methods.ts';
import type { AuthInputs, Keymat } from '../../crypto/keymat.ts';
import { concatOctets } from '../../crypto/octets.ts';
import { signAuth, verifyAuth } from '../../crypto/sign.ts';
import type { Role } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { AUTH_METHOD, CERT_ENCODING, NOTIFY } from '../../wire/registry.ts';
import type { AuthPayload, Identity, Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { findAll } from '../payloads.ts';
import type { InitResult } from './init.ts';

/** How a side proves itself: a shared octet string (PSK, QKD key, MSK) or a certificate. */
export type Credential =
  | { readonly kind: 'shared'; readonly secret: Uint8Array }
  | { readonly kind: 'certificate'; readonly certificate: CertificateConfig };

/** Everything went by the rules and still does not convince. */
export function authenticationFailed(reason: string): IkeError {
  return new IkeError(reason, NOTIFY.AUTHENTICATION_FAILED);
}

/** No IKE message begins so, as its first octets are an SPI that is not zero. */
const TRANSCRIPT_PREFIX = new Uint8Array(8);

/**
 * What the side `signer` proves: its IKE_SA_INIT message, the other's nonce, its identity and IntAuth. [RFC7296 2.15]
 * [RFC9242 3.3.1] Where both agreed on the full transcript, in place of its message eight zero octets, the message that it
 * received and the one that it sent. [draft-ikev2-downgrade-prevention octets]
 */
export function authInputs(init: InitResult, signer: Role, identity: Identity): AuthInputs {
  const { requestOctets, responseOctets } = init;
  const [sent, received] =
    signer === 'initiator' ? [requestOctets, responseOctets] : [responseOctets, requestOctets];
  const message = init.fullTranscript ? concatOctets(TRANSCRIPT_PREFIX, received, sent) : sent;
  const intermediate = init.intAuth.octets();
  return { signer, message, identity, ...(intermediate === undefined ? {} : { intermediate }) };
}

/** What the peer can verify: hashes of signatures [RFC7427 4], and methods, where it announced them. [RFC9593 3.1] */
export interface PeerAccepts {
  readonly hashes: readonly number[];
  readonly methods: readonly AuthAnnouncement[] | undefined;
}

/** For a proof whose method leaves no choice. */
export const ACCEPTS_ANY: PeerAccepts = { hashes: [], methods: undefined };

/** The AUTH payload of this side; throws AUTHENTICATION_FAILED where the peer takes none that we could make. */
export function makeAuth(
  keymat: Keymat,
  inputs: AuthInputs,
  credential: Credential,
  { hashes, methods }: PeerAccepts,
): AuthPayload {
  if (credential.kind === 'shared') {
    if (methods?.every(({ method }) => method !== AUTH_METHOD.SHARED_KEY) === true) {
      throw authenticationFailed('the peer takes no shared key');
    }
    const data = keymat.sharedKeyAuth(inputs, credential.secret);
    return { type: 'AUTH', method: AUTH_METHOD.SHARED_KEY, data };
  }
  const signed = signAuth(credential.certificate.privateKey, keymat.authOctets(inputs), hashes, methods);
  return { type: 'AUTH', ...signed };
}

/** Throws AUTHENTICATION_FAILED unless `auth` proves possession of `secret`. */
export function verifyShared(
  keymat: Keymat,
  inputs: AuthInputs,
  auth: Pick<AuthPayload, 'method' | 'data'>,
  secret: Uint8Array,
): void {
  if (auth.method !== AUTH_METHOD.SHARED_KEY) {
    throw authenticationFailed(`AUTH method ${auth.method} is not a shared key`);
  }
  if (!keymat.verifySharedKeyAuth(auth.data, inputs, secret)) {
    throw authenticationFailed('AUTH does not fit the shared key');
  }
}

/** Throws AUTHENTICATION_FAILED unless a trusted certificate of the signer made `auth`. */
export function verifyCertificateAuth(
  sa: IkeSa,
  keymat: Keymat,
  inputs: AuthInputs,
  auth: Pick<AuthPayload, 'method' | 'data'>,
  certificates: readonly Payload[],
): void {
  const key = trustedKey(sa, certificates, inputs.identity);
  const verified = verifyAuth(key, auth, keymat.authOctets(inputs));
  if (!verified.ok) throw verified.error;
}

/** The leaf's key, if the owner trusts the chain for this identity. */
function trustedKey(sa: IkeSa, payloads: readonly Payload[], peerId: Identity): KeyObject {
  const chain = findAll(payloads, 'CERT')
    .filter(({ encoding }) => encoding === CERT_ENCODING.X509_SIGNATURE)
    .map(({ data }) => data);
  const key = chain.length === 0 ? undefined : sa.node.ports.verifyCertificate?.(chain, peerId);
  if (key === undefined) throw authenticationFailed('no trusted certificate of the peer');
  return key;
}

/** The chain as CERT payloads, leaf first. [RFC7296 3.6] */
export function certificatePayloads(certificate: CertificateConfig): Payload[] {
  return certificate.chain.map((data) => ({ type: 'CERT', encoding: CERT_ENCODING.X509_SIGNATURE, data }));
}
