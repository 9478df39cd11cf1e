/**
 * The node's metrics, as a table. Everything is read when somebody asks: the parts of the node count for themselves, and a
 * packet pays nothing for being shown here.
 */
import { type KeyCounts, STORAGE_FAULTS } from '#qkd';
import type { Gateway } from '../gateway.ts';
import { type AlarmName, alarmSeverities } from '../journal/alarms.ts';
import { durationBounds } from '../journal/histogram.ts';
import { type IkeEntry, type KeyMode, keyModeOf } from '../journal/sa-book.ts';
import { type UeState, ueTransitions } from '../ue/states.ts';
import { expose, histogramSamples, type MetricHead, type Sample } from './exposition.ts';

/** Delays of the event loop beyond their time since the last reading, in s. */
export interface LoopDelay {
  readonly median: number;
  readonly p99: number;
  readonly most: number;
}

/** The KME and its link, as the node last saw them. */
export interface KeySupply {
  readonly reachable: boolean;
  /** Keys that wait at the KME; undefined when it gave no answer. */
  readonly storedKeys: number | undefined;
  /** Error rate of the link, 0 to 0.5; undefined when the KME does not tell it. */
  readonly qber: number | undefined;
  /** Photon detections per second of the link, and the part of the time for which it gave key; undefined likewise. */
  readonly countsPerSecond?: number | undefined;
  readonly availability?: number | undefined;
  /** Keys that come from the link, by the pool's growth. */
  readonly keysPerSecond: number;
  /** Quantum keys are too few for what is asked, by the policy's forecast. */
  readonly fallback: boolean;
  /** Why it is so, as the policy controller names it. */
  readonly reason?: string;
  /** Keys wanted within the policy's horizon, and keys that can be had within it. */
  readonly needKeys?: number;
  readonly supplyKeys?: number;
  /** An alarm of the link's error rate stands. */
  readonly distrusted?: boolean;
  /** What is wrong with the key store, by its reason, and what happened; absent while nothing is. */
  readonly storeTrouble?: { readonly reason: string; readonly detail: string } | undefined;
}

/** What the metrics are read from. */
export interface MetricSources {
  readonly gateway: Pick<
    Gateway,
    'ues' | 'amfs' | 'n2Counters' | 'plane' | 'innerAddresses' | 'keyUses' | 'journal' | 'others'
  >;
  /** IKE events since the start, by their type. */
  readonly ikeEvents: ReadonlyMap<string, number>;
  /** Undefined for a node without a key store; rejects when the store cannot be read. */
  readonly keyCounts: (() => Promise<KeyCounts>) | undefined;
  /** Undefined for a node without a KME, and before its first look. */
  keySupply(): KeySupply | undefined;
  /** Reads and begins anew. */
  loopDelay(): LoopDelay;
  /** Since the start of the node, in s. */
  uptime(): number;
}

/** All sources, read at one moment: no two metrics of a page contradict each other. */
interface Snapshot {
  readonly sources: MetricSources;
  readonly plane: ReturnType<Gateway['plane']['counters']>;
  readonly keys: KeyCounts | undefined;
  /** The key store could not be read. */
  readonly storeFailed: boolean;
  readonly delay: LoopDelay;
}

/** One metric: its head and where its samples come from. Names end as Prometheus wants: unit, and `_total` for counters. */
interface Metric extends MetricHead {
  read(snapshot: Snapshot): Sample[];
}

const one = (value: number): Sample[] => [{ value }];

/** A sample for each pair, with the first of it as the value of `label`. */
const by = (label: string, pairs: Iterable<readonly [string, number]>): Sample[] =>
  [...pairs].map(([text, value]) => ({ labels: { [label]: text }, value }));

/** UEs in each state; states without a UE are there with 0, so that a graph has no holes. */
function uesByState({ sources }: Snapshot): Sample[] {
  const counts = new Map<UeState, number>();
  for (const state of Object.keys(ueTransitions) as UeState[]) counts.set(state, 0);
  for (const { state } of sources.gateway.ues) counts.set(state, (counts.get(state) ?? 0) + 1);
  return by('state', counts);
}

function sessions({ sources }: Snapshot): Sample[] {
  let sum = 0;
  for (const ue of sources.gateway.ues) sum += ue.sessions.size;
  return one(sum);
}

/** SAs that stand, by what their keys rest on; modes without one are there with 0. */
const sasByMode =
  (count: (mode: Map<KeyMode, number>, sa: IkeEntry) => void) =>
  ({ sources }: Snapshot): Sample[] => {
    const modes = new Map<KeyMode, number>(keyModes.map((mode) => [mode, 0]));
    for (const sa of sources.gateway.journal.sas) if (sa.established) count(modes, sa);
    return by('mode', modes);
  };

const keyModes: readonly KeyMode[] = ['hybrid', 'qkd', 'pqc', 'classical'];
const addOne = (modes: Map<KeyMode, number>, mode: KeyMode) => modes.set(mode, (modes.get(mode) ?? 0) + 1);

/** Alarms that stand, by name: several AMFs or UPFs may have the same. */
function alarms({ sources }: Snapshot): Sample[] {
  const counts = new Map<AlarmName, number>();
  for (const { name } of sources.gateway.journal.alarms.standing())
    counts.set(name, (counts.get(name) ?? 0) + 1);
  return (Object.keys(alarmSeverities) as AlarmName[]).map((name) => ({
    labels: { alarm: name, severity: alarmSeverities[name] },
    value: counts.get(name) ?? 0,
  }));
}

/** What may have become of a key that came from the KME. */
const keyStates = [
  'stored',
  'reserved',
  'used',
  'burnt',
  'destroyed',
  'expired',
  'quarantined',
] as const satisfies readonly (keyof KeyCounts)[];

function keysByState({ keys }: Snapshot): Sample[] {
  return keys === undefined
    ? []
    : by(
        'state',
        keyStates.map((name) => [name, keys[name]] as const),
      );
}

/** One sample of a value that may not be known. */
const ofSupply =
  (pick: (supply: KeySupply) => number | undefined) =>
  ({ sources }: Snapshot): Sample[] => {
    const supply = sources.keySupply();
    const value = supply === undefined ? undefined : pick(supply);
    return value === undefined ? [] : one(value);
  };

/** Every metric that the node shows. */
export const metrics: readonly Metric[] = [
  {
    name: 'n3iwf_uptime_seconds',
    type: 'gauge',
    help: 'Time since the node started.',
    read: ({ sources }) => one(sources.uptime()),
  },
  { name: 'n3iwf_ues', type: 'gauge', help: 'UEs by the state of their life.', read: uesByState },
  { name: 'n3iwf_pdu_sessions', type: 'gauge', help: 'PDU sessions of all UEs.', read: sessions },
  {
    name: 'n3iwf_inner_addresses_used',
    type: 'gauge',
    help: 'Inner addresses that UEs have.',
    read: ({ sources }) => one(sources.gateway.innerAddresses.used),
  },
  {
    name: 'n3iwf_ike_events_total',
    type: 'counter',
    help: 'What happened on IKE SAs, by the type of the event.',
    read: ({ sources }) => by('event', sources.ikeEvents),
  },
  {
    name: 'n3iwf_redirects_total',
    type: 'counter',
    help: 'UEs that were told to go to another node, with their first message or with their IKE SA up.',
    read: ({ sources }) => by('moment', Object.entries(sources.gateway.others.counts)),
  },
  {
    name: 'n3iwf_procedure_duration_seconds',
    type: 'histogram',
    help: 'Time that procedures took, by protocol, procedure and result.',
    read: ({ sources }) =>
      [...sources.gateway.journal.procedures.series()].flatMap(({ protocol, procedure, result, times }) =>
        histogramSamples({ protocol, procedure, result }, durationBounds, times),
      ),
  },
  {
    name: 'n3iwf_ngap_messages_total',
    type: 'counter',
    help: 'NGAP messages of UEs, by name and direction: in from the AMF, out to it.',
    read: ({ sources }) =>
      sources.gateway.journal.procedures
        .messages()
        .map(({ message, direction, count }) => ({ labels: { message, direction }, value: count })),
  },
  {
    name: 'n3iwf_ike_sas',
    type: 'gauge',
    help: 'IKE SAs that stand, by what their keys rest on.',
    read: sasByMode((modes, sa) => addOne(modes, keyModeOf(sa))),
  },
  {
    name: 'n3iwf_child_sas',
    type: 'gauge',
    help: 'Child SAs, by what their keys rest on.',
    read: sasByMode((modes, sa) => {
      for (const { mode } of sa.children.values()) addOne(modes, mode);
    }),
  },
  {
    name: 'n3iwf_half_open_ike_sas',
    type: 'gauge',
    help: 'IKE SAs whose set-up is not over.',
    read: ({ sources }) => one([...sources.gateway.journal.sas].filter((sa) => !sa.established).length),
  },
  {
    name: 'n3iwf_alarms',
    type: 'gauge',
    help: 'Alarms that stand, by name; 0 where none does.',
    read: alarms,
  },
  {
    name: 'n3iwf_amf_ready',
    type: 'gauge',
    help: '1 when NG Setup with the AMF is done and an association is up.',
    read: ({ sources }) =>
      [...sources.gateway.amfs].map(({ number, name, ready }) => ({
        labels: { amf: String(number), name },
        value: Number(ready),
      })),
  },
  {
    name: 'n3iwf_amf_overloaded',
    type: 'gauge',
    help: '1 between Overload Start and Overload Stop of the AMF.',
    read: ({ sources }) =>
      [...sources.gateway.amfs].map(({ number, overload }) => ({
        labels: { amf: String(number) },
        value: Number(overload !== undefined),
      })),
  },
  {
    name: 'n3iwf_n2_ignored_total',
    type: 'counter',
    help: 'What N2 brought and nothing was done with, by message or reason.',
    read: ({ sources }) => by('what', sources.gateway.n2Counters.entries()),
  },
  {
    name: 'n3iwf_user_packets_total',
    type: 'counter',
    help: 'User packets relayed, by direction.',
    read: ({ plane }) =>
      by('direction', [
        ['uplink', plane.uplink],
        ['downlink', plane.downlink],
      ]),
  },
  {
    name: 'n3iwf_user_packets_dropped_total',
    type: 'counter',
    help: 'User packets dropped, by cause.',
    read: ({ plane }) => by('cause', Object.entries(plane.drops)),
  },
  {
    name: 'n3iwf_qkd_keys_handed_total',
    type: 'counter',
    help: 'Quantum keys that went into IKE SAs, for AUTH or as PPK.',
    read: ({ sources }) => one(sources.gateway.keyUses.total),
  },
  {
    name: 'n3iwf_qkd_keys',
    type: 'gauge',
    help: 'Keys in the books of the store, by what became of them; those stored wait for use.',
    read: keysByState,
  },
  {
    name: 'n3iwf_qkd_keys_delivered_total',
    type: 'counter',
    help: 'Keys that came from the KME, over all the life of the store.',
    read: ({ keys }) => (keys === undefined ? [] : one(keys.delivered)),
  },
  {
    name: 'n3iwf_qkd_keys_suspected_total',
    type: 'counter',
    help: 'Keys that the KME may have spent on answers that never came.',
    read: ({ keys }) => (keys === undefined ? [] : one(keys.suspected)),
  },
  {
    name: 'n3iwf_kme_reachable',
    type: 'gauge',
    help: '1 when the KME answered the last look.',
    read: ofSupply(({ reachable }) => Number(reachable)),
  },
  {
    name: 'n3iwf_kme_stored_keys',
    type: 'gauge',
    help: 'Keys that wait at the KME.',
    read: ofSupply(({ storedKeys }) => storedKeys),
  },
  {
    name: 'n3iwf_kme_keys_per_second',
    type: 'gauge',
    help: 'Keys that come from the link, by the growth of the pool.',
    read: ofSupply(({ keysPerSecond }) => keysPerSecond),
  },
  {
    name: 'n3iwf_link_qber_ratio',
    type: 'gauge',
    help: 'Error rate of the quantum link, 0 to 0.5, from a KME that tells it.',
    read: ofSupply(({ qber }) => qber),
  },
  {
    name: 'n3iwf_qkd_fallback',
    type: 'gauge',
    help: '1 while quantum keys are too few for what is asked.',
    read: ofSupply(({ fallback }) => Number(fallback)),
  },
  {
    name: 'n3iwf_key_store_readable',
    type: 'gauge',
    help: '0 when the key store could not be read for this page.',
    read: ({ sources, storeFailed }) => (sources.keyCounts === undefined ? [] : one(Number(!storeFailed))),
  },
  {
    name: 'n3iwf_key_store_trouble',
    type: 'gauge',
    help: '1 for the reason for which the key store does not do what it is asked, or was found damaged; else 0.',
    read: ({ sources }) => {
      const supply = sources.keySupply();
      if (supply === undefined) return [];
      const reasons = Object.values(STORAGE_FAULTS);
      return by(
        'reason',
        reasons.map((reason) => [reason, Number(supply.storeTrouble?.reason === reason)] as const),
      );
    },
  },
  {
    name: 'n3iwf_event_loop_delay_seconds',
    type: 'summary',
    help: 'How much later than due the event loop came round, since the page before this one.',
    read: ({ delay }) =>
      by('quantile', [
        ['0.5', delay.median],
        ['0.99', delay.p99],
        ['1', delay.most],
      ]),
  },
];

/** The whole page. A key store that fails costs its own metrics alone. */
export async function metricsPage(sources: MetricSources): Promise<string> {
  const keys = await sources.keyCounts?.().catch(() => undefined);
  const snapshot: Snapshot = {
    sources,
    plane: sources.gateway.plane.counters(),
    keys,
    storeFailed: sources.keyCounts !== undefined && keys === undefined,
    delay: sources.loopDelay(),
  };
  return metrics.map((metric) => expose(metric, metric.read(snapshot))).join('');
}
