/** Interfaces, addresses and routes as netlink speaks of them: the few messages of linux/rtnetlink.h that are used here. */
import { decodeStruct, encodeStruct, type Layout, sizeOf } from './layout.ts';
import {
  type Attribute,
  decodeAttributes,
  encodeAttribute,
  encodeMessage,
  type NetlinkMessage,
  NLM_F,
  textOf,
} from './netlink.ts';

const linkInfo = {
  family: 'u8',
  type: 'u16',
  index: 'i32',
  flags: 'u32',
  change: 'u32',
} as const satisfies Layout;
const addressInfo = {
  family: 'u8',
  prefixLength: 'u8',
  flags: 'u8',
  scope: 'u8',
  index: 'u32',
} as const satisfies Layout;
const routeInfo = {
  family: 'u8',
  destinationLength: 'u8',
  sourceLength: 'u8',
  tos: 'u8',
  table: 'u8',
  protocol: 'u8',
  scope: 'u8',
  type: 'u8',
  flags: 'u32',
} as const satisfies Layout;

const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, NEWADDR: 20, GETADDR: 22, NEWROUTE: 24 } as const;
const IFLA = { IFNAME: 3, LINKINFO: 18, IFALIAS: 20 } as const;
const IFLA_INFO = { KIND: 1, DATA: 2 } as const;
const IFLA_XFRM_IF_ID = 2;
const IFA = { ADDRESS: 1, LOCAL: 2 } as const;
const RTA = { DST: 1, OIF: 4, PREFSRC: 7 } as const;
const interfaceUp = 1;
const unicast = 1;
const mainTable = 254;
/** RTPROT_STATIC: put there by an administrator, and not to be taken out by a routing daemon. */
const byAdministrator = 4;
/** RT_SCOPE_LINK, as of every destination that is on the interface itself. */
const onLink = 253;

const families: Readonly<Record<number, number>> = { 4: 2, 16: 10 };

/** AF_INET or AF_INET6 of an address of 4 or 16 octets. */
export function familyOf(address: Uint8Array): number {
  return families[address.length] ?? 0;
}

/** What kind of interface to make: one that carries nothing by itself, or one of XFRM with its number. */
export type LinkKind = { readonly kind: 'dummy' } | { readonly kind: 'xfrm'; readonly ifId: number };

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

function u32(value: number): Uint8Array {
  return encodeStruct({ value: 'u32' }, { value });
}

/** Makes an interface; refused when there is one of that name. */
export function newLink(name: string, link: LinkKind): Uint8Array {
  const data: Attribute[] =
    link.kind === 'xfrm' ? [[IFLA_INFO.DATA, encodeAttribute([IFLA_XFRM_IF_ID, u32(link.ifId)])]] : [];
  const information = [[IFLA_INFO.KIND, new TextEncoder().encode(link.kind)] as const, ...data];
  return encodeMessage(
    {
      type: RTM.NEWLINK,
      flags: NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL,
      sequence: 0,
    },
    encodeStruct(linkInfo, {}),
    [
      [IFLA.IFNAME, text(name)],
      [IFLA.LINKINFO, Uint8Array.from(Buffer.concat(information.map(encodeAttribute)))],
    ],
  );
}

/** Gives an interface the words by which it is known again, and puts it up. */
export function raiseLink(index: number, alias: string): Uint8Array {
  return encodeMessage(
    { type: RTM.NEWLINK, flags: NLM_F.REQUEST | NLM_F.ACK, sequence: 0 },
    encodeStruct(linkInfo, { index, flags: interfaceUp, change: interfaceUp }),
    [[IFLA.IFALIAS, new TextEncoder().encode(alias)]],
  );
}

/** Takes an interface away, its addresses and routes with it. */
export function deleteLink(index: number): Uint8Array {
  return encodeMessage(
    { type: RTM.DELLINK, flags: NLM_F.REQUEST | NLM_F.ACK, sequence: 0 },
    encodeStruct(linkInfo, { index }),
  );
}

/** Asks for all interfaces. */
export function getLinks(): Uint8Array {
  return encodeMessage(
    { type: RTM.GETLINK, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence: 0 },
    encodeStruct(linkInfo, {}),
  );
}

/** IFA_F_NODAD: an address of IPv6 is good at once, though nobody was asked whether it has it too. */
const notDoubted = 0x02;

/**
 * Puts an address of 4 or 16 octets on an interface, alone in its prefix. It can be the source of routes at once: the
 * interface is this machine's own, and there is nobody on it to ask [RFC4862 5.4].
 */
export function newAddress(index: number, address: Uint8Array): Uint8Array {
  const flags = address.length === 16 ? notDoubted : 0;
  return encodeMessage(
    { type: RTM.NEWADDR, flags: NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL, sequence: 0 },
    encodeStruct(addressInfo, { family: familyOf(address), prefixLength: address.length * 8, flags, index }),
    [
      [IFA.LOCAL, address],
      [IFA.ADDRESS, address],
    ],
  );
}

/** Asks for all addresses. */
export function getAddresses(): Uint8Array {
  return encodeMessage(
    { type: RTM.GETADDR, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence: 0 },
    encodeStruct(addressInfo, {}),
  );
}

/** Sends what is for a prefix to an interface, from `source`. */
export function newRoute(
  index: number,
  destination: Uint8Array,
  prefixLength: number,
  source: Uint8Array,
): Uint8Array {
  return encodeMessage(
    { type: RTM.NEWROUTE, flags: NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL, sequence: 0 },
    encodeStruct(routeInfo, {
      family: familyOf(destination),
      destinationLength: prefixLength,
      table: mainTable,
      protocol: byAdministrator,
      scope: onLink,
      type: unicast,
    }),
    [
      [RTA.DST, destination],
      [RTA.PREFSRC, source],
      [RTA.OIF, u32(index)],
    ],
  );
}

/** An interface as the kernel lists it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly alias: string | undefined;
}

/** An answer to {@link getLinks}; undefined for any other message and for one that is cut off. */
export function decodeLink({ type, body }: NetlinkMessage): Link | undefined {
  const fixed = type === RTM.NEWLINK ? decodeStruct(linkInfo, body) : undefined;
  const attributes = decodeAttributes(body, sizeOf(linkInfo));
  if (fixed === undefined || !attributes.ok) return undefined;
  const name = textOf(attributes.value.get(IFLA.IFNAME));
  const alias = textOf(attributes.value.get(IFLA.IFALIAS));
  return name === undefined ? undefined : { index: fixed.index, name, alias };
}

/** An answer to {@link getAddresses}: an address and the interface that has it. */
export function decodeAddress({
  type,
  body,
}: NetlinkMessage): { readonly index: number; readonly address: Uint8Array } | undefined {
  const fixed = type === RTM.NEWADDR ? decodeStruct(addressInfo, body) : undefined;
  const attributes = decodeAttributes(body, sizeOf(addressInfo));
  if (fixed === undefined || !attributes.ok) return undefined;
  const address = attributes.value.get(IFA.LOCAL) ?? attributes.value.get(IFA.ADDRESS);
  return address === undefined ? undefined : { index: fixed.index, address: address.slice() };
}
