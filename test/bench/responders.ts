/**
 * CPU of a whole responder process per IKEv2 handshake: ours and strongSwan's charon, each in a namespace of its own behind
 * a veth pair, under the same initiators, run by run in turn. Needs root. With INTEROP_CHARON it is a charon built apart, with load-tester's fake kernel;
 * else Debian's, whose kernel side is kernel-libipsec.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Charon, charonAddress, ownAddress } from '../interop/charon.ts';
import { sharedSecret } from '../interop/our-peer.ts';
import { IkeLoad } from './support/ike-load.ts';

const ourNetwork = `10.78.${process.pid % 256}`;
const ourAddress = `${ourNetwork}.1`;
/** Where the initiators are, as each responder sees them. */
const sources = { charon: ownAddress, ours: `${ourNetwork}.2` };
const ourNamespace = `ours${process.pid}`;
const ticksPerSecond = 100;
const hasMlKem = process.env.INTEROP_CHARON !== undefined;
const suites = [
  'aes256gcm16-prfsha256-x25519',
  ...(hasMlKem ? ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'] : []),
];

const charonConf = `connections { answer { version = 2
    local_addrs = ${charonAddress}
    remote_addrs = %any
    unique = never
    mobike = no
    rekey_time = 0
    pools = inner
    proposals = ${suites.join(', ')}
    local { auth = psk
      id = charon.test }
    remote { auth = psk
      id = our-ue.test }
    children { c { local_ts = 10.55.0.0/24
      rekey_time = 0
      esp_proposals = aes256gcm16 } } } }
pools { inner { addrs = 10.64.0.0/12 } }
secrets { ike-1 { secret = "${sharedSecret}" } }
`;

/** µs of CPU that a process and its threads have used, to 10 ms. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Distribution-free interval for the median of few runs: the smallest and the largest of them. */
const span = (values: readonly number[]) =>
  `${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))}`;

/** Our responder, with a path to it like charon's. */
async function startOurs(): Promise<ChildProcess> {
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const near = `our${process.pid}`;
  ip('netns', 'add', ourNamespace);
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', 'ike0', 'netns', ourNamespace);
  ip('addr', 'add', `${sources.ours}/24`, 'dev', near);
  ip('link', 'set', near, 'up');
  ip('-n', ourNamespace, 'addr', 'add', `${ourAddress}/24`, 'dev', 'ike0');
  ip('-n', ourNamespace, 'link', 'set', 'ike0', 'up');
  const script = fileURLToPath(new URL('support/psk-responder.ts', import.meta.url));
  const ours = spawn('ip', ['netns', 'exec', ourNamespace, process.execPath, script, ourAddress], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(ours.stdout ?? ours, 'data');
  return ours;
}

/** One line per suite and responder, with the ratio of ours to charon's. */
export async function run(options: { runs?: number; handshakes?: number } = {}) {
  const { runs = 5, handshakes = 1000 } = options;
  const charon = await Charon.start({ 'swanctl.conf': charonConf }, { measured: sharedSecret });
  const ours = await startOurs();
  try {
    const rows = [];
    for (const words of suites)
      rows.push(...(await compare(words, { charon: charon.pid, ours: ours.pid ?? 0 }, runs, handshakes)));
    return rows;
  } finally {
    ours.stdin?.end();
    execFileSync('ip', ['netns', 'del', ourNamespace]);
    await charon.stop();
  }
}

async function compare(
  words: string,
  pids: { charon: number; ours: number },
  runs: number,
  handshakes: number,
) {
  const loads = {
    charon: await IkeLoad.open(sources.charon, words),
    ours: await IkeLoad.open(sources.ours, words),
  };
  const measure = async (responder: 'charon' | 'ours') => {
    const before = cpuOf(pids[responder]);
    await loads[responder].run(responder === 'ours' ? ourAddress : charonAddress, handshakes);
    return (cpuOf(pids[responder]) - before) / handshakes;
  };
  const values = { charon: [] as number[], ours: [] as number[] };
  for (let i = -1; i < runs; i++) {
    const charon = await measure('charon');
    const ours = await measure('ours');
    // The first run warms both up.
    if (i >= 0) {
      values.charon.push(charon);
      values.ours.push(ours);
    }
  }
  for (const load of Object.values(loads)) await load.close();
  const ratios = values.ours.map((each, at) => each / (values.charon[at] ?? NaN));
  const row = (responder: 'charon' | 'ours') => ({
    suite: words,
    responder,
    'CPU per handshake, µs': Math.round(median(values[responder])),
    span: span(values[responder]),
    'ours/charon': responder === 'ours' ? Number(median(ratios).toFixed(2)) : '',
  });
  return [row('charon'), row('ours')];
}
