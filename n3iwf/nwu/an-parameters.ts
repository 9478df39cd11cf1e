/** AN-parameters of EAP-5G: what a UE tells the access network, by which an AMF is chosen. */
import { type OctetReader, OctetWriter } from '#ikev2';

/** GUAMI as the UE sends it: PLMN (3 octets as in TS 24.501), AMF region, set and pointer. */
export interface Guami {
  readonly plmn: Uint8Array;
  readonly amfRegionId: number;
  readonly amfSetId: number;
  readonly amfPointer: number;
}

/** One S-NSSAI of the requested NSSAI: SST, SD (3 octets) and, from a roaming UE, the mapped ones. */
export interface SNssai {
  readonly sst: number;
  readonly sd?: Uint8Array;
  readonly mappedSst?: number;
  readonly mappedSd?: Uint8Array;
}

/** What a UE tells of itself outside NAS. Every part is optional; parts with unknown types are skipped. */
export interface AnParameters {
  readonly guami?: Guami;
  readonly selectedPlmn?: Uint8Array;
  readonly requestedNssai?: readonly SNssai[];
  readonly establishmentCause?: number;
  /** NID of a stand-alone non-public network, 6 octets. */
  readonly selectedNid?: Uint8Array;
  /** 5GS mobile identity without its IEI. */
  readonly ueIdentity?: Uint8Array;
}

/** One parameter: its type on the wire and its coding, without the length. */
interface Row<T> {
  readonly type: number;
  decode(value: OctetReader): T;
  encode(value: T, writer: OctetWriter): void;
}
/** A row for every parameter: leaving one out does not compile. */
type Rows = { [K in keyof AnParameters]-?: Row<NonNullable<AnParameters[K]>> };

/** The AN-parameter types, in the order in which they are sent [TS24502 9.3.2.2.2.3]. */
const rows: Rows = {
  guami: { type: 1, decode: decodeGuami, encode: encodeGuami },
  selectedPlmn: octetsRow(2, 3),
  requestedNssai: { type: 3, decode: decodeNssai, encode: encodeNssai },
  establishmentCause: {
    type: 4,
    decode: (value) => value.u8('establishment cause') & 0x0f,
    encode: (value, writer) => void writer.u8(value),
  },
  selectedNid: octetsRow(5, 6),
  ueIdentity: {
    type: 6,
    decode: (value) => value.rest(),
    encode: (value, writer) => void writer.bytes(value),
  },
};

const names = Object.keys(rows) as (keyof AnParameters)[];
const nameOfType = new Map(names.map((name) => [rows[name].type, name]));

/** A parameter that is a fixed number of octets; more of them are passed over. */
function octetsRow(type: number, length: number): Row<Uint8Array> {
  return {
    type,
    decode: (value) => value.take(length, `AN-parameter ${type}`),
    encode: (value, writer) => void writer.bytes(value),
  };
}

/** Decodes type-length-value entries up to the end of `reader`. @throws DecodeError, caught at the packet's boundary */
export function decodeAnParameters(reader: OctetReader): AnParameters {
  const decoded: Record<string, unknown> = {};
  while (reader.remaining > 0) {
    const name = nameOfType.get(reader.u8('AN-parameter type'));
    const value = reader.sub(reader.u8('AN-parameter length'), 'AN-parameter value');
    if (name !== undefined) decoded[name] = rows[name].decode(value);
  }
  return decoded;
}

/** Writes the parameters that are there, in the order of the table, as a UE sends them. */
export function encodeAnParameters(parameters: AnParameters, writer: OctetWriter): void {
  for (const name of names) {
    const value = parameters[name];
    if (value === undefined) continue;
    const { type, encode } = rows[name] as Row<unknown>;
    const body = new OctetWriter(16);
    encode(value, body);
    writer.u8(type).u8(body.length).bytes(body.finish());
  }
}

/** AMF set and pointer share two octets, ten bits and six. */
function decodeGuami(value: OctetReader): Guami {
  const plmn = value.take(3, 'GUAMI PLMN');
  const amfRegionId = value.u8('AMF region');
  const setAndPointer = value.u16('AMF set and pointer');
  return { plmn, amfRegionId, amfSetId: setAndPointer >>> 6, amfPointer: setAndPointer & 0x3f };
}

/** The mirror of {@link decodeGuami}. */
function encodeGuami(value: Guami, writer: OctetWriter): void {
  writer
    .bytes(value.plmn)
    .u8(value.amfRegionId)
    .u16((value.amfSetId << 6) | value.amfPointer);
}

/** Contents by the length of an entry [TS24501 9.11.2.8]. */
const entryParts: Readonly<Record<number, readonly (keyof SNssai)[]>> = {
  1: ['sst'],
  2: ['sst', 'mappedSst'],
  4: ['sst', 'sd'],
  5: ['sst', 'sd', 'mappedSst'],
  8: ['sst', 'sd', 'mappedSst', 'mappedSd'],
};

/** SDs are three octets, SSTs one; an entry of another length is an error, as nothing says what is in it. */
function decodeNssai(value: OctetReader): SNssai[] {
  const list: SNssai[] = [];
  while (value.remaining > 0) {
    const length = value.u8('S-NSSAI length');
    const entry = value.sub(length, 'S-NSSAI');
    const parts = entryParts[length] ?? value.fail('S-NSSAI', `length ${length} is not 1, 2, 4, 5 or 8`);
    list.push(
      Object.fromEntries(
        parts.map((part) => [part, part.endsWith('d') ? entry.take(3, part) : entry.u8(part)]),
      ) as unknown as SNssai,
    );
  }
  return list;
}

/** Each entry with the length of what it has. */
function encodeNssai(list: readonly SNssai[], writer: OctetWriter): void {
  for (const entry of list) {
    const body = new OctetWriter(8).u8(entry.sst);
    if (entry.sd !== undefined) body.bytes(entry.sd);
    if (entry.mappedSst !== undefined) body.u8(entry.mappedSst);
    if (entry.mappedSd !== undefined) body.bytes(entry.mappedSd);
    writer.u8(body.length).bytes(body.finish());
  }
}
