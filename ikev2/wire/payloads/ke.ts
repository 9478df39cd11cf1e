/** Key Exchange and Nonce payloads. [RFC7296 3.4] [RFC7296 3.9] */

import { PAYLOAD } from '../registry.ts';
import type { KePayload, NoncePayload } from '../types.ts';
import type { PayloadCodec } from './codec.ts';

/** Method, two reserved octets, the value. Its length is judged by who knows the method. */
export const keCodec: PayloadCodec<KePayload> = {
  number: PAYLOAD.KE,
  name: 'KE',
  decode(body) {
    const method = body.u16('Key Exchange Method');
    body.skip(2, 'RESERVED');
    return { type: 'KE', method, data: body.rest() };
  },
  encode: (writer, { method, data }) => void writer.u16(method).u16(0).bytes(data),
};

/** 16 to 256 octets. */
export const nonceCodec: PayloadCodec<NoncePayload> = {
  number: PAYLOAD.Nonce,
  name: 'Nonce',
  decode(body) {
    if (body.remaining < 16 || body.remaining > 256) body.fail('Nonce', `has ${body.remaining} octets`);
    return { type: 'Nonce', data: body.rest() };
  },
  encode: (writer, { data }) => void writer.bytes(data),
};
