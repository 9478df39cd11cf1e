/** IKE_SA_INIT, both sides. [RFC7296 1.2] */

import type { InitiatorProfile, TranscriptAuth } from '../../configuration.ts';
import { createKeyExchange } from '../../crypto/dh.ts';
import { Keymat } from '../../crypto/keymat.ts';
import {
  acceptIke,
  type Chosen,
  chooseIke,
  offerIke,
  withOptionalAdditional,
} from '../../crypto/proposals.ts';
import { OFFERED_SIGNATURE_HASHES, parseSignatureHashes } from '../../crypto/sign.ts';
import { describeIkeSuite, KE_ALGORITHMS } from '../../crypto/suites.ts';
import type { IkeSuite, KeyAnswer, KeyExchange } from '../../crypto/types.ts';
import { IkeError } from '../../wire/errors.ts';
import { CERT_ENCODING, EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import { checkPayloads } from '../../wire/rules.ts';
import type { DecodedMessage, Payload } from '../../wire/types.ts';
import { isZero, NO_SPI } from '../channel.ts';
import type { IkeSa } from '../ike-sa.ts';
import type { Node } from '../node.ts';
import { DEFAULT_DATAGRAM, messageRoom } from '../path-mtu.ts';
import { find, findError, findNotify, notify } from '../payloads.ts';
import type { Task } from '../task.ts';
import { announceLater, announceMethods, announces, readMethods } from './auth-methods.ts';
import { IntAuth } from './int-auth.ts';
import { detectNat, natDetectionNotifies } from './natd.ts';
import { isRedirectable, redirectNotifies, takeRedirect } from './redirect.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/** What IKE_SA_INIT leaves for IKE_AUTH and the first Child SA. */
export interface InitResult {
  /** The two messages as they went over the wire, without marker: AUTH signs them. */
  readonly requestOctets: Uint8Array;
  readonly responseOctets: Uint8Array;
  readonly nonceInitiator: Uint8Array;
  readonly nonceResponder: Uint8Array;
  /** The responder can do without a first Child SA. [RFC6023 3] */
  readonly childless: boolean;
  /** Both sides prove the whole of IKE_SA_INIT. [draft-ikev2-downgrade-prevention notify] */
  readonly fullTranscript: boolean;
  /** Both sides sent USE_PPK. [RFC8784 3] */
  readonly ppkAgreed: boolean;
  /** Both sides sent USE_PPK_INT, so the PPK comes before IKE_AUTH. [RFC9867 3.1] */
  readonly ppkIntermediate: boolean;
  /** Grows with each IKE_INTERMEDIATE. */
  readonly intAuth: IntAuth;
  /** The responder announces authentication methods; with `methodsLater` by an IKE_INTERMEDIATE. [RFC9593 3.1] */
  readonly announcesMethods: boolean;
  readonly methodsLater: boolean;
  /** Of SIGNATURE_HASH_ALGORITHMS; empty when the peer does not know RFC 7427. */
  readonly peerSignatureHashes: readonly number[];
}

/** A request checked and found servable; nothing is kept of one that is not. */
export interface AcceptedInit extends Chosen<IkeSuite> {
  readonly peerValue: Uint8Array;
  readonly nonceInitiator: Uint8Array;
}

/** Judges a first request before any state exists for it; throws the IkeError that answers it. */
export function admitInit(node: Node, payloads: readonly Payload[]): AcceptedInit {
  const checked = checkPayloads(EXCHANGE.IKE_SA_INIT, 'request', payloads);
  if (!checked.ok) throw checked.error;
  if (node.config.transcriptAuth === 'required' && !provesTranscript(payloads)) {
    throw new IkeError('the peer does not prove the whole of IKE_SA_INIT', NOTIFY.NO_PROPOSAL_CHOSEN);
  }
  const offered = find(payloads, 'SA')?.proposals ?? [];
  const { proposals } = node.config;
  const selected = chooseIke(
    speaksIntermediate(payloads) ? proposals : withOptionalAdditional(proposals),
    offered,
  );
  if (selected === undefined) throw new IkeError('no common IKE proposal', NOTIFY.NO_PROPOSAL_CHOSEN);
  const wanted = KE_ALGORITHMS[selected.suite.ke].id;
  const ke = find(payloads, 'KE');
  if (ke === undefined || ke.method !== wanted) {
    // [RFC7296 1.3] the answer names the group that we want, and keeps no state.
    throw new IkeError('the KE payload is of another group', NOTIFY.INVALID_KE_PAYLOAD, uint16(wanted));
  }
  const nonceInitiator = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
  if (nonceInitiator.length < 16) throw new IkeError('the nonce is too short');
  return { ...selected, peerValue: ke.data, nonceInitiator };
}

/**
 * Our half of its key exchange, also before any state exists: a value that the method refuses costs its sender nothing,
 * and may come from anywhere. Throws the IkeError that answers it.
 */
export function answerKe(node: Node, { suite, peerValue }: AcceptedInit): KeyAnswer {
  const exchange = node.answerKeyExchange(suite.ke, peerValue);
  if (!exchange.ok) throw new IkeError(exchange.error.message);
  return exchange.value;
}

/** Answers an admitted request: derives keys, leaves the SA ready for IKE_AUTH. */
export function answerInit(
  sa: IkeSa,
  datagram: Uint8Array,
  payloads: readonly Payload[],
  accepted: AcceptedInit,
  { method, publicValue, secret }: KeyAnswer,
): InitResult {
  const { node, channel } = sa;
  const { config } = node;
  const nonceResponder = Uint8Array.from(node.random(NONCE_LENGTH));
  const ppk = agreePpk(config, payloads);
  const announcesMethods = config.announceAuthMethods === true;
  // [RFC9593 3.1] a long list keeps IKE_SA_INIT, which goes in no fragments, short.
  const methodsLater = announcesMethods && (accepted.suite.additional ?? []).length > 0;
  sa.freshPpks = ppk.ppkIntermediate;
  noteNat(sa, payloads, NO_SPI);
  channel.window.accept(datagram);
  sa.redirectable = isRedirectable(payloads);
  const responseOctets = sa.respond(EXCHANGE.IKE_SA_INIT, [
    { type: 'SA', proposals: [accepted.proposal] },
    { type: 'KE', method, data: publicValue },
    { type: 'Nonce', data: nonceResponder },
    ...commonNotifies(sa, config.forceUdpEncapsulation === true, agreeFragments(sa, payloads)),
    ...(speaksIntermediate(payloads) ? [notify(NOTIFY.INTERMEDIATE_EXCHANGE_SUPPORTED)] : []),
    // [RFC9867 3.1] one of the two, never both.
    ...(ppk.ppkIntermediate ? [notify(NOTIFY.USE_PPK_INT)] : []),
    ...(ppk.ppkAgreed ? [notify(NOTIFY.USE_PPK)] : []),
    // Said to everybody: who never asked for it finds out that its request was another. [draft-ikev2-downgrade-prevention notify]
    ...transcriptNotifies(config),
    ...(announcesMethods ? [methodsLater ? announceLater() : announceMethods(config.initiatorAuth)] : []),
    ...(config.childless === true ? [notify(NOTIFY.CHILDLESS_IKEV2_SUPPORTED)] : []),
    ...(config.initiatorAuth === 'certificate' ? [certificateRequest] : []),
    ...(config.vendorId === undefined ? [] : [{ type: 'VendorId' as const, data: config.vendorId }]),
  ]);
  const result = {
    requestOctets: Uint8Array.from(datagram),
    responseOctets: responseOctets ?? NO_OCTETS,
    nonceInitiator: accepted.nonceInitiator,
    nonceResponder,
    childless: config.childless === true,
    fullTranscript: agreesOnTranscript(config, payloads),
    ...ppk,
    announcesMethods,
    methodsLater,
    intAuth: new IntAuth(),
    peerSignatureHashes: signatureHashes(payloads),
  };
  completeInit(sa, accepted.suite, result, secret);
  return result;
}

/** Any authority will do: the list of hashes stays empty. */
export const certificateRequest: Payload = {
  type: 'CERTREQ',
  encoding: CERT_ENCODING.X509_SIGNATURE,
  data: NO_OCTETS,
};

/** The initiator's IKE_SA_INIT, with its retries for a cookie or another group. */
export class InitTask implements Task {
  readonly exchange = EXCHANGE.IKE_SA_INIT;
  private readonly nonce: Uint8Array;
  private readonly completed: (result: InitResult) => void;
  private keyExchange: KeyExchange;
  private cookie: Uint8Array | undefined;
  private requestOctets: Uint8Array = NO_OCTETS;
  private retries = 0;

  /** `completed` goes on with IKE_AUTH. Throws when the profile has no proposal with a key exchange. */
  constructor(sa: IkeSa, completed: (result: InitResult) => void) {
    const first = sa.profile?.proposals[0]?.ke[0];
    if (first === undefined) throw new Error('the profile proposes no key exchange');
    this.completed = completed;
    this.nonce = Uint8Array.from(sa.node.random(NONCE_LENGTH));
    this.keyExchange = createKeyExchange(first, (length) => sa.node.random(length));
  }

  /** The same octets each time but for the cookie and the group, so that a cookie stays right. [RFC7296 2.6] */
  build(sa: IkeSa): Payload[] {
    const { profile, node } = sa;
    return [
      // [RFC7296 2.6] the cookie goes in front, the rest stays as it was.
      ...(this.cookie === undefined ? [] : [notify(NOTIFY.COOKIE, this.cookie)]),
      { type: 'SA', proposals: offerIke(profile?.proposals ?? [], NO_OCTETS) },
      { type: 'KE', method: this.keyExchange.method, data: this.keyExchange.publicValue },
      { type: 'Nonce', data: this.nonce },
      ...commonNotifies(sa, node.config.forceUdpEncapsulation === true, datagramSize(sa) > 0),
      ...offerIntermediate(profile),
      ...transcriptNotifies(profile),
      ...redirectNotifies(sa),
    ];
  }

  /** The last one counts: AUTH signs the request that was answered. [RFC7296 2.15] */
  sent(datagram: Uint8Array): void {
    this.requestOctets = datagram;
  }

  /** Never called: {@link processInit} is. */
  process(): void {
    throw new Error('IKE_SA_INIT responses come in clear');
  }

  /**
   * A response that nobody signed: a cookie or another group is tried, a refusal waited upon, and the first one that fits all
   * is taken. What fits nothing leaves the exchange open for a better one. [RFC7296 2.21.1]
   */
  processInit(sa: IkeSa, datagram: Uint8Array, message: DecodedMessage): void {
    const { payloads } = message;
    const cookie = findNotify(payloads, NOTIFY.COOKIE);
    const otherGroup = findNotify(payloads, NOTIFY.INVALID_KE_PAYLOAD);
    const error = findError(payloads);
    if (cookie !== undefined && this.mayRetry()) {
      this.cookie = Uint8Array.from(cookie.data);
      this.again(sa);
    } else if (otherGroup !== undefined && this.mayRetry()) {
      this.takeGroup(sa, otherGroup.data);
    } else if (error !== undefined) {
      this.refuse(sa, error.notifyType);
    } else if (!takeRedirect(sa, payloads, this.nonce)) {
      this.accept(sa, datagram, message);
    }
  }

  /** An attacker who sees the request could keep us retrying. */
  private mayRetry(): boolean {
    return this.retries++ < 5;
  }

  /** The same request under the same message ID, as the responder has kept nothing of the first. */
  private again(sa: IkeSa): void {
    sa.requests.finish(true);
    sa.request(this, true);
  }

  /** [RFC7296 1.2] only a group of our own proposals is taken, lest a forged answer weakens the exchange. */
  private takeGroup(sa: IkeSa, data: Uint8Array): void {
    const method = ((data[0] ?? 0) << 8) | (data[1] ?? 0);
    const ours = sa.profile?.proposals.flatMap(({ ke }) => ke) ?? [];
    const name = ours.find((each) => KE_ALGORITHMS[each].id === method);
    if (name === undefined) {
      this.refuse(sa, NOTIFY.INVALID_KE_PAYLOAD);
      return;
    }
    this.keyExchange = createKeyExchange(name, (length) => sa.node.random(length));
    this.again(sa);
  }

  /**
   * Anybody can forge a refusal, so a valid answer is still awaited for a while. [RFC7296 2.21.1]
   */
  private refuse(sa: IkeSa, notifyType: number): void {
    if (sa.initRefusal !== undefined) return;
    sa.initRefusal = notifyType;
    sa.timers.set('halfOpen', sa.now + sa.node.timers.retransmit / 4);
  }

  /** Checks everything before the first change: a response that does not fit leaves the exchange open. */
  private accept(sa: IkeSa, datagram: Uint8Array, { header, payloads }: DecodedMessage): void {
    const checked = checkPayloads(EXCHANGE.IKE_SA_INIT, 'response', payloads);
    const ke = find(payloads, 'KE');
    const nonce = find(payloads, 'Nonce')?.data ?? NO_OCTETS;
    const suite = acceptIke(sa.profile?.proposals ?? [], find(payloads, 'SA')?.proposals ?? []);
    const valid =
      checked.ok && suite !== undefined && ke?.method === this.keyExchange.method && nonce.length >= 16;
    const lacking = suite?.additional !== undefined && !speaksIntermediate(payloads);
    const unproven = sa.profile?.transcriptAuth === 'required' && !provesTranscript(payloads);
    if (
      !valid ||
      lacking ||
      unproven ||
      KE_ALGORITHMS[suite.ke].id !== ke.method ||
      isZero(header.spiResponder)
    ) {
      sa.reject('IKE_SA_INIT response does not fit', sa.remote);
      return;
    }
    const secret = this.keyExchange.computeSecret(ke.data);
    if (!secret.ok) {
      sa.reject(secret.error.message, sa.remote);
      return;
    }
    sa.channel.spiResponder = Uint8Array.from(header.spiResponder);
    noteNat(sa, payloads, sa.channel.spiResponder);
    agreeFragments(sa, payloads);
    const ppk = agreePpk(sa.profile ?? { ppk: 'off' }, payloads);
    sa.freshPpks = ppk.ppkIntermediate;
    sa.peerAuthMethods = readMethods(payloads);
    sa.requests.finish();
    const result = {
      requestOctets: this.requestOctets,
      responseOctets: Uint8Array.from(datagram),
      nonceInitiator: this.nonce,
      nonceResponder: Uint8Array.from(nonce),
      childless: findNotify(payloads, NOTIFY.CHILDLESS_IKEV2_SUPPORTED) !== undefined,
      fullTranscript: agreesOnTranscript(sa.profile, payloads),
      ...ppk,
      announcesMethods: announces(payloads),
      methodsLater: announces(payloads) && sa.peerAuthMethods === undefined && speaksIntermediate(payloads),
      intAuth: new IntAuth(),
      peerSignatureHashes: signatureHashes(payloads),
    };
    floatToNatPort(sa, findNotify(payloads, NOTIFY.NAT_DETECTION_SOURCE_IP) !== undefined);
    completeInit(sa, suite, result, secret.value);
    this.completed(result);
  }
}

/** [RFC9242 3.1] */
function speaksIntermediate(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NOTIFY.INTERMEDIATE_EXCHANGE_SUPPORTED) !== undefined;
}

/** Of a node or of a profile. */
type TranscriptConfig = { readonly transcriptAuth?: TranscriptAuth } | undefined;

/** What this side announces. [draft-ikev2-downgrade-prevention notify] */
function transcriptNotifies(own: TranscriptConfig): Payload[] {
  return provesItself(own) ? [notify(NOTIFY.IKE_SA_INIT_FULL_TRANSCRIPT_AUTH)] : [];
}

/** This side's word, whatever the peer does. */
function provesItself(own: TranscriptConfig): boolean {
  return (own?.transcriptAuth ?? 'off') !== 'off';
}

/** The peer's word. */
function provesTranscript(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, NOTIFY.IKE_SA_INIT_FULL_TRANSCRIPT_AUTH) !== undefined;
}

/** Both sides' word: each can tell alone, so nobody on the way can take it from one of them unseen. */
function agreesOnTranscript(own: TranscriptConfig, payloads: readonly Payload[]): boolean {
  return provesItself(own) && provesTranscript(payloads);
}

/** Which way of using a PPK this side may go. */
function ppkWays({ ppk, ppkExchange = 'auth' }: Pick<InitiatorProfile, 'ppk' | 'ppkExchange'>): {
  auth: boolean;
  intermediate: boolean;
} {
  const on = ppk !== 'off';
  return { auth: on && ppkExchange !== 'intermediate', intermediate: on && ppkExchange !== 'auth' };
}

/** What the initiator announces of PPKs and IKE_INTERMEDIATE. [RFC9867 3.1] [RFC9370 2.2.1] */
function offerIntermediate(profile: InitiatorProfile | undefined): Payload[] {
  if (profile === undefined) return [];
  const { auth, intermediate } = ppkWays(profile);
  const hybrid = profile.proposals.some(({ additional = [] }) => additional.length > 0);
  return [
    ...(intermediate || hybrid ? [notify(NOTIFY.INTERMEDIATE_EXCHANGE_SUPPORTED)] : []),
    ...(intermediate ? [notify(NOTIFY.USE_PPK_INT)] : []),
    ...(auth ? [notify(NOTIFY.USE_PPK)] : []),
  ];
}

/** What both sides announced; before IKE_AUTH is better than with it. [RFC9867 3.1] */
function agreePpk(
  own: Pick<InitiatorProfile, 'ppk' | 'ppkExchange'>,
  payloads: readonly Payload[],
): Pick<InitResult, 'ppkAgreed' | 'ppkIntermediate'> {
  const { auth, intermediate } = ppkWays(own);
  const both = speaksIntermediate(payloads) && findNotify(payloads, NOTIFY.USE_PPK_INT) !== undefined;
  const ppkIntermediate = intermediate && both;
  const ppkAgreed = auth && !ppkIntermediate && findNotify(payloads, NOTIFY.USE_PPK) !== undefined;
  return { ppkAgreed, ppkIntermediate };
}

/** A side that makes its peer see a NAT has to behave as if it were behind one. */
function noteNat(sa: IkeSa, payloads: readonly Payload[], spiResponder: Uint8Array): void {
  const { local, remote } = detectNat(payloads, sa.channel.spiInitiator, spiResponder, sa.local, sa.remote);
  sa.nat = { local: local || sa.node.config.forceUdpEncapsulation === true, remote };
}

/**
 * [RFC7296 2.23] the initiator moves when either side is behind a NAT, or may be one day [RFC4555 3.3]; the responder
 * follows what it hears.
 */
function floatToNatPort(sa: IkeSa, detects: boolean): void {
  const { ikePort, natTraversalPort } = sa.node.config;
  const mobile = sa.profile?.mobike === true && detects;
  if (!(sa.nat.local || sa.nat.remote || mobile) || sa.local.port !== ikePort || sa.remote.port !== ikePort)
    return;
  sa.local = { address: sa.local.address, port: natTraversalPort };
  sa.remote = { address: sa.remote.address, port: natTraversalPort };
}

/** What both messages of IKE_SA_INIT announce. */
function commonNotifies(sa: IkeSa, force: boolean, fragments: boolean): Payload[] {
  const { channel, local, remote } = sa;
  return [
    ...natDetectionNotifies(channel.spiInitiator, channel.spiResponder, local, remote, force),
    notify(NOTIFY.SIGNATURE_HASH_ALGORITHMS, OFFERED_SIGNATURE_HASHES),
    ...(fragments ? [notify(NOTIFY.IKEV2_FRAGMENTATION_SUPPORTED)] : []),
  ];
}

/** 0 where fragments are turned off. */
function datagramSize(sa: IkeSa): number {
  return sa.node.config.datagramSize ?? DEFAULT_DATAGRAM;
}

/** [RFC7383 2.3] both sides have to say that they can do fragments; from IKE_AUTH on they are used. */
function agreeFragments(sa: IkeSa, payloads: readonly Payload[]): boolean {
  const size = datagramSize(sa);
  const agreed = size > 0 && findNotify(payloads, NOTIFY.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined;
  if (agreed) sa.room = messageRoom(size, sa.remote.address);
  return agreed;
}

/** Hash functions that the peer verifies. [RFC7427 4] */
function signatureHashes(payloads: readonly Payload[]): number[] {
  return parseSignatureHashes(findNotify(payloads, NOTIFY.SIGNATURE_HASH_ALGORITHMS)?.data ?? NO_OCTETS);
}

/** Keys, state and the events about both. */
function completeInit(sa: IkeSa, suite: IkeSuite, init: InitResult, sharedSecret: Uint8Array): void {
  const { channel } = sa;
  const { spiInitiator, spiResponder } = channel;
  const { nonceInitiator, nonceResponder } = init;
  const inputs = { nonceInitiator, nonceResponder, spiInitiator, spiResponder };
  const keymat = Keymat.derive(suite, inputs, sharedSecret);
  channel.protect(keymat);
  sa.suite = describeIkeSuite(suite);
  sa.advance('initCompleted');
  const { local, remote, nat } = sa;
  const base = { ikeSaId: sa.id, spiInitiator, spiResponder } as const;
  sa.emit({
    type: 'ikeSaInitCompleted',
    ...base,
    role: sa.role,
    suite: sa.suite,
    natDetected: nat,
    local,
    remote,
  });
  reportKeys(sa, keymat);
}

/** Lets the keys out for a key log, where the configuration says so. */
export function reportKeys(sa: IkeSa, keymat: Keymat): void {
  if (!sa.node.config.exposeKeys) return;
  const { spiInitiator, spiResponder } = sa.channel;
  const { encr, integ, prf } = keymat.suite;
  const names = { encr, integ, prf };
  const keys = keymat.expose();
  sa.emit({ type: 'ikeKeysDerived', ikeSaId: sa.id, spiInitiator, spiResponder, ...keys, ...names });
}

/** Two octets. */
function uint16(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value >> 8, value);
}
