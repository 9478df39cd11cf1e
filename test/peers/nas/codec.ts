import { attempt, OctetReader, OctetWriter, type Result } from '#ikev2';
import { MESSAGES, type MessageName, type NasMessage, PROTOCOL, type Protocol } from './messages.ts';
import type { Element, Part } from './parts.ts';

/** {@link MESSAGES} without the types of its fields, as the walk below sees it. */
interface Layout {
  readonly protocol: Protocol;
  readonly type: number;
  readonly mandatory: readonly Part<object>[];
  readonly optional: Readonly<Record<string, Element>>;
}
interface Fields extends Record<string, unknown> {
  pduSessionId?: number;
  pti?: number;
}

const layouts: Readonly<Record<MessageName, Layout>> = MESSAGES;
const names = Object.keys(MESSAGES) as MessageName[];

/** Name and elements by first octet, found by protocol and type. */
const byType = new Map(
  names.map((name) => {
    const { protocol, type, optional } = layouts[name];
    const elements = new Map(
      Object.entries(optional).map(([field, element]) => [firstOctet(element), { field, element }]),
    );
    return [PROTOCOL[protocol] * 256 + type, { name, elements }] as const;
  }),
);

/** IEI as it lies in its octet: one of four bits takes the upper half, so that 0x09 and 0x9_ stay apart. */
function firstOctet({ iei, format }: Element): number {
  return format.kind === 'half' ? iei << 4 : iei;
}

/** A message in clear, without security header. */
export function encodeNas(message: NasMessage): Uint8Array {
  const { protocol, type, mandatory, optional } = layouts[message.message];
  const fields: Fields = { ...message };
  const writer = new OctetWriter(128).u8(PROTOCOL[protocol]);
  if (protocol === 'gsm') writer.u8(fields.pduSessionId ?? 0).u8(fields.pti ?? 0);
  else writer.u8(0);
  writer.u8(type);
  for (const part of mandatory) part.encode(fields, writer);
  for (const [field, element] of Object.entries(optional)) {
    const value = fields[field];
    if (value !== undefined) encodeElement(element, value as number | Uint8Array, writer);
  }
  return writer.finish();
}

function encodeElement({ iei, format }: Element, value: number | Uint8Array, writer: OctetWriter): void {
  const octets = typeof value === 'number' ? Uint8Array.of(value) : value;
  switch (format.kind) {
    case 'half':
      writer.u8((iei << 4) | ((octets[0] ?? 0) & 0x0f));
      return;
    case 'single':
    case 'tv':
      writer.u8(iei).bytes(octets);
      return;
    case 'tlv':
      writer.u8(iei).u8(octets.length).bytes(octets);
      return;
    case 'tlve':
      writer.u8(iei).u16(octets.length).bytes(octets);
      return;
  }
}

/** Reads one message in clear. Elements that are not known or come again are skipped [TS24501 7.6] [TS24501 7.7]. */
export function decodeNas(nasPdu: Uint8Array): Result<NasMessage> {
  return attempt(() => {
    const reader = new OctetReader(nasPdu);
    const discriminator = reader.u8('protocol discriminator');
    const fields: Fields = {};
    if (discriminator === PROTOCOL.gsm) {
      fields.pduSessionId = reader.u8('PDU session ID');
      fields.pti = reader.u8('procedure transaction ID');
    } else if (discriminator !== PROTOCOL.gmm) {
      reader.fail('protocol discriminator', `${discriminator} is neither 5GMM nor 5GSM`);
    } else if ((reader.u8('security header') & 0x0f) !== 0) {
      reader.fail('security header', 'the message is protected');
    }
    const type = reader.u8('message type');
    const known = byType.get(discriminator * 256 + type) ?? reader.fail('message type', `${type} is unknown`);
    for (const part of layouts[known.name].mandatory) Object.assign(fields, part.decode(reader));
    while (reader.remaining > 0) decodeElement(reader, known.elements, fields);
    return { message: known.name, ...fields } as NasMessage;
  });
}

type Elements = ReadonlyMap<number, { readonly field: string; readonly element: Element }>;

function decodeElement(reader: OctetReader, elements: Elements, fields: Fields): void {
  const iei = reader.u8('IEI');
  const found = elements.get(iei >= 0x80 ? iei & 0xf0 : iei);
  const value = found === undefined ? skip(reader, iei) : elementValue(reader, iei, found.element);
  if (found !== undefined && !(found.field in fields)) fields[found.field] = value;
}

function elementValue(reader: OctetReader, iei: number, { format }: Element): number | Uint8Array {
  switch (format.kind) {
    case 'half':
      return iei & 0x0f;
    case 'single':
      return reader.u8('element');
    case 'tv':
      return reader.take(format.length, 'element');
    case 'tlv':
      return reader.take(reader.u8('element length'), 'element');
    case 'tlve':
      return reader.take(reader.u16('element length'), 'element');
  }
}

/** [TS24007 11.2.4] the IEI alone tells how long an unknown element is. */
function skip(reader: OctetReader, iei: number): undefined {
  if (iei >= 0x80) return;
  const twoOctetLength = (iei & 0x70) === 0x70;
  reader.skip(twoOctetLength ? reader.u16('element length') : reader.u8('element length'), 'unknown element');
}
