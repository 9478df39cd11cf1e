/** What of the kernel's IPsec was put there by this node, in this run or in one that crashed. */
import { requireAddress } from '../userplane/address.ts';
import { encodeMessage, type NetlinkMessage, NLM_F } from './netlink.ts';
import type { NetlinkPort } from './ports.ts';
import { PRIORITY, type Prefix, wide } from './states.ts';
import { decodeXfrm, encodeXfrm, type XfrmMessage, type XfrmRequest } from './xfrm.ts';

/** By what our states and policies are known. Addresses are octets. */
export interface Marks {
  readonly markBase: number;
  /** Where UEs reach this node. */
  readonly local: Uint8Array;
  /** Inner addresses of this node. */
  readonly own: readonly Uint8Array[];
  /** Where the addresses of UEs come from. */
  readonly pools: readonly Prefix[];
}

type State = Extract<XfrmMessage, { name: 'newSa' }>;
type Policy = Extract<XfrmMessage, { name: 'newPolicy' }>;

/** Numbers of Child SAs: reqids and marks in one. */
export function numbersOf(markBase: number): { readonly first: number; readonly last: number } {
  return { first: markBase + 1, last: markBase + 0xfffff };
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** A state with a reqid of our range and our outer address; other nodes on this machine have other ones. */
export function isOurState({ body }: State, { markBase, local }: Marks): boolean {
  const { first, last } = numbersOf(markBase);
  const address = wide(local);
  const isAtOurs = same(body.saddr, address) || same(body.id.daddr, address);
  return body.reqid >= first && body.reqid <= last && isAtOurs;
}

/** A policy of one of our priorities for our inner address or for UEs of our pools. */
export function isOurPolicy({ body: { priority, sel } }: Policy, { own, pools }: Marks): boolean {
  if (priority !== PRIORITY.protect && priority !== PRIORITY.refuse) return false;
  const ends = [sel.saddr, sel.daddr];
  return (
    own.some((address) => ends.some((end) => same(end, wide(address)))) ||
    pools.some(([address, length]) =>
      [[sel.saddr, sel.prefixlenS] as const, [sel.daddr, sel.prefixlenD] as const].some(
        ([end, bits]) => bits === length && same(end, wide(address)),
      ),
    )
  );
}

/** What takes a state away: without its mark the kernel would not find it. */
function stateRemoval({ body, attributes: { mark } }: State): XfrmRequest {
  const { id, family } = body;
  return {
    name: 'delSa',
    body: { daddr: id.daddr, spi: id.spi, proto: id.proto, family },
    attributes: mark === undefined ? {} : { mark },
  };
}

function policyRemoval({ body, attributes: { mark, ifId } }: Policy): XfrmRequest {
  return {
    name: 'delPolicy',
    body: { sel: body.sel, dir: body.dir },
    attributes: { ...(mark === undefined ? {} : { mark }), ...(ifId === undefined ? {} : { ifId }) },
  };
}

/**
 * Takes everything of ours away, policies first. What others put there stays.
 *
 * @returns how much there was
 * @throws Error when the kernel does not answer
 */
export function removeOurs(
  xfrm: NetlinkPort,
  marks: Marks,
): { readonly states: number; readonly policies: number } {
  const policies = list(xfrm, 'getPolicy', (message) =>
    message.name === 'newPolicy' && isOurPolicy(message, marks) ? policyRemoval(message) : undefined,
  );
  send(xfrm, policies);
  const found = list(xfrm, 'getSa', (message) =>
    message.name === 'newSa' && isOurState(message, marks) ? stateRemoval(message) : undefined,
  );
  send(xfrm, found);
  return { states: found.length, policies: policies.length };
}

function list(
  xfrm: NetlinkPort,
  name: 'getSa' | 'getPolicy',
  pick: (message: XfrmMessage) => XfrmRequest | undefined,
): XfrmRequest[] {
  const { type, fixed } = encodeXfrm({ name, body: {} });
  const request = encodeMessage({ type, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence: 0 }, fixed);
  const [reply] = xfrm.exchange([request], (message: NetlinkMessage) => {
    const decoded = decodeXfrm(message);
    return decoded.ok && decoded.value !== undefined ? pick(decoded.value) : undefined;
  });
  return [...(reply?.values ?? [])];
}

function send(xfrm: NetlinkPort, requests: readonly XfrmRequest[]): void {
  for (const request of requests) {
    const { type, fixed, attributes } = encodeXfrm(request);
    xfrm.exchange([
      encodeMessage({ type, flags: NLM_F.REQUEST | NLM_F.ACK, sequence: 0 }, fixed, attributes),
    ]);
  }
}

/** The fewest prefixes that a pool, a prefix or a range of addresses as text, consists of. @throws RangeError for another text */
export function prefixesOf(pool: string): Prefix[] {
  if (!pool.includes('-')) {
    const [address = '', length = ''] = pool.split('/');
    return [[requireAddress(address), Number(length)]];
  }
  const [first, last] = pool.split('-').map((text) => requireAddress(text.trim()));
  if (first === undefined || last === undefined) return [];
  const bits = first.length * 8;
  const prefixes: Prefix[] = [];
  for (let [at, end] = [numberOf(first), numberOf(last)]; at <= end; ) {
    let free = 0;
    while (free < bits && (at & ((2n << BigInt(free)) - 1n)) === 0n && at + (2n << BigInt(free)) - 1n <= end)
      free++;
    prefixes.push([octetsOf(at, first.length), bits - free]);
    at += 1n << BigInt(free);
  }
  return prefixes;
}

function numberOf(octets: Uint8Array): bigint {
  return octets.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

function octetsOf(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => Number((value >> BigInt(8 * (length - 1 - at))) & 0xffn));
}
