import type { SocketAddress } from '#ikev2';
import { N3Addresses } from '../n3/addresses.ts';
import {
  decodeGtpu,
  encodeEchoRequest,
  GpduHeader,
  GTPU_PORT,
  GTPU_TYPE,
  gpduHeaderLength,
} from '../n3/gtpu.ts';
import { PathSupervisor } from '../n3/paths.ts';
import { requireAddress } from './address.ts';
import { countDrop, newSaTraffic, type UeReport } from './counters.ts';
import { type DropCause, type DropCounters, faultCauses, newDropCounters } from './drops.ts';
import { mergeEcn } from './ecn.ts';
import { spiOf } from './esp.ts';
import { InnerHeader, IP_PROTOCOL } from './ip.ts';
import { N3Side } from './n3-side.ts';
import { NasListener, type NasListenerPorts } from './nas-listener.ts';
import { espEnds, type NasEnd } from './nwu-side.ts';
import { largestUserPacket } from './path-mtu.ts';
import { UserRelay } from './relay.ts';
import { type NodeEnd, nodeEnds, PlaneTables, reportUe, type SaState, type UeState } from './tables.ts';
import type {
  ChildUse,
  EspPath,
  PlaneChildSa,
  PlaneOptions,
  PlanePorts,
  PlaneSession,
  SessionUpdate,
  UeOptions,
} from './types.ts';

export type * from './types.ts';

/**
 * The user plane in process: ESP on one side, GTP-U on the other, NAS over TCP in between. No sockets: packets in by
 * `receive*`, out by the ports. Each table is looked up by one number: inbound SPI, downlink TEID, UE.
 */
export class UserspacePlane {
  private readonly ports: PlanePorts;
  private readonly options: PlaneOptions;
  /** This node's inner addresses, by the octets of an address of the family. */
  private readonly ends: ReadonlyMap<number, NodeEnd>;
  private readonly n3Addresses: N3Addresses;
  private readonly n3: N3Side;
  private readonly paths: PathSupervisor | undefined;
  private readonly nasListener: NasListener;
  private readonly nas: NasEnd;
  private readonly tables: PlaneTables;
  private readonly relay: UserRelay;
  private readonly drops = newDropCounters();
  private changes = 0;
  private readonly inner = new InnerHeader();
  private readonly gpdu = new GpduHeader();

  constructor(options: PlaneOptions, ports: PlanePorts) {
    this.ports = ports;
    this.options = options;
    this.relay = new UserRelay(options, ports);
    this.ends = nodeEnds(options);
    this.n3Addresses = new N3Addresses(options.n3Address, options.moreN3Addresses ?? []);
    this.paths = this.superviseN3();
    this.tables = new PlaneTables(this.n3Addresses, this.paths);
    this.n3 = new N3Side(this.n3Addresses, this.tables, this.paths, ports);
    const nasPorts: NasListenerPorts = {
      random: (length) => ports.random(length),
      transmit: (ueId, packet) => this.sendSignalling(ueId, packet),
      opened: (ueId) => ports.nasOpened(ueId),
      received: (ueId, octets) => ports.nasReceived(ueId, octets),
      closed: (ueId, reason) => ports.nasClosed(ueId, reason),
    };
    this.nasListener = new NasListener(options.nasPort, nasPorts);
    this.nas = ports.nwu?.openNas(nasPorts) ?? this.nasListener;
  }

  private superviseN3(): PathSupervisor | undefined {
    const { pathTimers } = this.options;
    if (pathTimers === undefined) return undefined;
    return new PathSupervisor(pathTimers, {
      sendEcho: (address, sequence) => {
        const local = this.n3Addresses.towards(address).text;
        this.ports.sendGtpu(encodeEchoRequest(sequence), { address, port: GTPU_PORT }, 0, local);
      },
      changed: (address, state) => this.ports.pathChanged?.(address, state),
      lost: (address) => this.n3.giveUp(address),
    });
  }

  /**
   * `innerAddress` is the one source of all that the UE may send through its Child SAs.
   *
   * @throws RangeError where this node has no inner address of that family
   */
  addUe(ueId: number, innerAddress: string, options: UeOptions = this.options): void {
    const inner = requireAddress(innerAddress);
    const end = this.ends.get(inner.length);
    if (end === undefined)
      throw new RangeError(`no inner address of ours is of the family of ${innerAddress}`);
    this.tables.addUe(ueId, inner, end, options);
    this.ports.nwu?.addUe(ueId, inner);
  }

  /** Takes a UE out with everything of it. */
  removeUe(ueId: number): void {
    const ue = this.tables.ues.get(ueId);
    if (ue === undefined) return;
    this.nas.remove(ueId);
    for (const session of [...ue.sessions.values()]) this.tables.removeSession(session);
    for (const sa of [...ue.childSas]) this.removeChildSa(sa.child.id);
    this.tables.ues.delete(ueId);
    this.ports.nwu?.removeUe(ueId);
  }

  /**
   * Puts a Child SA into use both ways. The one that it replaces is still heard until it is removed; where the UE began
   * the rekey it also goes on to send, as the UE hears the new one only when it has our answer [RFC7296 2.8].
   *
   * @throws Error where a kernel holds the Child SAs and refuses this one
   */
  installChildSa(ueId: number, fresh: PlaneChildSa, use: ChildUse, replaces?: number): void {
    const ue = this.tables.ues.get(ueId);
    if (ue === undefined) return;
    const old = replaces === undefined ? undefined : this.tables.byChild.get(replaces);
    const child = old?.child.refusesPadding === true ? { ...fresh, refusesPadding: true } : fresh;
    const ends =
      this.ports.nwu?.open(ueId, ue.inner, child, use, replaces) ?? espEnds(child, this.ports, this.options);
    this.tables.addSa({
      child,
      ue,
      use,
      session: undefined,
      waitsFor: this.ports.nwu === undefined && child.startedHere !== true ? old : undefined,
      sender: ends.sender,
      receiver: ends.receiver,
      sizes: ends.sizes,
      local: old?.local ?? child.local,
      remote: old?.remote ?? child.remote,
      udpEncapsulation: old?.udpEncapsulation ?? child.udpEncapsulation,
      largestPacket: largestUserPacket(this.options.nwuMtu, old ?? child, ends.sizes, ue.inner),
      traffic: ends.traffic ?? newSaTraffic(),
    });
  }

  /**
   * The UE is elsewhere now: ESP of all its Child SAs goes there, of idle ones too, and inside UDP if there is a NAT on
   * the way now, whatever there was before [RFC4555 3.5].
   */
  moveUe(ueId: number, path: EspPath): void {
    const ue = this.tables.ues.get(ueId);
    for (const sa of ue?.childSas ?? []) {
      const { local, remote, udpEncapsulation } = path;
      Object.assign(sa, { local, remote, udpEncapsulation });
      sa.largestPacket = largestUserPacket(this.options.nwuMtu, path, sa.sizes, sa.ue.inner);
    }
    this.ports.nwu?.moveUe?.(ueId, path);
  }

  /** Gives an installed Child SA other flows, or the role of the default one, or another code point. */
  changeChildUse(childSaId: number, use: ChildUse): void {
    const sa = this.tables.byChild.get(childSaId);
    if (sa !== undefined) this.tables.useSa(sa, use);
  }

  /** Its keys are forgotten with it. */
  removeChildSa(childSaId: number): void {
    const sa = this.tables.byChild.get(childSaId);
    if (sa === undefined) return;
    this.ports.nwu?.close(childSaId); // hands over what has come by it
    this.tables.removeSa(sa);
    sa.sender.dispose();
    sa.receiver?.dispose();
  }

  /** Opens the tunnel of a session; its Child SAs may come before or after. */
  addPduSession(ueId: number, session: PlaneSession): void {
    const ue = this.tables.ues.get(ueId);
    if (ue !== undefined) this.tables.addSession(ue, session);
  }

  /** Changes flows or tunnel ends of a session while packets run; false when there is none. */
  updatePduSession(ueId: number, pduSessionId: number, update: SessionUpdate): boolean {
    const session = this.tables.ues.get(ueId)?.sessions.get(pduSessionId);
    if (session === undefined) return false;
    this.tables.updateSession(session, update);
    return true;
  }

  /** Hears a session's downlink under another TEID as well, while the UPF changes over to it. */
  addDownlinkTeid(ueId: number, pduSessionId: number, teid: number): void {
    const session = this.tables.ues.get(ueId)?.sessions.get(pduSessionId);
    if (session !== undefined) this.tables.byTeid.set(teid, session);
  }

  removeDownlinkTeid(teid: number): void {
    this.tables.byTeid.delete(teid);
  }

  /** Closes the tunnel of a session. Its Child SAs stay until they are removed, and carry nothing. */
  removePduSession(ueId: number, pduSessionId: number): void {
    const session = this.tables.ues.get(ueId)?.sessions.get(pduSessionId);
    if (session !== undefined) this.tables.removeSession(session);
  }

  /** An ESP packet, from its SPI on, that came from `remote`; `tos` is the octet of the header that it came in. */
  receiveEsp(now: number, packet: Uint8Array, _local: SocketAddress, remote: SocketAddress, tos = 0): void {
    const sa = this.tables.bySpi.get(spiOf(packet) ?? 0);
    if (sa?.receiver === undefined) {
      this.drop('unknownSpi', undefined);
      return;
    }
    const opened = sa.receiver.open(packet);
    if (!opened.ok) {
      const cause = faultCauses[opened.fault];
      if (cause !== undefined) this.drop(cause, sa.ue);
      return;
    }
    sa.traffic.packetsIn++;
    sa.traffic.octetsIn += packet.length;
    // only what comes inside UDP may have been moved by a NAT [RFC7296 2.23]
    if (opened.newest && remote.port !== 0 && sa.udpEncapsulation) sa.remote = remote;
    if (sa.waitsFor !== undefined) this.tables.heard(sa);
    // tunnel mode, of the family of the UE's address: nothing else is carried [RFC4303 2.6]
    const isTunnelled = opened.nextHeader === sa.ue.node.nextHeader;
    const cause = isTunnelled ? this.receivePacket(now, sa, opened.payload, tos) : 'malformedInner';
    if (cause !== undefined) this.drop(cause, sa.ue);
  }

  /** An inner IP packet that a kernel took out of ESP of this Child SA. The octets are the plane's to write over. */
  receiveInner(now: number, childSaId: number, packet: Uint8Array): void {
    const sa = this.tables.byChild.get(childSaId);
    const cause = sa === undefined ? 'unknownSpi' : this.receivePacket(now, sa, packet, 0);
    if (cause !== undefined) this.drop(cause, sa?.ue);
  }

  /** Hands a decrypted packet to NAS or up; why it was dropped, or undefined. */
  private receivePacket(now: number, sa: SaState, octets: Uint8Array, tos: number): DropCause | undefined {
    const { inner } = this;
    const { node } = sa.ue;
    if (!inner.read(octets)) return 'malformedInner';
    if (!inner.isFrom(octets, sa.ue.inner)) return 'spoofedSource';
    if (!mergeEcn(octets, 0, tos)) return 'congestionLost';
    if (inner.protocol === IP_PROTOCOL.GRE && inner.isTo(octets, node.up))
      return this.relay.uplink(now, sa, octets, inner);
    if (inner.protocol === IP_PROTOCOL.TCP && inner.isTo(octets, node.nas)) {
      const segment = octets.subarray(inner.payloadAt, inner.end);
      this.changes++;
      return this.nasListener.receive(now, sa.ue.id, sa.ue.inner, node.nas, segment);
    }
    return 'wrongDestination';
  }

  /** A datagram that came to `local` on N3; `tos` is the octet of the IP header that it came in. */
  receiveGtpu(
    now: number,
    datagram: Uint8Array,
    remote: SocketAddress,
    tos = 0,
    local = this.n3Addresses.first.text,
  ): void {
    const { gpdu } = this;
    if (gpdu.read(datagram)) {
      const packet = datagram.subarray(gpduHeaderLength, gpdu.end);
      this.receiveDownlink(now, gpdu.teid, gpdu.qfi, gpdu.rqi, packet, remote, tos, local);
      return;
    }
    const decoded = decodeGtpu(datagram);
    if (!decoded.ok) {
      this.drop('malformedGtpu', undefined);
      return;
    }
    const message = decoded.value;
    if (message.incomprehensible !== undefined) {
      this.n3.refuseExtension(now, message.sequence ?? 0, remote, local);
      this.drop('unknownExtension', undefined);
    } else if (message.container?.direction === 'uplink') {
      this.drop('unexpectedGtpu', undefined); // what a UPF sends says "downlink" [TS38415 5.5]
    } else if (message.type === GTPU_TYPE.G_PDU) {
      const { qfi, rqi } = message.container ?? withoutContainer;
      this.receiveDownlink(now, message.teid, qfi, rqi, message.payload, remote, tos, local);
    } else {
      this.changes++;
      const cause = this.n3.receive(now, message, remote, local);
      if (cause !== undefined) this.drop(cause, undefined);
    }
  }

  /** A user packet down; `qfi` is -1 when it named none. */
  private receiveDownlink(
    now: number,
    teid: number,
    qfi: number,
    rqi: boolean,
    packet: Uint8Array,
    remote: SocketAddress,
    tos: number,
    local: string,
  ): void {
    const session = this.tables.byTeid.get(teid);
    if (session === undefined) {
      this.drop('unknownTeid', undefined);
      this.n3.refuseTunnel(now, teid, remote, local);
      return;
    }
    const named = qfi < 0 ? session.firstQfi : qfi;
    const flow = session.flows[named] ?? session.otherFlows;
    const cause = this.relay.downlink(now, session, flow, named, rqi, packet, tos);
    if (cause !== undefined) this.drop(cause, session.ue);
  }

  private sendSignalling(ueId: number, packet: Uint8Array): void {
    const sa = this.tables.ues.get(ueId)?.signalling;
    if (sa === undefined) return;
    if (!this.relay.transmit(sa, sa.sender.seal(sa.ue.node.nextHeader, packet), 0))
      this.drop('sequenceExhausted', sa.ue);
  }

  /** Octets for the UE's NAS connection. */
  sendNas(now: number, ueId: number, octets: Uint8Array): void {
    this.nas.send(now, ueId, octets);
  }

  tick(now: number): void {
    this.nas.tick(now);
    this.paths?.tick(now);
  }

  /** When `tick` is due, in ms of the caller's clock. */
  deadline(): number | undefined {
    const one = this.nas.deadline();
    const other = this.paths?.deadline();
    return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
  }

  /** Packets relayed each way, and drops by cause. */
  counters(): { readonly uplink: number; readonly downlink: number; readonly drops: DropCounters } {
    return { ...this.relay.packets, drops: { ...this.drops } };
  }

  /** Packets that a kernel dropped on NWu. */
  countDrops(cause: DropCause, ueId: number, count: number): void {
    const drops = this.tables.ues.get(ueId)?.drops;
    this.drops[cause] += count;
    if (drops !== undefined) countDrop(drops, cause, count);
  }

  /**
   * How often something was received that may have moved the deadline. User packets do not: whoever arms a timer need not
   * ask for the deadline after each of them, which takes as long as there are UEs.
   */
  get timerChanges(): number {
    return this.changes;
  }

  /** Everything counted for one UE, its sessions, flows and Child SAs; undefined when it is not attached. */
  report(ueId: number): UeReport | undefined {
    const ue = this.tables.ues.get(ueId);
    return ue === undefined ? undefined : reportUe(ue);
  }

  private drop(cause: DropCause, ue: UeState | undefined): void {
    this.drops[cause]++;
    if (ue !== undefined) countDrop(ue.drops, cause);
    this.ports.dropped(cause, ue?.id);
  }
}

/** What a G-PDU without PDU Session Container says of its flow. */
const withoutContainer = { qfi: -1, rqi: false } as const;
