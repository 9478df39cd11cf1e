/** Elementary procedures of TS 38.413 8: which messages belong together, and how much each matters. */
import type { Criticality } from '../aper/types.ts';
import type { MessageName } from './messages.ts';

/** An elementary procedure: its code, its criticality and the message of each kind [TS38413 9.4.4]. */
export interface Procedure {
  readonly name: string;
  readonly code: number;
  readonly criticality: Criticality;
  readonly initiating: MessageName;
  readonly successful?: MessageName;
  readonly unsuccessful?: MessageName;
}

/** A row: a procedure without a response (class 2) has its one message alone. */
function procedure(
  name: string,
  code: number,
  criticality: Criticality,
  initiating: MessageName,
  successful?: MessageName,
  unsuccessful?: MessageName,
): Procedure {
  return {
    name,
    code,
    criticality,
    initiating,
    ...(successful === undefined ? {} : { successful }),
    ...(unsuccessful === undefined ? {} : { unsuccessful }),
  };
}

/** All of Release 17 but the private message, by code. */
export const procedures: readonly Procedure[] = [
  procedure(
    'AMFConfigurationUpdate',
    0,
    'reject',
    'AMFConfigurationUpdate',
    'AMFConfigurationUpdateAcknowledge',
    'AMFConfigurationUpdateFailure',
  ),
  procedure('AMFStatusIndication', 1, 'ignore', 'AMFStatusIndication'),
  procedure('CellTrafficTrace', 2, 'ignore', 'CellTrafficTrace'),
  procedure('DeactivateTrace', 3, 'ignore', 'DeactivateTrace'),
  procedure('DownlinkNASTransport', 4, 'ignore', 'DownlinkNASTransport'),
  procedure('DownlinkNonUEAssociatedNRPPaTransport', 5, 'ignore', 'DownlinkNonUEAssociatedNRPPaTransport'),
  procedure('DownlinkRANConfigurationTransfer', 6, 'ignore', 'DownlinkRANConfigurationTransfer'),
  procedure('DownlinkRANStatusTransfer', 7, 'ignore', 'DownlinkRANStatusTransfer'),
  procedure('DownlinkUEAssociatedNRPPaTransport', 8, 'ignore', 'DownlinkUEAssociatedNRPPaTransport'),
  procedure('ErrorIndication', 9, 'ignore', 'ErrorIndication'),
  procedure('HandoverCancel', 10, 'reject', 'HandoverCancel', 'HandoverCancelAcknowledge'),
  procedure('HandoverNotification', 11, 'ignore', 'HandoverNotify'),
  procedure(
    'HandoverPreparation',
    12,
    'reject',
    'HandoverRequired',
    'HandoverCommand',
    'HandoverPreparationFailure',
  ),
  procedure(
    'HandoverResourceAllocation',
    13,
    'reject',
    'HandoverRequest',
    'HandoverRequestAcknowledge',
    'HandoverFailure',
  ),
  procedure(
    'InitialContextSetup',
    14,
    'reject',
    'InitialContextSetupRequest',
    'InitialContextSetupResponse',
    'InitialContextSetupFailure',
  ),
  procedure('InitialUEMessage', 15, 'ignore', 'InitialUEMessage'),
  procedure('LocationReportingControl', 16, 'ignore', 'LocationReportingControl'),
  procedure('LocationReportingFailureIndication', 17, 'ignore', 'LocationReportingFailureIndication'),
  procedure('LocationReport', 18, 'ignore', 'LocationReport'),
  procedure('NASNonDeliveryIndication', 19, 'ignore', 'NASNonDeliveryIndication'),
  procedure('NGReset', 20, 'reject', 'NGReset', 'NGResetAcknowledge'),
  procedure('NGSetup', 21, 'reject', 'NGSetupRequest', 'NGSetupResponse', 'NGSetupFailure'),
  procedure('OverloadStart', 22, 'ignore', 'OverloadStart'),
  procedure('OverloadStop', 23, 'reject', 'OverloadStop'),
  procedure('Paging', 24, 'ignore', 'Paging'),
  procedure(
    'PathSwitchRequest',
    25,
    'reject',
    'PathSwitchRequest',
    'PathSwitchRequestAcknowledge',
    'PathSwitchRequestFailure',
  ),
  procedure(
    'PDUSessionResourceModify',
    26,
    'reject',
    'PDUSessionResourceModifyRequest',
    'PDUSessionResourceModifyResponse',
  ),
  procedure(
    'PDUSessionResourceModifyIndication',
    27,
    'reject',
    'PDUSessionResourceModifyIndication',
    'PDUSessionResourceModifyConfirm',
  ),
  procedure(
    'PDUSessionResourceRelease',
    28,
    'reject',
    'PDUSessionResourceReleaseCommand',
    'PDUSessionResourceReleaseResponse',
  ),
  procedure(
    'PDUSessionResourceSetup',
    29,
    'reject',
    'PDUSessionResourceSetupRequest',
    'PDUSessionResourceSetupResponse',
  ),
  procedure('PDUSessionResourceNotify', 30, 'ignore', 'PDUSessionResourceNotify'),
  procedure('PWSCancel', 32, 'reject', 'PWSCancelRequest', 'PWSCancelResponse'),
  procedure('PWSFailureIndication', 33, 'ignore', 'PWSFailureIndication'),
  procedure('PWSRestartIndication', 34, 'ignore', 'PWSRestartIndication'),
  procedure(
    'RANConfigurationUpdate',
    35,
    'reject',
    'RANConfigurationUpdate',
    'RANConfigurationUpdateAcknowledge',
    'RANConfigurationUpdateFailure',
  ),
  procedure('RerouteNASRequest', 36, 'reject', 'RerouteNASRequest'),
  procedure('RRCInactiveTransitionReport', 37, 'ignore', 'RRCInactiveTransitionReport'),
  procedure('TraceFailureIndication', 38, 'ignore', 'TraceFailureIndication'),
  procedure('TraceStart', 39, 'ignore', 'TraceStart'),
  procedure(
    'UEContextModification',
    40,
    'reject',
    'UEContextModificationRequest',
    'UEContextModificationResponse',
    'UEContextModificationFailure',
  ),
  procedure('UEContextRelease', 41, 'reject', 'UEContextReleaseCommand', 'UEContextReleaseComplete'),
  procedure('UEContextReleaseRequest', 42, 'ignore', 'UEContextReleaseRequest'),
  procedure(
    'UERadioCapabilityCheck',
    43,
    'reject',
    'UERadioCapabilityCheckRequest',
    'UERadioCapabilityCheckResponse',
  ),
  procedure('UERadioCapabilityInfoIndication', 44, 'ignore', 'UERadioCapabilityInfoIndication'),
  procedure('UETNLABindingRelease', 45, 'ignore', 'UETNLABindingReleaseRequest'),
  procedure('UplinkNASTransport', 46, 'ignore', 'UplinkNASTransport'),
  procedure('UplinkNonUEAssociatedNRPPaTransport', 47, 'ignore', 'UplinkNonUEAssociatedNRPPaTransport'),
  procedure('UplinkRANConfigurationTransfer', 48, 'ignore', 'UplinkRANConfigurationTransfer'),
  procedure('UplinkRANStatusTransfer', 49, 'ignore', 'UplinkRANStatusTransfer'),
  procedure('UplinkUEAssociatedNRPPaTransport', 50, 'ignore', 'UplinkUEAssociatedNRPPaTransport'),
  procedure('WriteReplaceWarning', 51, 'reject', 'WriteReplaceWarningRequest', 'WriteReplaceWarningResponse'),
  procedure('SecondaryRATDataUsageReport', 52, 'ignore', 'SecondaryRATDataUsageReport'),
  procedure('UplinkRIMInformationTransfer', 53, 'ignore', 'UplinkRIMInformationTransfer'),
  procedure('DownlinkRIMInformationTransfer', 54, 'ignore', 'DownlinkRIMInformationTransfer'),
  procedure('RetrieveUEInformation', 55, 'reject', 'RetrieveUEInformation'),
  procedure('UEInformationTransfer', 56, 'reject', 'UEInformationTransfer'),
  procedure('RANCPRelocationIndication', 57, 'reject', 'RANCPRelocationIndication'),
  procedure(
    'UEContextResume',
    58,
    'reject',
    'UEContextResumeRequest',
    'UEContextResumeResponse',
    'UEContextResumeFailure',
  ),
  procedure(
    'UEContextSuspend',
    59,
    'reject',
    'UEContextSuspendRequest',
    'UEContextSuspendResponse',
    'UEContextSuspendFailure',
  ),
  procedure(
    'UERadioCapabilityIDMapping',
    60,
    'reject',
    'UERadioCapabilityIDMappingRequest',
    'UERadioCapabilityIDMappingResponse',
  ),
  procedure('HandoverSuccess', 61, 'ignore', 'HandoverSuccess'),
  procedure('UplinkRANEarlyStatusTransfer', 62, 'reject', 'UplinkRANEarlyStatusTransfer'),
  procedure('DownlinkRANEarlyStatusTransfer', 63, 'ignore', 'DownlinkRANEarlyStatusTransfer'),
  procedure('AMFCPRelocationIndication', 64, 'reject', 'AMFCPRelocationIndication'),
  procedure('ConnectionEstablishmentIndication', 65, 'reject', 'ConnectionEstablishmentIndication'),
  procedure(
    'BroadcastSessionModification',
    66,
    'reject',
    'BroadcastSessionModificationRequest',
    'BroadcastSessionModificationResponse',
    'BroadcastSessionModificationFailure',
  ),
  procedure(
    'BroadcastSessionRelease',
    67,
    'reject',
    'BroadcastSessionReleaseRequest',
    'BroadcastSessionReleaseResponse',
  ),
  procedure(
    'BroadcastSessionSetup',
    68,
    'reject',
    'BroadcastSessionSetupRequest',
    'BroadcastSessionSetupResponse',
    'BroadcastSessionSetupFailure',
  ),
  procedure(
    'DistributionSetup',
    69,
    'reject',
    'DistributionSetupRequest',
    'DistributionSetupResponse',
    'DistributionSetupFailure',
  ),
  procedure('DistributionRelease', 70, 'reject', 'DistributionReleaseRequest', 'DistributionReleaseResponse'),
  procedure(
    'MulticastSessionActivation',
    71,
    'reject',
    'MulticastSessionActivationRequest',
    'MulticastSessionActivationResponse',
    'MulticastSessionActivationFailure',
  ),
  procedure(
    'MulticastSessionDeactivation',
    72,
    'reject',
    'MulticastSessionDeactivationRequest',
    'MulticastSessionDeactivationResponse',
  ),
  procedure(
    'MulticastSessionUpdate',
    73,
    'reject',
    'MulticastSessionUpdateRequest',
    'MulticastSessionUpdateResponse',
    'MulticastSessionUpdateFailure',
  ),
  procedure('MulticastGroupPaging', 74, 'ignore', 'MulticastGroupPaging'),
  procedure('BroadcastSessionReleaseRequired', 75, 'reject', 'BroadcastSessionReleaseRequired'),
];

/** What a PDU is within its procedure, in the order of the index on the wire. */
export const kinds = ['initiating', 'successful', 'unsuccessful'] as const;
/** A request or message without an answer, its success, or its failure. */
export type Kind = (typeof kinds)[number];

/** A message's procedure, and what the message is in it. */
interface Place {
  readonly procedure: Procedure;
  readonly kind: Kind;
}

/** Where each message stands among the procedures. */
export const placeOf: ReadonlyMap<MessageName, Place> = new Map(
  procedures.flatMap((procedure) =>
    kinds.flatMap((kind): [MessageName, Place][] => {
      const message = procedure[kind];
      return message === undefined ? [] : [[message, { procedure, kind }]];
    }),
  ),
);

/** Every procedure by the code that stands in its PDUs. */
export const procedureOfCode: ReadonlyMap<number, Procedure> = new Map(
  procedures.map((procedure) => [procedure.code, procedure]),
);
