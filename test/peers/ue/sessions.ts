import type { ChildSa } from '#ikev2';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import type { QosInfo } from '../../../n3iwf/nwu/notifies.ts';
import { decodeIcmpEcho, encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import type { NasMessage } from '../nas/index.ts';
import type { UePorts } from './config.ts';
import type { InnerStack } from './inner-stack.ts';
import type { NasClient } from './nas-client.ts';

interface Session {
  readonly id: number;
  readonly pti: number;
  address: Uint8Array | undefined;
  upAddress: Uint8Array | undefined;
  isUp: boolean;
  readonly pings: Map<number, number>;
}

const ipv4Type = 1;
const sscMode1 = 1;
const echoIdentifier = 0x5133;

/** PDU sessions of a UE: asked for over NAS, carried in a Child SA each, used for pings. */
export class UeSessions {
  private readonly nas: NasClient;
  private readonly stack: InnerStack;
  private readonly ports: UePorts;
  private readonly byId = new Map<number, Session>();
  private nextPti = 1;

  constructor(nas: NasClient, stack: InnerStack, ports: UePorts) {
    this.nas = nas;
    this.stack = stack;
    this.ports = ports;
  }

  request(pduSessionId: number): void {
    const pti = this.nextPti++;
    const session: Session = {
      id: pduSessionId,
      pti,
      address: undefined,
      upAddress: undefined,
      isUp: false,
      pings: new Map(),
    };
    this.byId.set(pduSessionId, session);
    this.nas.sendSession(
      {
        message: 'PduSessionEstablishmentRequest',
        pduSessionId,
        pti,
        maxIntegrityRates: 0xffff,
        pduSessionType: ipv4Type,
        sscMode: sscMode1,
      },
      true,
    );
  }

  release(pduSessionId: number): void {
    this.nas.sendSession({ message: 'PduSessionReleaseRequest', pduSessionId, pti: this.nextPti++ }, false);
  }

  /** Sends one ICMP echo request with `octets` of data in a flow of the session; the answer comes as the event `pong`. */
  ping(
    pduSessionId: number,
    destination: Uint8Array,
    sequence: number,
    { qfi, octets = 56 }: { readonly qfi?: number; readonly octets?: number } = {},
  ): void {
    const session = this.byId.get(pduSessionId);
    if (session?.address === undefined || session.upAddress === undefined) return;
    const now = this.ports.now();
    session.pings.set(sequence, now);
    const echo = encodeIcmpEcho({
      kind: 'request',
      identifier: echoIdentifier,
      sequence,
      data: new Uint8Array(octets),
    });
    const packet = encodeIp(session.address, destination, IP_PROTOCOL.ICMP, echo);
    this.send(pduSessionId, qfi ?? this.stack.flowsOf(pduSessionId)[0] ?? 1, packet);
  }

  /** Sends an IP packet in a flow of a session that is up. */
  send(pduSessionId: number, qfi: number, packet: Uint8Array): void {
    const upAddress = this.byId.get(pduSessionId)?.upAddress;
    if (upAddress !== undefined) this.stack.sendGre(pduSessionId, qfi, upAddress, encodeGre(qfi, packet));
  }

  /** The address that the network gave to a session. */
  addressOf(pduSessionId: number): Uint8Array | undefined {
    return this.byId.get(pduSessionId)?.address;
  }

  onMessage(message: NasMessage): void {
    if (message.message === 'PduSessionEstablishmentAccept') {
      const session = this.byId.get(message.pduSessionId);
      if (session === undefined) return;
      session.address = message.address?.slice(1, 5);
      this.checkUp(session);
    } else if (message.message === 'PduSessionEstablishmentReject') {
      this.byId.delete(message.pduSessionId);
      this.ports.event({
        type: 'failed',
        step: 'PDU session',
        reason: `the network rejected it, cause ${message.cause}`,
      });
    } else if (message.message === 'PduSessionReleaseCommand') {
      this.nas.sendSession(
        { message: 'PduSessionReleaseComplete', pduSessionId: message.pduSessionId, pti: message.pti },
        false,
      );
      this.drop(message.pduSessionId);
    }
  }

  onChildSa(child: ChildSa, qos: QosInfo, upAddress: Uint8Array): void {
    const session = this.byId.get(qos.pduSessionId);
    if (session === undefined) return;
    this.stack.installSession(child, qos);
    session.upAddress = upAddress;
    this.checkUp(session);
  }

  /**
   * The N3IWF says which flows ride on a session's Child SA from now on: that of `spi`, or else the default one. False
   * when there is no such session.
   */
  onFlows(qos: QosInfo, spi?: number): boolean {
    const { pduSessionId, qfis } = qos;
    const session = this.byId.get(pduSessionId);
    if (session === undefined) return false;
    this.stack.changeFlows(qos, spi);
    this.ports.event({ type: 'flowsChanged', pduSessionId, qfis });
    return true;
  }

  onChildSaDeleted(childSaId: number): void {
    const id = this.stack.sessionOf(childSaId);
    if (id !== undefined) this.drop(id);
  }

  /** An inner packet that came through the Child SA of a session. */
  onPacket(pduSessionId: number, greOctets: Uint8Array): void {
    const session = this.byId.get(pduSessionId);
    const gre = decodeGre(greOctets);
    const packet = gre.ok ? decodeIp(gre.value.payload) : undefined;
    if (session !== undefined && gre.ok)
      this.ports.packetReceived?.(pduSessionId, gre.value.qfi ?? -1, gre.value.payload);
    if (session === undefined || packet?.ok !== true || packet.value.protocol !== IP_PROTOCOL.ICMP) return;
    const echo = decodeIcmpEcho(packet.value.payload);
    if (!echo.ok || echo.value?.kind !== 'reply' || echo.value.identifier !== echoIdentifier) return;
    const { sequence } = echo.value;
    const sentAt = session.pings.get(sequence);
    if (sentAt === undefined) return;
    session.pings.delete(sequence);
    this.ports.event({ type: 'pong', pduSessionId, sequence, rttMs: this.ports.now() - sentAt });
  }

  private checkUp(session: Session): void {
    const { id, address, upAddress } = session;
    if (session.isUp || address === undefined || upAddress === undefined) return;
    session.isUp = true;
    this.ports.event({
      type: 'sessionUp',
      pduSessionId: id,
      address: address.join('.'),
      qfis: this.stack.flowsOf(id),
    });
  }

  private drop(pduSessionId: number): void {
    if (!this.byId.delete(pduSessionId)) return;
    this.ports.event({ type: 'sessionDown', pduSessionId });
  }
}
