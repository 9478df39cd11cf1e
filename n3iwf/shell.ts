import type { SocketAddress } from '#ikev2';
import { decodeNgap, encodeNgap, type NgapPdu } from '#ngap';
import { Gateway, type GatewayConfig, type GatewayPorts } from './gateway.ts';
import { monotonicMs, randomOctets } from './io/machine.ts';
import { UdpSocket } from './io/udp.ts';
import { WakeTimer } from './io/wake-timer.ts';
import type { Log } from './log.ts';
import { N2Setup, type N2SetupConfig } from './n2/setup.ts';
import type { KeySource } from './node.ts';

/** The message transport to one AMF: kernel SCTP, or an in-memory pair in the lab. */
export interface N2Transport {
  send(stream: number, data: Uint8Array): void;
  onMessage(listener: (data: Uint8Array) => void): void;
  onClosed(listener: (reason: string) => void): void;
  close(): void;
}

/** Sees what crosses the node's outer interfaces, for captures. */
export interface Wiretap {
  nwu(datagram: Uint8Array, from: SocketAddress, to: SocketAddress): void;
  n2(data: Uint8Array, stream: number, toAmf: boolean): void;
}

export interface ShellConfig {
  readonly gateway: GatewayConfig;
  readonly address: string;
  readonly ikePort: number;
  readonly natTraversalPort: number;
  readonly n3Address: string;
  readonly n3Port: number;
  readonly n2: N2SetupConfig;
}

type Observers = Pick<GatewayPorts, 'observe' | 'verifyCertificate'>;

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
  private n3Socket: UdpSocket | undefined;
  private n2: N2Setup | undefined;

  private constructor(
    config: ShellConfig,
    keys: KeySource | undefined,
    log: Log,
    observers: Observers,
    tap?: Wiretap,
  ) {
    this.config = config;
    this.log = log;
    this.tap = tap;
    this.gateway = new Gateway(
      config.gateway,
      {
        now: monotonicMs,
        random: randomOctets,
        sendIke: (datagram, local, remote) => this.sendIke(datagram, local, remote),
        sendEsp: (packet, local, remote) => this.sendUdp(this.natSocket, packet, local, remote),
        sendGtpu: (datagram, remote) => this.n3Socket?.send(datagram, remote),
        sendN2: (pdu, ue) => this.sendN2(pdu, ue),
        ...observers,
      },
      keys,
      log,
    );
    this.timer = new WakeTimer(this.gateway, monotonicMs);
  }

  /** Opens the sockets. @throws OperatorError when an address is taken; then nothing stays open */
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

  /** Takes a transport to the AMF into use and runs NG Setup on it. Rejects when the AMF refuses for good. */
  async connectN2(transport: N2Transport): Promise<void> {
    const setup = new N2Setup(this.config.n2, this.log, (data) => this.transmitN2(transport, 0, data));
    this.n2 = setup;
    transport.onMessage((data) => this.receiveN2(setup, data));
    transport.onClosed((reason) => {
      this.log.warn({ reason }, 'the association with the AMF is gone');
      setup.lost(reason);
      this.transport = undefined;
      this.gateway.setN2Ready(false);
      this.timer.rearm();
    });
    this.transport = transport;
    await setup.run();
    this.gateway.setN2Ready(true);
  }

  private transport: N2Transport | undefined;

  async close(): Promise<void> {
    this.timer.stop();
    this.transport?.close();
    await Promise.all(this.sockets.map((socket) => socket.close()));
  }

  /** Runs commands on the gateway and re-arms the timer, for callers outside the sockets' own events. */
  act(action: (gateway: Gateway) => void): void {
    action(this.gateway);
    this.timer.rearm();
  }

  private async bind(): Promise<void> {
    const { address, ikePort, natTraversalPort, n3Address, n3Port } = this.config;
    const fault = (error: Error) => this.log.warn({ error: error.message }, 'UDP socket');
    const open = async (
      at: SocketAddress,
      received: (data: Uint8Array, remote: SocketAddress, local: SocketAddress) => void,
    ) => {
      const socket = await UdpSocket.open(
        at,
        (data, remote, local) => {
          received(data, remote, local);
          this.timer.rearm();
        },
        fault,
      );
      this.sockets.push(socket);
      return socket;
    };
    this.ikeSocket = await open({ address, port: ikePort }, (data, remote, local) => {
      this.tap?.nwu(data, remote, local);
      this.gateway.receiveIke(data, local, remote);
    });
    this.natSocket = await open({ address, port: natTraversalPort }, (data, remote, local) =>
      this.onNatPort(data, remote, local),
    );
    this.n3Socket = await open({ address: n3Address, port: n3Port }, (data, remote) =>
      this.gateway.receiveGtpu(data, remote),
    );
  }

  private onNatPort(data: Uint8Array, remote: SocketAddress, local: SocketAddress): void {
    if (data.length <= 1) return; // a keepalive
    this.tap?.nwu(data, remote, local);
    const isIke =
      data.length >= markerLength && data[0] === 0 && data[1] === 0 && data[2] === 0 && data[3] === 0;
    if (isIke) this.gateway.receiveIke(data, local, remote);
    else this.gateway.receiveEsp(data, local, remote);
  }

  private sendIke(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void {
    this.sendUdp(
      local.port === this.natSocket?.local.port ? this.natSocket : this.ikeSocket,
      datagram,
      local,
      remote,
    );
  }

  private sendUdp(
    socket: UdpSocket | undefined,
    datagram: Uint8Array,
    local: SocketAddress,
    remote: SocketAddress,
  ): void {
    this.tap?.nwu(datagram, local, remote);
    socket?.send(datagram, remote);
  }

  /** UE-associated messages keep to one stream of their own; stream 0 is for the rest [TS38412 7]. */
  private sendN2(pdu: NgapPdu, ue: number | undefined): void {
    if (this.transport === undefined) return;
    const stream = ue === undefined ? 0 : 1 + (ue % (this.config.n2.streams - 1));
    this.transmitN2(this.transport, stream, encodeNgap(pdu));
  }

  private transmitN2(transport: N2Transport, stream: number, data: Uint8Array): void {
    this.tap?.n2(data, stream, true);
    transport.send(stream, data);
  }

  private receiveN2(setup: N2Setup, data: Uint8Array): void {
    this.tap?.n2(data, 0, false);
    const decoded = decodeNgap(data);
    if (!decoded.ok) this.gateway.rejectN2(decoded.error);
    else if (!setup.take(decoded.value)) this.gateway.receiveN2(decoded.value);
    this.timer.rearm();
  }
}
