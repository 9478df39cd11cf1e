/**
 * N2 over the kernel's SCTP, inside a kernel that has it: KMEs, core and N3IWF as processes of their own, the core in a
 * network namespace reached by two paths. UEs attach with both paths up, with one cut, and after the core was killed
 * and started again. Prints one line per step; exit status 0 only if all of them held.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { messages } from './kernel-sctp-messages.ts';
import { until } from './processes.ts';

const main = fileURLToPath(new URL('../../n3iwf/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'kernel-sctp-'));
const children: ChildProcess[] = [];
const name = 'n3iwf.lab';
const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const subscriber = {
  imsi: '208930000000001',
  k: '465b5ce8b199b49faa5f0a2ee238a6bc',
  opc: 'cd63cb71954a9f4e48a5994e37a02baf',
};

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Two veth pairs to the namespace `core`: 10.1.n.1 here, 10.1.n.2 there. */
function buildPaths(): void {
  ip('netns', 'add', 'core');
  ip('-n', 'core', 'link', 'set', 'lo', 'up');
  for (const path of [1, 2]) {
    ip('link', 'add', `path${path}`, 'type', 'veth', 'peer', 'name', 'far', 'netns', 'core');
    ip('-n', 'core', 'link', 'set', 'far', 'name', `path${path}`);
    ip('addr', 'add', `10.1.${path}.1/24`, 'dev', `path${path}`);
    ip('-n', 'core', 'addr', 'add', `10.1.${path}.2/24`, 'dev', `path${path}`);
    ip('link', 'set', `path${path}`, 'up');
    ip('-n', 'core', 'link', 'set', `path${path}`, 'up');
  }
}

function file(label: string, content: unknown): string {
  const path = join(folder, `${label}.yaml`);
  writeFileSync(path, stringify(content));
  return path;
}

interface Running {
  readonly child: ChildProcess;
  output(): string;
}

function start(label: string, prefix: readonly string[], ...argv: string[]): Running {
  const [program = process.execPath, ...rest] = [...prefix, process.execPath, main, ...argv];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (data: Buffer) => {
    output += data;
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  child.on('exit', (status) => {
    output += `${label} ended with ${status}\n`;
  });
  children.push(child);
  return { child, output: () => output };
}

function credentials(sae: string) {
  return {
    ca: join(folder, 'authority.pem'),
    certificate: join(folder, `${sae}.pem`),
    key: join(folder, `${sae}.key`),
  };
}

const files = {
  kme: () =>
    file('kme', {
      nodes: [
        { kmeId: 'kme-n3iwf', saeIds: ['sae-n3iwf'], listen: { address: '127.0.0.1', port: 8441 } },
        { kmeId: 'kme-ue', saeIds: ['sae-ue'], listen: { address: '127.0.0.1', port: 8442 } },
      ],
      links: [{ between: ['kme-n3iwf', 'kme-ue'], initialBits: 256_000 }],
      credentialsFolder: folder,
    }),
  core: () =>
    file('core', {
      n2: { addresses: ['10.1.1.2', '10.1.2.2'] },
      n3: { address: '10.1.2.2' },
      plmn,
      slices: [slice],
      subscribers: [subscriber],
    }),
  n3iwf: () =>
    file('n3iwf', {
      ike: { address: '127.0.0.1', identity: name },
      inner: { pool: '10.45.0.0/24', address: '10.45.0.1' },
      n2: {
        n3iwfId: 135,
        plmn,
        tac: '000001',
        slices: [slice],
        localAddresses: ['10.1.1.1', '10.1.2.1'],
        sctp: {
          heartbeatMs: 500,
          rtoInitialMs: 300,
          rtoMinMs: 100,
          rtoMaxMs: 500,
          pathMaxRetransmissions: 2,
        },
        amfs: [{ addresses: ['10.1.1.2', '10.1.2.2'] }],
      },
      n3: { address: '10.1.2.1' },
      qkd: {
        kme: 'https://127.0.0.1:8441',
        kmeId: 'kme-n3iwf',
        saeId: 'sae-n3iwf',
        ueSaeId: 'sae-ue',
        store: join(folder, 'n3iwf.db'),
        ...credentials('sae-n3iwf'),
      },
    }),
  ue: () =>
    file('ue', {
      address: '127.0.0.2',
      n3iwf: { address: '127.0.0.1', identity: name },
      subscriber,
      plmn,
      slice,
      qkd: {
        kme: 'https://127.0.0.1:8442',
        kmeId: 'kme-ue',
        n3iwfSaeId: 'sae-n3iwf',
        ...credentials('sae-ue'),
      },
    }),
};

async function attach(step: string): Promise<void> {
  const ue = start('ue', [], 'ue', '-c', files.ue());
  await until(step, () => ue.child.exitCode !== null, 40);
  if (ue.child.exitCode !== 0) throw new Error(`${step}: ${ue.output()}`);
  console.log(`${step}: ok`);
}

function startCore(): Running {
  return start('core', ['ip', 'netns', 'exec', 'core'], 'core', '-c', files.core());
}

/** The N3IWF's log tells that the path to the core's first address changed. */
function pathTold(output: string, state: string): boolean {
  return output.includes(`{"type":"pathChanged","address":"10.1.1.2","state":"${state}"}`);
}

async function run(): Promise<void> {
  await messages();
  buildPaths();
  start('kme', [], 'kme', '-c', files.kme());
  await until('KMEs', () => exists(join(folder, 'sae-ue.key')), 20);
  let core = startCore();
  await until('core', () => core.output().includes('listening'), 20);
  const node = start('n3iwf', [], 'run', '-c', files.n3iwf());
  const accepted = () => node.output().split('accepted NG Setup').length - 1;
  await until('NG Setup', () => accepted() > 0, 20);
  console.log('NG Setup over kernel SCTP with two local addresses: ok');
  await attach('attach with both paths');
  ip('link', 'set', 'path1', 'down');
  await attach('attach with one path cut');
  await until('path down', () => pathTold(node.output(), 'unreachable'), 20);
  ip('link', 'set', 'path1', 'up');
  await until('path up', () => pathTold(node.output(), 'available'), 20);
  console.log('the cut and the return of a path are told: ok');
  const before = accepted();
  core.child.kill('SIGKILL');
  await until('the core is gone', () => core.child.exitCode !== null || core.child.signalCode !== null, 10);
  core = startCore();
  await until('NG Setup again', () => accepted() > before, 60);
  console.log('NG Setup again after the core was killed: ok');
  await attach('attach after the restart');
  node.child.kill('SIGTERM');
  await until('orderly end', () => node.child.exitCode === 0, 10);
  await until('SHUTDOWN', () => core.output().includes('the peer shut the association down'), 10);
  console.log('orderly end on SIGTERM, by SHUTDOWN: ok');
}

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}

try {
  await run();
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
