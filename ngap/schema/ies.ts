/** Information elements of TS 38.413 9.3 as far as an N3IWF meets them; clause numbers stand beside each. */
import {
  bitString,
  choice,
  choiceExtensions,
  enumerated,
  extendedChoice,
  extensions,
  integer,
  mandatory,
  octetString,
  optional,
  printable,
  sequence,
  sequenceOf,
} from '../aper/build.ts';
import type { Asn, ValueOf } from '../aper/types.ts';

const ieExtensions = extensions;

// Causes [TS38413 9.3.1.2]
const causeRadioNetwork = enumerated(
  [
    'unspecified',
    'txnrelocoverall-expiry',
    'successful-handover',
    'release-due-to-ngran-generated-reason',
    'release-due-to-5gc-generated-reason',
    'handover-cancelled',
    'partial-handover',
    'ho-failure-in-target-5GC-ngran-node-or-target-system',
    'ho-target-not-allowed',
    'tngrelocoverall-expiry',
    'tngrelocprep-expiry',
    'cell-not-available',
    'unknown-targetID',
    'no-radio-resources-available-in-target-cell',
    'unknown-local-UE-NGAP-ID',
    'inconsistent-remote-UE-NGAP-ID',
    'handover-desirable-for-radio-reason',
    'time-critical-handover',
    'resource-optimisation-handover',
    'reduce-load-in-serving-cell',
    'user-inactivity',
    'radio-connection-with-ue-lost',
    'radio-resources-not-available',
    'invalid-qos-combination',
    'failure-in-radio-interface-procedure',
    'interaction-with-other-procedure',
    'unknown-PDU-session-ID',
    'unkown-qos-flow-ID',
    'multiple-PDU-session-ID-instances',
    'multiple-qos-flow-ID-instances',
    'encryption-and-or-integrity-protection-algorithms-not-supported',
    'ng-intra-system-handover-triggered',
    'ng-inter-system-handover-triggered',
    'xn-handover-triggered',
    'not-supported-5QI-value',
    'ue-context-transfer',
    'ims-voice-eps-fallback-or-rat-fallback-triggered',
    'up-integrity-protection-not-possible',
    'up-confidentiality-protection-not-possible',
    'slice-not-supported',
    'ue-in-rrc-inactive-state-not-reachable',
    'redirection',
    'resources-not-available-for-the-slice',
    'ue-max-integrity-protected-data-rate-reason',
    'release-due-to-cn-detected-mobility',
  ],
  [
    'n26-interface-not-available',
    'release-due-to-pre-emption',
    'multiple-location-reporting-reference-ID-instances',
    'rsn-not-available-for-the-up',
    'npn-access-denied',
    'cag-only-access-denied',
    'insufficient-ue-capabilities',
    'redcap-ue-not-supported',
    'unknown-MBS-Session-ID',
    'indicated-MBS-session-area-information-not-served-by-the-gNB',
    'inconsistent-slice-info-for-the-session',
    'misaligned-association-for-multicast-unicast',
  ],
);
const causeTransport = enumerated(['transport-resource-unavailable', 'unspecified'], []);
const causeNas = enumerated(
  ['normal-release', 'authentication-failure', 'deregister', 'unspecified'],
  ['uE-not-in-PLMN-serving-area'],
);
const causeProtocol = enumerated(
  [
    'transfer-syntax-error',
    'abstract-syntax-error-reject',
    'abstract-syntax-error-ignore-and-notify',
    'message-not-compatible-with-receiver-state',
    'semantic-error',
    'abstract-syntax-error-falsely-constructed-message',
    'unspecified',
  ],
  [],
);
const causeMisc = enumerated(
  [
    'control-processing-overload',
    'not-enough-user-plane-processing-resources',
    'hardware-failure',
    'om-intervention',
    'unknown-PLMN-or-SNPN',
    'unspecified',
  ],
  [],
);
export const cause = choice({
  radioNetwork: causeRadioNetwork,
  transport: causeTransport,
  nas: causeNas,
  protocol: causeProtocol,
  misc: causeMisc,
  choiceExtensions,
});
export type Cause = ValueOf<typeof cause>;

// Identities
export const amfUeNgapId = integer(0, 2 ** 40 - 1); // 9.3.3.1
export const ranUeNgapId = integer(0, 2 ** 32 - 1); // 9.3.3.2
export const plmnIdentity = octetString(3); // 9.3.3.5
export const tac = octetString(3); // 9.3.3.10
export const amfName = printable(1, 150, true); // 9.3.3.21
export const ranNodeName = printable(1, 150, true); // 9.3.1.79
export const nasPdu = octetString(); // 9.3.3.4
export const securityKey = bitString(256); // 9.3.1.87
export const maskedImeisv = bitString(64); // 9.3.1.54
export const pduSessionId = integer(0, 255); // 9.3.1.50
export const qosFlowIdentifier = integer(0, 63, true); // 9.3.1.51
export const relativeAmfCapacity = integer(0, 255); // 9.3.1.32
export const indexToRfsp = integer(1, 256, true); // 9.3.1.61
export const amfSetId = bitString(10);
const amfPointer = bitString(6);

export const guami = sequence({
  plmnIdentity,
  amfRegionId: bitString(8),
  amfSetId,
  amfPointer,
  ieExtensions,
}); // 9.3.3.3
export type Guami = ValueOf<typeof guami>;

export const fiveGSTmsi = sequence({ amfSetId, amfPointer, fiveGTmsi: octetString(4), ieExtensions }); // 9.3.3.20
export const ueNgapIds = choice({
  ueNgapIdPair: sequence({ amfUeNgapId, ranUeNgapId, ieExtensions }),
  amfUeNgapId,
  choiceExtensions,
}); // 9.2.2.5

export const sNssai = sequence({ sst: octetString(1), sd: optional(octetString(3)), ieExtensions }); // 9.3.1.24
export type SNssai = ValueOf<typeof sNssai>;
export const allowedNssai = sequenceOf(sequence({ sNssai, ieExtensions }), 1, 8); // 9.3.1.31
const sliceSupportList = sequenceOf(sequence({ sNssai, ieExtensions }), 1, 1024); // 9.3.1.17

export const globalRanNodeId = extendedChoice(
  {
    globalGnbId: sequence({
      plmnIdentity,
      gnbId: choice({ gnbId: bitString(22, 32), choiceExtensions }),
      ieExtensions,
    }),
    globalNgEnbId: sequence({
      plmnIdentity,
      ngEnbId: choice({
        macroNgEnbId: bitString(20),
        shortMacroNgEnbId: bitString(18),
        longMacroNgEnbId: bitString(21),
        choiceExtensions,
      }),
      ieExtensions,
    }),
    globalN3iwfId: sequence({
      plmnIdentity,
      n3iwfId: choice({ n3iwfId: bitString(16), choiceExtensions }),
      ieExtensions,
    }),
  },
  {
    globalTngfId: mandatory(
      240,
      'reject',
      sequence({
        plmnIdentity,
        tngfId: choice({ tngfId: bitString(32, 32, true), choiceExtensions }),
        ieExtensions,
      }),
    ), // 9.3.1.161
    globalTwifId: mandatory(
      241,
      'reject',
      sequence({
        plmnIdentity,
        twifId: choice({ twifId: bitString(32, 32, true), choiceExtensions }),
        ieExtensions,
      }),
    ), // 9.3.1.163
    globalWAgfId: mandatory(
      242,
      'reject',
      sequence({
        plmnIdentity,
        wAgfId: choice({ wAgfId: bitString(16, 16, true), choiceExtensions }),
        ieExtensions,
      }),
    ), // 9.3.1.162
  },
); // 9.3.1.5
export type GlobalRanNodeId = ValueOf<typeof globalRanNodeId>;

export const supportedTaList = sequenceOf(
  sequence({
    tac,
    broadcastPlmnList: sequenceOf(
      sequence({ plmnIdentity, taiSliceSupportList: sliceSupportList, ieExtensions }),
      1,
      12,
    ),
    ieExtensions,
  }),
  1,
  256,
);
export const servedGuamiList = sequenceOf(
  sequence({ guami, backupAmfName: optional(amfName), ieExtensions }),
  1,
  256,
);
export const plmnSupportList = sequenceOf(sequence({ plmnIdentity, sliceSupportList, ieExtensions }), 1, 12);
export const pagingDrx = enumerated(['v32', 'v64', 'v128', 'v256'], []); // 9.3.1.90
export const timeToWait = enumerated(['v1s', 'v2s', 'v5s', 'v10s', 'v20s', 'v60s'], []); // 9.3.1.56
export const ueRetentionInformation = enumerated(['ues-retained'], []);
export const ueContextRequest = enumerated(['requested'], []);
export const rrcEstablishmentCause = enumerated(
  [
    'emergency',
    'highPriorityAccess',
    'mt-Access',
    'mo-Signalling',
    'mo-Data',
    'mo-VoiceCall',
    'mo-VideoCall',
    'mo-SMS',
    'mps-PriorityAccess',
    'mcs-PriorityAccess',
  ],
  ['notAvailable', 'mo-ExceptionData'],
); // 9.3.1.111
export type RRCEstablishmentCause = ValueOf<typeof rrcEstablishmentCause>;

// Where the UE is [TS38413 9.3.1.16]
const transportLayerAddress = bitString(1, 160, true); // 9.3.2.4
const portNumber = octetString(2);
const timeStamp = octetString(4);
const tai = sequence({ plmnIdentity, tac, ieExtensions }); // 9.3.3.11
const eutraCgi = sequence({ plmnIdentity, eutraCellIdentity: bitString(28), ieExtensions }); // 9.3.1.9
const nrCgi = sequence({ plmnIdentity, nrCellIdentity: bitString(36), ieExtensions }); // 9.3.1.7
const hfcNodeId = octetString();
const globalCableId = octetString();
const userLocationInformationWAgf = extendedChoice(
  {
    globalLineId: sequence({
      globalLineIdentity: octetString(),
      lineType: optional(enumerated(['dsl', 'pon'], [])),
      ieExtensions,
    }),
    hfcNodeId,
  },
  {
    globalCableId: mandatory(275, 'ignore', globalCableId),
    hfcNodeIdNew: mandatory(362, 'ignore', sequence({ hfcNodeId, tai, ieExtensions })),
    globalCableIdNew: mandatory(363, 'ignore', sequence({ globalCableId, tai, ieExtensions })),
  },
);
export const userLocationInformation = extendedChoice(
  {
    userLocationInformationEUTRA: sequence({
      eutraCgi,
      tai,
      timeStamp: optional(timeStamp),
      ieExtensions,
    }),
    userLocationInformationNR: sequence({
      nrCgi,
      tai,
      timeStamp: optional(timeStamp),
      ieExtensions,
    }),
    userLocationInformationN3IWF: sequence({ ipAddress: transportLayerAddress, portNumber, ieExtensions }),
  },
  {
    userLocationInformationTNGF: mandatory(
      244,
      'ignore',
      sequence({
        tnapId: octetString(),
        ipAddress: transportLayerAddress,
        portNumber: optional(portNumber),
        ieExtensions,
      }),
    ),
    userLocationInformationTWIF: mandatory(
      248,
      'ignore',
      sequence({
        twapId: octetString(),
        ipAddress: transportLayerAddress,
        portNumber: optional(portNumber),
        ieExtensions,
      }),
    ),
    userLocationInformationWAGF: mandatory(243, 'ignore', userLocationInformationWAgf),
  },
); // 9.3.1.16
export type UserLocationInformation = ValueOf<typeof userLocationInformation>;

// Errors [TS38413 9.3.1.3]
const criticality = enumerated(['reject', 'ignore', 'notify']);
export const criticalityDiagnostics = sequence({
  procedureCode: optional(integer(0, 255)),
  triggeringMessage: optional(
    enumerated(['initiating-message', 'successful-outcome', 'unsuccessfull-outcome']),
  ),
  procedureCriticality: optional(criticality),
  iesCriticalityDiagnostics: optional(
    sequenceOf(
      sequence({
        ieCriticality: criticality,
        ieId: integer(0, 65535),
        typeOfError: enumerated(['not-understood', 'missing'], []),
        ieExtensions,
      }),
      1,
      256,
    ),
  ),
  ieExtensions,
});
export type CriticalityDiagnostics = ValueOf<typeof criticalityDiagnostics>;

// Security
const algorithms = bitString(16, 16, true);
export const ueSecurityCapabilities = sequence({
  nrEncryptionAlgorithms: algorithms,
  nrIntegrityProtectionAlgorithms: algorithms,
  eutraEncryptionAlgorithms: algorithms,
  eutraIntegrityProtectionAlgorithms: algorithms,
  ieExtensions,
}); // 9.3.1.86
const protection = enumerated(['required', 'preferred', 'not-needed'], []);
export const securityIndication = sequence({
  integrityProtectionIndication: protection,
  confidentialityProtectionIndication: protection,
  maximumIntegrityProtectedDataRateUl: optional(enumerated(['bitrate64kbs', 'maximum-UE-rate'], [])),
  ieExtensions,
}); // 9.3.1.27
const performed = enumerated(['performed', 'not-performed'], []);
export const securityResult = sequence({
  integrityProtectionResult: performed,
  confidentialityProtectionResult: performed,
  ieExtensions,
}); // 9.3.1.59

// Quality of service
const bitRate = integer(0, 4_000_000_000_000, true); // 9.3.1.4
export const ueAggregateMaximumBitRate = sequence({
  ueAggregateMaximumBitRateDl: bitRate,
  ueAggregateMaximumBitRateUl: bitRate,
  ieExtensions,
}); // 9.3.1.58
export const pduSessionAggregateMaximumBitRate = sequence({
  pduSessionAggregateMaximumBitRateDl: bitRate,
  pduSessionAggregateMaximumBitRateUl: bitRate,
  ieExtensions,
}); // 9.3.1.102
const fiveQi = integer(0, 255, true);
const priorityLevelQos = integer(1, 127, true);
const averagingWindow = integer(0, 4095, true);
const maximumDataBurstVolume = integer(0, 4095, true);
const digit = integer(0, 9, true);
const qosCharacteristics = choice({
  nonDynamic5qi: sequence({
    fiveQi,
    priorityLevelQos: optional(priorityLevelQos),
    averagingWindow: optional(averagingWindow),
    maximumDataBurstVolume: optional(maximumDataBurstVolume),
    ieExtensions,
  }),
  dynamic5qi: sequence({
    priorityLevelQos,
    packetDelayBudget: integer(0, 1023, true),
    packetErrorRate: sequence({ perScalar: digit, perExponent: digit, ieExtensions }),
    fiveQi: optional(fiveQi),
    delayCritical: optional(enumerated(['delay-critical', 'non-delay-critical'], [])),
    averagingWindow: optional(averagingWindow),
    maximumDataBurstVolume: optional(maximumDataBurstVolume),
    ieExtensions,
  }),
  choiceExtensions,
});
const packetLossRate = integer(0, 1000, true);
const gbrQosInformation = sequence({
  maximumFlowBitRateDl: bitRate,
  maximumFlowBitRateUl: bitRate,
  guaranteedFlowBitRateDl: bitRate,
  guaranteedFlowBitRateUl: bitRate,
  notificationControl: optional(enumerated(['notification-requested'], [])),
  maximumPacketLossRateDl: optional(packetLossRate),
  maximumPacketLossRateUl: optional(packetLossRate),
  ieExtensions,
});
export const qosFlowLevelQosParameters = sequence({
  qosCharacteristics,
  allocationAndRetentionPriority: sequence({
    priorityLevelArp: integer(1, 15),
    preEmptionCapability: enumerated(['shall-not-trigger-pre-emption', 'may-trigger-pre-emption'], []),
    preEmptionVulnerability: enumerated(['not-pre-emptable', 'pre-emptable'], []),
    ieExtensions,
  }),
  gbrQosInformation: optional(gbrQosInformation),
  reflectiveQosAttribute: optional(enumerated(['subject-to'], [])),
  additionalQosFlowInformation: optional(enumerated(['more-likely'], [])),
  ieExtensions,
}); // 9.3.1.12
export type QosFlowLevelQosParameters = ValueOf<typeof qosFlowLevelQosParameters>;

// Tunnels
export const upTransportLayerInformation = choice({
  gTPTunnel: sequence({ transportLayerAddress, gtpTeid: octetString(4), ieExtensions }),
  choiceExtensions,
}); // 9.3.2.2
export type UpTransportLayerInformation = ValueOf<typeof upTransportLayerInformation>;
export const pduSessionType = enumerated(['ipv4', 'ipv6', 'ipv4v6', 'ethernet', 'unstructured'], []); // 9.3.1.52

export const traceActivation = sequence({
  ngranTraceId: octetString(8),
  interfacesToTrace: bitString(8),
  traceDepth: enumerated(
    [
      'minimum',
      'medium',
      'maximum',
      'minimumWithoutVendorSpecificExtension',
      'mediumWithoutVendorSpecificExtension',
      'maximumWithoutVendorSpecificExtension',
    ],
    [],
  ),
  traceCollectionEntityIpAddress: transportLayerAddress,
  ieExtensions,
}); // 9.3.1.14

const resetItem = sequence({
  amfUeNgapId: optional(amfUeNgapId),
  ranUeNgapId: optional(ranUeNgapId),
  ieExtensions,
});
export const logicalConnectionList = sequenceOf(resetItem, 1, 65536);
export const resetType = choice({
  ngInterface: enumerated(['reset-all'], []),
  partOfNgInterface: logicalConnectionList,
  choiceExtensions,
});

// TNL associations of an AMF [TS38413 9.3.2.6]
export const cpTransportLayerInformation = choice({
  endpointIpAddress: transportLayerAddress,
  choiceExtensions,
});
const tnlAssociationUsage = enumerated(['ue', 'non-ue', 'both'], []); // 9.3.2.9
const tnlAddressWeightFactor = integer(0, 255); // 9.3.2.10
const tnlList = <T>(item: Asn<T>) => sequenceOf(item, 1, 32);
export const amfTnlAssociationToAddList = tnlList(
  sequence({
    amfTnlAssociationAddress: cpTransportLayerInformation,
    tnlAssociationUsage: optional(tnlAssociationUsage),
    tnlAddressWeightFactor,
    ieExtensions,
  }),
);
export const amfTnlAssociationToRemoveList = tnlList(
  sequence({ amfTnlAssociationAddress: cpTransportLayerInformation, ieExtensions }),
);
export const amfTnlAssociationToUpdateList = tnlList(
  sequence({
    amfTnlAssociationAddress: cpTransportLayerInformation,
    tnlAssociationUsage: optional(tnlAssociationUsage),
    tnlAddressWeightFactor: optional(tnlAddressWeightFactor),
    ieExtensions,
  }),
);
export const amfTnlAssociationSetupList = tnlList(
  sequence({ amfTnlAssociationAddress: cpTransportLayerInformation, ieExtensions }),
);
export const tnlAssociationList = tnlList(
  sequence({ tnlAssociationAddress: cpTransportLayerInformation, cause, ieExtensions }),
);
export const ngranTnlAssociationToRemoveList = tnlList(
  sequence(
    {
      tnlAssociationTransportLayerAddress: cpTransportLayerInformation,
      tnlAssociationTransportLayerAddressAmf: optional(cpTransportLayerInformation),
      ieExtensions,
    },
    false,
  ),
);

// Load and state of an AMF
const overloadAction = enumerated(
  [
    'reject-non-emergency-mo-dt',
    'reject-rrc-cr-signalling',
    'permit-emergency-sessions-and-mobile-terminated-services-only',
    'permit-high-priority-sessions-and-mobile-terminated-services-only',
  ],
  [],
); // 9.3.1.105
export const overloadResponse = choice({ overloadAction, choiceExtensions }); // 9.3.1.104
export const trafficLoadReductionIndication = integer(1, 99); // 9.3.1.106
export const overloadStartNssaiList = sequenceOf(
  sequence({
    sliceOverloadList: sequenceOf(sequence({ sNssai, ieExtensions }), 1, 1024),
    sliceOverloadResponse: optional(overloadResponse),
    sliceTrafficLoadReductionIndication: optional(trafficLoadReductionIndication),
    ieExtensions,
  }),
  1,
  1024,
);
export const unavailableGuamiList = sequenceOf(
  sequence({
    guami,
    timerApproachForGuamiRemoval: optional(enumerated(['apply-timer'], [])),
    backupAmfName: optional(amfName),
    ieExtensions,
  }),
  1,
  256,
);

// Location reporting [TS38413 9.3.1.65]
const locationReportingReferenceId = integer(1, 64, true); // 9.3.1.76
const ngranCgi = choice({ nrCgi, eutraCgi, choiceExtensions }); // 9.3.1.73
const areaOfInterest = sequence({
  areaOfInterestTaiList: optional(sequenceOf(sequence({ tai, ieExtensions }), 1, 16)),
  areaOfInterestCellList: optional(sequenceOf(sequence({ ngranCgi, ieExtensions }), 1, 256)),
  areaOfInterestRanNodeList: optional(sequenceOf(sequence({ globalRanNodeId, ieExtensions }), 1, 64)),
  ieExtensions,
}); // 9.3.1.66
export const locationReportingRequestType = sequence({
  eventType: enumerated(
    [
      'direct',
      'change-of-serve-cell',
      'ue-presence-in-area-of-interest',
      'stop-change-of-serve-cell',
      'stop-ue-presence-in-area-of-interest',
      'cancel-location-reporting-for-the-ue',
    ],
    [],
  ),
  reportArea: enumerated(['cell'], []),
  areaOfInterestList: optional(
    sequenceOf(sequence({ areaOfInterest, locationReportingReferenceId, ieExtensions }), 1, 64),
  ),
  locationReportingReferenceIdToBeCancelled: optional(locationReportingReferenceId),
  ieExtensions,
});
export const uePresenceInAreaOfInterestList = sequenceOf(
  sequence({
    locationReportingReferenceId,
    uePresence: enumerated(['in', 'out', 'unknown'], []),
    ieExtensions,
  }),
  1,
  64,
);

// Paging and the rest
export const ngranTraceId = octetString(8);
export const uePagingIdentity = choice({ fiveGSTmsi, choiceExtensions }); // 9.3.3.18
export const taiListForPaging = sequenceOf(sequence({ tai, ieExtensions }), 1, 16);
export const pagingPriority = enumerated(
  [
    'priolevel1',
    'priolevel2',
    'priolevel3',
    'priolevel4',
    'priolevel5',
    'priolevel6',
    'priolevel7',
    'priolevel8',
  ],
  [],
); // 9.3.1.78
export const pagingOrigin = enumerated(['non-3gpp'], []); // 9.3.3.22
export const rrcState = enumerated(['inactive', 'connected'], []); // 9.3.1.92
export const rrcInactiveTransitionReportRequest = enumerated(
  ['subsequent-state-transition-report', 'single-rrc-connected-state-report', 'cancel-report'],
  [],
); // 9.3.1.91
export const ranPagingPriority = integer(1, 256); // 9.3.3.15
export const emergencyFallbackIndicator = sequence({
  emergencyFallbackRequestIndicator: enumerated(['emergency-fallback-requested'], []),
  emergencyServiceTargetCn: optional(enumerated(['fiveGC', 'epc'], [])),
  ieExtensions,
}); // 9.3.1.26
export const redirectionVoiceFallback = enumerated(['possible', 'not-possible'], []); // 9.3.1.116
export const ueRadioCapabilityId = octetString(); // 9.3.1.142
