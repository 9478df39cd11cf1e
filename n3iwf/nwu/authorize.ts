import { type AuthorizeAnswer, type AuthorizeRequest, CP_ATTRIBUTE, NOTIFY } from '#ikev2';
import type { Node } from '../node.ts';
import { formatAddress, requireAddress } from '../userplane/address.ts';
import { nasAddressNotify, nasTcpPortNotify } from './notifies.ts';
import { hostSelector } from './selectors.ts';

/**
 * The UE has proved that it holds K_N3IWF: give it an inner address and tell it where NAS is heard [TS24502 7.3.4].
 * Refused with INTERNAL_ADDRESS_FAILURE when no address is left, FAILED_CP_REQUIRED when none was asked for.
 */
export function authorizeUe(node: Node, request: AuthorizeRequest): AuthorizeAnswer {
  const ue = node.ues.ofIkeSa(request.ikeSaId);
  if (ue === undefined || ue.state !== 'securing') return { refuse: NOTIFY.AUTHENTICATION_FAILED };
  const asked = request.attributes?.some(({ type }) => type === CP_ATTRIBUTE.INTERNAL_IP4_ADDRESS) ?? false;
  if (!asked) return { refuse: NOTIFY.FAILED_CP_REQUIRED };
  const inner = node.innerAddresses.allocate();
  if (inner === undefined) {
    node.log.error({ ue: ue.id, used: node.innerAddresses.used }, 'no inner address is left for the UE');
    return { refuse: NOTIFY.INTERNAL_ADDRESS_FAILURE };
  }
  ue.innerAddress = inner;
  node.plane.addUe(ue.id, formatAddress(inner));
  const own = requireAddress(node.identity.innerAddress);
  return {
    attributes: [
      { type: CP_ATTRIBUTE.INTERNAL_IP4_ADDRESS, value: inner },
      { type: CP_ATTRIBUTE.INTERNAL_IP4_NETMASK, value: node.innerAddresses.netmask },
    ],
    trafficSelectorsInitiator: [hostSelector(inner)],
    trafficSelectorsResponder: [hostSelector(own)],
    notifies: [nasAddressNotify(own), nasTcpPortNotify(node.identity.nasPort)],
  };
}
