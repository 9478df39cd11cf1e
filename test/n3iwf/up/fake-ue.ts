import type { ChildSa } from '#ikev2';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import type { DropCause } from '../../../n3iwf/userplane/drops.ts';
import { EspReceiver, EspSender } from '../../../n3iwf/userplane/esp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import {
  type ChildUse,
  type PlaneChildSa,
  type PlaneOptions,
  UserspacePlane,
} from '../../../n3iwf/userplane/plane.ts';
import { TcpConnection } from '../../../n3iwf/userplane/tcp.ts';
import { decodeTcp, encodeTcp } from '../../../n3iwf/userplane/tcp-segment.ts';

export const NAS = requireAddress('10.99.0.1');
export const UP = requireAddress('10.99.0.2');
export const NAS_PORT = 20000;
export const NODE = { address: '192.0.2.1', port: 4500 };
export const UPF = { address: '198.51.100.9', port: 2152 };
export const suite = { encr: 'aes256-gcm16', integ: 'none', esn: false } as const;

const random = (length: number) => new Uint8Array(length).fill(0x77);

export interface SentEsp {
  readonly packet: Uint8Array;
  readonly remote: { readonly address: string; readonly port: number };
  readonly udp: boolean;
  readonly tos: number;
}

/** A plane whose ports write down all that leaves it. */
export class Node {
  readonly esp: SentEsp[] = [];
  readonly gtpu: {
    datagram: Uint8Array;
    remote: { address: string; port: number };
    tos: number;
    local: string;
  }[] = [];
  readonly n3Events: string[] = [];
  readonly nas: string[] = [];
  readonly drops: [DropCause, number | undefined][] = [];
  readonly plane: UserspacePlane;
  /** Set by a test that carries packets on at once. */
  onEsp: ((sent: SentEsp) => void) | undefined;

  constructor(more: Partial<PlaneOptions> = {}) {
    const options = {
      ...more,
      nasAddress: '10.99.0.1',
      nasPort: NAS_PORT,
      upAddress: '10.99.0.2',
      n3Address: '198.51.100.1',
    };
    this.plane = new UserspacePlane(options, {
      random,
      sendEsp: (packet, _local, remote, udp, tos) => {
        const sent = { packet: Uint8Array.from(packet), remote, udp, tos };
        this.esp.push(sent);
        this.onEsp?.(sent);
      },
      sendGtpu: (datagram, remote, tos, local) =>
        this.gtpu.push({ datagram: Uint8Array.from(datagram), remote, tos, local }),
      tunnelsLost: (ueId, ids, loss) => this.n3Events.push(`lost ${ueId} ${ids.join('+')} ${loss}`),
      pathChanged: (upf, state) => this.n3Events.push(`${upf} ${state}`),
      nasOpened: (ueId) => this.nas.push(`${ueId} opened`),
      nasReceived: (ueId, octets) => this.nas.push(`${ueId} ${Buffer.from(octets).toString('hex')}`),
      nasClosed: (ueId, reason) => this.nas.push(`${ueId} ${reason}`),
      dropped: (cause, ueId) => this.drops.push([cause, ueId]),
    });
  }
}

/** Both ends' view of one Child SA. */
export interface Tunnel {
  readonly child: ChildSa;
  readonly sender: EspSender;
  readonly receiver: EspReceiver;
}

let lastChild = 0;

/** A UE that speaks ESP to the node; one object per UE. */
export class FakeUe {
  readonly id: number;
  readonly inner: Uint8Array;
  readonly node: Node;
  remote = { address: '203.0.113.7', port: 4500 };

  constructor(node: Node, id: number, inner = `10.99.1.${id}`) {
    this.id = id;
    this.node = node;
    this.inner = requireAddress(inner);
    node.plane.addUe(id, inner);
  }

  tunnel(use: ChildUse, replaces?: number, more: Partial<PlaneChildSa> = {}): Tunnel {
    const id = ++lastChild;
    const keysIn = { encr: new Uint8Array(36).fill(id), integ: new Uint8Array(0) };
    const keysOut = { encr: new Uint8Array(36).fill(id + 100), integ: new Uint8Array(0) };
    const child: PlaneChildSa = {
      id,
      ikeSaId: this.id,
      spiIn: 0x1000 + id,
      spiOut: 0x2000 + id,
      suite,
      suiteName: 'ENCR_AES_GCM_16_256',
      keysIn,
      keysOut,
      trafficSelectorsLocal: [],
      trafficSelectorsRemote: [],
      udpEncapsulation: true,
      local: NODE,
      remote: this.remote,
      ...more,
    };
    this.node.plane.installChildSa(this.id, child, use, replaces);
    return {
      child,
      sender: new EspSender(child.spiIn, suite, keysIn, random),
      receiver: new EspReceiver(child.spiOut, suite, keysOut),
    };
  }

  seal({ sender }: Tunnel, packet: Uint8Array, nextHeader = 4): Uint8Array {
    return Uint8Array.from(sender.seal(nextHeader, packet) as Uint8Array);
  }

  /** Seals an inner packet and hands it to the node. */
  send(tunnel: Tunnel, packet: Uint8Array, now = 0): void {
    const sealed = this.seal(tunnel, packet, this.inner.length === 4 ? IP_PROTOCOL.IPV4 : IP_PROTOCOL.IPV6);
    this.node.plane.receiveEsp(now, sealed, NODE, this.remote);
  }

  sendInner(tunnel: Tunnel, destination: Uint8Array, protocol: number, payload: Uint8Array): void {
    this.send(tunnel, encodeIp(this.inner, destination, protocol, payload));
  }

  /** The inner packet of what the node sent, or undefined if this tunnel does not open it. */
  open({ receiver }: Tunnel, { packet }: SentEsp) {
    const opened = receiver.open(packet);
    if (!opened.ok) return undefined;
    const inner = decodeIp(opened.payload);
    return inner.ok ? inner.value : undefined;
  }
}

/** NAS over TCP of one UE in its signalling tunnel; packets travel at once. */
export class UeNas {
  readonly got: Uint8Array[] = [];
  readonly connection: TcpConnection;
  readonly #waiting: SentEsp[] = [];
  closed: string | undefined;

  constructor(ue: FakeUe, tunnels: readonly Tunnel[], port = 40_000, nas = NAS) {
    const [first] = tunnels as [Tunnel];
    ue.node.onEsp = (sent) => this.#waiting.push(sent);
    this.connection = TcpConnection.connect(0, { localPort: port, remotePort: NAS_PORT }, 77, {
      transmit: (segment) => ue.sendInner(first, nas, IP_PROTOCOL.TCP, encodeTcp(segment, ue.inner, nas)),
      opened: () => {},
      received: (data) => this.got.push(Uint8Array.from(data)),
      closed: (reason) => {
        this.closed = reason;
      },
    });
    this.run = () => {
      for (let sent = this.#waiting.shift(); sent !== undefined; sent = this.#waiting.shift()) {
        for (const tunnel of tunnels) {
          const packet = ue.open(tunnel, sent);
          const segment = packet && decodeTcp(packet.payload, packet.source, packet.destination);
          if (segment?.ok) this.connection.receive(0, segment.value);
        }
      }
    };
    this.run();
  }

  /** Until nothing is under way. */
  readonly run: () => void;

  get text(): string {
    return Buffer.concat(this.got).toString('hex');
  }
}
