import type { ChildSa, SocketAddress } from '#ikev2';
import {
  decodeGtpu,
  encodeEchoResponse,
  encodeErrorIndication,
  GTPU_PORT,
  GTPU_TYPE,
  type GtpuMessage,
  gpduHeaderLength,
  writeGpduHeader,
} from '../n3/gtpu.ts';
import { decodeGre, greHeaderLength, writeGreHeader } from '../nwu/gre.ts';
import { requireAddress } from './address.ts';
import { type DropCause, type DropCounters, newDropCounters } from './drops.ts';
import { type EspFault, EspReceiver, EspSender, spiOf } from './esp.ts';
import { decodeIp, IP_PROTOCOL, ipHeaderLength, sameAddress, writeIpHeader } from './ip.ts';
import { NasListener } from './nas-listener.ts';

/** What a Child SA carries. */
export type ChildUse =
  | { readonly kind: 'signalling' }
  | {
      readonly kind: 'pduSession';
      readonly pduSessionId: number;
      readonly qfis: readonly number[];
      readonly isDefault: boolean;
    };

export interface PlaneSession {
  readonly pduSessionId: number;
  readonly ulTunnel: { readonly address: string; readonly teid: number };
  readonly dlTeid: number;
  readonly qfis: readonly number[];
}

export interface PlaneOptions {
  readonly nasAddress: string;
  readonly nasPort: number;
  readonly upAddress: string;
  readonly n3Address: string;
  /** Packets of the anti-replay window. */
  readonly espWindow?: number;
}

export interface PlanePorts {
  random(length: number): Uint8Array;
  /** `packet` begins with the SPI; with `udp` it goes inside UDP. */
  sendEsp(packet: Uint8Array, local: SocketAddress, remote: SocketAddress, udp: boolean): void;
  sendGtpu(datagram: Uint8Array, remote: SocketAddress): void;
  nasOpened(ueId: number): void;
  nasReceived(ueId: number, octets: Uint8Array): void;
  nasClosed(ueId: number, reason: string): void;
  dropped(cause: DropCause, ueId: number | undefined): void;
}

interface UeState {
  readonly id: number;
  readonly inner: Uint8Array;
  readonly sessions: Map<number, SessionState>;
  signalling: SaState | undefined;
}

interface SessionState {
  readonly ue: UeState;
  readonly session: PlaneSession;
  readonly remote: SocketAddress;
  /** The Child SA of each flow, and the one for flows that none names. */
  readonly byQfi: Map<number, SaState>;
  fallback: SaState | undefined;
}

interface SaState {
  readonly child: ChildSa;
  readonly ue: UeState;
  readonly use: ChildUse;
  readonly sender: EspSender;
  readonly receiver: EspReceiver;
  /** Follows the peer's last authenticated packet. */
  remote: SocketAddress;
}

const faultCauses: Record<EspFault, DropCause | undefined> = {
  short: 'malformedEsp',
  replay: 'replayed',
  integrity: 'integrity',
  padding: 'padding',
  dummy: undefined,
};

/**
 * The user plane in process: ESP on one side, GTP-U on the other, NAS over TCP in between. No sockets: packets in by
 * `receive*`, out by the ports. Each table is looked up by one number: inbound SPI, downlink TEID, UE.
 */
export class UserspacePlane {
  private readonly ports: PlanePorts;
  private readonly options: PlaneOptions;
  private readonly upAddress: Uint8Array;
  private readonly nasAddress: Uint8Array;
  private readonly n3Address: Uint8Array;
  private readonly nas: NasListener;
  private readonly ues = new Map<number, UeState>();
  private readonly bySpi = new Map<number, SaState>();
  private readonly byChild = new Map<number, SaState>();
  private readonly byTeid = new Map<number, SessionState>();
  private readonly drops = newDropCounters();
  private readonly packets = { uplink: 0, downlink: 0 };

  constructor(options: PlaneOptions, ports: PlanePorts) {
    this.ports = ports;
    this.options = options;
    this.upAddress = requireAddress(options.upAddress);
    this.nasAddress = requireAddress(options.nasAddress);
    this.n3Address = requireAddress(options.n3Address);
    this.nas = new NasListener(this.nasAddress, options.nasPort, {
      random: (length) => ports.random(length),
      transmit: (ueId, packet) => this.sendSignalling(ueId, packet),
      opened: (ueId) => ports.nasOpened(ueId),
      received: (ueId, octets) => ports.nasReceived(ueId, octets),
      closed: (ueId, reason) => ports.nasClosed(ueId, reason),
    });
  }

  addUe(ueId: number, innerAddress: string): void {
    const inner = requireAddress(innerAddress);
    this.ues.set(ueId, { id: ueId, inner, sessions: new Map(), signalling: undefined });
  }

  /** Takes a UE out with everything of it. */
  removeUe(ueId: number): void {
    const ue = this.ues.get(ueId);
    if (ue === undefined) return;
    this.nas.remove(ueId);
    for (const id of [...ue.sessions.keys()]) this.removePduSession(ueId, id);
    for (const sa of [...this.byChild.values()]) if (sa.ue === ue) this.removeChildSa(sa.child.id);
    this.ues.delete(ueId);
  }

  /** Puts a Child SA into use both ways. The one that it replaces is still heard until it is removed. */
  installChildSa(ueId: number, child: ChildSa, use: ChildUse, replaces?: number): void {
    const ue = this.ues.get(ueId);
    if (ue === undefined) return;
    const sa: SaState = {
      child,
      ue,
      use,
      sender: new EspSender(child.spiOut, child.suite, child.keysOut, this.ports.random),
      receiver: new EspReceiver(child.spiIn, child.suite, child.keysIn, this.options.espWindow),
      remote: (replaces === undefined ? undefined : this.byChild.get(replaces)?.remote) ?? child.remote,
    };
    this.bySpi.set(child.spiIn, sa);
    this.byChild.set(child.id, sa);
    if (use.kind === 'signalling') ue.signalling = sa;
    else bind(ue.sessions.get(use.pduSessionId), sa, use.qfis, use.isDefault);
  }

  removeChildSa(childSaId: number): void {
    const sa = this.byChild.get(childSaId);
    if (sa === undefined) return;
    this.byChild.delete(childSaId);
    this.bySpi.delete(sa.child.spiIn);
    if (sa.ue.signalling === sa) sa.ue.signalling = undefined;
    for (const session of sa.ue.sessions.values()) unbind(session, sa);
  }

  addPduSession(ueId: number, session: PlaneSession): void {
    const ue = this.ues.get(ueId);
    if (ue === undefined) return;
    const remote = { address: session.ulTunnel.address, port: GTPU_PORT };
    const state: SessionState = { ue, session, remote, byQfi: new Map(), fallback: undefined };
    ue.sessions.set(session.pduSessionId, state);
    this.byTeid.set(session.dlTeid, state);
  }

  removePduSession(ueId: number, pduSessionId: number): void {
    const sessions = this.ues.get(ueId)?.sessions;
    const state = sessions?.get(pduSessionId);
    if (state === undefined) return;
    sessions?.delete(pduSessionId);
    this.byTeid.delete(state.session.dlTeid);
  }

  /** An ESP packet, from its SPI on, that came from `remote`. */
  receiveEsp(now: number, packet: Uint8Array, _local: SocketAddress, remote: SocketAddress): void {
    const sa = this.bySpi.get(spiOf(packet) ?? 0);
    if (sa === undefined) {
      this.drop('unknownSpi', undefined);
      return;
    }
    const opened = sa.receiver.open(packet);
    if (!opened.ok) {
      const cause = faultCauses[opened.fault];
      if (cause !== undefined) this.drop(cause, sa.ue);
      return;
    }
    if (opened.newest) sa.remote = remote;
    this.receiveInner(now, sa, opened.payload);
  }

  private receiveInner(now: number, sa: SaState, octets: Uint8Array): void {
    const packet = decodeIp(octets);
    if (!packet.ok || packet.value.isFragment) {
      this.drop('malformedInner', sa.ue);
      return;
    }
    const { source, destination, protocol, payload } = packet.value;
    if (!sameAddress(source, sa.ue.inner)) {
      this.drop('spoofedSource', sa.ue);
    } else if (protocol === IP_PROTOCOL.TCP && sameAddress(destination, this.nasAddress)) {
      const cause = this.nas.receive(now, sa.ue.id, source, payload);
      if (cause !== undefined) this.drop(cause, sa.ue);
    } else if (protocol === IP_PROTOCOL.GRE && sameAddress(destination, this.upAddress)) {
      this.receiveGre(sa, payload);
    } else {
      this.drop('wrongDestination', sa.ue);
    }
  }

  /** A user packet up: its flow must be one of the session that the Child SA carries. */
  private receiveGre(sa: SaState, octets: Uint8Array): void {
    const gre = decodeGre(octets);
    const session = sa.use.kind === 'pduSession' ? sa.ue.sessions.get(sa.use.pduSessionId) : undefined;
    if (!gre.ok) this.drop('malformedGre', sa.ue);
    else if (session === undefined) this.drop('noSession', sa.ue);
    else if (gre.value.qfi === undefined) this.drop('noGreKey', sa.ue);
    else if (!session.session.qfis.includes(gre.value.qfi)) this.drop('unknownFlow', sa.ue);
    else this.sendUplink(session, gre.value.qfi, gre.value.payload);
  }

  private sendUplink({ session, remote }: SessionState, qfi: number, packet: Uint8Array): void {
    const datagram = Buffer.allocUnsafe(gpduHeaderLength + packet.length);
    writeGpduHeader(
      datagram,
      0,
      session.ulTunnel.teid,
      { direction: 'uplink', qfi, rqi: false },
      packet.length,
    );
    datagram.set(packet, gpduHeaderLength);
    this.packets.uplink++;
    this.ports.sendGtpu(datagram, remote);
  }

  /** A datagram of the N3 interface. */
  receiveGtpu(_now: number, datagram: Uint8Array, remote: SocketAddress): void {
    const decoded = decodeGtpu(datagram);
    if (!decoded.ok) {
      this.drop('malformedGtpu', undefined);
      return;
    }
    const message = decoded.value;
    if (message.type === GTPU_TYPE.G_PDU) this.receiveDownlink(message, remote);
    else if (message.type === GTPU_TYPE.ECHO_REQUEST)
      this.ports.sendGtpu(encodeEchoResponse(message.sequence ?? 0), remote);
    else if (message.type !== GTPU_TYPE.END_MARKER) this.drop('unexpectedGtpu', undefined);
  }

  private receiveDownlink({ teid, container, payload }: GtpuMessage, remote: SocketAddress): void {
    const session = this.byTeid.get(teid);
    if (session === undefined) {
      this.drop('unknownTeid', undefined);
      this.ports.sendGtpu(encodeErrorIndication(teid, this.n3Address), {
        address: remote.address,
        port: GTPU_PORT,
      });
      return;
    }
    const qfi = container?.qfi ?? session.session.qfis[0] ?? 0;
    const sa = session.byQfi.get(qfi) ?? session.fallback;
    if (sa === undefined) this.drop('noChildSa', session.ue);
    else this.sendDownlink(sa, qfi, container?.rqi ?? false, payload);
  }

  /** IP and GRE headers are written straight into the sender's buffer, in front of the one copy of the packet. */
  private sendDownlink(sa: SaState, qfi: number, rqi: boolean, packet: Uint8Array): void {
    const ipLength = ipHeaderLength(this.upAddress);
    const length = ipLength + greHeaderLength + packet.length;
    const buffer = sa.sender.prepare(length);
    buffer.fill(0, 0, ipLength);
    writeIpHeader(buffer, 0, this.upAddress, sa.ue.inner, IP_PROTOCOL.GRE, greHeaderLength + packet.length);
    writeGreHeader(buffer, ipLength, qfi, rqi);
    buffer.set(packet, ipLength + greHeaderLength);
    this.transmit(sa, sa.sender.sealPrepared(this.innerProtocol, length));
    this.packets.downlink++;
  }

  private get innerProtocol(): number {
    return this.upAddress.length === 4 ? IP_PROTOCOL.IPV4 : IP_PROTOCOL.IPV6;
  }

  private sendSignalling(ueId: number, packet: Uint8Array): void {
    const sa = this.ues.get(ueId)?.signalling;
    if (sa !== undefined) this.transmit(sa, sa.sender.seal(this.innerProtocol, packet));
  }

  private transmit(sa: SaState, packet: Uint8Array | undefined): void {
    if (packet === undefined) this.drop('sequenceExhausted', sa.ue);
    else this.ports.sendEsp(packet, sa.child.local, sa.remote, sa.child.udpEncapsulation);
  }

  /** Octets for the UE's NAS connection. */
  sendNas(now: number, ueId: number, octets: Uint8Array): void {
    this.nas.send(now, ueId, octets);
  }

  tick(now: number): void {
    this.nas.tick(now);
  }

  deadline(): number | undefined {
    return this.nas.deadline();
  }

  /** Packets relayed each way, and drops by cause. */
  counters(): { readonly uplink: number; readonly downlink: number; readonly drops: DropCounters } {
    return { ...this.packets, drops: { ...this.drops } };
  }

  private drop(cause: DropCause, ue: UeState | undefined): void {
    this.drops[cause]++;
    this.ports.dropped(cause, ue?.id);
  }
}

function bind(
  session: SessionState | undefined,
  sa: SaState,
  qfis: readonly number[],
  isDefault: boolean,
): void {
  if (session === undefined) return;
  for (const qfi of qfis) session.byQfi.set(qfi, sa);
  if (isDefault) session.fallback = sa;
}

function unbind(session: SessionState, sa: SaState): void {
  for (const [qfi, bound] of session.byQfi) if (bound === sa) session.byQfi.delete(qfi);
  if (session.fallback === sa) session.fallback = undefined;
}
