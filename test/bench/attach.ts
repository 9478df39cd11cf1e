/**
 * What one UE costs the N3IWF from IKE_SA_INIT to its PDU session, and while it stays: whole gateway with its N2 codec, a
 * simulated core and simulated UEs in one process, joined by queues under a clock of their own. Sockets are not in it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { World, type WorldOptions } from '../support/world.ts';
import { CpuMeter } from './support/cpu-meter.ts';

/** Of one way of keying: medians over the runs. */
export interface AttachResult {
  readonly keys: string;
  readonly ues: number;
  readonly gatewayUs: number;
  readonly attachesPerCoreSecond: number;
  /** What the gateway still holds for each attached UE, buffers included. */
  readonly kilobytesPerUe: number;
}

const MODES: readonly { readonly keys: string; readonly options: WorldOptions }[] = [
  { keys: 'PSK', options: {} },
  { keys: 'QKD: AUTH, and PPK by RFC 9867', options: { auth: 'qkd', ppk: 'rfc9867' } },
];

const ENTRY_POINTS = ['receiveIke', 'receiveEsp', 'receiveGtpu', 'onN2Event', 'tick'] as const;

/** A world that knows what its gateway uses; NGAP is decoded at its cost, too. */
class MeteredWorld extends World {
  readonly meter = new CpuMeter();

  constructor(options: WorldOptions) {
    super(options);
    this.meter.attach(this.gateway, ENTRY_POINTS);
  }

  protected override deliverToN3iwf(data: Uint8Array, amf: number): void {
    // The simulated core answers NG Setup while it is made, before there is a meter.
    if (this.meter === undefined) super.deliverToN3iwf(data, amf);
    else this.meter.run(() => super.deliverToN3iwf(data, amf));
  }

  /** Drops UEs, cores and what was noted of them. */
  forgetPeers(): void {
    const lists: readonly (readonly unknown[])[] = [
      this.ues,
      this.cores,
      this.toAmf,
      this.toN3iwf,
      this.amfOf,
    ];
    for (const list of lists) (list as unknown[]).length = 0;
    for (const list of [this.fetched, this.obtained, this.confirmed, this.retired]) list.length = 0;
  }
}

/** Collects garbage, as often as it takes for finalizers to run. */
async function heapOctets(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Attaches all UEs of a world, one after the other. */
async function attached(options: WorldOptions, ues: number): Promise<MeteredWorld> {
  const world = new MeteredWorld({ innerPool: '10.0.0.0/16', ...options, ues });
  for (const who of world.ues) {
    await world.register(who);
    await world.openSession(who);
  }
  const { ues: here, teids } = world.left();
  if (here !== ues || teids !== ues) throw new Error(`${here} UEs of ${ues} are here, with ${teids} tunnels`);
  return world;
}

async function measureOnce(options: WorldOptions, ues: number) {
  const held: { world?: MeteredWorld } = { world: await attached(options, ues) };
  const { spent } = held.world?.meter ?? { spent: Number.NaN };
  // All but the gateway goes first, so that what goes with the world is the gateway's.
  held.world?.forgetPeers();
  const before = await heapOctets();
  delete held.world;
  return { gatewayUs: spent / ues, kilobytesPerUe: (before - (await heapOctets())) / ues / 1000 };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** The modes take turns, `runs` times after one turn to warm up. */
export async function run(options: { runs?: number; ues?: number } = {}): Promise<AttachResult[]> {
  const { runs = 5, ues = 300 } = options;
  const modes = MODES.map((mode) => ({ ...mode, done: [] as Awaited<ReturnType<typeof measureOnce>>[] }));
  for (let turn = 0; turn <= runs; turn++) {
    for (const { options: own, done } of modes) {
      const measured = await measureOnce(own, ues);
      if (turn > 0) done.push(measured);
    }
  }
  return modes.map(({ keys, done }) => {
    const gatewayUs = Math.round(median(done.map((each) => each.gatewayUs)));
    return {
      keys,
      ues,
      gatewayUs,
      attachesPerCoreSecond: Math.round(1e6 / gatewayUs),
      kilobytesPerUe: Math.round(median(done.map((each) => each.kilobytesPerUe))),
    };
  });
}
