/** A network: MCC of three digits, MNC of two or three. */
export interface Plmn {
  readonly mcc: string;
  readonly mnc: string;
}

/** PLMN identity: three octets of swapped digits, filled with F where the MNC has two [TS38413 9.3.3.5]. */
export function plmnOctets({ mcc, mnc }: Plmn): Uint8Array {
  const [a, b, c] = [...mcc].map(Number) as [number, number, number];
  const [d, e, f = 15] = [...mnc].map(Number) as [number, number, number?];
  return Uint8Array.of((b << 4) | a, (f << 4) | c, (e << 4) | d);
}

/** The octets that hexadecimal digits in pairs stand for. */
export function octetsOfHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
