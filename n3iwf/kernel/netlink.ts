/** Netlink messages and attributes (RFC 3549 section 2), as octets. */
import type { Result } from '#ikev2';
import { decodeStruct, encodeStruct, type Layout, roundUp, sizeOf } from './layout.ts';

/** `struct nlmsghdr`. */
const header = {
  length: 'u32',
  type: 'u16',
  flags: 'u16',
  sequence: 'u32',
  port: 'u32',
} as const satisfies Layout;
/** `struct nlattr`. */
const attributeHeader = { length: 'u16', type: 'u16' } as const satisfies Layout;
/** `struct nlmsgerr` without the header that it quotes. */
const errorCode = { code: 'i32' } as const satisfies Layout;

const headerOctets = sizeOf(header);
const attributeOctets = sizeOf(attributeHeader);
/** Messages and attributes begin at multiples of this. */
const unit = 4;
/** The upper two bits of an attribute's type are flags. */
const typeMask = 0x3fff;

/** Message types that every netlink family has (RFC 3549, 2.3.2). */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

/** Flags of requests and of the parts of an answer [RFC3549 2.2]. */
export const NLM_F = {
  REQUEST: 0x001,
  MULTI: 0x002,
  ACK: 0x004,
  DUMP_INTERRUPTED: 0x010,
  /** On an error: the request is not quoted beyond its header. */
  CAPPED: 0x100,
  /** On an error: attributes follow what is quoted. */
  ACK_TLVS: 0x200,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
} as const;

/** NLMSGERR_ATTR_MSG: the kernel's own words. */
const attributeMessage = 1;

/** One message, its header read. `body` is a view into what was received. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** That of the request which it answers; 0 for events. */
  readonly sequence: number;
  readonly port: number;
  readonly body: Uint8Array;
}

/** Where a datagram departs from the form; `at` is an offset in octets. */
export interface NetlinkFault {
  readonly what: 'message' | 'attribute' | 'body';
  readonly at: number;
}

/** An attribute to encode: its type and its octets. */
export type Attribute = readonly [type: number, value: Uint8Array];

/** One message; its body begins with `fixed`, a struct, behind which the attributes stand. */
export function encodeMessage(
  { type, flags, sequence }: Pick<NetlinkMessage, 'type' | 'flags' | 'sequence'>,
  fixed: Uint8Array,
  attributes: readonly Attribute[] = [],
): Uint8Array {
  const body = [padded(fixed), ...attributes.map(encodeAttribute)];
  const length = body.reduce((sum, part) => sum + part.length, headerOctets);
  return joined([encodeStruct(header, { length, type, flags, sequence }), ...body], length);
}

/** An attribute with its padding. */
export function encodeAttribute([type, value]: Attribute): Uint8Array {
  const length = attributeOctets + value.length;
  return joined([encodeStruct(attributeHeader, { length, type }), value], roundUp(length, unit));
}

function padded(octets: Uint8Array): Uint8Array {
  return joined([octets], roundUp(octets.length, unit));
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const octets = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
  return octets;
}

/** All messages of a datagram, in order [RFC3549 2.2]. */
export function decodeMessages(datagram: Uint8Array): Result<readonly NetlinkMessage[], NetlinkFault> {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < datagram.length; ) {
    const read = decodeStruct(header, datagram.subarray(at));
    if (read === undefined || read.length < headerOctets || at + read.length > datagram.length)
      return { ok: false, error: { what: 'message', at } };
    const { length, ...rest } = read;
    messages.push({ ...rest, body: datagram.subarray(at + headerOctets, at + length) });
    at += roundUp(length, unit);
  }
  return { ok: true, value: messages };
}

/** The attributes behind `from` octets of a body, by type; the last one of a type counts. */
export function decodeAttributes(
  body: Uint8Array,
  from: number,
): Result<ReadonlyMap<number, Uint8Array>, NetlinkFault> {
  const attributes = new Map<number, Uint8Array>();
  for (let at = roundUp(from, unit); at < body.length; ) {
    const read = decodeStruct(attributeHeader, body.subarray(at));
    if (read === undefined || read.length < attributeOctets || at + read.length > body.length)
      return { ok: false, error: { what: 'attribute', at } };
    attributes.set(read.type & typeMask, body.subarray(at + attributeOctets, at + read.length));
    at += roundUp(read.length, unit);
  }
  return { ok: true, value: attributes };
}

/** The kernel's verdict on a request: errno 0 is an acknowledgement. */
export interface NetlinkAnswer {
  readonly errno: number;
  /** The kernel's own words, where it has any. */
  readonly text: string | undefined;
}

/** Reads a message of type ERROR, whose body quotes the request [RFC3549 2.3.2.2]. */
export function decodeError({ body, flags }: NetlinkMessage): Result<NetlinkAnswer, NetlinkFault> {
  const error = decodeStruct(errorCode, body);
  const quoted = error === undefined ? undefined : decodeStruct(header, body.subarray(4));
  if (error === undefined || quoted === undefined) return { ok: false, error: { what: 'body', at: 0 } };
  const errno = error.code < 0 ? -error.code : error.code;
  if ((flags & NLM_F.ACK_TLVS) === 0) return { ok: true, value: { errno, text: undefined } };
  const quotedOctets = (flags & NLM_F.CAPPED) === 0 ? Math.max(headerOctets, quoted.length) : headerOctets;
  const attributes = decodeAttributes(body, 4 + quotedOctets);
  if (!attributes.ok) return attributes;
  return { ok: true, value: { errno, text: textOf(attributes.value.get(attributeMessage)) } };
}

/** A string that the kernel ended with a zero. */
export function textOf(octets: Uint8Array | undefined): string | undefined {
  if (octets === undefined) return undefined;
  const end = octets.indexOf(0);
  return new TextDecoder().decode(end < 0 ? octets : octets.subarray(0, end));
}
