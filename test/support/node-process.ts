/** A real `n3iwf run` in a process of its own, on loopback addresses that no other test has. Its AMF never answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { askControl } from '../../n3iwf/io/control-http.ts';

const main = new URL('../../n3iwf/main.ts', import.meta.url).pathname;

/** Where standard output and standard error of the process go. */
export type Outputs = readonly ['pipe' | 'ignore' | number, 'pipe' | 'ignore' | number];

/** One node. */
export interface NodeProcess {
  readonly child: ChildProcess;
  /** What it has written to standard error so far, where that is a pipe. */
  log(): string;
  /** Resolves with exit status or signal. */
  readonly ended: Promise<number | string>;
}

/** A folder with a configuration in it, and the processes that were started by it. */
export class NodeFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'node-process-'));
  readonly socket = join(this.folder, 'c.sock');
  readonly configFile = join(this.folder, 'n3iwf.yaml');
  /** Loopback addresses by process number, so that tests run side by side. */
  readonly address = `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}.1`;
  private readonly started: ChildProcess[] = [];

  constructor(more: object = {}) {
    this.configure(more);
  }

  /** Writes the configuration; `more` goes over it section by section. */
  configure(more: object = {}): void {
    const { address } = this;
    const n2 = {
      ...{
        name: 'n3iwf',
        n3iwfId: 135,
        plmn: { mcc: '208', mnc: '93' },
        tac: '000001',
        slices: [{ sst: 1 }],
      },
      amfs: [{ addresses: [address] }],
    };
    const base: Record<string, unknown> = {
      ike: {
        ...{ address, port: 15500, natTraversalPort: 15501, identity: 'n3iwf.example' },
        ...{ auth: 'eap-only', ppk: 'none', policy: 'classical' },
      },
      inner: { pool: '10.45.0.0/16', address: '10.45.0.1' },
      n2,
      n3: { address, port: 15502 },
      control: { path: this.socket },
    };
    for (const [key, value] of Object.entries(more))
      base[key] =
        typeof value === 'object' && value !== null
          ? { ...(base[key] as object | undefined), ...value }
          : value;
    writeFileSync(this.configFile, stringify(base));
  }

  /** Starts a node and waits until its control socket answers, or until it ends. */
  async start(
    outputs: Outputs = ['ignore', 'pipe'],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<NodeProcess> {
    const child = spawn(process.execPath, [main, 'run', '-c', this.configFile], {
      stdio: ['ignore', ...outputs],
      env: { ...process.env, ...environment },
    });
    this.started.push(child);
    let log = '';
    child.stderr?.on('data', (piece) => {
      log += String(piece);
    });
    const ended = new Promise<number | string>((resolve) => {
      child.once('exit', (status, signal) => resolve(status ?? signal ?? 'gone'));
    });
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!over && (await this.ask('/status')) === undefined)
      await new Promise((done) => setTimeout(done, 50));
    return { child, log: () => log, ended };
  }

  /** The body of an answer to GET, or undefined when nobody answers. */
  async ask(path: string): Promise<unknown> {
    const answer = await askControl(this.socket, 'GET', path).catch(() => undefined);
    return answer?.body;
  }

  /** Ends what still runs and removes the folder. */
  close(): void {
    for (const child of this.started) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true });
  }
}
