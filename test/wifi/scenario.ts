/**
 * A UE on simulated Wi-Fi, inside a kernel that has it: it associates, gets an address, finds the N3IWF by DNS, attaches,
 * pings, and roams to a second access point and back, where its address is another each time. One line per step; exit
 * status 0 only if all of them held.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  accessPoints,
  bssidOf,
  droppedPackets,
  loadFirewall,
  openAccessPoint,
  openRadios,
  Station,
  ueNamespace,
} from './access-points.ts';
import { n3iwfAddress, writeConfigurations } from './configuration.ts';
import { endAll, type Running, run, startNode, until } from './processes.ts';

const started = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'wifi-'));
const files = writeConfigurations(folder);
const [first, second] = accessPoints;

/** Does one step and says that it held; a fault ends the run. */
async function step<T>(name: string, action: () => Promise<T> | T): Promise<T> {
  const result = await action();
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${name}: ok`);
  return result;
}

function demand(what: string, holds: boolean, told: unknown): void {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(told)}`);
}

/** Core and N3IWF, up to NG Setup. */
async function startNetwork(): Promise<{ core: Running; n3iwf: Running }> {
  run('ip', 'addr', 'add', `${n3iwfAddress}/32`, 'dev', 'lo');
  const core = startNode([], 'core', files.core);
  await until('core', 300, () => core.output().includes('listening'), core);
  const n3iwf = startNode([], 'run', files.run);
  await until('NG Setup', 300, () => n3iwf.output().includes('accepted NG Setup'), n3iwf);
  return { core, n3iwf };
}

/** From the Wi-Fi side nothing answers but DHCP, DNS, IKE and ESP: a port of N3 and one of TCP are tried at two addresses. */
function probeFirewall(): void {
  const before = droppedPackets();
  const [program = '', ...prefix] = ueNamespace;
  for (const address of [n3iwfAddress, `${first.network}.1`]) {
    for (const port of [`udp/${address}/2152`, `tcp/${address}/22`]) {
      const probe = `echo probe >/dev/${port}`;
      run(program, ...prefix, 'bash', '-c', `timeout 2 bash -c '${probe}' 2>/dev/null || true`);
    }
  }
  const dropped = droppedPackets() - before;
  demand('four probes are dropped', dropped >= 4, dropped);
}

const spis = (line: string | undefined) => / Child SAs (.*)$/.exec(` ${line}`)?.[1];
const lines = (who: Running, pattern: RegExp) =>
  who
    .output()
    .split('\n')
    .filter((line) => pattern.test(line));
const answered = (ue: Running) => lines(ue, /^ping \d+: [\d.]+ ms/).length;

/** The highest number of a ping that was answered. */
const lastAnswered = (ue: Running) =>
  Math.max(0, ...lines(ue, /^ping \d+: [\d.]+ ms/).map((line) => Number(/\d+/.exec(line)?.[0])));
/** Pings above the first number and below the second were under way in a handover. */
const handovers: (readonly [number, number])[] = [];

/** Waits for pings that are answered from now on. */
async function pings(ue: Running, count: number): Promise<void> {
  const before = answered(ue);
  await until(`${count} more pings answered`, 150, () => answered(ue) >= before + count, ue);
}

/** Goes to an access point; the UE itself has to notice its new address. */
async function roamTo(point: (typeof accessPoints)[number], station: Station, ue: Running): Promise<void> {
  const moves = lines(ue, /^moved to /).length;
  const before = lastAnswered(ue);
  await station.roam(bssidOf(point));
  const address = station.lease();
  demand('address of its network', address.startsWith(`${point.network}.`), address);
  await until('MOBIKE', 150, () => lines(ue, /^moved to /).length > moves, ue);
  const told = lines(ue, /^moved to /).at(-1) ?? '';
  demand('moved to that address', told.startsWith(`moved to ${address} by MOBIKE`), told);
  console.log(`            ${told}`);
  await pings(ue, 1);
  handovers.push([before, lastAnswered(ue)]);
}

/** Numbers of the pings that were lost. */
function lostPings(ue: Running): number[] {
  return lines(ue, /^ping \d+: lost/).map((line) => Number(/\d+/.exec(line)?.[0]));
}

async function associate(station: Station): Promise<void> {
  await station.associate(bssidOf(first));
  const bssid = station.status().get('bssid');
  if (bssid !== bssidOf(first)) await station.roam(bssidOf(first));
  demand('key management', station.status().get('key_mgmt') === 'WPA2-PSK', [...station.status()]);
  const address = station.lease();
  demand('address', address.startsWith(`${first.network}.`), address);
}

async function attach(): Promise<Running> {
  const ue = startNode(ueNamespace, 'ue', files.ue);
  await until('N3IWF by DNS', 150, () => lines(ue, /^found n3iwf\.5gc\./).length === 1, ue);
  await until('registration', 150, () => lines(ue, / is registered, /).length === 1, ue);
  await until('PDU session', 150, () => lines(ue, / has PDU session 1 /).length === 1, ue);
  for (const line of lines(ue, /^found | is registered| has PDU session /))
    console.log(`            ${line}`);
  return ue;
}

/** Nothing of the SAs, the session or the registration was made anew. */
function demandSame(ue: Running, core: Running, n3iwf: Running): void {
  const told = lines(ue, /Child SAs /).map(spis);
  demand('same SPIs before and after', new Set(told).size === 1 && told.length === 3, told);
  demand('one registration', lines(core, /"type":"registered"/).length === 1, lines(core, /registered/));
  demand('one IKE SA', lines(n3iwf, /UE started EAP-5G/).length === 1, lines(n3iwf, /EAP-5G/));
  const seen = lines(n3iwf, /UE is at another address/);
  demand('the N3IWF saw both moves', seen.length === 2, seen);
  console.log(`            Child SAs throughout: ${told[0]}`);
}

async function detach(ue: Running, core: Running): Promise<void> {
  process.kill(ueProcess(), 'SIGTERM');
  await until('end of the UE', 150, () => ue.child.exitCode !== null, { ...ue, child: core.child });
  demand('exit status', ue.child.exitCode === 0, ue.output().slice(-500));
  console.log(`            ${lines(ue, /^pings: /)[0]}`);
  const elsewhere = lostPings(ue).filter((number) => !handovers.some(([a, b]) => a < number && number < b));
  demand('no ping lost but in a handover', elsewhere.length === 0, { elsewhere, handovers });
}

/** `ip netns exec` becomes the UE itself, so its own number serves. */
let ueChild: Running | undefined;
const ueProcess = () => ueChild?.child.pid ?? 0;

async function scenario(): Promise<void> {
  const station = new Station(folder);
  run('modprobe', 'sctp');
  await step('three simulated radios, the third with the UE', () => openRadios());
  const { core, n3iwf } = await step('core and N3IWF are up, NG Setup is done', () => startNetwork());
  await step('access points with WPA2 and WPA3, one name, two networks', async () => {
    for (const point of accessPoints) await openAccessPoint(point, folder);
    loadFirewall(folder);
  });
  await step('the UE associates by WPA2 and has an address by DHCP', () => associate(station));
  await step('the firewall lets nothing else through', () => probeFirewall());
  const ue = await step('the UE finds the N3IWF by DNS, registers, has a PDU session', () => attach());
  ueChild = ue;
  await step('it pings', () => pings(ue, 10));
  await step('it roams to the other access point, WPA3, with another address', () =>
    roamTo(second, station, ue),
  );
  demand('SAE', station.status().get('key_mgmt') === 'SAE', [...station.status()]);
  await step('it goes on pinging there', () => pings(ue, 10));
  await step('it roams back', () => roamTo(first, station, ue));
  await step('it goes on pinging', () => pings(ue, 10));
  await step('same Child SAs, same session, same registration as before', () => demandSame(ue, core, n3iwf));
  await step('it detaches; pings are missing in the handovers alone', () => detach(ue, core));
}

try {
  await scenario();
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  endAll();
}
process.exit();
