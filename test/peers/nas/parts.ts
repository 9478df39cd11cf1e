import type { OctetReader, OctetWriter } from '#ikev2';

/** A run of mandatory octets of a message and the fields that they hold. */
export interface Part<F> {
  decode(reader: OctetReader): F;
  encode(fields: F, writer: OctetWriter): void;
}

/** How an optional information element is laid out after its IEI [TS24007 11.2.1.1]. */
export type Format =
  /** Four bits of value in the octet of the IEI. */
  | { readonly kind: 'half' }
  /** One octet without a length. */
  | { readonly kind: 'single' }
  /** A fixed number of octets without a length. */
  | { readonly kind: 'tv'; readonly length: number }
  /** One octet of length. */
  | { readonly kind: 'tlv' }
  /** Two octets of length. */
  | { readonly kind: 'tlve' };

/** An optional element: a number when it is an octet or half of one, else the octets of its value. */
export type Element<K extends Format['kind'] = Format['kind']> = K extends Format['kind']
  ? { readonly iei: number; readonly format: Extract<Format, { kind: K }> }
  : never;

export const half = (iei: number): Element<'half'> => ({ iei, format: { kind: 'half' } });
export const single = (iei: number): Element<'single'> => ({ iei, format: { kind: 'single' } });
export const tv = (iei: number, length: number): Element<'tv'> => ({ iei, format: { kind: 'tv', length } });
export const tlv = (iei: number): Element<'tlv'> => ({ iei, format: { kind: 'tlv' } });
export const tlve = (iei: number): Element<'tlve'> => ({ iei, format: { kind: 'tlve' } });

/** One octet with the name of its field. */
export function octet<N extends string>(name: N): Part<Record<N, number>> {
  return {
    decode: (reader) => ({ [name]: reader.u8(name) }) as Record<N, number>,
    encode: (fields, writer) => void writer.u8(fields[name]),
  };
}

/** One octet with two fields of four bits; an `undefined` name stands for spare bits. */
export function halves<H extends string, L extends string>(high: H, low: L): Part<Record<H | L, number>> {
  return {
    decode: (reader) => {
      const value = reader.u8(low);
      return { [high]: value >>> 4, [low]: value & 0x0f } as Record<H | L, number>;
    },
    encode: (fields, writer) => void writer.u8((fields[high] << 4) | (fields[low] & 0x0f)),
  };
}

/** Four bits of value, the upper ones spare. */
export function lowHalf<N extends string>(name: N): Part<Record<N, number>> {
  return {
    decode: (reader) => ({ [name]: reader.u8(name) & 0x0f }) as Record<N, number>,
    encode: (fields, writer) => void writer.u8(fields[name] & 0x0f),
  };
}

/** Two octets with the name of their field. */
export function word<N extends string>(name: N): Part<Record<N, number>> {
  return {
    decode: (reader) => ({ [name]: reader.u16(name) }) as Record<N, number>,
    encode: (fields, writer) => void writer.u16(fields[name]),
  };
}

/** Octets behind a length of one octet. */
export function lv<N extends string>(name: N): Part<Record<N, Uint8Array>> {
  return {
    decode: (reader) => ({ [name]: reader.take(reader.u8(name), name) }) as Record<N, Uint8Array>,
    encode: (fields, writer) => void writer.u8(fields[name].length).bytes(fields[name]),
  };
}

/** Octets behind a length of two octets. */
export function lve<N extends string>(name: N): Part<Record<N, Uint8Array>> {
  return {
    decode: (reader) => ({ [name]: reader.take(reader.u16(name), name) }) as Record<N, Uint8Array>,
    encode: (fields, writer) => void writer.u16(fields[name].length).bytes(fields[name]),
  };
}

/** Registration result: its low four bits; 2 is registration over non-3GPP access [TS24501 9.11.3.6]. */
export const registrationResultPart: Part<{ readonly registrationResult: number }> = {
  decode: (reader) => {
    const value = reader.sub(reader.u8('registration result'), 'registration result');
    return { registrationResult: value.u8('registration result') & 0x0f };
  },
  encode: ({ registrationResult }, writer) => void writer.u8(1).u8(registrationResult),
};

export interface RegistrationTypeFields {
  /** 1 initial, 2 mobility, 3 periodic, 4 emergency. */
  readonly registrationType: number;
  /** FOR: without it the network may release the UE right after the registration. */
  readonly followOn: boolean;
  /** Key set identifier; 7 when there is none. */
  readonly ngKsi: number;
}

/** Registration type and key set identifier [TS24501 9.11.3.7]. */
export const registrationTypePart: Part<RegistrationTypeFields> = {
  decode: (reader) => {
    const value = reader.u8('registration type');
    return { registrationType: value & 0x07, followOn: (value & 0x08) !== 0, ngKsi: value >>> 4 };
  },
  encode: ({ registrationType, followOn, ngKsi }, writer) =>
    void writer.u8((ngKsi << 4) | (followOn ? 0x08 : 0) | (registrationType & 0x07)),
};

export interface DeregistrationTypeFields {
  readonly switchOff: boolean;
  readonly ngKsi: number;
}

const non3gppAccess = 2;

/** Deregistration type, always for non-3GPP access, and key set identifier [TS24501 9.11.3.20]. */
export const deregistrationTypePart: Part<DeregistrationTypeFields> = {
  decode: (reader) => {
    const value = reader.u8('de-registration type');
    return { switchOff: (value & 0x08) !== 0, ngKsi: value >>> 4 };
  },
  encode: ({ switchOff, ngKsi }, writer) =>
    void writer.u8((ngKsi << 4) | (switchOff ? 0x08 : 0) | non3gppAccess),
};

/** Network-originating form: re-registration takes the bit below that of switch-off. */
export const networkDeregistrationPart: Part<{ readonly reregister: boolean }> = {
  decode: (reader) => ({ reregister: (reader.u8('de-registration type') & 0x04) !== 0 }),
  encode: ({ reregister }, writer) => void writer.u8((reregister ? 0x04 : 0) | non3gppAccess),
};
