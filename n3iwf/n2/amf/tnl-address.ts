import type { MessageIes } from '#ngap';
import { formatAddress } from '../../userplane/address.ts';

type ToAdd = NonNullable<MessageIes<'AMFConfigurationUpdate'>['amfTnlAssociationToAddList']>[number];

/** CP Transport Layer Information: where an SCTP association of an AMF ends [TS38413 9.3.2.6]. */
export type TnlInformation = ToAdd['amfTnlAssociationAddress'];

/**
 * Textual addresses of one SCTP endpoint: an IPv4 one (32 bits), an IPv6 one (128) or one of each, IPv4 first (160)
 * [TS38414 5.1]. Empty for other lengths and for choices of later releases.
 */
export function tnlAddresses(information: TnlInformation): string[] {
  if (information.choice !== 'endpointIpAddress') return [];
  const { bits, length } = information.value;
  const part = (from: number, to: number) => formatAddress(bits.subarray(from, to));
  if (length === 32 && bits.length === 4) return [part(0, 4)];
  if (length === 128 && bits.length === 16) return [part(0, 16)];
  if (length === 160 && bits.length === 20) return [part(0, 4), part(4, 20)];
  return [];
}
