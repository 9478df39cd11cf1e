import type { SocketAddress } from '#ikev2';
import type { N3Address, N3Addresses } from '../n3/addresses.ts';
import { GTPU_PORT } from '../n3/gtpu.ts';
import type { PathSupervisor } from '../n3/paths.ts';
import type { GreVariant } from '../nwu/gre.ts';
import { requireAddress } from './address.ts';
import {
  addTraffic,
  type FlowReport,
  newTraffic,
  type SaTraffic,
  type SessionReport,
  type Traffic,
  type UeDrops,
  type UeReport,
} from './counters.ts';
import type { DropCounters } from './drops.ts';
import { IP_PROTOCOL } from './ip.ts';
import type { SaEnds } from './nwu-side.ts';
import type {
  ChildUse,
  PlaneChildSa,
  PlaneOptions,
  PlaneSession,
  SessionUpdate,
  TunnelAddress,
  UeOptions,
  UserPacketType,
} from './types.ts';

/** This node inside the tunnels of UEs of one family. */
export interface NodeEnd {
  readonly nas: Uint8Array;
  readonly up: Uint8Array;
  /** The next header of ESP around IP packets of the family. */
  readonly nextHeader: number;
}

/** The ends of this node, by the octets of an address of their family. */
export function nodeEnds({
  nasAddress,
  upAddress,
  innerAddress6,
}: Pick<PlaneOptions, 'nasAddress' | 'upAddress' | 'innerAddress6'>): ReadonlyMap<number, NodeEnd> {
  const pairs = [
    [nasAddress, upAddress],
    ...(innerAddress6 === undefined ? [] : [[innerAddress6, innerAddress6]]),
  ];
  return new Map(
    pairs.map(([nas = '', end = '']) => {
      const up = requireAddress(end);
      const nextHeader = up.length === 4 ? IP_PROTOCOL.IPV4 : IP_PROTOCOL.IPV6;
      return [up.length, { nas: requireAddress(nas), up, nextHeader }];
    }),
  );
}

/** A UE in the plane. */
export interface UeState {
  readonly id: number;
  readonly inner: Uint8Array;
  readonly node: NodeEnd;
  readonly greVariant: GreVariant;
  readonly sessions: Map<number, SessionState>;
  readonly childSas: Set<SaState>;
  signalling: SaState | undefined;
  readonly drops: UeDrops;
  /** What its sessions that are gone had carried. */
  readonly past: Traffic;
}

/** One QoS flow of a session. */
export interface FlowState {
  readonly qfi: number;
  /** The Child SA that names the flow, or else the session's default one. */
  sa: SaState | undefined;
  readonly traffic: Traffic;
}

/** A PDU session in the plane. */
export interface SessionState {
  readonly ue: UeState;
  readonly pduSessionId: number;
  readonly type: UserPacketType | undefined;
  /** By QFI, 0 to 63; no entry for flows that the session does not have. */
  readonly flows: (FlowState | undefined)[];
  /** For downlink of flows that the session does not have, which takes the default Child SA [TS24502 8.3.2]. */
  readonly otherFlows: FlowState;
  /** The flow of packets that name none. */
  firstQfi: number;
  dlTeid: number;
  ulTunnel: TunnelAddress;
  upf: SocketAddress;
  /** Our N3 address of the UPF's family. */
  local: N3Address;
  endMarkers: number;
  /** When the last "packet too big" went out for it, in ms. */
  lastTooBigMs: number;
  /** What its flows that are gone had carried. */
  readonly past: Traffic;
}

/** A Child SA in the plane. */
export interface SaState extends Pick<SaEnds, 'sender' | 'receiver' | 'sizes'> {
  readonly child: PlaneChildSa;
  readonly ue: UeState;
  use: ChildUse;
  /** The session that it serves while there is one. */
  session: SessionState | undefined;
  /**
   * The one that sends in its place until the UE, which began the rekey, is known to hear this one: by a packet through
   * it, or as the other is deleted [RFC7296 2.8].
   */
  waitsFor: SaState | undefined;
  /** Where ESP leaves from and goes to; follows the peer's last authenticated packet where a NAT may have moved it. */
  local: SocketAddress;
  remote: SocketAddress;
  udpEncapsulation: boolean;
  /** Octets of the largest user packet that fits the path to the UE; infinite where no MTU is known. */
  largestPacket: number;
  readonly traffic: SaTraffic;
}

const flowCount = 64;

/** UEs, sessions and Child SAs; whatever a packet names is found by one number in constant time. */
export class PlaneTables {
  readonly ues = new Map<number, UeState>();
  readonly bySpi = new Map<number, SaState>();
  readonly byChild = new Map<number, SaState>();
  readonly byTeid = new Map<number, SessionState>();
  private readonly byUlTunnel = new Map<string, SessionState>();
  private readonly addresses: N3Addresses;
  private readonly paths: Pick<PathSupervisor, 'use' | 'release'> | undefined;

  /** `paths` hears of each tunnel that comes and goes. */
  constructor(addresses: N3Addresses, paths: Pick<PathSupervisor, 'use' | 'release'> | undefined) {
    this.addresses = addresses;
    this.paths = paths;
  }

  /** The session whose uplink goes to this end. */
  byUplink(address: string, teid: number): SessionState | undefined {
    return this.byUlTunnel.get(uplinkKey({ address, teid }));
  }

  addUe(id: number, inner: Uint8Array, node: NodeEnd, { greVariant = 'standard' }: UeOptions): void {
    const fresh = { sessions: new Map(), childSas: new Set<SaState>(), drops: new Map(), past: newTraffic() };
    this.ues.set(id, { id, inner, node, greVariant, signalling: undefined, ...fresh });
  }

  addSession(ue: UeState, { pduSessionId, ulTunnel, dlTeid, qfis, type }: PlaneSession): SessionState {
    const session: SessionState = {
      ue,
      pduSessionId,
      type,
      flows: new Array<FlowState | undefined>(flowCount).fill(undefined),
      otherFlows: newFlow(-1),
      firstQfi: 0,
      dlTeid,
      ulTunnel,
      upf: { address: ulTunnel.address, port: GTPU_PORT },
      local: this.addresses.towards(ulTunnel.address),
      endMarkers: 0,
      lastTooBigMs: Number.NEGATIVE_INFINITY,
      past: newTraffic(),
    };
    ue.sessions.set(pduSessionId, session);
    this.byTeid.set(dlTeid, session);
    this.openUplink(session);
    setFlows(session, qfis);
    for (const sa of ue.childSas)
      if (sa.use.kind === 'pduSession' && sa.use.pduSessionId === pduSessionId) sa.session = session;
    bindFlows(session);
    return session;
  }

  /** Changes tunnels and flows of a session while packets run; flows that stay keep their counters. */
  updateSession(session: SessionState, { ulTunnel, dlTeid, qfis }: SessionUpdate): void {
    if (ulTunnel !== undefined) this.moveUplink(session, ulTunnel);
    if (dlTeid !== undefined) {
      this.byTeid.delete(session.dlTeid);
      session.dlTeid = dlTeid;
      this.byTeid.set(dlTeid, session);
    }
    if (qfis === undefined) return;
    setFlows(session, qfis);
    bindFlows(session);
  }

  /** The new tunnel first: a path that both take stays known, as good or bad as it was. */
  private moveUplink(session: SessionState, ulTunnel: TunnelAddress): void {
    const before = session.ulTunnel;
    session.ulTunnel = ulTunnel;
    session.upf = { address: ulTunnel.address, port: GTPU_PORT };
    session.local = this.addresses.towards(ulTunnel.address);
    this.openUplink(session);
    if (uplinkKey(before) !== uplinkKey(ulTunnel)) this.forgetUplink(session, before);
    this.paths?.release(before.address);
  }

  private openUplink(session: SessionState): void {
    this.byUlTunnel.set(uplinkKey(session.ulTunnel), session);
    this.paths?.use(session.ulTunnel.address);
  }

  private closeUplink(session: SessionState): void {
    this.forgetUplink(session, session.ulTunnel);
    this.paths?.release(session.ulTunnel.address);
  }

  private forgetUplink(session: SessionState, tunnel: TunnelAddress): void {
    const key = uplinkKey(tunnel);
    if (this.byUlTunnel.get(key) === session) this.byUlTunnel.delete(key);
  }

  /** Sessions whose uplink goes to this address, by their UE, of `mostUes` UEs. */
  sessionsTo(address: string, mostUes: number): Map<UeState, SessionState[]> {
    const found = new Map<UeState, SessionState[]>();
    for (const ue of this.ues.values()) {
      const sessions = [...ue.sessions.values()].filter(({ ulTunnel }) => ulTunnel.address === address);
      if (sessions.length > 0) found.set(ue, sessions);
      if (found.size === mostUes) break;
    }
    return found;
  }

  removeSession(session: SessionState): void {
    this.closeUplink(session);
    session.ue.sessions.delete(session.pduSessionId);
    if (this.byTeid.get(session.dlTeid) === session) this.byTeid.delete(session.dlTeid);
    for (const sa of session.ue.childSas) if (sa.session === session) sa.session = undefined;
    addTraffic(session.ue.past, sessionTraffic(session));
  }

  addSa(sa: SaState): void {
    this.bySpi.set(sa.child.spiIn, sa);
    this.byChild.set(sa.child.id, sa);
    sa.ue.childSas.add(sa);
    this.useSa(sa, sa.use);
  }

  /** Gives a Child SA other flows to carry. */
  useSa(sa: SaState, use: ChildUse): void {
    sa.use = use;
    if (use.kind === 'pduSession') sa.session = sa.ue.sessions.get(use.pduSessionId);
    bind(sa);
  }

  /** The UE is known to hear a Child SA that waited: from now on it sends. */
  heard(sa: SaState): void {
    sa.waitsFor = undefined;
    bind(sa);
  }

  removeSa(sa: SaState): void {
    this.byChild.delete(sa.child.id);
    if (this.bySpi.get(sa.child.spiIn) === sa) this.bySpi.delete(sa.child.spiIn);
    sa.ue.childSas.delete(sa);
    for (const other of sa.ue.childSas) if (other.waitsFor === sa) other.waitsFor = sa.waitsFor;
    bind(sa);
  }
}

function uplinkKey({ address, teid }: TunnelAddress): string {
  return `${address}/${teid}`;
}

function newFlow(qfi: number): FlowState {
  return { qfi, sa: undefined, traffic: newTraffic() };
}

function setFlows(session: SessionState, qfis: readonly number[]): void {
  for (const flow of session.flows) {
    if (flow === undefined || qfis.includes(flow.qfi)) continue;
    addTraffic(session.past, flow.traffic);
    session.flows[flow.qfi] = undefined;
  }
  for (const qfi of qfis) session.flows[qfi & 0x3f] ??= newFlow(qfi & 0x3f);
  session.firstQfi = qfis[0] ?? 0;
}

/** Chooses anew what sends in the place of a Child SA that came, went or changed: NAS, or its session's flows. */
function bind({ ue, session }: SaState): void {
  ue.signalling = [...ue.childSas].findLast(
    ({ use, waitsFor }) => use.kind === 'signalling' && waitsFor === undefined,
  );
  if (session !== undefined) bindFlows(session);
}

/**
 * Gives each flow its Child SA: the newest that names it, else the newest default one. Newer ones come last, so a
 * rekeyed SA takes over as soon as it waits no more, and its forerunner does again should the new one vanish first
 * [TS24502 7.5.2].
 */
function bindFlows(session: SessionState): void {
  let fallback: SaState | undefined;
  const named: (SaState | undefined)[] = [];
  for (const sa of session.ue.childSas) {
    if (sa.session !== session || sa.use.kind !== 'pduSession' || sa.waitsFor !== undefined) continue;
    for (const qfi of sa.use.qfis) named[qfi] = sa;
    if (sa.use.isDefault) fallback = sa;
  }
  for (const flow of session.flows) if (flow !== undefined) flow.sa = named[flow.qfi] ?? fallback;
  session.otherFlows.sa = fallback;
}

function flowsOf(session: SessionState): FlowState[] {
  return session.flows.filter((flow) => flow !== undefined);
}

function sessionTraffic(session: SessionState): Traffic {
  const sum = addTraffic(addTraffic(newTraffic(), session.past), session.otherFlows.traffic);
  for (const flow of flowsOf(session)) addTraffic(sum, flow.traffic);
  return sum;
}

function reportSession(session: SessionState): SessionReport {
  const flows = flowsOf(session).map(
    ({ qfi, sa, traffic }): FlowReport => ({ qfi, childSaId: sa?.child.id, ...traffic }),
  );
  const { pduSessionId, endMarkers } = session;
  return { pduSessionId, endMarkers, ...sessionTraffic(session), flows };
}

/** Everything counted for a UE, summed up now. */
export function reportUe(ue: UeState): UeReport {
  const sum = addTraffic(newTraffic(), ue.past);
  for (const session of ue.sessions.values()) addTraffic(sum, sessionTraffic(session));
  return {
    ueId: ue.id,
    ...sum,
    drops: Object.fromEntries(ue.drops) as Partial<DropCounters>,
    sessions: [...ue.sessions.values()].map(reportSession),
    childSas: [...ue.childSas].map(({ child, traffic }) => ({
      childSaId: child.id,
      spiIn: child.spiIn,
      spiOut: child.spiOut,
      ...traffic,
    })),
  };
}
