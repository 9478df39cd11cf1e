import type { MessageIes, NgapPdu } from '#ngap';
import type { AmfUe } from './amf-ue.ts';
import { type CoreConfig, type Quirk, sNssaiOf } from './config.ts';
import { GmmProcedures } from './gmm.ts';
import { SimulatedSmf } from './smf.ts';
import type { SimulatedUpf } from './upf.ts';
import { WorkerPool } from './worker-pool.ts';

/** What a test or the lab may want to know. */
export type CoreEvent =
  | { readonly type: 'ngSetup'; readonly accepted: boolean }
  | { readonly type: 'registered' | 'deregistered' | 'released'; readonly imsi: string }
  | { readonly type: 'rejected'; readonly imsi: string; readonly reason: string }
  | { readonly type: 'died' }
  | { readonly type: 'errorIndication'; readonly cause: string };

export interface AmfPorts {
  random(length: number): Uint8Array;
  /** Milliseconds of the clock by which `tick` is called. */
  now(): number;
  send(pdu: NgapPdu, stream: number): void;
  event(event: CoreEvent): void;
}

interface UeIds {
  readonly amfUeNgapId: number;
  readonly ranUeNgapId: number;
}

type Handlers = { [M in NgapPdu['message']]?: (amf: SimulatedAmf, ies: MessageIes<M>) => void };

/** The AMF's side of N2: what each message of the N3IWF makes it do. */
const handlers: Handlers = {
  NGSetupRequest: (amf, ies) => amf.ngSetup(ies),
  NGReset: (amf, ies) => amf.reset(ies),
  RANConfigurationUpdate: (amf) =>
    amf.ports.send({ message: 'RANConfigurationUpdateAcknowledge', ies: {} }, 0),
  InitialUEMessage: (amf, ies) => amf.initial(ies),
  UplinkNASTransport: (amf, ies) => amf.uplink(ies),
  InitialContextSetupResponse: (amf, ies) => amf.withUe(ies, (ue) => amf.gmm.contextIsSetUp(ue)),
  InitialContextSetupFailure: (amf, ies) => amf.withUe(ies, (ue) => amf.release(ue, 'unspecified')),
  PDUSessionResourceSetupResponse: (amf, ies) => amf.withUe(ies, (ue) => amf.smf.setUpResponse(ue, ies)),
  PDUSessionResourceReleaseResponse: (amf, ies) =>
    amf.withUe(ies, (ue) => {
      for (const { pduSessionId } of ies.pduSessionResourceReleasedListRelRes)
        amf.smf.remove(ue, pduSessionId);
    }),
  UEContextReleaseRequest: (amf, ies) => amf.withUe(ies, (ue) => amf.release(ue, 'normal-release')),
  UEContextReleaseComplete: (amf, ies) => amf.withUe(ies, (ue) => amf.forget(ue)),
  ErrorIndication: (amf, ies) => amf.errorIndication(ies),
};

const registrationRequest = 0x41;
const initialRegistration = 1;

/** Causes that say the N3IWF has no such UE, or has another one under these numbers. */
const ueIsGone: ReadonlySet<string> = new Set(['unknown-local-UE-NGAP-ID', 'inconsistent-remote-UE-NGAP-ID']);

/** A small AMF with its SMF: enough of both to register UEs over an N3IWF and to give them PDU sessions. Sans-I/O. */
export class SimulatedAmf {
  readonly config: CoreConfig;
  readonly ports: AmfPorts;
  readonly gmm: GmmProcedures;
  readonly smf: SimulatedSmf;
  private readonly ues = new Map<number, AmfUe>();
  private readonly workers: WorkerPool;
  private nextId = 1;
  private isSetUp = false;
  /** Ended by a fault of its own: it takes and sends nothing until `revive`. */
  private dead = false;

  constructor(config: CoreConfig, upf: SimulatedUpf, upfAddress: Uint8Array, ports: AmfPorts) {
    this.config = config;
    this.ports = ports;
    this.smf = new SimulatedSmf(config, upf, upfAddress, {
      send: (pdu) => {
        if (this.has('q11') && pdu.message === 'PDUSessionResourceSetupRequest') this.die();
        else ports.send(pdu, 1);
      },
      sendToUe: (ue, nasPdu) => this.sendToUe(ue, nasPdu),
    });
    this.gmm = new GmmProcedures(this);
    this.workers = new WorkerPool(
      (pdu) => this.process(pdu),
      () => ports.now(),
    );
  }

  /** True when it shows that departure from the standard. */
  has(quirk: Quirk): boolean {
    return this.config.quirks?.includes(quirk) === true;
  }

  receive(pdu: NgapPdu): void {
    if (this.dead || (this.has('q10') && !this.isSetUp && pdu.message !== 'NGSetupRequest')) return;
    if (this.has('q8')) this.workers.receive(pdu);
    else this.process(pdu);
  }

  private process(pdu: NgapPdu): void {
    const handler = handlers[pdu.message] as ((amf: SimulatedAmf, ies: object) => void) | undefined;
    handler?.(this, pdu.ies);
  }

  get registeredUes(): number {
    return [...this.ues.values()].filter((ue) => ue.state === 'registered').length;
  }

  get knownUes(): number {
    return this.ues.size;
  }

  allocateId(): number {
    return this.nextId++;
  }

  add(ue: AmfUe): void {
    this.ues.set(ue.amfUeNgapId, ue);
  }

  /**
   * Acts on the UE that a message names. Numbers that belong to no UE, or not to the same one, are indicated; in the
   * second case the UE ends here as well.
   */
  withUe({ amfUeNgapId, ranUeNgapId }: UeIds, action: (ue: AmfUe) => void): void {
    const ue = this.ues.get(amfUeNgapId);
    if (ue !== undefined && ue.ranUeNgapId === ranUeNgapId) {
      action(ue);
      return;
    }
    const value = ue === undefined ? 'unknown-local-UE-NGAP-ID' : 'inconsistent-remote-UE-NGAP-ID';
    this.ports.send(
      {
        message: 'ErrorIndication',
        ies: { amfUeNgapId, ranUeNgapId, cause: { choice: 'radioNetwork', value } },
      },
      0,
    );
    if (ue !== undefined) this.forget(ue);
  }

  /** The N3IWF's word that a UE is not there ends that UE, without another message about it. */
  errorIndication({ amfUeNgapId, cause }: MessageIes<'ErrorIndication'>): void {
    const value = cause === undefined ? 'none' : String(cause.value);
    this.ports.event({ type: 'errorIndication', cause: value });
    const ue = amfUeNgapId === undefined ? undefined : this.ues.get(amfUeNgapId);
    if (ue !== undefined && ueIsGone.has(value)) this.forget(ue);
  }

  sendToUe(ue: AmfUe, nasPdu: Uint8Array): void {
    const { amfUeNgapId, ranUeNgapId } = ue;
    this.ports.send({ message: 'DownlinkNASTransport', ies: { amfUeNgapId, ranUeNgapId, nasPdu } }, 1);
  }

  release(
    ue: AmfUe,
    cause: 'normal-release' | 'authentication-failure' | 'deregister' | 'unspecified',
  ): void {
    if (ue.state === 'released') return; // the command is under way, its Complete will come
    ue.state = 'released';
    ue.deadline = undefined;
    const { amfUeNgapId, ranUeNgapId } = ue;
    this.ports.send(
      {
        message: 'UEContextReleaseCommand',
        ies: {
          ueNgapIds: { choice: 'ueNgapIdPair', value: { amfUeNgapId, ranUeNgapId } },
          cause: { choice: 'nas', value: cause },
        },
      },
      1,
    );
  }

  forget(ue: AmfUe): void {
    for (const id of [...ue.sessions.keys()]) this.smf.remove(ue, id);
    this.ues.delete(ue.amfUeNgapId);
    this.ports.event({ type: 'released', imsi: ue.subscriber.imsi });
  }

  /** Ends a session from the network's side. */
  releaseSession(imsi: string, pduSessionId: number): void {
    for (const ue of this.ues.values()) {
      if (ue.subscriber.imsi === imsi) this.smf.release(ue, pduSessionId);
    }
  }

  /**
   * Ends a UE's registration from the network's side; its context goes when the UE accepts, or when time is up. With
   * quirk q13 it goes at once and nobody hears of it.
   */
  deregister(imsi: string): void {
    for (const ue of [...this.ues.values()]) {
      if (ue.subscriber.imsi !== imsi) continue;
      if (this.has('q13')) this.forget(ue);
      else this.gmm.deregisterByNetwork(ue);
    }
  }

  /** When `tick` is due: the first of the UEs' deadlines. */
  deadline(): number | undefined {
    const ofUes = [...this.ues.values()].map(({ deadline }) => deadline);
    const all = [this.workers.deadline(), ...ofUes].flatMap((at) => at ?? []);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  tick(): void {
    const now = this.ports.now();
    this.workers.tick();
    for (const ue of [...this.ues.values()]) {
      if (ue.deadline !== undefined && ue.deadline <= now) this.gmm.expired(ue);
    }
  }

  /** The process of the AMF ends, as at a fault of its own; `revive` starts another. */
  die(): void {
    this.dead = true;
    this.isSetUp = false;
    this.clear();
    this.ports.event({ type: 'died' });
  }

  revive(): void {
    this.dead = false;
  }

  /** Ends every UE without a word to the N3IWF, as when an association is set up anew or lost. */
  clear(): void {
    for (const ue of [...this.ues.values()]) this.forget(ue);
  }

  /** A UE's first message. With quirk q4 one that needs a 5G-S-TMSI and has none costs the UE its context. */
  initial(ies: MessageIes<'InitialUEMessage'>): void {
    const { ranUeNgapId, nasPdu, fiveGSTmsi } = ies;
    if (!this.understandsPlace(ies)) return;
    const isRegistration = nasPdu[2] === registrationRequest && (nasPdu[3] ?? 0) % 8 === initialRegistration;
    if (!this.has('q4') || isRegistration || fiveGSTmsi !== undefined) {
      this.gmm.initial(ranUeNgapId, nasPdu, ies.ueContextRequest !== undefined);
      return;
    }
    const amfUeNgapId = this.allocateId();
    const cause = { choice: 'nas', value: 'unspecified' } as const;
    const ueNgapIds = { choice: 'ueNgapIdPair', value: { amfUeNgapId, ranUeNgapId } } as const;
    this.ports.send({ message: 'ErrorIndication', ies: { amfUeNgapId, ranUeNgapId, cause } }, 0);
    this.ports.send({ message: 'UEContextReleaseCommand', ies: { ueNgapIds, cause } }, 1);
  }

  uplink(ies: MessageIes<'UplinkNASTransport'>): void {
    this.withUe(ies, (ue) => {
      if (this.understandsPlace(ies)) this.gmm.uplink(ue, ies.nasPdu);
    });
  }

  /** False, with the N3IWF told, when a UE's place is none that this AMF can read. */
  private understandsPlace(ies: {
    readonly ranUeNgapId: number;
    readonly userLocationInformation: { readonly choice: string };
  }): boolean {
    const { ranUeNgapId, userLocationInformation } = ies;
    if (!this.has('o2') || userLocationInformation.choice === 'userLocationInformationNR') return true;
    const cause = { choice: 'protocol', value: 'unspecified' } as const;
    this.ports.send({ message: 'ErrorIndication', ies: { ranUeNgapId, cause } }, 0);
    return false;
  }

  /** The N3IWF has forgotten UEs: all, or those named by either number [TS38413 8.7.4.2.2]. */
  reset({ resetType }: MessageIes<'NGReset'>): void {
    const named = resetType.choice === 'partOfNgInterface' ? resetType.value : undefined;
    for (const ue of [...this.ues.values()]) {
      const isNamed = named?.some(
        (each) => each.amfUeNgapId === ue.amfUeNgapId || each.ranUeNgapId === ue.ranUeNgapId,
      );
      if (isNamed !== false) this.forget(ue);
    }
    const list = named === undefined ? {} : { ueAssociatedLogicalNgConnectionList: named };
    this.ports.send({ message: 'NGResetAcknowledge', ies: list }, 0);
  }

  /** An NG Setup begins anew: what an earlier one left is gone [TS38413 8.7.1]. */
  ngSetup(request: MessageIes<'NGSetupRequest'>): void {
    this.clear();
    const isGnb = request.globalRanNodeId.choice === 'globalGnbId';
    const failure = this.has('o1') && !isGnb ? notAGnb : unknownPlmn;
    const accepted = failure !== notAGnb && this.config.refuse !== 'ngSetup' && this.serves(request);
    this.isSetUp = accepted;
    this.ports.send(accepted ? this.setupResponse() : { message: 'NGSetupFailure', ies: failure }, 0);
    this.ports.event({ type: 'ngSetup', accepted });
  }

  /** True when a tracking area of the request has this PLMN with a slice that is served here. */
  private serves({ supportedTaList }: MessageIes<'NGSetupRequest'>): boolean {
    const { tacs, slices } = this.config;
    const own = new Set(slices.map((slice) => sliceText(sNssaiOf(slice))));
    return supportedTaList
      .filter(({ tac }) => tacs === undefined || tacs.includes(hexOf(tac)))
      .flatMap(({ broadcastPlmnList }) => broadcastPlmnList)
      .filter(({ plmnIdentity }) => hexOf(plmnIdentity) === hexOf(this.gmm.plmn))
      .some(({ taiSliceSupportList }) =>
        taiSliceSupportList.some(({ sNssai }) => own.has(sliceText(sNssai))),
      );
  }

  private setupResponse(): NgapPdu {
    const { amfName, slices } = this.config;
    const plmnIdentity = this.gmm.plmn;
    return {
      message: 'NGSetupResponse',
      ies: {
        amfName,
        servedGuamiList: [{ guami: this.gmm.guami }],
        relativeAmfCapacity: 255,
        plmnSupportList: [
          { plmnIdentity, sliceSupportList: slices.map((slice) => ({ sNssai: sNssaiOf(slice) })) },
        ],
      },
    };
  }
}

const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const sliceText = ({ sst, sd }: { readonly sst: Uint8Array; readonly sd?: Uint8Array | undefined }) =>
  `${hexOf(sst)}-${sd === undefined ? '' : hexOf(sd)}`;

const notAGnb = { cause: { choice: 'protocol', value: 'semantic-error' } } as const;
const unknownPlmn = {
  cause: { choice: 'misc', value: 'unknown-PLMN-or-SNPN' },
  timeToWait: 'v1s',
} as const;
