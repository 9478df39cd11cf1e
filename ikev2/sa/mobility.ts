/** Where the peer is and how it is reached: NAT mappings that change, keepalives, addresses that move. */

import type { Payload, SocketAddress } from '../wire/types.ts';
import type { IkeSa } from './ike-sa.ts';
import { detectNat, natDetectionNotifies } from './tasks/natd.ts';

/** One octet that keeps a NAT's mapping alive; nobody answers it. [RFC3948 2.3] */
const KEEPALIVE = Uint8Array.of(0xff);

/** The two ends of a datagram's way, as this side sees them. */
export interface Path {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
}

/**
 * An authentic new request says where the peer is now: it floated to the NAT-T port or its NAT moved it
 * [RFC7296 2.23]. A peer that can tell us itself is not moved by what anybody on the way may do to its packets.
 * [RFC4555 3.8]
 */
export function heard(sa: IkeSa, path: Path): void {
  sa.lastHeard = sa.now;
  sa.asked = path;
  if (samePath(sa, path)) return;
  if (sa.established && (sa.mobike || !sa.nat.remote || mayBeLed(sa, path))) return;
  move(sa, path);
  reportPath(sa);
}

/**
 * Behind a NAT of our own we cannot tell a peer that moved from one whose packet somebody else has sent on, with a single
 * packet, from elsewhere: another port of the same address is all that is followed. [RFC7296 2.23]
 */
function mayBeLed({ nat, node, remote }: IkeSa, path: Path): boolean {
  const isBehindNat = nat.local && node.config.forceUdpEncapsulation !== true;
  return isBehindNat && path.remote.address !== remote.address;
}

/** What we send from now on goes this way; the owner is told by {@link reportPath}. */
export function move(sa: IkeSa, { local, remote }: Path): void {
  sa.local = local;
  sa.remote = remote;
}

/** Tells the owner, whose ESP has to go the same way. */
export function reportPath(sa: IkeSa): void {
  const { local, remote, nat } = sa;
  const udpEncapsulation = nat.local || nat.remote;
  sa.emit({ type: 'addressChanged', ikeSaId: sa.id, local, remote, udpEncapsulation });
}

/** NAT detection for the present path, in messages after IKE_SA_INIT. [RFC4555 3.5] */
export function natNotifies(sa: IkeSa, { local, remote }: Path): Payload[] {
  const { spiInitiator, spiResponder } = sa.channel;
  const force = sa.node.config.forceUdpEncapsulation === true;
  return natDetectionNotifies(spiInitiator, spiResponder, local, remote, force);
}

/** Who is behind a NAT by the peer's message, which came by `path`. */
export function noteNat(sa: IkeSa, payloads: readonly Payload[], { local, remote }: Path): void {
  const { spiInitiator, spiResponder } = sa.channel;
  const seen = detectNat(payloads, spiInitiator, spiResponder, local, remote);
  sa.nat = { local: seen.local || sa.node.config.forceUdpEncapsulation === true, remote: seen.remote };
  armKeepalive(sa);
}

/** Both ends are the same, by the text of the addresses and by port. */
export function samePath(one: Path, other: Path): boolean {
  return sameAddress(one.local, other.local) && sameAddress(one.remote, other.remote);
}

/** Whoever is behind a NAT keeps its mapping alive. [RFC3948 4] */
export function armKeepalive(sa: IkeSa): void {
  const { keepalive } = sa.node.timers;
  const needed = sa.nat.local && sa.local.port === sa.node.config.natTraversalPort && keepalive > 0;
  if (needed && sa.established) sa.timers.set('keepalive', sa.now + keepalive);
  else sa.timers.clear('keepalive');
}

/** Sends one and sets the timer for the next. */
export function sendKeepalive(sa: IkeSa): void {
  const { local, remote } = sa;
  sa.emitOutput({ kind: 'transmit', data: KEEPALIVE, local, remote, bare: true });
  armKeepalive(sa);
}

function sameAddress(one: SocketAddress, other: SocketAddress): boolean {
  return one.port === other.port && one.address === other.address;
}
