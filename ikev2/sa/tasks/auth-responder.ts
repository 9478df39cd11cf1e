/** IKE_AUTH as responder: PSK, certificate, EAP, EAP-only, QKD-keyed; with or without PPK. [RFC7296 1.2] [RFC7296 2.16] */

import type { ResponderAuth } from '../../configuration.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, ID_TYPE, NOTIFY } from '../../wire/registry.ts';
import type { AuthPayload, CpAttribute, Identity, Notify, Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { limitAuthentication } from '../lifetimes.ts';
import { asPayloads, find, findAll, findNotify, notify } from '../payloads.ts';
import {
  ACCEPTS_ANY,
  authenticationFailed,
  authInputs,
  type Credential,
  certificatePayloads,
  makeAuth,
  verifyCertificateAuth,
  verifyShared,
} from './auth.ts';
import { readMethods } from './auth-methods.ts';
import { EAP_CODE, eapCode } from './eap.ts';
import { answerFirstChild, type FirstChildOffer, readFirstChild } from './first-child.ts';
import { type InitResult, reportKeys } from './init.ts';
import { readPpkIdentity } from './ppk.ts';

/** What the first request leaves for the last answer. */
interface Opening {
  readonly peerId: Identity;
  readonly localId: Identity;
  /** Of the QKD key that proves it, as text. */
  readonly keyId: Uint8Array | undefined;
  /** Absent when the initiator wants no first Child SA. */
  readonly offer: FirstChildOffer | undefined;
  readonly certificates: readonly Payload[];
  attributes: readonly CpAttribute[] | undefined;
  notifies: readonly Notify[];
}

/**
 * The responder's side of IKE_AUTH. Requests come in one by one; an answer may have to wait for the owner (EAP, a
 * secret, a PPK), and meanwhile the window keeps repetitions out.
 */
export class ResponderAuthentication {
  private readonly init: InitResult;
  private opening: Opening | undefined;
  private secret: Uint8Array | undefined;
  private msk: Uint8Array | undefined;

  constructor(init: InitResult) {
    this.init = init;
  }

  /** Takes each IKE_AUTH request in turn; throws the IkeError that answers and ends the set-up. */
  onRequest(sa: IkeSa, payloads: readonly Payload[]): void {
    if (this.opening === undefined) {
      this.open(sa, payloads);
    } else if (this.msk !== undefined) {
      this.takeLast(sa, this.opening, payloads);
    } else {
      this.takeEap(sa, payloads);
    }
  }

  /** Zeroes the secrets that were handed in. */
  wipe(): void {
    this.secret?.fill(0);
    this.msk?.fill(0);
  }

  /** The first request: who it is, what it wants, and whether EAP or AUTH shall prove it. */
  private open(sa: IkeSa, payloads: readonly Payload[]): void {
    const peerId = copyIdentity(find(payloads, 'IDi')?.id);
    if (peerId === undefined) throw authenticationFailed('the first IKE_AUTH request names nobody');
    sa.advance('authStarted');
    sa.peerId = peerId;
    sa.peerAuthMethods = readMethods(payloads);
    const opening = {
      peerId,
      ...ownIdentity(sa, payloads),
      offer: readFirstChild(payloads),
      certificates: findAll(payloads, 'CERT'),
      attributes: find(payloads, 'CP')?.attributes,
      notifies: findAll(payloads, 'Notify'),
    };
    this.opening = opening;
    const auth = find(payloads, 'AUTH');
    // [RFC6023 3] only where we said that we can do without.
    if (opening.offer === undefined && !this.init.childless) throw new IkeError('there is no first Child SA');
    const wantsEap = auth === undefined;
    if (wantsEap !== (sa.node.config.initiatorAuth === 'eap')) {
      throw authenticationFailed(wantsEap ? 'EAP is not offered here' : 'EAP is required here');
    }
    const goOn = () =>
      auth === undefined
        ? this.startEap(sa, opening, payloads)
        : this.takeDirect(sa, opening, auth, payloads);
    if (needsSecret(sa)) this.obtainSecret(sa, opening, goOn);
    else goOn();
  }

  /** Asks for the secret of a shared-key AUTH: a PSK, or the QKD key that the initiator named. */
  private obtainSecret(sa: IkeSa, { peerId, localId, keyId }: Opening, goOn: () => void): void {
    sa.wait('secret', (secret) => {
      if (secret === undefined) throw authenticationFailed('there is no shared secret for this peer');
      this.secret = Uint8Array.from(secret);
      goOn();
    });
    const named = keyId === undefined ? {} : { keyId };
    sa.emit({ type: 'sharedSecretRequested', ikeSaId: sa.id, role: 'responder', localId, peerId, ...named });
  }

  /** The owner speaks EAP; the first packet travels with our identity and, unless EAP is to do it alone, our AUTH. */
  private startEap(sa: IkeSa, opening: Opening, payloads: readonly Payload[]): void {
    const mode = eapMode(sa, payloads);
    const front: Payload[] = [{ type: 'IDr', id: opening.localId }];
    // [RFC8784 3] this AUTH comes before the PPK is known, so it is made without.
    if (mode !== 'eap-only') front.push(...this.ownProof(sa, opening.localId, mode));
    this.waitForEap(sa, front);
    const { local, remote } = sa;
    sa.emit({ type: 'eapStarted', ikeSaId: sa.id, peerId: opening.peerId, local, remote });
  }

  /** Hands an EAP Response through; anything else in this place ends the set-up. */
  private takeEap(sa: IkeSa, payloads: readonly Payload[]): void {
    const packet = find(payloads, 'EAP')?.packet;
    if (packet === undefined || eapCode(packet) !== EAP_CODE.RESPONSE) {
      throw authenticationFailed('an EAP Response was due');
    }
    this.waitForEap(sa, []);
    sa.emit({ type: 'eapReceived', ikeSaId: sa.id, packet: Uint8Array.from(packet) });
  }

  /** The owner's next packet is the answer; Success leaves the MSK, Failure and a refusal end the SA. */
  private waitForEap(sa: IkeSa, front: readonly Payload[]): void {
    sa.wait('eap', (answer) => {
      if ('refuse' in answer) {
        const others = answer.notifies.map((each): Payload => ({ type: 'Notify', ...each }));
        sa.respond(EXCHANGE.IKE_AUTH, [notify(answer.refuse), ...others]);
        return sa.close('authentication', 'EAP was refused', answer.refuse);
      }
      const { packet, msk } = answer;
      sa.respond(EXCHANGE.IKE_AUTH, [...front, { type: 'EAP', packet }]);
      const code = eapCode(packet);
      if (code === EAP_CODE.FAILURE) return sa.close('authentication', 'EAP failed');
      if (code !== EAP_CODE.SUCCESS) return;
      if (msk === undefined) return sa.close('authentication', 'EAP succeeded without a key');
      this.msk = Uint8Array.from(msk);
    });
  }

  /** AUTH in the first request: no EAP. Ours is made after the PPK is settled, so it depends on it. */
  private takeDirect(sa: IkeSa, opening: Opening, auth: AuthPayload, payloads: readonly Payload[]): void {
    const mode = sa.node.config.responderAuth;
    if (mode === 'eap-only') throw authenticationFailed('only EAP authenticates here');
    this.resolvePpk(sa, payloads, auth, (proof) => {
      this.verifyInitiator(sa, opening, proof);
      this.complete(sa, opening, [
        { type: 'IDr', id: opening.localId },
        ...this.ownProof(sa, opening.localId, mode),
      ]);
    });
  }

  /** AUTH after EAP: both are made with the MSK, and with the PPK if one was agreed on. */
  private takeLast(sa: IkeSa, opening: Opening, payloads: readonly Payload[]): void {
    const auth = find(payloads, 'AUTH');
    const { msk } = this;
    if (auth === undefined || msk === undefined) throw authenticationFailed('AUTH was due after EAP');
    opening.attributes = find(payloads, 'CP')?.attributes ?? opening.attributes;
    opening.notifies = [...opening.notifies, ...findAll(payloads, 'Notify')];
    this.resolvePpk(sa, payloads, auth, (proof) => {
      const keymat = sa.keymat;
      verifyShared(keymat, authInputs(this.init, 'initiator', opening.peerId), proof, msk);
      const inputs = authInputs(this.init, 'responder', opening.localId);
      this.complete(sa, opening, [makeAuth(keymat, inputs, { kind: 'shared', secret: msk }, ACCEPTS_ANY)]);
    });
  }

  /**
   * Finds out which keys the initiator's proof is made with: those with the PPK that it names, or, if we lack it and
   * neither side insists, those without, which NO_PPK_AUTH proves. [RFC8784 3]
   */
  private resolvePpk(
    sa: IkeSa,
    payloads: readonly Payload[],
    auth: AuthPayload,
    goOn: (proof: Pick<AuthPayload, 'method' | 'data'>) => void,
  ): void {
    const identity = this.init.ppkAgreed ? readPpkIdentity(payloads) : undefined;
    const required = sa.node.config.ppk === 'required';
    if (identity === undefined) {
      if (required && sa.ppkIdentity === undefined) {
        throw authenticationFailed('a PPK is required and the peer names none');
      }
      goOn(auth);
      return;
    }
    const fallback = findNotify(payloads, NOTIFY.NO_PPK_AUTH)?.data;
    sa.ppks.ask(EXCHANGE.IKE_AUTH, identity, ([ppk]) => {
      if (ppk !== undefined) {
        sa.mixPpk(ppk.secret, identity);
        reportKeys(sa, sa.keymat);
        goOn(auth);
      } else if (fallback !== undefined && !required) {
        goOn({ method: auth.method, data: fallback });
      } else {
        throw authenticationFailed('the PPK that the peer names is not known');
      }
    });
  }

  /** By certificate or by the shared secret, as configured; the peer has no say in that. */
  private verifyInitiator(sa: IkeSa, opening: Opening, proof: Pick<AuthPayload, 'method' | 'data'>): void {
    const inputs = authInputs(this.init, 'initiator', opening.peerId);
    if (sa.node.config.initiatorAuth === 'certificate') {
      verifyCertificateAuth(sa, sa.keymat, inputs, proof, opening.certificates);
      return;
    }
    if (this.secret === undefined) throw authenticationFailed('there is no shared secret for this peer');
    verifyShared(sa.keymat, inputs, proof, this.secret);
  }

  /** Our AUTH, behind the chain that explains it. */
  private ownProof(sa: IkeSa, localId: Identity, mode: Exclude<ResponderAuth, 'eap-only'>): Payload[] {
    const credential = this.ownCredential(sa, mode);
    const inputs = authInputs(this.init, 'responder', localId);
    const accepts = { hashes: this.init.peerSignatureHashes, methods: sa.peerAuthMethods };
    const auth = makeAuth(sa.keymat, inputs, credential, accepts);
    return credential.kind === 'certificate'
      ? [...certificatePayloads(credential.certificate), auth]
      : [auth];
  }

  /** Fails when the configuration names a mode without its means. */
  private ownCredential(sa: IkeSa, mode: Exclude<ResponderAuth, 'eap-only'>): Credential {
    const { certificate } = sa.node.config;
    if (mode === 'certificate' && certificate !== undefined) return { kind: 'certificate', certificate };
    if (mode !== 'certificate' && this.secret !== undefined) return { kind: 'shared', secret: this.secret };
    throw authenticationFailed(`nothing is configured to authenticate by ${mode}`);
  }

  /** The last answer: our proof, the addresses, the first Child SA. */
  private complete(sa: IkeSa, opening: Opening, front: readonly Payload[]): void {
    const { peerId, offer, attributes, notifies } = opening;
    const child = answerFirstChild(sa, this.init, offer, attributes, peerId);
    const confirmation =
      !this.init.ppkAgreed || sa.ppkIdentity === undefined ? [] : [notify(NOTIFY.PPK_IDENTITY)];
    // [RFC4555 3.1]
    sa.mobike =
      sa.node.config.mobike !== false &&
      findNotify(asPayloads(notifies), NOTIFY.MOBIKE_SUPPORTED) !== undefined;
    sa.respond(EXCHANGE.IKE_AUTH, [
      ...front,
      ...confirmation,
      ...child.payloads,
      ...(sa.mobike ? [notify(NOTIFY.MOBIKE_SUPPORTED)] : []),
      ...limitAuthentication(sa),
    ]);
    const { responderAuth, initiatorAuth } = sa.node.config;
    sa.establish(peerId, `${responderAuth}/${initiatorAuth}`, child.attributes, notifies);
    child.complete();
    if (findNotify(asPayloads(notifies), NOTIFY.INITIAL_CONTACT) !== undefined) forgetOthers(sa, peerId);
  }
}

/**
 * The initiator has no other IKE SA with us, whatever we believe. [RFC7296 2.4] With EAP the identity here proves
 * nothing, so nobody's SAs are forgotten on its word.
 */
function forgetOthers(sa: IkeSa, { type, data }: Identity): void {
  if (sa.node.config.initiatorAuth === 'eap') return;
  for (const other of sa.node.sas.values()) {
    const same = other.peerId?.type === type && Buffer.compare(other.peerId.data, data) === 0;
    if (other === sa || other.role !== 'responder' || !other.established || !same) continue;
    sa.node.defer(other.id, (stale) => stale.close('peer', 'the peer began anew'));
  }
}

/** Whether either side's AUTH is a MIC under a shared secret. */
function needsSecret(sa: IkeSa): boolean {
  const { responderAuth, initiatorAuth } = sa.node.config;
  return responderAuth === 'psk' || responderAuth === 'qkd' || initiatorAuth === 'psk';
}

/**
 * A QKD-keyed node is who the key ID says that it is: the initiator names the key by asking for that identity. Where it
 * names the key in a notify of its own, the node proves its configured name by it, whatever name was asked for: whether
 * that will do is the initiator's to say. [RFC7296 2.15]
 */
function ownIdentity(sa: IkeSa, payloads: readonly Payload[]): Pick<Opening, 'localId' | 'keyId'> {
  const { responderAuth, localId } = sa.node.config;
  if (responderAuth !== 'qkd') return { localId, keyId: undefined };
  const named = copyIdentity(find(payloads, 'IDr')?.id);
  if (named?.type === ID_TYPE.KEY_ID) return { localId: named, keyId: named.data };
  const keyId = findNotify(payloads, NOTIFY.QKD_AUTH_KEY)?.data;
  if (keyId === undefined) throw authenticationFailed('the peer names no QKD key for our AUTH');
  return { localId, keyId: Uint8Array.from(keyId) };
}

/** [RFC5998 3] without the initiator's consent, EAP-only falls back to a certificate, if there is one. */
function eapMode(sa: IkeSa, payloads: readonly Payload[]): ResponderAuth {
  const { responderAuth, certificate } = sa.node.config;
  const consents = findNotify(payloads, NOTIFY.EAP_ONLY_AUTHENTICATION) !== undefined;
  if (responderAuth !== 'eap-only' || consents) return responderAuth;
  if (certificate === undefined)
    throw authenticationFailed('the peer does not accept EAP-only authentication');
  return 'certificate';
}

/** Decoded values are views into the message, this one outlives it. */
function copyIdentity(id: Identity | undefined): Identity | undefined {
  return id === undefined ? undefined : { type: id.type, data: Uint8Array.from(id.data) };
}
