/** Configuration and EAP payloads. [RFC7296 3.15] [RFC7296 3.16] */

import { PAYLOAD } from '../registry.ts';
import type { CpAttribute, CpPayload, EapPayload } from '../types.ts';
import { LIMITS, type PayloadCodec } from './codec.ts';

const TYPE_MASK = 0x7fff;

/**
 * Type, three reserved octets, then attributes of type (one reserved bit in front), length and value. An attribute of no octets
 * asks for a value. [RFC7296 3.15.1]
 */
export const cpCodec: PayloadCodec<CpPayload> = {
  number: PAYLOAD.CP,
  name: 'CP',
  decode(body) {
    const cfgType = body.u8('CFG Type');
    body.skip(3, 'RESERVED');
    const attributes: CpAttribute[] = [];
    while (body.remaining > 0) {
      if (attributes.length === LIMITS.cpAttributes) body.fail('CP', 'too many attributes');
      const type = body.u16('Attribute Type') & TYPE_MASK;
      attributes.push({ type, value: body.take(body.u16('Attribute Length'), 'Attribute Value') });
    }
    return { type: 'CP', cfgType, attributes };
  },
  encode(writer, { cfgType, attributes }) {
    writer.u8(cfgType).zeros(3);
    for (const { type, value } of attributes) writer.u16(type).u16(value.length).bytes(value);
  },
};

/** The packet's own length must be the payload's; what the packet says is EAP's business. */
export const eapCodec: PayloadCodec<EapPayload> = {
  number: PAYLOAD.EAP,
  name: 'EAP',
  decode(body) {
    const packet = body.rest();
    const length = ((packet[2] ?? 0) << 8) | (packet[3] ?? 0);
    if (packet.length < 4 || length !== packet.length) body.fail('EAP', 'Length does not fit the payload');
    return { type: 'EAP', packet };
  },
  encode: (writer, { packet }) => void writer.bytes(packet),
};
