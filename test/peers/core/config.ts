/** A subscriber as the core's data base holds it: keys of 16 octets, SQN as a number. */
export interface Subscriber {
  /** IMSI digits. */
  readonly imsi: string;
  readonly k: Uint8Array;
  readonly opc: Uint8Array;
  sqn: number;
}

/** What the simulated core refuses, for tests of failure. */
export type Refusal = 'ngSetup' | 'registration' | 'pduSession';

/**
 * Ways of real AMFs that depart from the standard, or are their own; the AMF shows each one only when it is asked to.
 * Those of free5GC's:
 *
 * - `q3` every Initial Context Setup Response is followed by a NAS message, which has no octets when none is due
 * - `q4` a first message other than an initial registration without 5G-S-TMSI costs the UE its context
 * - `q5` what a UE ciphers in a container of its first message is read with the wrong bearer, and the UE refused
 * - `q6` T3550 runs from the Initial Context Setup Request on: the accept goes out again before the context is up
 * - `q7` a UE that offers no integrity but NIA0 is refused
 * - `q8` messages for different workers that come right behind each other are done in the other order
 * - `q10` before NG Setup nothing is answered, not even by an Error Indication
 * - `q11` a subscriber without an AMBR ends the AMF at the first PDU session
 * - `q13` a registration that the home network takes back is forgotten, without a word to the UE or on N2
 *
 * and those of Open5GS's:
 *
 * - `o1` (from 2.8.0 on) NG Setup is refused to a node whose ID has not the 22 to 32 bits of a gNB's
 * - `o2` a message that tells a UE's place by anything but an NR cell is answered by an Error Indication alone
 * - `o3` every UE is taken to be on 3GPP access, in the bearer and the keys of NAS security and in the result
 * - `o4` the Registration Accept goes inside the Initial Context Setup Request where one is asked for, else alone
 */
export type Quirk =
  | 'q3'
  | 'q4'
  | 'q5'
  | 'q6'
  | 'q7'
  | 'q8'
  | 'q10'
  | 'q11'
  | 'q13'
  | 'o1'
  | 'o2'
  | 'o3'
  | 'o4';

/** A QoS flow with a standardized 5QI. */
export interface CoreFlow {
  readonly qfi: number;
  readonly fiveQi: number;
  /** With a guaranteed bit rate, which is 1 Mbit/s each way. */
  readonly guaranteed?: boolean;
}

export interface CoreConfig {
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  readonly amfName: string;
  readonly amfRegionId: number;
  readonly amfSetId: number;
  readonly amfPointer: number;
  /** The flows of every session; one of 5QI 9 without it. */
  readonly flows?: readonly [CoreFlow, ...CoreFlow[]];
  readonly slices: readonly { readonly sst: number; readonly sd?: string }[];
  /** Tracking area codes that are served, six hexadecimal digits each; without them, every one is. */
  readonly tacs?: readonly string[];
  readonly subscribers: readonly Subscriber[];
  /** NEA0 or NEA2. */
  readonly ciphering: 0 | 2;
  /** First three octets of the IPv4 addresses of PDU sessions; from the 255th on the third counts up. */
  readonly sessionPrefix: readonly [number, number, number];
  readonly dnn: string;
  readonly refuse?: Refusal;
  readonly quirks?: readonly Quirk[];
}

/** An S-NSSAI as NGAP carries it. */
export function sNssaiOf({ sst, sd }: { readonly sst: number; readonly sd?: string }): {
  sst: Uint8Array;
  sd?: Uint8Array;
} {
  return {
    sst: Uint8Array.of(sst),
    ...(sd === undefined ? {} : { sd: Uint8Array.from(Buffer.from(sd, 'hex')) }),
  };
}
