import type { Cause, UEContextReleaseCommand } from '#ngap';
import type { Node } from '../../node.ts';
import { sendEapToUe } from '../../nwu/eap-send.ts';
import { eapFailure } from '../../nwu/eap5g.ts';
import type { ReleaseReason, UeContext } from '../../ue/context.ts';
import type { InactivityWatch } from '../../ue/inactivity-watch.ts';
import type { Report } from '../report.ts';

/**
 * The AMF ends the UE: the IKE SA goes first, the answer follows when it is gone [TS38413 8.3.3]. A UE that says nothing
 * in the middle of EAP cannot be told, and keeps the AMF waiting for a while only.
 */
export function onUeContextReleaseCommand(
  node: Node,
  ue: UeContext,
  ies: UEContextReleaseCommand,
  report: Report,
): void {
  // criticality of the cause is `ignore`: a command without one is obeyed all the same
  const cause = ies.cause as Cause | undefined;
  node.log.info({ ue: ue.id, cause: cause?.value }, 'the AMF releases the UE');
  ue.releaseCommanded = true;
  ue.releaseReport = report;
  node.answered(ue, 'UEContextReleaseCommand');
  if (ue.state === 'closed') {
    node.forget(ue);
    return;
  }
  if (isAuthenticating(ue)) node.awaitAnswer(ue, 'EapFailureTaken');
  endIkeSa(node, ue);
}

const isAuthenticating = ({ state }: UeContext) => state === 'starting' || state === 'registering';

/** Ends the UE's IKE SA the way its state asks for: EAP-Failure before it is authenticated, a Delete after. */
export function endIkeSa(node: Node, ue: UeContext): void {
  const authenticating = isAuthenticating(ue);
  if (!ue.advance('release')) return;
  if (authenticating) sendEapToUe(node, ue, eapFailure(ue.eapIdentifier));
  else node.ike((engine, now) => engine.deleteIkeSa(now, ue.ikeSaId));
}

/** Sent once nothing of the UE is left here; names its sessions for the AMF to end at the SMF. */
export function sendUeContextReleaseComplete(node: Node, ue: UeContext, sessionIds: readonly number[]): void {
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'UEContextReleaseComplete',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      userLocationInformation: node.locate(ue.remote),
      ...(sessionIds.length === 0
        ? {}
        : { pduSessionResourceListCxtRelCpl: sessionIds.map((pduSessionId) => ({ pduSessionId })) }),
      ...ue.releaseReport,
    },
  });
}

/** Asks the AMF to release a UE that is gone or must go, with its sessions listed [TS38413 8.3.2]. */
export function sendUeContextReleaseRequest(
  node: Node,
  ue: UeContext,
  reason: ReleaseReason,
  sessionIds: readonly number[],
): void {
  if (ue.amfUeNgapId === undefined || ue.releaseRequested) return;
  ue.releaseRequested = true;
  node.awaitAnswer(ue, 'UEContextReleaseCommand');
  node.sendN2({
    message: 'UEContextReleaseRequest',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...(sessionIds.length === 0
        ? {}
        : { pduSessionResourceListCxtRelReq: sessionIds.map((pduSessionId) => ({ pduSessionId })) }),
      cause: { choice: reason.group, value: reason.cause } as Cause,
    },
  });
}

/** UEs of whose Child SAs none carried a packet for long: the AMF is asked to release them [TS38413 8.3.2]. */
export function releaseIdleUes(node: Node, now: number, watch: InactivityWatch): void {
  for (const ue of [...node.ues]) {
    const report = node.plane.report(ue.id);
    if (report === undefined || !watch.isIdle(now, report)) continue;
    const text = 'no packet of the UE for long';
    node.release(ue, { group: 'radioNetwork', cause: 'user-inactivity', text });
  }
}
