/** Identification payloads; their body also enters the signed octets. [RFC7296 3.5] */

import { type OctetReader, OctetWriter } from '../cursor.ts';
import { PAYLOAD } from '../registry.ts';
import type { Identity, IdPayload } from '../types.ts';
import type { PayloadCodec } from './codec.ts';

/** Both have the same form. */
function idCodec<T extends 'IDi' | 'IDr'>(name: T): PayloadCodec<IdPayload<T>> {
  return {
    number: PAYLOAD[name],
    name,
    decode: (body) => ({ type: name, id: decodeIdentity(body) }),
    encode: (writer, { id }) => void writer.bytes(encodeIdentity(id)),
  };
}

/** Who the initiator is. */
export const idiCodec: PayloadCodec<IdPayload<'IDi'>> = idCodec('IDi');
/** Who the responder is, or in a request: shall be. */
export const idrCodec: PayloadCodec<IdPayload<'IDr'>> = idCodec('IDr');

/** "RestOfIDPayload" of RFC 7296 section 2.15: type, three reserved octets, data. */
export function encodeIdentity(id: Identity): Uint8Array {
  return new OctetWriter(4 + id.data.length).u8(id.type).zeros(3).bytes(id.data).finish();
}

/** The counterpart of {@link encodeIdentity}. */
function decodeIdentity(body: OctetReader): Identity {
  const type = body.u8('ID Type');
  body.skip(3, 'RESERVED');
  return { type, data: body.rest() };
}
