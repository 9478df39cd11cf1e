/**
 * SUPPORTED_AUTH_METHODS: each side tells by which methods the other may prove itself. The responder's goes with its
 * IKE_SA_INIT or, as it is long, with the first IKE_INTERMEDIATE, the initiator's with IKE_AUTH. [RFC9593 3.1]
 */

import type { InitiatorAuth, ResponderAuth } from '../../configuration.ts';
import {
  type AuthAnnouncement,
  acceptedMethods,
  encodeAnnouncements,
  type ProofKind,
  parseAnnouncements,
} from '../../crypto/auth-methods.ts';
import { NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import { findNotify, notify } from '../payloads.ts';

/** After EAP the proof is a MIC under its key, which is a shared one. [RFC7296 2.16] */
function kindOf(auth: InitiatorAuth | ResponderAuth): ProofKind {
  return auth === 'certificate' ? 'certificate' : 'shared';
}

/** Tells a peer that is to prove itself by `auth` which methods we take. */
export function announceMethods(auth: InitiatorAuth | ResponderAuth): NotifyPayload {
  return notify(NOTIFY.SUPPORTED_AUTH_METHODS, encodeAnnouncements(acceptedMethods(kindOf(auth))));
}

/** Stands in IKE_SA_INIT for an announcement that comes with IKE_INTERMEDIATE. [RFC9593 3.1] */
export function announceLater(): NotifyPayload {
  return notify(NOTIFY.SUPPORTED_AUTH_METHODS);
}

/** Whether the peer announces at all, now or later. */
export function announces(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NOTIFY.SUPPORTED_AUTH_METHODS) !== undefined;
}

/** The peer's announcement; undefined where there is none yet, or one that cannot be read, which binds nobody. */
export function readMethods(payloads: readonly Payload[]): readonly AuthAnnouncement[] | undefined {
  const data = findNotify(payloads, NOTIFY.SUPPORTED_AUTH_METHODS)?.data;
  const list = data === undefined ? undefined : parseAnnouncements(data);
  return list === undefined || list.length === 0 ? undefined : list;
}
