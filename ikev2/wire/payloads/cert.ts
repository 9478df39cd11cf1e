/** Certificate, Certificate Request and Authentication payloads. [RFC7296 3.6] [RFC7296 3.7] [RFC7296 3.8] */

import { PAYLOAD } from '../registry.ts';
import type { AuthPayload, CertPayload, CertRequestPayload } from '../types.ts';
import type { PayloadCodec } from './codec.ts';

/** Encoding, data: with encoding 4 the DER of one certificate. */
export const certCodec: PayloadCodec<CertPayload> = {
  number: PAYLOAD.CERT,
  name: 'CERT',
  decode: (body) => ({ type: 'CERT', encoding: body.u8('Cert Encoding'), data: body.rest() }),
  encode: (writer, { encoding, data }) => void writer.u8(encoding).bytes(data),
};

/** `data` is a row of SHA-1 hashes of trusted authorities' public keys. */
export const certRequestCodec: PayloadCodec<CertRequestPayload> = {
  number: PAYLOAD.CERTREQ,
  name: 'CERTREQ',
  decode: (body) => ({ type: 'CERTREQ', encoding: body.u8('Cert Encoding'), data: body.rest() }),
  encode: (writer, { encoding, data }) => void writer.u8(encoding).bytes(data),
};

/** Method, three reserved octets, data whose form the method gives. */
export const authCodec: PayloadCodec<AuthPayload> = {
  number: PAYLOAD.AUTH,
  name: 'AUTH',
  decode(body) {
    const method = body.u8('Auth Method');
    body.skip(3, 'RESERVED');
    return { type: 'AUTH', method, data: body.rest() };
  },
  encode: (writer, { method, data }) => void writer.u8(method).zeros(3).bytes(data),
};
