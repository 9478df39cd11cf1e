import {
  type AuthorizeAnswer,
  type EndpointPorts,
  IkeEndpoint,
  type IkeEvent,
  type Output,
  type SocketAddress,
} from '#ikev2';
import { answerToLogicalError, type DecodedPdu, type N2Event, type NgapPdu, ueIdsOf } from '#ngap';
import type { KeyingState } from '#qkd';
import { espSuitesOf, type GatewayChange, type GatewayConfig, type GatewayPorts } from './gateway-ports.ts';
import { Journal } from './journal/journal.ts';
import { type DueSa, KeyingWatch, type SupplySeen } from './keying-watch.ts';
import type { Log } from './log.ts';
import type { Amf } from './n2/amf/amf.ts';
import { AmfTable } from './n2/amf/table.ts';
import { type AwaitedAnswer, AwaitedAnswers } from './n2/awaited.ts';
import { N2Counters } from './n2/counters.ts';
import { dispatchN2, ueNamedBy } from './n2/dispatch.ts';
import { onN2Event } from './n2/events.ts';
import {
  keepDownlinkTunnels,
  moveDownlinkTunnel,
} from './n2/procedures/pdu-session-resource-modify-indication.ts';
import { tunnelsLost } from './n2/procedures/pdu-session-resource-notify.ts';
import { closeSession } from './n2/procedures/pdu-session-resource-release.ts';
import { answerPending } from './n2/procedures/pending.ts';
import {
  endIkeSa,
  releaseIdleUes,
  sendUeContextReleaseComplete,
  sendUeContextReleaseRequest,
} from './n2/procedures/ue-context-release.ts';
import type { Locate } from './n2/profile.ts';
import type { PathState } from './n3/paths.ts';
import { Teids } from './n3/teids.ts';
import type { KeySource, Node, NodeIdentity } from './node.ts';
import { authorizeUe } from './nwu/authorize.ts';
import { defaultSessionPolicy, type SessionPolicy } from './nwu/child-sa-policy.ts';
import { ForcedRekeys } from './nwu/forced-rekeys.ts';
import { HeldNas } from './nwu/held-nas.ts';
import { onIkeEvent } from './nwu/ike-events.ts';
import { KeyUses } from './nwu/key-uses.ts';
import { onNasOpened } from './nwu/nas-delivery.ts';
import { NasStreams } from './nwu/nas-streams.ts';
import { OtherGateways } from './nwu/other-gateways.ts';
import { recordingEngine } from './replay/engine-record.ts';
import type { ReleaseReason, UeContext } from './ue/context.ts';
import { InactivityWatch } from './ue/inactivity-watch.ts';
import { InnerNetwork } from './ue/inner-network.ts';
import { UeRegistry } from './ue/registry.ts';
import { UsageWatch } from './ue/usage-watch.ts';
import { DropLog } from './userplane/drop-log.ts';
import { UserspacePlane } from './userplane/plane.ts';

export type { GatewayChange, GatewayConfig, GatewayPorts } from './gateway-ports.ts';

/** What is said when a path to a UPF changes. */
const pathTexts: Readonly<Record<PathState, string>> = {
  up: 'the UPF answers again',
  down: 'the UPF does not answer',
  unused: 'the UPF that does not answer has no session any more',
};

/**
 * The N3IWF without its descriptors: composes the IKE engine, the user plane and the N2 procedures around one context
 * per UE. `receive*` take what the world did, `tick` what the clock did; everything that must happen leaves by the ports.
 */
export class Gateway implements Node {
  readonly identity: NodeIdentity;
  readonly log: Log;
  readonly keys: KeySource | undefined;
  readonly keyUses = new KeyUses();
  readonly journal: Journal;
  readonly keying: KeyingWatch;
  private readonly forcedRekeys = new ForcedRekeys(this);
  readonly heldNas = new HeldNas(this);
  readonly ues = new UeRegistry(1, (ue) => this.journal.ueGone(ue.id));
  innerAddresses: InnerNetwork;
  readonly teids = new Teids(this);
  readonly plane: UserspacePlane;
  readonly amfs: AmfTable;
  readonly n2Counters = new N2Counters();
  sessionPolicy: SessionPolicy;
  espSuites: Node['espSuites'];
  /** Another one takes its place when the node learns of another tracking area. */
  locate: Locate;
  /** The node ends: it takes no more UEs. */
  draining = false;
  /** Where UEs go then. */
  readonly others: OtherGateways;
  private readonly engine: IkeEndpoint;
  private readonly usage: UsageWatch;
  private readonly inactivity: InactivityWatch;
  private readonly ports: GatewayPorts;
  private readonly nasStreams = new NasStreams(this);
  private readonly awaited = new AwaitedAnswers();
  /** Datagrams of the events that are being carried out. */
  private outbox: Extract<Output, { kind: 'transmit' }>[] | undefined;

  constructor(config: GatewayConfig, ports: GatewayPorts, keys: KeySource | undefined, log: Log) {
    this.identity = config.identity;
    this.ports = ports;
    this.keys = keys;
    this.log = log;
    this.journal = new Journal({ now: () => ports.now(), wallMs: () => ports.wallMs?.() ?? ports.now() });
    this.locate = config.locate;
    this.keying = new KeyingWatch(config.keying ?? { policy: 'qkd-preferred' }, log);
    this.sessionPolicy = config.sessions ?? defaultSessionPolicy;
    this.others = new OtherGateways(config.redirectTo);
    this.espSuites = espSuitesOf(config.ike);
    this.amfs = new AmfTable(() => (ports.random(1)[0] ?? 0) / 256);
    this.innerAddresses = new InnerNetwork({
      pool: config.innerPool,
      address: config.identity.innerAddress,
      ...config.inner,
    });
    const dropLog = new DropLog(log, () => ports.now());
    this.plane = new UserspacePlane(
      {
        nasAddress: config.identity.innerAddress,
        nasPort: config.identity.nasPort,
        upAddress: config.identity.innerAddress,
        n3Address: config.identity.n3Address,
        moreN3Addresses: config.identity.moreN3Addresses ?? [],
        ...(config.inner?.address6 === undefined ? {} : { innerAddress6: config.inner.address6 }),
        ...config.userPlane,
      },
      {
        random: (length) => ports.random(length),
        sendEsp: (packet, local, remote, udp, tos) => ports.sendEsp(packet, local, remote, udp, tos),
        sendGtpu: (datagram, remote, tos, local) => ports.sendGtpu(datagram, remote, tos, local),
        tunnelsLost: (ueId, ids, loss) => this.withUe(ueId, (ue) => tunnelsLost(this, ue, ids, loss)),
        ...(ports.createCipher === undefined ? {} : { createCipher: ports.createCipher }),
        ...(ports.nwu === undefined ? {} : { nwu: ports.nwu }),
        pathChanged: (upf, state) => this.onPathChanged(upf, state),
        nasOpened: (ueId) => this.withUe(ueId, (ue) => onNasOpened(this, ue)),
        nasReceived: (ueId, octets) => this.withUe(ueId, (ue) => this.nasStreams.received(ue, octets)),
        nasClosed: (ueId) => this.withUe(ueId, (ue) => this.onNasClosed(ue)),
        dropped: (cause, ueId) => dropLog.dropped(cause, ueId),
      },
    );
    this.usage = new UsageWatch(config.ike.lifetimes);
    this.inactivity = new InactivityWatch(config.inactivityMs);
    const { recordIke } = ports;
    const enginePorts: EndpointPorts = {
      random: (length) => ports.random(length),
      authorize: (request): AuthorizeAnswer => authorizeUe(this, request),
      redirect: (_, from) => (this.draining ? this.others.next('initial', from) : undefined),
      ...(ports.verifyCertificate === undefined ? {} : { verifyCertificate: ports.verifyCertificate }),
    };
    this.engine =
      recordIke === undefined
        ? new IkeEndpoint(config.ike, enginePorts)
        : recordingEngine(config.ike, enginePorts, recordIke);
  }

  now(): number {
    return this.ports.now();
  }

  random(length: number): Uint8Array {
    return this.ports.random(length);
  }

  /** One datagram of IKE as it came: on port 4500 the marker stands before it. */
  receiveIke(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): void {
    this.journal.ikeDatagram(datagram, 'UE');
    this.carryOut(this.engine.receive(this.now(), datagram, local, remote));
  }

  /** An ESP packet from its SPI on, from port 0 outside of UDP; true when the deadline may be another one now. */
  receiveEsp(packet: Uint8Array, local: SocketAddress, remote: SocketAddress, tos = 0): boolean {
    const before = this.plane.timerChanges;
    this.plane.receiveEsp(this.now(), packet, local, remote, tos);
    return this.plane.timerChanges !== before;
  }

  /** An inner packet that the kernel took out of ESP of a Child SA; true when the deadline may be another one now. */
  receiveInner(childSaId: number, packet: Uint8Array): boolean {
    const before = this.plane.timerChanges;
    this.plane.receiveInner(this.now(), childSaId, packet);
    return this.plane.timerChanges !== before;
  }

  /** The kernel lost the state of a Child SA, which takes a new one to mend [RFC7296 2.8]. */
  childSaMissing(ueId: number, childSaId: number): void {
    const ue = this.ues.ofId(ueId);
    if (ue !== undefined) this.ike((engine, now) => engine.rekeyChildSa(now, ue.ikeSaId, childSaId));
  }

  /** A datagram that came to our N3 address `local`; true when the deadline may be another one now. */
  receiveGtpu(datagram: Uint8Array, remote: SocketAddress, local?: string, tos = 0): boolean {
    const before = this.plane.timerChanges;
    this.plane.receiveGtpu(this.now(), datagram, remote, tos, local);
    return this.plane.timerChanges !== before;
  }

  /** Takes what happened on the NG interface to the AMF of that number. */
  onN2Event(amf: number, event: N2Event): void {
    onN2Event(this, this.amfs.ofNumber(amf), event);
  }

  /** A fault of one procedure ends neither the association nor the process; the AMF learns that it was not obeyed. */
  receiveN2(pdu: DecodedPdu, amf: Amf = this.amfs.ofNumber(0)): void {
    this.journal.ngap(pdu.message, pdu.ies, 'AMF', ueNamedBy(this.ues, pdu.ies));
    try {
      dispatchN2(this, amf, pdu);
    } catch (error) {
      this.log.error({ message: pdu.message, error: String(error) }, 'a procedure of the AMF failed');
      if (pdu.message === 'ErrorIndication') return; // its errors are answered by nothing [TS38413 10.5]
      this.sendN2(answerToLogicalError(pdu, { choice: 'protocol', value: 'semantic-error' }), amf);
    }
  }

  /** Gives other keys to every SA that rests on one of these; gives the number of their IKE SAs. */
  rekeySasOf(keyIds: readonly string[], text: string): number {
    return this.forcedRekeys.begin(keyIds, text);
  }

  /** A look at the supply of keys: decides for the SAs to come, and rekeys those whose turn it is to get a key again. */
  lookAtSupply(seen: Omit<SupplySeen, 'usedKeys'>): KeyingState {
    const now = this.now();
    const state = this.keying.observe(now, { ...seen, usedKeys: this.keyUses.total });
    for (const sa of this.keying.takeDue(now)) this.rekey(sa);
    return state;
  }

  /** Gives an SA other keys; without a Child SA the IKE SA itself. */
  private rekey({ ikeSaId, childSaId }: DueSa): void {
    this.ike((engine, now) =>
      childSaId === undefined
        ? engine.rekeyIkeSa(now, ikeSaId)
        : engine.rekeyChildSa(now, ikeSaId, childSaId),
    );
  }

  /** Ends every IKE SA. */
  endAllSas(text: string): number {
    const sas = [...this.engine.ikeSas()].map((sa) => sa.ikeSaId);
    for (const ikeSaId of sas) this.endSa(ikeSaId, text);
    return sas.length;
  }

  /** Ends an IKE SA for an operator: with its UE, where it has one. */
  endSa(ikeSaId: number, text: string): void {
    const ue = this.ues.ofIkeSa(ikeSaId);
    if (ue !== undefined) this.release(ue, { group: 'misc', cause: 'om-intervention', text });
    else this.ike((engine, now) => engine.deleteIkeSa(now, ikeSaId));
  }

  /**
   * Other rules for what is to come: what stands stays as it is, and so does what is left out.
   *
   * @throws RangeError for an inner network that is none; then nothing has changed
   */
  reconfigure({ ike, inner, sessions, keying, redirectTo }: GatewayChange): void {
    if (inner !== undefined) this.innerAddresses = this.innerAddresses.renewed(inner);
    if (ike !== undefined) this.engine.reconfigure(ike);
    if (ike !== undefined) this.espSuites = espSuitesOf(ike);
    if (sessions !== undefined) this.sessionPolicy = sessions;
    if (keying !== undefined) this.keying.reconfigure(keying);
    if (redirectTo !== undefined) this.others.replace(redirectTo);
  }

  /** Does what is due by now; {@link deadline} tells when it has to be called again. */
  tick(): void {
    const now = this.now();
    this.carryOut(this.engine.tick(now));
    this.plane.tick(now);
    this.forcedRekeys.tick();
    this.heldNas.tick();
    if (this.usage.due(now)) this.tellUsage(now);
    if (this.inactivity.due(now)) releaseIdleUes(this, now, this.inactivity);
    for (const { ue, answer } of this.awaited.expire(now)) {
      if (this.ues.ofId(ue.id) !== ue) continue;
      if (answer === 'UEContextReleaseCommand') this.releaseTimedOut(ue);
      else if (answer === 'EapFailureTaken') this.ike((engine, at) => engine.deleteIkeSa(at, ue.ikeSaId));
      else keepDownlinkTunnels(this, ue);
    }
  }

  /** See {@link AwaitedAnswers}: what is not answered in time has its consequence in {@link tick}. */
  awaitAnswer(ue: UeContext, answer: AwaitedAnswer): void {
    this.awaited.expect(this.now(), ue, answer);
  }

  answered(ue: UeContext, answer: AwaitedAnswer): void {
    this.awaited.settle(ue, answer);
  }

  /** Moves a session's downlink to another TEID, as an operator may want who suspects the old one; false when it cannot be. */
  moveDownlinkTunnel(ueId: number, pduSessionId: number): boolean {
    const ue = this.ues.ofId(ueId);
    return ue !== undefined && moveDownlinkTunnel(this, ue, pduSessionId);
  }

  /** The AMF never answered a release request: the UE ends without it. */
  private releaseTimedOut(ue: UeContext): void {
    if (ue.releaseCommanded) return;
    this.log.warn({ ue: ue.id }, 'the AMF never released the UE; it ends without');
    this.resetAtAmf(ue);
    if (ue.state === 'closed') this.ues.remove(ue);
    else endIkeSa(this, ue);
  }

  /** What the AMF still knows of the UE is void [TS38413 8.7.4.2.2]. */
  private resetAtAmf(ue: UeContext): void {
    const { amf, amfUeNgapId, ranUeNgapId } = ue;
    ue.amfUeNgapId = undefined;
    if (amf?.ready !== true || amfUeNgapId === undefined) return;
    const cause = { choice: 'radioNetwork', value: 'release-due-to-ngran-generated-reason' } as const;
    const value = [{ amfUeNgapId, ranUeNgapId }];
    this.ports.resetN2({ cause, resetType: { choice: 'partOfNgInterface', value } }, amf.number);
  }

  /** The same for every UE. */
  private tellUsage(now: number): void {
    for (const { id } of [...this.ues]) this.tellUsageOf(id, now);
  }

  /** Tells the IKE engine what the Child SAs of a UE have carried, which may have come to a limit. */
  tellUsageOf(ueId: number, now = this.now()): void {
    const ue = this.ues.ofId(ueId);
    if (ue === undefined) return;
    for (const sa of this.plane.report(ueId)?.childSas ?? []) {
      const { childSaId, octetsIn, octetsOut, packetsIn, packetsOut } = sa;
      const octets = octetsIn + octetsOut;
      const packets = packetsIn + packetsOut;
      this.carryOut(this.engine.noteUsage(now, ue.ikeSaId, childSaId, octets, packets));
    }
  }

  /** When `tick` must be called next, in ms of the clock, or undefined when nothing waits. */
  deadline(): number | undefined {
    const usage = this.usage.deadline(this.now(), this.ues.size);
    const idle = this.inactivity.deadline(this.now(), this.ues.size);
    const candidates = [
      this.engine.deadline(),
      this.plane.deadline(),
      this.awaited.deadline(),
      this.forcedRekeys.deadline(),
      this.heldNas.deadline(),
      usage,
      idle,
    ];
    return candidates.reduce(
      (least, at) => (least === undefined || (at !== undefined && at < least) ? at : least),
      undefined,
    );
  }

  /** Runs commands on the IKE engine; what comes out is carried out before this returns, or, within an event, with it. */
  ike(command: (engine: IkeEndpoint, now: number) => Output[]): void {
    this.carryOut(command(this.engine, this.now()));
  }

  /** Drops what has no AMF to go to: the UE that it is about is on its way out then. */
  sendN2(pdu: NgapPdu, to?: Amf): void {
    const { ranUeNgapId } = ueIdsOf(pdu.ies);
    const amf = to ?? (ranUeNgapId === undefined ? undefined : this.ues.ofId(ranUeNgapId)?.amf);
    if (amf?.ready === true) {
      this.journal.ngap(pdu.message, pdu.ies, 'N3IWF', ranUeNgapId);
      this.ports.sendN2(pdu, amf.number);
    } else this.log.warn({ message: pdu.message, ue: ranUeNgapId }, 'there is no AMF for a message; dropped');
  }

  /**
   * Ends a UE from this side. With an AMF that knows it the AMF is asked, and does the rest by its release command; without,
   * the IKE SA goes at once. [TS38413 8.3.2]
   */
  release(ue: UeContext, reason: ReleaseReason): void {
    const hasAmf = ue.amf?.ready === true;
    if (ue.releaseCommanded && hasAmf) return; // its IKE SA is going already
    this.log.warn({ ue: ue.id, reason: reason.text }, 'releasing the UE');
    if (ue.amfUeNgapId === undefined || !hasAmf) endIkeSa(this, ue);
    else sendUeContextReleaseRequest(this, ue, reason, [...ue.sessions.keys()]);
  }

  /** Takes the UE out of the user plane, then settles with the AMF: complete what it commanded, or ask it to. */
  ikeSaGone(ue: UeContext, reason: string): void {
    const sessionIds = [...ue.sessions.keys()];
    answerPending(this, ue);
    for (const id of sessionIds) closeSession(this, ue, id, false);
    this.plane.removeUe(ue.id);
    this.inactivity.forget(ue.id);
    this.nasStreams.closed(ue.id);
    if (ue.innerAddress !== undefined) this.innerAddresses.release(ue.innerAddress);
    ue.innerAddress = undefined;
    ue.forgetKey();
    ue.advance('closed');
    ue.closedSessionIds = sessionIds;
    if (ue.releaseCommanded || ue.amfUeNgapId === undefined || ue.amf?.ready !== true) {
      this.forget(ue);
      return;
    }
    const lost: ReleaseReason = {
      group: 'radioNetwork',
      cause: 'radio-connection-with-ue-lost',
      text: reason,
    };
    sendUeContextReleaseRequest(this, ue, lost, sessionIds);
  }

  /** The last of a UE: nothing names it any more. */
  forget(ue: UeContext): void {
    if (ue.releaseCommanded) sendUeContextReleaseComplete(this, ue, ue.closedSessionIds);
    this.ues.remove(ue);
  }

  /** From now on UEs that come are turned away. */
  startDraining(): void {
    this.draining = true;
    this.journal.feed.add({ kind: 'node', name: 'draining' });
  }

  /** Tells a UE to go to another node; false when it would not follow, or there is none. [RFC5685 5] */
  redirect(ue: UeContext): boolean {
    const to = this.engine.followsRedirect(ue.ikeSaId) ? this.others.next('established') : undefined;
    if (to === undefined) return false;
    this.log.info({ ue: ue.id, to: to.name }, 'the UE is sent to another node');
    ue.redirectedMs = this.now();
    this.ike((engine, now) => engine.redirect(now, ue.ikeSaId, to));
    return true;
  }

  /** Makes every AMF forget what it still has of this node's UEs [TS38413 8.7.4.2.2]. */
  resetInterfaces(): void {
    const cause = { choice: 'misc', value: 'om-intervention' } as const;
    for (const amf of this.amfs) {
      if (!amf.ready) continue;
      amf.resetting = true;
      this.ports.resetN2({ cause, resetType: { choice: 'ngInterface', value: 'reset-all' } }, amf.number);
    }
  }

  /**
   * Datagrams leave when all events are carried out, in the order in which the engine gave them: a UE that has our answer
   * sends by the new Child SA at once, and a kernel drops what it has no state for [RFC7296 2.8].
   */
  private carryOut(outputs: readonly Output[]): void {
    const { outbox = [] } = this;
    const isOutermost = this.outbox === undefined;
    this.outbox = outbox;
    for (const output of outputs) {
      if (output.kind === 'transmit') {
        outbox.push(output);
      } else {
        this.journal.ikeEvent(output.event);
        this.ports.observe?.(output.event, this.ues.ofIkeSa(output.event.ikeSaId ?? -1));
        this.guard(output.event);
      }
    }
    if (!isOutermost) return;
    this.outbox = undefined;
    for (const { data, local, remote } of outbox) {
      this.journal.ikeDatagram(data, 'N3IWF');
      this.ports.sendIke(data, local, remote);
    }
  }

  /** One UE's fault ends that UE alone: nothing that an event stirs up may reach the process. */
  private guard(event: IkeEvent): void {
    try {
      onIkeEvent(this, event);
    } catch (error) {
      this.log.error({ event: event.type, error: String(error) }, 'a procedure of the UE failed');
      if (event.ikeSaId !== undefined && event.type !== 'ikeSaClosed') {
        const { ikeSaId } = event;
        this.carryOut(this.engine.deleteIkeSa(this.now(), ikeSaId));
      }
    }
  }

  private onPathChanged(upf: string, state: PathState): void {
    const isDown = state === 'down';
    this.log[isDown ? 'error' : 'info']({ upf }, pathTexts[state]);
    this.journal.alarms.set('upfSilent', isDown, `${upf}: ${pathTexts[state]}`, upf);
  }

  /** As {@link guard}, for what packets and the clock stir up. */
  private withUe(ueId: number, action: (ue: UeContext) => void): void {
    const ue = this.ues.ofId(ueId);
    if (ue === undefined) return;
    try {
      action(ue);
    } catch (error) {
      this.log.error({ ue: ueId, error: String(error) }, 'a procedure of the UE failed');
      this.ike((engine, now) => engine.deleteIkeSa(now, ue.ikeSaId));
    }
  }

  /** The UE may connect again; NAS for it waits until then. */
  private onNasClosed(ue: UeContext): void {
    ue.nasConnected = false;
    this.nasStreams.closed(ue.id);
  }
}
