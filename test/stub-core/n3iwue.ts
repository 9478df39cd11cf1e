import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { closeUe, freshUe, namespaceOf, nwu } from './network.ts';
import { hasEnded, type Running, start, until } from './processes.ts';
import { plmn, slice, subscriberOf } from './settings.ts';
import { faultsIn, firstReplyAt } from './times.ts';

/** How one run of free5GC's UE shall be. */
export interface Free5gcUeOptions {
  /** The binary of n3iwue. */
  readonly binary: string;
  /** Where its folder goes: it reads ./config/n3ue.yaml and writes the SQN back. */
  readonly folder: string;
  /** Subscriber by number. */
  readonly index: number;
  /** Which network namespace, from 0. */
  readonly number: number;
  /** Outer and inner address of the N3IWF. */
  readonly n3iwf: { readonly outer: string; readonly inner: string };
  /** Echo requests to each of its three hosts. */
  readonly pings: number;
  readonly dpdInterval?: string;
}

const attachSeconds = 40;
const endSeconds = 15;
/** The UE's sequence number is older than the network's, by less than the 2^28 steps that it bears. */
const sequenceBehind = 32 * 3600;
/** What it does not go on from. A message of an SA that it left behind is none: it tries its new keys on it. */
const fatal = /ping fail|\[FATA\]|\[ERRO\](?!.*checkMessage failed)/;

/** Configuration of n3iwue, schema 1.0.1, with the defaults of its example. */
export function n3iwueConfig({ index, number, n3iwf, dpdInterval }: Free5gcUeOptions): unknown {
  const { imsi, k, opc, sqn } = subscriberOf(index);
  const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
  const PLMN = { MCC: plmn.mcc, MNC: plmn.mnc };
  return {
    info: { version: '1.0.1' },
    configuration: {
      N3IWFInformation: { IPSecIfaceAddr: n3iwf.outer, IPsecInnerAddr: n3iwf.inner },
      N3UEInformation: {
        IMSI: { PLMNID: PLMN, MSIN: imsi.slice(plmn.mcc.length + plmn.mnc.length) },
        AMFID: 'cafe00',
        IPSecIfaceName: nwu.ueInterface,
        IPSecIfaceAddr: nwu.ue(number),
        DnIPAddr: '',
        XfrmiId: 1,
        XfrmiName: 'ipsec',
        GreIfaceName: 'gretun',
        IkeSaSPI: 0x6f708,
        IPSecSA3gppControlPlaneSPI: 2,
        SmPolicy: [{ DNN: 'internet', SNSSAI: { SST: String(slice.sst), SD: slice.sd } }],
        DpdInterval: dpdInterval ?? '60s',
        IkeRetransmit: { enable: true, base: 1, expireTime: '2s', maxRetryTimes: 3 },
        AutoReRegistration: false,
        Security: {
          K: hex(k),
          RAND: '00'.repeat(16),
          SQN: (sqn - sequenceBehind).toString(16).padStart(12, '0'),
          AMF: '8000',
          OP: '00'.repeat(16),
          OPC: hex(opc),
        },
      },
    },
    logger: { N3UE: { debugLevel: 'trace', ReportCaller: false } },
  };
}

/** free5GC's own UE simulator as a process in a network namespace. */
export class Free5gcUe {
  private readonly running: Running;
  private readonly number: number;

  private constructor(running: Running, number: number) {
    this.running = running;
    this.number = number;
  }

  /** Starts it in a fresh network namespace. Its three rounds of ping tell the time of each answer. */
  static async start(options: Free5gcUeOptions): Promise<Free5gcUe> {
    const { binary, folder, number, pings } = options;
    mkdirSync(join(folder, 'config'), { recursive: true });
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'config', 'n3ue.yaml'), stringify(n3iwueConfig(options)));
    const ping = join(folder, 'bin', 'ping');
    writeFileSync(ping, `#!/bin/sh\nexec /bin/ping -D -W 2 -i 0.2 "$@" -c ${pings}\n`);
    chmodSync(ping, 0o755);
    await freshUe(number);
    const path = `PATH=${join(folder, 'bin')}:${process.env.PATH}`;
    const inNamespace = ['ip', 'netns', 'exec', namespaceOf(number), binary];
    return new Free5gcUe(start('env', '-C', folder, path, ...inNamespace), number);
  }

  output(): string {
    return this.running.output();
  }

  /** Waits until it has pinged its last host. Rejects when it says that something failed, or ends. */
  async attached(): Promise<void> {
    const done = () => this.output().includes('Keep connection with N3IWF');
    const failed = () => fatal.test(this.output()) || hasEnded(this.running);
    await until('n3iwue attaches and pings', () => done() || failed(), attachSeconds);
    if (!done()) throw new Error(`n3iwue: ${this.faults()}`);
  }

  /** What it complains of, without times and colours. */
  faults(): string {
    return faultsIn(this.output()).join('; ');
  }

  /** When the first echo reply was there, in seconds of the wall clock. */
  firstPing(): number | undefined {
    return firstReplyAt(this.output());
  }

  /** Asks it to deregister and waits for its end. @returns whether it ended by itself */
  async leave(): Promise<boolean> {
    this.running.child.kill('SIGTERM');
    const ended = until('n3iwue ends', () => hasEnded(this.running), endSeconds).then(
      () => true,
      () => false,
    );
    const byItself = await ended;
    if (!byItself) await this.kill();
    await closeUe(this.number);
    return byItself;
  }

  /** Ends it without a word to anybody. */
  async kill(): Promise<void> {
    this.running.child.kill('SIGKILL');
    await until('n3iwue is gone', () => hasEnded(this.running), endSeconds);
    await closeUe(this.number);
  }
}
