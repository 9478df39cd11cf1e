import type { Cause } from '#ngap';
import { unmetSecurity } from '../n2/up-security.ts';
import type { Node } from '../node.ts';
import type { ChildSaWish, PduSession, UeContext } from '../ue/context.ts';
import { requireAddress } from '../userplane/address.ts';
import type { ChildUse, PlaneChildSa } from '../userplane/plane.ts';
import { qosInfoNotify, upAddressNotify } from './notifies.ts';
import { hostSelector } from './selectors.ts';

/** What a Child SA carries of a session. */
export type SessionUse = Extract<ChildUse, { kind: 'pduSession' }>;

/** One Child SA of a session by the engine's handle, and what it carries. */
export interface SessionChildSa {
  readonly childSaId: number;
  readonly use: SessionUse;
}

/** The Child SAs of a session. */
export function childSasOf(ue: UeContext, { childSaIds }: PduSession): SessionChildSa[] {
  return [...childSaIds].flatMap((childSaId) => {
    const use = ue.childUses.get(childSaId);
    return use?.kind === 'pduSession' ? [{ childSaId, use }] : [];
  });
}

/** Takes Child SAs out of use; `tellUe` also deletes them by IKE. */
export function removeChildSas(
  node: Node,
  ue: UeContext,
  childSaIds: Iterable<number>,
  tellUe: boolean,
): void {
  for (const childSaId of [...childSaIds]) {
    node.plane.removeChildSa(childSaId);
    ue.childUses.delete(childSaId);
    if (tellUe) node.ike((engine, now) => engine.deleteChildSa(now, ue.ikeSaId, childSaId));
  }
}

/** Why a session, or some of its flows, has no Child SA: the UE would not have it. */
const noChildSa: Cause = { choice: 'radioNetwork', value: 'failure-in-radio-interface-procedure' };

/** Starts a Child SA of a session and tells the UE which flows ride on it [TS24502 7.5]. */
export function requestChildSa(node: Node, ue: UeContext, wish: ChildSaWish): void {
  const { session, plan } = wish;
  const inner = ue.innerAddress ?? new Uint8Array(4);
  const own = node.innerAddresses.ownFor(inner) ?? requireAddress(node.identity.innerAddress);
  const tag = `pduSession ${session.id} ${ue.childSaWishCount++}`;
  const request = {
    trafficSelectorsLocal: [hostSelector(own)],
    trafficSelectorsRemote: [hostSelector(inner)],
    notifies: [qosInfoNotify({ pduSessionId: session.id, ...plan }), upAddressNotify(own)],
    tag,
  };
  ue.childSaWishes.set(tag, wish);
  node.ike((engine, now) => engine.createChildSa(now, ue.ikeSaId, request));
}

/** Nobody waits for the Child SAs of a session any more: those that the UE grants later are deleted again. */
export function callOffChildSas(ue: UeContext, session: PduSession): void {
  for (const [tag, wish] of ue.childSaWishes) if (wish.session === session) ue.childSaWishes.delete(tag);
}

/** The UE agreed to a Child SA of a session. */
export function onSessionChildSa(node: Node, ue: UeContext, tag: string, child: PlaneChildSa): void {
  const wish = ue.childSaWishes.get(tag);
  ue.childSaWishes.delete(tag);
  const unmet = unmetSecurity(wish?.session.security, [child.suite]);
  if (wish === undefined || unmet !== undefined) {
    node.ike((engine, now) => engine.deleteChildSa(now, ue.ikeSaId, child.id));
    wish?.refused(unmet ?? noChildSa);
    return;
  }
  const { session, plan } = wish;
  const use = { kind: 'pduSession', pduSessionId: session.id, ...plan } as const;
  session.childSaIds.add(child.id);
  ue.childUses.set(child.id, use);
  node.plane.installChildSa(ue.id, child, use);
  wish.taken(child);
}

/** The UE refused a Child SA, or never answered. */
export function onSessionChildSaFailed(node: Node, ue: UeContext, tag: string, reason: string): void {
  const wish = ue.childSaWishes.get(tag);
  if (wish === undefined) return;
  ue.childSaWishes.delete(tag);
  const { session, plan } = wish;
  const { qfis } = plan;
  node.log.warn(
    { ue: ue.id, pduSession: session.id, qfis, reason },
    'the UE took no Child SA for the session',
  );
  wish.refused(noChildSa);
}

/** Gives a Child SA of a session other flows or another code point. */
export function changeUse(node: Node, ue: UeContext, childSaId: number, use: SessionUse): void {
  ue.childUses.set(childSaId, use);
  node.plane.changeChildUse(childSaId, use);
}
