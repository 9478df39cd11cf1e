import type { InitialContextSetupRequest } from '#ngap';
import type { Node } from '../../node.ts';
import { eapSuccess } from '../../nwu/eap5g.ts';
import type { UeContext } from '../../ue/context.ts';
import { guamiOfNgap } from '../amf/guami.ts';
import { setUpSessions } from './pdu-session-resource-setup.ts';

/** K_N3IWF arrives: it is the MSK with which the UE ends its EAP exchange [TS38413 8.3.1], [TS24502 7.3.3]. */
export function onInitialContextSetupRequest(
  node: Node,
  ue: UeContext,
  ies: InitialContextSetupRequest,
): void {
  ue.guami = guamiOfNgap(ies.guami);
  const wasAttached = ue.state === 'attached';
  if (ue.state === 'securing') return; // a repeat while the first is under way; its answer will serve both
  if (!ue.advance('contextSetup')) {
    sendFailure(node, ue);
    return;
  }
  if (ies.nasPdu !== undefined && ies.nasPdu.length > 0) ue.nasQueue.push(ies.nasPdu);
  ue.pendingSessions = ies.pduSessionResourceSetupListCxtReq ?? [];
  if (wasAttached) {
    completeInitialContextSetup(node, ue);
    return;
  }
  const success = eapSuccess(ue.eapIdentifier);
  node.ike((engine, now) => engine.sendEap(now, ue.ikeSaId, success, ies.securityKey.bits));
  ies.securityKey.bits.fill(0);
}

/** The signalling SA is up: the AMF may go on, with the sessions that came in the request set up first. */
export function completeInitialContextSetup(node: Node, ue: UeContext): void {
  const sessions = ue.pendingSessions;
  ue.pendingSessions = [];
  if (sessions.length === 0) {
    sendResponse(node, ue, {});
    return;
  }
  const items = sessions.map((item) => ({
    pduSessionId: item.pduSessionId,
    nasPdu: item.nasPdu,
    transfer: item.pduSessionResourceSetupRequestTransfer,
  }));
  setUpSessions(node, ue, items, (results) => {
    const done = results.filter((result) => result.ok);
    const failed = results.filter((result) => !result.ok);
    sendResponse(node, ue, {
      ...(done.length === 0
        ? {}
        : {
            pduSessionResourceSetupListCxtRes: done.map(({ pduSessionId, transfer }) => ({
              pduSessionId,
              pduSessionResourceSetupResponseTransfer: transfer,
            })),
          }),
      ...(failed.length === 0
        ? {}
        : {
            pduSessionResourceFailedToSetupListCxtRes: failed.map(({ pduSessionId, transfer }) => ({
              pduSessionId,
              pduSessionResourceSetupUnsuccessfulTransfer: transfer,
            })),
          }),
    });
  });
}

type SessionLists = Pick<
  import('#ngap').InitialContextSetupResponse,
  'pduSessionResourceSetupListCxtRes' | 'pduSessionResourceFailedToSetupListCxtRes'
>;

function sendResponse(node: Node, ue: UeContext, lists: SessionLists): void {
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'InitialContextSetupResponse',
    ies: { amfUeNgapId: ue.amfUeNgapId, ranUeNgapId: ue.ranUeNgapId, ...lists },
  });
}

function sendFailure(node: Node, ue: UeContext): void {
  if (ue.amfUeNgapId === undefined) return;
  node.sendN2({
    message: 'InitialContextSetupFailure',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      cause: { choice: 'protocol', value: 'message-not-compatible-with-receiver-state' },
    },
  });
}
