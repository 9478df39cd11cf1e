/** The one table that joins payload number, name, decoder and encoder. */

import type { KnownPayload } from '../types.ts';
import { authCodec, certCodec, certRequestCodec } from './cert.ts';
import type { PayloadCodec } from './codec.ts';
import { cpCodec, eapCodec } from './cp.ts';
import { idiCodec, idrCodec } from './id.ts';
import { keCodec, nonceCodec } from './ke.ts';
import { deleteCodec, notifyCodec, vendorIdCodec } from './notify.ts';
import { saCodec } from './sa.ts';
import { tsiCodec, tsrCodec } from './ts.ts';

type CodecTable = { readonly [K in KnownPayload['type']]: PayloadCodec<Extract<KnownPayload, { type: K }>> };

/** By the name that stands in `type` of a decoded payload. SK and SKF are no rows: they are `wire/sealed.ts`. */
export const PAYLOAD_CODECS: CodecTable = {
  SA: saCodec,
  KE: keCodec,
  IDi: idiCodec,
  IDr: idrCodec,
  CERT: certCodec,
  CERTREQ: certRequestCodec,
  AUTH: authCodec,
  Nonce: nonceCodec,
  Notify: notifyCodec,
  Delete: deleteCodec,
  VendorId: vendorIdCodec,
  TSi: tsiCodec,
  TSr: tsrCodec,
  CP: cpCodec,
  EAP: eapCodec,
};

const BY_NUMBER: ReadonlyMap<number, PayloadCodec> = new Map(
  Object.values(PAYLOAD_CODECS).map((codec) => [codec.number, codec as PayloadCodec]),
);

/** The codec of a payload type as read from the wire. */
export function codecOf(number: number): PayloadCodec | undefined {
  return BY_NUMBER.get(number);
}

/** The codec that encodes `payload`. */
export function codecFor(payload: KnownPayload): PayloadCodec {
  return PAYLOAD_CODECS[payload.type] as PayloadCodec;
}
