import type { EndpointConfig, IkeEndpoint, IkeEvent, SocketAddress } from '#ikev2';
import type { MessageIes, NgapPdu } from '#ngap';
import type { KeyingSettings } from './keying-watch.ts';
import type { Locate } from './n2/profile.ts';
import type { Node, NodeIdentity } from './node.ts';
import type { SessionPolicy } from './nwu/child-sa-policy.ts';
import type { RecordEntry } from './replay/engine-record.ts';
import type { UeContext } from './ue/context.ts';
import type { InnerConfig } from './ue/inner-network.ts';
import type { EspCipherFactory } from './userplane/esp.ts';
import type { NwuSide } from './userplane/nwu-side.ts';
import type { PlaneOptions } from './userplane/plane.ts';

/** Where the gateway's output goes and where its time and randomness come from. */
export interface GatewayPorts {
  now(): number;
  /** Wall clock for the journal, ms since 1970; `now` without it. */
  wallMs?(): number;
  random(length: number): Uint8Array;
  sendIke(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void;
  /** `tos` is the octet for the outer IP header, where the socket can set it. */
  sendEsp(packet: Uint8Array, local: SocketAddress, remote: SocketAddress, udp: boolean, tos: number): void;
  /** `local` is the N3 address to send from. */
  sendGtpu(datagram: Uint8Array, remote: SocketAddress, tos: number, local: string): void;
  /** Sends by the NG interface to the AMF of that number, its place in the configuration. */
  sendN2(pdu: NgapPdu, amf: number): void;
  /** Makes that AMF forget UEs; acknowledgements and repeats are the interface's business. */
  resetN2(ies: MessageIes<'NGReset'>, amf: number): void;
  /** What holds Child SAs and NAS connections in the place of this process. */
  readonly nwu?: NwuSide;
  /** A faster maker of ESP ciphers than the IKE engine's own. */
  readonly createCipher?: EspCipherFactory;
  verifyCertificate?: NonNullable<ConstructorParameters<typeof IkeEndpoint>[1]['verifyCertificate']>;
  /** Takes down everything that the IKE engine is given, keys included, so that it can be replayed. For the lab. */
  recordIke?(entry: RecordEntry): void;
  /** Sees every IKE event, for captures, metrics and the lab's progress. */
  observe?(event: IkeEvent, ue: UeContext | undefined): void;
}

/** What a gateway is made of; {@link GatewayChange} says what of it may change while it runs. */
export interface GatewayConfig {
  readonly ike: EndpointConfig;
  readonly identity: NodeIdentity;
  readonly innerPool: string;
  /** IPv6 inside the tunnels, servers that UEs are told of, addresses set aside. */
  readonly inner?: Omit<InnerConfig, 'pool' | 'address'>;
  /** Limits of the user plane; without them no packet is too big and the window is the default. */
  readonly userPlane?: Pick<
    PlaneOptions,
    'espWindow' | 'padTo' | 'nwuMtu' | 'n3Mtu' | 'clampMss' | 'pathTimers' | 'greVariant'
  >;
  /** How AMFs are told where UEs are. */
  readonly locate: Locate;
  /** How sessions are laid on Child SAs; without it each has one. */
  readonly sessions?: SessionPolicy;
  /** How long a UE may send and get nothing before it is released, in ms; without it, or with 0, for ever. */
  readonly inactivityMs?: number;
  /** Addresses and names of the nodes that UEs are sent to while this one ends; none without it. */
  readonly redirectTo?: readonly string[];
  /** Who gets quantum keys and when there are too few; it takes effect with the first look at the supply. */
  readonly keying?: KeyingSettings;
}

/** What may change of a gateway while it runs. */
export interface GatewayChange
  extends Partial<Pick<GatewayConfig, 'ike' | 'sessions' | 'keying' | 'redirectTo'>> {
  readonly inner?: InnerConfig;
}

/** What Child SAs may be protected with, by their proposals. */
export function espSuitesOf({ childProposals }: EndpointConfig): Node['espSuites'] {
  return childProposals.flatMap(({ encr, integ }) =>
    encr.map((name) => ({ encr: name, integ: integ[0] ?? 'none' })),
  );
}
