/** What an operator may do to the running node, whatever asks for it: the control socket, a page. */
import type { Gateway } from '../gateway.ts';
import type { UeContext } from '../ue/context.ts';

/** The actions. UEs are named by this node's number for them; one that is gone is nothing to do. */
export interface NodeActions {
  /** Asks the AMF to release the UE and ends its SAs; `text` goes to the log. */
  release(ueId: number, text: string): void;
  /** Begins a rekey of the UE's IKE SA and of each of its Child SAs. Gives their number. */
  rekey(ueId: number): number;
  /** Ends the node in order, as SIGTERM does. */
  drain(text: string): void;
}

type Acting = Pick<Gateway, 'ues' | 'ike' | 'release' | 'journal'>;

/** Releases a UE by an operator's wish, towards the AMF and the UE. */
export function releaseByOperator(node: Acting, ueId: number, text: string): void {
  const ue = node.ues.ofId(ueId);
  if (ue !== undefined) node.release(ue, { group: 'misc', cause: 'om-intervention', text });
}

/** Rekeys every SA of a UE. Gives the number of rekeys that were begun: none for a UE that is not attached. */
export function rekeyUe(node: Acting, ueId: number): number {
  const ue = node.ues.ofId(ueId);
  const sa = ue?.state === 'attached' ? node.journal.sas.of(ue.ikeSaId) : undefined;
  if (ue === undefined || sa === undefined) return 0;
  const children = [...sa.children.keys()];
  for (const child of children) rekeyChild(node, ue, child);
  node.ike((engine, now) => engine.rekeyIkeSa(now, ue.ikeSaId));
  return children.length + 1;
}

function rekeyChild(node: Acting, ue: UeContext, childSaId: number): void {
  node.ike((engine, now) => engine.rekeyChildSa(now, ue.ikeSaId, childSaId));
}
