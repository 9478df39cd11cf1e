import { timingSafeEqual } from 'node:crypto';
import {
  deriveHresStar,
  deriveKamf,
  deriveKausf,
  deriveKseaf,
  deriveResStar,
  type Plmn,
  servingNetworkName,
} from './kdf.ts';
import { type MilenageOutput, milenage, xor } from './milenage.ts';

/** K and OPc of one subscription, 16 octets each, and its IMSI digits. */
export interface Credentials {
  readonly imsi: string;
  readonly k: Uint8Array;
  readonly opc: Uint8Array;
}

/** An authentication vector of the home network, and the K_AMF that it leads to. */
export interface AuthenticationVector {
  readonly autn: Uint8Array;
  readonly xresStar: Uint8Array;
  readonly hxresStar: Uint8Array;
  readonly kAusf: Uint8Array;
  readonly kSeaf: Uint8Array;
  readonly kAmf: Uint8Array;
}

/** What a UE gets out of a challenge that is right. */
export interface ChallengeAnswer {
  readonly resStar: Uint8Array;
  readonly kAmf: Uint8Array;
  /** The network's sequence number, for the caller to compare with those that it has seen. */
  readonly sqn: number;
}

/** Separation bit set, as 5G asks for, all else 0 [TS33501 6.1.3.2]. */
const amfField = Uint8Array.of(0x80, 0x00);
const noAbba = Uint8Array.of(0, 0);

/** Home network's side of 5G-AKA for a RAND of 16 octets; `sqn` up to 2^48 - 1 [TS33501 6.1.3.2]. */
export function homeEnvironment(
  subscriber: Credentials & { readonly sqn: number },
  plmn: Plmn,
  rand: Uint8Array,
  abba: Uint8Array = noAbba,
): AuthenticationVector {
  const sqn = sqnOctets(subscriber.sqn);
  const functions = milenage(subscriber.k, subscriber.opc, rand, sqn, amfField);
  const sqnXorAk = xor(sqn, functions.ak);
  const autn = Uint8Array.of(...sqnXorAk, ...amfField, ...functions.macA);
  const keys = keysOf(subscriber.imsi, functions, plmn, rand, sqnXorAk, abba);
  const { resStar, ...hierarchy } = keys;
  return { autn, xresStar: resStar, hxresStar: deriveHresStar(rand, resStar), ...hierarchy };
}

/**
 * UE's side: undefined when AUTN was not made with this subscription's key or not for 5G. `rand` and `autn` have 16
 * octets [TS33501 6.1.3.2].
 */
export function userEquipment(
  credentials: Credentials,
  plmn: Plmn,
  rand: Uint8Array,
  autn: Uint8Array,
  abba: Uint8Array = noAbba,
): ChallengeAnswer | undefined {
  if (rand.length !== 16 || autn.length !== 16) return undefined;
  const sqnXorAk = autn.subarray(0, 6);
  const amf = autn.subarray(6, 8);
  const { k, opc, imsi } = credentials;
  // AK does not depend on SQN: a first run yields it, the second the MAC over the SQN that it hides.
  const { ak } = milenage(k, opc, rand, new Uint8Array(6), amf);
  const sqn = xor(sqnXorAk, ak);
  const functions = milenage(k, opc, rand, sqn, amf);
  const separated = ((amf[0] ?? 0) & 0x80) !== 0;
  if (!timingSafeEqual(functions.macA, autn.subarray(8)) || !separated) return undefined;
  const { resStar, kAmf } = keysOf(imsi, functions, plmn, rand, sqnXorAk, abba);
  return { resStar, kAmf, sqn: Buffer.from(sqn).readUIntBE(0, 6) };
}

function keysOf(
  imsi: string,
  { ck, ik, res }: MilenageOutput,
  plmn: Plmn,
  rand: Uint8Array,
  sqnXorAk: Uint8Array,
  abba: Uint8Array,
) {
  const snn = servingNetworkName(plmn);
  const kAusf = deriveKausf(ck, ik, snn, sqnXorAk);
  const kSeaf = deriveKseaf(kAusf, snn);
  const kAmf = deriveKamf(kSeaf, imsi, abba);
  return { kAusf, kSeaf, kAmf, resStar: deriveResStar(ck, ik, snn, rand, res) };
}

function sqnOctets(sqn: number): Uint8Array {
  const octets = Buffer.alloc(6);
  octets.writeUIntBE(sqn, 0, 6);
  return Uint8Array.from(octets);
}
