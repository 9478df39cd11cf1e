import { describe, expect, it } from 'vitest';
import { AttachSpans, type Span } from '../../../n3iwf/journal/attach-spans.ts';
import { World, type WorldOptions } from '../../support/world.ts';

/** The traces of what happens in a world. */
async function traced(options: WorldOptions, act: (world: World) => Promise<void>): Promise<Span[][]> {
  const world = new World(options);
  const traces: Span[][] = [];
  let drawn = 0;
  const random = (length: number) => new Uint8Array(length).fill(++drawn);
  const end = new AttachSpans(random, (spans) => void traces.push([...spans])).follow(
    world.gateway.journal.feed,
  );
  await act(world);
  end();
  return traces;
}

describe('the trace of an attach', () => {
  it('has the attach with its parts inside, in order, each with IDs of its own', async () => {
    const [trace, ...others] = await traced({ auth: 'qkd', ppk: 'rfc9867' }, async (world) => {
      await world.register();
      await world.openSession();
    });
    expect(others).toEqual([]);
    const [root, ...parts] = trace!;
    expect(root).toMatchObject({
      name: 'attach',
      parentSpanId: undefined,
      error: undefined,
      attributes: { 'n3iwf.ue': 1, 'n3iwf.ike.suite': expect.stringContaining('x25519') },
    });
    expect(root!.attributes['n3iwf.key_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(parts.map(({ name }) => name)).toEqual([
      'ike_sa_init',
      'nas',
      'eap',
      'first_child_sa',
      'initial_context_setup',
    ]);
    for (const { traceId, spanId, parentSpanId, startMs, endMs, error } of parts) {
      expect({ traceId, parentSpanId, error }).toEqual({
        traceId: root!.traceId,
        parentSpanId: root!.spanId,
        error: undefined,
      });
      expect(spanId).toMatch(/^[0-9a-f]{16}$/);
      expect(startMs).toBeGreaterThanOrEqual(root!.startMs);
      expect(endMs).toBeLessThanOrEqual(root!.endMs);
    }
    expect(root!.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(trace!.map(({ spanId }) => spanId)).size).toBe(trace!.length);
  });

  it('of an attach that fails says why, and cuts what was under way', async () => {
    const [trace] = await traced({ n2: (pdu, toAmf) => (toAmf ? pdu : undefined) }, async (world) => {
      await world.register();
      world.ue.ue.disconnect();
      await world.pass(120_000);
    });
    const [root, ...parts] = trace!;
    expect(root!.error).toBeTruthy();
    expect(parts.map(({ name, error }) => [name, error === undefined])).toEqual([
      ['ike_sa_init', true],
      ['eap', false],
      ['nas', false],
    ]);
  });
});

describe('traces of several attaches, and of none', () => {
  it('is one for each UE', async () => {
    const traces = await traced({ ues: 3 }, async (world) => {
      await Promise.all(world.ues.map(({ ue }) => ue.start()));
      await world.settle();
    });
    expect(traces.map(([root]) => root!.attributes['n3iwf.ue']).sort()).toEqual([1, 2, 3]);
    expect(new Set(traces.flat().map(({ spanId }) => spanId)).size).toBe(traces.flat().length);
  });

  it('needs a UE and a beginning', () => {
    const given: unknown[] = [];
    const spans = new AttachSpans(
      (length) => new Uint8Array(length),
      (each) => void given.push(each),
    );
    const at = { seq: 1, timeMs: 0 };
    spans.note({ ...at, kind: 'node', name: 'up' });
    spans.note({ ...at, kind: 'stage', name: 'closed', ueId: 1 });
    expect(given).toEqual([]);
  });
});
