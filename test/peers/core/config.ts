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

export interface CoreConfig {
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  readonly amfName: string;
  readonly amfRegionId: number;
  readonly amfSetId: number;
  readonly amfPointer: number;
  readonly slices: readonly { readonly sst: number; readonly sd?: string }[];
  /** Tracking area codes that are served, six hexadecimal digits each; without them, every one is. */
  readonly tacs?: readonly string[];
  readonly subscribers: readonly Subscriber[];
  /** NEA0 or NEA2. */
  readonly ciphering: 0 | 2;
  /** First three octets of the IPv4 addresses of PDU sessions. */
  readonly sessionPrefix: readonly [number, number, number];
  readonly dnn: string;
  readonly refuse?: Refusal;
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
