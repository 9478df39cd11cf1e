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

/** Named as the ASN.1 names the component, for the short form of a property. */
const ieExtensions = extensions;
const opaque = opaqueContainer();
/** A container between SMF and node, which the AMF passes on unread; transfers.ts has what is in it. */
const transfer = octetString();
const { pduSessionId, nasPdu, sNssai } = ie;
/** A list of up to 256 sessions, the most that a UE has. */
const sessions = <T>(item: Asn<T>) => sequenceOf(item, 1, 256);

const failed = sequence({
  pduSessionId,
  pduSessionResourceSetupUnsuccessfulTransfer: transfer,
  ieExtensions,
});
const done = sequence({ pduSessionId, pduSessionResourceSetupResponseTransfer: transfer, ieExtensions });
const named = sequence({ pduSessionId, ieExtensions });

/** Requests about one UE carry both of its numbers, and are nothing without them. */
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

/**
 * Every message of Release 17 by its name in the standard. Those that an N3IWF has no part in are `opaque`: they are
 * decoded as far as their IEs, so that they can be answered as what they are.
 */
export const messages = {
  // 9.2.6.1, node → AMF
  NGSetupRequest: container({
    globalRanNodeId: mandatory(27, 'reject', ie.globalRanNodeId),
    ranNodeName: maybe(82, 'ignore', ie.ranNodeName),
    supportedTaList: mandatory(102, 'reject', ie.supportedTaList),
    defaultPagingDrx: mandatory(21, 'ignore', ie.pagingDrx),
    ueRetentionInformation: maybe(147, 'ignore', ie.ueRetentionInformation),
  }),
  // 9.2.6.2, AMF → node
  NGSetupResponse: container({
    amfName: mandatory(1, 'reject', ie.amfName),
    servedGuamiList: mandatory(96, 'reject', ie.servedGuamiList),
    relativeAmfCapacity: mandatory(86, 'ignore', ie.relativeAmfCapacity),
    plmnSupportList: mandatory(80, 'reject', ie.plmnSupportList),
    criticalityDiagnostics: diagnostics,
    ueRetentionInformation: maybe(147, 'ignore', ie.ueRetentionInformation),
  }),
  // 9.2.6.3, AMF → node
  NGSetupFailure: container({
    cause: mandatory(15, 'ignore', ie.cause),
    timeToWait: maybe(107, 'ignore', ie.timeToWait),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.6.11, either way
  NGReset: container({
    cause: mandatory(15, 'ignore', ie.cause),
    resetType: mandatory(88, 'reject', ie.resetType),
  }),
  // 9.2.6.12, either way
  NGResetAcknowledge: container({
    ueAssociatedLogicalNgConnectionList: maybe(111, 'ignore', ie.logicalConnectionList),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.6.13, either way
  ErrorIndication: container({
    amfUeNgapId: maybe(10, 'ignore', ie.amfUeNgapId),
    ranUeNgapId: maybe(85, 'ignore', ie.ranUeNgapId),
    cause: maybe(15, 'ignore', ie.cause),
    criticalityDiagnostics: diagnostics,
    fiveGSTmsi: maybe(26, 'ignore', ie.fiveGSTmsi),
  }),
  // 9.2.5.1, node → AMF
  InitialUEMessage: container({
    ranUeNgapId: mandatory(85, 'reject', ie.ranUeNgapId),
    nasPdu: mandatory(38, 'reject', nasPdu),
    userLocationInformation: mandatory(121, 'reject', ie.userLocationInformation),
    rrcEstablishmentCause: mandatory(90, 'ignore', ie.rrcEstablishmentCause),
    fiveGSTmsi: maybe(26, 'reject', ie.fiveGSTmsi),
    amfSetId: maybe(3, 'ignore', ie.amfSetId),
    ueContextRequest: maybe(112, 'ignore', ie.ueContextRequest),
    allowedNssai: maybe(0, 'reject', ie.allowedNssai),
    sourceToTargetAmfInformationReroute: maybe(171, 'ignore', anyValue),
    selectedPlmnIdentity: maybe(174, 'ignore', ie.plmnIdentity),
    iabNodeIndication: maybe(201, 'reject', anyValue),
    ceModeBSupportIndicator: maybe(224, 'reject', anyValue),
    npnAccessInformation: maybe(259, 'reject', anyValue),
  }),
  // 9.2.5.2, AMF → node
  DownlinkNASTransport: container({
    ...bothIds,
    oldAmf: maybe(48, 'reject', ie.amfName),
    ranPagingPriority: maybe(83, 'ignore', ie.ranPagingPriority),
    nasPdu: mandatory(38, 'reject', nasPdu),
    mobilityRestrictionList: maybe(36, 'ignore', anyValue),
    indexToRfsp: maybe(31, 'ignore', ie.indexToRfsp),
    ueAggregateMaximumBitRate: maybe(110, 'ignore', ie.ueAggregateMaximumBitRate),
    allowedNssai: maybe(0, 'reject', ie.allowedNssai),
    ueRadioCapabilityId: maybe(264, 'reject', ie.ueRadioCapabilityId),
  }),
  // 9.2.5.3, node → AMF
  UplinkNASTransport: container({
    ...bothIds,
    nasPdu: mandatory(38, 'reject', nasPdu),
    userLocationInformation: mandatory(121, 'ignore', ie.userLocationInformation),
    wAgfIdentityInformation: maybe(239, 'reject', octetString()),
    tngfIdentityInformation: maybe(246, 'reject', octetString()),
    twifIdentityInformation: maybe(247, 'reject', octetString()),
  }),
  // 9.2.2.1, AMF → node
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
    rrcInactiveTransitionReportRequest: maybe(91, 'ignore', ie.rrcInactiveTransitionReportRequest),
    ueRadioCapabilityForPaging: maybe(118, 'ignore', anyValue),
    redirectionVoiceFallback: maybe(146, 'ignore', ie.redirectionVoiceFallback),
    locationReportingRequestType: maybe(33, 'ignore', ie.locationReportingRequestType),
    ueRadioCapabilityId: maybe(264, 'reject', ie.ueRadioCapabilityId),
  }),
  // 9.2.2.2, node → AMF
  InitialContextSetupResponse: container({
    ...bothIdsBack,
    pduSessionResourceSetupListCxtRes: maybe(72, 'ignore', sessions(done)),
    pduSessionResourceFailedToSetupListCxtRes: maybe(55, 'ignore', sessions(failed)),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.2.3, node → AMF
  InitialContextSetupFailure: container({
    ...bothIdsBack,
    pduSessionResourceFailedToSetupListCxtFail: maybe(132, 'ignore', sessions(failed)),
    cause: mandatory(15, 'ignore', ie.cause),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.1.1, AMF → node
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
  // 9.2.1.2, node → AMF
  PDUSessionResourceSetupResponse: container({
    ...bothIdsBack,
    pduSessionResourceSetupListSURes: maybe(75, 'ignore', sessions(done)),
    pduSessionResourceFailedToSetupListSURes: maybe(58, 'ignore', sessions(failed)),
    criticalityDiagnostics: diagnostics,
    userLocationInformation: location,
  }),
  // 9.2.1.3, AMF → node
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
  // 9.2.1.4, node → AMF
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
  // 9.2.2.4, node → AMF
  UEContextReleaseRequest: container({
    ...bothIds,
    pduSessionResourceListCxtRelReq: maybe(133, 'reject', sessions(named)),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  // 9.2.2.5, AMF → node
  UEContextReleaseCommand: container({
    ueNgapIds: mandatory(114, 'reject', ie.ueNgapIds),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  // 9.2.2.6, node → AMF
  UEContextReleaseComplete: container({
    ...bothIdsBack,
    userLocationInformation: location,
    infoOnRecommendedCellsAndRanNodesForPaging: maybe(32, 'ignore', anyValue),
    pduSessionResourceListCxtRelCpl: maybe(60, 'reject', sessions(named)),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.1.5, AMF → node
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
  // 9.2.1.6, node → AMF
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
  // 9.2.1.7, node → AMF
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
  // 9.2.1.8, node → AMF
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
  // 9.2.1.9, AMF → node
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
  // 9.2.2.7, AMF → node
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
    ueRadioCapabilityId: maybe(264, 'reject', ie.ueRadioCapabilityId),
  }),
  // 9.2.2.8, node → AMF
  UEContextModificationResponse: container({
    ...bothIdsBack,
    rrcState: maybe(92, 'ignore', ie.rrcState),
    userLocationInformation: location,
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.2.9, node → AMF
  UEContextModificationFailure: container({
    ...bothIdsBack,
    cause: mandatory(15, 'ignore', ie.cause),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.6.7, AMF → node
  AMFConfigurationUpdate: container({
    amfName: maybe(1, 'reject', ie.amfName),
    servedGuamiList: maybe(96, 'reject', ie.servedGuamiList),
    relativeAmfCapacity: maybe(86, 'ignore', ie.relativeAmfCapacity),
    plmnSupportList: maybe(80, 'reject', ie.plmnSupportList),
    amfTnlAssociationToAddList: maybe(6, 'ignore', ie.amfTnlAssociationToAddList),
    amfTnlAssociationToRemoveList: maybe(7, 'ignore', ie.amfTnlAssociationToRemoveList),
    amfTnlAssociationToUpdateList: maybe(8, 'ignore', ie.amfTnlAssociationToUpdateList),
  }),
  // 9.2.6.8, node → AMF
  AMFConfigurationUpdateAcknowledge: container({
    amfTnlAssociationSetupList: maybe(5, 'ignore', ie.amfTnlAssociationSetupList),
    amfTnlAssociationFailedToSetupList: maybe(4, 'ignore', ie.tnlAssociationList),
    criticalityDiagnostics: diagnostics,
  }),
  // 9.2.6.9, node → AMF
  AMFConfigurationUpdateFailure: container(updateFailure),
  // 9.2.6.4, node → AMF
  RANConfigurationUpdate: container({
    ranNodeName: maybe(82, 'ignore', ie.ranNodeName),
    supportedTaList: maybe(102, 'reject', ie.supportedTaList),
    defaultPagingDrx: maybe(21, 'ignore', ie.pagingDrx),
    globalRanNodeId: maybe(27, 'ignore', ie.globalRanNodeId),
    ngranTnlAssociationToRemoveList: maybe(167, 'reject', ie.ngranTnlAssociationToRemoveList),
  }),
  // 9.2.6.5, AMF → node
  RANConfigurationUpdateAcknowledge: container({ criticalityDiagnostics: diagnostics }),
  // 9.2.6.6, AMF → node
  RANConfigurationUpdateFailure: container(updateFailure),
  // 9.2.6.14, AMF → node
  OverloadStart: container({
    amfOverloadResponse: maybe(2, 'reject', ie.overloadResponse),
    amfTrafficLoadReductionIndication: maybe(9, 'ignore', ie.trafficLoadReductionIndication),
    overloadStartNssaiList: maybe(49, 'ignore', ie.overloadStartNssaiList),
  }),
  // 9.2.6.15, AMF → node
  OverloadStop: container({}),
  // 9.2.6.10, AMF → node
  AMFStatusIndication: container({
    unavailableGuamiList: mandatory(120, 'reject', ie.unavailableGuamiList),
  }),
  // 9.2.5.4, node → AMF
  NASNonDeliveryIndication: container({
    ...bothIds,
    nasPdu: mandatory(38, 'ignore', nasPdu),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  // 9.2.5.5, AMF → node
  RerouteNASRequest: container({
    ranUeNgapId: mandatory(85, 'reject', ie.ranUeNgapId),
    amfUeNgapId: maybe(10, 'ignore', ie.amfUeNgapId),
    ngapMessage: mandatory(42, 'reject', octetString()),
    amfSetId: mandatory(3, 'reject', ie.amfSetId),
    allowedNssai: maybe(0, 'reject', ie.allowedNssai),
    sourceToTargetAmfInformationReroute: maybe(171, 'ignore', anyValue),
  }),
  // 9.2.12.1, AMF → node
  UETNLABindingReleaseRequest: container(bothIds),
  // 9.2.11.1, AMF → node
  LocationReportingControl: container({
    ...bothIds,
    locationReportingRequestType: mandatory(33, 'ignore', ie.locationReportingRequestType),
  }),
  // 9.2.11.2, node → AMF
  LocationReportingFailureIndication: container({ ...bothIds, cause: mandatory(15, 'ignore', ie.cause) }),
  // 9.2.11.3, node → AMF
  LocationReport: container({
    ...bothIds,
    userLocationInformation: mandatory(121, 'ignore', ie.userLocationInformation),
    uePresenceInAreaOfInterestList: maybe(116, 'ignore', ie.uePresenceInAreaOfInterestList),
    locationReportingRequestType: mandatory(33, 'ignore', ie.locationReportingRequestType),
  }),
  // 9.2.10.1, AMF → node
  TraceStart: container({ ...bothIds, traceActivation: mandatory(108, 'ignore', ie.traceActivation) }),
  // 9.2.10.2, node → AMF
  TraceFailureIndication: container({
    ...bothIds,
    ngranTraceId: mandatory(44, 'ignore', ie.ngranTraceId),
    cause: mandatory(15, 'ignore', ie.cause),
  }),
  // 9.2.10.3, AMF → node
  DeactivateTrace: container({ ...bothIds, ngranTraceId: mandatory(44, 'ignore', ie.ngranTraceId) }),
  // 9.2.4.1, AMF → node
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
  // 9.2.10.4, node → AMF
  CellTrafficTrace: opaque,
  // 9.2.9.3, AMF → node
  DownlinkNonUEAssociatedNRPPaTransport: opaque,
  // 9.2.7.2, AMF → node
  DownlinkRANConfigurationTransfer: opaque,
  // 9.2.3.14, AMF → node
  DownlinkRANStatusTransfer: opaque,
  // 9.2.9.1, AMF → node
  DownlinkUEAssociatedNRPPaTransport: opaque,
  // 9.2.3.11, node → AMF
  HandoverCancel: opaque,
  // 9.2.3.12, AMF → node
  HandoverCancelAcknowledge: opaque,
  // 9.2.3.7, node → AMF
  HandoverNotify: opaque,
  // 9.2.3.1, node → AMF
  HandoverRequired: opaque,
  // 9.2.3.2, AMF → node
  HandoverCommand: opaque,
  // 9.2.3.3, AMF → node
  HandoverPreparationFailure: opaque,
  // 9.2.3.4, AMF → node
  HandoverRequest: opaque,
  // 9.2.3.5, node → AMF
  HandoverRequestAcknowledge: opaque,
  // 9.2.3.6, node → AMF
  HandoverFailure: opaque,
  // 9.2.3.8, node → AMF
  PathSwitchRequest: opaque,
  // 9.2.3.9, AMF → node
  PathSwitchRequestAcknowledge: opaque,
  // 9.2.3.10, AMF → node
  PathSwitchRequestFailure: opaque,
  // 9.2.8.3, AMF → node
  PWSCancelRequest: opaque,
  // 9.2.8.4, node → AMF
  PWSCancelResponse: opaque,
  // 9.2.8.6, node → AMF
  PWSFailureIndication: opaque,
  // 9.2.8.5, node → AMF
  PWSRestartIndication: opaque,
  // 9.2.2.10, node → AMF
  RRCInactiveTransitionReport: opaque,
  // 9.2.13.2, AMF → node
  UERadioCapabilityCheckRequest: opaque,
  // 9.2.13.3, node → AMF
  UERadioCapabilityCheckResponse: opaque,
  // 9.2.13.1, node → AMF
  UERadioCapabilityInfoIndication: opaque,
  // 9.2.9.4, node → AMF
  UplinkNonUEAssociatedNRPPaTransport: opaque,
  // 9.2.7.1, node → AMF
  UplinkRANConfigurationTransfer: opaque,
  // 9.2.3.13, node → AMF
  UplinkRANStatusTransfer: opaque,
  // 9.2.9.2, node → AMF
  UplinkUEAssociatedNRPPaTransport: opaque,
  // 9.2.8.1, AMF → node
  WriteReplaceWarningRequest: opaque,
  // 9.2.8.2, node → AMF
  WriteReplaceWarningResponse: opaque,
  // 9.2.14.1
  SecondaryRATDataUsageReport: opaque,
  // 9.2.15.1
  UplinkRIMInformationTransfer: opaque,
  // 9.2.15.2, AMF → node
  DownlinkRIMInformationTransfer: opaque,
  // 9.2.2.14, node → AMF
  RetrieveUEInformation: opaque,
  // 9.2.2.15, AMF → node
  UEInformationTransfer: opaque,
  // 9.2.2.13, node → AMF
  RANCPRelocationIndication: opaque,
  // 9.2.2.19, node → AMF
  UEContextResumeRequest: opaque,
  // 9.2.2.20, AMF → node
  UEContextResumeResponse: opaque,
  // 9.2.2.21, AMF → node
  UEContextResumeFailure: opaque,
  // 9.2.2.16, node → AMF
  UEContextSuspendRequest: opaque,
  // 9.2.2.17, AMF → node
  UEContextSuspendResponse: opaque,
  // 9.2.2.18, AMF → node
  UEContextSuspendFailure: opaque,
  // 9.2.13.4, node → AMF
  UERadioCapabilityIDMappingRequest: opaque,
  // 9.2.13.5, AMF → node
  UERadioCapabilityIDMappingResponse: opaque,
  // 9.2.3.15, AMF → node
  HandoverSuccess: opaque,
  // 9.2.3.16, node → AMF
  UplinkRANEarlyStatusTransfer: opaque,
  // 9.2.3.17, AMF → node
  DownlinkRANEarlyStatusTransfer: opaque,
  // 9.2.2.12, AMF → node
  AMFCPRelocationIndication: opaque,
  // 9.2.2.11, AMF → node
  ConnectionEstablishmentIndication: opaque,
  // 9.2.16.4, AMF → node
  BroadcastSessionModificationRequest: opaque,
  // 9.2.16.5, node → AMF
  BroadcastSessionModificationResponse: opaque,
  // 9.2.16.6, node → AMF
  BroadcastSessionModificationFailure: opaque,
  // 9.2.16.7, AMF → node
  BroadcastSessionReleaseRequest: opaque,
  // 9.2.16.8, node → AMF
  BroadcastSessionReleaseResponse: opaque,
  // 9.2.16.1, AMF → node
  BroadcastSessionSetupRequest: opaque,
  // 9.2.16.2, node → AMF
  BroadcastSessionSetupResponse: opaque,
  // 9.2.16.3, node → AMF
  BroadcastSessionSetupFailure: opaque,
  // 9.2.17.1, node → AMF
  DistributionSetupRequest: opaque,
  // 9.2.17.2, AMF → node
  DistributionSetupResponse: opaque,
  // 9.2.17.3, AMF → node
  DistributionSetupFailure: opaque,
  // 9.2.17.4, node → AMF
  DistributionReleaseRequest: opaque,
  // 9.2.17.5, AMF → node
  DistributionReleaseResponse: opaque,
  // 9.2.17.6, AMF → node
  MulticastSessionActivationRequest: opaque,
  // 9.2.17.7, node → AMF
  MulticastSessionActivationResponse: opaque,
  // 9.2.17.8, node → AMF
  MulticastSessionActivationFailure: opaque,
  // 9.2.17.9, AMF → node
  MulticastSessionDeactivationRequest: opaque,
  // 9.2.17.10, node → AMF
  MulticastSessionDeactivationResponse: opaque,
  // 9.2.17.11, AMF → node
  MulticastSessionUpdateRequest: opaque,
  // 9.2.17.12, node → AMF
  MulticastSessionUpdateResponse: opaque,
  // 9.2.17.13, node → AMF
  MulticastSessionUpdateFailure: opaque,
  // 9.2.4.2, AMF → node
  MulticastGroupPaging: opaque,
  // 9.2.16.9, node → AMF
  BroadcastSessionReleaseRequired: opaque,
} as const;

/** Name of a message as in TS 38.413. */
export type MessageName = keyof typeof messages;
/** The IEs of a message, by name. */
export type MessageIes<M extends MessageName> = ValueOf<(typeof messages)[M]>;
