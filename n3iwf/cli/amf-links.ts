/** The AMFs of the configuration, and the NG interfaces to them, while the configuration changes. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config.ts';
import { addressesOf } from '../io/host-names.ts';
import { connectSctp } from '../io/sctp-kernel.ts';
import type { Log } from '../log.ts';
import type { N2Transport } from '../n2/link.ts';
import type { GatewayShell } from '../shell.ts';

type AmfConfig = Config['n2']['amfs'][number];

/** What opens a transport to one AMF; `addresses` are those that it named later, if it did. */
export type Dial = (amf: AmfConfig, addresses: readonly string[] | undefined) => Promise<N2Transport>;

/** The kernel's SCTP; names are looked up at each try, as a restarted AMF may have moved. */
export function sctpDial({ sctp }: Config['n2'], local: readonly string[]): Dial {
  return async (amf, addresses) =>
    connectSctp({ ...sctp, local, localPort: 0 }, addresses ?? (await addressesOf(amf.addresses)), amf.port);
}

/** One per node. */
export class AmfLinks {
  private readonly shell: Pick<GatewayShell, 'connectN2' | 'retireN2'>;
  private readonly dial: Dial;
  private readonly log: Log;
  /** Those of the configuration, by their numbers. */
  private readonly links = new Map<number, AmfConfig>();
  private next = 0;

  constructor(shell: Pick<GatewayShell, 'connectN2' | 'retireN2'>, dial: Dial, log: Log) {
    this.shell = shell;
    this.dial = dial;
    this.log = log;
  }

  /** Connects those that are new and lets go of those that are gone; others are not touched. */
  set(amfs: readonly AmfConfig[]): void {
    for (const [number, amf] of [...this.links]) {
      if (amfs.some((each) => isDeepStrictEqual(each, amf))) continue;
      this.links.delete(number);
      this.log.info({ amf: amf.addresses }, 'the AMF is no longer in the configuration: it gets no more UEs');
      this.shell.retireN2(number);
    }
    for (const amf of amfs)
      if (![...this.links.values()].some((each) => isDeepStrictEqual(each, amf))) this.connect(amf);
  }

  private connect(amf: AmfConfig): void {
    this.links.set(this.next++, amf);
    this.shell
      .connectN2((addresses) => this.dial(amf, addresses))
      .catch((error: Error) =>
        this.log.warn({ amf: amf.addresses, error: error.message }, 'the first try to reach the AMF failed'),
      );
  }
}
