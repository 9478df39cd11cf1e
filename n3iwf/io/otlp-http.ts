/** Sends spans to an OpenTelemetry collector: OTLP over HTTP, in JSON. It waits for nobody and keeps little. */
import type { Span } from '../journal/attach-spans.ts';
import type { Log } from '../log.ts';
import { version } from '../version.ts';

/** Where to, and how patient it is. */
export interface OtlpOptions {
  /** Of the collector, without `/v1/traces`. */
  readonly url: string;
  readonly serviceName: string;
  /** Between two sendings, in ms. */
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

/** Spans that wait at most; what comes beyond is lost and counted. */
const mostWaiting = 2048;

const text = (value: string) => ({ stringValue: value });
const attributesOf = (attributes: Span['attributes']) =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : text(value),
  }));
const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n);

/** One span in the form of `opentelemetry.proto.trace.v1.Span`. */
function spanJson({ traceId, spanId, parentSpanId, name, startMs, endMs, attributes, error }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: parentSpanId === undefined ? 2 : 1, // server, internal
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(endMs),
    attributes: attributesOf(attributes),
    status: error === undefined ? { code: 1 } : { code: 2, message: error },
  };
}

/** The body of one request. */
export function tracesRequest(serviceName: string, spans: readonly Span[]): object {
  const resource = { attributes: attributesOf({ 'service.name': serviceName, 'service.version': version }) };
  const scopeSpans = [{ scope: { name: 'qn3iwf', version }, spans: spans.map(spanJson) }];
  return { resourceSpans: [{ resource, scopeSpans }] };
}

/** Handle: {@link add}, {@link close}. A collector that is away costs its spans, and one line of the log each time it goes. */
export class OtlpExporter {
  private readonly options: OtlpOptions;
  private readonly log: Log;
  private readonly timer: NodeJS.Timeout;
  private waiting: Span[] = [];
  private sending: Promise<void> = Promise.resolve();
  private isAway = false;
  private missed = 0;

  constructor(options: OtlpOptions, log: Log) {
    this.options = options;
    this.log = log;
    this.timer = setInterval(() => this.flush(), options.everyMs ?? 5000);
    this.timer.unref();
  }

  /** Spans that were given up since the start. */
  get lost(): number {
    return this.missed;
  }

  /** Takes spans to be sent with the next lot. */
  readonly add = (spans: readonly Span[]): void => {
    const room = Math.max(0, mostWaiting - this.waiting.length);
    this.missed += Math.max(0, spans.length - room);
    this.waiting.push(...spans.slice(0, room));
  };

  /** Sends what waits, behind what is being sent. */
  flush(): void {
    const lot = this.waiting;
    if (lot.length === 0) return;
    this.waiting = [];
    this.sending = this.sending.then(() => this.send(lot));
  }

  /** Sends what waits and ends. Resolves when the collector has it, or did not take it. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.flush();
    await this.sending;
  }

  private async send(lot: readonly Span[]): Promise<void> {
    const { url, serviceName, timeoutMs = 5000 } = this.options;
    try {
      const answer = await fetch(`${url.replace(/\/$/, '')}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(tracesRequest(serviceName, lot)),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.isAway = false;
    } catch (error) {
      this.missed += lot.length;
      if (!this.isAway)
        this.log.warn(
          { url, error: String(error), spans: lot.length },
          'the collector of traces took no spans',
        );
      this.isAway = true;
    }
  }
}
