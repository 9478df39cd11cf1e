import {
  type Cause,
  decodeTransfer,
  encodeTransfer,
  type PDUSessionResourceSetupRequest,
  type PDUSessionResourceSetupRequestTransfer,
  type SNssai,
} from '#ngap';
import type { Node } from '../../node.ts';
import { type ChildSaPlan, planChildSas } from '../../nwu/child-sa-policy.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import { callOffChildSas, removeChildSas, requestChildSa } from '../../nwu/session-child-sas.ts';
import type { PduSession, SessionSetup, UeContext } from '../../ue/context.ts';
import { sliceOfNgap } from '../amf/slices.ts';
import { isGuaranteed, judgeFlows } from '../qos-flows.ts';
import type { Report } from '../report.ts';
import { repeatedIds, type SessionResult, sessionLists } from '../session-results.ts';
import { readTunnel, writeTunnel } from '../tunnels.ts';
import { securityResult, unmetSecurity } from '../up-security.ts';

/** One session of a request, whichever message it came in. */
export interface SessionRequest {
  readonly pduSessionId: number;
  readonly nasPdu: Uint8Array | undefined;
  readonly sNssai: SNssai;
  readonly transfer: Uint8Array;
}

/** Why a session is not set up, for its unsuccessful transfer. */
export const setupCauses = {
  badTransfer: { choice: 'protocol', value: 'transfer-syntax-error' },
  state: { choice: 'protocol', value: 'message-not-compatible-with-receiver-state' },
  duplicate: { choice: 'radioNetwork', value: 'multiple-PDU-session-ID-instances' },
  noBitRate: { choice: 'radioNetwork', value: 'invalid-qos-combination' },
  noTunnel: { choice: 'transport', value: 'transport-resource-unavailable' },
  interrupted: { choice: 'radioNetwork', value: 'interaction-with-other-procedure' },
  released: { choice: 'radioNetwork', value: 'radio-connection-with-ue-lost' },
} as const satisfies Record<string, Cause>;

/** Sessions for an attached UE: a Child SA and a tunnel for each, and an answer that names every one [TS38413 8.2.1]. */
export function onPduSessionResourceSetupRequest(
  node: Node,
  ue: UeContext,
  ies: PDUSessionResourceSetupRequest,
  report: Report,
): void {
  ue.bitRate = ies.ueAggregateMaximumBitRate ?? ue.bitRate;
  if (ies.nasPdu !== undefined) sendNasToUe(node, ue, ies.nasPdu);
  const items = ies.pduSessionResourceSetupListSUReq.map((item) => ({
    pduSessionId: item.pduSessionId,
    nasPdu: item.pduSessionNasPdu,
    sNssai: item.sNssai,
    transfer: item.pduSessionResourceSetupRequestTransfer,
  }));
  setUpSessions(node, ue, items, (results) => sendResponse(node, ue, results, report));
}

/** The answer to a request that is about sessions alone. */
function sendResponse(node: Node, ue: UeContext, results: readonly SessionResult[], report: Report): void {
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'PDUSessionResourceSetupResponse',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...sessionLists('PDUSessionResourceSetupResponse', results),
      userLocationInformation: node.locate(ue.remote),
      ...report,
    },
  });
}

/**
 * Sets all `items` up side by side; `finished` gets one result for each, in their order, once all are decided. Items
 * with the same ID fail together, an ID that is in use fails alone [TS38413 8.2.1.4].
 */
export function setUpSessions(
  node: Node,
  ue: UeContext,
  items: readonly SessionRequest[],
  finished: (results: readonly SessionResult[]) => void,
): void {
  const repeated = repeatedIds(items);
  const results = new Map<SessionRequest, SessionResult>();
  for (const item of items) {
    const decided = (result: SessionResult) => {
      results.set(item, result);
      if (results.size === items.length) finished(items.flatMap((each) => results.get(each) ?? []));
    };
    const opened = openSession(node, ue, item, repeated);
    if ('cause' in opened) {
      node.log.warn(
        { ue: ue.id, pduSession: item.pduSessionId, cause: opened.cause.value },
        'session not set up',
      );
      decided(setupRefusal(item.pduSessionId, opened.cause));
    } else {
      const setup = { ...opened, awaited: 1, suite: undefined, decided };
      ue.sessionSetups.set(item.pduSessionId, setup);
      askFor(node, ue, setup, setup.plans[0]);
    }
  }
}

/** A session that may be asked of the UE, or why there will be none. */
type Opened = Pick<SessionSetup, 'session' | 'failedFlows' | 'plans'> | { readonly cause: Cause };

/** What does not depend on the UE is settled first, so that it is asked for nothing that would fail anyhow. */
function openSession(node: Node, ue: UeContext, item: SessionRequest, repeated: ReadonlySet<number>): Opened {
  const id = item.pduSessionId;
  if (repeated.has(id) || ue.sessions.has(id) || ue.sessionSetups.has(id))
    return { cause: setupCauses.duplicate };
  if (ue.innerAddress === undefined || !ue.advance('sessionSetup')) return { cause: setupCauses.state };
  const transfer = decodeTransfer('PDUSessionResourceSetupRequestTransfer', item.transfer);
  return transfer.ok ? newSession(node, item, transfer.value) : { cause: setupCauses.badTransfer };
}

/** The session with the flows that can be had; without any of them there is no session. */
function newSession(
  node: Node,
  item: SessionRequest,
  transfer: PDUSessionResourceSetupRequestTransfer,
): Opened {
  const { accepted, failed } = judgeFlows(transfer.qosFlowSetupRequestList, new Map(), new Set());
  const [firstFailed] = failed;
  if (accepted.size === 0 && firstFailed !== undefined) return { cause: firstFailed.cause };
  const bitRate = transfer.pduSessionAggregateMaximumBitRate;
  if (bitRate === undefined && [...accepted.values()].some((flow) => !isGuaranteed(flow)))
    return { cause: setupCauses.noBitRate };
  const { pduSessionType: type, securityIndication: security } = transfer;
  const unmet = unmetSecurity(security, node.espSuites);
  if (unmet !== undefined) return { cause: unmet };
  const tunnel = tunnelOf(node, transfer);
  const dlTeid = tunnel === undefined ? undefined : node.teids.allocate();
  if (tunnel === undefined || dlTeid === undefined) return { cause: setupCauses.noTunnel };
  const { pduSessionId: id, nasPdu, sNssai } = item;
  const fixed = { id, nasPdu, type, security, slice: sliceOfNgap(sNssai), childSaIds: new Set<number>() };
  return {
    session: { ...fixed, ...tunnel, flows: accepted, dlTeid, bitRate },
    failedFlows: [...failed],
    plans: planChildSas(accepted, node.sessionPolicy),
  };
}

/** The UPF's end and the one of our addresses that is of its family, in our order of preference. */
function tunnelOf(
  { identity }: Node,
  { ulNguUpTnlInformation }: PDUSessionResourceSetupRequestTransfer,
): Pick<PduSession, 'ulTunnel' | 'n3Address'> | undefined {
  for (const n3Address of [identity.n3Address, ...(identity.moreN3Addresses ?? [])]) {
    const ulTunnel = readTunnel(ulNguUpTnlInformation, n3Address);
    if (ulTunnel !== undefined) return { ulTunnel, n3Address };
  }
  return undefined;
}

/** Asks the UE for one of the Child SAs of a session; when it has the default one, for the others. */
function askFor(node: Node, ue: UeContext, setup: SessionSetup, plan: ChildSaPlan): void {
  requestChildSa(node, ue, {
    session: setup.session,
    plan,
    taken: ({ suite }) => {
      if (plan.isDefault) {
        setup.suite = suite;
        const [, ...others] = setup.plans;
        setup.awaited += others.length;
        for (const other of others) askFor(node, ue, setup, other);
      }
      answered(node, ue, setup);
    },
    refused: (cause) => withoutChildSa(node, ue, setup, plan, cause),
  });
}

/** Without its default Child SA the session fails, and the UE keeps its others; without another one its flows fail. */
function withoutChildSa(
  node: Node,
  ue: UeContext,
  setup: SessionSetup,
  plan: ChildSaPlan,
  cause: Cause,
): void {
  const { session } = setup;
  if (plan.isDefault) {
    abandonSetup(node, ue, session.id, cause);
    return;
  }
  session.flows = new Map([...session.flows].filter(([qfi]) => !plan.qfis.includes(qfi)));
  setup.failedFlows.push(...plan.qfis.map((qosFlowIdentifier) => ({ qosFlowIdentifier, cause })));
  answered(node, ue, setup);
}

/** Opens the path both ways when nothing is awaited any more, then hands the UE the NAS answer that lets it send. */
function answered(node: Node, ue: UeContext, setup: SessionSetup): void {
  setup.awaited--;
  if (setup.awaited > 0) return;
  const { session, decided } = setup;
  const { id: pduSessionId, ulTunnel, dlTeid, type, nasPdu } = session;
  ue.sessionSetups.delete(pduSessionId);
  ue.sessions.set(pduSessionId, session);
  node.plane.addPduSession(ue.id, { pduSessionId, ulTunnel, dlTeid, type, qfis: [...session.flows.keys()] });
  node.heldNas.hold(ue);
  if (nasPdu !== undefined) sendNasToUe(node, ue, nasPdu);
  decided({ ok: true, pduSessionId, transfer: responseTransfer(setup) });
}

/** Calls a set-up off and answers for it; a Child SA that the UE has granted, or grants later, is deleted again. */
export function abandonSetup(node: Node, ue: UeContext, pduSessionId: number, cause: Cause): void {
  const setup = ue.sessionSetups.get(pduSessionId);
  if (setup === undefined) return;
  ue.sessionSetups.delete(pduSessionId);
  callOffChildSas(ue, setup.session);
  node.teids.release(setup.session.dlTeid);
  removeChildSas(node, ue, setup.session.childSaIds, true);
  setup.decided(setupRefusal(pduSessionId, cause));
}

/** For the SMF: our tunnel end with the flows on it, and how they are protected. */
function responseTransfer({ session, failedFlows: failed, suite }: SessionSetup): Uint8Array {
  const { dlTeid, flows, n3Address, security } = session;
  const result = suite === undefined ? undefined : securityResult(security, suite);
  return encodeTransfer('PDUSessionResourceSetupResponseTransfer', {
    dlQosFlowPerTnlInformation: {
      upTransportLayerInformation: writeTunnel({ address: n3Address, teid: dlTeid }),
      associatedQosFlowList: [...flows.keys()].map((qosFlowIdentifier) => ({ qosFlowIdentifier })),
    },
    ...(result === undefined ? {} : { securityResult: result }),
    ...(failed.length === 0 ? {} : { qosFlowFailedToSetupList: [...failed] }),
  });
}

/** The failed item of a session. */
export function setupRefusal(pduSessionId: number, cause: Cause): SessionResult {
  const transfer = encodeTransfer('PDUSessionResourceSetupUnsuccessfulTransfer', { cause });
  return { ok: false, pduSessionId, transfer };
}
