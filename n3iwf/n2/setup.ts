import type { MessageIes } from '#ngap';

/** What this node tells the AMF of itself. */
export interface N2SetupConfig {
  readonly name: string;
  readonly n3iwfId: number;
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  /** Three octets in hexadecimal. */
  readonly tac: string;
  readonly slices: readonly SliceConfig[];
  /** Tracking areas beside that one; some AMFs take the first one they know for all UEs, so the order counts. */
  readonly moreTrackingAreas?: readonly {
    readonly tac: string;
    readonly plmns: readonly {
      readonly mcc: string;
      readonly mnc: string;
      readonly slices: readonly SliceConfig[];
    }[];
  }[];
}

interface SliceConfig {
  readonly sst: number;
  /** Three octets in hexadecimal. */
  readonly sd?: string | undefined;
}

/** PLMN identity: three octets of swapped digits, filled with F where the MNC has two [TS38413 9.3.3.5]. */
export function plmnOctets({ mcc, mnc }: N2SetupConfig['plmn']): Uint8Array {
  const [a, b, c] = [...mcc].map(Number) as [number, number, number];
  const [d, e, f = 15] = [...mnc].map(Number) as [number, number, number?];
  return Uint8Array.of((b << 4) | a, (f << 4) | c, (e << 4) | d);
}

type SupportedTaList = MessageIes<'NGSetupRequest'>['supportedTaList'];

/** Every tracking area with its PLMNs and their slices, in the order of the configuration [TS38413 9.2.6.1]. */
export function supportedTaList(config: N2SetupConfig): SupportedTaList {
  const { tac, plmn, slices, moreTrackingAreas = [] } = config;
  return [{ tac, plmns: [{ ...plmn, slices }] }, ...moreTrackingAreas].map((area) => ({
    tac: fromHex(area.tac),
    broadcastPlmnList: area.plmns.map((each) => ({
      plmnIdentity: plmnOctets(each),
      taiSliceSupportList: each.slices.map(({ sst, sd }) => ({
        sNssai: { sst: Uint8Array.of(sst), ...(sd === undefined ? {} : { sd: fromHex(sd) }) },
      })),
    })),
  }));
}

/** The request that opens an association [TS38413 9.2.6.1]. */
export function ngSetupRequest(config: N2SetupConfig): MessageIes<'NGSetupRequest'> {
  const plmnIdentity = plmnOctets(config.plmn);
  const id = Uint8Array.of(config.n3iwfId >>> 8, config.n3iwfId);
  return {
    globalRanNodeId: {
      choice: 'globalN3iwfId',
      value: { plmnIdentity, n3iwfId: { choice: 'n3iwfId', value: { bits: id, length: 16 } } },
    },
    ranNodeName: config.name,
    supportedTaList: supportedTaList(config),
    defaultPagingDrx: 'v128',
  };
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
