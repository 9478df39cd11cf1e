/** EAP packets of EAP-5G, the method that carries NAS before there is an SA for it. */
import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';
import { type AnParameters, decodeAnParameters, encodeAnParameters } from './an-parameters.ts';

/** EAP codes [RFC3748 4]. */
const eapCode = { request: 1, response: 2, success: 3, failure: 4 } as const;
/** What an EAP packet is. */
export type EapCode = keyof typeof eapCode;
const codeNames = Object.keys(eapCode) as EapCode[];

/** Expanded type of 3GPP's vendor space that stands for EAP-5G [TS24502 9.3.2.1]. */
const expandedType = 254;
const vendor3gpp = 10415;
const vendorType5g = 3;
/** Octets from the EAP code to the spare octet behind the message identifier. */
const headerLength = 14;

/** EAP-5G message identifiers [TS24502 9.3.2.2]. */
const messageId = { start: 1, nas: 2, notification: 3, stop: 4 } as const;

/** What one EAP packet says. `other` is an EAP packet of another method. */
export type Eap5gMessage = { readonly code: EapCode; readonly identifier: number } & (
  | { readonly kind: 'start' | 'stop' | 'notification' | 'end' }
  | { readonly kind: 'nas'; readonly anParameters: AnParameters; readonly nasPdu: Uint8Array }
  | { readonly kind: 'other'; readonly method: number }
);

/** Reads one EAP packet. Octets after the NAS-PDU are extended AN-parameters of later releases and ignored. */
export function decodeEap5g(packet: Uint8Array): Result<Eap5gMessage> {
  return attempt(() => {
    const reader = new OctetReader(packet);
    const value = reader.u8('EAP code');
    const code = codeNames[value - 1] ?? reader.fail('EAP code', `${value} is not 1 to 4`);
    const identifier = reader.u8('EAP identifier');
    const length = reader.u16('EAP length');
    if (length < 4 || length > packet.length)
      reader.fail('EAP length', `${length} does not fit ${packet.length} octets`);
    const body = reader.sub(length - 4, 'EAP data');
    if (code === 'success' || code === 'failure') return { code, identifier, kind: 'end' };
    return { code, identifier, ...decodeMethod(code, body) };
  });
}

/** A message less what every EAP packet has; written this way the union keeps its members apart. */
type Method = Eap5gMessage extends infer M
  ? M extends unknown
    ? Omit<M, 'code' | 'identifier'>
    : never
  : never;

/** The data of a request or response, from the EAP type on. */
function decodeMethod(code: EapCode, body: OctetReader): Method {
  const method = body.u8('EAP type');
  if (method !== expandedType) return { kind: 'other', method };
  const vendor = body.u24('EAP vendor');
  const vendorType = body.u32('EAP vendor type');
  if (vendor !== vendor3gpp || vendorType !== vendorType5g) {
    body.fail('EAP vendor', `${vendor}/${vendorType} is not EAP-5G`);
  }
  const id = body.u8('EAP-5G message');
  body.skip(1, 'EAP-5G spare');
  switch (id) {
    case messageId.start:
      return { kind: 'start' };
    case messageId.nas:
      return decodeNas(code, body);
    case messageId.notification:
      return { kind: 'notification' };
    case messageId.stop:
      return { kind: 'stop' };
    default:
      return body.fail('EAP-5G message', `${id} is unknown`);
  }
}

/** A request carries the NAS-PDU alone, a response AN-parameters before it. */
function decodeNas(code: EapCode, body: OctetReader): Method {
  const anParameters =
    code === 'response'
      ? decodeAnParameters(body.sub(body.u16('AN-parameters length'), 'AN-parameters'))
      : {};
  const nasPdu = body.take(body.u16('NAS-PDU length'), 'NAS-PDU');
  return { kind: 'nas', anParameters, nasPdu };
}

/** An EAP-5G request or response around `body`. */
function packet(code: 'request' | 'response', identifier: number, id: number, body: Uint8Array): Uint8Array {
  return new OctetWriter(headerLength + body.length)
    .u8(eapCode[code])
    .u8(identifier)
    .u16(headerLength + body.length)
    .u8(expandedType)
    .u24(vendor3gpp)
    .u32(vendorType5g)
    .u8(id)
    .u8(0)
    .bytes(body)
    .finish();
}

const nothing = new Uint8Array(0);

/** EAP-Request/5G-Start. */
export function eapStart(identifier: number): Uint8Array {
  return packet('request', identifier, messageId.start, nothing);
}

/** EAP-Request/5G-NAS. */
export function eapNasRequest(identifier: number, nasPdu: Uint8Array): Uint8Array {
  const body = new OctetWriter(nasPdu.length + 2).u16(nasPdu.length).bytes(nasPdu).finish();
  return packet('request', identifier, messageId.nas, body);
}

/** EAP-Response/5G-NAS, as a UE sends it. */
export function eapNasResponse(
  identifier: number,
  anParameters: AnParameters,
  nasPdu: Uint8Array,
): Uint8Array {
  const parameters = new OctetWriter(64);
  encodeAnParameters(anParameters, parameters);
  const body = new OctetWriter(parameters.length + nasPdu.length + 4)
    .u16(parameters.length)
    .bytes(parameters.finish())
    .u16(nasPdu.length)
    .bytes(nasPdu)
    .finish();
  return packet('response', identifier, messageId.nas, body);
}

/** EAP-Response/5G-Stop: the UE gives up. */
export function eapStop(identifier: number): Uint8Array {
  return packet('response', identifier, messageId.stop, nothing);
}

/** Success and Failure repeat the identifier of the response that they answer [RFC3748 4.2]. */
export function eapSuccess(identifier: number): Uint8Array {
  return Uint8Array.of(eapCode.success, identifier, 0, 4);
}

/** EAP-Failure, which ends the attempt. */
export function eapFailure(identifier: number): Uint8Array {
  return Uint8Array.of(eapCode.failure, identifier, 0, 4);
}
