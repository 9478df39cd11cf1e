import type { ChildSa } from '#ikev2';
import {
  type Cause,
  decodeTransfer,
  encodeTransfer,
  type PDUSessionResourceSetupRequest,
  type PDUSessionResourceSetupRequestTransfer,
} from '#ngap';
import type { Node } from '../../node.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import { qosInfoNotify, upAddressNotify } from '../../nwu/notifies.ts';
import { hostSelector } from '../../nwu/selectors.ts';
import type { PduSession, SessionSetup, UeContext } from '../../ue/context.ts';
import { requireAddress } from '../../userplane/address.ts';
import { type FailedFlow, isGuaranteed, judgeFlows } from '../qos-flows.ts';
import type { Report } from '../report.ts';
import { repeatedIds, type SessionResult, sessionLists } from '../session-results.ts';
import { readTunnel, writeTunnel } from '../tunnels.ts';
import { userLocation } from '../user-location.ts';

/** One session of a request, whichever message it came in. */
export interface SessionRequest {
  readonly pduSessionId: number;
  readonly nasPdu: Uint8Array | undefined;
  readonly transfer: Uint8Array;
}

/** Why a session is not set up, for its unsuccessful transfer. */
export const setupCauses = {
  badTransfer: { choice: 'protocol', value: 'transfer-syntax-error' },
  state: { choice: 'protocol', value: 'message-not-compatible-with-receiver-state' },
  duplicate: { choice: 'radioNetwork', value: 'multiple-PDU-session-ID-instances' },
  noBitRate: { choice: 'radioNetwork', value: 'invalid-qos-combination' },
  noTunnel: { choice: 'transport', value: 'transport-resource-unavailable' },
  noChildSa: { choice: 'radioNetwork', value: 'failure-in-radio-interface-procedure' },
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
    transfer: item.pduSessionResourceSetupRequestTransfer,
  }));
  setUpSessions(node, ue, items, (results) => sendResponse(node, ue, results, report));
}

function sendResponse(node: Node, ue: UeContext, results: readonly SessionResult[], report: Report): void {
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'PDUSessionResourceSetupResponse',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...sessionLists('PDUSessionResourceSetupResponse', results),
      userLocationInformation: userLocation(ue),
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
      ue.sessionSetups.set(item.pduSessionId, { ...opened, decided });
      requestChildSa(node, ue, opened.session);
    }
  }
}

type Opened = Pick<SessionSetup, 'session' | 'failedFlows'> | { readonly cause: Cause };

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
  const ulTunnel = readTunnel(transfer.ulNguUpTnlInformation, node.identity.n3Address);
  const dlTeid = ulTunnel === undefined ? undefined : node.teids.allocate();
  if (ulTunnel === undefined || dlTeid === undefined) return { cause: setupCauses.noTunnel };
  const { pduSessionId: id, nasPdu } = item;
  return {
    session: { id, nasPdu, flows: accepted, dlTeid, ulTunnel, bitRate, childSaId: undefined },
    failedFlows: failed,
  };
}

/** The N3IWF starts the Child SA of a session and tells the UE which flows ride on it [TS24502 7.5]. */
function requestChildSa(node: Node, ue: UeContext, session: PduSession): void {
  const inner = ue.innerAddress ?? new Uint8Array(4);
  const qfis = [...session.flows.keys()];
  const own = node.innerAddresses.ownFor(inner) ?? requireAddress(node.identity.innerAddress);
  const request = {
    trafficSelectorsLocal: [hostSelector(own)],
    trafficSelectorsRemote: [hostSelector(inner)],
    notifies: [qosInfoNotify({ pduSessionId: session.id, qfis, isDefault: true }), upAddressNotify(own)],
    tag: sessionTag(session),
  };
  node.ike((engine, now) => engine.createChildSa(now, ue.ikeSaId, request));
}

/** Names the set-up of a session to the IKE engine; a later session of the same ID has another TEID. */
export function sessionTag({ id, dlTeid }: Pick<PduSession, 'id' | 'dlTeid'>): string {
  return `pduSession ${id} ${dlTeid}`;
}

/** The set-up that an answer of the UE belongs to, which ends with it; undefined when it was called off. */
function takeSetup(ue: UeContext, tag: string): SessionSetup | undefined {
  const [, id] = tag.split(' ').map(Number);
  const setup = ue.sessionSetups.get(id ?? -1);
  if (setup === undefined || sessionTag(setup.session) !== tag) return undefined;
  ue.sessionSetups.delete(setup.session.id);
  return setup;
}

/** The UE agreed to the Child SA: open the path both ways, then hand it the NAS answer that lets it send. */
export function onSessionChildSa(node: Node, ue: UeContext, tag: string, child: ChildSa): void {
  const setup = takeSetup(ue, tag);
  if (setup === undefined) {
    node.ike((engine, now) => engine.deleteChildSa(now, ue.ikeSaId, child.id));
    return;
  }
  const { session, failedFlows, decided } = setup;
  const qfis = [...session.flows.keys()];
  session.childSaId = child.id;
  ue.sessions.set(session.id, session);
  const { ulTunnel, dlTeid } = session;
  node.plane.addPduSession(ue.id, { pduSessionId: session.id, ulTunnel, dlTeid, qfis });
  const use = { kind: 'pduSession', pduSessionId: session.id, qfis, isDefault: true } as const;
  ue.childUses.set(child.id, use);
  node.plane.installChildSa(ue.id, child, use);
  if (session.nasPdu !== undefined) sendNasToUe(node, ue, session.nasPdu);
  decided({ ok: true, pduSessionId: session.id, transfer: responseTransfer(node, session, failedFlows) });
}

/** The UE refused the Child SA, or never answered: the session fails and the UE keeps its others. */
export function onSessionChildSaFailed(node: Node, ue: UeContext, tag: string, reason: string): void {
  const setup = takeSetup(ue, tag);
  if (setup === undefined) return;
  node.log.warn(
    { ue: ue.id, pduSession: setup.session.id, reason },
    'the UE took no Child SA for the session',
  );
  node.teids.release(setup.session.dlTeid);
  setup.decided(setupRefusal(setup.session.id, setupCauses.noChildSa));
}

/** Calls a set-up off and answers for it; a Child SA that the UE grants later is deleted again. */
export function abandonSetup(node: Node, ue: UeContext, pduSessionId: number, cause: Cause): void {
  const setup = ue.sessionSetups.get(pduSessionId);
  if (setup === undefined) return;
  ue.sessionSetups.delete(pduSessionId);
  node.teids.release(setup.session.dlTeid);
  setup.decided(setupRefusal(pduSessionId, cause));
}

function responseTransfer(node: Node, session: PduSession, failed: readonly FailedFlow[]): Uint8Array {
  const { dlTeid, flows } = session;
  return encodeTransfer('PDUSessionResourceSetupResponseTransfer', {
    dlQosFlowPerTnlInformation: {
      upTransportLayerInformation: writeTunnel({ address: node.identity.n3Address, teid: dlTeid }),
      associatedQosFlowList: [...flows.keys()].map((qosFlowIdentifier) => ({ qosFlowIdentifier })),
    },
    ...(failed.length === 0 ? {} : { qosFlowFailedToSetupList: [...failed] }),
  });
}

/** The failed item of a session. */
export function setupRefusal(pduSessionId: number, cause: Cause): SessionResult {
  const transfer = encodeTransfer('PDUSessionResourceSetupUnsuccessfulTransfer', { cause });
  return { ok: false, pduSessionId, transfer };
}
