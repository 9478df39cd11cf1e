import { gpduHeaderLength, writeGpduHeader } from '../n3/gtpu.ts';
import { GreHeader, greHeaderLength, writeGreHeader } from '../nwu/gre.ts';
import { type DropCause, greCauses } from './drops.ts';
import { mergeEcn, tosAt } from './ecn.ts';
import { type InnerHeader, IP_PROTOCOL, ipHeaderLength, writeIpHeader } from './ip.ts';
import { clampMss } from './mss.ts';
import type { FlowState, SaState, SessionState } from './tables.ts';
import type { PlaneOptions, PlanePorts } from './types.ts';
import { fitPacket, isIpType, isOfType, outerTos, withHeadroom } from './user-packet.ts';

const udpHeader = 8;

/** What the relay needs of the limits of the plane, and the ports that packets leave by. */
type RelayOptions = Pick<PlaneOptions, 'n3Mtu' | 'clampMss'>;
type RelayPorts = Pick<PlanePorts, 'sendEsp' | 'sendGtpu' | 'nwu'>;

/**
 * User packets between Child SAs and GTP-U tunnels: from GRE to GTP-U and back, fitted to the paths. Who a packet belongs to
 * is known when it comes here; nothing of a peer's is looked up but its flow.
 */
export class UserRelay {
  /** Packets relayed each way. */
  readonly packets = { uplink: 0, downlink: 0 };
  private readonly options: RelayOptions;
  private readonly ports: RelayPorts;
  private readonly gre = new GreHeader();

  constructor(options: RelayOptions, ports: RelayPorts) {
    this.options = options;
    this.ports = ports;
  }

  /**
   * A user packet up, in the IP packet `octets` whose header is read: its flow must be one of the session that the Child
   * SA carries. @returns why it was dropped, or undefined
   */
  uplink(now: number, { session }: SaState, octets: Uint8Array, inner: InnerHeader): DropCause | undefined {
    const { gre } = this;
    const fault = gre.read(octets, inner.payloadAt, inner.end);
    if (fault !== undefined) return greCauses[fault];
    if (session === undefined) return 'noSession';
    const flow = session.flows[gre.qfi];
    if (flow === undefined) return 'unknownFlow';
    const at = gre.payloadAt;
    const length = inner.end - at;
    if (length > 0 && !isOfType(session.type, octets[at] as number)) return 'wrongType';
    if (isIpType(session.type)) {
      if (!mergeEcn(octets, at, tosAt(octets, 0))) return 'congestionLost';
      if (this.options.clampMss === true) this.clamp(session, octets.subarray(at, inner.end));
      if (length > this.largestUp(session))
        return this.fitUplink(now, session, flow, octets.subarray(at, inner.end));
    }
    this.sendUplink(session, flow, octets, at, inner.end);
    return undefined;
  }

  /** Octets of the largest user packet that fits the path to the UPF. */
  private largestUp({ local }: SessionState): number {
    const { n3Mtu } = this.options;
    if (n3Mtu === undefined) return Number.POSITIVE_INFINITY;
    return n3Mtu - ipHeaderLength(local.octets) - udpHeader - gpduHeaderLength;
  }

  /** The segment size that both paths of a session take. */
  private clamp(session: SessionState, packet: Uint8Array): void {
    const down = session.otherFlows.sa?.largestPacket ?? Number.POSITIVE_INFINITY;
    const mtu = Math.min(down, this.largestUp(session));
    if (Number.isFinite(mtu)) clampMss(packet, mtu);
  }

  private fitUplink(
    now: number,
    session: SessionState,
    flow: FlowState,
    packet: Uint8Array,
  ): DropCause | undefined {
    const { pieces, answer } = fitPacket(now, session, packet, this.largestUp(session));
    for (const piece of pieces) this.sendUplink(session, flow, withHeadroom(piece), gpduHeaderLength);
    if (answer !== undefined) this.sendDownlink(session, flow, flow.qfi, false, answer, 0);
    return pieces.length > 0 ? undefined : 'tooBig';
  }

  /**
   * Sends the user packet from `at` to `end` up. The GTP-U header is written over what stands in front of it, the GRE
   * and IP headers of NWu, which are longer: the packet itself is not copied.
   */
  private sendUplink(
    session: SessionState,
    flow: FlowState,
    octets: Uint8Array,
    at: number,
    end = octets.length,
  ): void {
    const start = at - gpduHeaderLength;
    const length = end - at;
    const tos = isIpType(session.type) ? tosAt(octets, at) : 0;
    writeGpduHeader(
      octets,
      start,
      session.ulTunnel.teid,
      { direction: 'uplink', qfi: flow.qfi, rqi: false },
      length,
    );
    flow.traffic.uplinkPackets++;
    flow.traffic.uplinkOctets += length;
    this.packets.uplink++;
    this.ports.sendGtpu(octets.subarray(start, end), session.upf, tos, session.local.text);
  }

  /** A user packet down, for a flow of the session or for `otherFlows`. @returns why it was dropped, or undefined */
  downlink(
    now: number,
    session: SessionState,
    flow: FlowState,
    qfi: number,
    rqi: boolean,
    packet: Uint8Array,
    outerTos: number,
  ): DropCause | undefined {
    const { sa } = flow;
    if (sa === undefined) return 'noChildSa';
    if (packet.length > 0 && !isOfType(session.type, packet[0] as number)) return 'wrongType';
    if (!isIpType(session.type)) return this.sendDownlink(session, flow, qfi, rqi, packet, 0);
    if (!mergeEcn(packet, 0, outerTos)) return 'congestionLost';
    if (this.options.clampMss === true) this.clamp(session, packet);
    const tos = tosAt(packet, 0);
    if (packet.length <= sa.largestPacket) return this.sendDownlink(session, flow, qfi, rqi, packet, tos);
    const { pieces, answer } = fitPacket(now, session, packet, sa.largestPacket);
    for (const piece of pieces) this.sendDownlink(session, flow, qfi, rqi, piece, tos);
    if (answer !== undefined) this.sendUplink(session, flow, withHeadroom(answer), gpduHeaderLength);
    return pieces.length > 0 ? undefined : 'tooBig';
  }

  /** IP and GRE headers are written straight into the sender's buffer, in front of the one copy of the packet. */
  private sendDownlink(
    { ue }: SessionState,
    flow: FlowState,
    qfi: number,
    rqi: boolean,
    packet: Uint8Array,
    userTos: number,
  ): DropCause | undefined {
    const { sa, traffic } = flow;
    if (sa === undefined) return 'noChildSa';
    const ipLength = ipHeaderLength(ue.inner);
    const length = ipLength + greHeaderLength + packet.length;
    const buffer = sa.sender.prepare(length);
    const tos = outerTos(sa.use, userTos);
    buffer.fill(0, 0, ipLength);
    writeIpHeader(buffer, 0, ue.node.up, ue.inner, IP_PROTOCOL.GRE, length - ipLength, tos);
    writeGreHeader(buffer, ipLength, qfi, rqi, ue.greVariant);
    buffer.set(packet, ipLength + greHeaderLength);
    if (!this.transmit(sa, sa.sender.sealPrepared(ue.node.nextHeader, length), tos))
      return 'sequenceExhausted';
    traffic.downlinkPackets++;
    traffic.downlinkOctets += packet.length;
    this.packets.downlink++;
    return undefined;
  }

  /** False when the SA had no sequence number left for the packet. */
  transmit(sa: SaState, packet: Uint8Array | undefined, tos: number): boolean {
    if (packet === undefined) return false;
    sa.traffic.packetsOut++;
    sa.traffic.octetsOut += packet.length;
    const { nwu } = this.ports;
    if (nwu !== undefined) nwu.send(sa.child.id, packet);
    else this.ports.sendEsp(packet, sa.local, sa.remote, sa.udpEncapsulation, tos);
    return true;
  }
}
