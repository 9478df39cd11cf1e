import { encodeNgap, type NgapPdu } from '#ngap';
import { OperatorError } from '../errors.ts';
import type { Log } from '../log.ts';

/** What this node tells the AMF of itself. */
export interface N2SetupConfig {
  readonly name: string;
  readonly n3iwfId: number;
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  /** Three octets in hexadecimal. */
  readonly tac: string;
  readonly slices: readonly { readonly sst: number; readonly sd?: string | undefined }[];
  /** Outbound streams of the association. */
  readonly streams: number;
}

/** PLMN identity: three octets of swapped digits, filled with F where the MNC has two [TS38413 9.3.3.5]. */
export function plmnOctets({ mcc, mnc }: N2SetupConfig['plmn']): Uint8Array {
  const [a, b, c] = [...mcc].map(Number) as [number, number, number];
  const [d, e, f = 15] = [...mnc].map(Number) as [number, number, number?];
  return Uint8Array.of((b << 4) | a, (f << 4) | c, (e << 4) | d);
}

/** The request that opens an association, for a node with one tracking area [TS38413 9.2.6.1]. */
export function ngSetupRequest(config: N2SetupConfig): NgapPdu {
  const plmnIdentity = plmnOctets(config.plmn);
  const taiSliceSupportList = config.slices.map(({ sst, sd }) => ({
    sNssai: { sst: Uint8Array.of(sst), ...(sd === undefined ? {} : { sd: fromHex(sd) }) },
  }));
  const id = Uint8Array.of(config.n3iwfId >>> 8, config.n3iwfId);
  return {
    message: 'NGSetupRequest',
    ies: {
      globalRanNodeId: {
        choice: 'globalN3iwfId',
        value: { plmnIdentity, n3iwfId: { choice: 'n3iwfId', value: { bits: id, length: 16 } } },
      },
      ranNodeName: config.name,
      supportedTaList: [
        { tac: fromHex(config.tac), broadcastPlmnList: [{ plmnIdentity, taiSliceSupportList }] },
      ],
      defaultPagingDrx: 'v128',
    },
  };
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Longest wait for the AMF's answer, in ms: an AMF that cannot read us says nothing at all. */
const answerWaitMs = 10_000;

/** NG Setup on one association [TS38413 8.7.1]. */
export class N2Setup {
  private readonly config: N2SetupConfig;
  private readonly log: Log;
  private readonly send: (data: Uint8Array) => void;
  private settle: ((error: OperatorError | undefined) => void) | undefined;

  constructor(config: N2SetupConfig, log: Log, send: (data: Uint8Array) => void) {
    this.config = config;
    this.log = log;
    this.send = send;
  }

  /** Resolves when the AMF has accepted. @throws OperatorError N3IWF_E_N2 with its cause when it has not */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const wait = setTimeout(() => this.lost('the AMF did not answer NG Setup'), answerWaitMs);
      this.settle = (error) => {
        clearTimeout(wait);
        this.settle = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      this.send(encodeNgap(ngSetupRequest(this.config)));
    });
  }

  /** True when the message was an answer to NG Setup and is dealt with. */
  take(pdu: NgapPdu): boolean {
    if (pdu.message === 'NGSetupResponse') {
      this.log.info(
        { amf: pdu.ies.amfName, capacity: pdu.ies.relativeAmfCapacity },
        'the AMF accepted NG Setup',
      );
      this.settle?.(undefined);
    } else if (pdu.message === 'NGSetupFailure') {
      const { cause, timeToWait } = pdu.ies;
      const again = timeToWait === undefined ? '' : `, try again after ${timeToWait.slice(1)}`;
      this.settle?.(
        new OperatorError(
          'N3IWF_E_N2',
          `the AMF refused NG Setup: ${cause.choice} ${String(cause.value)}${again}`,
        ),
      );
    } else {
      return false;
    }
    return true;
  }

  lost(reason: string): void {
    this.settle?.(new OperatorError('N3IWF_E_N2', reason));
  }
}
