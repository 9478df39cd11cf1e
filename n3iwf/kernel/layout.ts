/** Structs of the kernel's interface, declared once and walked by one coder, with the C compiler's rules of alignment. */
import { endianness } from 'node:os';

const little = endianness() === 'LE';

/** Octets of each scalar; it is aligned to `align`, which is its own size but for octet strings. */
const scalars = {
  u8: { size: 1, align: 1 },
  u16: { size: 2, align: 2 },
  u32: { size: 4, align: 4 },
  i32: { size: 4, align: 4 },
  u64: { size: 8, align: 8 },
  /** In network order whatever the machine's. */
  be16: { size: 2, align: 2 },
  be32: { size: 4, align: 4 },
  /** `xfrm_address_t`: 16 octets, of which IPv4 takes the first four. */
  address: { size: 16, align: 4 },
  /** A name of up to 63 characters, filled up with zeros. */
  name: { size: 64, align: 1 },
} as const;

type Scalar = keyof typeof scalars;

/** Names and kinds of a struct's fields in order; a field may be a struct itself. */
export interface Layout {
  readonly [field: string]: Scalar | Layout;
}

type ScalarValue<K extends Scalar> = K extends 'u64'
  ? bigint
  : K extends 'address'
    ? Uint8Array
    : K extends 'name'
      ? string
      : number;

/** What a decoded struct holds. Addresses are the 16 octets of the field. */
export type ValueOf<L extends Layout> = {
  readonly [F in keyof L]: L[F] extends Scalar
    ? ScalarValue<L[F]>
    : L[F] extends Layout
      ? ValueOf<L[F]>
      : never;
};

/** What a struct is encoded from: fields that are left out are zero. */
export type PartOf<L extends Layout> = {
  readonly [F in keyof L]?: L[F] extends Scalar
    ? ScalarValue<L[F]>
    : L[F] extends Layout
      ? PartOf<L[F]>
      : never;
};

interface Placed {
  readonly field: string;
  readonly kind: Scalar | Layout;
  readonly at: number;
}

interface Plan {
  readonly fields: readonly Placed[];
  readonly size: number;
  readonly align: number;
}

const plans = new WeakMap<Layout, Plan>();

function planOf(layout: Layout): Plan {
  const known = plans.get(layout);
  if (known !== undefined) return known;
  const fields: Placed[] = [];
  let [at, align] = [0, 1];
  for (const [field, kind] of Object.entries(layout)) {
    const part = typeof kind === 'string' ? scalars[kind] : planOf(kind);
    at = roundUp(at, part.align);
    fields.push({ field, kind, at });
    at += part.size;
    align = Math.max(align, part.align);
  }
  const plan = { fields, size: roundUp(at, align), align };
  plans.set(layout, plan);
  return plan;
}

/** The next multiple of `unit`, a power of two. */
export function roundUp(length: number, unit: number): number {
  return (length + unit - 1) & ~(unit - 1);
}

/** `sizeof` of a struct. */
export function sizeOf(layout: Layout): number {
  return planOf(layout).size;
}

/** The struct's octets, padding included, as zeros. Numbers are cut to their field, names and addresses too. */
export function encodeStruct<L extends Layout>(layout: L, value: PartOf<L>): Uint8Array {
  const octets = new Uint8Array(sizeOf(layout));
  write(new DataView(octets.buffer), 0, layout, value as Record<string, unknown>);
  return octets;
}

function write(view: DataView, from: number, layout: Layout, value: Record<string, unknown>): void {
  for (const { field, kind, at } of planOf(layout).fields) {
    const part = value[field];
    if (part === undefined) continue;
    if (typeof kind === 'string') writers[kind](view, from + at, part as never);
    else write(view, from + at, kind, part as Record<string, unknown>);
  }
}

/** The struct at the start of `octets`, which may be longer; undefined when they are too few. */
export function decodeStruct<L extends Layout>(layout: L, octets: Uint8Array): ValueOf<L> | undefined {
  if (octets.length < sizeOf(layout)) return undefined;
  return read(new DataView(octets.buffer, octets.byteOffset, octets.length), 0, layout) as ValueOf<L>;
}

function read(view: DataView, from: number, layout: Layout): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const { field, kind, at } of planOf(layout).fields)
    value[field] = typeof kind === 'string' ? readers[kind](view, from + at) : read(view, from + at, kind);
  return value;
}

const writers: { readonly [K in Scalar]: (view: DataView, at: number, value: ScalarValue<K>) => void } = {
  u8: (view, at, value) => view.setUint8(at, value),
  u16: (view, at, value) => view.setUint16(at, value, little),
  u32: (view, at, value) => view.setUint32(at, value, little),
  i32: (view, at, value) => view.setInt32(at, value, little),
  u64: (view, at, value) => view.setBigUint64(at, value, little),
  be16: (view, at, value) => view.setUint16(at, value),
  be32: (view, at, value) => view.setUint32(at, value),
  address: (view, at, value) => octetsAt(view, at, 16).set(value.subarray(0, 16)),
  name: (view, at, value) => void new TextEncoder().encodeInto(value, octetsAt(view, at, 63)),
};

const readers: { readonly [K in Scalar]: (view: DataView, at: number) => ScalarValue<K> } = {
  u8: (view, at) => view.getUint8(at),
  u16: (view, at) => view.getUint16(at, little),
  u32: (view, at) => view.getUint32(at, little),
  i32: (view, at) => view.getInt32(at, little),
  u64: (view, at) => view.getBigUint64(at, little),
  be16: (view, at) => view.getUint16(at),
  be32: (view, at) => view.getUint32(at),
  address: (view, at) => octetsAt(view, at, 16).slice(),
  name: (view, at) => {
    const octets = octetsAt(view, at, 64);
    const end = octets.indexOf(0);
    return new TextDecoder().decode(octets.subarray(0, end < 0 ? 64 : end));
  },
};

function octetsAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
