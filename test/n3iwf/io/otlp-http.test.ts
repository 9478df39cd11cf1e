import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OtlpExporter, tracesRequest } from '../../../n3iwf/io/otlp-http.ts';
import type { Span } from '../../../n3iwf/journal/attach-spans.ts';
import { silentLog } from '../../../n3iwf/log.ts';

const span: Span = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: undefined,
  name: 'attach',
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_000_200,
  attributes: { 'n3iwf.ue': 7, 'n3iwf.key_id': 'id' },
  error: undefined,
};

let server: Server;
let url: string;
let status = 200;
const bodies: string[] = [];
const paths: string[] = [];

beforeEach(async () => {
  status = 200;
  bodies.length = 0;
  paths.length = 0;
  server = createServer((incoming, outgoing) => {
    let body = '';
    incoming.on('data', (piece) => {
      body += String(piece);
    });
    incoming.on('end', () => {
      bodies.push(body);
      paths.push(`${incoming.method} ${incoming.url} ${incoming.headers['content-type']}`);
      outgoing.writeHead(status, status === 302 ? { location: 'http://192.0.2.1/' } : {}).end('{}');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The names and messages of what an exporter logs. */
function exporter(place = url) {
  const warned: string[] = [];
  const log = { ...silentLog, warn: (_: object, message: string) => void warned.push(message) };
  return {
    exporter: new OtlpExporter({ url: place, serviceName: 'n3iwf', everyMs: 1e6, timeoutMs: 500 }, log),
    warned,
  };
}

describe('the exporter of traces', () => {
  it('sends what came, as OTLP has it in JSON', async () => {
    const { exporter: sender } = exporter(`${url}/`);
    sender.add([
      span,
      { ...span, spanId: '00f067aa0ba902b7', parentSpanId: span.spanId, name: 'eap', error: 'EAP-Failure' },
    ]);
    await sender.close();
    expect(paths).toEqual(['POST /v1/traces application/json']);
    const [{ resource, scopeSpans }] = JSON.parse(bodies[0]!).resourceSpans;
    expect(resource.attributes[0]).toEqual({ key: 'service.name', value: { stringValue: 'n3iwf' } });
    expect(scopeSpans[0].spans).toEqual([
      {
        traceId: span.traceId,
        spanId: span.spanId,
        name: 'attach',
        kind: 2,
        startTimeUnixNano: '1700000000000250000',
        endTimeUnixNano: '1700000000200000000',
        attributes: [
          { key: 'n3iwf.ue', value: { intValue: '7' } },
          { key: 'n3iwf.key_id', value: { stringValue: 'id' } },
        ],
        status: { code: 1 },
      },
      expect.objectContaining({
        parentSpanId: span.spanId,
        kind: 1,
        status: { code: 2, message: 'EAP-Failure' },
      }),
    ]);
  });

  it('sends nothing when there is nothing, and one lot after the other', async () => {
    const { exporter: sender } = exporter();
    sender.flush();
    sender.add([span]);
    sender.flush();
    sender.add([span, span]);
    await sender.close();
    expect(bodies.map((body) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans.length)).toEqual([
      1, 2,
    ]);
  });
});

describe('the exporter of traces, when the collector fails', () => {
  it.each([
    ['refuses', 503],
    ['sends it elsewhere', 302],
    ['is not there', 0],
  ])('gives spans up when the collector %s, and says so once', async (_, answer) => {
    status = answer;
    if (answer === 0) server.close();
    const { exporter: sender, warned } = exporter();
    for (const count of [1, 2]) {
      sender.add(new Array<Span>(count).fill(span));
      sender.flush();
    }
    await sender.close();
    expect(sender.lost).toBe(3);
    expect(warned).toEqual(['the collector of traces took no spans']);
  });

  it('keeps only so many while the collector is slow', async () => {
    const { exporter: sender } = exporter();
    for (let times = 0; times < 30; times++) sender.add(new Array<Span>(100).fill(span));
    expect(sender.lost).toBe(3000 - 2048);
    await sender.close();
    expect(JSON.parse(bodies[0]!).resourceSpans[0].scopeSpans[0].spans).toHaveLength(2048);
  });

  it('names service and version', () => {
    expect(JSON.stringify(tracesRequest('edge-7', []))).toContain('edge-7');
  });
});
