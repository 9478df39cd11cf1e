/** Spans of a UE's attach, made of the feed's events: what a tracing system draws as a bar over its parts. */
import type { EventFeed, NodeEvent } from './feed.ts';

/** One span. Times are wall clock, ms since 1970; IDs hexadecimal, 32 and 16 digits. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the attach itself. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Why it came to nothing; undefined where it did not. */
  readonly error: string | undefined;
}

/** Parts of an attach: what begins and what ends each, by the names of events. A message that comes again begins nothing anew. */
const parts: readonly { readonly name: string; readonly from: RegExp; readonly to: RegExp }[] = [
  { name: 'ike_sa_init', from: /^IKE_SA_INIT request$/, to: /^IKE_SA_INIT response$/ },
  { name: 'eap', from: /^EAP-Request\/5G-Start$/, to: /^EAP-(?:Success|Failure)$/ },
  { name: 'nas', from: /^InitialUEMessage$/, to: /^InitialContextSetupRequest$/ },
  {
    name: 'initial_context_setup',
    from: /^InitialContextSetupRequest$/,
    to: /^InitialContextSetup(?:Response|Failure)$/,
  },
  { name: 'first_child_sa', from: /^EAP-Success$/, to: /^childSaUp$/ },
];
const ends = /^(?:InitialContextSetup(?:Response|Failure)|closed)$/;

/** Attaches that are followed at a time; more go without a trace. */
const mostFollowed = 1000;

/** An attach under way, with the parts of it that are over and those that have begun. */
interface Attach {
  readonly traceId: string;
  readonly spanId: string;
  readonly startMs: number;
  readonly began: Map<string, number>;
  readonly attributes: Record<string, string | number>;
  readonly done: Span[];
}

/** Follows the feed and gives the spans of each attach at its end. */
export class AttachSpans {
  private readonly attaches = new Map<number, Attach>();
  private readonly random: (length: number) => Uint8Array;
  private readonly give: (spans: readonly Span[]) => void;

  /** `random` makes IDs. */
  constructor(random: (length: number) => Uint8Array, give: (spans: readonly Span[]) => void) {
    this.random = random;
    this.give = give;
  }

  /** @returns what ends that */
  follow(feed: Pick<EventFeed, 'subscribe'>): () => void {
    return feed.subscribe((event) => this.note(event));
  }

  /** One event of the feed, in order. */
  note(event: NodeEvent): void {
    const { ueId, name, timeMs } = event;
    if (ueId === undefined) return;
    if (name === 'IKE_SA_INIT request' && !this.attaches.has(ueId)) this.begin(ueId, timeMs);
    const attach = this.attaches.get(ueId);
    if (attach === undefined) return;
    if (event.kind === 'stage' && event.name === 'ikeSaUp') {
      attach.attributes['n3iwf.ike.suite'] = event.detail ?? '';
      if (event.keyId !== undefined) attach.attributes['n3iwf.key_id'] = event.keyId;
    }
    for (const part of parts) this.part(attach, part, name, timeMs);
    if (ends.test(name)) this.end(ueId, attach, event);
  }

  private begin(ueId: number, startMs: number): void {
    if (this.attaches.size >= mostFollowed) return;
    const [traceId, spanId] = [this.id(16), this.id(8)];
    const attributes = { 'n3iwf.ue': ueId };
    this.attaches.set(ueId, { traceId, spanId, startMs, began: new Map(), attributes, done: [] });
  }

  private part(
    attach: Attach,
    { name, from, to }: (typeof parts)[number],
    event: string,
    timeMs: number,
  ): void {
    const startMs = attach.began.get(name);
    if (from.test(event) && startMs === undefined) attach.began.set(name, timeMs);
    if (startMs === undefined || !to.test(event) || attach.done.some((span) => span.name === name)) return;
    const error = event.endsWith('Failure') ? event : undefined;
    attach.done.push(this.span(attach, name, startMs, timeMs, error));
  }

  private end(ueId: number, attach: Attach, { name, timeMs, detail }: NodeEvent): void {
    this.attaches.delete(ueId);
    const error = name === 'InitialContextSetupResponse' ? undefined : (detail ?? name);
    // What was under way when the UE went is cut there.
    for (const [part, startMs] of attach.began)
      if (!attach.done.some((span) => span.name === part))
        attach.done.push(this.span(attach, part, startMs, timeMs, error ?? name));
    const { traceId, spanId, startMs, attributes, done } = attach;
    const root = { traceId, spanId, parentSpanId: undefined, name: 'attach', startMs, endMs: timeMs };
    this.give([{ ...root, attributes, error }, ...done]);
  }

  private span(
    attach: Attach,
    name: string,
    startMs: number,
    endMs: number,
    error: string | undefined,
  ): Span {
    const { traceId, spanId: parentSpanId } = attach;
    return { traceId, spanId: this.id(8), parentSpanId, name, startMs, endMs, attributes: {}, error };
  }

  private id(octets: number): string {
    return Buffer.from(this.random(octets)).toString('hex');
  }
}
