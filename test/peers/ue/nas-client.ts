import {
  decodeNas,
  encodeNas,
  imeisvIdentity,
  isProtected,
  type NasMessage,
  NasSecurity,
  suciIdentity,
} from '../nas/index.ts';
import { accessTypes, deriveAccessKey, deriveAlgorithmKey, userEquipment } from '../usim/index.ts';
import type { UeConfig } from './config.ts';

export interface NasClientPorts {
  /** A NAS message for the network, protected as it has to be. */
  send(nasPdu: Uint8Array): void;
  registered(): void;
  deregistered(): void;
  failed(step: string, reason: string): void;
  sessionMessage(message: NasMessage): void;
}

type Handlers = {
  [M in NasMessage['message']]?: (client: NasClient, message: Extract<NasMessage, { message: M }>) => void;
};

/** Messages of the network and what the UE does about each. */
const handlers: Handlers = {
  AuthenticationRequest: (client, { rand, autn, ngKsi }) => client.authenticate(rand, autn, ngKsi),
  AuthenticationReject: (client) => client.fail('authentication', 'the network rejected the authentication'),
  SecurityModeCommand: (client, message) =>
    client.securityMode(message.algorithms, message.replayedCapability),
  RegistrationAccept: (client) => client.accepted(),
  RegistrationReject: (client, { cause }) =>
    client.fail('registration', `the network rejected it, cause ${cause}`),
  DlNasTransport: (client, { payload }) => client.sessionPayload(payload),
  DeregistrationAcceptUe: (client) => client.ports.deregistered(),
  DeregistrationRequestNetwork: (client) => client.deregisteredByNetwork(),
};

const headers = { integrityAndCiphering: 2, newContextCiphered: 4 } as const;
/** NEA0, NEA2 and NIA2; no EUTRA algorithms. */
const usualCapability = Uint8Array.of(0xa0, 0x20);
const initialRegistration = 1;
const macFailure = 20;

/** The UE's side of 5GMM: registration by 5G-AKA, session messages, deregistration. */
export class NasClient {
  readonly ports: NasClientPorts;
  private readonly config: UeConfig;
  private security: NasSecurity | undefined;
  private kAmf: Uint8Array | undefined;
  private received = 0;
  private held: Uint8Array | undefined;
  /** K_N3IWF, or K_gNB over 3GPP access, from when the Security Mode Complete is on its way [TS33501 A.9]. */
  kN3iwf: Uint8Array | undefined;

  constructor(config: UeConfig, ports: NasClientPorts) {
    this.config = config;
    this.ports = ports;
  }

  /** The first message, in clear: nothing but what it takes to be found. */
  registrationRequest(): Uint8Array {
    return encodeNas({ ...this.request(), ueSecurityCapability: this.capability });
  }

  private get capability(): Uint8Array {
    return this.config.capability ?? usualCapability;
  }

  private request() {
    return {
      message: 'RegistrationRequest',
      registrationType: initialRegistration,
      followOn: true,
      ngKsi: 7,
      mobileIdentity: suciIdentity(this.config.imsi, this.config.plmn),
    } as const;
  }

  /** A NAS message of the network as it came. One that is to be held back stays here until `resume`. */
  receive(nasPdu: Uint8Array): void {
    if (++this.received === this.config.holdDownlink) this.held = nasPdu;
    else this.process(nasPdu);
  }

  /** Goes on with the message that was held back, if there is one. */
  resume(): void {
    const { held } = this;
    this.held = undefined;
    if (held !== undefined) this.process(held);
  }

  private process(nasPdu: Uint8Array): void {
    const plain = isProtected(nasPdu) ? this.unprotect(nasPdu) : nasPdu;
    const decoded = plain === undefined ? undefined : decodeNas(plain);
    if (decoded === undefined) return;
    if (!decoded.ok) {
      this.fail('NAS', decoded.error.message);
      return;
    }
    const isPlain = plain === nasPdu;
    if (isPlain && this.security !== undefined) return; // once there are keys, nothing in clear is obeyed
    const handler = handlers[decoded.value.message] as
      | ((client: NasClient, message: NasMessage) => void)
      | undefined;
    handler?.(this, decoded.value);
  }

  /** The Security Mode Command is read before its keys exist, then checked with them. */
  private unprotect(nasPdu: Uint8Array): Uint8Array | undefined {
    const newContext = 3;
    if (this.security === undefined && nasPdu[1] === newContext) this.openContext(nasPdu.subarray(7));
    const opened = this.security?.unprotect(nasPdu);
    if (opened?.ok === true) return opened.plain;
    if (opened?.repeated === true) return undefined; // an AMF's copy of what came already
    this.fail('NAS security', opened?.reason ?? 'a protected message came before there were keys');
    return undefined;
  }

  private openContext(plain: Uint8Array): void {
    const command = decodeNas(plain);
    if (!command.ok || command.value.message !== 'SecurityModeCommand' || this.kAmf === undefined) return;
    const ciphering = (command.value.algorithms >>> 4) as 0 | 2;
    this.security = new NasSecurity({
      knasInt: deriveAlgorithmKey(this.kAmf, 'integrity', 2),
      knasEnc: deriveAlgorithmKey(this.kAmf, 'ciphering', ciphering),
      integrity: 2,
      ciphering,
      bearer: accessTypes[this.config.nasAccess ?? 'non-3gpp'],
      role: 'ue',
    });
  }

  authenticate(rand: Uint8Array | undefined, autn: Uint8Array | undefined, _ngKsi: number): void {
    const answer =
      rand?.length === 16 && autn?.length === 16
        ? userEquipment(this.config, this.config.plmn, rand, autn)
        : undefined;
    if (answer === undefined) {
      this.ports.send(encodeNas({ message: 'AuthenticationFailure', cause: macFailure }));
      this.fail('authentication', 'AUTN of the network is wrong');
      return;
    }
    this.kAmf = answer.kAmf;
    const resStar =
      this.config.wrongResStar === true ? answer.resStar.map((octet) => octet ^ 0xff) : answer.resStar;
    this.ports.send(encodeNas({ message: 'AuthenticationResponse', resStar }));
  }

  securityMode(algorithms: number, replayed: Uint8Array): void {
    if (this.security === undefined || this.kAmf === undefined) return;
    if ((algorithms & 0x0f) !== 2 || !sameOctets(replayed, this.capability)) {
      this.fail('security mode', 'the network replays other capabilities than this UE has: bidding down');
      return;
    }
    this.kN3iwf = deriveAccessKey(this.kAmf, this.security.uplinkCount, this.config.nasAccess);
    const complete = encodeNas({
      message: 'SecurityModeComplete',
      imeisv: imeisvIdentity(this.config.imeisv),
      nasMessageContainer: encodeNas({
        ...this.request(),
        ueSecurityCapability: this.capability,
        mmCapability: Uint8Array.of(0),
        requestedNssai: this.requestedNssai(),
      }),
    });
    this.ports.send(this.security.protect(complete, headers.newContextCiphered));
  }

  private requestedNssai(): Uint8Array {
    const { sst, sd } = this.config.slice;
    return sd === undefined ? Uint8Array.of(1, sst) : Uint8Array.of(4, sst, ...Buffer.from(sd, 'hex'));
  }

  accepted(): void {
    this.sendProtected({ message: 'RegistrationComplete' });
    this.ports.registered();
  }

  sessionPayload(payload: Uint8Array): void {
    const decoded = decodeNas(payload);
    if (decoded.ok) this.ports.sessionMessage(decoded.value);
    else this.fail('session', decoded.error.message);
  }

  /** Sends a 5GSM message inside UL NAS Transport; DNN and slice go with a request for a new session. */
  sendSession(message: NasMessage & { readonly pduSessionId: number }, isNew: boolean): void {
    const payload = encodeNas(message);
    const { sst, sd } = this.config.slice;
    const initialRequest = 1;
    const labels = this.config.dnn.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
    this.sendProtected({
      message: 'UlNasTransport',
      payloadType: 1,
      payload,
      pduSessionId: message.pduSessionId,
      ...(isNew
        ? {
            requestType: initialRequest,
            sNssai: Uint8Array.of(sst, ...(sd === undefined ? [] : Buffer.from(sd, 'hex'))),
            dnn: Uint8Array.from(labels),
          }
        : {}),
    });
  }

  deregister(): void {
    const identity = suciIdentity(this.config.imsi, this.config.plmn);
    this.sendProtected({ message: 'DeregistrationRequestUe', switchOff: false, ngKsi: 0, identity });
  }

  deregisteredByNetwork(): void {
    this.sendProtected({ message: 'DeregistrationAcceptNetwork' });
    this.ports.deregistered();
  }

  fail(step: string, reason: string): void {
    this.ports.failed(step, reason);
  }

  private sendProtected(message: NasMessage): void {
    const nasPdu = this.security?.protect(encodeNas(message), headers.integrityAndCiphering);
    if (nasPdu !== undefined) this.ports.send(nasPdu);
  }
}

function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  return one.length >= other.length && other.every((octet, at) => octet === one[at]);
}
