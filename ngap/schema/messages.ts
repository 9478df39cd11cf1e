/** Messages of TS 38.413 9.2: the IEs of each with id, criticality and presence, in the order of the specification. */
import {
  anyValue,
  container,
  extensions,
  mandatory,
  maybe,
  octetString,
  opaqueContainer,
  optional,
  sequence,
  sequenceOf,
} from '../aper/build.ts';
import type { Asn, ValueOf } from '../aper/types.ts';
import * as ie from './ies.ts';

const ieExtensions = extensions;
const opaque = opaqueContainer();
const transfer = octetString();
const { pduSessionId, nasPdu, sNssai } = ie;
const sessions = <T>(item: Asn<T>) => sequenceOf(item, 1, 256);

const failed = sequence({
  pduSessionId,
  pduSessionResourceSetupUnsuccessfulTransfer: transfer,
  ieExtensions,
});
const done = sequence({ pduSessionId, pduSessionResourceSetupResponseTransfer: transfer, ieExtensions });
const named = sequence({ pduSessionId, ieExtensions });

const bothIds = {
  amfUeNgapId: mandatory(10, 'reject', ie.amfUeNgapId),
  ranUeNgapId: mandatory(85, 'reject', ie.ranUeNgapId),
} as const;
/** Responses carry the ids with criticality ignore. */
const bothIdsBack = {
  amfUeNgapId: mandatory(10, 'ignore', ie.amfUeNgapId),
  ranUeNgapId: mandatory(85, 'ignore', ie.ranUeNgapId),
} as const;
const diagnostics = maybe(19, 'ignore', ie.criticalityDiagnostics);
const updateFailure = {
  cause: mandatory(15, 'ignore', ie.cause),
  timeToWait: maybe(107, 'ignore', ie.timeToWait),
  criticalityDiagnostics: diagnostics,
} as const;
const location = maybe(121, 'ignore', ie.userLocationInformation);

export const messages = {
  NGSetupRequest: container({
    globalRanNodeId: mandatory(27, 'reject', ie.globalRanNodeId),
    ranNodeName: maybe(82, 'ignore', ie.ranNodeName),
    supportedTaList: mandatory(102, 'reject', ie.supportedTaList),
    defaultPagingDrx: mandatory(21, 'ignore', ie.pagingDrx),
    ueRetentionInformation: maybe(147, 'ignore', ie.ueRetentionInformation),
  }),
  NGSetupResponse: container({
    amfName: mandatory(1, 'reject', ie.amfName),
    servedGuamiList: mandatory(96, 'reject', ie.servedGuamiList),
    relativeAmfCapacity: mandatory(86, 'ignore', ie.relativeAmfCapacity),
    plmnSupportList: mandatory(80, 'reject', ie.plmnSupportList),
    criticalityDiagnostics: diagnostics,
    ueRetentionInformation: maybe(147, 'ignore', ie.ueRetentionInformation),
  }),
  NGSetupFailure: container({
    cause: mandatory(15, 'ignore', ie.cause),
    timeToWait: maybe(107, 'ignore', ie.timeToWait),
    criticalityDiagnostics: diagnostics,
  }),
  NGReset: container({
    cause: mandatory(15, 'ignore', ie.cause),
    resetType: mandatory(88, 'reject', ie.resetType),
  }),
  NGResetAcknowledge: container({
    ueAssociatedLogicalNgConnectionList: maybe(111, 'ignore', ie.logicalConnectionList),
    criticalityDiagnostics: diagnostics,
  }),
  ErrorIndication: container({
    amfUeNgapId: maybe(10, 'ignore', ie.amfUeNgapId),
    ranUeNgapId: maybe(85, 'ignore', ie.ranUeNgapId),
    cause: maybe(15, 'ignore', ie.cause),
    criticalityDiagnostics: diagnostics,
    fiveGSTmsi: maybe(26, 'ignore', ie.fiveGSTmsi),
  }),
  InitialUEMessage: container({
    ranUeNgapId: mandatory(85, 'reject', ie.ranUeNgapId),
    nasPdu: mandatory(38, 'reject', nasPdu),
    userLocationInformation: mandatory(121, 'reject', ie.userLocationInformation),
    rrcEstablishmentCause: mandatory(90, 'ignore', ie.rrcEstablishmentCause),
    fiveGSTmsi: maybe(26, 'reject', ie.fiveGSTmsi),
    amfSetId: maybe(3, 'ignore', ie.amfSetId),
    ueContextRequest: maybe(112, 'ignore', ie.ueContextRequest),
    allowedNssai: maybe(0, 'reject', ie.allowedNssai),
    selectedPlmnIdentity: maybe(174, 'ignore', ie.plmnIdentity),
  }),
  DownlinkNASTransport: container({
    ...bothIds,
    oldAmf: maybe(48, 'reject', ie.amfName),
    ranPagingPriority: maybe(83, 'ignore', ie.ranPagingPriority),
    nasPdu: mandatory(38, 'reject', nasPdu),
    mobilityRestrictionList: maybe(36, 'ignore', anyValue),
    indexToRfsp: maybe(31, 'ignore', ie.indexToRfsp),
    ueAggregateMaximumBitRate: maybe(110, 'ignore', ie.ueAggregateMaximumBitRate),
    allowedNssai: maybe(0, 'reject', ie.allowedNssai),
  }),
  UplinkNASTransport: container({
    ...bothIds,
    nasPdu: mandatory(38, 'reject', nasPdu),
    userLocationInformation: mandatory(121, 'ignore', ie.userLocationInformation),
  }),
  InitialContextSetupRequest: container({
    ...bothIds,
    oldAmf: maybe(48, 'reject', ie.amfName),
    ueAggregateMaximumBitRate: maybe(110, 'reject', ie.ueAggregateMaximumBitRate),
    coreNetworkAssistanceInformationForInactive: maybe(18, 'ignore', anyValue),
    guami: mandatory(28, 'reject', ie.guami),
    pduSessionResourceSetupListCxtReq: maybe(
      71,
      'reject',
      sessions(
        sequence({
          pduSessionId,
          nasPdu: optional(nasPdu),
          sNssai,
          pduSessionResourceSetupRequestTransfer: transfer,
          ieExtensions,
        }),
      ),
    ),
    allowedNssai: mandatory(0, 'reject', ie.allowedNssai),
    ueSecurityCapabilities: mandatory(119, 'reject', ie.ueSecurityCapabilities),
    securityKey: mandatory(94, 'reject', ie.securityKey),
    traceActivation: maybe(108, 'ignore', ie.traceActivation),
    mobilityRestrictionList: maybe(36, 'ignore', anyValue),
    ueRadioCapability: maybe(117, 'ignore', anyValue),
    indexToRfsp: maybe(31, 'ignore', ie.indexToRfsp),
    maskedImeisv: maybe(34, 'ignore', ie.maskedImeisv),
    nasPdu: maybe(38, 'ignore', nasPdu),
    emergencyFallbackIndicator: maybe(24, 'reject', ie.emergencyFallbackIndicator),
  }),
  InitialContextSetupResponse: container({
    ...bothIdsBack,
    pduSessionResourceSetupListCxtRes: maybe(72, 'ignore', sessions(done)),
    pduSessionResourceFailedToSetupListCxtRes: maybe(55, 'ignore', sessions(failed)),
    criticalityDiagnostics: diagnostics,
  }),
  InitialContextSetupFailure: container({
    ...bothIdsBack,
    pduSessionResourceFailedToSetupListCxtFail: maybe(132, 'ignore', sessions(failed)),
    cause: mandatory(15, 'ignore', ie.cause),
    criticalityDiagnostics: diagnostics,
  }),
  PDUSessionResourceSetupRequest: container({
    ...bothIds,
    ranPagingPriority: maybe(83, 'ignore', ie.ranPagingPriority),
    nasPdu: maybe(38, 'reject', nasPdu),
    pduSessionResourceSetupListSUReq: mandatory(
      74,
      'reject',
      sessions(
        sequence({
          pduSessionId,
          pduSessionNasPdu: optional(nasPdu),
          sNssai,
          pduSessionResourceSetupRequestTransfer: transfer,
          ieExtensions,
        }),
      ),
    ),
    ueAggregateMaximumBitRate: maybe(110, 'ignore', ie.ueAggregateMaximumBitRate),
  }),
  PDUSessionResourceSetupResponse: container({
    ...bothIdsBack,
    pduSessionResourceSetupListSURes: maybe(75, 'ignore', sessions(done)),
    pduSessionResourceFailedToSetupListSURes: maybe(58, 'ignore', sessions(failed)),
    criticalityDiagnostics: diagnostics,
    userLocationInformation: location,
  }),
  PDUSessionResourceReleaseCommand: container({
    ...bothIds,
    ranPagingPriority: maybe(83, 'ignore', ie.ranPagingPriority),
    nasPdu: maybe(38, 'ignore', nasPdu),
    pduSessionResourceToReleaseListRelCmd: mandatory(
      79,
      'reject',
      sessions(sequence({ pduSessionId, pduSessionResourceReleaseCommandTransfer: transfer, ieExtensions })),
    ),
  }),
  PDUSessionResourceReleaseResponse: container({
    ...bothIdsBack,
    pduSessionResourceReleasedListRelRes: mandatory(
      70,
      'ignore',
      sessions(sequence({ pduSessionId, pduSessionResourceReleaseResponseTransfer: transfer, ieExtensions })),
    ),
    userLocationInformation: location,
    criticalityDiagnostics: diagnostics,
  }),
  UEContextReleaseRequest: container({
    ...bothIds,
    pduSessionResourceListCxtRelReq: maybe(133, 'reject', sessions(named)),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  UEContextReleaseCommand: container({
    ueNgapIds: mandatory(114, 'reject', ie.ueNgapIds),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  UEContextReleaseComplete: container({
    ...bothIdsBack,
    userLocationInformation: location,
    infoOnRecommendedCellsAndRanNodesForPaging: maybe(32, 'ignore', anyValue),
    pduSessionResourceListCxtRelCpl: maybe(60, 'reject', sessions(named)),
    criticalityDiagnostics: diagnostics,
  }),
  PDUSessionResourceModifyRequest: container({
    ...bothIds,
    ranPagingPriority: maybe(83, 'ignore', ie.ranPagingPriority),
    pduSessionResourceModifyListModReq: mandatory(
      64,
      'reject',
      sessions(
        sequence({
          pduSessionId,
          nasPdu: optional(nasPdu),
          pduSessionResourceModifyRequestTransfer: transfer,
          ieExtensions,
        }),
      ),
    ),
  }),
  PDUSessionResourceModifyResponse: container({
    ...bothIdsBack,
    pduSessionResourceModifyListModRes: maybe(
      65,
      'ignore',
      sessions(sequence({ pduSessionId, pduSessionResourceModifyResponseTransfer: transfer, ieExtensions })),
    ),
    pduSessionResourceFailedToModifyListModRes: maybe(
      54,
      'ignore',
      sessions(
        sequence({ pduSessionId, pduSessionResourceModifyUnsuccessfulTransfer: transfer, ieExtensions }),
      ),
    ),
    userLocationInformation: location,
    criticalityDiagnostics: diagnostics,
  }),
  PDUSessionResourceNotify: container({
    ...bothIds,
    pduSessionResourceNotifyList: maybe(
      66,
      'reject',
      sessions(sequence({ pduSessionId, pduSessionResourceNotifyTransfer: transfer, ieExtensions })),
    ),
    pduSessionResourceReleasedListNot: maybe(
      67,
      'ignore',
      sessions(sequence({ pduSessionId, pduSessionResourceNotifyReleasedTransfer: transfer, ieExtensions })),
    ),
    userLocationInformation: location,
  }),
  PDUSessionResourceModifyIndication: container({
    ...bothIds,
    pduSessionResourceModifyListModInd: mandatory(
      63,
      'reject',
      sessions(
        sequence({ pduSessionId, pduSessionResourceModifyIndicationTransfer: transfer, ieExtensions }),
      ),
    ),
    userLocationInformation: location,
  }),
  PDUSessionResourceModifyConfirm: container({
    ...bothIdsBack,
    pduSessionResourceModifyListModCfm: maybe(
      62,
      'ignore',
      sessions(sequence({ pduSessionId, pduSessionResourceModifyConfirmTransfer: transfer, ieExtensions })),
    ),
    pduSessionResourceFailedToModifyListModCfm: maybe(
      131,
      'ignore',
      sessions(
        sequence({
          pduSessionId,
          pduSessionResourceModifyIndicationUnsuccessfulTransfer: transfer,
          ieExtensions,
        }),
      ),
    ),
    criticalityDiagnostics: diagnostics,
  }),
  UEContextModificationRequest: container({
    ...bothIds,
    ranPagingPriority: maybe(83, 'ignore', ie.ranPagingPriority),
    securityKey: maybe(94, 'reject', ie.securityKey),
    indexToRfsp: maybe(31, 'ignore', ie.indexToRfsp),
    ueAggregateMaximumBitRate: maybe(110, 'ignore', ie.ueAggregateMaximumBitRate),
    ueSecurityCapabilities: maybe(119, 'reject', ie.ueSecurityCapabilities),
    coreNetworkAssistanceInformationForInactive: maybe(18, 'ignore', anyValue),
    emergencyFallbackIndicator: maybe(24, 'reject', ie.emergencyFallbackIndicator),
    newAmfUeNgapId: maybe(40, 'reject', ie.amfUeNgapId),
    rrcInactiveTransitionReportRequest: maybe(91, 'ignore', ie.rrcInactiveTransitionReportRequest),
    newGuami: maybe(162, 'reject', ie.guami),
  }),
  UEContextModificationResponse: container({
    ...bothIdsBack,
    rrcState: maybe(92, 'ignore', ie.rrcState),
    userLocationInformation: location,
    criticalityDiagnostics: diagnostics,
  }),
  UEContextModificationFailure: container({
    ...bothIdsBack,
    cause: mandatory(15, 'ignore', ie.cause),
    criticalityDiagnostics: diagnostics,
  }),
  AMFConfigurationUpdate: container({
    amfName: maybe(1, 'reject', ie.amfName),
    servedGuamiList: maybe(96, 'reject', ie.servedGuamiList),
    relativeAmfCapacity: maybe(86, 'ignore', ie.relativeAmfCapacity),
    plmnSupportList: maybe(80, 'reject', ie.plmnSupportList),
    amfTnlAssociationToAddList: maybe(6, 'ignore', ie.amfTnlAssociationToAddList),
    amfTnlAssociationToRemoveList: maybe(7, 'ignore', ie.amfTnlAssociationToRemoveList),
    amfTnlAssociationToUpdateList: maybe(8, 'ignore', ie.amfTnlAssociationToUpdateList),
  }),
  AMFConfigurationUpdateAcknowledge: container({
    amfTnlAssociationSetupList: maybe(5, 'ignore', ie.amfTnlAssociationSetupList),
    amfTnlAssociationFailedToSetupList: maybe(4, 'ignore', ie.tnlAssociationList),
    criticalityDiagnostics: diagnostics,
  }),
  AMFConfigurationUpdateFailure: container(updateFailure),
  RANConfigurationUpdate: container({
    ranNodeName: maybe(82, 'ignore', ie.ranNodeName),
    supportedTaList: maybe(102, 'reject', ie.supportedTaList),
    defaultPagingDrx: maybe(21, 'ignore', ie.pagingDrx),
    globalRanNodeId: maybe(27, 'ignore', ie.globalRanNodeId),
    ngranTnlAssociationToRemoveList: maybe(167, 'reject', ie.ngranTnlAssociationToRemoveList),
  }),
  RANConfigurationUpdateAcknowledge: container({ criticalityDiagnostics: diagnostics }),
  RANConfigurationUpdateFailure: container(updateFailure),
  OverloadStart: container({
    amfOverloadResponse: maybe(2, 'reject', ie.overloadResponse),
    amfTrafficLoadReductionIndication: maybe(9, 'ignore', ie.trafficLoadReductionIndication),
    overloadStartNssaiList: maybe(49, 'ignore', ie.overloadStartNssaiList),
  }),
  OverloadStop: container({}),
  AMFStatusIndication: container({
    unavailableGuamiList: mandatory(120, 'reject', ie.unavailableGuamiList),
  }),
  NASNonDeliveryIndication: container({
    ...bothIds,
    nasPdu: mandatory(38, 'ignore', nasPdu),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  RerouteNASRequest: container({
    ranUeNgapId: mandatory(85, 'reject', ie.ranUeNgapId),
    amfUeNgapId: maybe(10, 'ignore', ie.amfUeNgapId),
    ngapMessage: mandatory(42, 'reject', octetString()),
    amfSetId: mandatory(3, 'reject', ie.amfSetId),
    allowedNssai: maybe(0, 'reject', ie.allowedNssai),
    sourceToTargetAmfInformationReroute: maybe(171, 'ignore', anyValue),
  }),
  UETNLABindingReleaseRequest: container(bothIds),
  LocationReportingControl: container({
    ...bothIds,
    locationReportingRequestType: mandatory(33, 'ignore', ie.locationReportingRequestType),
  }),
  LocationReportingFailureIndication: container({ ...bothIds, cause: mandatory(15, 'ignore', ie.cause) }),
  LocationReport: container({
    ...bothIds,
    userLocationInformation: mandatory(121, 'ignore', ie.userLocationInformation),
    uePresenceInAreaOfInterestList: maybe(116, 'ignore', ie.uePresenceInAreaOfInterestList),
    locationReportingRequestType: mandatory(33, 'ignore', ie.locationReportingRequestType),
  }),
  TraceStart: container({ ...bothIds, traceActivation: mandatory(108, 'ignore', ie.traceActivation) }),
  TraceFailureIndication: container({
    ...bothIds,
    ngranTraceId: mandatory(44, 'ignore', ie.ngranTraceId),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  DeactivateTrace: container({ ...bothIds, ngranTraceId: mandatory(44, 'ignore', ie.ngranTraceId) }),
  Paging: container({
    uePagingIdentity: mandatory(115, 'ignore', ie.uePagingIdentity),
    pagingDrx: maybe(50, 'ignore', ie.pagingDrx),
    taiListForPaging: mandatory(103, 'ignore', ie.taiListForPaging),
    pagingPriority: maybe(52, 'ignore', ie.pagingPriority),
    ueRadioCapabilityForPaging: maybe(118, 'ignore', anyValue),
    pagingOrigin: maybe(51, 'ignore', ie.pagingOrigin),
    assistanceDataForPaging: maybe(11, 'ignore', anyValue),
  }),

  // Messages that TS 29.413 keeps from non-3GPP access: the outer structure, every IE as it came.
  CellTrafficTrace: opaque,
  DownlinkNonUEAssociatedNRPPaTransport: opaque,
  DownlinkRANConfigurationTransfer: opaque,
  DownlinkRANStatusTransfer: opaque,
  DownlinkUEAssociatedNRPPaTransport: opaque,
  HandoverCancel: opaque,
  HandoverCancelAcknowledge: opaque,
  HandoverNotify: opaque,
  HandoverRequired: opaque,
  HandoverCommand: opaque,
  HandoverPreparationFailure: opaque,
  HandoverRequest: opaque,
  HandoverRequestAcknowledge: opaque,
  HandoverFailure: opaque,
  PathSwitchRequest: opaque,
  PathSwitchRequestAcknowledge: opaque,
  PathSwitchRequestFailure: opaque,
  PWSCancelRequest: opaque,
  PWSCancelResponse: opaque,
  PWSFailureIndication: opaque,
  PWSRestartIndication: opaque,
  RRCInactiveTransitionReport: opaque,
  UERadioCapabilityCheckRequest: opaque,
  UERadioCapabilityCheckResponse: opaque,
  UERadioCapabilityInfoIndication: opaque,
  UplinkNonUEAssociatedNRPPaTransport: opaque,
  UplinkRANConfigurationTransfer: opaque,
  UplinkRANStatusTransfer: opaque,
  UplinkUEAssociatedNRPPaTransport: opaque,
  WriteReplaceWarningRequest: opaque,
  WriteReplaceWarningResponse: opaque,
  SecondaryRATDataUsageReport: opaque,
  UplinkRIMInformationTransfer: opaque,
  DownlinkRIMInformationTransfer: opaque,
  RetrieveUEInformation: opaque,
  UEInformationTransfer: opaque,
  RANCPRelocationIndication: opaque,
  UEContextResumeRequest: opaque,
  UEContextResumeResponse: opaque,
  UEContextResumeFailure: opaque,
  UEContextSuspendRequest: opaque,
  UEContextSuspendResponse: opaque,
  UEContextSuspendFailure: opaque,
  UERadioCapabilityIDMappingRequest: opaque,
  UERadioCapabilityIDMappingResponse: opaque,
  HandoverSuccess: opaque,
  UplinkRANEarlyStatusTransfer: opaque,
  DownlinkRANEarlyStatusTransfer: opaque,
  AMFCPRelocationIndication: opaque,
  ConnectionEstablishmentIndication: opaque,
  BroadcastSessionModificationRequest: opaque,
  BroadcastSessionModificationResponse: opaque,
  BroadcastSessionModificationFailure: opaque,
  BroadcastSessionReleaseRequest: opaque,
  BroadcastSessionReleaseResponse: opaque,
  BroadcastSessionSetupRequest: opaque,
  BroadcastSessionSetupResponse: opaque,
  BroadcastSessionSetupFailure: opaque,
  DistributionSetupRequest: opaque,
  DistributionSetupResponse: opaque,
  DistributionSetupFailure: opaque,
  DistributionReleaseRequest: opaque,
  DistributionReleaseResponse: opaque,
  MulticastSessionActivationRequest: opaque,
  MulticastSessionActivationResponse: opaque,
  MulticastSessionActivationFailure: opaque,
  MulticastSessionDeactivationRequest: opaque,
  MulticastSessionDeactivationResponse: opaque,
  MulticastSessionUpdateRequest: opaque,
  MulticastSessionUpdateResponse: opaque,
  MulticastSessionUpdateFailure: opaque,
  MulticastGroupPaging: opaque,
  BroadcastSessionReleaseRequired: opaque,
} as const;

export type MessageName = keyof typeof messages;
/** The IEs of a message, by name. */
export type MessageIes<M extends MessageName> = ValueOf<(typeof messages)[M]>;
