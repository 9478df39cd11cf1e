/**
 * What happens when keys are no longer to be trusted: an alarm of a link, an operator's word, a hand on the case. Every
 * incident has an ID, which stands in the audit record beside each key that it touched and in the log.
 */
import { type AlarmChange, type AlarmSettings, LinkAlarm, type OthersIncident, type Quarantined } from '#qkd';
import type { Log } from './log.ts';

/** The part of a key store that incidents need. Times of the store in ms. */
export interface IncidentStore {
  now(): number;
  /** Distrusts keys here and for every node on the same storage. */
  quarantine(fromMs: number, untilMs: number, incident: string, peer?: string): Promise<Quarantined>;
  /** Incidents that other nodes began on the same storage since the last call. */
  othersIncidents(): Promise<readonly OthersIncident[]>;
  /** Destroys every key and closes the store. */
  zeroise(reason: string): Promise<void>;
}

/** The part of the node that incidents need. */
export interface IncidentNode {
  /**
   * Rekeys every SA that rests on one of these keys, and ends those for which that is not possible or takes too long.
   * Gives the number of their IKE SAs.
   */
  rekeySasOf(keyIds: readonly string[], text: string): number;
  /** Ends all. */
  endAllSas(text: string): number;
}

/** What surrounds the incidents. */
export interface IncidentParts {
  readonly store: IncidentStore;
  readonly node: IncidentNode;
  readonly log: Log;
  /** Wall clock, ms since 1970. */
  readonly wallMs: () => number;
  /** A fresh ID; not of a key ID's form, which the audit record may hide. */
  readonly newId: () => string;
}

/** An ID from eight random octets: short enough to be read out. */
export function incidentId(random: (length: number) => Uint8Array): string {
  return Buffer.from(random(8)).toString('hex');
}

/** What one incident did. */
export interface IncidentReport {
  readonly incident: string;
  /** Keys that had been given out and are distrusted now. */
  readonly usedKeys: number;
  /** IKE SAs that are rekeyed for it, they or their Child SAs. */
  readonly rekeyedSas: number;
  /** IKE SAs that were ended for it at once. */
  readonly endedSas: number;
}

/** One per node. */
export class Incidents {
  private readonly parts: IncidentParts;

  constructor(parts: IncidentParts) {
    this.parts = parts;
  }

  /**
   * Distrusts every key received since `sinceWallMs`, of one link (the SAE at its other end) or of all, and rekeys the
   * SAs that rest on them. Rejects when the store cannot write it down; then no SA is touched, since nothing is decided.
   */
  async quarantine(sinceWallMs: number, reason: string, link?: string): Promise<IncidentReport> {
    const { store, node, log, wallMs, newId } = this.parts;
    const incident = newId();
    const untilMs = store.now() + 1;
    // Store time does not step with the wall clock: what counts is how long ago it was.
    const fromMs = untilMs - Math.max(0, wallMs() - sinceWallMs) - 1;
    const text = `incident ${incident}: ${reason}`;
    const { used, distrusted } = await store.quarantine(fromMs, untilMs, text, link);
    // An earlier incident may have been another node's that is gone: its keys count as well.
    const rekeyedSas = node.rekeySasOf(distrusted, text);
    log.error({ incident, reason, link, usedKeys: used.length, rekeyedSas }, 'keys are quarantined');
    return { incident, usedKeys: used.length, rekeyedSas, endedSas: 0 };
  }

  /**
   * Carries out what other nodes on the same storage began since the last call: an alarm that only one of them saw, an
   * operator's word to one. Rejects when the storage fails; then it comes again with the next call.
   */
  async followOthers(): Promise<void> {
    const { store, node, log } = this.parts;
    for (const { incident, peer: link, used, distrusted } of await store.othersIncidents()) {
      const rekeyedSas = node.rekeySasOf(distrusted, incident);
      const facts = { incident, link, usedKeys: used.length, rekeyedSas };
      log.error(facts, 'keys are quarantined by another node on the same store');
    }
  }

  /** Someone is at the machine: every key goes at once, and every SA with it. */
  async tamper(reason: string): Promise<IncidentReport> {
    const { store, node, log, newId } = this.parts;
    const incident = newId();
    const text = `incident ${incident}: ${reason}`;
    const destroyed = store.zeroise(text);
    const endedSas = node.endAllSas(text);
    await destroyed;
    log.error({ incident, reason, endedSas }, 'every key is destroyed');
    return { incident, usedKeys: 0, rekeyedSas: 0, endedSas };
  }
}

/** Watches the error rate of one link and starts an incident when its alarm is raised. */
export class QberWatch {
  private readonly alarm: LinkAlarm;
  private readonly incidents: Pick<Incidents, 'quarantine'>;
  private readonly link: string;
  /** An alarm whose incident could not be written down yet. */
  private pending: { readonly change: Raised; readonly qber: number } | undefined;

  constructor(incidents: Pick<Incidents, 'quarantine'>, link: string, settings: Partial<AlarmSettings> = {}) {
    this.incidents = incidents;
    this.link = link;
    this.alarm = new LinkAlarm(settings);
  }

  /** Keys of this link may be used. */
  get trusted(): boolean {
    return !this.alarm.standing;
  }

  /**
   * One measurement at a wall-clock time. Gives the report of the incident that it started, if it did. Rejects when the
   * incident cannot be written down, which is tried again with every measurement until it can.
   */
  async observe(wallMs: number, qber: number): Promise<IncidentReport | undefined> {
    const change = this.alarm.observe(wallMs, qber);
    if (change?.kind === 'raised') this.pending = { change, qber };
    const { pending } = this;
    if (pending === undefined) return undefined;
    // Taken before the wait, so that a measurement meanwhile does not begin a second incident.
    this.pending = undefined;
    const percent = (pending.qber * 100).toFixed(1);
    try {
      return await this.incidents.quarantine(
        pending.change.sinceMs,
        `error rate of the link at ${percent} %`,
        this.link,
      );
    } catch (error) {
      this.pending ??= pending;
      throw error;
    }
  }
}

type Raised = Extract<AlarmChange, { kind: 'raised' }>;
