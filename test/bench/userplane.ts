import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { EspReceiver, EspSender } from '../../n3iwf/userplane/esp.ts';
import { downlinkDatagram, uplinkSource } from './support/packet-source.ts';
import {
  cipherFactory,
  keys,
  NODE,
  planeUnderTest,
  random,
  spiIn,
  suite,
} from './support/plane-under-test.ts';

const UE = { address: '203.0.113.7', port: 4500 };
const UPF = { address: '127.0.0.1', port: 2152 };
const sizes = [64, 512, 1400] as const;

/**
 * One measurement: user packets of `octets`, per second of one core, and their rate without headers. CPU is that of the
 * thread of the plane, so that a busy machine changes little; `seen` is per second of the wall clock.
 */
export interface UserplaneRow {
  readonly name: string;
  readonly octets: number;
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly gbitPerSecond: number;
  readonly seen: number;
}

/** CPU of this thread in µs. */
function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

interface Sample {
  readonly cpuUs: number;
  readonly wallUs: number;
}

/** Per call of `work`, over `count` of them. */
function timed(count: number, work: (i: number) => void): Sample {
  const [cpu, wall] = [cpuUs(), performance.now()];
  for (let i = 0; i < count; i++) work(i);
  return { cpuUs: (cpuUs() - cpu) / count, wallUs: ((performance.now() - wall) * 1000) / count };
}

function median(samples: readonly Sample[]): Sample {
  return [...samples].sort((a, b) => a.cpuUs - b.cpuUs)[samples.length >> 1] as Sample;
}

function row(name: string, octets: number, sample: Sample): UserplaneRow {
  const perSecond = Math.round(1e6 / sample.cpuUs);
  return {
    name,
    octets,
    cpuUs: Number(sample.cpuUs.toFixed(2)),
    perSecond,
    gbitPerSecond: Number(((perSecond * octets * 8) / 1e9).toFixed(2)),
    seen: Math.round(1e6 / sample.wallUs),
  };
}

/** What one packet costs in each layer, and in all of them: the parts are measured alone, from the cipher outwards. */
function measureLayers(octets: number, count: number): Record<string, Sample> {
  const sealing = new EspSender(spiIn, suite, keys, random, 0, cipherFactory);
  const receiver = new EspReceiver(spiIn, suite, keys, undefined, cipherFactory);
  const plane = planeUnderTest({ sendEsp: () => {}, sendGtpu: () => {} });
  const source = uplinkSource(octets);
  const packets = (): Uint8Array[] => Array.from({ length: count }, source);
  const downlink = downlinkDatagram(octets);
  const length = octets + 28;
  const [text, iv, aad] = [new Uint8Array(length + 2), new Uint8Array(8), new Uint8Array(8)];
  const out = new Uint8Array(length + 18);
  const forReceiver = packets();
  const forPlane = packets();
  const forBoth = packets();
  return {
    'cipher, seal': timed(count, () => sealing.cipher.sealInto(out, 0, iv, aad, text)),
    'ESP, seal': timed(count, () => {
      sealing.prepare(length);
      sealing.sealPrepared(4, length);
    }),
    'down, GTP-U to ESP': timed(count, () => plane.receiveGtpu(0, downlink, UPF)),
    'ESP, open': timed(count, (i) => receiver.open(forReceiver[i] as Uint8Array)),
    'up, ESP to GTP-U': timed(count, (i) => plane.receiveEsp(0, forPlane[i] as Uint8Array, NODE, UE)),
    'both, a packet each way': timed(count, (i) => {
      plane.receiveEsp(0, forBoth[i] as Uint8Array, NODE, UE);
      plane.receiveGtpu(0, downlink, UPF);
    }),
  };
}

function measureInProcess(octets: number, runs: number, count: number): UserplaneRow[] {
  measureLayers(octets, count);
  const measured = Array.from({ length: runs }, () => measureLayers(octets, count));
  const names = Object.keys(measured[0] ?? {});
  return names.map((name) => row(name, octets, median(measured.map((one) => one[name] as Sample))));
}

/** The plane between two UDP sockets of this thread, fed by other threads for `ms`. */
async function measureSockets(
  octets: number,
  directions: readonly ('up' | 'down')[],
  ms: number,
  batches: boolean,
): Promise<Sample> {
  const options = { batches };
  const fault = () => {};
  const sink = await UdpSocket.open({ address: '127.0.0.1', port: 0 }, () => {});
  let relayed = 0;
  const plane = planeUnderTest(
    {
      sendEsp: (packet) => {
        relayed++;
        nwu.send(packet, sink.local);
      },
      sendGtpu: (datagram) => {
        relayed++;
        n3.send(datagram, sink.local);
      },
    },
    sink.local,
  );
  const nwu = await UdpSocket.open(
    NODE,
    (data, remote, local, tos) => plane.receiveEsp(0, data, local, remote, tos),
    fault,
    options,
  );
  const n3 = await UdpSocket.open(
    NODE,
    (data, remote, _, tos) => plane.receiveGtpu(0, data, remote, tos),
    fault,
    options,
  );
  const threads = directions.map((direction) => {
    const port = direction === 'up' ? nwu.local.port : n3.local.port;
    return new Worker(new URL('./support/blaster.ts', import.meta.url), {
      workerData: { octets, direction, port },
    });
  });
  await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once('message', resolve))));
  await new Promise((resolve) => setTimeout(resolve, ms / 4));
  const [cpu, wall, before] = [cpuUs(), performance.now(), relayed];
  await new Promise((resolve) => setTimeout(resolve, ms));
  const count = relayed - before;
  const sample = { cpuUs: (cpuUs() - cpu) / count, wallUs: ((performance.now() - wall) * 1000) / count };
  for (const thread of threads) thread.postMessage('stop');
  await Promise.all([...threads.map((thread) => thread.terminate()), sink.close(), nwu.close(), n3.close()]);
  return sample;
}

/**
 * User packets of 64, 512 and 1400 octets through the plane with AES-256-GCM: ESP to GTP-U, GTP-U to ESP, and both in
 * turns; without sockets layer by layer, then between UDP sockets of one thread on the loopback interface.
 */
export async function run(
  options: { runs?: number; packets?: number; socketMs?: number } = {},
): Promise<UserplaneRow[]> {
  const { runs = 5, packets = 20_000, socketMs = 1500 } = options;
  const rows = sizes.flatMap((octets) => measureInProcess(octets, runs, packets));
  for (const octets of sizes) {
    for (const directions of [['up'], ['down'], ['up', 'down']] as const) {
      for (const batches of [true, false]) {
        const how = batches ? 'batches' : 'one by one';
        const name = `UDP sockets, ${directions.length === 2 ? 'both' : directions[0]}, ${how}`;
        rows.push(row(name, octets, await measureSockets(octets, directions, socketMs, batches)));
      }
    }
  }
  return rows;
}
