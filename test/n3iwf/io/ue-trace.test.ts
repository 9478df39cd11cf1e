import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeNgap } from '#ngap';
import { NodeView } from '../../../n3iwf/admin/view.ts';
import { NodeControl, traceRoutes } from '../../../n3iwf/cli/node-control.ts';
import { bothTaps, UeTraces } from '../../../n3iwf/io/ue-trace.ts';
import { cli } from '../../support/command-line.ts';
import { World } from '../../support/world.ts';

const limits = { seconds: 60, octets: 1_000_000 };

/** A world whose interfaces are tapped, with two UEs attached, and a clock for the traces. */
async function tapped(traced?: number) {
  let wall = 1_700_000_000_000;
  const traces = new UeTraces(() => wall);
  const keys: Uint8Array[] = [];
  const world = new World({
    ues: 2,
    channel: (datagram) => {
      traces.nwu(datagram.data, datagram.from, datagram.to);
      return [datagram];
    },
    n2: (pdu, toAmf) => {
      if (pdu.message === 'InitialContextSetupRequest') keys.push(Uint8Array.from(pdu.ies.securityKey.bits));
      traces.n2(encodeNgap(pdu), 1, toAmf);
      return pdu;
    },
  });
  traces.attach(world.gateway);
  const id = traced === undefined ? undefined : traces.start(traced, limits);
  for (const who of world.ues) {
    await world.register(who);
    await world.openSession(who);
  }
  const pass = (ms: number) => {
    wall += ms;
  };
  return { traces, world, keys, id, pass };
}

/** IP packets of a whole file. */
function packets(file: Uint8Array): Buffer[] {
  const octets = Buffer.from(file);
  expect(octets.readUInt32LE(0)).toBe(0xa1b2c3d4);
  const all: Buffer[] = [];
  for (let at = 24; at < octets.length; at += 16 + octets.readUInt32LE(at + 8))
    all.push(octets.subarray(at + 16, at + 16 + octets.readUInt32LE(at + 8)));
  return all;
}

describe('the trace of a UE', () => {
  it('has its messages of NWu and N2, and nobody else’s', async () => {
    const { traces, world } = await tapped();
    const id = traces.start(1, limits)!;
    await world.ping(world.ues[0]);
    await world.ping(world.ues[1]);
    world.ues[0]!.ue.nas.deregister();
    world.ues[1]!.ue.nas.deregister();
    await world.settle();
    traces.stop(id);
    const { data, ended, packets: counted } = traces.read(id, 0)!;
    const all = packets(data);
    expect({ ended, counted }).toEqual({ ended: true, counted: all.length });
    const addresses = new Set(
      all.flatMap((packet) =>
        [[...packet.subarray(12, 16)], [...packet.subarray(16, 20)]].map((a) => a.join('.')),
      ),
    );
    expect(addresses).toEqual(new Set(['192.0.2.1', '192.0.2.2', '192.0.2.16']));
    const protocols = new Set(all.map((packet) => packet[9]));
    expect(protocols).toEqual(new Set([17, 132]));
    expect(traces.read(id, 0)).toBeUndefined();
  });

  it('has user packets of N3 by the tunnels of its sessions', async () => {
    const { traces, world } = await tapped();
    const id = traces.start(1, limits)!;
    const [one, two] = [...world.gateway.ues].map((ue) => [...ue.sessions.values()][0]!);
    const gtpu = (teid: number) => Uint8Array.of(0x30, 255, 0, 0, teid >>> 24, teid >>> 16, teid >>> 8, teid);
    const here = { address: '192.0.2.1', port: 2152 };
    const upf = { address: one!.ulTunnel.address, port: 2152 };
    traces.n3(gtpu(one!.dlTeid), upf, here);
    traces.n3(gtpu(one!.ulTunnel.teid), here, upf);
    traces.n3(gtpu(two!.dlTeid), upf, here);
    traces.n3(new Uint8Array(3), upf, here);
    expect(traces.read(id, 0)?.packets).toBe(2);
  });

  it('shows no K_N3IWF', async () => {
    const { traces, keys, id } = await tapped(1);
    traces.stop(id!);
    const { data, packets: counted } = traces.read(id!, 0)!;
    expect(counted).toBeGreaterThan(5);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(Buffer.from(data).includes(Buffer.from(key))).toBe(false);
    expect(Buffer.from(data).includes(Buffer.alloc(32))).toBe(true);
  });
});

describe('the trace of a UE, within its bounds', () => {
  it('ends by its size and by its time', async () => {
    const { traces, world, pass } = await tapped();
    const small = traces.start(1, { seconds: 60, octets: 2000 })!;
    const short = traces.start(1, { seconds: 5, octets: 1_000_000 })!;
    for (let times = 0; times < 20; times++) await world.ping();
    const full = traces.read(small, 0)!;
    expect(full.ended).toBe(true);
    expect(full.data.length).toBeLessThanOrEqual(2000);
    expect(traces.read(short, 0)!.ended).toBe(false);
    pass(5000);
    expect(traces.read(short, 0)!.ended).toBe(true);
  });

  it('is read piece by piece', async () => {
    const { traces, world } = await tapped();
    const id = traces.start(1, { seconds: 60, octets: 10_000_000 })!;
    await world.ping();
    const first = traces.read(id, 0)!;
    await world.ping();
    const rest = traces.read(id, first.data.length)!;
    expect([first.ended, rest.ended]).toEqual([false, false]);
    expect(packets(Buffer.concat([first.data, rest.data]))).toHaveLength(rest.packets);
    expect(traces.read(id, 1e9)!.data).toHaveLength(0);
  });

  it('is one of a few, and old ones that nobody fetches make way', async () => {
    const { traces, pass } = await tapped();
    const started = [1, 2, 3, 4, 5].map(() => traces.start(1, limits));
    expect(started.map((id) => id !== undefined)).toEqual([true, true, true, true, false]);
    pass(121_000);
    expect(traces.start(1, limits)).toBeDefined();
    traces.stop('nothing');
  });

  it('is a tap beside others', () => {
    const seen: string[] = [];
    const tap = (name: string) => ({
      nwu: () => void seen.push(`${name} nwu`),
      n3: () => void seen.push(`${name} n3`),
      n2: () => void seen.push(`${name} n2`),
    });
    const both = bothTaps(tap('a'), tap('b'));
    const at = { address: '', port: 0 };
    both.nwu(new Uint8Array(0), at, at);
    both.n3(new Uint8Array(0), at, at);
    both.n2(new Uint8Array(0), 0, true);
    expect(seen).toEqual(['a nwu', 'b nwu', 'a n3', 'b n3', 'a n2', 'b n2']);
  });
});

describe('n3iwf trace', () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('writes the file until the time is over, and says what is wrong', async () => {
    const { traces, world, pass } = await tapped();
    const { gateway } = world;
    const view = new NodeView({
      ...{
        gateway,
        nodeName: () => '',
        policy: () => '',
        startedMs: 0,
        wallMs: () => 0,
        draining: () => false,
      },
      ...{ keySupply: () => undefined, keyCounts: undefined, audit: undefined },
    });
    const socket = join(folder, 'c.sock');
    const control = await NodeControl.open({ path: socket });
    control.serve(traceRoutes(view, traces));
    const file = join(folder, 'ue.pcap');
    const begun = vi.spyOn(traces, 'start');
    const words = ['trace', '208930000000001', '-s', socket, '--pcap'];
    const running = cli(...words, file, '--seconds', '2');
    await vi.waitFor(() => expect(begun).toHaveBeenCalled(), { timeout: 10_000 });
    await world.ping();
    pass(3000);
    const { status, text } = await running;
    expect(status).toBe(0);
    expect(text).toMatch(/^\d+ packets in /);
    expect(packets(readFileSync(file)).length).toBe(Number(/^\d+/.exec(text)?.[0]));
    expect(packets(readFileSync(file)).length).toBeGreaterThan(0);
    const statusOf = async (...line: string[]) => (await cli(...line)).status;
    expect(await statusOf('trace', 'nobody', '-s', socket, '--pcap', file)).toBe(9);
    expect(await statusOf(...words, join(folder, 'none', 'x'))).toBe(2);
    expect(await statusOf(...words, file, '--octets', '1')).toBe(9);
    await control.close();
  });
});
