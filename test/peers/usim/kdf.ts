import { createHash, createHmac } from 'node:crypto';

const text = new TextEncoder();

/** An IMSI's home network: digits. */
export interface Plmn {
  readonly mcc: string;
  readonly mnc: string;
}

/** The key derivation of 3GPP: HMAC-SHA-256 over FC and each parameter followed by its length [TS33220 B.2]. */
export function kdf(key: Uint8Array, fc: number, ...parameters: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key).update(Uint8Array.of(fc));
  for (const parameter of parameters) {
    hmac.update(parameter).update(Uint8Array.of(parameter.length >>> 8, parameter.length));
  }
  return plain(hmac.digest());
}

/** Serving network name; an MNC of two digits is written with three [TS24501 9.12.1]. */
export function servingNetworkName({ mcc, mnc }: Plmn): Uint8Array {
  return text.encode(`5G:mnc${mnc.padStart(3, '0')}.mcc${mcc}.3gppnetwork.org`);
}

/** K_AUSF of 5G-AKA; `sqnXorAk` as in AUTN [TS33501 A.2]. */
export function deriveKausf(
  ck: Uint8Array,
  ik: Uint8Array,
  snn: Uint8Array,
  sqnXorAk: Uint8Array,
): Uint8Array {
  return kdf(Buffer.concat([ck, ik]), 0x6a, snn, sqnXorAk);
}

/** RES* or XRES*: 16 octets [TS33501 A.4]. */
export function deriveResStar(
  ck: Uint8Array,
  ik: Uint8Array,
  snn: Uint8Array,
  rand: Uint8Array,
  res: Uint8Array,
): Uint8Array {
  return kdf(Buffer.concat([ck, ik]), 0x6b, snn, rand, res).subarray(16);
}

/** HRES* or HXRES*: 16 octets, by which the serving network checks the UE [TS33501 A.5]. */
export function deriveHresStar(rand: Uint8Array, resStar: Uint8Array): Uint8Array {
  return plain(createHash('sha256').update(rand).update(resStar).digest()).subarray(16);
}

/** K_SEAF [TS33501 A.6]. */
export function deriveKseaf(kAusf: Uint8Array, snn: Uint8Array): Uint8Array {
  return kdf(kAusf, 0x6c, snn);
}

/** K_AMF; `supi` is the IMSI's digits alone [TS33501 A.7]. */
export function deriveKamf(kSeaf: Uint8Array, supi: string, abba: Uint8Array): Uint8Array {
  return kdf(kSeaf, 0x6d, text.encode(supi), abba);
}

const algorithmTypes = { ciphering: 1, integrity: 2 } as const;

/** K_NASenc or K_NASint for the algorithm of that number: 16 octets [TS33501 A.8]. */
export function deriveAlgorithmKey(
  kAmf: Uint8Array,
  use: keyof typeof algorithmTypes,
  algorithm: number,
): Uint8Array {
  return kdf(kAmf, 0x69, Uint8Array.of(algorithmTypes[use]), Uint8Array.of(algorithm)).subarray(16);
}

/** Access type distinguishers; NAS has the same numbers for its bearers [TS33501 A.9, 6.4.2.2]. */
export const accessTypes = { '3gpp': 1, 'non-3gpp': 2 } as const;

/** An access as NAS security tells it from the other. */
export type NasAccess = keyof typeof accessTypes;

/**
 * The key of the access, 32 octets, of the COUNT of the uplink NAS message that completed the security mode: K_N3IWF, or
 * K_gNB over 3GPP access [TS33501 A.9].
 */
export function deriveAccessKey(
  kAmf: Uint8Array,
  uplinkCount: number,
  access: NasAccess = 'non-3gpp',
): Uint8Array {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, uplinkCount);
  return kdf(kAmf, 0x6e, count, Uint8Array.of(accessTypes[access]));
}

function plain(octets: Buffer): Uint8Array {
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.length);
}
