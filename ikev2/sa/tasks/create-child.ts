/** CREATE_CHILD_SA for Child SAs, new or in place of an old one, started by either side. [RFC7296 1.3] */

import { createKeyExchange } from '../../crypto/dh.ts';
import { acceptEsp, chooseEsp, likeSuite, offerEsp, withoutAdditional } from '../../crypto/proposals.ts';
import { KE_ALGORITHMS, keNameOf } from '../../crypto/suites.ts';
import type { ChildProposalConfig, EspSuite, KeName, KeyAnswer, KeyExchange } from '../../crypto/types.ts';
import type { AuthorizeAnswer, ChildSaRequest, PpkPurpose } from '../../output.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY, PROTOCOL } from '../../wire/registry.ts';
import type { NotifyPayload, Payload, Proposal } from '../../wire/types.ts';
import {
  type ChildRecord,
  childByPeerSpi,
  disownTask,
  establishChild,
  isNarrowed,
  reportChildFailure,
} from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { fromUint32, toUint32 } from '../node.ts';
import { isLower, lowestNonce } from '../nonces.ts';
import { asPayloads, find, findAll, findError, findNotify } from '../payloads.ts';
import { type FreshTask, PpkOffer } from './fresh-ppk.ts';
import { deleteChildTask } from './informational.ts';
import { ppkIdentityNotify } from './ppk.ts';
import type { NamedPpk } from './ppk-candidates.ts';

const NONCE_LENGTH = 32;
const NO_OCTETS = new Uint8Array(0);

/** One CREATE_CHILD_SA of ours. With `rekeyed` the new SA takes that one's place, which is deleted afterwards. */
export class CreateChildTask implements FreshTask {
  readonly exchange = EXCHANGE.CREATE_CHILD_SA;
  private readonly request: ChildSaRequest;
  private readonly rekeyed: ChildRecord | undefined;
  private readonly nonce: Uint8Array;
  private readonly spiIn: number;
  private readonly offered: readonly ChildProposalConfig[];
  private keyExchange: KeyExchange | undefined;
  /** Fresh PPKs that the request offers. */
  readonly ppks = new PpkOffer();
  readonly purpose: PpkPurpose;
  private retried = false;

  constructor(sa: IkeSa, request: ChildSaRequest, rekeyed?: ChildRecord) {
    this.request = request;
    this.rekeyed = rekeyed;
    if (rekeyed !== undefined) rekeyed.busy = 'rekeying';
    this.purpose = purposeOf(request, rekeyed);
    this.nonce = Uint8Array.from(sa.node.random(NONCE_LENGTH));
    this.spiIn = sa.node.reserveEspSpi();
    this.offered = offeredConfigs(sa);
    const ke = this.offered[0]?.ke[0];
    this.keyExchange = ke === undefined ? undefined : this.newKeyExchange(sa, ke);
  }

  build(sa: IkeSa): Payload[] | undefined {
    const { rekeyed, request } = this;
    if (rekeyed !== undefined && !mayRekey(sa, rekeyed)) {
      this.fail(sa, 'the Child SA is gone');
      return undefined;
    }
    return [
      ...(rekeyed === undefined ? [] : [rekeyNotify(rekeyed)]),
      ...asPayloads(request.notifies),
      { type: 'SA', proposals: offerEsp(this.offered, fromUint32(this.spiIn), true) },
      { type: 'Nonce', data: this.nonce },
      ...kePayload(this.keyExchange),
      { type: 'TSi', selectors: request.trafficSelectorsLocal },
      { type: 'TSr', selectors: request.trafficSelectorsRemote },
      ...this.ppks.notifies(sa, this.nonce),
    ];
  }

  process(sa: IkeSa, payloads: readonly Payload[]): void {
    const error = findError(payloads);
    if (error?.notifyType === NOTIFY.INVALID_KE_PAYLOAD && this.retry(sa, error)) return;
    if (error !== undefined) {
      this.refused(sa, error);
      return;
    }
    const answer = find(payloads, 'SA')?.proposals ?? [];
    const suite = acceptEsp(this.offered, answer, true);
    const spiOut = toUint32(answer[0]?.spi ?? NO_OCTETS);
    const nonce = find(payloads, 'Nonce')?.data ?? NO_OCTETS;
    const { trafficSelectorsLocal, trafficSelectorsRemote } = this.request;
    const narrowed =
      isNarrowed(find(payloads, 'TSi')?.selectors ?? [], trafficSelectorsLocal) &&
      isNarrowed(find(payloads, 'TSr')?.selectors ?? [], trafficSelectorsRemote);
    if (suite === undefined || spiOut === 0 || nonce.length < 16 || !narrowed) {
      this.fail(sa, 'the peer’s answer fits nothing that we asked for');
      sa.request(disownTask(this.spiIn), true);
      return;
    }
    if (sa.deletedEarly.has(spiOut)) {
      this.fail(sa, 'the peer deleted it at once');
      return;
    }
    const secret = this.computeSecret(suite, payloads);
    const ppk = this.ppks.taken(sa, payloads);
    if (secret instanceof Error || ppk instanceof Error) {
      this.fail(sa, [secret, ppk].find((each) => each instanceof Error)?.message ?? '');
      sa.request(disownTask(this.spiIn), true);
      return;
    }
    this.complete(sa, suite, spiOut, nonce, secret, payloads, ppk);
    this.ppks.wipe();
  }

  abandon(sa: IkeSa, reason: string): void {
    this.fail(sa, reason);
  }

  /** Keys the new SA, then sees the old one off. */
  private complete(
    sa: IkeSa,
    suite: EspSuite,
    spiOut: number,
    nonceResponder: Uint8Array,
    sharedSecret: Uint8Array | undefined,
    payloads: readonly Payload[],
    ppk: NamedPpk | undefined,
  ): void {
    const { rekeyed, request } = this;
    const replaced = rekeyed?.replaced;
    const redundant =
      replaced !== undefined && isLower(lowestNonce(this.nonce, nonceResponder), replaced.nonce);
    const made = establishChild(sa, {
      suite,
      spiIn: this.spiIn,
      spiOut,
      trafficSelectorsLocal: find(payloads, 'TSi')?.selectors ?? [],
      trafficSelectorsRemote: find(payloads, 'TSr')?.selectors ?? [],
      started: true,
      nonceInitiator: this.nonce,
      nonceResponder,
      sharedSecret,
      ppk,
      rekeyed: rekeyed?.id,
      redundant,
      tag: request.tag,
      notifies: findAll(payloads, 'Notify'),
    });
    if (rekeyed === undefined) return;
    rekeyed.busy = 'no';
    // [RFC7296 2.8.1] the peer rekeyed it, too: the one made with the lowest nonce goes, by the side that made it.
    const loser = redundant ? made : rekeyed;
    if (redundant) made.replaced = replaced;
    else if (replaced !== undefined) replaced.by.replaced = { by: made, nonce: this.nonce };
    // [RFC7296 2.8] make before break: whoever made the one that stays deletes the old one.
    sa.request(deleteChildTask(loser, 'rekeyed'), true);
  }

  /** The secret of the exchange's own key exchange, undefined without PFS. */
  private computeSecret(suite: EspSuite, payloads: readonly Payload[]): Uint8Array | undefined | Error {
    if (suite.ke === undefined) return undefined;
    const ke = find(payloads, 'KE');
    const { keyExchange } = this;
    if (ke === undefined || suite.ke !== keyExchange?.name || ke.method !== keyExchange.method) {
      return new Error('the peer answered with another key exchange');
    }
    const secret = keyExchange.computeSecret(ke.data);
    return secret.ok ? secret.value : secret.error;
  }

  /** [RFC7296 1.3] the peer prefers another group of our proposals: once more, under a new message ID. */
  private retry(sa: IkeSa, { data }: NotifyPayload): boolean {
    const name = keNameOf(((data[0] ?? 0) << 8) | (data[1] ?? 0));
    const ours = name !== undefined && childConfigs(sa).some(({ ke }) => ke.includes(name));
    if (!ours || this.retried) return false;
    this.retried = true;
    this.keyExchange = this.newKeyExchange(sa, name);
    sa.request(this, true);
    return true;
  }

  private newKeyExchange(sa: IkeSa, name: KeName): KeyExchange {
    return createKeyExchange(name, (length) => sa.node.random(length));
  }

  /** The IKE SA lives on whatever the refusal is. */
  private refused(sa: IkeSa, { notifyType }: NotifyPayload): void {
    this.fail(sa, 'the peer refused the Child SA', notifyType);
    const { rekeyed } = this;
    // [RFC7296 2.25] the peer has lost it, so it is of no use to us; unless its own rekey of it had just ended.
    if (notifyType === NOTIFY.CHILD_SA_NOT_FOUND && rekeyed !== undefined && rekeyed.replaced === undefined) {
      sa.request(deleteChildTask(rekeyed, 'the peer does not know it'), true);
    }
  }

  /** Leaves everything as it was before the request. */
  private fail(sa: IkeSa, reason: string, notifyType?: number): void {
    this.ppks.wipe();
    sa.node.releaseEspSpi(this.spiIn);
    const { rekeyed, request } = this;
    if (rekeyed !== undefined) rekeyed.busy = 'no';
    // [RFC7296 2.8.1] the peer's own rekey of it succeeded, so nothing failed.
    if (rekeyed?.replaced !== undefined) return;
    reportChildFailure(sa, reason, request.tag, notifyType, rekeyed?.id);
  }
}

/** What the owner is told when it is asked for a key. */
function purposeOf({ tag }: ChildSaRequest, rekeyed: ChildRecord | undefined): PpkPurpose {
  if (rekeyed !== undefined) return { kind: 'childSaRekey', childSaId: rekeyed.id };
  return { kind: 'newChildSa', ...(tag === undefined ? {} : { tag }) };
}

/** Whether we may begin to replace it: it is there, and nobody has replaced it. */
export function mayRekey(sa: IkeSa, child: ChildRecord): boolean {
  return sa.children.get(child.id) === child && child.replaced === undefined;
}

/** A rekey asks for what the old Child SA had. */
export function rekeyChildTask(sa: IkeSa, child: ChildRecord): CreateChildTask {
  const { trafficSelectorsLocal, trafficSelectorsRemote, tag } = child;
  const request = { trafficSelectorsLocal, trafficSelectorsRemote, ...(tag === undefined ? {} : { tag }) };
  return new CreateChildTask(sa, request, child);
}

/** Answers the peer's request, or throws the refusal that the standard prescribes. */
export function answerCreateChild(sa: IkeSa, payloads: readonly Payload[], ppk?: NamedPpk): void {
  const offered = find(payloads, 'SA')?.proposals ?? [];
  const old = rekeyedChild(sa, payloads);
  const admission = old === undefined ? admit(sa, payloads) : rekeyAdmission(old);
  if ('refuse' in admission) throw new IkeError('the Child SA is not admitted', admission.refuse);
  const chosen = chooseEsp(childConfigs(sa), offered, true);
  if (chosen === undefined) throw new IkeError('no common ESP proposal', NOTIFY.NO_PROPOSAL_CHOSEN);
  const { suite } = chosen;
  const nonceInitiator = Uint8Array.from(find(payloads, 'Nonce')?.data ?? NO_OCTETS);
  if (nonceInitiator.length < 16) throw new IkeError('the nonce is too short');
  const exchange = answerOwnExchange(sa, suite, payloads);
  const spiIn = sa.node.reserveEspSpi();
  const nonceResponder = Uint8Array.from(sa.node.random(NONCE_LENGTH));
  const { trafficSelectorsInitiator, trafficSelectorsResponder } = admission;
  sa.respond(EXCHANGE.CREATE_CHILD_SA, [
    { type: 'SA', proposals: [withSpi(chosen.proposal, spiIn)] },
    { type: 'Nonce', data: nonceResponder },
    ...kePayload(exchange),
    { type: 'TSi', selectors: trafficSelectorsInitiator },
    { type: 'TSr', selectors: trafficSelectorsResponder },
    ...(ppk === undefined ? [] : [ppkIdentityNotify(ppk.identity)]),
    ...asPayloads(admission.notifies),
  ]);
  const made = establishChild(sa, {
    suite,
    spiIn,
    spiOut: toUint32(chosen.proposal.spi),
    trafficSelectorsLocal: trafficSelectorsResponder,
    trafficSelectorsRemote: trafficSelectorsInitiator,
    started: false,
    nonceInitiator,
    nonceResponder,
    sharedSecret: exchange?.secret,
    ppk,
    rekeyed: old?.id,
    tag: old?.tag,
    notifies: findAll(payloads, 'Notify'),
  });
  if (old !== undefined) old.replaced = { by: made, nonce: lowestNonce(nonceInitiator, nonceResponder) };
}

/** The Child SA that REKEY_SA names; throws when it is unknown or on its way out. */
function rekeyedChild(sa: IkeSa, payloads: readonly Payload[]): ChildRecord | undefined {
  const named = findNotify(payloads, NOTIFY.REKEY_SA);
  if (named === undefined) return undefined;
  const child = childByPeerSpi(sa, toUint32(named.spi));
  if (child === undefined) throw new IkeError('REKEY_SA names no Child SA', NOTIFY.CHILD_SA_NOT_FOUND);
  // [RFC7296 2.25.1] one that we rekey, too, is rekeyed as usual, and the nonces decide later.
  const replacement = child.replaced?.by;
  const leaving = replacement !== undefined && sa.children.has(replacement.id);
  if (child.busy === 'deleting' || leaving)
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

/** [RFC7296 2.8] a rekeyed Child SA keeps its traffic selectors. */
function rekeyAdmission(old: ChildRecord): Exclude<AuthorizeAnswer, { refuse: number }> {
  return {
    trafficSelectorsInitiator: old.trafficSelectorsRemote,
    trafficSelectorsResponder: old.trafficSelectorsLocal,
  };
}

/** Our half of a PFS key exchange, or INVALID_KE_PAYLOAD when the peer guessed another group. */
function answerOwnExchange(sa: IkeSa, suite: EspSuite, payloads: readonly Payload[]): KeyAnswer | undefined {
  if (suite.ke === undefined) return undefined;
  const { id } = KE_ALGORITHMS[suite.ke];
  const peer = find(payloads, 'KE');
  if (peer?.method !== id) {
    throw new IkeError(
      'the KE payload is of another group',
      NOTIFY.INVALID_KE_PAYLOAD,
      Uint8Array.of(id >> 8, id),
    );
  }
  const answer = sa.node.answerKeyExchange(suite.ke, peer.data);
  if (!answer.ok) throw new IkeError(answer.error.message);
  return answer.value;
}

/** An SA that we started has its own proposals, for what either side begins on it. */
function childConfigs(sa: IkeSa): readonly ChildProposalConfig[] {
  return withoutAdditional(sa.profile?.childProposals ?? sa.node.config.childProposals);
}

/** What we offer for a Child SA that we start: something at least, whatever the oldest one has. */
function offeredConfigs(sa: IkeSa): readonly ChildProposalConfig[] {
  const configs = childConfigs(sa);
  const [oldest] = sa.children.values();
  if (sa.node.config.childOffer !== 'as-first' || oldest === undefined) return configs;
  const like = likeSuite(configs, oldest.suite);
  return like.length === 0 ? configs : like;
}

function kePayload(exchange: Pick<KeyExchange, 'method' | 'publicValue'> | undefined): Payload[] {
  return exchange === undefined ? [] : [{ type: 'KE', method: exchange.method, data: exchange.publicValue }];
}

/** [RFC7296 1.3.3] the SPI is the one at which the sender receives. */
function rekeyNotify({ spiIn }: ChildRecord): NotifyPayload {
  return {
    type: 'Notify',
    protocol: PROTOCOL.ESP,
    spi: fromUint32(spiIn),
    notifyType: NOTIFY.REKEY_SA,
    data: NO_OCTETS,
  };
}

function withSpi(proposal: Proposal, spi: number): Proposal {
  return { ...proposal, spi: fromUint32(spi) };
}
