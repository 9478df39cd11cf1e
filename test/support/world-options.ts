/** How a test wants its world: the two ends, what is between them, and who watches. */
import type { EndpointConfig, IkeEvent, SocketAddress } from '#ikev2';
import type { NgapPdu } from '#ngap';
import type { CoreConfig, UeConfig } from '#peers';
import type { GatewayConfig } from '../../n3iwf/gateway.ts';
import type { KeyingSettings } from '../../n3iwf/keying-watch.ts';
import type { Log } from '../../n3iwf/log.ts';
import type { GnbConfig, N2ProfileName } from '../../n3iwf/n2/profile.ts';
import type { KeySource } from '../../n3iwf/node.ts';
import type { KeyPolicy } from '../../n3iwf/nwu/key-policy.ts';
import type { RecordEntry } from '../../n3iwf/replay/engine-record.ts';
import type { World } from './world.ts';

/** One UDP payload under way. */
export interface Datagram {
  data: Uint8Array;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
}

/** Everything has a default. */
export interface WorldOptions {
  readonly seed?: number;
  readonly auth?: UeConfig['auth'] & EndpointConfig['responderAuth'];
  readonly ppk?: UeConfig['ppk'];
  readonly policy?: KeyPolicy;
  /** Of the N3IWF. */
  readonly proposals?: readonly string[];
  readonly ues?: number;
  /** One AMF each, with what sets it apart from the first; one AMF when absent. */
  readonly cores?: readonly Partial<CoreConfig>[];
  readonly innerPool?: string;
  readonly refuse?: NonNullable<CoreConfig['refuse']>;
  readonly ue?: Partial<UeConfig>;
  /** What the gateway's configuration says beside the necessary. */
  readonly gateway?: Pick<GatewayConfig, 'inner' | 'sessions' | 'userPlane' | 'inactivityMs' | 'redirectTo'>;
  /** What becomes of a datagram on NWu: itself, several, or none. */
  readonly channel?: (datagram: Datagram, world: World) => readonly Datagram[];
  /** What becomes of a message on N2, in either direction; undefined loses it. */
  readonly n2?: (pdu: NgapPdu, toAmf: boolean, world: World) => NgapPdu | undefined;
  /** How the N3IWF appears on N2. */
  readonly profile?: N2ProfileName;
  readonly gnb?: GnbConfig;
  readonly lifetimes?: NonNullable<EndpointConfig['lifetimes']>;
  /** Takes down what the IKE engine of the N3IWF is given. */
  readonly record?: (entry: RecordEntry) => void;
  /** Where both ends get their QKD keys, in place of a source that never runs dry. */
  readonly keys?: WorldKeys;
  /** Who gets keys when they are scarce. */
  readonly keying?: KeyingSettings;
  /** Of both ends; one suite without a key exchange when absent. */
  readonly espProposals?: readonly string[];
  /** How long a datagram on NWu is on its way, ms. */
  readonly latencyMs?: number;
  /** Sees every event of the N3IWF's IKE engine. */
  readonly observe?: (event: IkeEvent) => void;
  /** Of the gateway. */
  readonly log?: Log;
  /** Sees each key that goes over the N3IWF's key source. */
  readonly keySeen?: (secret: Uint8Array) => void;
  /** ESP goes outside of UDP, as there is no NAT; such datagrams have port 0. */
  readonly bareEsp?: boolean;
  /** Names keys to the N3IWF that its own key manager has never heard of. */
  readonly unknownKeys?: boolean;
}

/** The key managers of both ends. */
export interface WorldKeys {
  readonly node: KeySource;
  /** A key that a UE draws, and one that the N3IWF named to it. Both reject when there is none. */
  draw(): Promise<WorldKey>;
  find(keyId: string): Promise<WorldKey>;
}

/** A QKD key in the hands of a UE. */
export interface WorldKey {
  readonly keyId: string;
  readonly secret: Uint8Array;
}
