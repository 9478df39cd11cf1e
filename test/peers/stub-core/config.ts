import type { Subscriber } from '../core/config.ts';

/** What is wrong with a subscriber's keys in the home network, for tests of failure. */
export type KeyFault =
  /** The network's K is another: AUTN does not convince the UE. */
  | 'k'
  /** The AUSF hands out another K_SEAF: the first protected NAS message does not convince the UE. */
  | 'kSeaf';

/** A subscriber of the stub core. */
export interface StubSubscriber extends Subscriber {
  readonly keyFault?: KeyFault;
}

/** How the stub core is set up; addresses are IPv4. */
export interface StubCoreConfig {
  /** Where all its services are: scheme, host and port, such as `http://127.0.0.10:8000`. */
  readonly origin: string;
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  readonly slice: { readonly sst: number; readonly sd: string };
  readonly dnn: string;
  readonly subscribers: readonly StubSubscriber[];
  /** Address of the UPF's GTP-U socket. */
  readonly upfAddress: string;
  /** First three octets of the addresses of PDU sessions. */
  readonly sessionPrefix: readonly [number, number, number];
}
