/**
 * ASN.1 types as plain data. A schema is built from these once; `encode.ts` and `decode.ts` walk it, and TypeScript
 * infers the value's type from it.
 */

/** Size or value range; `extensible` when the constraint ends in `...`. */
export interface Range {
  readonly low: number;
  readonly high: number;
  readonly extensible: boolean;
}

/** Bits left-justified in octets. */
export interface BitString {
  readonly bits: Uint8Array;
  readonly length: number;
}

/** INTEGER: a bit-field, whole octets or a counted field, by the width of its range. Values are plain numbers. */
export interface IntegerType {
  readonly kind: 'integer';
  /** Absent: unconstrained. */
  readonly range?: Range;
}
/** ENUMERATED: values are the names of the ASN.1 text. */
export interface EnumeratedType {
  readonly kind: 'enumerated';
  readonly root: readonly string[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** Names added after `...`; absent when there is no `...`. */
  readonly additions?: readonly string[];
}
/** BIT STRING with a size constraint, as all of NGAP's have. */
export interface BitStringType {
  readonly kind: 'bitString';
  readonly size: Range;
}
/** OCTET STRING: NAS-PDUs and transfers have no size, identities have a fixed one. */
export interface OctetStringType {
  readonly kind: 'octetString';
  /** Absent: unconstrained. */
  readonly size?: Range;
}
/** PrintableString and VisibleString, or UTF8String. */
export interface StringType {
  readonly kind: 'string';
  /** Absent for UTF8String. */
  readonly size?: Range;
}
/** SEQUENCE: a bit per optional field in front, extension additions of later releases behind. */
export interface SequenceType {
  readonly kind: 'sequence';
  readonly fields: readonly Field[];
  readonly optionals: readonly Field[];
  readonly extensible: boolean;
}
/** One component of a sequence, under the name that values have it by. */
export interface Field {
  readonly name: string;
  readonly type: AsnType;
  readonly optional: boolean;
}
/** SEQUENCE OF with a size constraint; the bound is what keeps a decoder's memory in check. */
export interface SequenceOfType {
  readonly kind: 'sequenceOf';
  readonly element: AsnType;
  readonly size: Range;
}
/** CHOICE: values are `{ choice, value }`. */
export interface ChoiceType {
  readonly kind: 'choice';
  readonly root: readonly Alternative[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly extensible: boolean;
  /** Alternatives of later releases, which travel as an IE in the last one of `root`; absent where there are none. */
  readonly later?: ContainerType;
}
/** One alternative of a choice, in the order of the ASN.1 text: its place is its index on the wire. */
export interface Alternative {
  readonly name: string;
  readonly type: AsnType;
}
/** ProtocolIE-Container or -ExtensionContainer: IEs by their id, each in an open type [TS38413 9.3.5]. */
export interface ContainerType {
  readonly kind: 'container';
  readonly rows: readonly IeRow[];
  readonly mandatoryCount: number;
  readonly byId: ReadonlyMap<number, IeRow>;
  /** Least number of IEs: 0 in a message, 1 in an extension container. */
  readonly least: number;
  /** Unknown IEs are no fault: the message's content is none of this node's. */
  readonly opaque: boolean;
}
/** ProtocolIE-SingleContainer, the way choices are extended. */
export interface SingleContainerType {
  readonly kind: 'single';
}

/** The octets of an open type, for an IE that is known and passed over. */
export interface AnyType {
  readonly kind: 'any';
}

/** What a receiver does that does not understand an IE or procedure: TS 38.413 clause 10.3.2. */
export type Criticality = 'reject' | 'ignore' | 'notify';
/** Presence column of the tables of TS 38.413 clause 9.2; conditional IEs are checked by the procedure. */
export type Presence = 'mandatory' | 'optional' | 'conditional';

/** One IE of a message or container. */
export interface IeRow {
  /** Place among its container's rows. */
  readonly at: number;
  readonly name: string;
  readonly id: number;
  readonly criticality: Criticality;
  readonly presence: Presence;
  readonly type: AsnType;
}

/** Every kind of type that the schema is built from; codecs, printer and generators walk this union. */
export type AsnType =
  | IntegerType
  | EnumeratedType
  | BitStringType
  | OctetStringType
  | StringType
  | SequenceType
  | SequenceOfType
  | ChoiceType
  | ContainerType
  | SingleContainerType
  | AnyType;

declare const value: unique symbol;
/** An ASN.1 type together with the TypeScript type of its values. */
export type Asn<T> = AsnType & { readonly [value]?: T };
/** The values of a declared type. */
export type ValueOf<A> = A extends { readonly [value]?: infer T } ? Exclude<T, undefined> : never;

/** An IE that the receiver does not know, kept as it came. */
export interface UnknownIe {
  readonly id: number;
  readonly criticality: Criticality;
  readonly value: Uint8Array;
}
