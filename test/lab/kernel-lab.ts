/**
 * What the suites of the kernel plane share: a core behind kernel SCTP in a namespace, `n3iwf run` with its user plane in
 * the kernel, and UEs in another namespace whose ESP is the kernel's too.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UeConfig } from '../peers/index.ts';
import { inNamespace, ip, newNamespace, Processes, type Running, until } from './processes.ts';

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
const reqid = 13086; // 0x4e000000 + n, as the first digits of what `ip` prints

/** What a suite changes of the node's configuration. */
export interface NodeChanges {
  readonly ike?: object;
  readonly inner?: object;
  readonly userPlane?: object;
}

/** @throws Error that says what was seen, where something does not hold */
export function demand(what: string, holds: boolean, seen: unknown): void {
  if (!holds) throw new Error(`${what}: ${String(seen)}`);
}

/** SPIs of the node's states. */
export function spis(): string[] {
  return [...ip('xfrm', 'state').matchAll(new RegExp(`proto esp spi (0x[0-9a-f]+) reqid ${reqid}`, 'g'))].map(
    ([, spi = '']) => spi,
  );
}

/** Waits for the end of a process and gives all that it printed. */
export async function ended(what: string, process: Running, seconds: number): Promise<string> {
  await until(what, () => process.isOver(), seconds, process);
  return process.output();
}

/** What the kernel's IPsec has dropped in a namespace, by cause. */
function counters(prefix: readonly string[]): string {
  const [program = 'cat', ...words] = [...prefix, 'cat', '/proc/net/xfrm_stat'];
  return execFileSync(program, words, { encoding: 'utf8' }).replace(/^.*\t0\n/gm, '');
}

/** The processes of one suite. */
export class KernelLab {
  readonly processes: Processes;
  private readonly folder: string;
  private readonly node: NodeChanges;

  constructor(node: NodeChanges = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'kernel-plane-'));
    this.processes = new Processes(this.folder);
    this.node = node;
  }

  /** Both namespaces and the core. */
  async startCore(): Promise<void> {
    newNamespace('core', '10.1.1.1/24', '10.1.1.2/24');
    newNamespace('ue', '192.0.2.1/24', '192.0.2.2/24');
    const file = this.processes.file('core', {
      n2: { addresses: ['10.1.1.2'] },
      n3: { address: '10.1.1.2' },
      plmn,
      slices: [slice],
      subscribers: [subscriber],
    });
    const core = this.processes.command('core', inNamespace('core'), 'core', '-c', file);
    await until('core', () => core.output().includes('listening'), 60, core);
  }

  private nodeFile(): string {
    const { ike, inner, userPlane } = this.node;
    writeFileSync(join(this.folder, 'psk'), preSharedKey);
    return this.processes.file('n3iwf', {
      ike: {
        ...{ address: '192.0.2.1', identity: name, auth: 'psk', ppk: 'none', policy: 'classical', proposals },
        preSharedKeyFile: join(this.folder, 'psk'),
        ...ike,
      },
      inner: { pool: '10.45.0.0/24', address: '10.45.0.1', ...inner },
      n2: {
        ...{ n3iwfId: 135, plmn, tac: '000001', slices: [slice], localAddresses: ['10.1.1.1'] },
        amfs: [{ addresses: ['10.1.1.2'] }],
      },
      n3: { address: '10.1.1.1' },
      userPlane: { plane: 'kernel', ...userPlane },
    });
  }

  /** The node, when the AMF has accepted it. */
  async startNode(): Promise<Running> {
    const node = this.processes.command('n3iwf', [], 'run', '-c', this.nodeFile());
    await until('NG Setup', () => node.output().includes('accepted NG Setup'), 60, node);
    return node;
  }

  /** A UE with two sessions by this suite of ESP. */
  async attach(esp: string, more: Partial<UeConfig> = {}): Promise<Running> {
    const path = join(this.folder, 'ue.json');
    const ue = {
      ...subscriber,
      ...{ imeisv: '3560920407930100', plmn, slice, dnn: 'internet', auth: 'psk', ppk: 'none' },
      n3iwfName: name,
      preSharedKey: Buffer.from(preSharedKey).toString('hex'),
      ikeProposals: proposals,
      espProposals: [esp],
      ...more,
    };
    const file = { address: '192.0.2.2', n3iwf: '192.0.2.1', device: 'uplink', sessions: 2, ue };
    writeFileSync(path, JSON.stringify(file));
    const argv = [...inNamespace('ue'), process.execPath, here('kernel-ue.ts'), path];
    const running = this.processes.start('ue', argv);
    await until('two PDU sessions', () => running.output().split('"sessionUp"').length === 3, 80, running);
    demand('states of three Child SAs', spis().length === 6, ip('xfrm', 'state'));
    return running;
  }

  /** A stream of `count` numbered datagrams, one every 100 ms, to the data networks of sessions and back; it has begun. */
  async stream(count: number, sessions: readonly number[], octets = '84', waitMs = 20_000): Promise<Running> {
    const hosts = sessions.map((session) => `198.51.100.${session}`);
    const words = [here('udp-stream.ts'), String(count), '100', String(waitMs), octets, ...hosts];
    const running = this.processes.start('stream', [...inNamespace('ue'), process.execPath, ...words]);
    await until('the stream', () => running.output().includes('sending'), 30, running);
    return running;
  }

  /** Datagrams through sessions, none of which may be lost. */
  async echoes(sessions: readonly number[], octets?: string): Promise<void> {
    const output = await ended('echoes', await this.stream(3, sessions, octets), 40);
    demand('every datagram back', output.includes('back ') && !output.includes('lost '), output);
  }

  /** Octets to the echo port of the data network and back by the kernel's TCP, with the same hash at their end. */
  async transfer(): Promise<void> {
    const argv = [process.execPath, here('tcp-hash.ts'), '198.51.100.1', '7', '400000'];
    const output = await ended('TCP', this.processes.start('tcp', [...inNamespace('ue'), ...argv]), 60);
    demand('the same hash', output.includes('same 400000'), output);
  }

  /** Rekeys every SA of a UE during a stream, which loses nothing. */
  async rekey(ue: Running): Promise<void> {
    const before = spis();
    const stream = await this.stream(40, [1, 2]);
    ue.child.stdin?.write('rekey\n');
    const output = await ended('the stream', stream, 60);
    demand('nothing lost', output.includes('back 80 of 80'), output);
    await until('other states', () => !spis().some((spi) => before.includes(spi)), 20, ue);
    await until('as many as before', () => spis().length === 6, 20, ue);
  }

  /** Ends session 2 and then the UE; their states go from both kernels. */
  async release(ue: Running): Promise<void> {
    ue.child.stdin?.write('release 2\n');
    await until('session 2 released', () => ue.output().includes('"sessionDown"'), 60, ue);
    await until('its states gone', () => spis().length === 4, 30, ue);
    await this.echoes([1]);
    ue.child.stdin?.write('detach\n');
    await ended('detach', ue, 60);
    await until('all states gone', () => spis().length === 0, 30, ue);
    demand('the UE left nothing', ip('-n', 'ue', 'xfrm', 'state') === '', ip('-n', 'ue', 'xfrm', 'state'));
  }

  /** Runs a suite and ends the process with its status; what failed is told with the kernels' counters. */
  async play(suite: () => Promise<void>): Promise<never> {
    try {
      await suite();
    } catch (error) {
      console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
      for (const prefix of [[], inNamespace('ue')]) console.log(counters(prefix));
      process.exitCode = 1;
    } finally {
      this.processes.killAll();
      rmSync(this.folder, { recursive: true, force: true });
    }
    process.exit();
  }
}
