import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { ChildSa, SocketAddress } from '#ikev2';
import { GreSocket } from '../../n3iwf/io/gre-socket.ts';
import { NetlinkSocket } from '../../n3iwf/io/netlink.ts';
import { KernelNwu } from '../../n3iwf/kernel/nwu.ts';
import { encodeNasEnvelope, NasEnvelopeReader } from '../../n3iwf/nwu/nas-envelope.ts';
import type { QosInfo } from '../../n3iwf/nwu/notifies.ts';
import { formatAddress } from '../../n3iwf/userplane/address.ts';
import { encodeIp, IP_PROTOCOL, ipHeaderLength } from '../../n3iwf/userplane/ip.ts';
import type { UePorts } from '../peers/ue/config.ts';
import { InnerStack, type StackEvents } from '../peers/ue/inner-stack.ts';

/** Local port of the NAS connection, by which its packets are known to the kernel's policy. */
const nasClientPort = 49_152;
const peer = 1;
const markBase = 0x0e000000;

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/**
 * A UE's Child SAs in its own kernel: states and policies as the N3IWF has them, seen from the other side; NAS by the
 * kernel's TCP, GRE by a raw socket. The tables of sessions are those of the stack in process.
 */
export class KernelStack extends InnerStack {
  private readonly told: StackEvents;
  private readonly device: string;
  private readonly xfrm = NetlinkSocket.open('xfrm');
  private readonly reader = new NasEnvelopeReader();
  private readonly sessionOfChild = new Map<number, number>();
  private own: Uint8Array = new Uint8Array(4);
  private node: Uint8Array = new Uint8Array(4);
  private port = 0;
  private nwu: KernelNwu | undefined;
  private gre: GreSocket | undefined;
  private socket: Socket | undefined;
  /** The Child SA in whose place one is being installed. */
  private replaced: number | undefined;

  /** `device` is the interface to the N3IWF. */
  constructor(ports: UePorts, events: StackEvents, device: string) {
    super(ports, events);
    this.told = events;
    this.device = device;
  }

  override configure(inner: Uint8Array, nasAddress: Uint8Array, nasPort: number): void {
    super.configure(inner, nasAddress, nasPort);
    [this.own, this.node, this.port] = [Uint8Array.from(inner), Uint8Array.from(nasAddress), nasPort];
    ip('addr', 'replace', `${formatAddress(inner)}/${inner.length * 8}`, 'dev', 'lo');
    ip('route', 'replace', formatAddress(nasAddress), 'dev', this.device, 'src', formatAddress(inner));
    this.gre = GreSocket.open(this.own, (mark, packet) => this.received(mark, packet));
    this.nwu = new KernelNwu(
      {
        window: 1024,
        limits: {},
        ifId: 0,
        nasPort: nasClientPort,
        own: new Map([[this.own.length, this.own]]),
        markBase,
      },
      {
        xfrm: this.xfrm,
        nas: { send: () => {}, remove: () => {} },
        sendPacket: (packet, mark) => this.gre?.send(packet, mark) === 0,
        drain: () => this.gre?.drain(),
      },
      { limitReached: () => {}, stateMissing: () => {}, dropped: () => {}, log: () => {} },
    );
    this.nwu.addUe(peer, this.node);
  }

  override installSignalling(child: ChildSa): void {
    super.installSignalling(child);
    this.nwu?.open(peer, this.node, child, { kind: 'signalling' }, this.replaced);
  }

  override replace(old: number, child: ChildSa): number | undefined {
    this.replaced = old;
    const session = super.replace(old, child);
    this.replaced = undefined;
    return session;
  }

  override installSession(child: ChildSa, qos: QosInfo): void {
    super.installSession(child, qos);
    const { pduSessionId, qfis, isDefault } = qos;
    this.sessionOfChild.set(child.id, pduSessionId);
    const use = { kind: 'pduSession', pduSessionId, qfis, isDefault } as const;
    this.nwu?.open(peer, this.node, child, use, this.replaced);
  }

  override remove(childSaId: number): void {
    this.nwu?.close(childSaId);
    this.sessionOfChild.delete(childSaId);
    super.remove(childSaId);
  }

  /** The kernel's states move when the N3IWF has agreed, which also tells whether ESP goes inside UDP. */
  override move(local: SocketAddress, remote: SocketAddress, udpEncapsulation?: boolean): void {
    super.move(local, remote, udpEncapsulation);
    if (udpEncapsulation !== undefined) this.nwu?.moveUe(peer, { local, remote, udpEncapsulation });
  }

  override clear(): void {
    this.socket?.destroy();
    for (const id of [...this.sessionOfChild.keys(), ...this.currentChildSas()]) this.nwu?.close(id);
    this.nwu?.removeUe(peer);
    this.gre?.close();
    super.clear();
  }

  override openNas(): void {
    const ends = { localAddress: formatAddress(this.own), localPort: nasClientPort };
    this.socket = connect({ host: formatAddress(this.node), port: this.port, ...ends });
    this.socket.on('data', (octets) => {
      for (const nasPdu of this.reader.push(octets)) this.told.nasReceived(nasPdu);
    });
    this.socket.on('error', (error) => this.told.closed(error.message));
  }

  override sendNas(_now: number, nasPdu: Uint8Array): void {
    this.socket?.write(encodeNasEnvelope(nasPdu));
  }

  override sendGre(pduSessionId: number, qfi: number, upAddress: Uint8Array, gre: Uint8Array): void {
    const childSaId = this.childSaOf(pduSessionId, qfi);
    const packet = encodeIp(this.own, upAddress, IP_PROTOCOL.GRE, gre);
    if (childSaId !== undefined) this.nwu?.send(childSaId, packet);
  }

  private received(mark: number, packet: Uint8Array): void {
    const session = this.sessionOfChild.get(this.nwu?.childOf(mark) ?? -1);
    if (session !== undefined) this.told.packetReceived(session, packet.subarray(ipHeaderLength(this.own)));
  }
}
