import { NOTIFY, type Notify } from '#ikev2';
import type { Cause, QosFlowLevelQosParameters } from '#ngap';
import type { FailedFlow, Flows } from '../n2/qos-flows.ts';
import type { Node } from '../node.ts';
import type { PduSession, UeContext } from '../ue/context.ts';
import { type ChildSaPlan, planOf, replanChildSas } from './child-sa-policy.ts';
import { qosInfoNotify } from './notifies.ts';
import {
  changeUse,
  childSasOf,
  removeChildSas,
  requestChildSa,
  type SessionChildSa,
} from './session-child-sas.ts';

/** What came of a change: the session's flows and those that cannot be served after all, or why nothing was changed. */
export type ChangeOutcome =
  | { readonly flows: Flows; readonly failed: readonly FailedFlow[] }
  | { readonly cause: Cause };

const refused: Cause = { choice: 'radioNetwork', value: 'failure-in-radio-interface-procedure' };
const overtaken: Cause = { choice: 'radioNetwork', value: 'interaction-with-other-procedure' };

/** One Child SA that goes on with something else to carry. */
interface Rearranged extends SessionChildSa {
  readonly plan: ChildSaPlan;
}

/**
 * Changes which flows a session has and where they ride. The UE first agrees to the Child SAs that the policy asks for,
 * then hears what its existing ones carry from now on, and only then packets and books follow: until that moment the
 * session runs as it was. A flow whose Child SA it refuses fails alone; a refusal of the rest undoes everything
 * [TS24502 7.6.2].
 *
 * @param flows those that the session is to have; at least one
 * @param decided called once, before the session's own `flows` are changed: that is the caller's to do
 */
export function changeFlows(
  node: Node,
  ue: UeContext,
  session: PduSession,
  flows: Flows,
  decided: (outcome: ChangeOutcome) => void,
): void {
  new FlowChange(node, ue, session, flows, decided).start();
}

/** One change from its first exchange to its last. Its flows are known by QFI, as a rekey gives Child SAs other handles. */
class FlowChange {
  private readonly node: Node;
  private readonly ue: UeContext;
  private readonly session: PduSession;
  private readonly decided: (outcome: ChangeOutcome) => void;
  /** What the session is to have; shrinks by what fails on the way. */
  private readonly wanted: Map<number, QosFlowLevelQosParameters>;
  private readonly before: Flows;
  private readonly failed: FailedFlow[] = [];
  /** Flows for which the UE granted a Child SA of their own. */
  private readonly granted = new Set<number>();
  /** Flows that lose theirs. */
  private dropped: readonly number[] = [];
  private readonly tags = new Set<string>();
  /** Answers of the UE that are due. */
  private awaited = 0;
  private isOver = false;

  constructor(
    node: Node,
    ue: UeContext,
    session: PduSession,
    flows: Flows,
    decided: (outcome: ChangeOutcome) => void,
  ) {
    this.node = node;
    this.ue = ue;
    this.session = session;
    this.wanted = new Map(flows);
    this.before = session.flows;
    this.decided = decided;
  }

  /** Asks for what is missing; the UE's last answer leads on to {@link rearrange}. */
  start(): void {
    const { node, ue, session } = this;
    const all = childSasOf(ue, session);
    const qfisOf = (isDefault: boolean) =>
      all.filter(({ use }) => use.isDefault === isDefault).flatMap(({ use }) => use.qfis);
    const riding = { onDefault: qfisOf(true), onOwn: qfisOf(false) };
    const { added, dropped } = replanChildSas(this.wanted, riding, node.sessionPolicy);
    this.dropped = dropped;
    this.awaited = added.length;
    if (added.length === 0) {
      this.rearrange();
      return;
    }
    this.awaitDecision(`childSas ${session.id}`, () => {});
    for (const plan of added) {
      requestChildSa(node, ue, {
        session,
        plan,
        taken: () => {
          for (const qfi of plan.qfis) this.granted.add(qfi);
          this.answered(() => this.rearrange());
        },
        refused: (cause) => {
          for (const qfi of plan.qfis) this.fail(qfi, cause);
          this.answered(() => this.rearrange());
        },
      });
    }
  }

  /** A flow that was there before stays as it was; one that was to come does not. */
  private fail(qfi: number, cause: Cause): void {
    const before = this.session.flows.get(qfi);
    if (before === undefined) this.wanted.delete(qfi);
    else this.wanted.set(qfi, before);
    this.failed.push({ qosFlowIdentifier: qfi, cause });
  }

  /** One answer more; goes on after the last. */
  private answered(goOn: () => void): void {
    this.awaited--;
    if (this.awaited === 0 && !this.isOver) goOn();
  }

  /** What rides on the Child SAs that stay: on the default one all flows that have none of their own. */
  private layout(): readonly Rearranged[] {
    const { ue, session, wanted, dropped } = this;
    const stay = childSasOf(ue, session)
      .map((sa) => ({ ...sa, own: sa.use.qfis.filter((qfi) => wanted.has(qfi) && !dropped.includes(qfi)) }))
      .filter(({ use, own }) => use.isDefault || own.length > 0);
    const onOwn = new Set(stay.flatMap(({ use, own }) => (use.isDefault ? [] : own)));
    const rest = [...wanted.keys()].filter((qfi) => !onOwn.has(qfi));
    return stay.map(({ childSaId, use, own }) => {
      const plan = planOf(wanted, use.isDefault ? rest : own, use.isDefault, this.node.sessionPolicy);
      return { childSaId, use, plan };
    });
  }

  /** Tells the UE of the Child SAs that carry something else now, one exchange each [TS24502 7.6.2]. */
  private rearrange(): void {
    this.forgetLost();
    const { node, ue, session } = this;
    const changed = this.layout().filter(({ use, plan }) => isOther(use, plan));
    this.awaited = changed.length;
    if (changed.length === 0) {
      this.finish();
      return;
    }
    for (const [at, { childSaId, plan }] of changed.entries()) {
      const tag = `flows ${session.id} ${session.dlTeid} ${at}`;
      const notify = qosInfoNotify({ pduSessionId: session.id, ...plan }, this.spiOf(childSaId, plan));
      this.awaitDecision(tag, () => this.answered(() => this.finish()));
      node.ike((engine, now) => engine.inform(now, ue.ikeSaId, [notify], tag));
    }
  }

  /** The default Child SA is named by its session alone; any other by its SPI. */
  private spiOf(childSaId: number, { isDefault }: ChildSaPlan): number | undefined {
    if (isDefault) return undefined;
    const report = this.node.plane.report(this.ue.id);
    return report?.childSas.find((sa) => sa.childSaId === childSaId)?.spiIn;
  }

  /** Flows whose Child SA the UE has deleted while its other answers were waited for. */
  private forgetLost(): void {
    const { ue, session, wanted, before } = this;
    for (const qfi of before.keys()) if (!session.flows.has(qfi)) wanted.delete(qfi);
    const carried = new Set(childSasOf(ue, session).flatMap(({ use }) => use.qfis));
    for (const qfi of this.granted) if (!carried.has(qfi)) this.fail(qfi, refused);
  }

  /** Waits for the UE's word on one exchange; a session that has gone meanwhile, or another under its number, calls all off. */
  private awaitDecision(tag: string, accepted: () => void): void {
    const { ue, session } = this;
    this.tags.add(tag);
    ue.sessionChanges.set(tag, {
      pduSessionId: session.id,
      decided: (isAccepted) => {
        if (this.isOver) return;
        if (ue.sessions.get(session.id) !== session) this.abandon(overtaken);
        else if (!isAccepted) this.abandon(refused);
        else accepted();
      },
    });
  }

  /** Back to how it was: Child SAs that were granted for this change go. */
  private abandon(cause: Cause): void {
    const { ue, session, granted } = this;
    this.end();
    const news = childSasOf(ue, session).filter(
      ({ use }) => !use.isDefault && use.qfis.some((qfi) => granted.has(qfi)),
    );
    this.remove(news.map(({ childSaId }) => childSaId));
    this.decided({ cause });
  }

  /** The UE agreed to all: now packets take the new way, and what carries nothing any more goes. */
  private finish(): void {
    const { node, ue, session } = this;
    const layout = this.layout();
    const stay = new Set(layout.map(({ childSaId }) => childSaId));
    this.end();
    for (const { childSaId, plan } of layout)
      changeUse(node, ue, childSaId, { kind: 'pduSession', pduSessionId: session.id, ...plan });
    this.remove([...session.childSaIds].filter((id) => !stay.has(id)));
    this.decided({ flows: this.wanted, failed: this.failed });
  }

  /** Off the books first, so that their Deletes are not taken for the UE's. */
  private remove(childSaIds: readonly number[]): void {
    for (const id of childSaIds) this.session.childSaIds.delete(id);
    removeChildSas(this.node, this.ue, childSaIds, true);
  }

  /** Nothing is awaited any more. */
  private end(): void {
    this.isOver = true;
    for (const tag of this.tags) this.ue.sessionChanges.delete(tag);
  }
}

/** Whether a Child SA would carry something else than it does. */
function isOther(use: SessionChildSa['use'], plan: ChildSaPlan): boolean {
  const isSame = use.qfis.length === plan.qfis.length && plan.qfis.every((qfi) => use.qfis.includes(qfi));
  return !isSame || use.dscp !== plan.dscp;
}

/** The UE's answer to a change: an error notify in it, or any that is not understood, is a refusal [TS24502 7.6.3]. */
export function onSessionChangeAnswered(ue: UeContext, tag: string, notifies: readonly Notify[]): void {
  endSessionChange(
    ue,
    tag,
    notifies.every(({ notifyType }) => notifyType === NOTIFY['5G_QOS_INFO']),
  );
}

/** Ends the wait for a change's answer. */
export function endSessionChange(ue: UeContext, tag: string, accepted: boolean): void {
  const change = ue.sessionChanges.get(tag);
  ue.sessionChanges.delete(tag);
  change?.decided(accepted);
}
