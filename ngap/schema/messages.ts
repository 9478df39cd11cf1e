/** Messages of TS 38.413 9.2: the IEs of each with id, criticality and presence, in the order of the specification. */
import {
  anyValue,
  container,
  extensions,
  mandatory,
  maybe,
  octetString,
  optional,
  sequence,
  sequenceOf,
} from '../aper/build.ts';
import type { Asn, ValueOf } from '../aper/types.ts';
import * as ie from './ies.ts';

const ieExtensions = extensions;
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
    ranPagingPriority: maybe(83, 'ignore', anyValue),
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
    emergencyFallbackIndicator: maybe(24, 'reject', anyValue),
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
    ranPagingPriority: maybe(83, 'ignore', anyValue),
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
    ranPagingPriority: maybe(83, 'ignore', anyValue),
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
} as const;

export type MessageName = keyof typeof messages;
/** The IEs of a message, by name. */
export type MessageIes<M extends MessageName> = ValueOf<(typeof messages)[M]>;
