import type { ChildSa, SocketAddress } from '#ikev2';
import type { PathState, PathTimers } from '../n3/paths.ts';
import type { GreVariant } from '../nwu/gre.ts';
import type { DropCause } from './drops.ts';
import type { EspCipherFactory } from './esp.ts';
import type { NwuSide } from './nwu-side.ts';

/** What a Child SA carries. */
export type ChildUse =
  | { readonly kind: 'signalling' }
  | {
      readonly kind: 'pduSession';
      readonly pduSessionId: number;
      /** The flows whose downlink takes this SA. */
      readonly qfis: readonly number[];
      /** The SA also takes flows that no SA of the session names; one SA of a session does [TS24502 7.5.2]. */
      readonly isDefault: boolean;
      /** Differentiated services code point of its outer packets, 0 to 63; without it that of the user packet. */
      readonly dscp?: number;
    };

/** What the packets of a PDU session are; only those of IP are looked into [TS23501 5.6.10]. */
export type UserPacketType = 'ipv4' | 'ipv6' | 'ipv4v6' | 'ethernet' | 'unstructured';

/** A GTP-U tunnel end; the TEID is a 32-bit number other than 0. */
export interface TunnelAddress {
  readonly address: string;
  readonly teid: number;
}

/** A PDU session as the control plane sets it up. */
export interface PlaneSession {
  readonly pduSessionId: number;
  /** The UPF's end. */
  readonly ulTunnel: TunnelAddress;
  /** TEID of our end. */
  readonly dlTeid: number;
  readonly qfis: readonly number[];
  /** Without it packets are relayed unseen. */
  readonly type?: UserPacketType;
}

/** What may change of a session while it is up; what is left out stays. */
export type SessionUpdate = Partial<Pick<PlaneSession, 'ulTunnel' | 'dlTeid' | 'qfis'>>;

/** A Child SA as the IKE engine made it, and what the UE said of it besides. */
export type PlaneChildSa = ChildSa & {
  /** The UE takes no padding behind packets [RFC7296 1.3.1]. */
  readonly refusesPadding?: boolean;
};

/** The way of ESP between this node and a UE; the ports count with `udpEncapsulation` only. */
export type EspPath = Pick<ChildSa, 'local' | 'remote' | 'udpEncapsulation'>;

/** How one UE wants its packets. */
export interface UeOptions {
  /** GRE header that the UE understands; the standard's without it. */
  readonly greVariant?: GreVariant;
}

/** Addresses and limits of the plane, and how UEs want their packets where nothing else is said; all addresses are text. */
export interface PlaneOptions extends UeOptions {
  /** Inner address and TCP port of the NAS listener. */
  readonly nasAddress: string;
  readonly nasPort: number;
  /** Inner address to which UEs send GRE. */
  readonly upAddress: string;
  /** Both of these for UEs with an IPv6 inner address; without it there are none. */
  readonly innerAddress6?: string;
  /** Our end of GTP-U tunnels. */
  readonly n3Address: string;
  /** Further ones, of the same or the other family. */
  readonly moreN3Addresses?: readonly string[];
  /** How paths to UPFs are watched; without it they are not. */
  readonly pathTimers?: PathTimers;
  /** Packets of the anti-replay window; 1024 without it. */
  readonly espWindow?: number;
  /** Octets up to which shorter packets in ESP are filled up, as far as the path has room; 0, or without it: none. */
  readonly padTo?: number;
  /** Octets of the largest IP packet on the path to UEs; without it no packet is too big. */
  readonly nwuMtu?: number;
  /** The same for the path to UPFs. */
  readonly n3Mtu?: number;
  /** Lowers the segment size that TCP peers offer to what fits into both paths. */
  readonly clampMss?: boolean;
}

/** How it is known that a tunnel is lost: the UPF said so, or it has not answered for long. */
export type TunnelLoss = 'errorIndication' | 'silentPath';

/** Where packets and events of the plane go. `tos` is the octet for the outer IP header: code point and ECN. */
export interface PlanePorts {
  random(length: number): Uint8Array;
  /** `packet` begins with the SPI; with `udp` it goes inside UDP. The octets are the receiver's to keep. */
  sendEsp(packet: Uint8Array, local: SocketAddress, remote: SocketAddress, udp: boolean, tos: number): void;
  /** `local` is the N3 address to send from. */
  sendGtpu(datagram: Uint8Array, remote: SocketAddress, tos: number, local: string): void;
  nasOpened(ueId: number): void;
  nasReceived(ueId: number, octets: Uint8Array): void;
  nasClosed(ueId: number, reason: string): void;
  dropped(cause: DropCause, ueId: number | undefined): void;
  /** The tunnels of these sessions of a UE lead nowhere any more: the sessions are to end. */
  tunnelsLost?(ueId: number, pduSessionIds: readonly number[], loss: TunnelLoss): void;
  /** A UPF stopped answering echo requests, or answers again, or has no tunnel of ours any more. */
  pathChanged?(upf: string, state: PathState): void;
  /** A faster maker of ciphers than the IKE engine's own, where the machine has one. */
  readonly createCipher?: EspCipherFactory;
  /** What holds Child SAs and NAS connections in the place of this process. */
  readonly nwu?: NwuSide;
}
