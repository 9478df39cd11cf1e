/** IKE_AUTH as initiator, the counterpart of the responder's file. [RFC7296 1.2] [RFC7296 2.16] */

import type { InitiatorProfile } from '../../configuration.ts';
import { CFG_TYPE, EXCHANGE, NOTIFY, nameOf } from '../../wire/registry.ts';
import type { AuthPayload, Identity, Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { noteAuthenticationLimit } from '../lifetimes.ts';
import { asPayloads, find, findAll, findError, findNotify, notify } from '../payloads.ts';
import type { PpkAnswer } from '../waiting.ts';
import {
  authenticationFailed,
  authInputs,
  type Credential,
  certificatePayloads,
  makeAuth,
  verifyCertificateAuth,
  verifyShared,
} from './auth.ts';
import { announceMethods } from './auth-methods.ts';
import { EAP_CODE, eapCode } from './eap.ts';
import { acceptFirstChild, offerFirstChild } from './first-child.ts';
import { deleteIkeTask } from './informational.ts';
import { certificateRequest, type InitResult, reportKeys } from './init.ts';
import { ppkIdentityNotify } from './ppk.ts';
import { noteRedirect } from './redirect.ts';

/** Stands for a responder that has not said yet who it is. */
const NOBODY: Identity = { type: 0, data: new Uint8Array(0) };

/**
 * The initiator's side of IKE_AUTH, from the keys of IKE_SA_INIT to an established SA. Every step either sends the next
 * request or waits for the owner; a throw of IkeError ends the set-up.
 */
export class InitiatorAuthentication {
  private readonly init: InitResult;
  private readonly profile: InitiatorProfile;
  private readonly spiIn: number;
  private peerId: Identity | undefined;
  private secret: Uint8Array | undefined;
  private msk: Uint8Array | undefined;
  private ppk: PpkAnswer | undefined;

  constructor(sa: IkeSa, init: InitResult, profile: InitiatorProfile) {
    this.init = init;
    this.profile = profile;
    this.spiIn = sa.node.reserveEspSpi();
  }

  /** Sends the first request, once the owner has handed in what it needs. */
  start(sa: IkeSa): void {
    sa.advance('authStarted');
    const { localAuth, remoteAuth, expectedRemoteId } = this.profile;
    if (localAuth === 'eap') {
      this.sendFirst(sa, []);
      return;
    }
    const goOn = () =>
      this.resolvePpk(sa, () => {
        this.sendFirst(sa, [...this.ownProof(sa), ...this.configurationRequest()]);
      });
    if (localAuth === 'psk' || remoteAuth === 'psk' || remoteAuth === 'qkd') {
      this.obtainSecret(sa, expectedRemoteId ?? NOBODY, goOn);
    } else goOn();
  }

  /** Zeroes the secrets that were handed in; without an SA, the ESP SPI is free again. */
  wipe(sa: IkeSa): void {
    if (sa.state !== 'established') sa.node.releaseEspSpi(this.spiIn);
    for (const secret of [this.secret, this.msk, this.ppk?.secret]) secret?.fill(0);
  }

  /** IDi and what is wanted; with `proof` when no EAP comes in between. */
  private sendFirst(sa: IkeSa, proof: readonly Payload[]): void {
    const { localId, expectedRemoteId, authKeyId, remoteAuth, notifies, childless, mobike } = this.profile;
    // [RFC9593 3.1] to a responder that has done so: others may not know what it is.
    const announces = this.init.announcesMethods && this.profile.announceAuthMethods === true;
    // [RFC6023 3] only a responder that said so can do without.
    if (childless === true && !this.init.childless) {
      throw authenticationFailed('the responder wants a first Child SA');
    }
    this.send(
      sa,
      [
        { type: 'IDi', id: localId },
        ...(expectedRemoteId === undefined ? [] : [{ type: 'IDr' as const, id: expectedRemoteId }]),
        ...(remoteAuth === 'certificate' ? [certificateRequest] : []),
        ...(remoteAuth === 'eap-only' ? [notify(NOTIFY.EAP_ONLY_AUTHENTICATION)] : []),
        ...(remoteAuth === 'qkd' && authKeyId !== undefined ? [notify(NOTIFY.QKD_AUTH_KEY, authKeyId)] : []),
        ...proof,
        ...(mobike === true ? [notify(NOTIFY.MOBIKE_SUPPORTED)] : []),
        ...(announces ? [announceMethods(remoteAuth)] : []),
        ...asPayloads(notifies),
        ...(childless === true ? [] : offerFirstChild(sa, this.spiIn)),
      ],
      (payloads) => this.takeFirst(sa, payloads),
    );
  }

  /** One round of IKE_AUTH. A refusal by the responder ends the SA with the notify that it sent. */
  private send(sa: IkeSa, request: Payload[], onResponse: (payloads: readonly Payload[]) => void): void {
    sa.request({
      exchange: EXCHANGE.IKE_AUTH,
      build: () => request,
      process: (_, payloads) => {
        const error = findError(payloads);
        if (
          error !== undefined &&
          find(payloads, 'AUTH') === undefined &&
          find(payloads, 'EAP') === undefined
        ) {
          const reason = `the responder refused IKE_AUTH: ${nameOf('notify', error.notifyType)}`;
          sa.close('authentication', reason, error.notifyType);
          return;
        }
        onResponse(payloads);
      },
    });
  }

  /** The responder says who it is and, but for EAP-only, proves it before EAP begins. */
  private takeFirst(sa: IkeSa, payloads: readonly Payload[]): void {
    const id = find(payloads, 'IDr')?.id;
    if (id === undefined) throw authenticationFailed('the responder does not say who it is');
    const peerId = { type: id.type, data: Uint8Array.from(id.data) };
    this.requireExpected(peerId);
    this.peerId = peerId;
    sa.peerId = peerId;
    if (this.profile.localAuth !== 'eap') {
      this.takeLast(sa, payloads, peerId);
      return;
    }
    const goOn = () => {
      this.verifyFirstProof(sa, peerId, payloads);
      this.takeEap(sa, payloads);
    };
    const { remoteAuth } = this.profile;
    if (remoteAuth === 'psk' || remoteAuth === 'qkd') this.obtainSecret(sa, peerId, goOn);
    else goOn();
  }

  /**
   * A QKD-keyed responder is bound to the key that we named, or to the name that it is to prove by it; others may be
   * whoever the policy of trust allows.
   */
  private requireExpected(peerId: Identity): void {
    const expected = this.profile.expectedRemoteId;
    if (expected === undefined) return;
    const same = expected.type === peerId.type && Buffer.compare(expected.data, peerId.data) === 0;
    if (!same) throw authenticationFailed('the responder is somebody else');
  }

  /** [RFC8784 3] the responder's first AUTH with EAP is made without the PPK. */
  private verifyFirstProof(sa: IkeSa, peerId: Identity, payloads: readonly Payload[]): void {
    const auth = find(payloads, 'AUTH');
    if (auth !== undefined) {
      this.verifyResponder(sa, peerId, auth, payloads);
      return;
    }
    // [RFC5998 3] only with our consent may the responder leave its own proof to EAP.
    if (this.profile.remoteAuth !== 'eap-only') throw authenticationFailed('the responder’s AUTH is missing');
  }

  /** By certificate or by the secret that was handed in, as the profile demands. */
  private verifyResponder(
    sa: IkeSa,
    peerId: Identity,
    auth: AuthPayload,
    payloads: readonly Payload[],
  ): void {
    const inputs = authInputs(this.init, 'responder', peerId);
    const { remoteAuth } = this.profile;
    if (remoteAuth === 'certificate' || remoteAuth === 'eap-only') {
      verifyCertificateAuth(sa, sa.keymat, inputs, auth, findAll(payloads, 'CERT'));
      return;
    }
    if (this.secret === undefined) throw authenticationFailed('there is no shared secret for the responder');
    verifyShared(sa.keymat, inputs, auth, this.secret);
  }

  /** EAP is for the owner; only its code decides what may come next. */
  private takeEap(sa: IkeSa, payloads: readonly Payload[]): void {
    const eap = find(payloads, 'EAP');
    if (eap === undefined) throw authenticationFailed('the responder does not speak EAP');
    const packet = Uint8Array.from(eap.packet);
    const code = eapCode(packet);
    if (code === EAP_CODE.SUCCESS) this.waitForMsk(sa);
    else if (code === EAP_CODE.REQUEST) this.waitForEap(sa);
    sa.emit({ type: 'eapReceived', ikeSaId: sa.id, packet });
    if (code !== EAP_CODE.SUCCESS && code !== EAP_CODE.REQUEST) throw authenticationFailed('EAP failed');
  }

  /** The owner's response to the packet that it got. */
  private waitForEap(sa: IkeSa): void {
    sa.wait('eap', (answer) => {
      if ('refuse' in answer) return sa.close('local', 'EAP was given up');
      const response: Payload[] = [{ type: 'EAP', packet: answer.packet }];
      this.send(sa, response, (payloads) => this.takeEap(sa, payloads));
    });
  }

  /** After EAP-Success: the key that EAP left signs both AUTHs. [RFC7296 2.16] */
  private waitForMsk(sa: IkeSa): void {
    sa.wait('msk', (msk) => {
      this.msk = Uint8Array.from(msk);
      this.resolvePpk(sa, () => {
        const request = [...this.ownProof(sa), ...this.configurationRequest()];
        this.send(sa, request, (payloads) => {
          if (this.peerId !== undefined) this.takeLast(sa, payloads, this.peerId);
        });
      });
    });
  }

  /** Asks for the secret of a shared-key AUTH. */
  private obtainSecret(sa: IkeSa, peerId: Identity, goOn: () => void): void {
    sa.wait('secret', (secret) => {
      if (secret === undefined) throw authenticationFailed('there is no shared secret for the responder');
      this.secret = Uint8Array.from(secret);
      goOn();
    });
    const { localId, remoteAuth, authKeyId = peerId.data } = this.profile;
    const named = remoteAuth === 'qkd' ? { keyId: authKeyId } : {};
    sa.emit({ type: 'sharedSecretRequested', ikeSaId: sa.id, role: 'initiator', localId, peerId, ...named });
  }

  /** Asks for a PPK where both sides announced USE_PPK; without one goes on only if it is optional. */
  private resolvePpk(sa: IkeSa, goOn: () => void): void {
    const required = this.profile.ppk === 'required';
    if (!this.init.ppkAgreed) {
      if (required && sa.ppkIdentity === undefined)
        throw authenticationFailed('a PPK is required and the responder has none');
      goOn();
      return;
    }
    sa.ppks.ask(EXCHANGE.IKE_AUTH, undefined, ([ppk]) => {
      if (ppk?.identity === undefined && required)
        throw authenticationFailed('a PPK is required and there is none');
      if (ppk?.identity !== undefined) this.ppk = { ...ppk, secret: Uint8Array.from(ppk.secret) };
      goOn();
    });
  }

  /** AUTH, with a PPK also its name and, if we can do without, the proof for a responder that lacks it. [RFC8784 3] */
  private ownProof(sa: IkeSa): Payload[] {
    const plain = this.ownAuth(sa);
    const { ppk } = this;
    if (ppk?.identity === undefined) return this.withCertificate([plain]);
    const mixed = sa.keymat.applyPpk(ppk.secret);
    const auth = this.ownAuth(sa, mixed);
    mixed.wipe();
    const fallback = this.profile.ppk === 'optional' ? [notify(NOTIFY.NO_PPK_AUTH, plain.data)] : [];
    return this.withCertificate([auth, ppkIdentityNotify(ppk.identity), ...fallback]);
  }

  /** AUTH over our IKE_SA_INIT request, by the keys given. */
  private ownAuth(sa: IkeSa, keymat = sa.keymat): AuthPayload {
    const inputs = authInputs(this.init, 'initiator', this.profile.localId);
    // After EAP both proofs are made with its key, whatever else was announced.
    const methods = this.profile.localAuth === 'eap' ? undefined : sa.peerAuthMethods;
    const accepts = { hashes: this.init.peerSignatureHashes, methods };
    return makeAuth(keymat, inputs, this.ownCredential(), accepts);
  }

  /** What the profile says that we prove ourselves by, once it is at hand. */
  private ownCredential(): Credential {
    const { localAuth, certificate } = this.profile;
    if (localAuth === 'certificate' && certificate !== undefined) return { kind: 'certificate', certificate };
    const secret = localAuth === 'eap' ? this.msk : this.secret;
    if (secret === undefined)
      throw authenticationFailed(`nothing is configured to authenticate by ${localAuth}`);
    return { kind: 'shared', secret };
  }

  /** The chain goes in front of the AUTH that it explains. */
  private withCertificate(proof: readonly Payload[]): Payload[] {
    const { localAuth, certificate } = this.profile;
    if (localAuth !== 'certificate' || certificate === undefined) return [...proof];
    return [...certificatePayloads(certificate), ...proof];
  }

  /** Travels with AUTH, as the inner address is given to none but the authenticated. */
  private configurationRequest(): Payload[] {
    const { attributes } = this.profile;
    return attributes === undefined ? [] : [{ type: 'CP', cfgType: CFG_TYPE.REQUEST, attributes }];
  }

  /** The responder's final proof; then the SA stands and the first Child SA is keyed. */
  private takeLast(sa: IkeSa, payloads: readonly Payload[], peerId: Identity): void {
    const auth = find(payloads, 'AUTH');
    if (auth === undefined) throw authenticationFailed('the responder’s AUTH is missing');
    this.settlePpk(sa, payloads);
    if (this.msk === undefined) this.verifyResponder(sa, peerId, auth, payloads);
    else verifyShared(sa.keymat, authInputs(this.init, 'responder', peerId), auth, this.msk);
    const { localAuth, remoteAuth } = this.profile;
    const attributes = find(payloads, 'CP')?.attributes;
    sa.mobike = this.profile.mobike === true && findNotify(payloads, NOTIFY.MOBIKE_SUPPORTED) !== undefined;
    sa.establish(peerId, `${remoteAuth}/${localAuth}`, attributes, findAll(payloads, 'Notify'));
    noteAuthenticationLimit(sa, payloads);
    if (noteRedirect(sa, payloads)) {
      sa.node.releaseEspSpi(this.spiIn);
      sa.request(deleteIkeTask('redirected to another gateway'));
      return;
    }
    if (this.profile.childless === true) sa.node.releaseEspSpi(this.spiIn);
    else acceptFirstChild(sa, this.init, this.spiIn, payloads);
    // [RFC7296 2.8.3] make before break: the SA that we authenticated anew goes now.
    if (sa.supersedes !== undefined) {
      sa.node.defer(sa.supersedes, (old) => {
        if (old.state === 'established') old.request(deleteIkeTask('authenticated again'), true);
      });
    }
  }

  /** PPK_IDENTITY in the answer says that the responder has the PPK and used it. [RFC8784 3] */
  private settlePpk(sa: IkeSa, payloads: readonly Payload[]): void {
    const { ppk } = this;
    if (ppk?.identity === undefined) return;
    if (findNotify(payloads, NOTIFY.PPK_IDENTITY) !== undefined) {
      sa.mixPpk(ppk.secret, ppk.identity);
      reportKeys(sa, sa.keymat);
      return;
    }
    if (this.profile.ppk === 'required') throw authenticationFailed('the responder did not use the PPK');
  }
}
