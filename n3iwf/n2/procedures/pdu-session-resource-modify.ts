import {
  type Cause,
  decodeTransfer,
  encodeTransfer,
  type MessageIes,
  type QosFlowLevelQosParameters,
  type Transfer,
} from '#ngap';
import type { Node } from '../../node.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import { type ChangeOutcome, changeFlows } from '../../nwu/session-change.ts';
import type { PduSession, UeContext } from '../../ue/context.ts';
import { type FailedFlow, type Flows, judgeFlows } from '../qos-flows.ts';
import type { Report } from '../report.ts';
import { repeatedIds, type SessionResult, sessionLists } from '../session-results.ts';
import { readTunnel, type TunnelEnd } from '../tunnels.ts';

type ModifyTransfer = Transfer<'PDUSessionResourceModifyRequestTransfer'>;
type ModifyItem = MessageIes<'PDUSessionResourceModifyRequest'>['pduSessionResourceModifyListModReq'][number];

/** What a session is to become, and which flows of the request it will not have. */
interface Change {
  readonly flows: Flows;
  readonly ulTunnel: TunnelEnd;
  readonly bitRate: PduSession['bitRate'];
  /** QFIs that were added or changed as asked. */
  readonly served: readonly number[];
  readonly failed: readonly FailedFlow[];
}

/** Why a session is left as it is, for its unsuccessful transfer. */
const causes = {
  badTransfer: { choice: 'protocol', value: 'transfer-syntax-error' },
  duplicate: { choice: 'radioNetwork', value: 'multiple-PDU-session-ID-instances' },
  unknown: { choice: 'radioNetwork', value: 'unknown-PDU-session-ID' },
  busy: { choice: 'radioNetwork', value: 'interaction-with-other-procedure' },
  noFlows: { choice: 'radioNetwork', value: 'invalid-qos-combination' },
  noTunnel: { choice: 'transport', value: 'transport-resource-unavailable' },
} as const satisfies Record<string, Cause>;

/**
 * Changes sessions that exist: flows, the UPF's tunnel end, bit rates. Each session is changed as a whole or stays as
 * it was, and every one that the AMF named is answered [TS38413 8.2.3].
 */
export function onPduSessionResourceModifyRequest(
  node: Node,
  ue: UeContext,
  ies: MessageIes<'PDUSessionResourceModifyRequest'>,
  report: Report,
): void {
  const items = ies.pduSessionResourceModifyListModReq;
  const repeated = repeatedIds(items);
  const results = new Map<ModifyItem, SessionResult>();
  for (const item of items) {
    modifySession(node, ue, item, repeated, (result) => {
      results.set(item, result);
      if (results.size === items.length)
        sendResponse(
          node,
          ue,
          items.flatMap((each) => results.get(each) ?? []),
          report,
        );
    });
  }
}

/** One answer for all sessions of the request, once each is decided. */
function sendResponse(node: Node, ue: UeContext, results: readonly SessionResult[], report: Report): void {
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'PDUSessionResourceModifyResponse',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...sessionLists('PDUSessionResourceModifyResponse', results),
      userLocationInformation: node.locate(ue.remote),
      ...report,
    },
  });
}

/**
 * Changes one session, or leaves it as it was: `decided` is called once either way, at once or when the UE has answered.
 * NAS for the UE goes after the change, since it speaks of flows that then are there.
 */
function modifySession(
  node: Node,
  ue: UeContext,
  item: ModifyItem,
  repeated: ReadonlySet<number>,
  decided: (result: SessionResult) => void,
): void {
  const { pduSessionId } = item;
  const session = ue.sessions.get(pduSessionId);
  const change = session === undefined ? absent(ue, item) : plan(ue, session, item, repeated);
  if (session === undefined || 'cause' in change) {
    const cause = 'cause' in change ? change.cause : causes.unknown;
    node.log.warn({ ue: ue.id, pduSession: pduSessionId, cause: cause.value }, 'session not changed');
    decided(refusal(pduSessionId, cause));
    return;
  }
  changeFlows(node, ue, session, change.flows, (outcome) => {
    if ('cause' in outcome) {
      decided(refusal(pduSessionId, outcome.cause));
      return;
    }
    const had = whatIsHad(change, outcome);
    const [firstFailed] = had.failed;
    if (firstFailed !== undefined && !isAnyServed(session, had)) {
      decided(refusal(pduSessionId, firstFailed.cause));
      return;
    }
    apply(node, ue, session, had);
    if (item.nasPdu !== undefined) sendNasToUe(node, ue, item.nasPdu);
    decided({ ok: true, pduSessionId, transfer: responseTransfer(had) });
  });
}

/** The change less the flows for which the UE took no Child SA. */
function whatIsHad(change: Change, { flows, failed }: Exclude<ChangeOutcome, { cause: Cause }>): Change {
  const { served } = change;
  const lost = failed.filter(({ qosFlowIdentifier }) => served.includes(qosFlowIdentifier));
  const kept = served.filter(
    (qfi) => flows.has(qfi) && !lost.some(({ qosFlowIdentifier }) => qosFlowIdentifier === qfi),
  );
  return { ...change, flows, served: kept, failed: [...change.failed, ...lost] };
}

/** Why there is no session to change: it is being set up, or it is unknown. */
function absent(ue: UeContext, { pduSessionId }: ModifyItem): { readonly cause: Cause } {
  return { cause: ue.sessionSetups.has(pduSessionId) ? causes.busy : causes.unknown };
}

/** What the request makes of the session, or why it cannot be had [TS38413 8.2.3.4]. */
function plan(
  ue: UeContext,
  session: PduSession,
  item: ModifyItem,
  repeated: ReadonlySet<number>,
): Change | { readonly cause: Cause } {
  if (repeated.has(session.id)) return { cause: causes.duplicate };
  if ([...ue.sessionChanges.values()].some(({ pduSessionId }) => pduSessionId === session.id))
    return { cause: causes.busy };
  const decoded = decodeTransfer(
    'PDUSessionResourceModifyRequestTransfer',
    item.pduSessionResourceModifyRequestTransfer,
  );
  if (!decoded.ok) return { cause: causes.badTransfer };
  const ulTunnel = newTunnel(session, decoded.value);
  if (ulTunnel === undefined) return { cause: causes.noTunnel };
  return planFlows(session, decoded.value, ulTunnel);
}

/** The UPF's new tunnel end for the one tunnel that the session has here; undefined when it names another, or none to reach. */
function newTunnel(
  { ulTunnel, dlTeid, n3Address }: PduSession,
  { ulNguUpTnlModifyList }: ModifyTransfer,
): TunnelEnd | undefined {
  if (ulNguUpTnlModifyList === undefined) return ulTunnel;
  const ours = ulNguUpTnlModifyList.find(({ dlNguUpTnlInformation }) => {
    const end = readTunnel(dlNguUpTnlInformation, n3Address);
    return end?.teid === dlTeid && end.address === n3Address;
  });
  return ours === undefined ? undefined : readTunnel(ours.ulNguUpTnlInformation, n3Address);
}

/** Released flows go, accepted ones come or change; a session without any flow would be none. */
function planFlows(
  session: PduSession,
  transfer: ModifyTransfer,
  ulTunnel: TunnelEnd,
): Change | { readonly cause: Cause } {
  const requests = transfer.qosFlowAddOrModifyRequestList ?? [];
  const released = new Set(transfer.qosFlowToReleaseList?.map((flow) => flow.qosFlowIdentifier));
  const { accepted, failed } = judgeFlows(requests, session.flows, released);
  const refused = new Set(failed.map((flow) => flow.qosFlowIdentifier));
  const flows = new Map<number, QosFlowLevelQosParameters>(session.flows);
  for (const qfi of released) if (!refused.has(qfi)) flows.delete(qfi);
  for (const [qfi, parameters] of accepted) flows.set(qfi, parameters);
  if (flows.size === 0) return { cause: causes.noFlows };
  const bitRate = transfer.pduSessionAggregateMaximumBitRate ?? session.bitRate;
  const change = { flows, ulTunnel, bitRate, served: [...accepted.keys()], failed };
  const [firstFailed] = failed;
  return firstFailed !== undefined && !isAnyServed(session, change) ? { cause: firstFailed.cause } : change;
}

/** True when at least one of the things asked for is had: then the session counts as modified. */
function isAnyServed(session: PduSession, { served, flows, ulTunnel, bitRate }: Change): boolean {
  return (
    served.length > 0 ||
    flows.size < session.flows.size ||
    ulTunnel !== session.ulTunnel ||
    bitRate !== session.bitRate
  );
}

/** The session is what was planned from here on, for packets too. */
function apply(node: Node, ue: UeContext, session: PduSession, change: Change): void {
  session.flows = change.flows;
  session.ulTunnel = change.ulTunnel;
  session.bitRate = change.bitRate;
  const { id: pduSessionId, ulTunnel } = session;
  node.plane.updatePduSession(ue.id, pduSessionId, { ulTunnel, qfis: [...session.flows.keys()] });
}

/** For the SMF: which flows are as it asked, and which are not. */
function responseTransfer({ served, failed }: Change): Uint8Array {
  return encodeTransfer('PDUSessionResourceModifyResponseTransfer', {
    ...(served.length === 0
      ? {}
      : {
          qosFlowAddOrModifyResponseList: served.map((qosFlowIdentifier) => ({ qosFlowIdentifier })),
        }),
    ...(failed.length === 0 ? {} : { qosFlowFailedToAddOrModifyList: [...failed] }),
  });
}

/** For the SMF: nothing of the session changed, and why. */
function refusal(pduSessionId: number, cause: Cause): SessionResult {
  const transfer = encodeTransfer('PDUSessionResourceModifyUnsuccessfulTransfer', { cause });
  return { ok: false, pduSessionId, transfer };
}
