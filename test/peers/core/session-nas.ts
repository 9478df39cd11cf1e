import { encodeNas, SECURITY_HEADER } from '../nas/index.ts';
import type { AmfUe } from './amf-ue.ts';

const sessionPayload = 1;

/** A 5GSM message for the UE inside a protected DL NAS Transport. */
export function sessionNas(ue: AmfUe, pduSessionId: number, payload: Uint8Array): Uint8Array {
  const plain = encodeNas({ message: 'DlNasTransport', payloadType: sessionPayload, payload, pduSessionId });
  return ue.security?.protect(plain, SECURITY_HEADER.integrityAndCiphering) ?? plain;
}
