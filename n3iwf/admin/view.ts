/**
 * Read views of the running node: one function for each thing that an operator looks at, whatever shows it. They read what
 * the node keeps anyhow, at the moment they are asked; nothing here changes anything. Never a key, only key IDs.
 */
import { type AuditRow, auditFollows, type KeyCounts, type KeyStorage } from '#qkd';
import type { NodeEvent } from '../journal/feed.ts';
import { type KeyMode, keyModeOf } from '../journal/sa-book.ts';
import type { Amf } from '../n2/amf/amf.ts';
import type { UeContext } from '../ue/context.ts';
import { type UeState, ueTransitions } from '../ue/states.ts';
import { version } from '../version.ts';
import type { KeySupply } from './metrics.ts';
import { isoOf, secondsSince, sessionViews, ueDetailView, ueView, type ViewedGateway } from './ue-views.ts';
import type {
  AlarmView,
  AmfView,
  AuditRowView,
  AuditView,
  KeysView,
  SessionView,
  StatusView,
  SupplyView,
  UeDetailView,
  UeView,
} from './view-types.ts';

/** What the views are read from. */
export interface ViewSources {
  readonly gateway: ViewedGateway;
  /** The node's name, as AMFs know it at present: a reload may change it. */
  readonly nodeName: () => string;
  /** `ike.policy` of the configuration. */
  readonly policy: () => string;
  /** When the node started, in ms of its own clock. */
  readonly startedMs: number;
  /** Wall clock, ms since 1970. */
  readonly wallMs: () => number;
  readonly draining: () => boolean;
  /** Undefined for a node without a KME, and before its first look. */
  readonly keySupply: () => KeySupply | undefined;
  /** Undefined for a node without a key store; rejects when the store cannot be read. */
  readonly keyCounts: (() => Promise<KeyCounts>) | undefined;
  /** Where the audit record is; undefined for a node without a key store. */
  readonly audit: Pick<KeyStorage, 'lastAudit' | 'auditRows'> | undefined;
}

/** Rows of the audit record in one view, at most. */
const mostAuditRows = 500;
const noModes: Readonly<Record<KeyMode, number>> = { hybrid: 0, qkd: 0, pqc: 0, classical: 0 };

/** One per node; every method gives a fresh value that JSON can carry. */
export class NodeView {
  private readonly sources: ViewSources;

  constructor(sources: ViewSources) {
    this.sources = sources;
  }

  /** The node as a whole, in constant time but for a walk over UEs. */
  status(): StatusView {
    const { gateway, nodeName, policy, startedMs, draining, keySupply } = this.sources;
    const { uplink, downlink, drops } = gateway.plane.counters();
    const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
    const supply = keySupply();
    const obstacle = this.obstacle();
    const time = this.time();
    return {
      version,
      name: nodeName(),
      started: isoOf(startedMs, time),
      uptimeSeconds: secondsSince(startedMs, time),
      draining: draining(),
      ...(obstacle === undefined ? {} : { obstacle }),
      amfs: this.amfs(),
      ues: this.uesByState(),
      counts: this.counts(),
      keyModes: this.keyModes(),
      policy: policy(),
      ...(supply === undefined ? {} : { keying: keyingOf(supply) }),
      packets: { uplink, downlink, dropped },
      alarms: gateway.journal.alarms.standing().length,
    };
  }

  /** Why the node would turn a new UE away now; undefined when it takes one. The key store is not asked. */
  obstacle(): string | undefined {
    if (this.sources.draining()) return 'the node is ending';
    return this.sources.gateway.amfs.anyAvailable ? undefined : 'no AMF takes UEs';
  }

  /** Every UE, the oldest first. */
  ues(): UeView[] {
    const time = this.time();
    return [...this.sources.gateway.ues].map((ue) => ueView(this.sources.gateway, ue, time));
  }

  /** One UE by its name, its SUPI with or without `imsi-`, or its number; undefined when there is none. */
  ue(named: string): UeDetailView | undefined {
    const found = this.find(named);
    return found === undefined ? undefined : ueDetailView(this.sources.gateway, found, this.time());
  }

  /** The context behind {@link ue}, for what an operator wants done with it. The newest counts where several fit. */
  find(named: string): UeContext | undefined {
    const { ues } = this.sources.gateway;
    const number = /^#?(\d{1,10})$/.exec(named)?.[1];
    const byName = [...ues]
      .filter(({ name }) => name?.text === named || name?.text === `imsi-${named}`)
      .at(-1);
    return byName ?? (number === undefined ? undefined : ues.ofId(Number(number)));
  }

  /** Every PDU session. */
  sessions(): SessionView[] {
    const { ues, plane } = this.sources.gateway;
    return [...ues].flatMap((ue) => sessionViews(ue, plane.report(ue.id)));
  }

  /** Each AMF of the configuration that was heard of. */
  amfs(): AmfView[] {
    const { amfs, ues } = this.sources.gateway;
    const served = new Map<Amf, number>();
    for (const { amf } of ues) if (amf !== undefined) served.set(amf, (served.get(amf) ?? 0) + 1);
    return [...amfs].map((amf) => ({
      number: amf.number,
      name: amf.name,
      state: amfState(amf),
      capacity: amf.capacity,
      ues: served.get(amf) ?? 0,
    }));
  }

  /** Quantum keys; never rejects. */
  async keys(): Promise<KeysView> {
    const { gateway, policy, keySupply, keyCounts } = this.sources;
    const counts = await keyCounts?.().catch(() => undefined);
    const supply = keySupply();
    return {
      policy: policy(),
      ...(supply === undefined ? {} : { supply: supplyView(supply) }),
      ...(counts === undefined ? {} : { pool: { ...counts } }),
      handed: gateway.keyUses.total,
      keyModes: this.keyModes(),
    };
  }

  /** Alarms that stand, the oldest first. */
  alarms(): AlarmView[] {
    return this.sources.gateway.journal.alarms
      .standing()
      .map(({ sinceMs, ...alarm }) => ({ ...alarm, since: new Date(sinceMs).toISOString() }));
  }

  /** Events after number `seq`, at most `limit`, oldest first; see {@link EventFeed.since}. */
  events(seq = 0, limit?: number): readonly NodeEvent[] {
    return this.sources.gateway.journal.feed.since(seq, limit);
  }

  /** The messages and stages of one UE that the feed still has, for a ladder; oldest first. */
  ladder(ueId: number): readonly NodeEvent[] {
    return this.events().filter((event) => event.ueId === ueId);
  }

  /** Follows events from now on. @returns what ends that */
  subscribe(tell: (event: NodeEvent) => void): () => void {
    return this.sources.gateway.journal.feed.subscribe(tell);
  }

  /** The last `limit` rows of the audit record; undefined for a node without one. Rejects when it cannot be read. */
  async audit(limit = 50): Promise<AuditView | undefined> {
    const { audit } = this.sources;
    if (audit === undefined) return undefined;
    const length = (await audit.lastAudit())?.sequence ?? 0;
    const shown = Math.min(Math.max(0, limit), mostAuditRows, length);
    // One row more, since a row is held against the one before it.
    const rows = await audit.auditRows(Math.max(1, length - shown), shown + 1);
    const broken = rows.find((row, at) => !isLinked(rows[at - 1], row));
    return {
      rows: shown === 0 ? [] : rows.slice(-shown).map(auditRowView),
      length,
      chain: broken === undefined ? 'ok' : 'broken',
      ...(broken === undefined ? {} : { brokenAt: broken.sequence }),
    };
  }

  private counts(): StatusView['counts'] {
    const { ues, innerAddresses, journal } = this.sources.gateway;
    let sessions = 0;
    for (const ue of ues) sessions += ue.sessions.size;
    let childSas = 0;
    let ikeSas = 0;
    for (const sa of journal.sas) {
      childSas += sa.children.size;
      if (sa.established) ikeSas++;
    }
    return { ues: ues.size, sessions, ikeSas, childSas, innerAddresses: innerAddresses.used };
  }

  private uesByState(): StatusView['ues'] {
    const counts = Object.fromEntries(Object.keys(ueTransitions).map((state) => [state, 0])) as Record<
      UeState,
      number
    >;
    for (const { state } of this.sources.gateway.ues) counts[state]++;
    return counts;
  }

  private keyModes(): StatusView['keyModes'] {
    const counts = { ...noModes };
    for (const sa of this.sources.gateway.journal.sas) if (sa.established) counts[keyModeOf(sa)]++;
    return counts;
  }

  private time() {
    return { now: this.sources.gateway.now(), wallMs: this.sources.wallMs() };
  }
}

function amfState(amf: Amf): AmfView['state'] {
  if (!amf.ready) return 'down';
  if (!amf.available) return 'withdrawn';
  return amf.overload === undefined ? 'up' : 'overloaded';
}

const keyingOf = ({ fallback }: KeySupply): 'qkd' | 'fallback' => (fallback ? 'fallback' : 'qkd');

function supplyView(supply: KeySupply): SupplyView {
  const { reachable, storedKeys, qber, countsPerSecond, availability, keysPerSecond } = supply;
  const { reason, needKeys, supplyKeys } = supply;
  return {
    reachable,
    ...(storedKeys === undefined ? {} : { storedKeys }),
    ...(qber === undefined ? {} : { qber }),
    ...(countsPerSecond === undefined ? {} : { countsPerSecond }),
    ...(availability === undefined ? {} : { availability }),
    keysPerSecond,
    mode: keyingOf(supply),
    ...(reason === undefined ? {} : { reason }),
    ...(needKeys === undefined ? {} : { needKeys }),
    ...(supplyKeys === undefined ? {} : { supplyKeys }),
  };
}

/** The first row that was read follows from one that was not, unless it is the first of all. */
function isLinked(before: AuditRow | undefined, row: AuditRow): boolean {
  return before === undefined && row.sequence > 1 ? true : auditFollows(before, row);
}

function auditRowView({ sequence, atMs, event, hash }: AuditRow): AuditRowView {
  return {
    sequence,
    at: new Date(atMs).toISOString(),
    event: parsed(event),
    hash: Buffer.from(hash).toString('hex'),
  };
}

/** A row that was tampered with need not be JSON any more. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
