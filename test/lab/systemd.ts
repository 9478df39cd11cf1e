/**
 * The unit of deploy/systemd, as it is, under a systemd that has booted: start, secrets, what the service may do, reload,
 * a stall, stop, a wrong configuration. KMEs, core and UEs run beside that systemd. One line per step; exit status 0 only
 * if all of them held.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { inNamespace, newNamespace, Processes, type Running, until } from './processes.ts';
import { SystemdMachine } from './systemd-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'systemd-'));
const processes = new Processes(folder);
const unit = 'n3iwf.service';
const configFile = '/etc/n3iwf/n3iwf.yaml';
const name = 'n3iwf.lab';
const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const subscriber = {
  imsi: '208930000000001',
  k: '465b5ce8b199b49faa5f0a2ee238a6bc',
  opc: 'cd63cb71954a9f4e48a5994e37a02baf',
};
/** Node and UE are joined by a pair of interfaces: the kernel leaves packets on the loopback to no IPsec. */
const [nodeAddress, coreAddress, ueAddress] = ['10.9.0.1', '127.0.1.2', '10.9.0.2'];
/** CAP_NET_BIND_SERVICE alone, as /proc/PID/status has it. */
const onlyLowPorts = '0000000000000400';
/** With CAP_NET_ADMIN and CAP_NET_RAW, too. */
const kernelPlane = '0000000000003400';
/** What systemd-analyze's rating from 0 (nothing is open) to 10 must stay under, in tenths. */
const exposureLimit = '20';

const credentials = (sae: string) => ({
  ca: join(folder, 'authority.pem'),
  certificate: join(folder, `${sae}.pem`),
  key: join(folder, `${sae}.key`),
});

/** What the service reads; `n2` goes over the section of that name, `more` beside the sections. */
function nodeConfig(n2: object = {}, more: object = {}): string {
  const etc = (file: string) => `/etc/n3iwf/${file}`;
  return stringify({
    ike: { address: nodeAddress, identity: name },
    inner: { pool: '10.45.0.0/24', address: '10.45.0.1' },
    n2: { n3iwfId: 135, plmn, tac: '000001', slices: [slice], amfs: [{ addresses: [coreAddress] }], ...n2 },
    n3: { address: '127.0.1.1' },
    qkd: {
      ...{ kme: `https://${nodeAddress}:8441`, kmeId: 'kme-n3iwf', saeId: 'sae-n3iwf', ueSaeId: 'sae-ue' },
      ...{ ca: etc('kme-ca.pem'), certificate: etc('sae.pem'), key: `/run/credentials/${unit}/sae.key` },
      store: '/var/lib/n3iwf/keys.db',
      keyEncryptionKey: { credential: 'kek' },
    },
    control: { path: '/run/n3iwf/control.sock' },
    ...more,
  });
}

const files = {
  kme: () =>
    processes.file('kme', {
      nodes: [
        { kmeId: 'kme-n3iwf', saeIds: ['sae-n3iwf'], listen: { address: nodeAddress, port: 8441 } },
        { kmeId: 'kme-ue', saeIds: ['sae-ue'], listen: { address: nodeAddress, port: 8442 } },
      ],
      links: [{ between: ['kme-n3iwf', 'kme-ue'], initialBits: 256_000 }],
      credentialsFolder: folder,
    }),
  core: () =>
    processes.file('core', {
      ...{ n2: { addresses: [coreAddress] }, n3: { address: coreAddress }, plmn },
      ...{ slices: [slice], subscribers: [subscriber] },
    }),
  ue: () =>
    processes.file('ue', {
      ...{ address: ueAddress, n3iwf: { address: nodeAddress, identity: name }, subscriber, plmn, slice },
      qkd: {
        ...{ kme: `https://${nodeAddress}:8442`, kmeId: 'kme-ue', n3iwfSaeId: 'sae-n3iwf' },
        ...credentials('sae-ue'),
      },
      keepPinging: { everyMs: 200, limitMs: 5000 },
      patienceMs: 60_000,
    }),
};

function demand(what: string, holds: boolean, told: unknown): void {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(told)}`);
}

const said = (line: string) => console.log(`${line}: ok`);

/** Asks the machine twice a second: each look is a program there. */
const settled = (what: string, holds: () => boolean, seconds: number) =>
  until(what, holds, seconds, undefined, 500);

/** Key managers and core, and the certificates of the former. */
async function startWorld(): Promise<void> {
  newNamespace('ue', `${nodeAddress}/24`, `${ueAddress}/24`);
  const kme = processes.command('kme', [], 'kme', '-c', files.kme());
  const isThere = () => processes.tryRead(join(folder, 'sae-ue.key')) !== undefined;
  await until('KMEs', isThere, 60, kme);
  const core = processes.command('core', [], 'core', '-c', files.core());
  await until('core', () => core.output().includes('listening'), 60, core);
}

/** As deploy/guides/first-attach.md says: the configuration, secrets for root alone, the unit. */
function install(machine: SystemdMachine): void {
  const { ca, certificate, key } = credentials('sae-n3iwf');
  machine.file('/etc/n3iwf/kme-ca.pem', readFileSync(ca));
  machine.file('/etc/n3iwf/sae.pem', readFileSync(certificate));
  machine.file('/etc/n3iwf/sae.key', readFileSync(key), 0o600);
  machine.file('/etc/n3iwf/kek', new Uint8Array(32).fill(0x4b), 0o600);
  machine.file(configFile, nodeConfig());
  const text = readFileSync(new URL('../../deploy/systemd/n3iwf.service', import.meta.url));
  machine.file(`/etc/systemd/system/${unit}`, text);
  machine.run('systemctl', 'daemon-reload');
}

/** systemd's own look at the unit. */
function analyze(machine: SystemdMachine): void {
  const { status, stderr } = machine.try('systemd-analyze', 'verify', `/etc/systemd/system/${unit}`);
  demand('systemd-analyze verify', status === 0 && stderr.trim() === '', stderr);
  const rated = machine.try('systemd-analyze', 'security', `--threshold=${exposureLimit}`, unit);
  const verdict = /Overall exposure level.*/.exec(rated.stdout)?.[0];
  demand('systemd-analyze security', rated.status === 0, verdict ?? rated.stderr);
  said('systemd-analyze finds no fault with the unit');
}

/** `Name: value` lines of the service's /proc/PID/status. */
function processStatus(machine: SystemdMachine): Map<string, string> {
  const text = machine.run('cat', `/proc/${machine.property(unit, 'MainPID')}/status`);
  return new Map(text.split('\n').map((line) => line.split(/:\s*(.*)/s).slice(0, 2) as [string, string]));
}

/** A start is over when the node serves, and not before. */
function start(machine: SystemdMachine): void {
  demand('start', machine.try('systemctl', 'start', unit).status === 0, machine.journal(unit));
  demand('serves', machine.property(unit, 'StatusText') === 'serves', machine.journal(unit));
  demand('journal', machine.journal(unit).includes('N3IWF is up'), machine.journal(unit));
  said('systemctl start waits until the node serves');
}

/** Its user, what that may do, and who reads its secrets. */
function whatItMayDo(machine: SystemdMachine, capabilities: string): void {
  const status = processStatus(machine);
  const shown = [...status];
  const uid = status.get('Uid')?.split('\t')[0] ?? '';
  demand('a user of its own', Number(uid) > 60_000, shown);
  for (const set of ['CapEff', 'CapPrm', 'CapBnd', 'CapAmb'])
    demand(set, status.get(set) === capabilities, shown);
  demand('no new privileges', status.get('NoNewPrivs') === '1', shown);
  demand('filter of system calls', status.get('Seccomp') === '2', shown);
  const folders = machine.run('stat', '--format', '%a %u', '/run/n3iwf', '/var/lib/private/n3iwf').trim();
  demand('its folders', folders === `750 ${uid}\n700 ${uid}`, folders);
  for (const secret of ['sae.key', 'kek']) {
    const asNobody = ['setpriv', '--reuid=65534', '--clear-groups', 'cat'];
    for (const place of ['/etc/n3iwf', `/run/credentials/${unit}`])
      demand(secret, machine.try(...asNobody, `${place}/${secret}`).status !== 0, place);
  }
}

/** A UE that stays, and pings. */
async function attach(step: string): Promise<Running> {
  const ue = processes.command('ue', inNamespace('ue'), 'ue', '-c', files.ue());
  await until(step, () => answered(ue) >= 3, 90, ue);
  said(step);
  return ue;
}

/** Pings that were answered so far. */
const answered = (ue: Running) => ue.output().match(/^ping \d+: [\d.]+ ms/gm)?.length ?? 0;

/** A command of `n3iwf` by root, over the socket in the service's own folder. */
function ask(machine: SystemdMachine, ...words: readonly string[]): string {
  const program = ['/opt/qn3iwf/node_modules/.bin/node', '/opt/qn3iwf/n3iwf/main.ts'];
  return machine.run(...program, ...words, '-c', configFile);
}

/** The packets of one UE that is pinging. */
function trace(machine: SystemdMachine): void {
  const file = '/run/ue.pcap';
  const words = ['--pcap', file, '--seconds', '3', '--json'];
  const told = JSON.parse(ask(machine, 'trace', `imsi-${subscriber.imsi}`, ...words));
  const octets = Number(machine.run('stat', '--format', '%s', file));
  // A ping and its answer pass as ESP and as GTP-U; each packet has 16 octets of its own and those of the file are 24.
  demand('packets', told.packets >= 4 && octets > 24 + told.packets * (16 + 84), { told, octets });
  said('n3iwf trace takes what crosses the service for that UE');
}

/** A new name is taken, and the UE stays. */
async function reload(machine: SystemdMachine, ue: Running): Promise<void> {
  const pid = machine.property(unit, 'MainPID');
  machine.file(configFile, nodeConfig({ name: 'renamed-by-reload' }));
  machine.run('systemctl', 'reload', unit);
  const journal = () => machine.journal(unit);
  await settled('the reload', () => journal().includes('the configuration is reloaded'), 60);
  demand('new name', JSON.parse(ask(machine, 'status', '--json')).name === 'renamed-by-reload', journal());
  const before = answered(ue);
  await until('pings go on', () => answered(ue) > before + 2, 60, ue);
  const active = () => machine.property(unit, 'ActiveState') === 'active';
  await settled('the reload ends', active, 60);
  demand('same process', machine.property(unit, 'MainPID') === pid, journal());
  said('systemctl reload changes what may change, the UE pings on');
}

/** A process that does nothing any more is killed and started again. */
async function stall(machine: SystemdMachine): Promise<void> {
  const pid = machine.property(unit, 'MainPID');
  machine.run('kill', '-STOP', pid);
  const restarted = () => machine.property(unit, 'NRestarts') === '1';
  await settled('the watchdog', restarted, 90);
  await settled('it serves again', () => machine.property(unit, 'StatusText') === 'serves', 60);
  demand('why', machine.try('journalctl', '--no-pager').stdout.includes('Watchdog timeout'), pid);
  said('a node that stalls is ended and started again');
}

/** `systemctl stop` releases the UE, and no time limit cuts that short. */
async function stop(machine: SystemdMachine, ue: Running): Promise<void> {
  machine.run('systemctl', 'stop', unit);
  demand('result', machine.property(unit, 'Result') === 'success', machine.journal(unit));
  demand('exit status', machine.property(unit, 'ExecMainStatus') === '0', machine.journal(unit));
  const released = machine
    .journal(unit)
    .split('\n')
    .filter((line) => line.includes('UEs are released'));
  demand('releases', released.length === 1, machine.journal(unit));
  await until('the UE hears of it', () => ue.child.exitCode !== null, 15, ue);
  demand('credentials', machine.try('ls', `/run/credentials/${unit}`).status !== 0, 'still there');
  said('systemctl stop releases the UE first, and the secrets are gone');
}

/** The same unit with the drop-in for a user plane in the kernel. */
async function kernel(machine: SystemdMachine): Promise<void> {
  const dropIn = readFileSync(new URL('../../deploy/systemd/kernel-plane.conf', import.meta.url));
  machine.file(`/etc/systemd/system/${unit}.d/kernel-plane.conf`, dropIn);
  machine.run('systemctl', 'daemon-reload');
  machine.file(configFile, nodeConfig({}, { userPlane: { plane: 'kernel', interfaceKind: 'dummy' } }));
  demand('start', machine.try('systemctl', 'start', unit).status === 0, machine.journal(unit));
  whatItMayDo(machine, kernelPlane);
  const ue = await attach('with its drop-in, the same with ESP in the kernel: a UE attaches and pings');
  machine.run('systemctl', 'stop', unit);
  await until('the UE hears of it', () => ue.child.exitCode !== null, 30, ue);
  const left = machine.run('ip', 'xfrm', 'state');
  demand('nothing is left in the kernel', left.trim() === '', left);
}

/** A file that is wrong gets no second try. */
async function refuse(machine: SystemdMachine): Promise<void> {
  machine.file(configFile, nodeConfig({ tac: 'none' }));
  demand('start', machine.try('systemctl', 'start', unit).status !== 0, machine.journal(unit));
  await settled('failed', () => machine.property(unit, 'ActiveState') === 'failed', 30);
  demand('status', machine.property(unit, 'ExecMainStatus') === '2', machine.journal(unit));
  demand('key named', machine.journal(unit).includes('n2.tac'), machine.journal(unit));
  said('a wrong configuration is named in the journal, and not tried again');
}

try {
  await startWorld();
  const machine = await SystemdMachine.boot(processes, '/opt/qn3iwf');
  install(machine);
  analyze(machine);
  start(machine);
  whatItMayDo(machine, onlyLowPorts);
  said('it is no root, has one capability, and its secrets are for it alone');
  const first = await attach('a UE attaches with keys of the KME and pings');
  trace(machine);
  await reload(machine, first);
  await stall(machine);
  first.child.kill('SIGKILL');
  const second = await attach('a UE attaches after that');
  await stop(machine, second);
  await kernel(machine);
  await refuse(machine);
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  processes.killAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
