/** The two octets of EAP that IKEv2 itself looks at. [RFC7296 2.16] What is inside is handed through. */

/** First octet of an EAP packet. [RFC3748 4] */
export const EAP_CODE = { REQUEST: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;

/** Code of a packet, 0 for none. */
export function eapCode(packet: Uint8Array): number {
  return packet[0] ?? 0;
}
