import type { SaKey } from '#peers';
import type { ChildSaPolicy } from '../nwu/child-sa-policy.ts';
import type { KeyPolicy, PpkUse } from '../nwu/key-policy.ts';
import type { LinkRun, Verdict } from './lab-verdict.ts';

/** What the lab can make go wrong, to show how it fails. */
export const labFaults = [
  'wrong-res',
  'unknown-key',
  'kme-down',
  'ng-setup',
  'registration',
  'pdu-session',
] as const;
/** One of these faults. */
export type LabFault = (typeof labFaults)[number];

/** Types of PDU sessions through which the lab can ping. */
export const labSessionTypes = ['ipv4', 'ipv6', 'ipv4v6'] as const;
/** One of these types. */
export type LabSessionType = (typeof labSessionTypes)[number];

/** Options of `n3iwf lab`, all of them decided. */
export interface LabOptions {
  readonly ues: number;
  /** PDU sessions of each UE, and QoS flows of each of these. */
  readonly sessions: number;
  readonly flows: number;
  readonly childSas: ChildSaPolicy;
  /** Types of the sessions, in turns. */
  readonly sessionTypes: readonly LabSessionType[];
  /** UEs sit behind a NAT, which gives them other ports while their streams run. */
  readonly nat?: boolean;
  /** ESP outside of UDP, which takes CAP_NET_RAW. */
  readonly bareEsp?: boolean;
  readonly auth: 'qkd' | 'psk' | 'certificate' | 'eap-only';
  readonly ppk: PpkUse;
  /** What SAs must rest on. */
  readonly policy: KeyPolicy;
  /** Port of the web console; without it there is none. */
  readonly console?: number;
  /** Seed of the simulated link and its keys; another one at each start without it. */
  readonly seed?: string;
  /** What the link gives over time: a name, a file or the schedule itself; see `lab-schedule.ts`. */
  readonly linkSchedule?: string;
  /** File for a picture of pool, rate and mode over the schedule. */
  readonly picture?: string;
  /** The N3IWF rekeys Child SAs after so many seconds, IKE SAs after four times as long; without it only UEs rekey. */
  readonly rekeyEvery?: number;
  /** As many keys as the KMEs keep of the link. */
  readonly poolKeys?: number;
  /** Keys of `qkd.keying` of the node's configuration, numbers only. */
  readonly keying?: Readonly<Record<string, number>>;
  /** Detach and exit when done. */
  readonly once?: boolean;
  /** One summary object on standard output, {@link LabUe} for each UE in it. */
  readonly json?: boolean;
  /** File for the packets of NWu, N2 and N3. */
  readonly pcap?: string;
  /** Folder for the keys to read them. */
  readonly keylog?: string;
  /** All UEs take the same initiator SPI, which must not confuse the node. */
  readonly sameSpi?: boolean;
  /** What is made to go wrong. */
  readonly fault?: LabFault;
  /** Logs of the node on standard error. */
  readonly verbose?: boolean;
}

/** As an operator gives them: what is left out follows from the rest. */
export type GivenLabOptions = Omit<LabOptions, 'policy' | 'ppk'> &
  Partial<Pick<LabOptions, 'policy' | 'ppk'>>;

/** What `n3iwf lab --json` prints of one UE; times in ms. */
export interface LabUe {
  readonly supi: string;
  readonly auth: string;
  readonly ppk: string;
  suite: { ike: string; esp: string };
  innerIp: string;
  keyIds: string[];
  /** Which key the keys of each SA depend on, in the order in which they came up; no ID without a PPK. */
  saKeys: SaKey[];
  pduSessions: LabSession[];
  rekeys: { child: number; ike: number };
  stream: LabStream;
  timesMs: { ikeSaInit: number; registration: number; pduSession: number };
}

/** One PDU session in the summary. */
export interface LabSession {
  readonly id: number;
  readonly type: LabSessionType;
  /** Addresses, with a blank between them. */
  readonly ip: string;
  readonly qfis: readonly number[];
  /** Over all flows. */
  readonly ping: { readonly sent: number; readonly received: number; readonly rttMs: number };
  /** Datagrams to the echo port and back, over all flows. */
  readonly udp: { readonly sent: number; readonly received: number };
  /** Octets over TCP to the echo port and back, over all flows; intact when they are those that were sent. */
  readonly tcp: { readonly sent: number; readonly received: number; readonly intact: boolean };
}

/** Numbered datagrams that ran through every flow, both ways, while SAs were rekeyed. */
export interface LabStream {
  readonly sent: number;
  readonly lost: number;
}

/** Where keys came from, at the end of a run. */
export interface LabSupply {
  /** Seed of the simulator: whoever knows it knows the keys. */
  readonly seed: string;
  readonly linkBitsPerSecond: number;
  readonly qber: number;
  /** Keys that wait at the KMEs. */
  readonly storedKeys: number;
  /** Undefined before the node's first look at its supply. */
  readonly mode?: 'qkd' | 'fallback';
  readonly reason?: string;
}

/** The one object that `n3iwf lab --json` prints. */
export interface LabSummary {
  ok: boolean;
  readonly ues: LabUe[];
  qkd: { readonly delivered: number; readonly used: number; readonly burnt: number };
  /** The link and the policy controller as they were last seen; absent where no quantum keys are used. */
  supply?: LabSupply;
  /** What a schedule of the link showed. */
  link?: LinkRun & { readonly verdicts: readonly Verdict[] };
  readonly errors: string[];
}
