import type { UpTransportLayerInformation } from '#ngap';
import { formatAddress, requireAddress } from '../userplane/address.ts';

/** One end of a GTP-U tunnel: the address in text, the TEID a 32-bit number other than 0. */
export interface TunnelEnd {
  readonly address: string;
  readonly teid: number;
}

/** Octets of each family within a transport layer address, by the bits of the whole [TS38414 5.3]. */
const addressParts: Readonly<Record<number, Partial<Record<4 | 16, number>>>> = {
  32: { 4: 0 },
  128: { 16: 0 },
  160: { 4: 0, 16: 4 },
};

/**
 * The tunnel end that an SMF names, as far as it can be reached from `ownAddress`: of the same family, with an address
 * other than all zeros and a TEID other than 0, which GTP-U keeps for its own messages [TS29281 5.1].
 *
 * @returns undefined for anything that no packet could be sent to
 */
export function readTunnel(
  information: UpTransportLayerInformation,
  ownAddress: string,
): TunnelEnd | undefined {
  if (information.choice !== 'gTPTunnel') return undefined;
  const { transportLayerAddress, gtpTeid } = information.value;
  const family = requireAddress(ownAddress).length as 4 | 16;
  const from = addressParts[transportLayerAddress.length]?.[family];
  if (from === undefined) return undefined;
  const octets = transportLayerAddress.bits.subarray(from, from + family);
  const teid = new DataView(gtpTeid.buffer, gtpTeid.byteOffset, 4).getUint32(0);
  if (octets.every((octet) => octet === 0) || teid === 0) return undefined;
  return { address: formatAddress(octets), teid };
}

/** A tunnel end of ours as NGAP carries it. */
export function writeTunnel({ address, teid }: TunnelEnd): UpTransportLayerInformation {
  const bits = requireAddress(address);
  const gtpTeid = new Uint8Array(4);
  new DataView(gtpTeid.buffer).setUint32(0, teid);
  return {
    choice: 'gTPTunnel',
    value: { transportLayerAddress: { bits, length: bits.length * 8 }, gtpTeid },
  };
}
