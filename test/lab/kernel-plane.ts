/**
 * The kernel plane, inside a kernel that has IPsec: `n3iwf run` with its Child SAs in XFRM, the simulated core behind
 * kernel SCTP in a namespace, and UEs in another one whose ESP is the kernel's too. Prints one line per step; exit status
 * 0 only if all of them held.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inNamespace, ip, newNamespace, Processes, type Running, until } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'kernel-plane-'));
const processes = new Processes(folder);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const name = 'n3iwf.lab';
const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const subscriber = {
  imsi: '208930000000001',
  k: '465b5ce8b199b49faa5f0a2ee238a6bc',
  opc: 'cd63cb71954a9f4e48a5994e37a02baf',
};
const preSharedKey = 'a lab knows no secrets';
const proposals = ['aes256gcm16-prfsha256-x25519'];

function coreFile(): string {
  return processes.file('core', {
    n2: { addresses: ['10.1.1.2'] },
    n3: { address: '10.1.1.2' },
    plmn,
    slices: [slice],
    subscribers: [subscriber],
  });
}

/** A kernel with XFRM interfaces may be tried by hand: `dummy` or `xfrm` as the argument leaves the node no choice. */
const interfaceKind = process.argv[2] ?? 'auto';

function nodeFile(): string {
  writeFileSync(join(folder, 'psk'), preSharedKey);
  return processes.file('n3iwf', {
    ike: {
      ...{ address: '192.0.2.1', identity: name, auth: 'psk', ppk: 'none', policy: 'classical', proposals },
      preSharedKeyFile: join(folder, 'psk'),
    },
    inner: { pool: '10.45.0.0/24', address: '10.45.0.1' },
    n2: {
      ...{ n3iwfId: 135, plmn, tac: '000001', slices: [slice], localAddresses: ['10.1.1.1'] },
      amfs: [{ addresses: ['10.1.1.2'] }],
    },
    n3: { address: '10.1.1.1' },
    userPlane: { plane: 'kernel', interfaceKind },
  });
}

function ueFile(esp: string): string {
  const path = join(folder, 'ue.json');
  const ue = {
    ...subscriber,
    ...{
      imeisv: '3560920407930100',
      plmn,
      slice,
      dnn: 'internet',
      auth: 'psk',
      ppk: 'none',
      n3iwfName: name,
    },
    preSharedKey: Buffer.from(preSharedKey).toString('hex'),
    ikeProposals: proposals,
    espProposals: [esp],
  };
  const file = { address: '192.0.2.2', n3iwf: '192.0.2.1', device: 'uplink', sessions: 2, ue };
  writeFileSync(path, JSON.stringify(file));
  return path;
}

/** All that the kernel's IPsec holds here, without what changes by itself. */
function ipsec(): string {
  return ip('xfrm', 'state').replace(/anti-replay.*\n/g, '') + ip('xfrm', 'policy');
}

/** What the kernel's IPsec has dropped in a namespace, by cause. */
function counters(prefix: readonly string[]): string {
  const [program = 'cat', ...words] = [...prefix, 'cat', '/proc/net/xfrm_stat'];
  return execFileSync(program, words, { encoding: 'utf8' }).replace(/^.*\t0\n/gm, '');
}

/** SPIs of the states here. */
function spis(): string[] {
  return [...ip('xfrm', 'state').matchAll(/proto esp spi (0x[0-9a-f]+) reqid 13086/g)].map(
    ([, spi = '']) => spi,
  );
}

function demand(what: string, holds: boolean, seen: unknown): void {
  if (!holds) throw new Error(`${what}: ${String(seen)}`);
}

/** Something that is nobody's business here and must still be there in the end. */
function putForeign(): void {
  const [from, to] = ['198.18.0.1', '198.18.0.2'];
  const key = `0x${'11'.repeat(20)}`;
  const ends = ['src', from, 'dst', to];
  ip(
    'xfrm',
    'state',
    'add',
    ...ends,
    ...'proto esp spi 0x77 reqid 5 mode tunnel aead'.split(' '),
    'rfc4106(gcm(aes))',
    key,
    '128',
  );
  ip('xfrm', 'policy', 'add', ...ends, ...'dir out tmpl proto esp reqid 5 mode tunnel'.split(' '));
}

async function startNode(): Promise<Running> {
  const node = processes.command('n3iwf', [], 'run', '-c', nodeFile());
  await until('NG Setup', () => node.output().includes('accepted NG Setup'), 60, node);
  return node;
}

async function attach(esp: string): Promise<Running> {
  const ue = processes.start('ue', [
    ...inNamespace('ue'),
    process.execPath,
    here('kernel-ue.ts'),
    ueFile(esp),
  ]);
  await until('two PDU sessions', () => ue.output().split('"sessionUp"').length === 3, 40, ue);
  demand('states of three Child SAs', spis().length === 6, ip('xfrm', 'state'));
  return ue;
}

async function ended(what: string, process: Running, seconds: number): Promise<string> {
  const { child } = process;
  await until(what, () => child.exitCode !== null || child.signalCode !== null, seconds, process);
  return process.output();
}

function ping(session: number, ...words: string[]): Running {
  const argv = ['ping', '-n', '-I', `pdu${session}`, ...words, `198.51.100.${session}`];
  return processes.start('ping', [...inNamespace('ue'), ...argv]);
}

async function pings(esp: string): Promise<void> {
  for (const session of [1, 2]) {
    const all = [ping(session, '-c', '3', '-i', '0.1'), ping(session, '-c', '3', '-i', '0.1', '-s', '1272')];
    for (const one of all) {
      const output = await ended('ping', one, 20);
      demand('every ping answered', output.includes(' 0% packet loss'), output);
    }
  }
  console.log(`${esp}: pings of 84 and 1300 octets through two sessions: ok`);
}

async function transfer(esp: string): Promise<void> {
  const argv = [process.execPath, here('tcp-hash.ts'), '198.51.100.1', '7', '400000'];
  const output = await ended('TCP', processes.start('tcp', [...inNamespace('ue'), ...argv]), 60);
  demand('the same hash', output.includes('same 400000'), output);
  console.log(`${esp}: a TCP transfer with the same hash at its end: ok`);
}

async function rekey(esp: string, ue: Running): Promise<void> {
  const before = spis();
  const stream = ping(1, '-c', '40', '-i', '0.1');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  ue.child.stdin?.write('rekey\n');
  const output = await ended('ping', stream, 30);
  demand('no ping lost', output.includes('40 received'), output);
  const after = spis();
  demand('other states', after.length === 6 && !after.some((spi) => before.includes(spi)), [before, after]);
  console.log(`${esp}: every SA rekeyed during a stream, nothing lost: ok`);
}

async function release(esp: string, ue: Running): Promise<void> {
  ue.child.stdin?.write('release 2\n');
  await until('session 2 released', () => ue.output().includes('"sessionDown"'), 20, ue);
  await until('its states gone', () => spis().length === 4, 10, ue);
  const output = await ended('ping', ping(1, '-c', '3', '-i', '0.2'), 20);
  demand('session 1 goes on', output.includes(' 0% packet loss'), output);
  ue.child.stdin?.write('detach\n');
  await ended('detach', ue, 20);
  await until('all states gone', () => spis().length === 0, 10, ue);
  demand('the UE left nothing', ip('-n', 'ue', 'xfrm', 'state') === '', ip('-n', 'ue', 'xfrm', 'state'));
  console.log(`${esp}: session released, UE detached, their states gone: ok`);
}

/** A node that was killed leaves all that it had; the next one takes that away and serves. */
async function crash(node: Running): Promise<Running> {
  const ue = await attach('aes256gcm16');
  node.child.kill('SIGKILL');
  await ended('the node is gone', node, 10);
  demand('states of the dead node', spis().length === 6, spis());
  ue.child.kill('SIGKILL');
  for (const what of ['state', 'policy']) ip('-n', 'ue', 'xfrm', what, 'flush');
  const next = await startNode();
  demand('it says so', next.output().includes('"states":6'), next.output());
  demand('no states', spis().length === 0, spis());
  console.log('what a killed node left is taken away by the next one: ok');
  return next;
}

async function run(): Promise<void> {
  newNamespace('core', '10.1.1.1/24', '10.1.1.2/24');
  newNamespace('ue', '192.0.2.1/24', '192.0.2.2/24');
  putForeign();
  const before = ipsec();
  const core = processes.command('core', inNamespace('core'), 'core', '-c', coreFile());
  await until('core', () => core.output().includes('listening'), 60, core);
  let node = await startNode();
  console.log('NG Setup over kernel SCTP, user plane in the kernel: ok');
  for (const esp of ['aes256gcm16', 'aes256-sha256']) {
    const ue = await attach(esp);
    await pings(esp);
    await transfer(esp);
    await rekey(esp, ue);
    await release(esp, ue);
  }
  node = await crash(node);
  node.child.kill('SIGTERM');
  await ended('orderly end', node, 20);
  demand('IPsec as before', ipsec() === before, ipsec());
  demand('no interface left', !ip('link').includes('n3iwf0'), ip('link'));
  console.log('after the end the kernel has what it had before, and nothing else: ok');
}

try {
  await run();
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  for (const prefix of [[], inNamespace('ue')]) console.log(counters(prefix));
  process.exitCode = 1;
} finally {
  processes.killAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
