import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { LabUeRunner } from '../../n3iwf/cli/lab-ue.ts';
import { TestAuthority } from '../../n3iwf/io/test-authority.ts';
import { SimulatedUe, type UeConfig } from '../peers/index.ts';
import { hasEnded, type Running, start, until } from './processes.ts';
import { StubCoreServer } from './server.ts';
import {
  address,
  amfConfig,
  type Free5gcFile,
  free5gcNodeConfig,
  kmeConfig,
  n3iwfName,
  nodeConfig,
  plmn,
  quantumNodeConfig,
  slice,
  stubConfig,
  subscriberOf,
} from './settings.ts';

interface BenchOptions {
  /** The AMF's binary. */
  readonly amf: string;
  /** The entry of our command line. */
  readonly main: string;
  /** Where captures and logs go. */
  readonly folder: string;
  /** Writes a YAML file and says where. */
  file(name: string, content: unknown): string;
}

const preSharedKey = new TextEncoder().encode('known to both ends of the bench');
const ports = { ike: 500, nat: 4500 };
const setupSeconds = 30;

/** The stub core, a real AMF, the N3IWF as a process, and UEs in this process. */
export class Bench {
  readonly stub: StubCoreServer;
  readonly options: BenchOptions;
  private readonly runners = new Set<LabUeRunner>();
  private readonly amfs: Running[] = [];
  private readonly nodes: Running[] = [];

  private constructor(options: BenchOptions, stub: StubCoreServer) {
    this.options = options;
    this.stub = stub;
  }

  /** A bench with its files in `folder`, which it makes; the AMF is the binary `amf`. */
  static async at(amf: string, folder: string): Promise<Bench> {
    mkdirSync(folder, { recursive: true });
    const main = fileURLToPath(new URL('../../n3iwf/main.ts', import.meta.url));
    const file = (name: string, content: unknown) => {
      const path = join(folder, `${name}.yaml`);
      writeFileSync(path, stringify(content));
      return path;
    };
    return new Bench({ amf, main, folder, file }, await StubCoreServer.open(stubConfig()));
  }

  /** What the AMF that runs now has printed. */
  amfOutput(): string {
    return this.amfs.at(-1)?.output() ?? '';
  }

  /** The N3IWF that runs now. @throws when there is none */
  node(): Running {
    const node = this.nodes.at(-1);
    if (node === undefined) throw new Error('no N3IWF runs');
    return node;
  }

  /** What the N3IWF that runs now has printed. */
  nodeOutput(): string {
    return this.nodes.at(-1)?.output() ?? '';
  }

  /** Starts the AMF and waits until it serves N2. */
  async startAmf(): Promise<void> {
    const amf = start(this.options.amf, '-c', this.options.file('amf', amfConfig()));
    this.amfs.push(amf);
    await until('the AMF listens', () => amf.output().includes('Listen on') || hasEnded(amf), setupSeconds);
    if (hasEnded(amf)) throw new Error(`the AMF ended: ${amf.output().slice(-500)}`);
  }

  /** Ends the AMF by a signal and waits until it is gone. */
  async stopAmf(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const amf = this.amfs.at(-1);
    if (amf === undefined) return;
    amf.child.kill(signal);
    await until('the AMF is gone', () => hasEnded(amf), 20);
  }

  /** Starts the N3IWF with a capture and waits for its first NG Setup. */
  startNode(): Promise<void> {
    return this.run('n3iwf', nodeConfig, this.captureAs('matrix'));
  }

  /** Options that record a node: NWu and N2 in one file, the keys in a folder, and what the IKE engine was given. */
  captureAs(name: string): string[] {
    const path = (suffix: string) => join(this.options.folder, `${name}${suffix}`);
    return ['--pcap', path('.pcap'), '--keylog', path('.keys'), '--record', path('.record')];
  }

  /** Starts the N3IWF by a configuration file of free5GC, with a capture of its own. */
  startNodeByFree5gcFile(): Promise<void> {
    return this.run('n3iwfcfg', free5gcNodeConfig, this.captureAs('n3iwfcfg'));
  }

  /** Makes a certificate of RSA-2048 for the N3IWF. @returns the files */
  async certificate(): Promise<Pick<Free5gcFile, 'certificate' | 'privateKey' | 'authority'>> {
    const authority = await TestAuthority.create();
    const { pem } = await authority.issue({ commonName: n3iwfName, dnsNames: [n3iwfName], key: 'rsa-2048' });
    const put = (name: string, text: string) => {
      const path = join(this.options.folder, name);
      writeFileSync(path, text);
      return path;
    };
    return {
      certificate: put('n3iwf.pem', pem.certificate),
      privateKey: put('n3iwf.key', pem.privateKey),
      authority: put('authority.pem', pem.authority),
    };
  }

  /** Starts the key managers, and the N3IWF that takes QKD keys from its own. */
  async startQuantumNode(): Promise<void> {
    const { main, file } = this.options;
    const folder = this.quantumFolder;
    mkdirSync(folder, { recursive: true });
    const kmes = start(process.execPath, main, 'kme', '-c', file('kme', kmeConfig(folder)));
    await until('the key managers serve', () => kmes.output().includes('KME kme-ue serves'), setupSeconds);
    await this.run('n3iwf-qkd', () => quantumNodeConfig(folder), this.captureAs('qkd'));
  }

  /** Where the key managers put certificates, and the node its key store. */
  get quantumFolder(): string {
    return join(this.options.folder, 'qkd');
  }

  /** Runs the N3IWF as `config` says and waits for its first NG Setup. `config` gets the file of the shared key. */
  async run(name: string, config: (keyFile: string) => unknown, options: readonly string[]): Promise<void> {
    const { main, folder, file } = this.options;
    const keyFile = join(folder, 'psk');
    writeFileSync(keyFile, preSharedKey);
    const path = file(name, config(keyFile));
    this.nodes.push(start(process.execPath, main, 'run', '-c', path, ...options));
    await this.setUps(1);
  }

  /** Waits until the AMF has accepted that many NG Setups in all. */
  async setUps(count: number): Promise<void> {
    const accepted = () => this.nodeOutput().split('accepted NG Setup').length - 1;
    await until(`NG Setup ${count}`, () => accepted() >= count, 60);
  }

  /** Ends the N3IWF in order. @returns its exit status */
  async stopNode(): Promise<number | null> {
    const node = this.nodes.at(-1);
    if (node === undefined) return null;
    node.child.kill('SIGTERM');
    await until('the N3IWF ends', () => hasEnded(node), 15);
    return node.child.exitCode;
  }

  /** A UE of subscriber `index` in this process, at an address of its own. */
  async ue(index: number, changes: Partial<UeConfig> = {}): Promise<LabUeRunner> {
    const { imsi, k, opc } = subscriberOf(index);
    const config: UeConfig = {
      imsi,
      k,
      opc,
      imeisv: '3560920407930100',
      plmn,
      slice,
      dnn: 'internet',
      auth: 'psk',
      ppk: 'none',
      n3iwfName,
      preSharedKey,
      ikeProposals: ['aes256gcm16-prfsha256-x25519'],
      espProposals: ['aes256gcm16'],
      ...changes,
    };
    const own = `127.0.1.${index + 1}`;
    const at = {
      local: { address: own, port: ports.ike },
      localNat: { address: own, port: ports.nat },
      n3iwf: { address: address.n3iwf, port: ports.ike },
      n3iwfNat: { address: address.n3iwf, port: ports.nat },
    };
    const runner = await LabUeRunner.open(SimulatedUe, config, at, {
      obtainQkdKey: () => Promise.reject(new Error('no QKD here')),
    });
    this.runners.add(runner);
    return runner;
  }

  /** The UE command as a process of its own. @returns its exit status and output */
  async ueCommand(index: number, changes: object = {}): Promise<{ status: number | null; output: string }> {
    const { main, folder, file } = this.options;
    const { imsi, k, opc } = subscriberOf(index);
    const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
    const config = file(`ue-${index}`, {
      address: `127.0.1.${index + 1}`,
      n3iwf: { address: address.n3iwf, identity: n3iwfName },
      subscriber: { imsi, k: hex(k), opc: hex(opc) },
      plmn,
      slice,
      auth: 'psk',
      ppk: 'none',
      preSharedKeyFile: join(folder, 'psk'),
      ...changes,
    });
    const ue = start(process.execPath, main, 'ue', '-c', config);
    await until('the UE command ends', () => hasEnded(ue), 60);
    return { status: ue.child.exitCode, output: ue.output() };
  }

  async closeUe(runner: LabUeRunner): Promise<void> {
    this.runners.delete(runner);
    await runner.close();
  }

  /** Closes what is open and writes the logs. */
  async close(): Promise<void> {
    for (const runner of this.runners) await runner.close();
    await this.stub.close();
    const log = (name: string, text: string) => writeFileSync(join(this.options.folder, name), text);
    log('amf.log', this.amfs.map((amf) => amf.output()).join('\n--- started again ---\n'));
    log('n3iwf.log', this.nodes.map((node) => node.output()).join('\n--- started again ---\n'));
    log(
      'sbi.log',
      [...this.stub.core.seen, ...this.stub.refused.map((line) => `refused: ${line}`), ''].join('\n'),
    );
  }
}
