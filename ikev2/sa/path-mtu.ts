/** How long a message may be before it is sent in fragments, and what to try when nothing comes back. [RFC7383 2.5.1] */

/** Octets of an IP datagram that carries IKE, when the configuration says nothing: passes any IPv6 path. */
export const DEFAULT_DATAGRAM = 1_280;
/** Every IPv4 host takes these. [RFC7383 2.5.1] */
const LEAST_IPV4 = 576;
/** Every IPv6 path takes these. [RFC7383 2.5.1] */
const LEAST_IPV6 = 1_280;

const UDP_AND_MARKER = 8 + 4;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

/** Room for an IKE message in an IP datagram of `size` octets to or from `address`. */
export function messageRoom(size: number, address: string): number {
  return size - UDP_AND_MARKER - (address.includes(':') ? IPV6_HEADER : IPV4_HEADER);
}

/** The room that every path has: the fall-back for a request that is not answered. [RFC7383 2.5.2] */
export function leastRoom(address: string): number {
  return messageRoom(address.includes(':') ? LEAST_IPV6 : LEAST_IPV4, address);
}
