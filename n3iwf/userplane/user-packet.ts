import { gpduHeaderLength } from '../n3/gtpu.ts';
import { fragmentsOf, tooBigAnswer } from './path-mtu.ts';
import type { SessionState } from './tables.ts';
import type { ChildUse, UserPacketType } from './types.ts';

/** IP versions that the packets of a session may have; none for types that are relayed unseen. */
const versions: Record<UserPacketType, readonly number[] | undefined> = {
  ipv4: [4],
  ipv6: [6],
  ipv4v6: [4, 6],
  ethernet: undefined,
  unstructured: undefined,
};

/** True for sessions whose packets are IP and may be looked into. */
export function isIpType(type: UserPacketType | undefined): boolean {
  return type !== undefined && versions[type] !== undefined;
}

/** False for a packet that begins otherwise than the session's type says; `first` is its first octet. */
export function isOfType(type: UserPacketType | undefined, first: number): boolean {
  const allowed = type === undefined ? undefined : versions[type];
  return allowed === undefined || allowed.includes(first >>> 4);
}

/** No two answers for a session come closer than this, in ms: they are made of what a stranger sent [RFC4443 2.4]. */
const answerIntervalMs = 10;

/** What becomes of a user packet that is larger than its path. */
export interface Fitted {
  /** Pieces to send in its place; none when it is dropped. */
  readonly pieces: readonly Uint8Array[];
  /** A packet to send back the way it came. */
  readonly answer: Uint8Array | undefined;
}

/** Cuts a packet that is too big for `mtu` if its sender allows it, and otherwise tells the sender [RFC1191 3]. */
export function fitPacket(now: number, session: SessionState, packet: Uint8Array, mtu: number): Fitted {
  const pieces = fragmentsOf(packet, mtu);
  if (pieces !== undefined) return { pieces, answer: undefined };
  if (now - session.lastTooBigMs < answerIntervalMs) return { pieces: [], answer: undefined };
  const answer = tooBigAnswer(packet, mtu);
  if (answer !== undefined) session.lastTooBigMs = now;
  return { pieces: [], answer };
}

/** Room for the GTP-U header in front of a packet that did not come through a tunnel. */
export function withHeadroom(packet: Uint8Array): Uint8Array {
  const octets = new Uint8Array(gpduHeaderLength + packet.length);
  octets.set(packet, gpduHeaderLength);
  return octets;
}

/** ECN as the user packet has it [RFC6040 4.1]; the code point of the Child SA, or else of the user packet. */
export function outerTos(use: ChildUse, userTos: number): number {
  const dscp = use.kind === 'pduSession' ? use.dscp : undefined;
  return dscp === undefined ? userTos : (dscp << 2) | (userTos & 3);
}
