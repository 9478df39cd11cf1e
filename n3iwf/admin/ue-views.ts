/** Views of one UE: its SAs from the journal's book, its sessions from its context, its traffic from the user plane. */
import type { Gateway } from '../gateway.ts';
import { hexOf } from '../hex.ts';
import { type ChildEntry, type IkeEntry, keyModeOf } from '../journal/sa-book.ts';
import { isGuaranteed } from '../n2/qos-flows.ts';
import type { PduSession, UeContext } from '../ue/context.ts';
import { formatAddress } from '../userplane/address.ts';
import type { SessionReport, Traffic, UeReport } from '../userplane/counters.ts';
import type {
  ChildSaView,
  FlowView,
  IkeSaView,
  SaKeysView,
  SessionView,
  TrafficView,
  UeDetailView,
  UeView,
} from './view-types.ts';

/** The parts of a gateway that views read. */
export type ViewedGateway = Pick<
  Gateway,
  'ues' | 'amfs' | 'plane' | 'journal' | 'innerAddresses' | 'keyUses' | 'now'
>;

/** Both clocks at one moment, to turn times of the node's clock into those of the wall. */
export interface ViewTime {
  readonly now: number;
  readonly wallMs: number;
}

/** ISO 8601 of a time in ms of the node's clock. */
export function isoOf(at: number, { now, wallMs }: ViewTime): string {
  return new Date(wallMs - (now - at)).toISOString();
}

/** Whole seconds since a time in ms of the node's clock. */
export function secondsSince(at: number, { now }: ViewTime): number {
  return Math.max(0, Math.floor((now - at) / 1000));
}

const hex32 = (value: number): string => value.toString(16).padStart(8, '0');
const socketText = ({ address, port }: { address: string; port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** A member that is left out where there is no value. */
function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

const noTraffic: Traffic = { uplinkPackets: 0, uplinkOctets: 0, downlinkPackets: 0, downlinkOctets: 0 };

/** The four counters out of whatever else has them. */
function trafficOf({ uplinkPackets, uplinkOctets, downlinkPackets, downlinkOctets }: Traffic): TrafficView {
  return { uplinkPackets, uplinkOctets, downlinkPackets, downlinkOctets };
}

/** One line about a UE. */
export function ueView(gateway: ViewedGateway, ue: UeContext, time: ViewTime): UeView {
  const sa = gateway.journal.sas.of(ue.ikeSaId);
  return {
    id: ue.id,
    name: ue.name?.text ?? '',
    state: ue.state,
    peer: socketText(ue.remote),
    ...given('innerAddress', ue.innerAddress === undefined ? undefined : formatAddress(ue.innerAddress)),
    ...given('amf', ue.amf?.name),
    sessions: [...ue.sessions.keys()],
    ...given('mode', sa?.established === true ? keyModeOf(sa) : undefined),
    since: isoOf(ue.startedMs, time),
    ageSeconds: secondsSince(ue.startedMs, time),
  };
}

/** Everything about a UE. */
export function ueDetailView(gateway: ViewedGateway, ue: UeContext, time: ViewTime): UeDetailView {
  const sa = gateway.journal.sas.of(ue.ikeSaId);
  const report = gateway.plane.report(ue.id);
  return {
    ...ueView(gateway, ue, time),
    ...given('amfUeNgapId', ue.amfUeNgapId),
    nasConnected: ue.nasConnected,
    ...given('ikeSa', sa === undefined ? undefined : ikeSaView(sa, time)),
    childSas:
      sa === undefined ? [] : [...sa.children.values()].map((child) => childSaView(ue, child, report, time)),
    sessionDetails: sessionViews(ue, report),
    traffic: trafficOf(report ?? noTraffic),
    drops: { ...report?.drops },
  };
}

/** An IKE SA, half-open ones included. */
export function ikeSaView(sa: IkeEntry, time: ViewTime): IkeSaView {
  return {
    ikeSa: sa.ikeSaId,
    spiInitiator: hexOf(sa.spiInitiator),
    spiResponder: hexOf(sa.spiResponder),
    local: socketText(sa.local),
    peer: socketText(sa.remote),
    nat: sa.nat,
    established: sa.established,
    auth: sa.auth,
    ...given('authKeyId', sa.authKeyId),
    ...keysView({ ...sa, mode: keyModeOf(sa) }, time),
    ageSeconds: secondsSince(sa.startedMs, time),
  };
}

/** A Child SA of a UE; one that carries nothing any more, or not yet, is `unused`. */
function childSaView(
  ue: UeContext,
  child: ChildEntry,
  report: UeReport | undefined,
  time: ViewTime,
): ChildSaView {
  const use = ue.childUses.get(child.childSaId);
  const counted = report?.childSas.find(({ childSaId }) => childSaId === child.childSaId);
  return {
    id: child.childSaId,
    ...(use?.kind === 'pduSession'
      ? { use: 'session', session: use.pduSessionId, qfis: use.qfis, isDefault: use.isDefault }
      : { use: use === undefined ? 'unused' : 'signalling' }),
    spiIn: hex32(child.spiIn),
    spiOut: hex32(child.spiOut),
    udpEncapsulation: child.udpEncapsulation,
    ...keysView(child, time),
    packetsIn: counted?.packetsIn ?? 0,
    octetsIn: counted?.octetsIn ?? 0,
    packetsOut: counted?.packetsOut ?? 0,
    octetsOut: counted?.octetsOut ?? 0,
  };
}

/** What the keys of an SA rest on, and how old they are. */
function keysView(
  sa: Pick<ChildEntry, 'suite' | 'keyId' | 'mode' | 'keyedMs' | 'rekeys'>,
  time: ViewTime,
): SaKeysView {
  const { suite, keyId, mode, keyedMs, rekeys } = sa;
  return { suite, ...given('keyId', keyId), mode, keyAgeSeconds: secondsSince(keyedMs, time), rekeys };
}

/** The PDU sessions of a UE, with what they carried. */
export function sessionViews(ue: UeContext, report: UeReport | undefined): SessionView[] {
  return [...ue.sessions.values()].map((session) => {
    const counted = report?.sessions.find(({ pduSessionId }) => pduSessionId === session.id);
    return {
      ueId: ue.id,
      ue: ue.name?.text ?? '',
      session: session.id,
      type: session.type,
      n3Address: session.n3Address,
      dlTeid: hex32(session.dlTeid),
      upf: session.ulTunnel.address,
      ulTeid: hex32(session.ulTunnel.teid),
      ...trafficOf(counted ?? noTraffic),
      flows: flowViews(session, counted),
    };
  });
}

/** The flows of a session as the AMF asked for them, with what they carried. */
function flowViews(session: PduSession, report: SessionReport | undefined): FlowView[] {
  return [...session.flows].map(([qfi, parameters]) => {
    const { choice, value } = parameters.qosCharacteristics;
    const fiveQi = choice === 'nonDynamic5qi' || choice === 'dynamic5qi' ? value.fiveQi : undefined;
    const counted = report?.flows.find((flow) => flow.qfi === qfi);
    return {
      qfi,
      ...given('fiveQi', fiveQi),
      guaranteed: isGuaranteed(parameters),
      ...given('childSa', counted?.childSaId),
      ...trafficOf(counted ?? noTraffic),
    };
  });
}
