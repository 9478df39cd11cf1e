/**
 * Builders of ASN.1 types. The type of a value follows from the call: `sequence({ a: integer(0, 9), b: optional(x) })` is
 * an `Asn<{ readonly a: number; readonly b?: X }>`, so that a table of IEs is both what the codec walks and what the
 * compiler checks.
 */
import type {
  Alternative,
  Asn,
  AsnType,
  BitString,
  ChoiceType,
  ContainerType,
  Criticality,
  Field,
  IeRow,
  Presence,
  Range,
  UnknownIe,
  ValueOf,
} from './types.ts';

/** A range, with `...` when `extensible`. */
export function range(low: number, high: number, extensible = false): Range {
  return { low, high, extensible };
}

/** INTEGER from `low` to `high`. Above 2^53 a number would not be exact: no type of NGAP goes there. */
export function integer(low: number, high: number, extensible = false): Asn<number> {
  return { kind: 'integer', range: range(low, high, extensible) };
}

/** INTEGER without a range; the codec takes up to six octets of it. */
export const unconstrainedInteger: Asn<number> = { kind: 'integer' };

/** Names before and after `...`; without the second list there is no `...`. */
export function enumerated<const R extends string, const A extends string = never>(
  root: readonly R[],
  additions?: readonly A[],
): Asn<R | A> {
  const indexOf = new Map<string, number>([...root, ...(additions ?? [])].map((name, at) => [name, at]));
  return { kind: 'enumerated', root, indexOf, ...(additions === undefined ? {} : { additions }) };
}

/** BIT STRING of `low` to `high` bits; one size when `high` is left out. */
export function bitString(low: number, high = low, extensible = false): Asn<BitString> {
  return { kind: 'bitString', size: range(low, high, extensible) };
}

/** Without a size the string is unconstrained. */
export function octetString(low?: number, high = low, extensible = false): Asn<Uint8Array> {
  if (low === undefined || high === undefined) return { kind: 'octetString' };
  return { kind: 'octetString', size: range(low, high, extensible) };
}

/** PrintableString or VisibleString: eight bits a character in the ALIGNED variant [X691 30.5]. */
export function printable(low: number, high: number, extensible = false): Asn<string> {
  return { kind: 'string', size: range(low, high, extensible) };
}

/** UTF8String. */
export const utf8String: Asn<string> = { kind: 'string' };

interface OptionalField<T> {
  readonly optional: Asn<T>;
}

/** A component that may be absent, for {@link sequence}. */
export function optional<T>(type: Asn<T>): OptionalField<T> {
  return { optional: type };
}

type FieldSpec = Asn<unknown> | OptionalField<unknown>;
/** The same members as one object type, which is what an editor then shows. */
type Flat<T> = { [K in keyof T]: T[K] } & {};
/** Mandatory components as members, optional ones as optional members. */
type SequenceValue<F> = Flat<
  { readonly [K in keyof F as F[K] extends OptionalField<unknown> ? never : K]: ValueOf<F[K]> } & {
    readonly [K in keyof F as F[K] extends OptionalField<unknown> ? K : never]?: F[K] extends OptionalField<
      infer T
    >
      ? T
      : never;
  }
>;

/** SEQUENCE in the order of `specs`; extensible unless said otherwise, as nearly all of NGAP's are. */
export function sequence<const F extends Record<string, FieldSpec>>(
  specs: F,
  extensible = true,
): Asn<SequenceValue<F>> {
  const fields = Object.entries(specs).map(
    ([name, spec]): Field =>
      'optional' in spec
        ? { name, type: spec.optional, optional: true }
        : { name, type: spec as AsnType, optional: false },
  );
  return { kind: 'sequence', fields, optionals: fields.filter((field) => field.optional), extensible };
}

/** SEQUENCE OF, of `low` to `high` elements; NGAP extends none of its sizes. */
export function sequenceOf<T>(element: Asn<T>, low: number, high: number): Asn<readonly T[]> {
  return { kind: 'sequenceOf', element, size: range(low, high) };
}

/** `{ choice: 'a', value: A } | { choice: 'b', value: B }`: the compiler narrows the value by the name. */
type ChoiceValue<A> = { [K in keyof A]: { readonly choice: K; readonly value: ValueOf<A[K]> } }[keyof A];

/** CHOICE in the order of `alternatives`; NGAP's own are extended by a last alternative instead of `...`. */
export function choice<const A extends Record<string, Asn<unknown>>>(
  alternatives: A,
  extensible = false,
): Asn<ChoiceValue<A>> {
  const root = Object.entries(alternatives).map(([name, type]): Alternative => ({ name, type }));
  return { kind: 'choice', root, indexOf: new Map(root.map(({ name }, at) => [name, at])), extensible };
}

/** The same of alternatives that are IEs. */
type LaterValue<R> = {
  [K in keyof R]: {
    readonly choice: K;
    readonly value: R[K] extends IeSpec<infer T, Presence> ? T : never;
  };
}[keyof R];

/**
 * CHOICE with alternatives that later releases put into its extension, an IE each [TS38413 9.4.5]. They are chosen by
 * name like the others; an IE that is none of them shows as `choiceExtensions`.
 */
export function extendedChoice<
  const A extends Record<string, Asn<unknown>>,
  const R extends Record<string, IeSpec<unknown, Presence>>,
>(
  alternatives: A,
  later: R,
): Asn<ChoiceValue<A> | LaterValue<R> | { readonly choice: 'choiceExtensions'; readonly value: UnknownIe }> {
  const made = choice({ ...alternatives, choiceExtensions }) as ChoiceType;
  return { ...made, later: container(later) as ContainerType };
}

/** The last alternative of NGAP's choices: an IE that this release does not know. */
export const choiceExtensions: Asn<UnknownIe> = { kind: 'single' };

/** An IE whose content this node passes over: the octets of its open type. */
export const anyValue: Asn<Uint8Array> = { kind: 'any' };

/** One row of a message's IE table. */
export interface IeSpec<T, P extends Presence> {
  readonly id: number;
  readonly criticality: Criticality;
  readonly type: Asn<T>;
  readonly presence: P;
}

/** A mandatory IE: id, criticality, type, as in the tables of TS 38.413 9.4. */
export function mandatory<T>(id: number, criticality: Criticality, type: Asn<T>): IeSpec<T, 'mandatory'> {
  return { id, criticality, type, presence: 'mandatory' };
}

/** An optional or conditional IE. Conditions, which depend on other IEs, are the business of who reads the value. */
export function maybe<T>(id: number, criticality: Criticality, type: Asn<T>): IeSpec<T, 'optional'> {
  return { id, criticality, type, presence: 'optional' };
}

/** Mandatory IEs as members, others as optional ones; `unknownIes` has what the table lacks. */
type ContainerValue<R> = Flat<
  {
    readonly [K in keyof R as R[K] extends IeSpec<infer _T, 'mandatory'> ? K : never]: R[K] extends IeSpec<
      infer T,
      'mandatory'
    >
      ? T
      : never;
  } & {
    readonly [K in keyof R as R[K] extends IeSpec<infer _T, 'mandatory'> ? never : K]?: R[K] extends IeSpec<
      infer T,
      Presence
    >
      ? T
      : never;
  } & { readonly unknownIes?: readonly UnknownIe[] }
>;

/**
 * The IEs of a message or of an extension container, in the order in which they are sent; `least` of them must be there.
 * Rows are found by id when octets come, and walked in their order when they are made.
 */
export function container<const R extends Record<string, IeSpec<unknown, Presence>>>(
  specs: R,
  least = 0,
): Asn<ContainerValue<R>> {
  const rows = Object.entries(specs).map(([name, spec], at): IeRow => ({ at, name, ...spec }));
  const mandatoryCount = rows.filter((row) => row.presence === 'mandatory').length;
  return {
    kind: 'container',
    rows,
    mandatoryCount,
    byId: new Map(rows.map((row) => [row.id, row])),
    least,
    opaque: false,
  };
}

/** IEs none of which this schema looks into; all are kept in `unknownIes`, and none is found wanting. */
export function opaqueContainer(): Asn<{ readonly unknownIes?: readonly UnknownIe[] }> {
  return { kind: 'container', rows: [], mandatoryCount: 0, byId: new Map(), least: 0, opaque: true };
}

/** An extension container is absent or has at least one IE. */
const noIes = container({}, 1);

/** `iE-Extensions` of a sequence none of whose extensions this schema names. */
export const extensions = optional(noIes);
