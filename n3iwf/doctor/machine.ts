import type { ProbeReport, Status, StorageFault } from '#qkd';
import type { N2Transport } from '../n2/transport.ts';

/** A process that holds a socket. */
export interface PortHolder {
  readonly pid: number;
  /** Its command line, arguments separated by spaces; at least its name. */
  readonly command: string;
}

/** What became of an attempt to bind a UDP port; the port is given back at once. */
export type BindOutcome =
  | { readonly kind: 'free' }
  /** `holder` is undefined where the system does not tell. */
  | { readonly kind: 'taken'; readonly holder: PortHolder | undefined }
  /** The process lacks the right to a port so low. */
  | { readonly kind: 'denied' }
  /** The address is on no interface. */
  | { readonly kind: 'noAddress' }
  | { readonly kind: 'other'; readonly reason: string };

/** An interface that has an address. */
export interface InterfaceFacts {
  readonly name: string;
  /** Octets of the largest IP packet; undefined where the system does not tell. */
  readonly mtu: number | undefined;
}

/** A network that an interface of this machine is in. */
export interface Network {
  /** Of the interface. */
  readonly name: string;
  /** IPv4, in dotted text. */
  readonly address: string;
  readonly prefixLength: number;
}

/** Whether this process may make files in a folder. */
export type FolderState = 'writable' | 'missing' | 'denied';

/** The outcome of something that may not work out; the reason is for an operator to read. */
export type Told<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/**
 * Everything that the checks look at outside the configuration: this machine, its AMFs, its KME, the clock. The real one
 * is put together by the command; tests hand in one that is broken.
 */
export interface Machine {
  /** Wall clock, ms since 1970. */
  wallMs(): number;
  /** A clock that never steps back, ms. */
  monotonicMs(): number;
  /** Resolves after that time, or as soon as `stop` says that nobody waits any more. */
  pause(ms: number, stop?: AbortSignal): Promise<void>;
  tryBind(address: string, port: number): Promise<BindOutcome>;
  /** Whether SCTP sockets can be had; if not, why. */
  sctp(): Told<undefined>;
  /** Effective capabilities of this process as a bit set; undefined where the system has none. */
  capabilities(): bigint | undefined;
  /** Lowest port that needs no capability. */
  unprivilegedPort(): number;
  /** Undefined when no interface has the address. */
  interfaceOf(address: string): InterfaceFacts | undefined;
  /** Of every interface, loopback included. */
  networks(): readonly Network[];
  /** A path, or `credential:NAME`. */
  readFile(path: string): Told<Uint8Array>;
  folder(path: string): FolderState;
  /** Whether the kernel says that something keeps its clock; undefined where it says nothing. */
  clockKept(): boolean | undefined;
  /** Opens an association with the AMF of that number; rejects with what an operator can read. */
  connectAmf(number: number): Promise<N2Transport>;
  /** What the KME says of the pair of SAEs. */
  kmeStatus(): Promise<Told<Status>>;
  /** Whether the source of keys is there, whatever kind it is. */
  lookAtSource(): Promise<{
    readonly name: string;
    readonly reachable: boolean;
    readonly why?: string;
    readonly storedKeys?: number;
  }>;
  /** Reads the key store through, and changes nothing in it: what is there, or what is wrong and of which kind. */
  lookAtStore(): Promise<
    | { readonly ok: true; readonly value: string }
    | { readonly ok: false; readonly fault: StorageFault; readonly reason: string }
  >;
  /** Asks the KME everything that the standard lets it be asked; spends a few keys. */
  probeKme(): Promise<ProbeReport>;
}

/** What the operator means to run, as far as key demand depends on it; times in s. */
export interface Plan {
  /** UEs attached at a time; undefined: the check says how many the keys would carry. */
  readonly ues: number | undefined;
  readonly childSasPerUe: number;
  /** Between rekeys of one Child SA. */
  readonly childSeconds: number;
  /** Between two attaches of one UE, or rekeys of its IKE SA. */
  readonly ikeSeconds: number;
  /** Keys per second that the link makes; measured at the KME when undefined. */
  readonly keysPerSecond: number | undefined;
  /** Outage of the link that the pool shall bridge. */
  readonly outageSeconds: number;
  /** PEM file of the authority that UEs trust; undefined: what UEs say of the certificate is not looked at. */
  readonly ueAuthority?: string | undefined;
}
