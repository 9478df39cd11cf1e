import type { Cause, MessageIes } from '#ngap';
import type { Node } from '../../node.ts';
import type { UeContext } from '../../ue/context.ts';
import { guamiOfNgap } from '../amf/guami.ts';
import type { Report } from '../report.ts';

type Request = MessageIes<'UEContextModificationRequest'>;

/** A cause, and when it applies; the first that does is the answer. */
interface Refusal {
  readonly cause: Cause;
  applies(ue: UeContext, ies: Request): boolean;
}

/** What cannot be done here. K_N3IWF enters IKE_AUTH alone: a new one cannot be taken into use under an IKE SA that lives. */
const refusals: readonly Refusal[] = [
  {
    cause: { choice: 'protocol', value: 'message-not-compatible-with-receiver-state' },
    applies: ({ state }) => state === 'starting' || state === 'releasing' || state === 'closed',
  },
  {
    cause: { choice: 'radioNetwork', value: 'unspecified' },
    applies: (_, { securityKey }) => securityKey !== undefined,
  },
];

/**
 * New bit rates, GUAMI or AMF-UE-NGAP-ID for a UE; all of the request holds, or nothing of it [TS38413 8.3.4]. What
 * concerns radio (RFSP, paging, inactive state, emergency fallback, radio capability) has no meaning here and is
 * ignored [TS29413 5.3].
 */
export function onUeContextModificationRequest(
  node: Node,
  ue: UeContext,
  ies: Request,
  report: Report,
): void {
  const refused = refusals.find((refusal) => refusal.applies(ue, ies));
  ies.securityKey?.bits.fill(0);
  if (refused !== undefined) {
    sendFailure(node, ies, refused.cause, report);
    return;
  }
  ue.bitRate = ies.ueAggregateMaximumBitRate ?? ue.bitRate;
  if (ies.newGuami !== undefined) ue.guami = guamiOfNgap(ies.newGuami);
  const amfUeNgapId = ies.newAmfUeNgapId ?? ies.amfUeNgapId;
  ue.amfUeNgapId = amfUeNgapId;
  node.sendN2({
    message: 'UEContextModificationResponse',
    ies: {
      amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      userLocationInformation: node.locate(ue.remote),
      ...report,
    },
  });
}

/** The number from before goes back: the new one was not taken. */
function sendFailure(node: Node, { amfUeNgapId, ranUeNgapId }: Request, cause: Cause, report: Report): void {
  node.sendN2({
    message: 'UEContextModificationFailure',
    ies: { amfUeNgapId, ranUeNgapId, cause, ...report },
  });
}
