import type { MessageIes, NgapPdu } from '#ngap';
import type { AmfUe } from './amf-ue.ts';
import { type CoreConfig, sNssaiOf } from './config.ts';
import { GmmProcedures } from './gmm.ts';
import { SimulatedSmf } from './smf.ts';
import type { SimulatedUpf } from './upf.ts';

/** What a test or the lab may want to know. */
export type CoreEvent =
  | { readonly type: 'ngSetup'; readonly accepted: boolean }
  | { readonly type: 'registered' | 'deregistered' | 'released'; readonly imsi: string }
  | { readonly type: 'rejected'; readonly imsi: string; readonly reason: string }
  | { readonly type: 'errorIndication'; readonly cause: string };

export interface AmfPorts {
  random(length: number): Uint8Array;
  send(pdu: NgapPdu, stream: number): void;
  event(event: CoreEvent): void;
}

type Handlers = { [M in NgapPdu['message']]?: (amf: SimulatedAmf, ies: MessageIes<M>) => void };

/** The AMF's side of N2: what each message of the N3IWF makes it do. */
const handlers: Handlers = {
  NGSetupRequest: (amf) => amf.ngSetup(),
  InitialUEMessage: (amf, ies) => amf.gmm.initial(ies.ranUeNgapId, ies.nasPdu),
  UplinkNASTransport: (amf, ies) => amf.withUe(ies.amfUeNgapId, (ue) => amf.gmm.uplink(ue, ies.nasPdu)),
  InitialContextSetupResponse: (amf, ies) => amf.withUe(ies.amfUeNgapId, (ue) => amf.gmm.contextIsSetUp(ue)),
  InitialContextSetupFailure: (amf, ies) =>
    amf.withUe(ies.amfUeNgapId, (ue) => amf.release(ue, 'unspecified')),
  PDUSessionResourceSetupResponse: (amf, ies) =>
    amf.withUe(ies.amfUeNgapId, (ue) => amf.smf.setUpResponse(ue, ies)),
  PDUSessionResourceReleaseResponse: (amf, ies) =>
    amf.withUe(ies.amfUeNgapId, (ue) => {
      for (const { pduSessionId } of ies.pduSessionResourceReleasedListRelRes)
        amf.smf.remove(ue, pduSessionId);
    }),
  UEContextReleaseRequest: (amf, ies) =>
    amf.withUe(ies.amfUeNgapId, (ue) => amf.release(ue, 'normal-release')),
  UEContextReleaseComplete: (amf, ies) => amf.withUe(ies.amfUeNgapId, (ue) => amf.forget(ue)),
  ErrorIndication: (amf, ies) =>
    amf.ports.event({
      type: 'errorIndication',
      cause: ies.cause === undefined ? 'none' : String(ies.cause.value),
    }),
};

/** A small AMF with its SMF: enough of both to register UEs over an N3IWF and to give them PDU sessions. Sans-I/O. */
export class SimulatedAmf {
  readonly config: CoreConfig;
  readonly ports: AmfPorts;
  readonly gmm: GmmProcedures;
  readonly smf: SimulatedSmf;
  private readonly ues = new Map<number, AmfUe>();
  private nextId = 1;

  constructor(config: CoreConfig, upf: SimulatedUpf, upfAddress: Uint8Array, ports: AmfPorts) {
    this.config = config;
    this.ports = ports;
    this.smf = new SimulatedSmf(config, upf, upfAddress, {
      send: (pdu) => ports.send(pdu, 1),
      sendToUe: (ue, nasPdu) => this.sendToUe(ue, nasPdu),
    });
    this.gmm = new GmmProcedures(this);
  }

  receive(pdu: NgapPdu): void {
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

  withUe(amfUeNgapId: number, action: (ue: AmfUe) => void): void {
    const ue = this.ues.get(amfUeNgapId);
    if (ue !== undefined) {
      action(ue);
      return;
    }
    this.ports.send(
      {
        message: 'ErrorIndication',
        ies: { amfUeNgapId, cause: { choice: 'radioNetwork', value: 'unknown-local-UE-NGAP-ID' } },
      },
      0,
    );
  }

  sendToUe(ue: AmfUe, nasPdu: Uint8Array): void {
    const { amfUeNgapId, ranUeNgapId } = ue;
    this.ports.send({ message: 'DownlinkNASTransport', ies: { amfUeNgapId, ranUeNgapId, nasPdu } }, 1);
  }

  release(
    ue: AmfUe,
    cause: 'normal-release' | 'authentication-failure' | 'deregister' | 'unspecified',
  ): void {
    ue.state = 'released';
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

  ngSetup(): void {
    const accepted = this.config.refuse !== 'ngSetup';
    this.ports.send(accepted ? this.setupResponse() : { message: 'NGSetupFailure', ies: setupFailure }, 0);
    this.ports.event({ type: 'ngSetup', accepted });
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

const setupFailure = {
  cause: { choice: 'misc', value: 'unknown-PLMN-or-SNPN' },
  timeToWait: 'v1s',
} as const;
