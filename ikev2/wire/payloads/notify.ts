/** Notify, Delete and Vendor ID payloads. [RFC7296 3.10] [RFC7296 3.11] [RFC7296 3.12] */

import { PAYLOAD, PROTOCOL } from '../registry.ts';
import type { DeletePayload, NotifyPayload, VendorIdPayload } from '../types.ts';
import { LIMITS, type PayloadCodec } from './codec.ts';

/** Protocol, size of the SPI, type, SPI, data. Of unknown types nothing more is known, and nothing is demanded. */
export const notifyCodec: PayloadCodec<NotifyPayload> = {
  number: PAYLOAD.Notify,
  name: 'Notify',
  decode(body) {
    const protocol = body.u8('Protocol ID');
    const spiSize = body.u8('SPI Size');
    const notifyType = body.u16('Notify Message Type');
    const spi = body.take(spiSize, 'SPI');
    return { type: 'Notify', protocol, spi, notifyType, data: body.rest() };
  },
  encode(writer, { protocol, spi, notifyType, data }) {
    writer.u8(protocol).u8(spi.length).u16(notifyType).bytes(spi).bytes(data);
  },
};

/**
 * Protocol, size and number of SPIs, SPIs. An IKE SA is deleted by the message that says so, without an SPI; the SPIs of
 * Child SAs are those at which the sender receives. [RFC7296 1.4.1]
 */
export const deleteCodec: PayloadCodec<DeletePayload> = {
  number: PAYLOAD.Delete,
  name: 'Delete',
  decode(body) {
    const protocol = body.u8('Protocol ID');
    const spiSize = body.u8('SPI Size');
    const count = body.u16('Num of SPIs');
    if (count > LIMITS.spis) body.fail('Delete', 'too many SPIs');
    if (body.remaining !== spiSize * count) body.fail('Delete', 'length does not fit the SPIs');
    if (spiSize !== (protocol === PROTOCOL.IKE ? 0 : 4)) body.fail('SPI Size', `is ${spiSize}`);
    const spis = Array.from({ length: spiSize === 0 ? 0 : count }, () => body.take(spiSize, 'SPI'));
    return { type: 'Delete', protocol, spis };
  },
  encode(writer, { protocol, spis }) {
    const spiSize = protocol === PROTOCOL.IKE ? 0 : 4;
    writer.u8(protocol).u8(spiSize).u16(spis.length);
    for (const spi of spis) writer.bytes(spi);
  },
};

/** Any octets. */
export const vendorIdCodec: PayloadCodec<VendorIdPayload> = {
  number: PAYLOAD.VendorId,
  name: 'VendorId',
  decode: (body) => ({ type: 'VendorId', data: body.rest() }),
  encode: (writer, { data }) => void writer.bytes(data),
};
