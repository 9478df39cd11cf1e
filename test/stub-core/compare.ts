/**
 * How long free5GC's UE takes to attach to this N3IWF and to free5GC's own, beside one AMF, in one kernel, in turns:
 *   compare.ts AMF-BINARY N3IWF-BINARY N3IWUE-BINARY OUTPUT-FOLDER ATTACHES [XFRM-INTERFACE-MODULE]
 * Both read the same configuration file but for addresses and identifiers. From the UE's first IKE packet on the wire
 * (tcpdump) to Registration Complete at the AMF (its log) and to the first echo reply (ping). Prints medians with
 * bootstrap intervals, what failed and what the AMF complained of, and writes all of it into result.json; status 0 when each
 * has had that many attaches.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bench } from './bench.ts';
import { Free5gcUe } from './n3iwue.ts';
import { nwu, openNwu, prepareKernel } from './network.ts';
import { hasEnded, killAll, type Running, start, until } from './processes.ts';
import { address, free5gcFile } from './settings.ts';
import { medianOf, ratioOf } from './statistics.ts';
import { faultsIn, firstPacketAt, registrationCompleteAt } from './times.ts';

const [amf = '', theirBinary = '', ueBinary = '', folder = '', attaches = '50', xfrmModule] =
  process.argv.slice(2);
const wanted = Number(attaches);
/** Subscribers take turns, so that none comes back at once. */
const subscribers = 30;
/** Failed attaches for each good one before it is given up. */
const patience = 2;
const say = (line: string) => process.stdout.write(`${line}\n`);

/** One N3IWF and what came of the attaches to it; times in s. */
interface Side {
  readonly name: 'ours' | 'theirs';
  readonly n3iwf: { readonly outer: string; readonly inner: string };
  readonly registered: number[];
  readonly pinged: number[];
  readonly failures: string[];
  /** What the AMF complained of while UEs attached and left. */
  readonly amfFaults: string[];
}

const sideOf = (name: Side['name'], outer: string, inner: string): Side => ({
  name,
  n3iwf: { outer, inner },
  registered: [],
  pinged: [],
  failures: [],
  amfFaults: [],
});

/** CPU seconds of a process, in user and kernel mode. */
function cpuOf({ child }: Running): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

await prepareKernel(xfrmModule);
await openNwu();
const bench = await Bench.at(amf, folder);
await bench.startAmf();
const files = await bench.certificate();
const ours = sideOf('ours', nwu.ours, '10.0.0.1');
const theirs = sideOf('theirs', nwu.theirs, '10.1.0.1');
await bench.run(
  'ours',
  () =>
    free5gcFile({
      n3iwfId: 135,
      name: 'ours',
      ike: nwu.ours,
      innerPrefix: '10.0.0',
      gtpu: address.n3iwf,
      ...files,
    }),
  [],
);
const ourProcess = bench.node();
const theirFile = bench.options.file(
  'theirs',
  free5gcFile({
    n3iwfId: 136,
    name: 'theirs',
    ike: nwu.theirs,
    innerPrefix: '10.1.0',
    gtpu: address.otherGtpu,
    ...files,
  }),
);
const theirProcess = start(theirBinary, '-c', theirFile);
await until(
  "free5GC's N3IWF is up",
  () => theirProcess.output().includes('N3IWF started') || hasEnded(theirProcess),
  30,
);
const wire = start('tcpdump', '-i', nwu.bridge, '-n', '-tt', '-l', 'udp dst port 500');
await until('tcpdump listens', () => wire.output().includes('listening on'), 20);

/** One attach, its times, and the UE's leave. */
async function attach(side: Side, index: number): Promise<void> {
  const seen = { wire: wire.output().length, amf: bench.amfOutput().length };
  const ue = await Free5gcUe.start({
    binary: ueBinary,
    folder: join(folder, 'n3iwue'),
    index,
    number: 0,
    n3iwf: side.n3iwf,
    pings: 1,
  });
  try {
    await ue.attached();
    const pinged = ue.firstPing();
    const first = () => firstPacketAt(wire.output().slice(seen.wire));
    await until('tcpdump tells the first packet', () => first() !== undefined, 5);
    const began = first();
    const complete = registrationCompleteAt(bench.amfOutput().slice(seen.amf));
    if (began === undefined || complete === undefined || pinged === undefined)
      throw new Error('a time is missing');
    side.registered.push(complete - began);
    side.pinged.push(pinged - began);
  } catch (error) {
    side.failures.push(`${error instanceof Error ? error.message : String(error)}`);
  }
  if (!(await ue.leave())) side.failures.push('it did not leave by itself');
  side.amfFaults.push(...faultsIn(bench.amfOutput().slice(seen.amf)));
}

/** Writes all times down. @returns CPU seconds since the first attach, where a process still runs */
function save(): Record<Side['name'], number> {
  const spent = (process: Running, from: number) => (hasEnded(process) ? Number.NaN : cpuOf(process) - from);
  const cpu = { ours: spent(ourProcess, before.ours), theirs: spent(theirProcess, before.theirs) };
  writeFileSync(join(folder, 'result.json'), `${JSON.stringify({ ours, theirs, cpu })}\n`);
  return cpu;
}

const before = { ours: cpuOf(ourProcess), theirs: cpuOf(theirProcess) };
for (let round = 0; round < wanted * patience; round++) {
  for (const side of round % 2 === 0 ? [ours, theirs] : [theirs, ours])
    await attach(side, round % subscribers);
  save();
  if (hasEnded(theirProcess) || hasEnded(ourProcess)) break;
  if ([ours, theirs].every(({ pinged }) => pinged.length >= wanted)) break;
}
writeFileSync(join(folder, 'theirs.log'), theirProcess.output());
const cpu = save();
await bench.close();
killAll();
report();
process.exit([ours, theirs].every(({ pinged }) => pinged.length >= wanted) ? 0 : 1);

/** Prints both, and ours over theirs. */
function report(): void {
  const ms = ({ value, from, to }: ReturnType<typeof medianOf>) =>
    `${(value * 1000).toFixed(0)} ms [${(from * 1000).toFixed(0)}, ${(to * 1000).toFixed(0)}]`;
  for (const { name, pinged, failures, amfFaults } of [ours, theirs]) {
    say(`${name}: ${pinged.length} attaches, ${failures.length} failures${kindsOf(failures)}`);
    say(`${name}: the AMF complains ${amfFaults.length} times${kindsOf(amfFaults)}`);
  }
  if ([ours, theirs].some(({ pinged }) => pinged.length === 0)) return;
  for (const [what, key] of [
    ['Registration Complete', 'registered'],
    ['first ping', 'pinged'],
  ] as const) {
    const { value, from, to } = ratioOf(ours[key], theirs[key]);
    say(
      `first IKE packet to ${what}: ours ${ms(medianOf(ours[key]))}, theirs ${ms(medianOf(theirs[key]))}, ` +
        `ours/theirs ${value.toFixed(2)} [${from.toFixed(2)}, ${to.toFixed(2)}]`,
    );
  }
  const each = ({ name, pinged }: Side) => ((cpu[name] / pinged.length) * 1000).toFixed(0);
  say(`CPU of the process per attach and leave: ours ${each(ours)} ms, theirs ${each(theirs)} ms`);
}

/** Failures with how often each came, the most frequent first; numbers in them make no difference. */
function kindsOf(failures: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const failure of failures) {
    const kind = failure.replaceAll(/\b\d+\b/g, 'N').replaceAll(/\[[^\]]*\]/g, '[]');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const told = [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => `; ${count} x ${kind}`);
  return told.join('');
}
