/**
 * What happened lately, in the order in which it happened: a bounded ring that views read and subscribers follow. Names
 * and numbers only; neither a key nor the contents of a message ever enters it.
 */

/** Who speaks in a ladder, and who is spoken to. */
export type Party = 'UE' | 'N3IWF' | 'AMF';

/** What a message belongs to; a NAS message appears beside the EAP packet or NGAP message that carries it. */
export type Protocol = 'IKE' | 'EAP' | 'NAS' | 'NGAP';

/** One message as it crossed an edge of the node. */
export interface MessageStep {
  readonly kind: 'message';
  readonly from: Party;
  readonly to: Party;
  readonly protocol: Protocol;
  /** As the standard calls it, such as `IKE_AUTH request` or `InitialUEMessage`. */
  readonly name: string;
  readonly detail?: string;
}

/** A security association or a UE entered another stage of its life. */
export interface StageStep {
  readonly kind: 'stage';
  readonly name:
    | 'started'
    | 'ikeSaUp'
    | 'ikeSaRekeyed'
    | 'childSaUp'
    | 'childSaRekeyed'
    | 'childSaDown'
    | 'attached'
    | 'moved'
    | 'closed';
  readonly detail?: string;
  /** ID of the quantum key behind what came up. */
  readonly keyId?: string;
}

/** An alarm was raised or cleared; see `alarms.ts`. */
export interface AlarmStep {
  readonly kind: 'alarm';
  readonly name: string;
  readonly severity: 'warning' | 'critical';
  readonly raised: boolean;
  readonly detail: string;
}

/** The policy controller moved between quantum keys and its fallback. */
export interface ModeStep {
  readonly kind: 'mode';
  readonly name: 'qkd' | 'fallback';
  readonly detail: string;
}

/** What the node as a whole did: started, drains, was reloaded. */
export interface NodeStep {
  readonly kind: 'node';
  readonly name: 'up' | 'draining' | 'reloaded' | 'amfUp' | 'amfLost';
  readonly detail?: string;
}

/** Anything that the feed tells. */
export type Step = MessageStep | StageStep | AlarmStep | ModeStep | NodeStep;

/** Whom a step concerns; both are left out where it concerns no UE. */
export interface Concern {
  /** The IKE SA's handle: known from its first message on. */
  readonly ikeSa?: number | undefined;
  /** The UE's number: known from EAP-5G Start on. */
  readonly ueId?: number | undefined;
}

/** A step with its place in the feed. */
export type NodeEvent = Step &
  Concern & {
    /** Counts from 1 without a gap, so that a reader who comes back knows what it missed. */
    readonly seq: number;
    /** Wall clock, ms since 1970. */
    readonly timeMs: number;
  };

/** Events kept for readers that come later: some sixty attaches. */
const defaultCapacity = 4096;

/** The ring. Write: {@link add}. Read: {@link since}, {@link subscribe}. */
export class EventFeed {
  private readonly capacity: number;
  private readonly wallMs: () => number;
  /** By sequence number modulo capacity. */
  private readonly ring: NodeEvent[] = [];
  private readonly subscribers = new Set<(event: NodeEvent) => void>();
  private last = 0;

  constructor(wallMs: () => number, capacity = defaultCapacity) {
    this.wallMs = wallMs;
    this.capacity = capacity;
  }

  /** Number of the newest event, 0 before the first. */
  get lastSeq(): number {
    return this.last;
  }

  /** Takes one step in; `timeMs` is now unless it happened before. */
  add(step: Step, concern: Concern = {}, timeMs = this.wallMs()): void {
    const seq = ++this.last;
    const event: NodeEvent = { seq, timeMs, ...concern, ...step };
    this.ring[seq % this.capacity] = event;
    for (const tell of [...this.subscribers]) this.tell(tell, event);
  }

  /** A reader that fails is a reader less: what the node does depends on none of them. */
  private tell(tell: (event: NodeEvent) => void, event: NodeEvent): void {
    try {
      tell(event);
    } catch {
      this.subscribers.delete(tell);
    }
  }

  /** The wall clock of the feed, for steps that are added later than they happen. */
  now(): number {
    return this.wallMs();
  }

  /** Events after number `seq`, oldest first, at most `limit` of the newest; a gap before them means that the ring lost some. */
  since(seq: number, limit = this.capacity): readonly NodeEvent[] {
    const first = Math.max(seq + 1, this.last - Math.min(limit, this.capacity) + 1, 1);
    const events: NodeEvent[] = [];
    for (let each = first; each <= this.last; each++) {
      const event = this.ring[each % this.capacity];
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** Calls back at each event from now on, at once and in order. @returns what ends that */
  subscribe(tell: (event: NodeEvent) => void): () => void {
    this.subscribers.add(tell);
    return () => void this.subscribers.delete(tell);
  }
}
