import type { SocketAddress } from '#ikev2';
import type { GlobalRanNodeId, UserLocationInformation } from '#ngap';
import { requireAddress } from '../userplane/address.ts';
import { numberToBits } from './amf/guami.ts';
import { octetsOfHex, type Plmn, plmnOctets } from './plmn.ts';

/** The gNB that the node passes itself off as. */
export interface GnbConfig {
  /** gNB ID: must not be that of a real gNB, as the core tells nodes apart by it. */
  readonly id: number;
  /** Bits of `id`, 22 to 32 [TS38413 9.3.1.6]. */
  readonly idBits: number;
  /** Number of the cell that every UE is said to be in; with `idBits` it fills the 36 bits of a cell identity. */
  readonly cell: number;
}

/** What a profile makes identities and places of. */
export interface ProfileInput {
  readonly n3iwfId: number;
  readonly plmn: Plmn;
  /** Three octets in hexadecimal. */
  readonly tac: string;
  readonly gnb?: GnbConfig | undefined;
}

/** One way to appear on N2. Whatever a profile changes is a member of this, and nothing else is. */
interface Profile {
  /** What an operator is told at each start. */
  readonly warning: string | undefined;
  /** Who the node says that it is, in NG Setup. */
  readonly globalRanNodeId: (input: ProfileInput) => GlobalRanNodeId;
  /** Where a UE that is heard at `remote` is said to be, in every message that tells its place. */
  readonly userLocation: (input: ProfileInput, remote: SocketAddress) => UserLocationInformation;
}

/** Bits of an NR cell identity: the gNB's ID leads, the cell's number follows [TS38413 9.3.1.7]. */
export const cellIdentityBits = 36;

/**
 * The profiles by the names that the configuration has for them.
 *
 * | what                      | `standard`                     | `open5gs-gnb-compat`                                |
 * | ------------------------- | ------------------------------ | --------------------------------------------------- |
 * | node in NG Setup          | Global N3IWF ID                | Global gNB ID, of `n2.gnb`                          |
 * | place of a UE             | its outer address and UDP port | one NR cell of that gNB, in the area of `n2.tac`    |
 * | start                     | nothing is said                | a warning                                           |
 *
 * All else that Open5GS does otherwise is within what the standard lets an AMF do, and needs no switch: the Registration
 * Accept inside the Initial Context Setup Request waits for the UE's NAS connection, a context is asked for with every
 * first message, Paging is counted and dropped, security of the user plane that is required is met by ESP. What is left
 * is at the UE, which has to use the NAS security of 3GPP access.
 */
const profiles = {
  standard: {
    warning: undefined,
    globalRanNodeId: ({ n3iwfId, plmn }) => ({
      choice: 'globalN3iwfId',
      value: {
        plmnIdentity: plmnOctets(plmn),
        n3iwfId: { choice: 'n3iwfId', value: numberToBits(n3iwfId, 16) },
      },
    }),
    userLocation: (_, { address, port }) => {
      const octets = requireAddress(address);
      return {
        choice: 'userLocationInformationN3IWF',
        value: {
          ipAddress: { bits: octets, length: octets.length * 8 },
          portNumber: Uint8Array.of(port >>> 8, port),
        },
      };
    },
  },
  'open5gs-gnb-compat': {
    warning:
      'this node claims to be a gNB, because Open5GS knows no untrusted non-3GPP access: not by the standard, for the lab ' +
      'alone. UEs must use the NAS security of 3GPP access, as no phone on Wi-Fi does; the core books NR access, so ' +
      'policy, charging, location and lawful interception are wrong',
    globalRanNodeId: (input) => ({
      choice: 'globalGnbId',
      value: {
        plmnIdentity: plmnOctets(input.plmn),
        gnbId: { choice: 'gnbId', value: numberToBits(gnbOf(input).id, gnbOf(input).idBits) },
      },
    }),
    userLocation: (input) => {
      const plmnIdentity = plmnOctets(input.plmn);
      const { id, idBits, cell } = gnbOf(input);
      const identity = id * 2 ** (cellIdentityBits - idBits) + cell;
      return {
        choice: 'userLocationInformationNR',
        value: {
          nrCgi: { plmnIdentity, nrCellIdentity: numberToBits(identity, cellIdentityBits) },
          tai: { plmnIdentity, tac: octetsOfHex(input.tac) },
        },
      };
    },
  },
} as const satisfies Record<string, Profile>;

/** Name of a profile, as `n2.profile` of the configuration has it. */
export type N2ProfileName = keyof typeof profiles;

/** Every profile's name, the one that holds without another first. */
export const n2ProfileNames = Object.keys(profiles) as [N2ProfileName, ...N2ProfileName[]];

/** The profile of that name, `standard` without one. */
export function n2Profile(name: N2ProfileName = 'standard'): Profile {
  return profiles[name];
}

/** Says where a UE is that is heard at `remote`. */
export type Locate = (remote: SocketAddress) => UserLocationInformation;

/** How the places of UEs are told under that configuration. */
export function locator(config: ProfileInput & { readonly profile?: N2ProfileName | undefined }): Locate {
  const { userLocation } = n2Profile(config.profile);
  return (remote) => userLocation(config, remote);
}

/** The configuration refuses the profile without a gNB; a caller that did not ask it is told by this. */
function gnbOf({ gnb }: ProfileInput): GnbConfig {
  if (gnb === undefined) throw new Error('the profile of a gNB needs n2.gnb');
  return gnb;
}
