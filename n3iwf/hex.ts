/** Two lower-case hexadecimal digits for each octet. A string cannot be wiped: a key goes through here to a key log alone. */
export function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('hex');
}
