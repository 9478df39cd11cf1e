/** The states and policies that stand for a Child SA, as requests to the kernel. */
import type { ChildSa, SocketAddress } from '#ikev2';
import { requireAddress } from '../userplane/address.ts';
import { IP_PROTOCOL } from '../userplane/ip.ts';
import { algorithmsOf } from './algorithms.ts';
import { familyOf } from './rtnetlink.ts';
import {
  UDP_ENCAP_ESPINUDP,
  XFRM_ACTION,
  XFRM_INF,
  XFRM_MODE_TUNNEL,
  XFRM_POLICY,
  XFRM_STATE_FLAG,
  type XfrmAttributes,
  type XfrmMessage,
  type XfrmRequest,
} from './xfrm.ts';

/** Limits of octets and packets of one direction; what is left out has none. */
export interface SaLimits {
  readonly softOctets?: number;
  readonly hardOctets?: number;
  readonly softPackets?: number;
  readonly hardPackets?: number;
}

/** What the states of all Child SAs have in common. */
export interface StateOptions {
  /** Packets of the anti-replay window, a multiple of 32. */
  readonly window: number;
  readonly limits: SaLimits;
  /** Number of the XFRM interface; 0 where there is none. */
  readonly ifId: number;
  /** Port of the NAS listener. */
  readonly nasPort: number;
}

/** A Child SA as the kernel is told of it. */
export interface KernelSa {
  readonly child: ChildSa;
  /** Reqid of its states, mark of its packets: one number, which no other Child SA here has. */
  readonly number: number;
  readonly isSignalling: boolean;
  /** Inner addresses of the UE and of this node, of one family. */
  readonly inner: Uint8Array;
  readonly own: Uint8Array;
  /** Where the UE is heard at present. */
  readonly remote: SocketAddress;
}

type State = Extract<XfrmMessage, { name: 'newSa' }>;

/** Window and sequence numbers of a state. */
export type ReplayPosition = NonNullable<State['attributes']['replayEsn']>;

/** What a state goes on with that is made anew for another address: where it was, and what it has carried. */
export interface Past {
  readonly replayEsn?: ReplayPosition;
  readonly lifetime?: State['body']['curlft'];
}

const ESP = 50;
const allMarks = 0xffff_ffff;
/** Any algorithm: the state decides. */
const anyAlgorithms = { aalgos: allMarks, ealgos: allMarks, calgos: allMarks } as const;

/**
 * Priorities of our policies, the lower the stronger. They are numbers that nobody else uses, by which a policy of a run
 * that crashed is known again.
 */
export const PRIORITY = { protect: 0x4e33, refuse: 0x7e33 } as const;

/** An address in the 16 octets that XFRM has for it. */
export function wide(address: Uint8Array): Uint8Array {
  const octets = new Uint8Array(16);
  octets.set(address.subarray(0, 16));
  return octets;
}

/** Packets from one prefix to another, each by its address and length in bits. */
function between(
  saddr: Uint8Array,
  prefixlenS: number,
  daddr: Uint8Array,
  prefixlenD: number,
  more: { readonly proto?: number; readonly sport?: number } = {},
) {
  const { proto = 0, sport } = more;
  const ports = sport === undefined ? {} : { sport, sportMask: 0xffff };
  const family = familyOf(saddr.length === 0 ? daddr : saddr);
  return { saddr: wide(saddr), daddr: wide(daddr), prefixlenS, prefixlenD, family, proto, ...ports };
}

/** Packets between two hosts. */
function hosts(from: Uint8Array, to: Uint8Array, more: { proto?: number; sport?: number } = {}) {
  return between(from, from.length * 8, to, to.length * 8, more);
}

function limit(value: number | undefined): bigint {
  return value === undefined ? XFRM_INF : BigInt(value);
}

function lifetimes({ softOctets, hardOctets, softPackets, hardPackets }: SaLimits) {
  return {
    softByteLimit: limit(softOctets),
    hardByteLimit: limit(hardOctets),
    softPacketLimit: limit(softPackets),
    hardPacketLimit: limit(hardPackets),
  };
}

const noLimits = lifetimes({});

function interfaceOf({ ifId }: Pick<StateOptions, 'ifId'>): XfrmAttributes {
  return ifId === 0 ? {} : { ifId: { value: ifId } };
}

/** Packets of the UE by their mark; the signalling SA's, which the kernel's own TCP sends, have none. */
function markOf({ number, isSignalling }: KernelSa): XfrmAttributes {
  return isSignalling ? {} : { mark: { value: number, mask: allMarks } };
}

function stateBody(sa: KernelSa, options: StateOptions, from: Uint8Array, to: Uint8Array, spi: number) {
  return {
    id: { daddr: wide(to), spi, proto: ESP },
    saddr: wide(from),
    lft: lifetimes(options.limits),
    reqid: sa.number,
    family: familyOf(from),
    mode: XFRM_MODE_TUNNEL,
    flags: sa.child.suite.esn ? XFRM_STATE_FLAG.ESN : 0,
  };
}

/** A fresh window, or what the state had before. */
function pastOf({ window: replayWindow }: StateOptions, past: Past): XfrmAttributes {
  return { replayEsn: { bmpLen: replayWindow / 32, replayWindow, tail: new Uint8Array(0) }, ...past };
}

function encapsulation({ child }: KernelSa, from: SocketAddress, to: SocketAddress): XfrmAttributes {
  if (!child.udpEncapsulation) return {};
  return { encap: { encapType: UDP_ENCAP_ESPINUDP, sport: from.port, dport: to.port } };
}

/**
 * The state of what comes from the UE. Its selector takes packets of the UE's own inner address to ours alone; what
 * comes out of it is marked with the number of the Child SA.
 */
export function inboundState(sa: KernelSa, options: StateOptions, past: Past = {}): XfrmRequest {
  const { child, remote } = sa;
  const [from, to] = [requireAddress(remote.address), requireAddress(child.local.address)];
  return {
    name: 'newSa',
    body: { ...stateBody(sa, options, from, to, child.spiIn), sel: hosts(sa.inner, sa.own) },
    attributes: {
      ...algorithmsOf(child.suite, child.keysIn),
      ...encapsulation(sa, remote, child.local),
      ...pastOf(options, past),
      ...interfaceOf(options),
      setMark: { value: sa.number },
      setMarkMask: { value: allMarks },
    },
  };
}

/**
 * The state of what goes to the UE. Session SAs are told apart by their mark: UEs behind one address choose SPIs
 * without knowing of each other, and may choose the same.
 */
export function outboundState(sa: KernelSa, options: StateOptions, past: Past = {}): XfrmRequest {
  const { child, remote } = sa;
  const [from, to] = [requireAddress(child.local.address), requireAddress(remote.address)];
  return {
    name: 'newSa',
    body: { ...stateBody(sa, options, from, to, child.spiOut), sel: hosts(sa.own, sa.inner) },
    attributes: {
      ...algorithmsOf(child.suite, child.keysOut),
      ...encapsulation(sa, child.local, remote),
      ...pastOf(options, past),
      ...interfaceOf(options),
      ...markOf(sa),
    },
  };
}

/** By which the kernel finds the state of what comes from the UE. */
export function inboundId({ child }: KernelSa): Pick<XfrmRequest & { name: 'delSa' }, 'body' | 'attributes'> {
  const to = requireAddress(child.local.address);
  return { body: { daddr: wide(to), spi: child.spiIn, family: familyOf(to), proto: ESP } };
}

/** The same of what goes to the UE. */
export function outboundId(sa: KernelSa): Pick<XfrmRequest & { name: 'delSa' }, 'body' | 'attributes'> {
  const to = requireAddress(sa.remote.address);
  const body = { daddr: wide(to), spi: sa.child.spiOut, family: familyOf(to), proto: ESP };
  return { body, attributes: markOf(sa) };
}

/** Which packets a Child SA's policy takes: NAS of the listener's port, or GRE with the mark of the Child SA. */
function outboundSelector({ own, inner, isSignalling }: KernelSa, { nasPort }: StateOptions) {
  if (isSignalling) return hosts(own, inner, { proto: IP_PROTOCOL.TCP, sport: nasPort });
  return hosts(own, inner, { proto: IP_PROTOCOL.GRE });
}

/** The policy that sends packets through a Child SA; it takes the place of an older one for the same packets. */
export function outboundPolicy(sa: KernelSa, options: StateOptions): XfrmRequest {
  const { child, number, remote } = sa;
  const [from, to] = [requireAddress(child.local.address), requireAddress(remote.address)];
  const template = {
    id: { daddr: wide(to), spi: child.spiOut, proto: ESP },
    saddr: wide(from),
    family: familyOf(to),
    reqid: number,
    mode: XFRM_MODE_TUNNEL,
    ...anyAlgorithms,
  };
  return {
    name: 'updPolicy',
    body: {
      sel: outboundSelector(sa, options),
      lft: noLimits,
      priority: PRIORITY.protect,
      dir: XFRM_POLICY.OUT,
      action: XFRM_ACTION.ALLOW,
    },
    attributes: { templates: [template], ...markOf(sa), ...interfaceOf(options) },
  };
}

/** Takes {@link outboundPolicy} away. */
export function noOutboundPolicy(sa: KernelSa, options: StateOptions): XfrmRequest {
  return {
    name: 'delPolicy',
    body: { sel: outboundSelector(sa, options), dir: XFRM_POLICY.OUT },
    attributes: { ...markOf(sa), ...interfaceOf(options) },
  };
}

/**
 * What comes from a UE's inner address to ours must have come through a tunnel to `local`; which one may carry it, the
 * states' own selectors say.
 */
export function inboundPolicy(
  inner: Uint8Array,
  own: Uint8Array,
  local: Uint8Array,
  options: StateOptions,
): XfrmRequest {
  const template = {
    id: { daddr: wide(local), proto: ESP },
    family: familyOf(local),
    mode: XFRM_MODE_TUNNEL,
    ...anyAlgorithms,
  };
  return {
    name: 'updPolicy',
    body: {
      sel: hosts(inner, own),
      lft: noLimits,
      priority: PRIORITY.protect,
      dir: XFRM_POLICY.IN,
      action: XFRM_ACTION.ALLOW,
    },
    attributes: { templates: [template], ...interfaceOf(options) },
  };
}

/** Takes {@link inboundPolicy} away. */
export function noInboundPolicy(inner: Uint8Array, own: Uint8Array, options: StateOptions): XfrmRequest {
  return {
    name: 'delPolicy',
    body: { sel: hosts(inner, own), dir: XFRM_POLICY.IN },
    attributes: interfaceOf(options),
  };
}

/** A prefix: its address and length in bits. */
export type Prefix = readonly [address: Uint8Array, length: number];

/** Nothing without protection reaches our inner address, and no UE's packet is forwarded, from it or to it. */
export function refusals(own: Uint8Array, pool: readonly Prefix[]): XfrmRequest[] {
  const any = new Uint8Array(own.length);
  const refuse = (dir: number, sel: ReturnType<typeof between>): XfrmRequest => ({
    name: 'updPolicy',
    body: { sel, lft: noLimits, priority: PRIORITY.refuse, dir, action: XFRM_ACTION.BLOCK },
  });
  return [
    refuse(XFRM_POLICY.IN, between(any, 0, own, own.length * 8)),
    ...pool.flatMap(([address, length]) => [
      refuse(XFRM_POLICY.FWD, between(address, length, any, 0)),
      refuse(XFRM_POLICY.FWD, between(any, 0, address, length)),
    ]),
  ];
}
