import type { UserLocationInformation } from '#ngap';
import type { UeContext } from '../ue/context.ts';
import { requireAddress } from '../userplane/address.ts';

/** Where the UE is, as an N3IWF tells it: its outer address and UDP port [TS38413 9.3.1.16]. */
export function userLocation(ue: UeContext): UserLocationInformation {
  const octets = requireAddress(ue.remote.address);
  return {
    choice: 'userLocationInformationN3IWF',
    value: {
      ipAddress: { bits: octets, length: octets.length * 8 },
      portNumber: Uint8Array.of(ue.remote.port >>> 8, ue.remote.port),
    },
  };
}
