import type { Cause, InitialContextSetupRequest } from '#ngap';
import type { Node } from '../../node.ts';
import { sendEapSuccess } from '../../nwu/eap-send.ts';
import { queueNas, sendNasToUe } from '../../nwu/nas-delivery.ts';
import type { ContextSetup, SessionInContext, UeContext } from '../../ue/context.ts';
import { guamiOfNgap } from '../amf/guami.ts';
import type { Report } from '../report.ts';
import { type SessionResult, sessionLists } from '../session-results.ts';
import { setUpSessions, setupCauses, setupRefusal } from './pdu-session-resource-setup.ts';

/**
 * K_N3IWF arrives: it is the MSK with which the UE ends its EAP exchange [TS38413 8.3.1], [TS24502 7.3.3]. A request
 * for a UE that has its signalling SA already is about its sessions alone; the key then serves nothing.
 */
export function onInitialContextSetupRequest(
  node: Node,
  ue: UeContext,
  ies: InitialContextSetupRequest,
  report: Report,
): void {
  const sessions = ies.pduSessionResourceSetupListCxtReq ?? [];
  const wasAttached = ue.state === 'attached';
  if (ue.contextSetup !== undefined) {
    repeat(node, ue, ies, { ...ue.contextSetup, report: { ...ue.contextSetup.report, ...report } });
  } else if (!ue.advance('contextSetup')) {
    sendFailure(node, ue, { sessions, report }, setupCauses.state);
  } else {
    ue.contextSetup = { sessions, report };
    ue.guami = guamiOfNgap(ies.guami);
    ue.bitRate = ies.ueAggregateMaximumBitRate ?? ue.bitRate;
    if (wasAttached) continueAttached(node, ue, ies.nasPdu);
    else authenticate(node, ue, ies);
  }
  // Who needs the key has copied it by now.
  ies.securityKey.bits.fill(0);
}

/** The signalling SA is there: NAS and sessions go by it at once. */
function continueAttached(node: Node, ue: UeContext, nasPdu: Uint8Array | undefined): void {
  if (nasPdu !== undefined) sendNasToUe(node, ue, nasPdu);
  completeInitialContextSetup(node, ue);
}

/** EAP-Success with the MSK; NAS of the request waits for the connection that the UE then makes. */
function authenticate(node: Node, ue: UeContext, { nasPdu, securityKey }: InitialContextSetupRequest): void {
  if (nasPdu !== undefined) queueNas(node, ue, nasPdu);
  // An AMF need not wait for the UE's answer to what it sent before; EAP has to [RFC3748 2].
  if (ue.owesEapAnswer) ue.waitingKey = Uint8Array.from(securityKey.bits);
  else sendEapSuccess(node, ue, securityKey.bits);
}

/**
 * An AMF whose T3550 ran out asks again while the first request is under way: one answer serves both. What NAS and
 * sessions the repeat brings are taken along, as long as the first one's are not decided.
 */
function repeat(node: Node, ue: UeContext, ies: InitialContextSetupRequest, first: ContextSetup): void {
  if (ies.nasPdu !== undefined) sendNasToUe(node, ue, ies.nasPdu);
  ue.contextSetup = first;
  if (ue.state !== 'securing') return;
  const known = new Set(first.sessions.map(({ pduSessionId }) => pduSessionId));
  const added = (ies.pduSessionResourceSetupListCxtReq ?? []).filter((item) => !known.has(item.pduSessionId));
  ue.contextSetup = { ...first, sessions: [...first.sessions, ...added] };
}

/** The signalling SA is up: the AMF may go on, with the sessions that came in the request set up first. */
export function completeInitialContextSetup(node: Node, ue: UeContext): void {
  const sessions = ue.contextSetup?.sessions ?? [];
  if (sessions.length === 0) sendResponse(node, ue, []);
  else setUpSessions(node, ue, sessions.map(sessionRequest), (results) => sendResponse(node, ue, results));
}

/** A session of this message in the form that session set-up takes. */
function sessionRequest(item: SessionInContext) {
  const { pduSessionId, nasPdu, sNssai, pduSessionResourceSetupRequestTransfer: transfer } = item;
  return { pduSessionId, nasPdu, sNssai, transfer };
}

/** One result for each session; nothing for a UE that the AMF has let go meanwhile. */
function sendResponse(node: Node, ue: UeContext, results: readonly SessionResult[]): void {
  const report = ue.contextSetup?.report;
  ue.contextSetup = undefined;
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'InitialContextSetupResponse',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...sessionLists('InitialContextSetupResponse', results),
      ...report,
    },
  });
}

/** The UE did not get its signalling SA: a request that waits for it has failed, with every session in it [TS38413 8.3.1.3]. */
export function failInitialContextSetup(node: Node, ue: UeContext, cause: Cause): void {
  const setup = ue.contextSetup;
  ue.contextSetup = undefined;
  if (setup !== undefined) sendFailure(node, ue, setup, cause);
}

/** No context: every session of the request failed with it. */
function sendFailure(node: Node, ue: UeContext, { sessions, report }: ContextSetup, cause: Cause): void {
  if (ue.amfUeNgapId === undefined) return;
  const results = sessions.map(({ pduSessionId }) => setupRefusal(pduSessionId, cause));
  node.sendN2({
    message: 'InitialContextSetupFailure',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...sessionLists('InitialContextSetupFailure', results),
      cause,
      ...report,
    },
  });
}
