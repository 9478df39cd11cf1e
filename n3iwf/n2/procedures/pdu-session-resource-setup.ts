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
import type { PduSession, UeContext } from '../../ue/context.ts';
import { formatAddress, requireAddress } from '../../userplane/address.ts';

/** One session of a request, whichever message it came in. */
export interface SessionRequest {
  readonly pduSessionId: number;
  readonly nasPdu: Uint8Array | undefined;
  readonly transfer: Uint8Array;
}

/** The outcome for one session: `transfer` is the encoded response or unsuccessful transfer. */
export interface SessionResult {
  readonly ok: boolean;
  readonly pduSessionId: number;
  readonly transfer: Uint8Array;
}

const causes = {
  badTransfer: { choice: 'protocol', value: 'transfer-syntax-error' },
  duplicate: { choice: 'radioNetwork', value: 'multiple-PDU-session-ID-instances' },
  noTunnel: { choice: 'transport', value: 'transport-resource-unavailable' },
  noChildSa: { choice: 'radioNetwork', value: 'failure-in-radio-interface-procedure' },
  released: { choice: 'radioNetwork', value: 'radio-connection-with-ue-lost' },
} as const satisfies Record<string, Cause>;

/** Sessions for an attached UE: a Child SA and a tunnel for each, and an answer that names every one [TS38413 8.2.1]. */
export function onPduSessionResourceSetupRequest(
  node: Node,
  ue: UeContext,
  ies: PDUSessionResourceSetupRequest,
): void {
  if (ies.nasPdu !== undefined && ies.nasPdu.length > 0) sendNasToUe(node, ue, ies.nasPdu);
  const items = ies.pduSessionResourceSetupListSUReq.map((item) => ({
    pduSessionId: item.pduSessionId,
    nasPdu: item.pduSessionNasPdu,
    transfer: item.pduSessionResourceSetupRequestTransfer,
  }));
  setUpSessions(node, ue, items, (results) => sendResponse(node, ue, results));
}

function sendResponse(node: Node, ue: UeContext, results: readonly SessionResult[]): void {
  if (ue.amfUeNgapId === undefined) return;
  const done = results.filter((result) => result.ok);
  const failed = results.filter((result) => !result.ok);
  node.sendN2({
    message: 'PDUSessionResourceSetupResponse',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      ...(done.length === 0
        ? {}
        : {
            pduSessionResourceSetupListSURes: done.map(({ pduSessionId, transfer }) => ({
              pduSessionId,
              pduSessionResourceSetupResponseTransfer: transfer,
            })),
          }),
      ...(failed.length === 0
        ? {}
        : {
            pduSessionResourceFailedToSetupListSURes: failed.map(({ pduSessionId, transfer }) => ({
              pduSessionId,
              pduSessionResourceSetupUnsuccessfulTransfer: transfer,
            })),
          }),
    },
  });
}

/** Sets all `items` up side by side; `finished` gets one result for each, in their order, once all are decided. */
export function setUpSessions(
  node: Node,
  ue: UeContext,
  items: readonly SessionRequest[],
  finished: (results: readonly SessionResult[]) => void,
): void {
  const results = new Map<SessionRequest, SessionResult>();
  for (const item of items) {
    setUpSession(node, ue, item, (result) => {
      results.set(item, result);
      if (results.size === items.length)
        finished(items.map((each) => results.get(each) ?? refusal(each, causes.released)));
    });
  }
}

function setUpSession(
  node: Node,
  ue: UeContext,
  item: SessionRequest,
  decided: (result: SessionResult) => void,
): void {
  const transfer = decodeTransfer('PDUSessionResourceSetupRequestTransfer', item.transfer);
  if (!transfer.ok) {
    node.log.warn(
      { ue: ue.id, pduSession: item.pduSessionId, error: transfer.error.message },
      'session transfer unreadable',
    );
    decided(refusal(item, causes.badTransfer));
    return;
  }
  if (ue.sessions.has(item.pduSessionId) || ue.sessionSetups.has(item.pduSessionId)) {
    decided(refusal(item, causes.duplicate));
    return;
  }
  const session = openSession(node, item, transfer.value);
  if (session === undefined || ue.innerAddress === undefined) {
    decided(refusal(item, causes.noTunnel));
    return;
  }
  ue.sessionSetups.set(item.pduSessionId, { session, decided });
  requestChildSa(node, ue, session);
}

function openSession(
  node: Node,
  item: SessionRequest,
  transfer: PDUSessionResourceSetupRequestTransfer,
): PduSession | undefined {
  const uplink = transfer.ulNguUpTnlInformation;
  if (uplink.choice !== 'gTPTunnel') return undefined;
  const { transportLayerAddress, gtpTeid } = uplink.value;
  const dlTeid = transportLayerAddress.length >= 32 ? node.teids.allocate() : undefined;
  if (dlTeid === undefined) return undefined;
  return {
    id: item.pduSessionId,
    qfis: transfer.qosFlowSetupRequestList.map((flow) => flow.qosFlowIdentifier),
    dlTeid,
    ulTunnel: {
      address: formatAddress(transportLayerAddress.bits.subarray(0, 4)),
      teid: new DataView(gtpTeid.buffer, gtpTeid.byteOffset, 4).getUint32(0),
    },
    nasPdu: item.nasPdu,
    childSaId: undefined,
  };
}

/** The N3IWF starts the Child SA of a session and tells the UE which flows ride on it [TS24502 7.5]. */
function requestChildSa(node: Node, ue: UeContext, session: PduSession): void {
  const own = requireAddress(node.identity.innerAddress);
  const inner = ue.innerAddress ?? new Uint8Array(4);
  const request = {
    trafficSelectorsLocal: [hostSelector(own)],
    trafficSelectorsRemote: [hostSelector(inner)],
    notifies: [
      qosInfoNotify({ pduSessionId: session.id, qfis: [...session.qfis], isDefault: true }),
      upAddressNotify(own),
    ],
    tag: sessionTag(session.id),
  };
  node.ike((engine, now) => engine.createChildSa(now, ue.ikeSaId, request));
}

export function sessionTag(pduSessionId: number): string {
  return `pduSession ${pduSessionId}`;
}

function sessionOfTag(ue: UeContext, tag: string | undefined) {
  const id = Number(tag?.split(' ')[1]);
  const setup = ue.sessionSetups.get(id);
  ue.sessionSetups.delete(id);
  return setup;
}

/** The UE agreed to the Child SA: open the path both ways, then hand it the NAS answer that lets it send. */
export function onSessionChildSa(node: Node, ue: UeContext, tag: string, child: ChildSa): void {
  const setup = sessionOfTag(ue, tag);
  if (setup === undefined) return;
  const { session, decided } = setup;
  session.childSaId = child.id;
  ue.sessions.set(session.id, session);
  node.plane.addPduSession(ue.id, {
    pduSessionId: session.id,
    ulTunnel: session.ulTunnel,
    dlTeid: session.dlTeid,
    qfis: [...session.qfis],
  });
  const use = {
    kind: 'pduSession',
    pduSessionId: session.id,
    qfis: [...session.qfis],
    isDefault: true,
  } as const;
  ue.childUses.set(child.id, use);
  node.plane.installChildSa(ue.id, child, use);
  if (session.nasPdu !== undefined && session.nasPdu.length > 0) sendNasToUe(node, ue, session.nasPdu);
  decided({ ok: true, pduSessionId: session.id, transfer: responseTransfer(node, session) });
}

export function onSessionChildSaFailed(node: Node, ue: UeContext, tag: string, reason: string): void {
  const setup = sessionOfTag(ue, tag);
  if (setup === undefined) return;
  node.log.warn(
    { ue: ue.id, pduSession: setup.session.id, reason },
    'the UE took no Child SA for the session',
  );
  node.teids.release(setup.session.dlTeid);
  setup.decided(refusal({ pduSessionId: setup.session.id }, causes.noChildSa));
}

function responseTransfer(node: Node, session: PduSession): Uint8Array {
  const teid = new Uint8Array(4);
  new DataView(teid.buffer).setUint32(0, session.dlTeid);
  const address = requireAddress(node.identity.n3Address);
  return encodeTransfer('PDUSessionResourceSetupResponseTransfer', {
    dlQosFlowPerTnlInformation: {
      upTransportLayerInformation: {
        choice: 'gTPTunnel',
        value: { transportLayerAddress: { bits: address, length: 32 }, gtpTeid: teid },
      },
      associatedQosFlowList: session.qfis.map((qosFlowIdentifier) => ({ qosFlowIdentifier })),
    },
  });
}

function refusal(item: Pick<SessionRequest, 'pduSessionId'>, cause: Cause): SessionResult {
  const transfer = encodeTransfer('PDUSessionResourceSetupUnsuccessfulTransfer', { cause });
  return { ok: false, pduSessionId: item.pduSessionId, transfer };
}
