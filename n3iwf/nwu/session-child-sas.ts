import type { Node } from '../node.ts';
import type { PduSession, UeContext } from '../ue/context.ts';
import type { ChildUse } from '../userplane/plane.ts';

type SessionUse = Extract<ChildUse, { kind: 'pduSession' }>;

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

/** Those of `qfis` that no Child SA of their own carries: they ride on the default one. */
export function withoutOwnSa(ue: UeContext, session: PduSession, qfis: readonly number[]): number[] {
  const others = childSasOf(ue, session).filter(({ use }) => !use.isDefault);
  return qfis.filter((qfi) => !others.some(({ use }) => use.qfis.includes(qfi)));
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

/** Gives the default Child SA the flows that have none of their own, and takes away those that carry none any more. */
export function relayFlows(node: Node, ue: UeContext, session: PduSession): void {
  const qfis = [...session.flows.keys()];
  for (const { childSaId, use } of childSasOf(ue, session)) {
    const carried = use.isDefault
      ? withoutOwnSa(ue, session, qfis)
      : use.qfis.filter((qfi) => qfis.includes(qfi));
    if (carried.length === 0 && !use.isDefault) {
      session.childSaIds.delete(childSaId);
      removeChildSas(node, ue, [childSaId], true);
      continue;
    }
    const changed = { ...use, qfis: carried };
    ue.childUses.set(childSaId, changed);
    node.plane.changeChildUse(childSaId, changed);
  }
}
