import type { TrafficSelector } from '#ikev2';

/** All traffic of one host; free5GC and its UE use the same for both kinds of Child SA [RFC7296 3.13.1]. */
export function hostSelector(address: Uint8Array): TrafficSelector {
  return { protocol: 0, startPort: 0, endPort: 65535, start: address, end: address };
}
