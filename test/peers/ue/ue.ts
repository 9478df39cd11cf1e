import {
  type ChildSa,
  CP_ATTRIBUTE,
  type GatewayIdentity,
  ID_TYPE,
  IkeEndpoint,
  type IkeEvent,
  type InitiatorProfile,
  NOTIFY,
  type Notify,
  type Output,
  PPK_ID_TYPE,
  type Ppk,
  type PpkIdentity,
  parseEspProposal,
  parseIkeProposal,
  type SocketAddress,
} from '#ikev2';
import { plmnOctets } from '../../../n3iwf/n2/plmn.ts';
import { decodeEap5g, eapNasResponse, eapStop } from '../../../n3iwf/nwu/eap5g.ts';
import { decodeQosInfo, readNwuAddresses } from '../../../n3iwf/nwu/notifies.ts';
import type { DrawnKey, SaKey, UeAddresses, UeConfig, UePorts } from './config.ts';
import { InnerStack, type StackEvents } from './inner-stack.ts';
import { NasClient } from './nas-client.ts';
import { everything, isMarked, keyIdOf, proposal, spiOf } from './readings.ts';
import { UeSessions } from './sessions.ts';

type EventOf<T extends IkeEvent['type']> = Extract<IkeEvent, { type: T }>;

const moSignalling = 3;
const qosInfoType = 55501;
const nothing = new Uint8Array(0);
const noPadding = {
  protocol: 0,
  spi: nothing,
  notifyType: NOTIFY.ESP_TFC_PADDING_NOT_SUPPORTED,
  data: nothing,
};

/**
 * A simulated UE on untrusted access, sans-I/O: registers by EAP-5G inside IKEv2, keeps its NAS connection in the
 * signalling SA, opens PDU sessions and pings through them. Datagrams and ticks in; datagrams and events out.
 */
export class SimulatedUe {
  readonly sessions: UeSessions;
  readonly nas: NasClient;
  readonly stack: InnerStack;
  private readonly config: UeConfig;
  private readonly ports: UePorts;
  private at: UeAddresses;
  private readonly engine: IkeEndpoint;
  private ikeSaId = 0;
  private eapIdentifier = 0;
  private firstNas = true;
  private inEap = true;
  private ended = false;
  private held: (() => void) | undefined;
  private authKey: DrawnKey | undefined;

  constructor(config: UeConfig, at: UeAddresses, ports: UePorts) {
    this.config = config;
    this.at = at;
    this.ports = ports;
    this.nas = new NasClient(config, {
      send: (nasPdu) => this.sendNas(nasPdu),
      registered: () => ports.event({ type: 'registered' }),
      deregistered: () => ports.event({ type: 'deregistered' }),
      failed: (step, reason) => this.fail(step, reason),
      sessionMessage: (message) => this.sessions.onMessage(message),
    });
    const events: StackEvents = {
      nasReceived: (nasPdu) => this.nas.receive(nasPdu),
      packetReceived: (childSaId, packet) => this.sessions.onPacket(childSaId, packet),
      closed: (reason) => this.fail('NAS connection', reason),
    };
    this.stack = ports.makeStack?.(events) ?? new InnerStack(ports, events);
    this.sessions = new UeSessions(this.nas, this.stack, ports, config);
    this.engine = new IkeEndpoint(this.endpointConfig(), {
      random: (length) => this.spiOr(length),
      authorize: () => ({ refuse: 24 }),
      admitChildSa: (request) =>
        this.refuses(request.notifies)
          ? { refuse: NOTIFY.NO_ADDITIONAL_SAS }
          : {
              trafficSelectorsInitiator: request.trafficSelectorsInitiator,
              trafficSelectorsResponder: request.trafficSelectorsResponder,
              ...(config.refusesPadding === true ? { notifies: [noPadding] } : {}),
            },
      informed: (_, notifies) => this.answerInformed(notifies),
      ...(ports.verifyCertificate === undefined ? {} : { verifyCertificate: ports.verifyCertificate }),
    });
  }

  /** QKD keys that this UE has named to the N3IWF, in order. */
  readonly keyIds: string[] = [];
  /** Which key the keys of each SA depend on, in the order in which they came up. */
  readonly saKeys: SaKey[] = [];

  /** Begins the attach; draws the key for AUTH first where it rests on one. */
  async start(): Promise<void> {
    try {
      if (this.config.auth === 'qkd') this.authKey = await this.drawKey();
    } catch (error) {
      this.fail('QKD key', error instanceof Error ? error.message : String(error));
      return;
    }
    const { local, n3iwf } = this.at;
    const { ikeSaId, outputs } = this.engine.connect(this.ports.now(), local, n3iwf, this.profile());
    this.ikeSaId = ikeSaId;
    this.carryOut(outputs);
  }

  /** A UDP payload, of either port. On the NAT traversal port what has no marker is ESP. */
  receive(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void {
    const isEsp = local.port === this.at.localNat.port && !isMarked(datagram);
    if (isEsp) this.stack.receiveEsp(this.ports.now(), datagram);
    else this.carryOut(this.engine.receive(this.ports.now(), datagram, local, remote));
  }

  /** An ESP packet from its SPI on that came outside of UDP. */
  receiveEsp(packet: Uint8Array): void {
    this.stack.receiveEsp(this.ports.now(), packet);
  }

  tick(): void {
    this.carryOut(this.engine.tick(this.ports.now()));
    this.stack.tick(this.ports.now());
    this.sessions.tick(this.ports.now());
  }

  deadline(): number | undefined {
    const all = [this.engine, this.stack, this.sessions].flatMap((part) => part.deadline() ?? []);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  /**
   * Goes on from another address of this host with all its SAs; the event `moved` says that the N3IWF follows. ESP
   * leaves from there at once. Void before the attach is over. [RFC4555 3.5]
   */
  move(address: string): void {
    const localNat = { ...this.at.localNat, address };
    this.at = { ...this.at, local: { ...this.at.local, address }, localNat };
    this.stack.move(localNat, this.at.n3iwfNat);
    this.carryOut(this.engine.changeAddress(this.ports.now(), this.ikeSaId, localNat));
  }

  /** Rekeys the Child SA of a session, or the signalling SA, from this side. */
  rekey(pduSessionId: number | undefined): void {
    const childSaId = this.stack.childSaOf(pduSessionId);
    if (childSaId !== undefined) {
      this.carryOut(this.engine.rekeyChildSa(this.ports.now(), this.ikeSaId, childSaId));
    }
  }

  /** Rekeys the IKE SA from this side. */
  rekeyIke(): void {
    this.carryOut(this.engine.rekeyIkeSa(this.ports.now(), this.ikeSaId));
  }

  /** Rekeys every Child SA from this side, one after the other. */
  rekeyAll(): void {
    for (const childSaId of this.stack.currentChildSas()) this.rekeyChildSa(childSaId);
  }

  /** The Child SAs of all sessions that send at present, by the engine's handles. */
  sessionChildSas(): number[] {
    const signalling = this.stack.childSaOf(undefined);
    return this.stack.currentChildSas().filter((childSaId) => childSaId !== signalling);
  }

  rekeyChildSa(childSaId: number): void {
    this.carryOut(this.engine.rekeyChildSa(this.ports.now(), this.ikeSaId, childSaId));
  }

  /** What the UE asks for in its configuration request. */
  private get addressType(): number {
    return this.config.innerIpv6 === true
      ? CP_ATTRIBUTE.INTERNAL_IP6_ADDRESS
      : CP_ATTRIBUTE.INTERNAL_IP4_ADDRESS;
  }

  /** Ends the IKE SA from this side, without a word on NAS. */
  disconnect(): void {
    this.carryOut(this.engine.deleteIkeSa(this.ports.now(), this.ikeSaId));
  }

  /** Deletes the Child SA of a session from this side. */
  deleteChildSa(pduSessionId: number): void {
    const childSaId = this.stack.childSaOf(pduSessionId);
    if (childSaId !== undefined)
      this.carryOut(this.engine.deleteChildSa(this.ports.now(), this.ikeSaId, childSaId));
  }

  /** Deletes the Child SA that a flow of a session takes. */
  deleteChildSaOf(pduSessionId: number, qfi: number): void {
    const childSaId = this.stack.childSaOf(pduSessionId, qfi);
    if (childSaId !== undefined)
      this.carryOut(this.engine.deleteChildSa(this.ports.now(), this.ikeSaId, childSaId));
  }

  /** A change of flows is taken, or refused with an error notify in the answer [TS24502 7.6.3]. */
  private answerInformed(notifies: readonly Notify[]): readonly Notify[] {
    const qos = notifies.find(({ notifyType }) => notifyType === qosInfoType);
    const info = qos === undefined ? undefined : decodeQosInfo(qos.data);
    if (info === undefined) return [];
    if (info.ok && !this.refuses(notifies) && this.sessions.onFlows(info.value, spiOf(qos))) return [];
    const none = new Uint8Array(0);
    return [{ protocol: 0, spi: none, notifyType: NOTIFY.INVALID_SYNTAX, data: none }];
  }

  private refuses(notifies: readonly Notify[]): boolean {
    const qos = notifies.find(({ notifyType }) => notifyType === qosInfoType);
    const info = qos === undefined ? undefined : decodeQosInfo(qos.data);
    if (info?.ok !== true) return false;
    const { pduSessionId, qfis } = info.value;
    const { refusesSessions = [], refusesFlows = [] } = this.config;
    return refusesSessions.includes(pduSessionId) || qfis.some((qfi) => refusesFlows.includes(qfi));
  }

  /** A key of our own choice, or the one that the N3IWF named. */
  private async drawKey(keyId?: string): Promise<DrawnKey> {
    const { obtainQkdKey, fetchQkdKey } = this.ports;
    if (keyId !== undefined && fetchQkdKey === undefined) throw new Error(`no QKD key ${keyId}`);
    const key = await (keyId === undefined ? obtainQkdKey() : fetchQkdKey?.(keyId));
    if (key === undefined) throw new Error('no QKD key');
    this.keyIds.push(key.keyId);
    return key;
  }

  /** With `qkd-ke` the ID of a QKD key is one more key exchange. */
  private ikeProposals() {
    const proposals = this.config.ikeProposals.map(proposal(parseIkeProposal));
    if (this.config.ppk !== 'qkd-ke') return proposals;
    return proposals.map((each) => ({ ...each, additional: [...(each.additional ?? []), ['qkd'] as const] }));
  }

  /** And the key exchange of every new or rekeyed Child SA. */
  private espProposals() {
    const proposals = this.config.espProposals.map(proposal(parseEspProposal));
    if (this.config.ppk !== 'qkd-ke') return proposals;
    return proposals.map((each) => ({ ...each, ke: ['qkd'] as const }));
  }

  private endpointConfig() {
    return {
      ikePort: this.at.local.port,
      natTraversalPort: this.at.localNat.port,
      proposals: this.ikeProposals(),
      childProposals: this.espProposals(),
      localId: this.identity(),
      responderAuth: 'eap-only',
      initiatorAuth: 'eap',
      ppk: 'off',
      exposeKeys: false,
    } as const;
  }

  private identity() {
    return { type: ID_TYPE.KEY_ID, data: new TextEncoder().encode(`ue-${this.config.imsi.slice(-4)}`) };
  }

  private profile(): InitiatorProfile {
    const encode = (text: string) => new TextEncoder().encode(text);
    const named = { type: ID_TYPE.FQDN, data: encode(this.config.n3iwfName) };
    const keyId = this.authKey === undefined ? undefined : encode(this.authKey.keyId);
    const byKey = keyId === undefined ? undefined : { type: ID_TYPE.KEY_ID, data: keyId };
    const provesName = this.config.proveName === true && keyId !== undefined;
    const { proposals, childProposals, localId } = this.endpointConfig();
    const family = this.config.innerIpv6 === true ? 16 : 4;
    return {
      localId,
      expectedRemoteId: provesName ? named : (byKey ?? named),
      ...(provesName ? { authKeyId: keyId } : {}),
      remoteAuth: this.config.auth,
      localAuth: 'eap',
      proposals,
      childProposals,
      ppk:
        this.config.ppk === 'none' || this.config.ppk === 'qkd-ke'
          ? 'off'
          : this.config.ppkOptional === true
            ? 'optional'
            : 'required',
      mobike: this.config.mobile === true,
      redirect: this.config.followsRedirect === true,
      ...(this.config.redirectedFrom === undefined ? {} : { redirectedFrom: this.config.redirectedFrom }),
      ppkExchange: this.config.ppk === 'rfc9867' ? 'any' : 'auth',
      transcriptAuth: 'on',
      announceAuthMethods: true,
      attributes: [{ type: this.addressType, value: new Uint8Array(0) }],
      trafficSelectorsLocal: [everything(family)],
      trafficSelectorsRemote: [everything(family)],
    };
  }

  /** The engine's first draw of 8 octets is its SPI: a configured one takes that place. */
  private spiOr(length: number): Uint8Array {
    const { spi } = this.config;
    if (length === 8 && spi !== undefined && this.ikeSaId === 0) return Uint8Array.from(spi);
    return this.ports.random(length);
  }

  private carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === 'transmit') this.ports.send(output.data, output.local, output.remote);
      else this.onEvent(output.event);
    }
  }

  private onEvent(event: IkeEvent): void {
    switch (event.type) {
      case 'ikeSaInitCompleted':
        this.ports.event({ type: 'ikeSaInit', suite: event.suite });
        return;
      case 'eapReceived':
        this.onEap(event.packet);
        return;
      case 'ppkRequested':
        void this.answerPpk(event);
        return;
      case 'ikeSaRekeyed':
        this.noteKey('ike-rekeyed', event.ppkIdentity);
        this.ports.event({ type: 'ikeSaRekeyed' });
        return;
      case 'sharedSecretRequested':
        this.answerSharedSecret();
        return;
      case 'ikeSaEstablished':
        this.noteKey('ike', event.ppkIdentity);
        this.onEstablished(event.attributes ?? [], event.notifies);
        return;
      case 'childSaEstablished':
        this.noteKey(event.rekeyed === undefined ? 'child' : 'child-rekeyed', event.child.ppkIdentity);
        if (event.redundant !== true) this.onChildSa(event.child, event.rekeyed, event.notifies);
        return;
      case 'childSaDeleted':
        this.sessions.onChildSaDeleted(event.childSaId);
        this.stack.remove(event.childSaId);
        return;
      case 'addressChanged':
        this.stack.move(event.local, event.remote, event.udpEncapsulation);
        this.ports.event({ type: 'moved', address: event.local.address });
        return;
      case 'addressRefused':
        this.ports.event({ type: 'moveRefused', notifyType: event.notifyType });
        return;
      case 'redirected':
        this.onRedirected(event.gateway);
        return;
      case 'ikeSaClosed':
        this.onClosed(event.established, event.reason);
        return;
      default:
        return;
    }
  }

  private onEap(packet: Uint8Array): void {
    const decoded = decodeEap5g(packet);
    if (!decoded.ok) {
      this.fail('EAP-5G', decoded.error.message);
      return;
    }
    const message = decoded.value;
    this.eapIdentifier = message.identifier;
    if (message.kind === 'start') this.sendNas(this.nas.registrationRequest());
    else if (message.kind === 'nas') this.nas.receive(message.nasPdu);
    else if (message.code === 'success') this.holdOr(() => this.onEapSuccess());
    else this.fail('EAP-5G', `the network ended it with ${message.code}`);
  }

  /** Goes on with what the configuration holds back. */
  resume(): void {
    const { held } = this;
    this.held = undefined;
    if (held === undefined) this.nas.resume();
    else held();
  }

  private holdOr(action: () => void): void {
    if (this.config.holdEapSuccess === true) this.held = action;
    else action();
  }

  private onEapSuccess(): void {
    const { kN3iwf } = this.nas;
    if (kN3iwf === undefined) {
      this.fail('EAP-5G', 'success came before the security mode was complete');
      return;
    }
    this.inEap = false;
    this.carryOut(this.engine.setMsk(this.ports.now(), this.ikeSaId, kN3iwf));
  }

  private async answerPpk({ ikeSaId, identity, request }: EventOf<'ppkRequested'>): Promise<void> {
    const give = (ppk: Ppk | undefined) =>
      this.carryOut(this.engine.providePpk(this.ports.now(), ikeSaId, ppk, request));
    try {
      const key = await this.drawKey(identity === undefined ? undefined : keyIdOf(identity));
      const own = { type: PPK_ID_TYPE.FIXED, data: new TextEncoder().encode(key.keyId) };
      give({ secret: key.secret, identity: own });
    } catch (error) {
      if (this.config.ppkOptional !== true) {
        this.fail('QKD key', error instanceof Error ? error.message : String(error));
      }
      give(undefined);
    }
  }

  private noteKey(sa: SaKey['sa'], identity: PpkIdentity | undefined): void {
    this.saKeys.push(identity === undefined ? { sa } : { sa, keyId: keyIdOf(identity) });
  }

  private answerSharedSecret(): void {
    const secret = this.authKey?.secret ?? this.config.preSharedKey;
    this.carryOut(this.engine.provideSharedSecret(this.ports.now(), this.ikeSaId, secret));
  }

  private onEstablished(
    attributes: readonly { type: number; value: Uint8Array }[],
    notifies: readonly Notify[],
  ): void {
    // behind an IPv6 address stands the length of its prefix [RFC7296 3.15.1]
    const length = this.config.innerIpv6 === true ? 16 : 4;
    const inner = attributes.find(({ type }) => type === this.addressType)?.value.slice(0, length);
    const { nasAddress, nasPort } = readNwuAddresses(notifies);
    if (inner?.length !== length || nasAddress === undefined || nasPort === undefined) {
      this.fail('IKE_AUTH', 'the answer names no inner address or no NAS address');
      return;
    }
    this.stack.configure(inner, nasAddress, nasPort);
  }

  private onChildSa(child: ChildSa, rekeyed: number | undefined, notifies: readonly Notify[]): void {
    if (rekeyed !== undefined) {
      this.ports.event({ type: 'childSaRekeyed', pduSessionId: this.stack.replace(rekeyed, child) });
      return;
    }
    const qos = notifies.find(({ notifyType }) => notifyType === qosInfoType);
    if (qos === undefined) {
      this.stack.installSignalling(child);
      this.ports.event({
        type: 'signallingUp',
        innerAddress: this.stack.innerAddress,
        espSuite: child.suiteName,
      });
      this.stack.openNas(this.ports.now());
      return;
    }
    const info = decodeQosInfo(qos.data);
    const { upAddress } = readNwuAddresses(notifies);
    if (info.ok && upAddress !== undefined) this.sessions.onChildSa(child, info.value, upAddress);
  }

  /** Another gateway is named: what stands here goes, and whoever runs this UE starts one there. [RFC5685 5] */
  private onRedirected(to: GatewayIdentity): void {
    this.ended = true;
    this.ports.event({ type: 'redirected', to });
    this.disconnect();
  }

  private onClosed(established: boolean, reason: string): void {
    if (established || this.ended) this.ports.event({ type: 'closed', reason });
    else this.fail('IKE', reason);
    this.ended = true;
    this.stack.clear();
  }

  /** NAS goes inside EAP-5G until EAP-Success, over the NAS connection after. */
  private sendNas(nasPdu: Uint8Array): void {
    if (!this.inEap) {
      this.stack.sendNas(this.ports.now(), nasPdu);
      return;
    }
    const an = this.firstNas ? this.anParameters() : {};
    this.firstNas = false;
    const packet = eapNasResponse(this.eapIdentifier, an, nasPdu);
    this.carryOut(this.engine.sendEap(this.ports.now(), this.ikeSaId, packet));
  }

  private anParameters() {
    const { sst, sd } = this.config.slice;
    return {
      selectedPlmn: plmnOctets(this.config.plmn),
      requestedNssai: [{ sst, ...(sd === undefined ? {} : { sd: Uint8Array.from(Buffer.from(sd, 'hex')) }) }],
      establishmentCause: moSignalling,
    };
  }

  private fail(step: string, reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.ports.event({ type: 'failed', step, reason });
    if (this.inEap && this.ikeSaId !== 0) {
      this.carryOut(this.engine.sendEap(this.ports.now(), this.ikeSaId, eapStop(this.eapIdentifier)));
    }
  }
}
