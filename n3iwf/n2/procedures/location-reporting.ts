import type { Cause, MessageIes } from '#ngap';
import type { Node } from '../../node.ts';
import type { UeContext } from '../../ue/context.ts';

type RequestType = MessageIes<'LocationReportingControl'>['locationReportingRequestType'];

/** What each kind of request means where a UE's place is an outer address: there are no cells and no areas. */
const reactions: Readonly<
  Partial<Record<RequestType['eventType'], 'once' | 'always' | 'stop' | 'impossible'>>
> = {
  direct: 'once',
  'change-of-serve-cell': 'always',
  'stop-change-of-serve-cell': 'stop',
  'cancel-location-reporting-for-the-ue': 'stop',
  'ue-presence-in-area-of-interest': 'impossible',
  'stop-ue-presence-in-area-of-interest': 'stop',
};

/** Why a request is refused. */
const causes = {
  impossible: { choice: 'radioNetwork', value: 'unspecified' },
  repeated: { choice: 'radioNetwork', value: 'multiple-location-reporting-reference-ID-instances' },
} as const satisfies Record<string, Cause>;

/** Reports where the UE is, at once or at every change; what an N3IWF cannot tell is answered as failed [TS38413 8.12.1]. */
export function onLocationReportingControl(
  node: Node,
  ue: UeContext,
  ies: MessageIes<'LocationReportingControl'>,
): void {
  // its criticality is ignore: a message without it asks for nothing
  const request = ies.locationReportingRequestType as RequestType | undefined;
  if (request === undefined) return;
  const reaction = reactions[request.eventType] ?? 'impossible';
  if (hasRepeatedReference(request)) sendFailure(node, ue, causes.repeated);
  else if (reaction === 'impossible') sendFailure(node, ue, causes.impossible);
  else if (reaction === 'stop') ue.locationRequest = undefined;
  else {
    if (reaction === 'always') ue.locationRequest = request;
    sendReport(node, ue, request);
  }
}

/** The UE is heard from elsewhere: told when the AMF asked to hear of it [TS38413 8.12.3]. */
export function reportNewLocation(node: Node, ue: UeContext): void {
  if (ue.locationRequest !== undefined) sendReport(node, ue, ue.locationRequest);
}

/** The AMF could not tell two areas with one reference apart, so the standard refuses them. */
function hasRepeatedReference({ areaOfInterestList = [] }: RequestType): boolean {
  const ids = areaOfInterestList.map((area) => area.locationReportingReferenceId);
  return new Set(ids).size < ids.length;
}

/** Where the UE is, with the request that asked for it, by which the AMF knows what it is an answer to. */
function sendReport(node: Node, ue: UeContext, locationReportingRequestType: RequestType): void {
  if (ue.amfUeNgapId === undefined) return;
  const { amfUeNgapId, ranUeNgapId } = ue;
  const userLocationInformation = node.locate(ue.remote);
  node.sendN2({
    message: 'LocationReport',
    ies: { amfUeNgapId, ranUeNgapId, userLocationInformation, locationReportingRequestType },
  });
}

/** The request will not be served. */
function sendFailure(node: Node, { amfUeNgapId, ranUeNgapId }: UeContext, cause: Cause): void {
  if (amfUeNgapId === undefined) return;
  node.sendN2({ message: 'LocationReportingFailureIndication', ies: { amfUeNgapId, ranUeNgapId, cause } });
}
