/** The kernel's IPsec as netlink speaks of it: structs, messages and attributes of linux/xfrm.h, each declared once. */
import type { Result } from '#ikev2';
import { decodeStruct, encodeStruct, type Layout, type PartOf, sizeOf, type ValueOf } from './layout.ts';
import { type Attribute, decodeAttributes, type NetlinkFault, type NetlinkMessage } from './netlink.ts';

const id = { daddr: 'address', spi: 'be32', proto: 'u8' } as const;
/** Which packets; a mask of 0 takes every port, a family of 0 the state's own. */
const selector = {
  daddr: 'address',
  saddr: 'address',
  dport: 'be16',
  dportMask: 'be16',
  sport: 'be16',
  sportMask: 'be16',
  family: 'u16',
  prefixlenD: 'u8',
  prefixlenS: 'u8',
  proto: 'u8',
  ifindex: 'i32',
  user: 'u32',
} as const;
/** Limits of a state or policy; times in seconds, 0 for none; of octets and packets {@link XFRM_INF} is none. */
const lifetimeConfig = {
  softByteLimit: 'u64',
  hardByteLimit: 'u64',
  softPacketLimit: 'u64',
  hardPacketLimit: 'u64',
  softAddExpires: 'u64',
  hardAddExpires: 'u64',
  softUseExpires: 'u64',
  hardUseExpires: 'u64',
} as const;
const lifetimeCurrent = { bytes: 'u64', packets: 'u64', addTime: 'u64', useTime: 'u64' } as const;
const stats = { replayWindow: 'u32', replay: 'u32', integrityFailed: 'u32' } as const;
const userSaInfo = {
  sel: selector,
  id,
  saddr: 'address',
  lft: lifetimeConfig,
  curlft: lifetimeCurrent,
  stats,
  seq: 'u32',
  reqid: 'u32',
  family: 'u16',
  mode: 'u8',
  replayWindow: 'u8',
  flags: 'u8',
} as const;
const userSaId = { daddr: 'address', spi: 'be32', family: 'u16', proto: 'u8' } as const;
const userPolicyInfo = {
  sel: selector,
  lft: lifetimeConfig,
  curlft: lifetimeCurrent,
  priority: 'u32',
  index: 'u32',
  dir: 'u8',
  action: 'u8',
  flags: 'u8',
  share: 'u8',
} as const;
const userPolicyId = { sel: selector, index: 'u32', dir: 'u8' } as const;
const userExpire = { state: userSaInfo, hard: 'u8' } as const;
const userAcquire = {
  id,
  saddr: 'address',
  sel: selector,
  policy: userPolicyInfo,
  aalgos: 'u32',
  ealgos: 'u32',
  calgos: 'u32',
  seq: 'u32',
} as const;
const userMapping = {
  id: userSaId,
  reqid: 'u32',
  oldSaddr: 'address',
  newSaddr: 'address',
  oldSport: 'be16',
  newSport: 'be16',
} as const;
/** What a packet of a policy is to be protected by. Zero addresses, SPI and reqid take any. */
const template = {
  id,
  family: 'u16',
  saddr: 'address',
  reqid: 'u32',
  mode: 'u8',
  share: 'u8',
  optional: 'u8',
  aalgos: 'u32',
  ealgos: 'u32',
  calgos: 'u32',
} as const;
const replayState = {
  bmpLen: 'u32',
  oseq: 'u32',
  seq: 'u32',
  oseqHi: 'u32',
  seqHi: 'u32',
  replayWindow: 'u32',
} as const;

/** The structs by name, for whoever checks their sizes against the C compiler's. */
export const xfrmStructs = {
  selector,
  userSaInfo,
  userSaId,
  userPolicyInfo,
  userPolicyId,
  userExpire,
  userAcquire,
  userMapping,
  template,
  replayState,
} as const satisfies Record<string, Layout>;

/** Number and body of each message. */
export const xfrmMessages = {
  newSa: { type: 0x10, body: userSaInfo },
  delSa: { type: 0x11, body: userSaId },
  getSa: { type: 0x12, body: userSaId },
  newPolicy: { type: 0x13, body: userPolicyInfo },
  delPolicy: { type: 0x14, body: userPolicyId },
  getPolicy: { type: 0x15, body: userPolicyId },
  acquire: { type: 0x17, body: userAcquire },
  expire: { type: 0x18, body: userExpire },
  updPolicy: { type: 0x19, body: userPolicyInfo },
  updSa: { type: 0x1a, body: userSaInfo },
  mapping: { type: 0x26, body: userMapping },
} as const satisfies Record<string, { readonly type: number; readonly body: Layout }>;

export type XfrmMessageName = keyof typeof xfrmMessages;

/**
 * Number and layout of each attribute. With `tail` octets follow the struct: a key, or the bitmap of a replay window;
 * with `list` the struct repeats.
 */
const attributes = {
  algCrypt: { type: 2, layout: { name: 'name', keyBits: 'u32' }, form: 'tail' },
  encap: { type: 4, layout: { encapType: 'u16', sport: 'be16', dport: 'be16', oa: 'address' }, form: 'one' },
  templates: { type: 5, layout: template, form: 'list' },
  /** The state itself, in answers to a deletion. */
  lifetime: { type: 9, layout: lifetimeCurrent, form: 'one' },
  sourceAddress: { type: 13, layout: { address: 'address' }, form: 'one' },
  algAead: { type: 18, layout: { name: 'name', keyBits: 'u32', icvBits: 'u32' }, form: 'tail' },
  algAuthTrunc: { type: 20, layout: { name: 'name', keyBits: 'u32', truncBits: 'u32' }, form: 'tail' },
  mark: { type: 21, layout: { value: 'u32', mask: 'u32' }, form: 'one' },
  replayEsn: { type: 23, layout: replayState, form: 'tail' },
  setMark: { type: 29, layout: { value: 'u32' }, form: 'one' },
  setMarkMask: { type: 30, layout: { value: 'u32' }, form: 'one' },
  ifId: { type: 31, layout: { value: 'u32' }, form: 'one' },
} as const satisfies Record<string, { type: number; layout: Layout; form: 'one' | 'tail' | 'list' }>;

type Attributes = typeof attributes;
type AttributeName = keyof Attributes;
/** Octets behind a struct; named apart so that no field can be taken for it. */
interface Tail {
  readonly tail: Uint8Array;
}
type Encodable<A extends AttributeName> = Attributes[A]['form'] extends 'list'
  ? readonly PartOf<Attributes[A]['layout']>[]
  : Attributes[A]['form'] extends 'tail'
    ? PartOf<Attributes[A]['layout']> & Tail
    : PartOf<Attributes[A]['layout']>;
type Decoded<A extends AttributeName> = Attributes[A]['form'] extends 'list'
  ? readonly ValueOf<Attributes[A]['layout']>[]
  : Attributes[A]['form'] extends 'tail'
    ? ValueOf<Attributes[A]['layout']> & Tail
    : ValueOf<Attributes[A]['layout']>;

/** Attributes to send, by name. */
export type XfrmAttributes = { readonly [A in AttributeName]?: Encodable<A> };
/** Attributes of a message that came; those without a row are left out. */
export type DecodedXfrmAttributes = { readonly [A in AttributeName]?: Decoded<A> };

/** A request: its message, what its struct holds and the attributes behind it. */
export type XfrmRequest = {
  readonly [N in XfrmMessageName]: {
    readonly name: N;
    readonly body: PartOf<(typeof xfrmMessages)[N]['body']>;
    readonly attributes?: XfrmAttributes;
  };
}[XfrmMessageName];

/** A message that came. Keys in it are the kernel's copies. */
export type XfrmMessage = {
  readonly [N in XfrmMessageName]: {
    readonly name: N;
    readonly body: ValueOf<(typeof xfrmMessages)[N]['body']>;
    readonly attributes: DecodedXfrmAttributes;
  };
}[XfrmMessageName];

/** No limit of octets or packets. */
export const XFRM_INF = 0xffff_ffff_ffff_ffffn;
/** Directions of policies. */
export const XFRM_POLICY = { IN: 0, OUT: 1, FWD: 2 } as const;
/** What a policy does with its packets. */
export const XFRM_ACTION = { ALLOW: 0, BLOCK: 1 } as const;
export const XFRM_MODE_TUNNEL = 1;
/** Flags of a state. */
export const XFRM_STATE_FLAG = { AF_UNSPEC: 32, ESN: 128 } as const;
/** ESP in UDP (RFC 3948). */
export const UDP_ENCAP_ESPINUDP = 2;
/** Largest replay window that the kernel takes, in packets. */
export const mostReplayWindow = 4096;
/** Multicast groups of events. */
export const XFRMNLGRP = { ACQUIRE: 1, EXPIRE: 2, MAPPING: 8 } as const;

/** The struct and attributes of a request, as `encodeMessage` takes them. */
export function encodeXfrm({ name, body, attributes: given = {} }: XfrmRequest): {
  readonly type: number;
  readonly fixed: Uint8Array;
  readonly attributes: readonly Attribute[];
} {
  const { type, body: layout } = xfrmMessages[name];
  const encoded = (Object.keys(attributes) as AttributeName[]).flatMap((attribute): Attribute[] => {
    const value = given[attribute];
    return value === undefined ? [] : [[attributes[attribute].type, encodeAttributeValue(attribute, value)]];
  });
  return { type, fixed: encodeStruct(layout, body as PartOf<Layout>), attributes: encoded };
}

function encodeAttributeValue(name: AttributeName, value: unknown): Uint8Array {
  const { layout, form } = attributes[name];
  const parts = form === 'list' ? (value as readonly PartOf<Layout>[]) : [value as PartOf<Layout>];
  const structs = parts.map((part) => encodeStruct(layout, part));
  const tail = form === 'tail' ? [(value as Tail).tail] : [];
  return Uint8Array.from(Buffer.concat([...structs, ...tail]));
}

const names = new Map<number, XfrmMessageName>(
  (Object.keys(xfrmMessages) as XfrmMessageName[]).map((name) => [xfrmMessages[name].type, name]),
);

/** The message read; undefined when its type has no row here. */
export function decodeXfrm({ type, body }: NetlinkMessage): Result<XfrmMessage | undefined, NetlinkFault> {
  const name = names.get(type);
  if (name === undefined) return { ok: true, value: undefined };
  const layout = xfrmMessages[name].body;
  const fixed = decodeStruct(layout, body);
  if (fixed === undefined) return { ok: false, error: { what: 'body', at: 0 } };
  const found = decodeAttributes(body, sizeOf(layout));
  if (!found.ok) return found;
  const decoded: Record<string, unknown> = {};
  for (const attribute of Object.keys(attributes) as AttributeName[]) {
    const octets = found.value.get(attributes[attribute].type);
    const value = octets === undefined ? undefined : decodeAttributeValue(attribute, octets);
    if (octets !== undefined && value === undefined)
      return { ok: false, error: { what: 'attribute', at: octets.byteOffset - body.byteOffset } };
    if (value !== undefined) decoded[attribute] = value;
  }
  return { ok: true, value: { name, body: fixed, attributes: decoded } as unknown as XfrmMessage };
}

/** Undefined when the octets are too few for the struct. */
function decodeAttributeValue(name: AttributeName, octets: Uint8Array): unknown {
  const { layout, form } = attributes[name];
  const size = sizeOf(layout);
  if (form !== 'list') {
    const value = decodeStruct(layout, octets);
    return value !== undefined && form === 'tail' ? { ...value, tail: octets.slice(size) } : value;
  }
  const count = Math.floor(octets.length / size);
  return Array.from({ length: count }, (_, at) => decodeStruct(layout, octets.subarray(at * size)));
}
