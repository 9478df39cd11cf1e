/** Whose keys an exchange makes: what the classes of keying are told of a UE, its slice and its flows. */
import type { PpkPurpose } from '#ikev2';
import type { KeyingSubject } from '#qkd';
import type { Node } from '../node.ts';
import type { PduSession, UeContext } from '../ue/context.ts';
import { fiveQiOf } from './child-sa-policy.ts';

/**
 * The rank of what an IKE SA's exchange is for, 0 served first. A Child SA with several flows counts as the first of
 * them to be served; the signalling SA and the IKE SA are known by their UE alone.
 */
export function rankOfExchange(node: Node, ikeSaId: number, purpose: PpkPurpose): number {
  const ue = node.ues.ofIkeSa(ikeSaId);
  if (purpose.kind === 'childSaRekey') return rankOfChildSa(node, ue, purpose.childSaId);
  const name = purpose.kind === 'newChildSa' ? purpose.tag : undefined;
  return rank(node, ue, name === undefined ? undefined : askedSession(ue, name));
}

/** The rank of a Child SA that stands. */
export function rankOfChildSa(node: Node, ue: UeContext | undefined, childSaId: number): number {
  const use = ue?.childUses.get(childSaId);
  if (ue === undefined || use?.kind !== 'pduSession') return rank(node, ue, undefined);
  const session = ue.sessions.get(use.pduSessionId) ?? ue.sessionSetups.get(use.pduSessionId)?.session;
  return rank(node, ue, session === undefined ? undefined : { session, qfis: use.qfis });
}

/** What an SA carries. */
interface Traffic {
  readonly session: PduSession;
  readonly qfis: readonly number[];
}

/** The place of the UE's class, 0 for the first to get a key. */
function rank(node: Node, ue: UeContext | undefined, traffic: Traffic | undefined): number {
  const who: KeyingSubject = ue === undefined ? {} : { ue: ue.identity };
  if (traffic === undefined) return node.keying.rankOf(who);
  const { slice, flows } = traffic.session;
  const subjects = traffic.qfis.map((qfi): KeyingSubject => {
    const fiveQi = fiveQiOf(flows.get(qfi));
    return { ...who, ...(slice === undefined ? {} : { slice }), ...(fiveQi === undefined ? {} : { fiveQi }) };
  });
  return Math.min(...subjects.map((subject) => node.keying.rankOf(subject)));
}

/** The session whose Child SA the UE was asked for under that tag, with the flows that it is for. */
function askedSession(ue: UeContext | undefined, tag: string): Traffic | undefined {
  const wish = ue?.childSaWishes.get(tag);
  return wish === undefined ? undefined : { session: wish.session, qfis: wish.plan.qfis };
}
