/** strongSwan's charon in a network namespace of its own, steered by swanctl. Needs root, a TUN device and a veth pair. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The path between us and charon has a network of its own in each process, so that several runs do not meet. */
export const pathNetwork = `10.77.${process.pid % 256}`;
export const charonAddress = `${pathNetwork}.1`;
export const ownAddress = `${pathNetwork}.2`;

/** Another charon than Debian's may be tried by hand: its program and its swanctl. */
export const charonProgram = process.env.INTEROP_CHARON ?? '/usr/lib/ipsec/charon';
const swanctlProgram = process.env.INTEROP_SWANCTL ?? 'swanctl';

const plugins =
  'openssl random nonce kdf hmac x509 revocation constraints pubkey pkcs1 pkcs8 pem kernel-libipsec kernel-netlink socket-default vici updown attr ml sha3';

/** How charon runs. */
export interface CharonOptions {
  /** The PSK of all its peers: for measuring, without a word in its log and, where it can, without a kernel behind it. */
  readonly measured?: string;
}

/** Files for swanctl's folder, by their path in it. */
export type SwanctlFiles = Readonly<Record<string, string>>;

export class Charon {
  private readonly folder: string;
  private readonly namespace: string;
  private readonly process: ChildProcess;

  private constructor(folder: string, namespace: string, process: ChildProcess) {
    this.folder = folder;
    this.namespace = namespace;
    this.process = process;
  }

  /** Builds the path between us and charon, starts it and loads `files`, `swanctl.conf` among them. */
  static async start(files: SwanctlFiles, options: CharonOptions = {}): Promise<Charon> {
    const folder = mkdtempSync(join(tmpdir(), 'charon-'));
    const namespace = `charon${process.pid}`;
    buildPath(namespace);
    for (const sub of ['x509', 'x509ca', 'private']) mkdirSync(join(folder, sub));
    for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
    writeFileSync(join(folder, 'strongswan.conf'), configuration(folder, options));
    const script = `mount -t tmpfs tmpfs /run; mkdir -p ${runFolder()}; exec ${charonProgram}`;
    const argv = ['netns', 'exec', namespace, 'unshare', '-m', 'sh', '-c', script];
    const env = { ...process.env, STRONGSWAN_CONF: join(folder, 'strongswan.conf') };
    const charon = new Charon(folder, namespace, spawn('ip', argv, { env, stdio: 'ignore' }));
    await charon.waitFor(() => existsSync(join(folder, 'vici')), 'its control socket');
    await charon.swanctl('--load-all', '--file', join(folder, 'swanctl.conf'));
    return charon;
  }

  /** Runs one swanctl command; rejects with what it said when it fails. */
  swanctl(...argv: string[]): Promise<string> {
    const all = [
      'netns',
      'exec',
      this.namespace,
      swanctlProgram,
      ...argv,
      '--uri',
      `unix://${join(this.folder, 'vici')}`,
    ];
    const env = {
      ...process.env,
      STRONGSWAN_CONF: join(this.folder, 'strongswan.conf'),
      SWANCTL_DIR: this.folder,
    };
    return new Promise((resolve, reject) => {
      execFile('ip', all, { env, timeout: 60_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`swanctl ${argv.join(' ')}: ${stdout}${stderr}`));
      });
    });
  }

  /** Loads more connections and secrets beside those it was started with; swanctl unloads what its file does not name. */
  async add(text: string): Promise<void> {
    const path = join(this.folder, 'added.conf');
    writeFileSync(path, `${readFileSync(join(this.folder, 'swanctl.conf'), 'utf8')}\n${text}\n`);
    await this.swanctl('--load-creds', '--file', path);
    await this.swanctl('--load-conns', '--file', path);
  }

  /** Runs `ip` in charon's namespace. */
  ip(...words: string[]): void {
    execFileSync('ip', ['-n', this.namespace, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  /** Of the daemon itself. */
  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** As in `strongSwan 5.9.8`. */
  get version(): string {
    return /strongSwan [\d.]+/.exec(this.log())?.[0] ?? 'strongSwan';
  }

  /** Everything that charon has said so far. */
  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000))]);
    execFileSync('ip', ['netns', 'del', this.namespace], { stdio: 'ignore' });
    // With the captures of our side, what charon said about the same traffic.
    const captures = process.env.INTEROP_CAPTURE;
    if (captures !== undefined) writeFileSync(join(captures, `${this.namespace}.log`), this.log());
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async waitFor(holds: () => boolean, what: string): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries > 1_200) throw new Error(`charon: ${what} did not come`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Gives our end of the path another address. */
export function addOwnAddress(address: string): void {
  const near = `ike${process.pid}`.slice(0, 15);
  const words = ['addr', 'replace', `${address}/24`, 'dev', near];
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function buildPath(namespace: string): void {
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (!existsSync('/dev/net/tun')) {
    mkdirSync('/dev/net', { recursive: true });
    execFileSync('mknod', ['/dev/net/tun', 'c', '10', '200']);
  }
  const near = `ike${process.pid}`.slice(0, 15);
  ip('netns', 'add', namespace);
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', 'ike0', 'netns', namespace);
  ip('addr', 'add', `${ownAddress}/24`, 'dev', near);
  ip('link', 'set', near, 'up');
  ip('-n', namespace, 'addr', 'add', `${charonAddress}/24`, 'dev', 'ike0');
  ip('-n', namespace, 'link', 'set', 'ike0', 'up');
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  // An address that stays takes over when the first one of its network goes.
  ip('netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.conf.ike0.promote_secondaries=1');
  // kernel-libipsec refuses a Child SA for a network in which the host has no address.
  ip('-n', namespace, 'addr', 'add', '10.55.0.1/32', 'dev', 'lo');
}

/** A charon that was built by hand leaves its PID where it was told to; Debian's does in /run, which is the namespace's own. */
function runFolder(): string {
  return process.env.INTEROP_RUN ?? '/run';
}

function configuration(folder: string, { measured }: CharonOptions): string {
  const fakeKernel = measured !== undefined && process.env.INTEROP_CHARON !== undefined;
  return `charon {
  load = ${fakeKernel ? plugins.replace('kernel-libipsec', 'load-tester') : plugins}
  ${measured === undefined ? '' : 'ikesa_table_size = 4096\n ikesa_table_segments = 16\n dos_protection = no'}
  fragment_size = 800
  retransmit_timeout = 0.5
  retransmit_tries = 4
  filelog { l { path = ${folder}/log
    default = ${measured === undefined ? 1 : -1}
    flush_line = yes } }
  plugins { vici { socket = unix://${folder}/vici }
    load-tester { enable = ${fakeKernel ? 'yes' : 'no'}
      fake_kernel = yes
      preshared_key = ${measured ?? ''} }
    kernel-libipsec { load = ${fakeKernel ? 'no' : 'yes'} } }
}
swanctl { load = pem pkcs1 x509 pubkey openssl random }
`;
}
