/** Which of two crossing rekeys gives way: the one with the lowest of all four nonces. [RFC7296 2.8.1] */

/** The lower of an exchange's two nonces, octet by octet; where one is the start of the other, the shorter. */
export function lowestNonce(one: Uint8Array, other: Uint8Array): Uint8Array {
  return isLower(one, other) ? one : other;
}

/** Whether the exchange with the lowest nonce `one` loses against that with `other`. */
export function isLower(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) < 0;
}
