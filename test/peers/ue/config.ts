import type { KeyObject } from 'node:crypto';
import type { GatewayIdentity, Identity, SocketAddress } from '#ikev2';
import type { NasAccess } from '../usim/index.ts';
import type { InnerStack, StackEvents } from './inner-stack.ts';

/** A subscription and how its UE behaves. Keys are 16 octets. */
export interface UeConfig {
  /** IMSI digits. */
  readonly imsi: string;
  readonly k: Uint8Array;
  readonly opc: Uint8Array;
  /** 15 IMEI digits and the software version. */
  readonly imeisv: string;
  readonly plmn: { readonly mcc: string; readonly mnc: string };
  readonly slice: { readonly sst: number; readonly sd?: string };
  readonly dnn: string;
  readonly auth: 'qkd' | 'psk' | 'certificate' | 'eap-only';
  /** With AUTH `qkd` the N3IWF has to prove its FQDN by the key, which a private notify names. */
  readonly proveName?: boolean;
  readonly ppk: 'rfc9867' | 'rfc8784' | 'qkd-ke' | 'none';
  /** Goes on without a quantum key where the network has none either. */
  readonly ppkOptional?: boolean;
  /** The access that NAS security is for, in its bearer and in the key for IKE: `3gpp` where the core takes it for that. */
  readonly nasAccess?: NasAccess;
  /** FQDN that the N3IWF must prove, but for AUTH `qkd` without `proveName`, where a key ID takes its place. */
  readonly n3iwfName: string;
  readonly preSharedKey?: Uint8Array;
  /** Asks for an inner address of IPv6 instead of IPv4. */
  readonly innerIpv6?: boolean;
  readonly ikeProposals: readonly string[];
  readonly espProposals: readonly string[];
  /** Octets of the initiator's SPI, for UEs that do not choose it at random. */
  readonly spi?: Uint8Array;
  /** Answers the challenge wrongly, for tests. */
  readonly wrongResStar?: boolean;
  /** Which downlink NAS message, from 1, is held back as if lost, until `NasClient.resume` hands it over, for tests. */
  readonly holdDownlink?: number;
  /** EAP-Success is held back in the same way, until `SimulatedUe.resume`. */
  readonly holdEapSuccess?: boolean;
  /** Algorithms that the UE offers, EA then IA octet; NEA0, NEA2 and NIA2 without it. */
  readonly capability?: Uint8Array;
  /** Asks for MOBIKE, so that `SimulatedUe.move` keeps the SAs. [RFC4555 3.1] */
  readonly mobile?: boolean;
  /** Says that it goes to another gateway when told so, and does by the event `redirected`. [RFC5685 3] */
  readonly followsRedirect?: boolean;
  /** The gateway that sent it to this one. [RFC5685 4] */
  readonly redirectedFrom?: GatewayIdentity;
  /** PDU sessions whose Child SA, or change of flows, the UE refuses, for tests. */
  readonly refusesSessions?: readonly number[];
  /**
   * A session's NAS accept that comes within this time after its Child SA is lost on the UE, in ms: free5GC's answers for a
   * Child SA before it has set it up.
   */
  readonly sessionReadyMs?: number;
  /**
   * GRE by a kernel's device, as free5GC's UE has it: it sends IPv4 as protocol type and takes no packet with another one,
   * or with more in the key than the flow.
   */
  readonly kernelGre?: boolean;
  /** Takes no padding behind packets in ESP, and says so with each Child SA [RFC7296 1.3.1]. */
  readonly refusesPadding?: boolean;
  /** QFIs that the UE refuses in the same way. */
  readonly refusesFlows?: readonly number[];
}

/** The key on which the keys of an SA depend; no ID without a PPK. */
export interface SaKey {
  readonly sa: 'ike' | 'ike-rekeyed' | 'child' | 'child-rekeyed';
  readonly keyId?: string;
}

/** A QKD key drawn from the UE's own store. */
export interface DrawnKey {
  readonly keyId: string;
  readonly secret: Uint8Array;
}

export interface UePorts {
  now(): number;
  random(length: number): Uint8Array;
  send(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void;
  /** ESP outside of UDP, from its SPI on; without it such packets are lost. */
  sendEsp?(packet: Uint8Array, local: SocketAddress, remote: SocketAddress): void;
  event(event: UeEvent): void;
  /** A fresh key of the UE's store; rejects when there is none. */
  obtainQkdKey(): Promise<DrawnKey>;
  /** Sees every user packet that came down, with its flow. */
  packetReceived?(pduSessionId: number, qfi: number, packet: Uint8Array): void;
  /** The key that the N3IWF named; rejects when there is none. Without this port there never is. */
  fetchQkdKey?(keyId: string): Promise<DrawnKey>;
  verifyCertificate?(chain: readonly Uint8Array[], peerId: Identity): KeyObject | undefined;
  /** Makes another stack than the one in process, such as one of the kernel's. */
  makeStack?(events: StackEvents): InnerStack;
}

/** Where the UE sits and where its N3IWF is heard. */
export interface UeAddresses {
  readonly local: SocketAddress;
  readonly localNat: SocketAddress;
  readonly n3iwf: SocketAddress;
  readonly n3iwfNat: SocketAddress;
}

/** What happened to the UE, in the order in which an attach goes. */
export type UeEvent =
  | { readonly type: 'ikeSaInit'; readonly suite: string }
  | { readonly type: 'signallingUp'; readonly innerAddress: string; readonly espSuite: string }
  | { readonly type: 'registered' }
  | {
      readonly type: 'sessionUp';
      readonly pduSessionId: number;
      readonly address: string;
      readonly qfis: readonly number[];
    }
  | { readonly type: 'flowsChanged'; readonly pduSessionId: number; readonly qfis: readonly number[] }
  | { readonly type: 'sessionDown'; readonly pduSessionId: number }
  | {
      readonly type: 'pong';
      readonly pduSessionId: number;
      readonly sequence: number;
      readonly rttMs: number;
    }
  /** A datagram is back from the echo port: its number and the octets of its data. */
  | {
      readonly type: 'udpEchoed';
      readonly pduSessionId: number;
      readonly qfi: number;
      readonly number: number;
      readonly octets: number;
    }
  /** A TCP connection to the echo port is over: how many octets came back, and whether all as they were sent. */
  | {
      readonly type: 'tcpEchoed';
      readonly pduSessionId: number;
      readonly qfi: number;
      readonly octets: number;
      readonly intact: boolean;
    }
  /** The N3IWF has taken the address to which the UE moved, or does not take it. [RFC4555 3.5] */
  | { readonly type: 'moved'; readonly address: string }
  | { readonly type: 'moveRefused'; readonly notifyType: number }
  /** The N3IWF ends and names another one; `closed` or `failed` follows. [RFC5685 3] */
  | { readonly type: 'redirected'; readonly to: GatewayIdentity }
  | { readonly type: 'childSaRekeyed'; readonly pduSessionId: number | undefined }
  | { readonly type: 'ikeSaRekeyed' }
  | { readonly type: 'deregistered' }
  | { readonly type: 'closed'; readonly reason: string }
  | { readonly type: 'failed'; readonly step: string; readonly reason: string };
