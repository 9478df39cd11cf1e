import { describe, expect, it } from 'vitest';
import type { CapturedDatagram } from '../../../n3iwf/replay/datagrams.ts';
import { decodeEntry, encodeEntry, type RecordEntry } from '../../../n3iwf/replay/engine-record.ts';
import { replayEngine, sidesOf } from '../../../n3iwf/replay/engine-replay.ts';
import { type Datagram, World, type WorldOptions } from '../../support/world.ts';

/** An attach with a session, a rekey and a detach; the lines of its record and the datagrams that crossed NWu. */
async function recorded({ idleMs = 0, ...options }: WorldOptions & { readonly idleMs?: number } = {}) {
  const lines: string[] = [];
  const wire: Datagram[] = [];
  const world = new World({
    ...options,
    record: (entry) => void lines.push(encodeEntry(entry)),
    channel: (datagram) => {
      wire.push({ ...datagram, data: Uint8Array.from(datagram.data) });
      return [datagram];
    },
  });
  for (const ue of world.ues) {
    await world.register(ue);
    await world.openSession(ue);
  }
  expect(world.ue.events.at(-1)?.type).not.toBe('failed');
  await world.pass(idleMs);
  world.gateway.ike((engine, now) => engine.rekeyIkeSa(now, world.gateway.ues.ofId(1)!.ikeSaId));
  await world.settle();
  const captured = (): CapturedDatagram[] =>
    wire.map(({ data, from, to }, at) => ({ frame: at, timeMs: at, protocol: 'udp', from, to, data }));
  return { lines, captured };
}

const entriesOf = (lines: readonly string[]) => lines.map(decodeEntry);

describe('an engine replayed', () => {
  it('from its record alone does the same, octet for octet', async () => {
    const { lines } = await recorded({ ues: 2 });
    const result = replayEngine(entriesOf(lines));
    expect(result.difference).toBeUndefined();
    expect(result.compared).toBeGreaterThan(15);
  });

  it('answers what a capture has from the initiators as the capture has it from the responder', async () => {
    const { lines, captured } = await recorded({ auth: 'qkd', ppk: 'rfc8784' });
    const result = replayEngine(entriesOf(lines), sidesOf(captured()));
    expect(result.difference).toBeUndefined();
    expect(result.compared).toBeGreaterThan(8);
  });

  it('takes an SPI that begins with zeros for an SPI, not for the marker of NAT traversal [RFC3948 2.2]', async () => {
    const spi = Uint8Array.of(0, 0, 0, 0, 0, 6, 0xf7, 8);
    const { lines, captured } = await recorded({ ue: { spi } });
    const sides = sidesOf(captured());
    expect([...sides.toResponder.values()][0]?.[0]?.subarray(0, 8)).toEqual(spi);
    const result = replayEngine(entriesOf(lines), sides);
    expect(result.difference).toBeUndefined();
    expect(result.compared).toBeGreaterThan(8);
  });

  it('compares keepalives with the record, and messages after them with the capture', async () => {
    const { lines, captured } = await recorded({ idleMs: 60_000 });
    expect(lines).toContain('{"kind":"sent","data":[{"$hex":"ff"}]}');
    expect(replayEngine(entriesOf(lines), sidesOf(captured())).difference).toBeUndefined();
    const changed = lines.map((line) => line.replace('"data":[{"$hex":"ff"}]', '"data":[{"$hex":"fe"}]'));
    expect(replayEngine(entriesOf(changed), sidesOf(captured())).difference).toContain('ff instead of fe');
  });
});

describe('an engine replayed against something else', () => {
  it('names the first message that differs, and how', async () => {
    const { lines, captured } = await recorded();
    const sides = sidesOf(captured());
    const [answers] = [...sides.fromResponder.values()];
    answers![0]![40]! ^= 1;
    const { difference, compared } = replayEngine(entriesOf(lines), sides);
    expect(compared).toBe(1);
    expect(difference).toMatch(/^message 1: /);
  });

  it('names a changed message of the initiator by what it leads to', async () => {
    const { lines, captured } = await recorded();
    const sides = sidesOf(captured());
    const [requests] = [...sides.toResponder.values()];
    const auth = requests!.find((message) => message[18] === 35)!;
    auth[auth.length - 1]! ^= 1;
    expect(replayEngine(entriesOf(lines), sides).difference).toMatch(
      /0 messages instead of 1|draws|asks|did not ask/,
    );
  });

  it('notices a record that lacks draws, answers or its configuration', async () => {
    const { lines } = await recorded();
    const entries = entriesOf(lines);
    const without = (kind: RecordEntry['kind']) => {
      const at = entries.findIndex((entry) => entry.kind === kind);
      return replayEngine(entries.filter((_, index) => index !== at)).difference;
    };
    expect(without('config')).toContain('configuration');
    expect(without('random')).toMatch(/draws \d+ octets/);
    expect(without('answer')).toContain('authorize');
    expect(replayEngine([])).toMatchObject({ difference: expect.stringContaining('configuration') });
    const foreign: RecordEntry = { kind: 'input', method: 'constructor', args: [] };
    expect(replayEngine([entries[0]!, foreign]).difference).toContain('no input');
  });
});

describe('lines of a record', () => {
  it('keep octets and what is undefined, and leave a private key out', () => {
    const entry: RecordEntry = {
      kind: 'input',
      method: 'providePpk',
      args: [1, 2, undefined, Uint8Array.of(1, 2), Buffer.from('ab'), { privateKey: 'secret', chain: [] }],
    };
    const line = encodeEntry(entry);
    expect(line).not.toContain('secret');
    expect(decodeEntry(line)).toEqual({
      kind: 'input',
      method: 'providePpk',
      args: [1, 2, undefined, Uint8Array.of(1, 2), Uint8Array.from(Buffer.from('ab')), { chain: [] }],
    });
  });

  it('other lines are refused', () => {
    expect(() => decodeEntry('{}')).toThrow(SyntaxError);
    expect(() => decodeEntry('null')).toThrow(SyntaxError);
    expect(() => decodeEntry('nothing')).toThrow(SyntaxError);
  });
});
