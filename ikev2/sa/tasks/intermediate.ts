/**
 * IKE_INTERMEDIATE between IKE_SA_INIT and IKE_AUTH, both sides: one exchange for each additional key exchange, the
 * PPK with the last of them or in one of its own. [RFC9242 3.2] [RFC9370 2.2.2] [RFC9867 3.1]
 */

import { createKeyExchange } from '../../crypto/dh.ts';
import { qkdExchange } from '../../crypto/qkd-method.ts';
import { ADDITIONAL_KE, describeIkeSuite } from '../../crypto/suites.ts';
import type { AdditionalKe, KeyAnswer, KeyExchange } from '../../crypto/types.ts';
import type { PpkIdentity } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, nameOf } from '../../wire/registry.ts';
import type { Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { find, findError } from '../payloads.ts';
import type { Opened } from '../reassembly.ts';
import { authenticationFailed } from './auth.ts';
import { announceMethods, readMethods } from './auth-methods.ts';
import { type InitResult, reportKeys } from './init.ts';
import { answerKey } from './key-answer.ts';
import { ppkIdentityNotify } from './ppk.ts';
import {
  chooseCandidate,
  identityKeyNotifies,
  type NamedPpk,
  namedPpks,
  readCandidates,
  takenPpk,
  wipePpks,
} from './ppk-candidates.ts';

const EXCHANGE_TYPE = EXCHANGE.IKE_INTERMEDIATE;

/** The keys after a step: first the key exchange, then the PPK. [RFC9370 2.2.2] [RFC9867 3.1.2] */
function changeKeys(sa: IkeSa, secret: Uint8Array | undefined, ppk: NamedPpk | undefined): void {
  const { channel } = sa;
  if (secret !== undefined) channel.protect(sa.keymat.deriveAdditional(secret));
  if (ppk !== undefined) {
    channel.protect(sa.keymat.deriveWithPpk(ppk.secret));
    sa.ppkIdentity = ppk.identity;
    ppk.secret.fill(0);
  }
  sa.suite = describeIkeSuite(sa.keymat.suite);
  reportKeys(sa, sa.keymat);
}

/** The initiator's steps; `done` goes on with IKE_AUTH. */
export class InitiatorIntermediate {
  private readonly init: InitResult;
  private readonly steps: AdditionalKe[];
  private readonly done: () => void;
  private offered: NamedPpk[] = [];
  private keyExchange: Omit<KeyExchange, 'name'> | undefined;
  private qkdName: PpkIdentity | undefined;
  private ppkOpen: boolean;
  /** The responder's authentication methods come with the first answer. [RFC9593 3.1] */
  private methodsDue: boolean;

  constructor(sa: IkeSa, init: InitResult, done: () => void) {
    this.init = init;
    this.ppkOpen = init.ppkIntermediate;
    this.methodsDue = init.methodsLater;
    this.steps = [...(sa.keymat.suite.additional ?? [])];
    this.done = done;
  }

  /** Zeroes keys that were handed in and not used. */
  wipe(): void {
    wipePpks(this.offered);
  }

  /** Begins, or goes on; a PPK is asked for before the last exchange, which carries it. */
  start(sa: IkeSa): void {
    if (this.steps.length <= 1 && this.ppkOpen) this.obtainPpks(sa);
    else if (this.steps.length > 0 || this.methodsDue) this.send(sa);
    else this.done();
  }

  /** Without a PPK that was agreed on, an optional one, the rest goes on as if there had been none. [RFC9867 3.1] */
  private obtainPpks(sa: IkeSa): void {
    this.ppkOpen = false;
    sa.ppks.ask(EXCHANGE_TYPE, undefined, (answers) => {
      this.offered = namedPpks(answers);
      if (this.offered.length === 0 && sa.profile?.ppk === 'required') {
        return sa.close('authentication', 'a PPK is required and there is none');
      }
      if (this.offered.length > 0 || this.steps.length > 0 || this.methodsDue) this.send(sa);
      else this.done();
    });
  }

  /** The next key exchange, or after the last one an exchange of its own for what is left: PPK, methods. */
  private send(sa: IkeSa): void {
    const step = this.steps.shift();
    if (step?.ke === 'qkd') {
      this.sendKeyId(sa);
      return;
    }
    this.keyExchange =
      step === undefined ? undefined : createKeyExchange(step.ke, (length) => sa.node.random(length));
    this.exchange(sa);
  }

  /** The key's ID is our half of the key exchange, the key its secret. */
  private sendKeyId(sa: IkeSa): void {
    sa.ppks.ask(EXCHANGE_TYPE, undefined, (answers) => {
      const [key, ...others] = namedPpks(answers);
      wipePpks(others);
      this.keyExchange = key === undefined ? undefined : qkdExchange(key.identity.data, key.secret);
      if (this.keyExchange === undefined) {
        return sa.close('authentication', 'a QKD key is required and there is none');
      }
      this.qkdName = key?.identity;
      this.exchange(sa);
    });
  }

  /** Queues it; its octets are made when it goes out, as IntAuth counts them in that order. */
  private exchange(sa: IkeSa): void {
    sa.request({
      exchange: EXCHANGE_TYPE,
      build: () => this.build(sa),
      process: (_, payloads, opened) => this.process(sa, payloads, opened),
    });
  }

  /** KE in front, then the PPKs that are offered. IntAuth takes the message in under the keys that seal it. [RFC9242 3.3.2] */
  private build(sa: IkeSa): Payload[] {
    const { channel, keymat } = sa;
    const { keyExchange } = this;
    const payloads: Payload[] = identityKeyNotifies(this.offered, (secret) => keymat.ppkConfirmation(secret));
    if (keyExchange !== undefined) {
      const { method, publicValue } = keyExchange;
      payloads.unshift({ type: 'KE', method, data: publicValue });
    }
    const header = channel.header(EXCHANGE_TYPE, false, channel.own.nextMessageId);
    this.init.intAuth.addOwn(keymat, 'initiator', header, payloads);
    return payloads;
  }

  /** The answer counts for IntAuth under the old keys; what it agrees on changes them for all that follows. [RFC9242 3.3.2] */
  private process(sa: IkeSa, payloads: readonly Payload[], { firstPayload, inner }: Opened): void {
    const error = findError(payloads);
    if (error !== undefined) {
      const reason = `the responder refused IKE_INTERMEDIATE: ${nameOf('notify', error.notifyType)}`;
      sa.close('authentication', reason, error.notifyType);
      return;
    }
    const { channel, keymat } = sa;
    this.methodsDue = false;
    sa.peerAuthMethods = readMethods(payloads) ?? sa.peerAuthMethods;
    const header = channel.header(EXCHANGE_TYPE, true, channel.own.nextMessageId - 1);
    const answered = { ...header, initiator: false };
    this.init.intAuth.add(keymat, 'responder', answered, firstPayload, inner);
    const secret = this.agreedSecret(payloads);
    changeKeys(sa, secret, this.agreedPpk(sa, payloads));
    sa.ppkIdentity = this.qkdName ?? sa.ppkIdentity;
    this.qkdName = undefined;
    this.wipe();
    this.start(sa);
  }

  /** SK(n) of the round; undefined in an exchange without one. */
  private agreedSecret(payloads: readonly Payload[]): Uint8Array | undefined {
    const { keyExchange } = this;
    const ke = find(payloads, 'KE');
    if (keyExchange === undefined) return undefined;
    if (ke?.method !== keyExchange.method)
      throw authenticationFailed('the responder left a key exchange out');
    const secret = keyExchange.computeSecret(ke.data);
    if (!secret.ok) throw new IkeError(secret.error.message);
    return secret.value;
  }

  /** The PPK that the responder took, by its name. */
  private agreedPpk(sa: IkeSa, payloads: readonly Payload[]): NamedPpk | undefined {
    if (this.offered.length === 0) return undefined;
    const taken = takenPpk(this.offered, payloads);
    if (taken === 'unknown') throw authenticationFailed('the responder names a PPK that was not offered');
    if (taken === undefined && sa.profile?.ppk === 'required') {
      throw authenticationFailed('the responder did not use the PPK');
    }
    return taken;
  }
}

/** The responder's steps; a request beyond those that were agreed on is refused. */
export class ResponderIntermediate {
  private readonly init: InitResult;
  private readonly steps: AdditionalKe[];
  private ppkOpen: boolean;
  private methodsDue: boolean;

  constructor(sa: IkeSa, init: InitResult) {
    this.methodsDue = init.methodsLater;
    this.init = init;
    this.steps = [...(sa.keymat.suite.additional ?? [])];
    this.ppkOpen = init.ppkIntermediate;
  }

  /** Every key exchange that was agreed on has taken place. */
  get complete(): boolean {
    return this.steps.length === 0;
  }

  /** Answers, perhaps only when the owner has found the PPK. */
  onRequest(sa: IkeSa, payloads: readonly Payload[], opened: Opened): void {
    if (this.steps.length === 0 && !this.ppkOpen) throw new IkeError('no IKE_INTERMEDIATE was agreed on');
    const step = this.steps.shift();
    const ke = find(payloads, 'KE');
    if (ke?.method !== (step === undefined ? undefined : ADDITIONAL_KE[step.ke].id)) {
      throw new IkeError('IKE_INTERMEDIATE has another key exchange than agreed on');
    }
    if (step === undefined || ke === undefined) {
      this.settlePpk(sa, payloads, opened, undefined);
      return;
    }
    const unknown = () => authenticationFailed('the QKD key that the peer names is not known');
    answerKey(sa, EXCHANGE_TYPE, step.ke, ke.data, unknown, (answer, key) => {
      sa.ppkIdentity = key ?? sa.ppkIdentity;
      this.settlePpk(sa, payloads, opened, answer);
    });
  }

  /** PPKs are looked at once, with the last key exchange: before it nobody knows under which keys they are confirmed. [RFC9867 3.1.1] */
  private settlePpk(
    sa: IkeSa,
    payloads: readonly Payload[],
    opened: Opened,
    answer: KeyAnswer | undefined,
  ): void {
    const finish = (ppk: NamedPpk | undefined) => this.respond(sa, opened, answer, ppk);
    const candidates = this.complete && this.ppkOpen ? readCandidates(payloads) : [];
    if (this.complete) this.ppkOpen = false;
    const { keymat } = sa;
    chooseCandidate(sa, EXCHANGE_TYPE, candidates, (secret) => keymat.ppkConfirmation(secret), finish);
  }

  /**
   * The answer still goes under the keys of its request; then they change. Where the owner took its time, nothing has
   * happened in between, as the initiator sends nothing else meanwhile.
   */
  private respond(
    sa: IkeSa,
    { firstPayload, inner }: Opened,
    answer: KeyAnswer | undefined,
    ppk: NamedPpk | undefined,
  ): void {
    if (
      ppk === undefined &&
      this.complete &&
      sa.node.config.ppk === 'required' &&
      this.init.ppkIntermediate
    ) {
      throw authenticationFailed('a PPK is required and none that the peer names is known');
    }
    const { channel, keymat } = sa;
    const messageId = channel.window.openRequest ?? 0;
    const requested = { ...channel.header(EXCHANGE_TYPE, false, messageId), initiator: true };
    this.init.intAuth.add(keymat, 'initiator', requested, firstPayload, inner);
    const payloads: Payload[] = [
      ...(answer === undefined
        ? []
        : [{ type: 'KE' as const, method: answer.method, data: answer.publicValue }]),
      ...(ppk === undefined ? [] : [ppkIdentityNotify(ppk.identity)]),
      ...(this.methodsDue ? [announceMethods(sa.node.config.initiatorAuth)] : []),
    ];
    this.methodsDue = false;
    const header = channel.header(EXCHANGE_TYPE, true, messageId);
    this.init.intAuth.addOwn(keymat, 'responder', header, payloads);
    sa.respond(EXCHANGE_TYPE, payloads);
    changeKeys(sa, answer?.secret, ppk);
  }
}
