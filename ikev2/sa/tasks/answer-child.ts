/** CREATE_CHILD_SA of the peer for Child SAs, new or in place of an old one. [RFC7296 1.3] */

import { chooseEsp } from '../../crypto/proposals.ts';
import { ADDITIONAL_KE } from '../../crypto/suites.ts';
import type { EspSuite, KeyAnswer } from '../../crypto/types.ts';
import type { Admission, AuthorizeAnswer } from '../../ports.ts';
import type { PpkIdentity } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import type { Payload, Proposal, TrafficSelector } from '../../wire/types.ts';
import {
  type ChildRecord,
  childByPeerSpi,
  childSaNotFound,
  establishChild,
  isNarrowed,
  noteReplaced,
} from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { fromUint32, toUint32 } from '../node.ts';
import { lowestNonce } from '../nonces.ts';
import { asPayloads, find, findAll, findNotify } from '../payloads.ts';
import { CreateChildTask } from './create-child.ts';
import { answerKey } from './key-answer.ts';
import { ppkIdentityNotify } from './ppk.ts';
import type { NamedPpk } from './ppk-candidates.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);
/** Child SAs that the peer has replaced and not deleted; beyond it a rekey is put off. */
const MOST_REPLACED = 32;

/** A request that is admitted: what is left is our half of the keys. */
interface Admitted {
  readonly old: ChildRecord | undefined;
  readonly admission: Admission;
  readonly proposal: Proposal;
  readonly suite: EspSuite;
  readonly nonceInitiator: Uint8Array;
  /** The peer's notifies, among others. */
  readonly payloads: readonly Payload[];
  /** A copy of its own; whoever ends the exchange zeroes it. */
  readonly ppk: NamedPpk | undefined;
}

/** Our half of the key exchange that the request carries, and the name of the QKD key that it is. */
interface OwnHalf {
  readonly answer: KeyAnswer;
  readonly key: PpkIdentity | undefined;
}

/**
 * Answers the peer's request, where keys are exchanged by a QKD key as soon as the owner has found it; throws the refusal
 * that the standard prescribes.
 */
export function answerCreateChild(sa: IkeSa, payloads: readonly Payload[], ppk?: NamedPpk): void {
  const admitted = admitRequest(sa, payloads, ppk);
  const { ke } = admitted.suite;
  const data = peerValue(admitted);
  if (ke === undefined || data === undefined) {
    respond(sa, admitted, undefined);
    return;
  }
  const { channel } = sa;
  answerKey(sa, EXCHANGE.CREATE_CHILD_SA, ke, data, unknownKey, (answer, key) => {
    // The owner took its time: the request may have gone with its channel, or what it is to replace.
    if (sa.channel !== channel || !sa.established) return;
    rekeyedChild(sa, payloads);
    respond(sa, admitted, { answer, key });
  });
}

/** Checks all that can be checked before keys are exchanged, and asks the owner. */
function admitRequest(sa: IkeSa, payloads: readonly Payload[], ppk: NamedPpk | undefined): Admitted {
  const offered = find(payloads, 'SA')?.proposals ?? [];
  const old = rekeyedChild(sa, payloads);
  const admission = old === undefined ? admit(sa, payloads) : rekeyAdmission(old, payloads);
  if ('refuse' in admission) throw new IkeError('the Child SA is not admitted', admission.refuse);
  // An SA that we started has its own proposals, for what either side begins on it.
  const chosen = chooseEsp(sa.profile?.childProposals ?? sa.node.config.childProposals, offered, true);
  if (chosen === undefined) throw new IkeError('no common ESP proposal', NOTIFY.NO_PROPOSAL_CHOSEN);
  if (chosen.suite.additional !== undefined) sa.series.checkRoom();
  const nonceInitiator = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
  if (nonceInitiator.length < 16) throw new IkeError('the nonce is too short');
  const kept = ppk === undefined ? undefined : { ...ppk, secret: Uint8Array.from(ppk.secret) };
  return { old, admission, ...chosen, nonceInitiator, payloads, ppk: kept };
}

/** Answers; the Child SA is there at once, or with the last of the further key exchanges. [RFC9370 2.2.4] */
function respond(sa: IkeSa, admitted: Admitted, half: OwnHalf | undefined): void {
  const { old, admission, proposal, nonceInitiator, ppk } = admitted;
  const { additional = [] } = admitted.suite;
  const spiIn = sa.node.reserveEspSpi();
  const nonceResponder = Uint8Array.from(sa.node.random(NONCE_LENGTH));
  const nonce = lowestNonce(nonceInitiator, nonceResponder);
  const complete = (further: readonly Uint8Array[], key: PpkIdentity | undefined) => {
    const made = establish(sa, admitted, { half, spiIn, nonceResponder, further, key });
    if (old !== undefined) noteReplaced(sa, old, made, nonce);
  };
  const abandon = () => {
    sa.node.releaseEspSpi(spiIn);
    ppk?.secret.fill(0);
    half?.answer.secret.fill(0);
  };
  const agreement = { replaces: old, nonce, complete, abandon };
  sa.respond(EXCHANGE.CREATE_CHILD_SA, [
    { type: 'SA', proposals: [{ ...proposal, spi: fromUint32(spiIn) }] },
    { type: 'Nonce', data: nonceResponder },
    ...(half === undefined ? [] : [kePayload(half.answer)]),
    { type: 'TSi', selectors: admission.trafficSelectorsInitiator },
    { type: 'TSr', selectors: admission.trafficSelectorsResponder },
    ...(ppk === undefined ? [] : [ppkIdentityNotify(ppk.identity)]),
    ...asPayloads(admission.notifies),
    ...(additional.length === 0 ? [] : [sa.series.begin(agreement, additional)]),
  ]);
  if (additional.length === 0) complete([], undefined);
}

/** Keys the SA; the peer, which began, sends first and may do so at once. [RFC7296 2.8] */
function establish(
  sa: IkeSa,
  { suite, proposal, admission, nonceInitiator, ppk, old, payloads }: Admitted,
  {
    half,
    ...made
  }: {
    readonly half: OwnHalf | undefined;
    readonly spiIn: number;
    readonly nonceResponder: Uint8Array;
    readonly further: readonly Uint8Array[];
    readonly key: PpkIdentity | undefined;
  },
): ChildRecord {
  const record = establishChild(sa, {
    ...made,
    suite,
    spiOut: toUint32(proposal.spi),
    trafficSelectorsLocal: admission.trafficSelectorsResponder,
    trafficSelectorsRemote: admission.trafficSelectorsInitiator,
    started: false,
    nonceInitiator,
    sharedSecret: half?.answer.secret,
    ppk,
    key: made.key ?? half?.key,
    rekeyed: old?.id,
    tag: old?.tag,
    notifies: findAll(payloads, 'Notify'),
  });
  ppk?.secret.fill(0);
  return record;
}

/** The Child SA that REKEY_SA names; throws when it is unknown or on its way out. */
function rekeyedChild(sa: IkeSa, payloads: readonly Payload[]): ChildRecord | undefined {
  const named = findNotify(payloads, NOTIFY.REKEY_SA);
  if (named === undefined) return undefined;
  const child = childByPeerSpi(sa, toUint32(named.spi));
  if (child === undefined) throw childSaNotFound(named.spi);
  // [RFC7296 2.25.1] one that we rekey, too, is rekeyed as usual, and the nonces decide later.
  const replacement = child.replaced?.by;
  const leaving = replacement !== undefined && sa.children.has(replacement.id);
  const piled = [...sa.children.values()].filter(({ replaced }) => replaced !== undefined).length;
  const { current } = sa.requests;
  // [RFC9370 2.2.4] unless our CREATE_CHILD_SA is through and keys are being exchanged.
  const ahead = current instanceof CreateChildTask && current.isRekeying(child);
  if (child.busy === 'deleting' || leaving || ahead || piled >= MOST_REPLACED)
    throw new IkeError('the Child SA is going', NOTIFY.TEMPORARY_FAILURE);
  return child;
}

/** A new Child SA is the owner's decision. */
function admit(sa: IkeSa, payloads: readonly Payload[]): AuthorizeAnswer {
  const { admitChildSa } = sa.node.ports;
  if (admitChildSa === undefined) return { refuse: NOTIFY.NO_ADDITIONAL_SAS };
  return admitChildSa({
    ikeSaId: sa.id,
    trafficSelectorsInitiator: find(payloads, 'TSi')?.selectors ?? [],
    trafficSelectorsResponder: find(payloads, 'TSr')?.selectors ?? [],
    notifies: findAll(payloads, 'Notify'),
  });
}

/** [RFC7296 2.8] a rekeyed Child SA keeps its traffic selectors, or what of them the peer still asks for. [RFC7296 2.9] */
function rekeyAdmission(old: ChildRecord, payloads: readonly Payload[]): AuthorizeAnswer {
  const trafficSelectorsInitiator = common(old.trafficSelectorsRemote, find(payloads, 'TSi')?.selectors);
  const trafficSelectorsResponder = common(old.trafficSelectorsLocal, find(payloads, 'TSr')?.selectors);
  if (trafficSelectorsInitiator === undefined || trafficSelectorsResponder === undefined) {
    return { refuse: NOTIFY.TS_UNACCEPTABLE };
  }
  return { trafficSelectorsInitiator, trafficSelectorsResponder };
}

/** Whichever lies within the other; an answer is never wider than the request. */
function common(
  had: readonly TrafficSelector[],
  asked: readonly TrafficSelector[] = [],
): readonly TrafficSelector[] | undefined {
  if (isNarrowed(had, asked)) return had;
  return isNarrowed(asked, had) ? asked : undefined;
}

/** The peer's half of a PFS key exchange; INVALID_KE_PAYLOAD when the peer guessed another group than we want. */
function peerValue({ suite, payloads }: Admitted): Uint8Array | undefined {
  if (suite.ke === undefined) return undefined;
  const { id } = ADDITIONAL_KE[suite.ke];
  const peer = find(payloads, 'KE');
  if (peer?.method === id) return peer.data;
  throw new IkeError(
    'the KE payload is of another group',
    NOTIFY.INVALID_KE_PAYLOAD,
    Uint8Array.of(id >> 8, id),
  );
}

function kePayload({ method, publicValue }: KeyAnswer): Payload {
  return { type: 'KE', method, data: publicValue };
}

/** As for any other method that cannot be had: the peer may propose again without. */
function unknownKey(): IkeError {
  return new IkeError('the QKD key that the peer names is not known', NOTIFY.NO_PROPOSAL_CHOSEN);
}
