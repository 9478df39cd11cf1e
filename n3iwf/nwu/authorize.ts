import { type AuthorizeAnswer, type AuthorizeRequest, NOTIFY } from '#ikev2';
import type { Node } from '../node.ts';
import { formatAddress } from '../userplane/address.ts';
import { nasAddressNotify, nasTcpPortNotify } from './notifies.ts';
import { hostSelector } from './selectors.ts';

/**
 * The UE has proved that it holds K_N3IWF: give it an inner address and tell it where NAS is heard [TS24502 7.3.4].
 * Refused with INTERNAL_ADDRESS_FAILURE when no address is left, FAILED_CP_REQUIRED when none was asked for.
 */
export function authorizeUe(node: Node, request: AuthorizeRequest): AuthorizeAnswer {
  const ue = node.ues.ofIkeSa(request.ikeSaId);
  if (ue === undefined || ue.state !== 'securing') return { refuse: NOTIFY.AUTHENTICATION_FAILED };
  const identity = identityText(request.peerId.data);
  const assigned = node.innerAddresses.assign(request.attributes, identity);
  if (assigned === 'notAsked') return { refuse: NOTIFY.FAILED_CP_REQUIRED };
  if (assigned === 'exhausted') {
    node.log.error({ ue: ue.id, used: node.innerAddresses.used }, 'no inner address is left for the UE');
    return { refuse: NOTIFY.INTERNAL_ADDRESS_FAILURE };
  }
  const { inner, own, attributes } = assigned;
  ue.innerAddress = inner;
  const greVariant = node.sessionPolicy.greVariants?.get(identity);
  node.plane.addUe(ue.id, formatAddress(inner), greVariant && { greVariant });
  return {
    attributes,
    trafficSelectorsInitiator: [hostSelector(inner)],
    trafficSelectorsResponder: [hostSelector(own)],
    notifies: [nasAddressNotify(own), nasTcpPortNotify(node.identity.nasPort)],
  };
}

/** As operators write it in the configuration. */
function identityText(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}
