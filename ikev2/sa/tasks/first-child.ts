/** The Child SA and the addresses that IKE_AUTH brings along. [RFC7296 1.2] */

import { acceptEsp, chooseEsp, offerEsp } from '../../crypto/proposals.ts';
import type { GatewayIdentity } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { CFG_TYPE, NOTIFY, PROTOCOL } from '../../wire/registry.ts';
import type { CpAttribute, Identity, Payload, Proposal, TrafficSelector } from '../../wire/types.ts';
import {
  type ChildParameters,
  disownTask,
  establishChild,
  isNarrowed,
  reportChildFailure,
} from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { fromUint32, toUint32 } from '../node.ts';
import { asPayloads, find, findAll, findError, notify } from '../payloads.ts';
import type { InitResult } from './init.ts';
import { encodeGateway, endSoon } from './redirect.ts';

/** What the peer asked for in its first IKE_AUTH request. */
export interface FirstChildOffer {
  readonly proposals: readonly Proposal[];
  readonly trafficSelectorsInitiator: readonly TrafficSelector[];
  readonly trafficSelectorsResponder: readonly TrafficSelector[];
}

/** These refuse the Child SA alone; the IKE SA is set up all the same. [RFC7296 1.2] */
const CHILD_REFUSALS: ReadonlySet<number> = new Set([
  NOTIFY.NO_PROPOSAL_CHOSEN,
  NOTIFY.TS_UNACCEPTABLE,
  NOTIFY.SINGLE_PAIR_REQUIRED,
  NOTIFY.INTERNAL_ADDRESS_FAILURE,
  NOTIFY.FAILED_CP_REQUIRED,
]);

/** The offer, kept until the initiator is authenticated; undefined when it wants no first Child SA. [RFC6023 3] */
export function readFirstChild(payloads: readonly Payload[]): FirstChildOffer | undefined {
  if (find(payloads, 'SA') === undefined) return undefined;
  return {
    proposals: find(payloads, 'SA')?.proposals ?? [],
    trafficSelectorsInitiator: find(payloads, 'TSi')?.selectors ?? [],
    trafficSelectorsResponder: find(payloads, 'TSr')?.selectors ?? [],
  };
}

/** The payloads that answer the offer, and what to do once they are sent. */
export interface FirstChildAnswer {
  readonly payloads: Payload[];
  readonly attributes: readonly CpAttribute[] | undefined;
  /** Keys the Child SA, or reports why there is none. */
  complete(): void;
}

/**
 * Asks the owner what the authenticated initiator gets. Throws the IkeError of a refusal that ends the IKE SA.
 */
export function answerFirstChild(
  sa: IkeSa,
  init: InitResult,
  offer: FirstChildOffer | undefined,
  request: readonly CpAttribute[] | undefined,
  peerId: Identity,
): FirstChildAnswer {
  const { node } = sa;
  if (offer === undefined) return answerChildless(sa, request, peerId);
  const chosen = chooseEsp(node.config.childProposals, offer.proposals, false);
  if (chosen === undefined) return refused(sa, NOTIFY.NO_PROPOSAL_CHOSEN, 'no common ESP proposal');
  const { trafficSelectorsInitiator, trafficSelectorsResponder } = offer;
  const answer = node.ports.authorize({
    ikeSaId: sa.id,
    peerId,
    remote: sa.remote,
    attributes: request,
    trafficSelectorsInitiator,
    trafficSelectorsResponder,
  });
  if ('redirect' in answer) return redirected(sa, answer.redirect);
  if ('refuse' in answer) return refused(sa, answer.refuse, 'the owner refuses the Child SA');
  const spiIn = node.reserveEspSpi();
  // [RFC7296 2.19] no CFG_REPLY without a CFG_REQUEST.
  const attributes = request === undefined ? undefined : answer.attributes;
  return {
    attributes,
    payloads: [
      ...(attributes === undefined ? [] : [{ type: 'CP' as const, cfgType: CFG_TYPE.REPLY, attributes }]),
      { type: 'SA', proposals: [{ ...chosen.proposal, spi: fromUint32(spiIn) }] },
      { type: 'TSi', selectors: answer.trafficSelectorsInitiator },
      { type: 'TSr', selectors: answer.trafficSelectorsResponder },
      ...asPayloads(answer.notifies),
    ],
    complete: () =>
      establishChild(sa, {
        suite: chosen.suite,
        spiIn,
        spiOut: toUint32(chosen.proposal.spi),
        trafficSelectorsLocal: answer.trafficSelectorsResponder,
        trafficSelectorsRemote: answer.trafficSelectorsInitiator,
        started: false,
        nonceInitiator: init.nonceInitiator,
        nonceResponder: init.nonceResponder,
        notifies: [],
      }),
  };
}

/** Addresses without a Child SA: the owner is asked with no traffic selectors. [RFC6023 3] */
function answerChildless(
  sa: IkeSa,
  request: readonly CpAttribute[] | undefined,
  peerId: Identity,
): FirstChildAnswer {
  const answer = sa.node.ports.authorize({
    ikeSaId: sa.id,
    peerId,
    remote: sa.remote,
    attributes: request,
    trafficSelectorsInitiator: [],
    trafficSelectorsResponder: [],
  });
  if ('redirect' in answer) return redirected(sa, answer.redirect);
  if ('refuse' in answer) throw new IkeError('the owner refuses the initiator', answer.refuse);
  // [RFC7296 2.19] no CFG_REPLY without a CFG_REQUEST.
  const attributes = request === undefined ? undefined : answer.attributes;
  return {
    attributes,
    payloads: [
      ...(attributes === undefined ? [] : [{ type: 'CP' as const, cfgType: CFG_TYPE.REPLY, attributes }]),
      ...asPayloads(answer.notifies),
    ],
    complete: () => undefined,
  };
}

/** An authenticated initiator is sent elsewhere: it gets our proof, the gateway, and nothing else. [RFC5685 6] */
function redirected(sa: IkeSa, gateway: GatewayIdentity): FirstChildAnswer {
  if (!sa.redirectable)
    throw new IkeError('the initiator cannot be redirected', NOTIFY.AUTHENTICATION_FAILED);
  return {
    attributes: undefined,
    payloads: [notify(NOTIFY.REDIRECT, encodeGateway(gateway))],
    complete: () => endSoon(sa),
  };
}

/** The notify in place of the Child SA, or the end of the set-up for a refusal that is not about it. */
function refused(sa: IkeSa, notifyType: number, reason: string): FirstChildAnswer {
  if (!CHILD_REFUSALS.has(notifyType)) throw new IkeError(reason, notifyType);
  return {
    attributes: undefined,
    payloads: [notify(notifyType)],
    complete: () => reportChildFailure(sa, reason, undefined, notifyType),
  };
}

/** The initiator's offer under a fresh SPI. */
export function offerFirstChild(sa: IkeSa, spiIn: number): Payload[] {
  const { profile } = sa;
  return [
    { type: 'SA', proposals: offerEsp(profile?.childProposals ?? [], fromUint32(spiIn), false) },
    { type: 'TSi', selectors: profile?.trafficSelectorsLocal ?? [] },
    { type: 'TSr', selectors: profile?.trafficSelectorsRemote ?? [] },
  ];
}

/** The responder's answer: keys the Child SA, or reports the refusal. */
export function acceptFirstChild(
  sa: IkeSa,
  init: InitResult,
  spiIn: number,
  payloads: readonly Payload[],
): void {
  const answer = find(payloads, 'SA')?.proposals ?? [];
  const suite = acceptEsp(sa.profile?.childProposals ?? [], answer, false);
  const spiOut = answer[0]?.protocol === PROTOCOL.ESP ? toUint32(answer[0].spi) : 0;
  if (suite === undefined || spiOut === 0) {
    sa.node.releaseEspSpi(spiIn);
    const error = findError(payloads);
    reportChildFailure(sa, 'the responder made no Child SA', undefined, error?.notifyType);
    return;
  }
  const trafficSelectorsLocal = find(payloads, 'TSi')?.selectors ?? [];
  const trafficSelectorsRemote = find(payloads, 'TSr')?.selectors ?? [];
  const narrowed =
    isNarrowed(trafficSelectorsLocal, sa.profile?.trafficSelectorsLocal ?? []) &&
    isNarrowed(trafficSelectorsRemote, sa.profile?.trafficSelectorsRemote ?? []);
  if (!narrowed) {
    sa.request(disownTask(spiIn));
    reportChildFailure(sa, 'the responder widened the traffic selectors', undefined, undefined);
    return;
  }
  const child: ChildParameters = {
    suite,
    spiIn,
    spiOut,
    trafficSelectorsLocal,
    trafficSelectorsRemote,
    started: true,
    nonceInitiator: init.nonceInitiator,
    nonceResponder: init.nonceResponder,
    notifies: findAll(payloads, 'Notify'),
  };
  establishChild(sa, child);
}
