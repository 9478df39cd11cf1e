import fc from 'fast-check';
import type { MessageHeader, Payload, TrafficSelector } from '../../../ikev2/wire/types.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const octets = (minLength = 0, maxLength = 40) => fc.uint8Array({ minLength, maxLength });

const transform = fc.record(
  { type: u8, id: u16, keyLength: u16 },
  { requiredKeys: ['type', 'id'], noNullPrototype: true },
);
const proposal = fc.record({
  number: u8,
  protocol: u8,
  spi: octets(0, 8),
  transforms: fc.array(transform, { maxLength: 6 }),
});

function selector(size: number): fc.Arbitrary<TrafficSelector> {
  return fc.record({
    protocol: u8,
    startPort: u16,
    endPort: u16,
    start: octets(size, size),
    end: octets(size, size),
  });
}

const selectors = fc.array(fc.oneof(selector(4), selector(16)), { maxLength: 4 });
const identity = fc.record({ type: u8, data: octets() });
const eap = octets().map((data) => Uint8Array.of(1, 7, 0, 4 + data.length, ...data));

/** One arbitrary for each payload type that the table knows. */
export const PAYLOADS = {
  SA: fc.record({ type: fc.constant('SA'), proposals: fc.array(proposal, { minLength: 1, maxLength: 3 }) }),
  KE: fc.record({ type: fc.constant('KE'), method: u16, data: octets() }),
  IDi: fc.record({ type: fc.constant('IDi'), id: identity }),
  IDr: fc.record({ type: fc.constant('IDr'), id: identity }),
  CERT: fc.record({ type: fc.constant('CERT'), encoding: u8, data: octets() }),
  CERTREQ: fc.record({ type: fc.constant('CERTREQ'), encoding: u8, data: octets() }),
  AUTH: fc.record({ type: fc.constant('AUTH'), method: u8, data: octets() }),
  Nonce: fc.record({ type: fc.constant('Nonce'), data: octets(16, 64) }),
  Notify: fc.record({
    type: fc.constant('Notify'),
    protocol: u8,
    spi: octets(0, 255),
    notifyType: u16,
    data: octets(),
  }),
  Delete: fc.oneof(
    fc.constant({ type: 'Delete', protocol: 1, spis: [] } as const),
    fc.record({
      type: fc.constant('Delete'),
      protocol: fc.constant(3),
      spis: fc.array(octets(4, 4), { maxLength: 5 }),
    }),
  ),
  VendorId: fc.record({ type: fc.constant('VendorId'), data: octets() }),
  TSi: fc.record({ type: fc.constant('TSi'), selectors }),
  TSr: fc.record({ type: fc.constant('TSr'), selectors }),
  CP: fc.record({
    type: fc.constant('CP'),
    cfgType: u8,
    attributes: fc.array(fc.record({ type: fc.integer({ min: 0, max: 0x7fff }), value: octets() })),
  }),
  EAP: fc.record({ type: fc.constant('EAP'), packet: eap }),
} as const;

const unknown = fc.record({
  type: fc.constant('Unknown'),
  payloadType: fc.integer({ min: 54, max: 255 }),
  critical: fc.boolean(),
  data: octets(),
});

export const payload: fc.Arbitrary<Payload> = fc.oneof(
  ...(Object.values(PAYLOADS) as fc.Arbitrary<Payload>[]),
  unknown as fc.Arbitrary<Payload>,
);

export const payloads = fc.array(payload, { maxLength: 8 });

export const header: fc.Arbitrary<MessageHeader> = fc.record({
  spiInitiator: octets(8, 8),
  spiResponder: octets(8, 8),
  exchange: fc.constantFrom(34, 35, 36, 37, 43, 44),
  initiator: fc.boolean(),
  response: fc.boolean(),
  messageId: fc.integer({ min: 0, max: 0xffffffff }),
});
