import type { MessageIes } from '#ngap';
import { octetsOfHex, type Plmn, plmnOctets } from './plmn.ts';
import { type N2ProfileName, n2Profile, type ProfileInput } from './profile.ts';

/** What this node tells the AMF of itself. */
export interface N2SetupConfig extends ProfileInput {
  /** How the node appears; as an N3IWF without it. */
  readonly profile?: N2ProfileName | undefined;
  readonly name: string;
  readonly slices: readonly SliceConfig[];
  /** Tracking areas beside that one; some AMFs take the first one they know for all UEs, so the order counts. */
  readonly moreTrackingAreas?: readonly {
    readonly tac: string;
    readonly plmns: readonly (Plmn & { readonly slices: readonly SliceConfig[] })[];
  }[];
}

interface SliceConfig {
  readonly sst: number;
  /** Three octets in hexadecimal. */
  readonly sd?: string | undefined;
}

type SupportedTaList = MessageIes<'NGSetupRequest'>['supportedTaList'];

/** Every tracking area with its PLMNs and their slices, in the order of the configuration [TS38413 9.2.6.1]. */
export function supportedTaList(config: N2SetupConfig): SupportedTaList {
  const { tac, plmn, slices, moreTrackingAreas = [] } = config;
  return [{ tac, plmns: [{ ...plmn, slices }] }, ...moreTrackingAreas].map((area) => ({
    tac: octetsOfHex(area.tac),
    broadcastPlmnList: area.plmns.map((each) => ({
      plmnIdentity: plmnOctets(each),
      taiSliceSupportList: each.slices.map(({ sst, sd }) => ({
        sNssai: { sst: Uint8Array.of(sst), ...(sd === undefined ? {} : { sd: octetsOfHex(sd) }) },
      })),
    })),
  }));
}

/** The request that opens an association [TS38413 9.2.6.1]. */
export function ngSetupRequest(config: N2SetupConfig): MessageIes<'NGSetupRequest'> {
  return {
    globalRanNodeId: n2Profile(config.profile).globalRanNodeId(config),
    ranNodeName: config.name,
    supportedTaList: supportedTaList(config),
    defaultPagingDrx: 'v128',
  };
}
