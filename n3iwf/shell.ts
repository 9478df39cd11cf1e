/** A gateway on real sockets: datagrams in and out, one timer, transports to AMFs. */
import type { SocketAddress } from '#ikev2';
import type { MessageIes } from '#ngap';
import { Gateway, type GatewayConfig, type GatewayPorts } from './gateway.ts';
import { EspSocket } from './io/esp-socket.ts';
import { KernelSide, type KernelSideConfig, type KernelSideEvents } from './io/kernel-side.ts';
import { monotonicMs, randomOctets } from './io/machine.ts';
import { nativeCipherFactory } from './io/native-cipher.ts';
import { UdpSocket } from './io/udp.ts';
import { WakeTimer } from './io/wake-timer.ts';
import type { Log } from './log.ts';
import { AmfConnection } from './n2/amf/connection.ts';
import type { N2Transport } from './n2/link.ts';
import { locator } from './n2/profile.ts';
import { type N2SetupConfig, ngSetupRequest, supportedTaList } from './n2/setup.ts';
import type { KeySource } from './node.ts';
import { formatAddress, requireAddress } from './userplane/address.ts';

/** Sees what crosses the node's outer interfaces, for captures. */
export interface Wiretap {
  nwu(datagram: Uint8Array, from: SocketAddress, to: SocketAddress): void;
  n3(datagram: Uint8Array, from: SocketAddress, to: SocketAddress): void;
  n2(data: Uint8Array, stream: number, toAmf: boolean): void;
}

/** A gateway's configuration with the addresses and ports that its sockets take. */
export interface ShellConfig {
  readonly gateway: Omit<GatewayConfig, 'locate'>;
  readonly address: string;
  readonly ikePort: number;
  readonly natTraversalPort: number;
  readonly n3Address: string;
  /** Further addresses of GTP-U; the gateway's configuration names the same. */
  readonly moreN3Addresses?: readonly string[];
  readonly n3Port: number;
  readonly n2: N2SetupConfig;
  /** Child SAs and NAS in the kernel; without it they are in process. */
  readonly kernel?: KernelSideConfig;
}

/** Ports that whoever runs the node may fill. */
type Observers = Pick<GatewayPorts, 'observe' | 'verifyCertificate' | 'recordIke'>;

/** Octets that stand before IKE on the NAT traversal port; anything else there is ESP [RFC3948 2.2]. */
const markerLength = 4;

/** The gateway with its descriptors: three UDP sockets, one timer and a transport to the AMF. */
export class GatewayShell {
  readonly gateway: Gateway;
  private readonly config: ShellConfig;
  private readonly timer: WakeTimer;
  private readonly log: Log;
  private readonly tap: Wiretap | undefined;
  private readonly sockets: UdpSocket[] = [];
  private ikeSocket: UdpSocket | undefined;
  private natSocket: UdpSocket | undefined;
  /** There where ESP may come outside of UDP, and this process opens it. */
  private espSocket: EspSocket | undefined;
  /** By their address, the preferred one first. */
  private readonly n3Sockets = new Map<string, UdpSocket>();
  private readonly amfs: AmfConnection[] = [];
  private readonly kernel: KernelSide | undefined;
  /** Numbers of those that are closed since the configuration has them no more. */
  private readonly left = new Set<number>();
  /** What every association says of this node when it opens. */
  private readonly n2Config: { setup: MessageIes<'NGSetupRequest'> };

  private constructor(
    config: ShellConfig,
    keys: KeySource | undefined,
    log: Log,
    observers: Observers,
    tap?: Wiretap,
  ) {
    this.config = config;
    this.n2Config = { setup: ngSetupRequest(config.n2) };
    this.log = log;
    this.tap = tap;
    this.kernel = config.kernel && KernelSide.prepare(config.kernel, this.kernelEvents(), log);
    const createCipher = nativeCipherFactory();
    this.gateway = new Gateway(
      { ...config.gateway, locate: locator(config.n2) },
      {
        now: monotonicMs,
        wallMs: Date.now,
        random: randomOctets,
        ...(createCipher === undefined ? {} : { createCipher }),
        ...(this.kernel === undefined ? {} : { nwu: this.kernel.nwu }),
        sendIke: (datagram, local, remote) => this.sendIke(datagram, local, remote),
        sendEsp: (packet, local, remote, udp, tos) => this.sendEsp(packet, local, remote, udp, tos),
        sendGtpu: (datagram, remote, tos, local) => this.sendGtpu(datagram, local, remote, tos),
        sendN2: (pdu, amf) => this.amfs[amf]?.send(pdu),
        resetN2: (ies, amf) => this.amfs[amf]?.reset(ies),
        ...observers,
      },
      keys,
      log,
    );
    this.timer = new WakeTimer(this, monotonicMs);
  }

  private kernelEvents(): KernelSideEvents {
    return {
      packet: (childSaId, packet) => {
        if (this.gateway.receiveInner(childSaId, packet)) this.timer.rearm();
      },
      happened: () => this.timer.rearm(),
      limitReached: (ueId) => this.act((gateway) => gateway.tellUsageOf(ueId)),
      stateMissing: (ueId, childSaId) => this.act((gateway) => gateway.childSaMissing(ueId, childSaId)),
      dropped: (cause, ueId, count) => this.gateway.plane.countDrops(cause, ueId, count),
    };
  }

  /**
   * Opens the sockets.
   *
   * @throws OperatorError when an address is taken, or the machine lacks what the kernel plane needs; nothing stays open
   */
  static async open(
    config: ShellConfig,
    keys: KeySource | undefined,
    log: Log,
    observers: Observers = {},
    tap?: Wiretap,
  ): Promise<GatewayShell> {
    const shell = new GatewayShell(config, keys, log, observers, tap);
    try {
      await shell.bind();
    } catch (error) {
      await shell.close();
      throw error;
    }
    return shell;
  }

  /**
   * Opens the NG interface to one more AMF and keeps it. `dial` gets the addresses that the AMF named later, or
   * undefined for those of the configuration. Resolves when the AMF accepted; rejects with the first failure.
   */
  connectN2(dial: (addresses: readonly string[] | undefined) => Promise<N2Transport>): Promise<void> {
    const number = this.amfs.length;
    this.gateway.amfs.ofNumber(number); // it is one of ours before it answers for the first time
    const connection = new AmfConnection(
      this.n2Config,
      {
        now: monotonicMs,
        random: Math.random,
        dial,
        happened: (event) => this.gateway.onN2Event(number, event),
        rearm: () => this.timer.rearm(),
        tap: (data, stream, toAmf) => this.tap?.n2(data, stream, toAmf),
      },
      this.log,
    );
    this.amfs.push(connection);
    connection.start();
    return connection.firstSetup;
  }

  /** The AMF of that number gets no more UEs; its interface closes when its last UE is gone. */
  retireN2(number: number): void {
    this.gateway.amfs.ofNumber(number).retired = true;
    this.closeRetired();
  }

  private closeRetired(): void {
    for (const [number, connection] of this.amfs.entries()) {
      const amf = this.gateway.amfs.ofNumber(number);
      if (!amf.retired || this.left.has(number)) continue;
      if ([...this.gateway.ues].some((ue) => ue.amf === amf)) continue;
      this.left.add(number);
      amf.ready = false;
      connection.close();
      this.gateway.journal.alarms.set(
        'amfLost',
        false,
        `AMF ${amf.name} is out of the configuration`,
        String(number),
      );
    }
  }

  /** The node has a new name or new tracking areas: every AMF is told, later ones by NG Setup [TS38413 8.7.2.2]. */
  updateN2(config: N2SetupConfig): void {
    this.n2Config.setup = ngSetupRequest(config);
    this.gateway.locate = locator(config);
    const update = { ranNodeName: config.name, supportedTaList: supportedTaList(config) };
    for (const amf of this.amfs) amf.updateRanConfiguration(update);
    this.timer.rearm();
  }

  tick(): void {
    this.gateway.tick();
    for (const amf of this.amfs) amf.tick();
    this.closeRetired();
  }

  deadline(): number | undefined {
    let least = this.gateway.deadline();
    for (const amf of this.amfs) {
      const at = amf.deadline();
      if (at !== undefined && (least === undefined || at < least)) least = at;
    }
    return least;
  }

  async close(): Promise<void> {
    this.timer.stop();
    for (const amf of this.amfs) amf.close();
    this.kernel?.close();
    this.espSocket?.close();
    await Promise.all(this.sockets.map((socket) => socket.close()));
  }

  /** Runs commands on the gateway and re-arms the timer, for callers outside the sockets' own events. */
  act(action: (gateway: Gateway) => void): void {
    action(this.gateway);
    this.timer.rearm();
  }

  private async bind(): Promise<void> {
    const { address, ikePort, natTraversalPort, n3Address, moreN3Addresses = [], n3Port } = this.config;
    const fault = (error: Error) => this.log.warn({ error: error.message }, 'UDP socket');
    const open = async (
      at: SocketAddress,
      received: (data: Uint8Array, remote: SocketAddress, local: SocketAddress, tos: number) => boolean,
    ) => {
      const socket = await UdpSocket.open(
        at,
        (data, remote, local, tos) => {
          if (received(data, remote, local, tos)) this.timer.rearm();
        },
        fault,
      );
      this.sockets.push(socket);
      return socket;
    };
    this.ikeSocket = await open({ address, port: ikePort }, (data, remote, local) => {
      this.tap?.nwu(data, remote, local);
      this.gateway.receiveIke(data, local, remote);
      return true;
    });
    this.natSocket = await open({ address, port: natTraversalPort }, (data, remote, local, tos) =>
      this.onNatPort(data, remote, local, tos),
    );
    for (const text of [n3Address, ...moreN3Addresses]) {
      const local = formatAddress(requireAddress(text));
      const received = (data: Uint8Array, remote: SocketAddress, at: SocketAddress, tos: number) => {
        this.tap?.n3(data, remote, at);
        return this.gateway.receiveGtpu(data, remote, local, tos);
      };
      this.n3Sockets.set(local, await open({ address: text, port: n3Port }, received));
    }
    const takesBareEsp = this.kernel === undefined && this.config.gateway.ike.forceUdpEncapsulation !== true;
    if (takesBareEsp) this.espSocket = this.openEsp(address, fault);
    if (!this.natSocket.tellsTos)
      this.log.warn({}, 'congestion marks of outer headers are not seen: the C library cannot be loaded');
    await this.kernel?.start({ address, port: this.natSocket.local.port });
  }

  /** Packets that no UDP port is in front of, from UEs without a NAT on the way [RFC7296 2.23]. */
  private openEsp(address: string, fault: (error: Error) => void): EspSocket {
    const local = { address, port: 0 };
    return EspSocket.open(
      address,
      (packet, remote, tos) => {
        if (this.gateway.receiveEsp(packet, local, remote, tos)) this.timer.rearm();
      },
      fault,
    );
  }

  /** True when the deadline may be another one now. */
  private onNatPort(data: Uint8Array, remote: SocketAddress, local: SocketAddress, tos: number): boolean {
    if (data.length <= 1) return false; // a keepalive
    this.tap?.nwu(data, remote, local);
    const isIke =
      data.length >= markerLength && data[0] === 0 && data[1] === 0 && data[2] === 0 && data[3] === 0;
    if (!isIke) return this.gateway.receiveEsp(data, local, remote, tos);
    this.gateway.receiveIke(data, local, remote);
    return true;
  }

  /** Without UDP where no NAT is on the way; captures have what goes inside UDP only. */
  private sendEsp(
    packet: Uint8Array,
    local: SocketAddress,
    remote: SocketAddress,
    udp: boolean,
    tos: number,
  ): void {
    if (udp) this.sendUdp(this.natSocket, packet, local, remote, tos);
    else this.espSocket?.send(packet, remote.address, tos);
  }

  private sendIke(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void {
    this.sendUdp(
      local.port === this.natSocket?.local.port ? this.natSocket : this.ikeSocket,
      datagram,
      local,
      remote,
    );
  }

  /** No UPF is known to carry marks of congestion on: its packets are marked as of no ECN. */
  private sendGtpu(datagram: Uint8Array, local: string, remote: SocketAddress, tos: number): void {
    const socket = this.n3Sockets.get(local);
    if (socket === undefined) return;
    this.tap?.n3(datagram, socket.local, remote);
    socket.send(datagram, remote, tos & 0xfc);
  }

  private sendUdp(
    socket: UdpSocket | undefined,
    datagram: Uint8Array,
    local: SocketAddress,
    remote: SocketAddress,
    tos = 0,
  ): void {
    this.tap?.nwu(datagram, local, remote);
    socket?.send(datagram, remote, tos);
  }
}
