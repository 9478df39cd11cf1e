import type { MessageIes } from '#ngap';

/** What this node tells the AMF of itself. */
export interface N2SetupConfig {
  readonly name: string;
  readonly n3iwfId: number;
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  /** Three octets in hexadecimal. */
  readonly tac: string;
  readonly slices: readonly { readonly sst: number; readonly sd?: string | undefined }[];
}

/** PLMN identity: three octets of swapped digits, filled with F where the MNC has two [TS38413 9.3.3.5]. */
export function plmnOctets({ mcc, mnc }: N2SetupConfig['plmn']): Uint8Array {
  const [a, b, c] = [...mcc].map(Number) as [number, number, number];
  const [d, e, f = 15] = [...mnc].map(Number) as [number, number, number?];
  return Uint8Array.of((b << 4) | a, (f << 4) | c, (e << 4) | d);
}

/** The request that opens an association, for a node with one tracking area [TS38413 9.2.6.1]. */
export function ngSetupRequest(config: N2SetupConfig): MessageIes<'NGSetupRequest'> {
  const plmnIdentity = plmnOctets(config.plmn);
  const taiSliceSupportList = config.slices.map(({ sst, sd }) => ({
    sNssai: { sst: Uint8Array.of(sst), ...(sd === undefined ? {} : { sd: fromHex(sd) }) },
  }));
  const id = Uint8Array.of(config.n3iwfId >>> 8, config.n3iwfId);
  return {
    globalRanNodeId: {
      choice: 'globalN3iwfId',
      value: { plmnIdentity, n3iwfId: { choice: 'n3iwfId', value: { bits: id, length: 16 } } },
    },
    ranNodeName: config.name,
    supportedTaList: [
      { tac: fromHex(config.tac), broadcastPlmnList: [{ plmnIdentity, taiSliceSupportList }] },
    ],
    defaultPagingDrx: 'v128',
  };
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
