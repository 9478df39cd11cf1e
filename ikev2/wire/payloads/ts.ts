/** Traffic Selector payloads. [RFC7296 3.13] */

import type { OctetReader, OctetWriter } from '../cursor.ts';
import { PAYLOAD, TS_TYPE } from '../registry.ts';
import type { TrafficSelector, TsPayload } from '../types.ts';
import type { PayloadCodec } from './codec.ts';

const FIXED_LENGTH = 8;

function tsCodec<T extends 'TSi' | 'TSr'>(name: T): PayloadCodec<TsPayload<T>> {
  return {
    number: PAYLOAD[name],
    name,
    decode: (body) => ({ type: name, selectors: decodeSelectors(body) }),
    encode(writer, { selectors }) {
      writer.u8(selectors.length).zeros(3);
      for (const selector of selectors) encodeSelector(writer, selector);
    },
  };
}

/** Traffic from the exchange's initiator. */
export const tsiCodec: PayloadCodec<TsPayload<'TSi'>> = tsCodec('TSi');
/** Traffic to the exchange's initiator. */
export const tsrCodec: PayloadCodec<TsPayload<'TSr'>> = tsCodec('TSr');

/** Selectors of unknown types are left out: they cannot be chosen. [RFC7296 3.13.1] */
function decodeSelectors(body: OctetReader): TrafficSelector[] {
  const count = body.u8('Number of TSs');
  body.skip(3, 'RESERVED');
  const selectors: TrafficSelector[] = [];
  for (let i = 0; i < count; i++) {
    const selector = decodeSelector(body);
    if (selector !== undefined) selectors.push(selector);
  }
  if (body.remaining > 0) body.fail('TS', 'octets after the last selector');
  return selectors;
}

function decodeSelector(body: OctetReader): TrafficSelector | undefined {
  const type = body.u8('TS Type');
  const protocol = body.u8('IP Protocol ID');
  const fields = body.sub(body.u16('Selector Length') - 4, 'Selector');
  const size = type === TS_TYPE.IPV4_ADDR_RANGE ? 4 : 16;
  if (size === 16 && type !== TS_TYPE.IPV6_ADDR_RANGE) return undefined;
  const startPort = fields.u16('Start Port');
  const endPort = fields.u16('End Port');
  const start = fields.take(size, 'Starting Address');
  const end = fields.take(size, 'Ending Address');
  if (fields.remaining > 0) fields.fail('Selector', 'is longer than its addresses');
  return { protocol, startPort, endPort, start, end };
}

function encodeSelector(writer: OctetWriter, selector: TrafficSelector): void {
  const { protocol, startPort, endPort, start, end } = selector;
  writer.u8(start.length === 4 ? TS_TYPE.IPV4_ADDR_RANGE : TS_TYPE.IPV6_ADDR_RANGE).u8(protocol);
  writer.u16(FIXED_LENGTH + start.length + end.length);
  writer.u16(startPort).u16(endPort).bytes(start).bytes(end);
}
