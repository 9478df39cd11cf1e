import { timingSafeEqual } from 'node:crypto';
import type { Guami, NgapPdu } from '#ngap';
import { plmnOctets } from '../../../n3iwf/n2/plmn.ts';
import {
  decodeNas,
  encodeNas,
  guti5g,
  imsiOfIdentity,
  isProtected,
  type NasMessage,
  NasSecurity,
} from '../nas/index.ts';
import {
  accessTypes,
  deriveAccessKey,
  deriveAlgorithmKey,
  homeEnvironment,
  type NasAccess,
} from '../usim/index.ts';
import type { AmfUe } from './amf-ue.ts';
import { type CoreConfig, type Quirk, type Subscriber, sNssaiOf } from './config.ts';
import type { SimulatedSmf } from './smf.ts';

/** The AMF around the procedures. */
export interface GmmHost {
  readonly config: CoreConfig;
  readonly smf: SimulatedSmf;
  readonly ports: {
    random(length: number): Uint8Array;
    now(): number;
    send(pdu: NgapPdu, stream: number): void;
    event(
      event:
        | { readonly type: 'registered' | 'deregistered'; readonly imsi: string }
        | { readonly type: 'rejected'; readonly imsi: string; readonly reason: string },
    ): void;
  };
  has(quirk: Quirk): boolean;
  allocateId(): number;
  add(ue: AmfUe): void;
  sendToUe(ue: AmfUe, nasPdu: Uint8Array): void;
  release(ue: AmfUe, cause: 'normal-release' | 'authentication-failure' | 'deregister' | 'unspecified'): void;
}

type Handlers = {
  [M in NasMessage['message']]?: (
    gmm: GmmProcedures,
    ue: AmfUe,
    message: Extract<NasMessage, { message: M }>,
  ) => void;
};

/** 5GMM messages of a UE and what the AMF does about each. */
const handlers: Handlers = {
  AuthenticationResponse: (gmm, ue, { resStar }) => gmm.authenticationResponse(ue, resStar),
  AuthenticationFailure: (gmm, ue, { cause }) => gmm.reject(ue, authenticationFailureText(cause)),
  SecurityModeComplete: (gmm, ue) => gmm.securityModeComplete(ue),
  SecurityModeReject: (gmm, ue, { cause }) => gmm.reject(ue, `security mode rejected, cause ${cause}`),
  RegistrationComplete: (gmm, ue) => gmm.registrationComplete(ue),
  UlNasTransport: (gmm, ue, { payload }) => {
    const session = decodeNas(payload);
    if (session.ok && 'pti' in session.value) gmm.amf.smf.onMessage(ue, session.value);
  },
  DeregistrationRequestUe: (gmm, ue, { switchOff }) => gmm.deregister(ue, switchOff),
  DeregistrationAcceptNetwork: (gmm, ue) => gmm.deregistrationAccepted(ue),
};

const headers = { integrity: 1, integrityAndCiphering: 2, newContext: 3 } as const;
const illegalUe = 3;
/** How long the UE may take over a network's deregistration request, in ms (T3522). */
const deregistrationLimitMs = 6000;
const synchFailure = 21;
/** T3550, and how often the accept goes out again when it runs out. */
const acceptLimitMs = 6000;
const mostRetries = 4;
const capabilitiesMismatch = 23;
const identityUnderivable = 9;
/** NIA1 to NIA3 in the second octet of a UE's security capability. */
const realIntegrity = 0x70;

/** Mobility management of the simulated AMF: registration by 5G-AKA over non-3GPP access, and its end. */
export class GmmProcedures {
  readonly amf: GmmHost;
  readonly plmn: Uint8Array;
  readonly guami: Guami;

  constructor(amf: GmmHost) {
    this.amf = amf;
    const { plmn, amfRegionId, amfSetId, amfPointer } = amf.config;
    this.plmn = plmnOctets(plmn);
    this.guami = {
      plmnIdentity: this.plmn,
      amfRegionId: { bits: Uint8Array.of(amfRegionId), length: 8 },
      amfSetId: { bits: Uint8Array.of(amfSetId >>> 2, (amfSetId & 3) << 6), length: 10 },
      amfPointer: { bits: Uint8Array.of(amfPointer << 2), length: 6 },
    };
  }

  /** The first message of a UE: only a registration that names a known subscriber leads on. */
  initial(ranUeNgapId: number, nasPdu: Uint8Array, wantsContext = true): void {
    const decoded = decodeNas(nasPdu);
    const request = decoded.ok && decoded.value.message === 'RegistrationRequest' ? decoded.value : undefined;
    const imsi = request === undefined ? undefined : imsiOfIdentity(request.mobileIdentity);
    const subscriber = this.amf.config.subscribers.find((candidate) => candidate.imsi === imsi);
    const ue = this.newUe(ranUeNgapId, subscriber ?? unknownSubscriber(imsi), request?.ueSecurityCapability);
    ue.wantsContext = wantsContext;
    if (this.amf.has('q5') && isProtected(nasPdu)) {
      this.refuse(ue, identityUnderivable, 'the container of the first message cannot be read');
      return;
    }
    if (subscriber === undefined || this.amf.config.refuse === 'registration') {
      this.amf.sendToUe(ue, encodeNas({ message: 'RegistrationReject', cause: illegalUe }));
      this.amf.ports.event({ type: 'rejected', imsi: imsi ?? 'unknown', reason: 'registration refused' });
      this.amf.release(ue, 'unspecified');
      return;
    }
    this.challenge(ue);
  }

  private newUe(
    ranUeNgapId: number,
    subscriber: Subscriber,
    capability: Uint8Array = Uint8Array.of(0xf0, 0xf0),
  ): AmfUe {
    const none = new Uint8Array(0);
    const ue: AmfUe = {
      amfUeNgapId: this.amf.allocateId(),
      ranUeNgapId,
      subscriber,
      capability,
      sessions: new Map(),
      state: 'authenticating',
      rand: none,
      xresStar: none,
      kAmf: none,
      kN3iwf: none,
      security: undefined,
      wantsContext: true,
      retries: 0,
      deadline: undefined,
    };
    this.amf.add(ue);
    return ue;
  }

  private refuse(ue: AmfUe, cause: number, reason: string): void {
    this.amf.sendToUe(ue, encodeNas({ message: 'RegistrationReject', cause }));
    this.reject(ue, reason);
  }

  private challenge(ue: AmfUe): void {
    const rand = this.amf.ports.random(16);
    ue.subscriber.sqn += 32;
    const vector = homeEnvironment(ue.subscriber, this.amf.config.plmn, rand);
    ue.rand = rand;
    ue.xresStar = vector.xresStar;
    ue.kAmf = vector.kAmf;
    this.amf.sendToUe(
      ue,
      encodeNas({
        message: 'AuthenticationRequest',
        ngKsi: 0,
        abba: Uint8Array.of(0, 0),
        rand,
        autn: vector.autn,
      }),
    );
  }

  uplink(ue: AmfUe, nasPdu: Uint8Array): void {
    if (ue.state === 'released') return;
    if (!isProtected(nasPdu) && ue.security !== undefined) return; // once there are keys, nothing in clear is obeyed
    const plain = isProtected(nasPdu) ? this.unprotect(ue, nasPdu) : nasPdu;
    const decoded = plain === undefined ? undefined : decodeNas(plain);
    if (decoded?.ok !== true) return;
    const handler = handlers[decoded.value.message] as
      | ((gmm: GmmProcedures, ue: AmfUe, message: NasMessage) => void)
      | undefined;
    handler?.(this, ue, decoded.value);
  }

  private unprotect(ue: AmfUe, nasPdu: Uint8Array): Uint8Array | undefined {
    const opened = ue.security?.unprotect(nasPdu);
    return opened?.ok === true ? opened.plain : undefined;
  }

  authenticationResponse(ue: AmfUe, resStar: Uint8Array | undefined): void {
    if (ue.state !== 'authenticating') return;
    if (resStar?.length !== 16 || !timingSafeEqual(resStar, ue.xresStar)) {
      this.amf.sendToUe(ue, encodeNas({ message: 'AuthenticationReject' }));
      this.reject(ue, 'RES* is wrong');
      return;
    }
    if (this.amf.has('q7') && ((ue.capability[1] ?? 0) & realIntegrity) === 0) {
      this.refuse(ue, capabilitiesMismatch, 'the UE offers no integrity but NIA0');
      return;
    }
    const { ciphering } = this.amf.config;
    ue.state = 'securing';
    ue.security = new NasSecurity({
      knasInt: deriveAlgorithmKey(ue.kAmf, 'integrity', 2),
      knasEnc: deriveAlgorithmKey(ue.kAmf, 'ciphering', ciphering),
      integrity: 2,
      ciphering,
      bearer: accessTypes[this.access],
      role: 'network',
    });
    const command = encodeNas({
      message: 'SecurityModeCommand',
      algorithms: (ciphering << 4) | 2,
      ngKsi: 0,
      replayedCapability: ue.capability,
      imeisvRequest: 1,
    });
    this.amf.sendToUe(ue, ue.security.protect(command, headers.newContext));
  }

  reject(ue: AmfUe, reason: string): void {
    this.amf.ports.event({ type: 'rejected', imsi: ue.subscriber.imsi, reason });
    this.amf.release(ue, 'authentication-failure');
  }

  /** The access gets its key; the Registration Accept waits until the access has set its context up. */
  securityModeComplete(ue: AmfUe): void {
    if (ue.state !== 'securing' || ue.security === undefined) return;
    ue.state = 'contextSetup';
    ue.kN3iwf = deriveAccessKey(ue.kAmf, ue.security.uplinkCount, this.access);
    if (this.amf.has('q6')) ue.deadline = this.amf.ports.now() + acceptLimitMs;
    if (this.amf.has('o4')) this.acceptAtOnce(ue);
    else this.requestContext(ue);
  }

  /** What access the UEs are taken to have. */
  private get access(): NasAccess {
    return this.amf.has('o3') ? '3gpp' : 'non-3gpp';
  }

  /** Without a wish for a context there is none, and so no key for the access. */
  private acceptAtOnce(ue: AmfUe): void {
    ue.state = 'accepting';
    if (!ue.wantsContext) this.sendProtected(ue, this.accept(ue));
    else this.requestContext(ue, ue.security?.protect(this.accept(ue), headers.integrityAndCiphering));
  }

  private requestContext(ue: AmfUe, nasPdu?: Uint8Array): void {
    const { amfUeNgapId, ranUeNgapId } = ue;
    const algorithms = (octet: number | undefined) => ({
      bits: Uint8Array.of((octet ?? 0) << 1, 0),
      length: 16,
    });
    this.amf.ports.send(
      {
        message: 'InitialContextSetupRequest',
        ies: {
          amfUeNgapId,
          ranUeNgapId,
          guami: this.guami,
          allowedNssai: this.amf.config.slices.map((slice) => ({ sNssai: sNssaiOf(slice) })),
          ueSecurityCapabilities: {
            nrEncryptionAlgorithms: algorithms(ue.capability[0]),
            nrIntegrityProtectionAlgorithms: algorithms(ue.capability[1]),
            eutraEncryptionAlgorithms: algorithms(ue.capability[2]),
            eutraIntegrityProtectionAlgorithms: algorithms(ue.capability[3]),
          },
          securityKey: { bits: Uint8Array.from(ue.kN3iwf), length: 256 },
          ...(nasPdu === undefined ? {} : { nasPdu }),
        },
      },
      1,
    );
  }

  contextIsSetUp(ue: AmfUe): void {
    if (ue.state === 'contextSetup') {
      ue.state = 'accepting';
      this.sendProtected(ue, this.accept(ue));
    } else if (this.amf.has('q3')) {
      this.amf.sendToUe(ue, new Uint8Array(0));
    }
  }

  private accept(ue: AmfUe): Uint8Array {
    return encodeNas({
      message: 'RegistrationAccept',
      registrationResult: accessTypes[this.access],
      guti: guti5g(this.plmn, this.amf.config, ue.amfUeNgapId),
    });
  }

  /** T3550 ran out: the accept goes in another context request when one was asked for, in a message of its own otherwise. */
  private acceptAgain(ue: AmfUe): void {
    if (++ue.retries > mostRetries) {
      this.reject(ue, 'the UE did not take the Registration Accept');
      return;
    }
    ue.deadline = this.amf.ports.now() + acceptLimitMs;
    const accept = ue.security?.protect(this.accept(ue), headers.integrityAndCiphering);
    if (accept === undefined) return;
    if (ue.wantsContext && ue.state === 'contextSetup') this.requestContext(ue, accept);
    else this.amf.sendToUe(ue, accept);
  }

  registrationComplete(ue: AmfUe): void {
    if (ue.state !== 'accepting') return;
    ue.state = 'registered';
    ue.deadline = undefined;
    this.sendProtected(ue, encodeNas({ message: 'ConfigurationUpdateCommand' }));
    this.amf.ports.event({ type: 'registered', imsi: ue.subscriber.imsi });
  }

  deregister(ue: AmfUe, switchOff: boolean): void {
    if (!switchOff) this.sendProtected(ue, encodeNas({ message: 'DeregistrationAcceptUe' }));
    this.endRegistration(ue);
  }

  /** DEREGISTRATION REQUEST of the network; without keys, or when the Accept does not come, the context goes anyway. */
  deregisterByNetwork(ue: AmfUe): void {
    if (ue.state === 'released' || ue.state === 'deregistering') return;
    if (ue.security === undefined) {
      this.endRegistration(ue);
      return;
    }
    ue.state = 'deregistering';
    ue.deadline = this.amf.ports.now() + deregistrationLimitMs;
    this.sendProtected(ue, encodeNas({ message: 'DeregistrationRequestNetwork', reregister: false }));
  }

  deregistrationAccepted(ue: AmfUe): void {
    if (ue.state === 'deregistering') this.endRegistration(ue);
  }

  /** Called when a UE's deadline is over. */
  expired(ue: AmfUe): void {
    ue.deadline = undefined;
    if (ue.state === 'contextSetup' || ue.state === 'accepting') this.acceptAgain(ue);
    this.deregistrationAccepted(ue);
  }

  private endRegistration(ue: AmfUe): void {
    ue.deadline = undefined;
    this.amf.ports.event({ type: 'deregistered', imsi: ue.subscriber.imsi });
    this.amf.release(ue, 'deregister');
  }

  private sendProtected(ue: AmfUe, plain: Uint8Array): void {
    const protectedNas = ue.security?.protect(plain, headers.integrityAndCiphering);
    if (protectedNas !== undefined) this.amf.sendToUe(ue, protectedNas);
  }
}

/** A UE that is out of step is not brought back: the peers' USIM makes no AUTS to resynchronize with. */
function authenticationFailureText(cause: number): string {
  if (cause === synchFailure)
    return 'the UE holds another SQN (synch failure), and there is no AUTS to follow';
  return `authentication failure, cause ${cause}`;
}

function unknownSubscriber(imsi: string | undefined): Subscriber {
  return { imsi: imsi ?? 'unknown', k: new Uint8Array(16), opc: new Uint8Array(16), sqn: 0 };
}
